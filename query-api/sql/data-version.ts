// Whether the data behind a window are settled for good, and which version of them is stored.
//
// A record may be received as long after its end as the enricher allows (`spanMsMax`), and answers round their window to
// at most an hour. Everything that was received until then and an hour later is stored: nothing new can enter the window.
// What can still change an answer is work on stored data (enriched again, rebuilt, erased, expired, a collector that comes
// back with what it kept), and the names, documents and decisions with which answers are read. The version is of all these.

import type { Storage } from '../../storage/storage.ts';
import { OF_LATE } from './bookkeeping.ts';
import { readStoredUntil } from './history.ts';
import { readDays } from './kept.ts';
import type { RequestedWindow } from './window.ts';

const HOUR_MS = 3_600_000;
/** A document that is younger may not have reached every part of Hairpin. */
const DOCUMENT_MS_MIN = 300_000;

const newest = (table: string, column: string, where = '1') =>
  `SELECT '${table}' AS name, toString(max(${column})) AS mark FROM ${table} WHERE ${where}`;

const SQL = [
  newest('documents', 'toUnixTimestamp64Milli(recordedAt)'),
  newest('reenrichments', '(at, state)', "state != 'alive'"),
  "SELECT 'rewrites', toString(count()) FROM reenrichments WHERE state != 'alive'",
  newest('learned_interfaces', 'learnedAt'),
  newest('nodes', 'firstSeen'),
  newest('liveness', 'decidedAt'),
  newest('liveness_settled', 'settledAt'),
  newest('passes', 'at', "state = 'audited'"),
  newest('collectors', 'storedAt', 'minute >= toDateTime({from:UInt32}) AND minute < toDateTime({to:UInt32})'),
  "SELECT 'flows', toString(min(receivedAt)) FROM flows",
].join('\nUNION ALL ');

interface Mark {
  readonly name: string;
  readonly mark: string;
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
  const [{ storedUntilMs = 0 }, marks, days] = await Promise.all([
    readStoredUntil(storage, nowMs),
    storage.select<Mark>(SQL, { from, to: Math.ceil(settledMs / 1000) }, OF_LATE),
    readDays(storage),
  ]);
  if (storedUntilMs < settledMs) return undefined;
  const documents = marks.find(({ name }) => name === 'documents')?.mark;
  if (nowMs - Number(documents) < DOCUMENT_MS_MIN) return undefined;
  // Rows of the parts of a statement come in any order.
  const all = [...marks.map(({ name, mark }) => [name, mark]), ...Object.entries(days)];
  return JSON.stringify(all.map(mark => mark.join(' ')).sort());
}
