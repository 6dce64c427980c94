// Whether the data behind a window are settled for good, and which version of them is stored.
//
// A record may be received as long after its end as the enricher allows (`spanMsMax`), and answers round their window to
// at most an hour. Everything that was received until then and an hour later is stored: nothing new can enter the window.
// What can still change an answer is work on stored data (enriched again, rebuilt, erased, expired, a collector that comes
// back with what it kept), and the names, documents and decisions with which answers are read. The version is of all these.

import type { Storage } from '../../storage/storage.ts';
import { STORED_UNTIL_SQL } from '../../storage/tables/collectors.ts';
import { BOOKKEEPING } from './history.ts';
import type { RequestedWindow } from './window.ts';

const HOUR_MS = 3_600_000;
/** A document that is younger may not have reached every part of Hairpin. */
const DOCUMENT_MS_MIN = 300_000;

const newest = (table: string, column: string, where = '1') =>
  `toString((SELECT max(${column}) FROM ${table} WHERE ${where}))`;
const oldestDay = (table: string) => `toString((SELECT min(day) FROM ${table}))`;

const SQL = `
SELECT toString(${STORED_UNTIL_SQL}) AS storedUntil,
  toString((SELECT toUnixTimestamp64Milli(max(recordedAt)) FROM documents)) AS documents,
  toString((SELECT (count(), max(at)) FROM reenrichments WHERE state != 'alive')) AS rewrites,
  [${[
    newest('learned_interfaces', 'learnedAt'),
    newest('nodes', 'firstSeen'),
    newest('liveness', 'decidedAt'),
    newest('liveness_settled', 'settledAt'),
    newest('passes', 'at', "state = 'audited'"),
    newest('collectors', 'storedAt', 'minute >= toDateTime({from:UInt32}) AND minute < toDateTime({to:UInt32})'),
    'toString((SELECT min(receivedAt) FROM flows))',
    ...['traffic_1m', 'traffic_5m', 'traffic_1h', 'pairs_5m', 'pairs_1h', 'unelected_5m', 'cells_5m'].map(oldestDay),
  ].join(', ')}] AS marks`;

interface VersionRow {
  readonly storedUntil: string | null;
  readonly documents: string;
  readonly rewrites: string;
  readonly marks: readonly string[];
}

/** Undefined while the window may still change. `lateMs`: how long after its end a record may have been received. */
export async function readDataVersion(
  storage: Storage,
  { fromMs, toMs }: RequestedWindow,
  { nowMs, lateMs }: { readonly nowMs: number; readonly lateMs: number },
): Promise<string | undefined> {
  const settledMs = toMs + HOUR_MS + lateMs;
  if (settledMs >= nowMs) return undefined;
  const from = Math.max(0, Math.floor((fromMs - HOUR_MS) / 1000));
  const params = { from, to: Math.ceil(settledMs / 1000), now: Math.floor(nowMs) };
  const [row] = await storage.select<VersionRow>(SQL, params, BOOKKEEPING);
  if (!row || row.storedUntil === null || Number(row.storedUntil) < settledMs) return undefined;
  if (nowMs - Number(row.documents) < DOCUMENT_MS_MIN) return undefined;
  return JSON.stringify([row.documents, row.rewrites, row.marks]);
}
