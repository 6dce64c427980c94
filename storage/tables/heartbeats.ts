// Confirmations of the newest version of a source, which are no versions themselves.

import { homeOf, type Storage } from '../storage.ts';
import { dateTimeText } from './column-text.ts';
import type { DocumentVersion } from './documents.ts';
import { column, DATETIME_MS, HOUR_DAYS, type Table } from './table.ts';

/** A source published its newest version again, unchanged, as of a later time. */
export interface Heartbeat {
  readonly kind: DocumentVersion['kind'];
  readonly source: string;
  readonly asOfMs: number;
  readonly recordedAtMs: number;
}

export const HEARTBEATS: Table = {
  name: 'heartbeats',
  columns: [
    column('kind', 'LowCardinality(String)'),
    column('source', 'String'),
    column('asOf', DATETIME_MS),
    column('recordedAt', DATETIME_MS),
  ],
  engine: 'ReplacingMergeTree(recordedAt)',
  order: '(kind, source, asOf)',
  expiry: { column: 'toDateTime(asOf)', days: HOUR_DAYS },
};

/** Repeating is harmless. */
export function insertHeartbeat(storage: Storage, heartbeat: Heartbeat): Promise<void> {
  const { kind, source, asOfMs, recordedAtMs } = heartbeat;
  const row = { kind, source, asOf: dateTimeText(asOfMs), recordedAt: dateTimeText(recordedAtMs) };
  return homeOf(storage).insert({ table: 'heartbeats', rows: [row] });
}
