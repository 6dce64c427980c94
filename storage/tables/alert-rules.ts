// Versions of the alert rules as they were recorded. They are not among the documents that describe the network (documents.ts):
// nothing that is stored depends on them, and an enricher of an earlier version takes what it does not know there for
// applications. Versions stay, as those of documents do.

import { homeOf, type Storage } from '../storage.ts';
import { dateTimeText } from './column-text.ts';
import { column, DATETIME_MS, type Table } from './table.ts';

export const ALERT_RULES: Table = {
  name: 'alert_rules',
  columns: [
    column('recordedAt', DATETIME_MS),
    column('source', 'LowCardinality(String)'),
    column('body', 'String', 'CODEC(ZSTD(3))'),
  ],
  engine: 'ReplacingMergeTree',
  order: 'recordedAt',
};

export interface AlertRulesVersion {
  readonly recordedAtMs: number;
  readonly source: string;
  /** The whole document as JSON. */
  readonly body: string;
}

/** Repeating it is harmless: a version is named by its time. */
export function insertAlertRules(storage: Storage, { recordedAtMs, source, body }: AlertRulesVersion): Promise<void> {
  return homeOf(storage).insert({
    table: 'alert_rules',
    rows: [{ recordedAt: dateTimeText(recordedAtMs), source, body }],
  });
}

/** The newest version; undefined where none was recorded. */
export async function newestAlertRules(
  storage: Storage,
): Promise<{ readonly version: string; readonly body: string } | undefined> {
  const [row] = await homeOf(storage).select<{ at: string; body: string }>(
    `SELECT toString(toUnixTimestamp64Milli(r.recordedAt)) AS at, r.body AS body FROM alert_rules AS r
     ORDER BY r.recordedAt DESC LIMIT 1`,
  );
  return row && { version: row.at, body: row.body };
}
