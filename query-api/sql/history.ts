// What a query must know of the tables before it runs: how far the scheduled roll-up has come, since when there are records,
// until when everything received is stored and how much waits, and whether unelected traffic takes part.

import type { Storage } from '../../storage/storage.ts';
import { FIVE_MINUTES_S, UNELECTED_SQL } from '../../storage/tables/elections.ts';
import { MINUTE_S } from '../../storage/tables/passes.ts';
import { type CarrierRow, LATELY_SQL, storedUntilOf, waitingOf } from '../../storage/tables/stored-until.ts';
import { BOOKKEEPING, OF_LATE } from './bookkeeping.ts';
import { type Days, readDays } from './kept.ts';
import { NOT_ROLLED_UP } from './unelected-rows.ts';
import type { RequestedWindow } from './window.ts';

/** Until when everything is stored that collectors received. */
export interface Stored {
  /** Undefined where no collector has said anything. */
  readonly storedUntilMs: number | undefined;
  /** Batches that wait to be stored; undefined where no enricher says so. */
  readonly waiting: number | undefined;
}

/** What changes how tables are read: where it is the same before and after a query, they agreed meanwhile. */
export interface Steadiness {
  /** Rows stored before this are in the tables of the scheduled roll-up; seconds. */
  readonly rolledUpUntilS: number;
  /** A roll-up has started and not ended, or partitions are being swapped. */
  readonly rollingUp: boolean;
  /** Changes with every swap of partitions. */
  readonly swap: string;
  /** When something was learned last of interfaces (storage/learning), as text; empty before. */
  readonly learnedAt: string;
}

export interface History extends Stored, Steadiness {
  /** Start of the first bucket that holds anything; undefined when nothing is stored. */
  readonly firstS: number | undefined;
  /** Unelected traffic lies in the requested window. */
  readonly unelected: boolean;
}

interface SteadinessRow {
  readonly name: 'passes' | 'swaps' | 'learned';
  readonly a: string;
  readonly b: string;
}

/** Each of a statement of its own: a subquery that gives one value costs as much as a statement. */
const STEADINESS_SQL = `
SELECT 'passes' AS name, toString(toUInt32(maxIf(minute, state = 'done'))) AS a, toString(toUInt32(maxIf(minute, state = 'started'))) AS b FROM passes
UNION ALL SELECT 'swaps', toString(argMax(state, at)), toString(max(at)) FROM reenrichments WHERE state IN ('swapping', 'swapped', 'done')
UNION ALL SELECT 'learned', '', if(count() = 0, '', toString(max(l.learnedAt))) FROM learned_interfaces AS l`;

const firstBucket = (table: string) =>
  `SELECT toUInt32(min(bucket)) AS first FROM ${table} WHERE day = {${table}:UInt32}`;

interface UnelectedRow {
  readonly name: 'unelected' | 'first';
  readonly value: number;
}

const UNELECTED_RECORDS = `FROM flows WHERE ${NOT_ROLLED_UP} AND ${UNELECTED_SQL}`;
const UNELECTED_IN_WINDOW_SQL = `
SELECT 'unelected' AS name, toUInt32(count()) AS value FROM (
  SELECT 1 FROM unelected_5m WHERE bucket >= toDateTime({from:UInt32} - ${FIVE_MINUTES_S}) AND bucket < toDateTime({to:UInt32}) LIMIT 1)
UNION ALL SELECT 'unelected', toUInt32(count()) FROM (
  SELECT 1 ${UNELECTED_RECORDS} AND flowEnd >= toDateTime({from:UInt32} - ${FIVE_MINUTES_S}) AND flowStart < toDateTime({to:UInt32} + ${FIVE_MINUTES_S}) LIMIT 1)
UNION ALL SELECT 'first', toUInt32(ifNull(toDateTime(minOrNull(flowStart)), toDateTime(0))) ${UNELECTED_RECORDS}`;

export async function readHistory(storage: Storage, requested: RequestedWindow, nowMs: number): Promise<History> {
  const [steadiness, stored, days] = await Promise.all([
    readSteadiness(storage),
    readStoredUntil(storage, nowMs),
    readDays(storage),
  ]);
  const [first, unelected] = await Promise.all([
    readFirst(storage, days),
    readUnelected(storage, requested, steadiness.rolledUpUntilS),
  ]);
  const firstS = Math.min(first, unelected.firstS);
  return {
    ...stored,
    ...steadiness,
    firstS: firstS < Number.POSITIVE_INFINITY ? firstS : undefined,
    unelected: unelected.isInWindow,
  };
}

/** Start of the first bucket of the roll-ups, infinite without any. */
async function readFirst(storage: Storage, days: Days): Promise<number> {
  const isOlder = days.traffic_1m === 0 || days.traffic_1h < days.traffic_1m;
  const tables = (['traffic_1m', 'unelected_5m', ...(isOlder ? ['traffic_1h' as const] : [])] as const).filter(
    table => days[table] > 0,
  );
  if (tables.length === 0) return Number.POSITIVE_INFINITY;
  const params = Object.fromEntries(tables.map(table => [table, days[table]]));
  const sql = tables.map(firstBucket).join('\nUNION ALL ');
  const rows = await storage.select<{ first: number }>(sql, params, OF_LATE);
  return Math.min(...rows.map(({ first }) => first).filter(first => first > 0));
}

/** Whether any lies in the window, and the start of the first record that is not rolled up. */
async function readUnelected(storage: Storage, { fromMs, toMs }: RequestedWindow, rolledUpUntil: number) {
  const params = { from: Math.floor(fromMs / 1000), to: Math.ceil(toMs / 1000), rolledUpUntil };
  const rows = await storage.select<UnelectedRow>(UNELECTED_IN_WINDOW_SQL, params, BOOKKEEPING);
  const firstS = rows.find(({ name }) => name === 'first')?.value || Number.POSITIVE_INFINITY;
  return { isInWindow: rows.some(({ name, value }) => name === 'unelected' && value > 0), firstS };
}

/** The same alone. */
export async function readSteadiness(storage: Storage): Promise<Steadiness> {
  const rows = await storage.select<SteadinessRow>(STEADINESS_SQL, {}, BOOKKEEPING);
  const [passes, swaps, learned] = (['passes', 'swaps', 'learned'] as const).map(
    name => rows.find(row => row.name === name) ?? { a: '', b: '' },
  );
  // 60 before the first roll-up.
  const rolledUpUntilS = Number(passes!.a) + MINUTE_S;
  const isSwapping = swaps!.a === 'swapping' || swaps!.a === 'swapped';
  return {
    rolledUpUntilS,
    rollingUp: Number(passes!.b) >= rolledUpUntilS || isSwapping,
    swap: swaps!.b,
    learnedAt: learned!.b,
  };
}

/** Whether nothing that is read was moved meanwhile. */
export function isSteady(before: Steadiness, after: Steadiness): boolean {
  const isSame =
    before.rolledUpUntilS === after.rolledUpUntilS &&
    before.swap === after.swap &&
    before.learnedAt === after.learnedAt;
  return isSame && !after.rollingUp;
}

/** Until when everything is stored, and what waits, alone. */
export async function readStoredUntil(storage: Storage, nowMs: number): Promise<Stored> {
  // Of whole seconds, so that requests share it.
  const now = Math.floor(nowMs / 1000) * 1000;
  const rows = await storage.select<CarrierRow>(LATELY_SQL, { now }, OF_LATE);
  const storedUntilMs = storedUntilOf(rows);
  return {
    storedUntilMs: storedUntilMs === undefined ? undefined : Math.min(storedUntilMs, nowMs),
    waiting: waitingOf(rows),
  };
}
