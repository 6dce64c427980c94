// The staged day: tables of the same structure as those in use, filled beside them and then put in their place, partition
// for partition. The staged records keep `batch` and `storedAt`; the staged roll-ups are made of them with the SQL of
// tables/, by whole windows of `storedAt`.
//
// The names contain the run. Whoever takes over from a crashed run renames or drops its tables, so that a REPLACE of that
// run, should it only have been suspended, finds no source. This keeps a swap from happening after another process has
// removed its fence.

import { isDeepStrictEqual } from 'node:util';
import { DAY_S, dayStartS } from '../days.ts';
import { type Storage, StorageError } from '../storage.ts';
import { COARSER } from '../tables/all.ts';
import { pairsSelectSql } from '../tables/pairs.ts';
import { insertRollupSql } from '../tables/rollup.ts';
import { coarserSql, PAIR_KEYS, TRAFFIC_KEYS } from '../tables/spread.ts';
import { trafficSelectSql } from '../tables/traffic.ts';
import { UNELECTED_KEYS, unelectedSelectSql } from '../tables/unelected.ts';

/** What an earlier version has not staged stands last: to complete its swap ends there (recovery.ts). */
export const ROLLUPS = [
  'traffic_1m',
  'traffic_5m',
  'traffic_1h',
  'pairs_5m',
  'pairs_1h',
  'unelected_5m',
  'cells_5m',
] as const;
/** Everything that a batch fills, records first. */
export const SWAPPED = ['flows', ...ROLLUPS] as const;
export type SwappedTable = (typeof SWAPPED)[number];

const UNKNOWN_TABLE = 60;
/** Records behind one INSERT ... SELECT of a roll-up, about: the bound of what it holds in memory. */
const SLICE_RECORDS = 2_000_000;

/** Roll-ups that are made of records; views fill the others from these. */
const FROM_RECORDS = [
  { table: 'traffic_1m', keys: TRAFFIC_KEYS, select: trafficSelectSql },
  { table: 'pairs_5m', keys: PAIR_KEYS, select: pairsSelectSql },
  { table: 'unelected_5m', keys: UNELECTED_KEYS, select: unelectedSelectSql },
] as const;
type RolledUpTable = (typeof FROM_RECORDS)[number]['table'];
/** Those that a view fills with each insert, and those that the scheduled roll-up fills. */
export const BY_VIEW: readonly RolledUpTable[] = ['traffic_1m'];
export const BY_SCHEDULE: readonly RolledUpTable[] = ['pairs_5m', 'unelected_5m'];

export function stagedName(run: string, table: SwappedTable): string {
  return `reenrich_${run}_${table}`;
}

/** Drops the staged tables of a run, or of every run, views first; of the runs in `keep` the records stay. */
export async function dropStaged(
  storage: Storage,
  { run, keep = [] }: { readonly run?: string; readonly keep?: readonly string[] },
): Promise<void> {
  const kept = new Set(keep.map(other => stagedName(other, 'flows')));
  const tables = await storage.select<{ name: string; view: number }>(
    `SELECT name, engine = 'MaterializedView' AS view FROM system.tables
     WHERE database = currentDatabase() AND startsWith(name, {prefix:String}) ORDER BY view DESC`,
    { prefix: `reenrich_${run === undefined ? '' : `${run}_`}` },
  );
  for (const { name, view } of tables)
    if (!kept.has(name)) await storage.command(`DROP ${view ? 'VIEW' : 'TABLE'} IF EXISTS ${name} SYNC`);
}

/** Gives the staged records of another run to this one; false when there are none. */
export async function adoptRecords(storage: Storage, from: string, run: string): Promise<boolean> {
  try {
    await storage.command(`RENAME TABLE ${stagedName(from, 'flows')} TO ${stagedName(run, 'flows')}`);
    return true;
  } catch (error) {
    if (isUnknownTable(error)) return false;
    throw error;
  }
}

export function isUnknownTable(error: unknown): boolean {
  return error instanceof StorageError && error.clickhouseCode === UNKNOWN_TABLE;
}

/** Whether the staged records have the columns of the records in use: a newer version may have added some. */
export async function recordsMatch(storage: Storage, run: string): Promise<boolean> {
  return isDeepStrictEqual(await columnsOf(storage, 'flows'), await columnsOf(storage, stagedName(run, 'flows')));
}

function columnsOf(storage: Storage, table: string): Promise<unknown[]> {
  return storage.select(
    'SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}',
    { table },
  );
}

export async function createRecords(storage: Storage, run: string): Promise<void> {
  await storage.command(`CREATE TABLE IF NOT EXISTS ${stagedName(run, 'flows')} AS flows`);
}

/** Empty roll-ups with views from the finer to the coarser; earlier ones of the run are dropped. */
export async function createRollups(storage: Storage, run: string): Promise<void> {
  await dropStaged(storage, { run, keep: [run] });
  for (const table of ROLLUPS)
    await storage.command(`CREATE TABLE IF NOT EXISTS ${stagedName(run, table)} AS ${table}`);
  for (const { from, to, stepSeconds, keys } of COARSER)
    await storage.command(
      `CREATE MATERIALIZED VIEW IF NOT EXISTS reenrich_${run}_${to}_view TO reenrich_${run}_${to} AS\n${coarserSql(`reenrich_${run}_${from}`, stepSeconds, keys)}`,
    );
}

export interface StoredWindow {
  /** Seconds of `storedAt`, the end excluded. */
  readonly fromS: number;
  readonly toS: number;
}

const STORED = "storedAt >= toDateTime({fromS:UInt32}, 'UTC') AND storedAt < toDateTime({toS:UInt32}, 'UTC')";

/** Adds to staged roll-ups what staged records of the window add up to. Call it once per window after createRollups(). */
export async function rollUpStaged(
  storage: Storage,
  run: string,
  tables: readonly RolledUpTable[],
  window: StoredWindow,
): Promise<void> {
  if (window.fromS >= window.toS) return;
  const records = stagedName(run, 'flows');
  const counts = await storage.select<{ slot: number; rows: string }>(
    `SELECT toUInt32(toStartOfMinute(receivedAt)) AS slot, count() AS rows FROM ${records} WHERE ${STORED} GROUP BY slot ORDER BY slot`,
    { ...window },
  );
  for (const { first, last } of slicesOf(counts)) {
    const where = `${STORED} AND receivedAt >= toDateTime64({first:UInt32}, 3, 'UTC') AND receivedAt < toDateTime64({last:UInt32}, 3, 'UTC')`;
    for (const { table, keys, select } of FROM_RECORDS) {
      if (!tables.includes(table)) continue;
      const name = stagedName(run, table);
      await storage.command(
        `${insertRollupSql(name, keys)}\n${select(where, records)}`,
        { ...window, first, last },
        `${name}.${window.fromS}.${window.toS}.${first}`,
      );
    }
  }
}

/** Consecutive minutes with about SLICE_RECORDS records together. */
function slicesOf(counts: readonly { slot: number; rows: string }[]): { first: number; last: number }[] {
  const slices: { first: number; last: number }[] = [];
  let rows = Number.POSITIVE_INFINITY;
  for (const { slot, rows: more } of counts) {
    const end = slot + 60;
    if (rows >= SLICE_RECORDS) {
      slices.push({ first: slot, last: end });
      rows = 0;
    } else slices[slices.length - 1] = { first: slices.at(-1)!.first, last: end };
    rows += Number(more);
  }
  return slices;
}

/**
 * A staged roll-up without rows gets one of zeros, three days ahead, which goes after the swap: newer servers refuse REPLACE
 * from an empty partition, and to drop the partition instead would forget its tokens.
 */
export async function fillEmpty(storage: Storage, run: string, day: number): Promise<void> {
  const midnightS = dayStartS(day) + 3 * DAY_S;
  for (const table of ROLLUPS) {
    const name = stagedName(run, table);
    const [row] = await storage.select<{ rows: string }>(
      `SELECT count() AS rows FROM ${name} WHERE day = {day:UInt32}`,
      { day },
    );
    if (row?.rows === '0')
      await storage.command(
        `INSERT INTO ${name} (day, bucket) SETTINGS optimize_on_insert = 0, async_insert = 0
         SELECT {day:UInt32}, toDateTime({midnight:UInt32}, 'UTC')`,
        { day, midnight: midnightS },
      );
  }
}

/** Puts the staged partitions in place of those in use. Repeating it is harmless as long as the fence is in place. */
export async function swapStaged(
  storage: Storage,
  run: string,
  day: number,
  swapped?: (table: SwappedTable) => Promise<void>,
): Promise<void> {
  for (const table of SWAPPED) {
    await storage.command(`ALTER TABLE ${table} REPLACE PARTITION ${day} FROM ${stagedName(run, table)}`);
    if (table !== 'flows') await removeFilled(storage, table, day);
    await swapped?.(table);
  }
}

/** A partition of one part is never merged by itself: its row of zeros would be a cell of nobody, and unelected traffic. */
async function removeFilled(storage: Storage, table: SwappedTable, day: number): Promise<void> {
  const [row] = await storage.select<{ rows: string; counted: string }>(
    `SELECT count() AS rows, sum(t.records) AS counted FROM ${table} AS t WHERE t.day = {day:UInt32}`,
    { day },
  );
  if (row?.rows === '1' && row.counted === '0') await storage.command(`OPTIMIZE TABLE ${table} PARTITION ${day} FINAL`);
}
