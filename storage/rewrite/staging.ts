// The staged day: tables of the same structure as those in use, filled beside them and then put in their place, partition
// for partition. The staged records keep `batch` and `storedAt`; the staged roll-ups are made of them with the SQL of
// elections.ts, by whole windows of `storedAt`.
//
// The names hold the run. Whoever takes over from a run that died renames or drops its tables, and should that run wake up,
// its REPLACE finds no source: that is what keeps a swap from happening behind a fence that somebody else took away.

import { isDeepStrictEqual } from 'node:util';
import type { ClickHouse } from '../client.ts';
import { StorageError } from '../storage.ts';
import {
  ELECTED_SQL,
  pairsSelectSql,
  trafficSelectSql,
  UNELECTED_KEYS,
  UNELECTED_SQL,
  unelectedSelectSql,
} from '../tables/elections.ts';
import { coarserSql, PAIR_KEYS, SUMS, TRAFFIC_KEYS } from '../tables/spread.ts';
import { COARSER } from '../tables/tables.ts';

/** Everything a batch fills, records first. */
const ROLLUPS = ['traffic_1m', 'traffic_5m', 'traffic_1h', 'pairs_5m', 'pairs_1h', 'unelected_5m'] as const;
export const SWAPPED = ['flows', ...ROLLUPS] as const;
export type SwappedTable = (typeof SWAPPED)[number];

const UNKNOWN_TABLE = 60;
/** Records behind one INSERT ... SELECT of a roll-up, about: the bound of what it holds in memory. */
const SLICE_RECORDS = 2_000_000;
export const DAY_MS = 86_400_000;
const DAY_S = DAY_MS / 1000;

const MADE = [
  { table: 'traffic_1m', keys: TRAFFIC_KEYS, select: trafficSelectSql },
  { table: 'pairs_5m', keys: PAIR_KEYS, select: pairsSelectSql },
  { table: 'unelected_5m', keys: UNELECTED_KEYS, select: unelectedSelectSql },
] as const;
type MadeTable = (typeof MADE)[number]['table'];
export const BY_VIEW: readonly MadeTable[] = ['traffic_1m'];
export const BY_PASS: readonly MadeTable[] = ['pairs_5m', 'unelected_5m'];

export function stagedName(run: string, table: SwappedTable): string {
  return `reenrich_${run}_${table}`;
}

/** Drops the staged tables of a run, or of every run, views first; of the runs in `keep` the records stay. */
export async function dropStaged(
  storage: ClickHouse,
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

/** The staged records of another run become those of this one; false when there are none. */
export async function adoptRecords(storage: ClickHouse, from: string, run: string): Promise<boolean> {
  try {
    await storage.command(`RENAME TABLE ${stagedName(from, 'flows')} TO ${stagedName(run, 'flows')}`);
    return true;
  } catch (error) {
    if (error instanceof StorageError && error.clickhouseCode === UNKNOWN_TABLE) return false;
    throw error;
  }
}

/** Whether the staged records have the columns of the records in use: a newer version may have added some. */
export async function recordsMatch(storage: ClickHouse, run: string): Promise<boolean> {
  const columns = async (table: string) =>
    storage.select(
      'SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}',
      {
        table,
      },
    );
  return isDeepStrictEqual(await columns('flows'), await columns(stagedName(run, 'flows')));
}

export async function createRecords(storage: ClickHouse, run: string): Promise<void> {
  await storage.command(`CREATE TABLE IF NOT EXISTS ${stagedName(run, 'flows')} AS flows`);
}

/** Empty roll-ups with views from the finer to the coarser; what there was of them is dropped. */
export async function createRollups(storage: ClickHouse, run: string): Promise<void> {
  await dropStaged(storage, { run, keep: [run] });
  for (const table of ROLLUPS)
    await storage.command(`CREATE TABLE IF NOT EXISTS ${stagedName(run, table)} AS ${table}`);
  for (const { from, to, stepSeconds, keys } of COARSER)
    await storage.command(
      `CREATE MATERIALIZED VIEW IF NOT EXISTS reenrich_${run}_${to}_view TO ${stagedName(run, to)} AS\n${coarserSql(stagedName(run, from), stepSeconds, keys)}`,
    );
}

export interface StoredWindow {
  /** Seconds of `storedAt`, the end excluded. */
  readonly fromS: number;
  readonly toS: number;
}

const STORED = "storedAt >= toDateTime({fromS:UInt32}, 'UTC') AND storedAt < toDateTime({toS:UInt32}, 'UTC')";

/** Adds to staged roll-ups what staged records stored in the window make of them. Each window once for a `createRollups`. */
export async function rollUpStaged(
  storage: ClickHouse,
  run: string,
  tables: readonly MadeTable[],
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
    for (const { table, keys, select } of MADE) {
      if (!tables.includes(table)) continue;
      const name = stagedName(run, table);
      await storage.insertSelect(
        `INSERT INTO ${name} (${['day', 'bucket', ...keys, ...SUMS].join(', ')})\n${select(where, records)}`,
        { ...window, first, last },
        `${name}.${window.fromS}.${window.toS}.${first}`,
      );
    }
  }
}

/** Runs of minutes with about SLICE_RECORDS records each. */
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

/** Records by what becomes of them, within windows of `storedAt`. */
export interface Tally {
  readonly records: bigint;
  /** Sum of the batch keys. */
  readonly batches: bigint;
  /** By view, and by the pass. */
  readonly elected: bigint;
  readonly pairs: bigint;
  readonly unelected: bigint;
}
export const NOTHING: Tally = { records: 0n, batches: 0n, elected: 0n, pairs: 0n, unelected: 0n };

async function tallyOf(
  storage: ClickHouse,
  table: string,
  day: number,
  viewed: StoredWindow,
  passed: StoredWindow,
): Promise<Tally> {
  const within = (name: string) =>
    `storedAt >= toDateTime({${name}From:UInt32}, 'UTC') AND storedAt < toDateTime({${name}To:UInt32}, 'UTC')`;
  const [row] = await storage.select<Record<keyof Tally, string>>(
    `SELECT countIf(viewed) AS records, sumIf(batch, viewed) AS batches, countIf(viewed AND elected_) AS elected,
       countIf(passed AND elected_) AS pairs, countIf(passed AND unelected_) AS unelected
     FROM (SELECT batch, ${within('v')} AS viewed, ${within('p')} AS passed, ${ELECTED_SQL} AS elected_, ${UNELECTED_SQL} AS unelected_
       FROM ${table} WHERE toYYYYMMDD(receivedAt) = {day:UInt32} AND storedAt >= toDateTime(least({vFrom:UInt32}, {pFrom:UInt32}), 'UTC'))`,
    { day, vFrom: viewed.fromS, vTo: viewed.toS, pFrom: passed.fromS, pTo: passed.toS },
  );
  const text = row ?? { records: 0, batches: 0, elected: 0, pairs: 0, unelected: 0 };
  return {
    records: BigInt(text.records),
    batches: BigInt(text.batches),
    elected: BigInt(text.elected),
    pairs: BigInt(text.pairs),
    unelected: BigInt(text.unelected),
  };
}

/**
 * What staged records of the windows add to `before`. Throws when they are not the records stored in `viewed`: as many, of
 * the same batches.
 */
export async function tallyStaged(
  storage: ClickHouse,
  run: string,
  day: number,
  before: Tally,
  viewed: StoredWindow,
  passed: StoredWindow,
): Promise<Tally> {
  const stored = await tallyOf(storage, 'flows', day, viewed, passed);
  const staged = await tallyOf(storage, stagedName(run, 'flows'), day, viewed, passed);
  if (stored.records !== staged.records || stored.batches !== staged.batches)
    throw new Error(`${staged.records} records of ${day} are staged where ${stored.records} are stored`);
  return {
    records: before.records + staged.records,
    batches: before.batches + staged.batches,
    elected: before.elected + staged.elected,
    pairs: before.pairs + staged.pairs,
    unelected: before.unelected + staged.unelected,
  };
}

/**
 * Throws unless the staged day is whole: all its records, and in each roll-up every one that belongs there. To be asked
 * behind the fence: of the records it reads only how many there are.
 */
export async function checkStaged(storage: ClickHouse, run: string, day: number, tally: Tally): Promise<void> {
  for (const table of ['flows', stagedName(run, 'flows')]) {
    const [row] = await storage.select<{ rows: string }>(
      `SELECT sum(rows) AS rows FROM system.parts WHERE database = currentDatabase() AND table = {table:String} AND active AND partition = {day:String}`,
      { table, day: String(day) },
    );
    if (BigInt(row?.rows ?? 0) !== tally.records)
      throw new Error(`${day} has ${row?.rows ?? 0} records in ${table}, ${tally.records} were staged`);
  }
  const expected: Record<(typeof ROLLUPS)[number], bigint> = {
    traffic_1m: tally.elected,
    traffic_5m: tally.elected,
    traffic_1h: tally.elected,
    pairs_5m: tally.pairs,
    pairs_1h: tally.pairs,
    unelected_5m: tally.unelected,
  };
  for (const table of ROLLUPS) {
    const sum = await recordsIn(storage, stagedName(run, table), day);
    if (BigInt(sum) !== expected[table])
      throw new Error(`${sum} records of ${day} are staged in ${table}, ${expected[table]} belong there`);
  }
}

async function recordsIn(storage: ClickHouse, table: string, day: number): Promise<string> {
  const [row] = await storage.select<{ records: string }>(
    `SELECT sum(records) AS records FROM ${table} WHERE day = {day:UInt32}`,
    { day },
  );
  return row?.records ?? '0';
}

/**
 * Whether roll-ups of a day tell of more records than there are: retention has taken some away, and what they were
 * counted as cannot be told any more. Roll-ups may tell of fewer, for the moment of an insert or after a crash.
 */
export async function recordsExpired(storage: ClickHouse, day: number): Promise<boolean> {
  // The roll-up first: a record that comes in between is then in the records.
  const rolledUp = await recordsIn(storage, 'traffic_1h', day);
  const [row] = await storage.select<{ elected: string }>(
    `SELECT countIf(${ELECTED_SQL}) AS elected FROM flows WHERE toYYYYMMDD(receivedAt) = {day:UInt32}`,
    { day },
  );
  return BigInt(rolledUp) > BigInt(row?.elected ?? 0);
}

/**
 * A staged roll-up without rows gets one of zeros, three days ahead, which merges take away: REPLACE from an empty partition
 * is refused by newer servers, and dropping the partition instead would forget its tokens.
 */
export async function fillEmpty(storage: ClickHouse, run: string, day: number): Promise<void> {
  const midnightS = dayStartS(day) + 3 * DAY_S;
  for (const table of ROLLUPS) {
    const name = stagedName(run, table);
    const [row] = await storage.select<{ rows: string }>(
      `SELECT count() AS rows FROM ${name} WHERE day = {day:UInt32}`,
      {
        day,
      },
    );
    if (row?.rows === '0')
      await storage.command(
        `INSERT INTO ${name} (day, bucket) SETTINGS optimize_on_insert = 0, async_insert = 0
         SELECT {day:UInt32}, toDateTime({midnight:UInt32}, 'UTC')`,
        { day, midnight: midnightS },
      );
  }
}

/** Puts the staged partitions in place of those in use. Repeating it is harmless as long as the fence stands. */
export async function swapStaged(
  storage: ClickHouse,
  run: string,
  day: number,
  swapped?: (table: SwappedTable) => Promise<void>,
): Promise<void> {
  for (const table of SWAPPED) {
    await storage.command(`ALTER TABLE ${table} REPLACE PARTITION ${day} FROM ${stagedName(run, table)}`);
    await swapped?.(table);
  }
}

/** 20260131 as seconds since the epoch. */
export function dayStartS(day: number): number {
  return Date.UTC(Math.floor(day / 10_000), (Math.floor(day / 100) % 100) - 1, day % 100) / 1000;
}

export function dayOf(ms: number): number {
  return Number(new Date(ms).toISOString().slice(0, 10).replaceAll('-', ''));
}
