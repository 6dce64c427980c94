// What a query must know of the tables before it runs: how far the scheduled roll-up has come, since when there are records,
// until when everything received is stored and how much waits, and whether unelected traffic takes part.

import type { Storage } from '../../storage/storage.ts';
import { STORED_UNTIL_SQL } from '../../storage/tables/collectors.ts';
import { FIVE_MINUTES_S, UNELECTED_SQL } from '../../storage/tables/elections.ts';
import { ROLLED_UP_UNTIL_SQL } from '../../storage/tables/passes.ts';
import { WAITING_SQL } from '../../storage/tables/progress.ts';
import type { RequestedWindow } from './window.ts';

/** Statements of scalar subqueries, which an estimate would run as well. */
export const BOOKKEEPING = { unestimated: true } as const;

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

interface StoredRow {
  readonly storedUntil: string | null;
  readonly waiting: string | null;
}

interface SteadinessRow {
  readonly swapAt: string;
  readonly rolledUpUntil: number;
  readonly rollingUp: number;
  readonly learnedAt: string;
}

interface HistoryRow extends StoredRow, SteadinessRow {
  readonly first: number;
  readonly unelected: number;
}

const firstBucket = (table: string) =>
  `(SELECT toUInt32(minOrNull(bucket)) FROM ${table} WHERE day = (SELECT min(day) FROM ${table}))`;

const STORED_SQL = `toString(${STORED_UNTIL_SQL}) AS storedUntil, toString(${WAITING_SQL}) AS waiting`;

const STEADINESS_SQL = `
WITH (${ROLLED_UP_UNTIL_SQL}) AS rolledUpUntilS, toDateTime(rolledUpUntilS, 'UTC') AS rolledUpUntilTime
SELECT rolledUpUntilS AS rolledUpUntil,
  (SELECT (argMax(state, at), toString(max(at))) FROM reenrichments WHERE state IN ('swapping', 'swapped', 'done')) AS swap,
  swap.2 AS swapAt,
  (SELECT max(minute) FROM passes WHERE state = 'started') >= rolledUpUntilTime OR swap.1 IN ('swapping', 'swapped') AS rollingUp,
  (SELECT if(count() = 0, '', toString(max(l.learnedAt))) FROM learned_interfaces AS l) AS learnedAt`;

const SQL = `${STEADINESS_SQL}, ${STORED_SQL},
  arrayMin(arrayFilter(at -> at > 0, [
    ifNull(${firstBucket('traffic_1m')}, 0), ifNull(${firstBucket('unelected_5m')}, 0), ifNull(if(
      (SELECT min(day) FROM traffic_1m) = 0 OR (SELECT min(day) FROM traffic_1h) < (SELECT min(day) FROM traffic_1m), ${firstBucket('traffic_1h')}, 0), 0),
    ifNull((SELECT toUInt32(toDateTime(minOrNull(flowStart))) FROM flows WHERE storedAt >= rolledUpUntilTime AND ${UNELECTED_SQL}), 0)])) AS first,
  (SELECT count() FROM (SELECT 1 FROM unelected_5m WHERE bucket >= toDateTime({from:UInt32} - ${FIVE_MINUTES_S}) AND bucket < toDateTime({to:UInt32}) LIMIT 1)) > 0
  OR (SELECT count() FROM (SELECT 1 FROM flows WHERE storedAt >= rolledUpUntilTime AND ${UNELECTED_SQL}
    AND flowEnd >= toDateTime({from:UInt32} - ${FIVE_MINUTES_S}) AND flowStart < toDateTime({to:UInt32} + ${FIVE_MINUTES_S}) LIMIT 1)) > 0 AS unelected`;

export async function readHistory(
  storage: Storage,
  { fromMs, toMs }: RequestedWindow,
  nowMs: number,
): Promise<History> {
  const params = { from: Math.floor(fromMs / 1000), to: Math.ceil(toMs / 1000), now: Math.floor(nowMs) };
  const [row] = await storage.select<HistoryRow>(SQL, params, BOOKKEEPING);
  if (!row) throw new Error('ClickHouse gave no row for a SELECT without FROM');
  return {
    ...storedOf(row, nowMs),
    ...steadinessOf(row),
    firstS: row.first > 0 ? row.first : undefined,
    unelected: row.unelected > 0,
  };
}

/** The same alone. */
export async function readSteadiness(storage: Storage): Promise<Steadiness> {
  const [row] = await storage.select<SteadinessRow>(STEADINESS_SQL, {}, BOOKKEEPING);
  if (!row) throw new Error('ClickHouse gave no row for a SELECT without FROM');
  return steadinessOf(row);
}

function steadinessOf({ rolledUpUntil, rollingUp, swapAt, learnedAt }: SteadinessRow): Steadiness {
  return { rolledUpUntilS: rolledUpUntil, rollingUp: rollingUp > 0, swap: swapAt, learnedAt };
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
  const [row] = await storage.select<StoredRow>(`SELECT ${STORED_SQL}`, { now: Math.floor(nowMs) }, BOOKKEEPING);
  if (!row) throw new Error('ClickHouse gave no row for a SELECT without FROM');
  return storedOf(row, nowMs);
}

function storedOf({ storedUntil, waiting }: StoredRow, nowMs: number): Stored {
  return {
    storedUntilMs: storedUntil === null ? undefined : Math.min(Number(storedUntil), nowMs),
    waiting: waiting === null ? undefined : Number(waiting),
  };
}
