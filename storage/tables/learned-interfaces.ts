// What was learned of a sender's traffic: which interfaces of exporters count, and which see again what those see
// (storage/learning). It holds hashes only (elections.ts).
//
// A row is what is known from `since` on, until the next row of the same source. The first row of a source has no time, so
// that it holds for everything stored before.

import { homeOf, type Storage } from '../storage.ts';
import { dateTimeText } from './column-text.ts';
import { column, DATETIME, DATETIME_MS, MINUTE_DAYS, type Table } from './table.ts';

export const LEARNED_INTERFACES: Table = {
  name: 'learned_interfaces',
  columns: [
    // Of a sender, or EVERY_SOURCE.
    column('source', 'UInt64'),
    column('since', DATETIME),
    column('counted', 'Array(UInt64)'),
    column('repeated', 'Array(UInt64)'),
    column('learnedAt', DATETIME_MS),
  ],
  engine: 'ReplacingMergeTree(learnedAt)',
  order: '(source, since)',
  expiry: { column: 'toDateTime(learnedAt)', days: MINUTE_DAYS },
};

/** In the place of a source: what holds for senders of which nothing of their own is known. No hash is taken to be 1. */
export const EVERY_SOURCE = '1';

/** Hashes as decimal text, because they have 64 bits. */
export interface Learned {
  readonly source: string;
  readonly sinceS: number;
  readonly counted: readonly string[];
  readonly repeated: readonly string[];
}

/** Repeating is harmless: of equal source and time the newest stays. */
export function insertLearned(storage: Storage, learned: readonly Learned[], atMs: number): Promise<void> {
  const rows = learned.map(({ sinceS, ...row }) => ({
    ...row,
    since: dateTimeText(sinceS * 1000).slice(0, 19),
    learnedAt: dateTimeText(atMs),
  }));
  return homeOf(storage).insert({ table: LEARNED_INTERFACES.name, rows });
}

export async function sourcesLearned(storage: Storage): Promise<number> {
  const [row] = await homeOf(storage).select<{ n: string }>('SELECT uniqExact(source) AS n FROM learned_interfaces');
  return Number(row?.n ?? 0);
}
