// Since when tables hold what they should: fine ones are kept for a shorter time than coarse ones. Before that a fine table has
// no rows, which is no traffic only where nothing was dropped.
//
// Every elected record is in every table, so a table whose oldest day lies behind that of another one has lost the days
// between, and an empty one has lost them all. Unelected traffic is kept as long as buckets of five minutes, whether or not there was any.

import { dayStartS } from '../../storage/days.ts';
import type { Storage } from '../../storage/storage.ts';
import { CELLS_SINCE_SQL } from '../../storage/tables/cells.ts';
import { OF_LATE } from './bookkeeping.ts';
import type { Source } from './unelected-rows.ts';
import type { Resolution } from './window.ts';

/** Start of the oldest day, in seconds since the epoch, where older ones were dropped; else minus infinity. */
export interface Kept {
  readonly traffic: Readonly<Record<Resolution, number>>;
  /** By pair of applications, in buckets of five minutes. */
  readonly cells: number;
  readonly pairs: Readonly<Record<Exclude<Resolution, 60>, number>>;
  readonly unelected: number;
  readonly flows: number;
}

const DAILY = ['traffic_1m', 'traffic_5m', 'traffic_1h', 'pairs_5m', 'pairs_1h', 'unelected_5m', 'cells_5m'] as const;

/** Oldest days of tables, as 20260131, 0 where a table is empty. */
export interface Days extends Readonly<Record<(typeof DAILY)[number] | 'flows', number>> {
  /** The start of the first day that cells_5m has whole, in seconds since the epoch. */
  readonly cellsSince: number;
}

const SQL = [
  ...DAILY.map(table => `SELECT '${table}' AS name, toUInt32(min(day)) AS value FROM ${table}`),
  "SELECT 'flows', toUInt32(if(count() = 0, 0, toYYYYMMDD(min(receivedAt)))) FROM flows",
  `SELECT 'cellsSince', cellsSince FROM (${CELLS_SINCE_SQL})`,
].join('\nUNION ALL ');

export async function readDays(storage: Storage): Promise<Days> {
  const rows = await storage.select<{ name: keyof Days; value: number }>(SQL, {}, OF_LATE);
  return Object.fromEntries(rows.map(({ name, value }) => [name, value])) as unknown as Days;
}

export async function readKept(storage: Storage): Promise<Kept> {
  return keptOf(await readDays(storage));
}

function keptOf({ flows, cells_5m: cells, cellsSince, unelected_5m: _, ...elected }: Days): Kept {
  const days = Object.values(elected).filter(day => day > 0);
  // Records of days in which nothing was elected are in no table of elected ones, which have lost nothing for that.
  const [oldest, oldestOfAll] = [Math.min(...days), Math.min(...days, flows || Number.POSITIVE_INFINITY)];
  const since = (day: number, first = oldest) => (day > first ? dayStartS(day) : Number.NEGATIVE_INFINITY);
  const orLost = (day: number, first = oldest) =>
    day === 0 && first < Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : since(day, first);
  return {
    traffic: { 60: orLost(elected.traffic_1m), 300: orLost(elected.traffic_5m), 3600: orLost(elected.traffic_1h) },
    cells: Math.max(orLost(cells), cellsSince > 0 ? cellsSince : Number.NEGATIVE_INFINITY),
    // Pairs that the scheduled roll-up has not reached are read from the records: an empty table says nothing.
    pairs: { 300: since(elected.pairs_5m), 3600: since(elected.pairs_1h) },
    unelected: orLost(elected.traffic_5m),
    flows: orLost(flows, oldestOfAll),
  };
}

/** Since when the tables hold all rows of a query. */
export function keptSince(kept: Kept, source: Source, resolution: Resolution, unelected: boolean): number {
  return Math.max(
    sourceSince(kept, source, resolution),
    unelected && source !== 'flows' ? kept.unelected : Number.NEGATIVE_INFINITY,
  );
}

function sourceSince({ traffic, cells, pairs, flows }: Kept, source: Source, resolution: Resolution): number {
  if (source === 'flows') return flows;
  if (source === 'cells') return cells;
  return source === 'pairs' ? pairs[resolution === 3600 ? 3600 : 300] : traffic[resolution];
}
