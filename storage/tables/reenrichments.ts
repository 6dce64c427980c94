// The steps of runs that rewrite days (rewrite/recovery.ts), and their heartbeats.

import type { Storage } from '../storage.ts';
import { column, DATETIME_US, type Table } from './table.ts';

export const REENRICHMENTS: Table = {
  name: 'reenrichments',
  columns: [
    column('run', 'String'),
    column('day', 'UInt32'),
    column('state', 'LowCardinality(String)'),
    column('revision', 'UInt32'),
    column('knowledge', 'String'),
    column('records', 'UInt64'),
    column('detail', 'String'),
    column('at', DATETIME_US, 'DEFAULT now64(6)'),
  ],
  engine: 'ReplacingMergeTree(at)',
  order: '(run, day, state)',
};

/**
 * In this order. `staging` until the fence, `fenced` until the swap, `swapping` while partitions are replaced, `swapped`
 * until the fence is removed; then `done`. `left`: what is staged waits for a later run.
 */
export type RunState = 'staging' | 'fenced' | 'swapping' | 'swapped' | 'done' | 'left' | 'failed';

export interface RunDay {
  readonly run: string;
  /** 20260131; 0 for the run itself. */
  readonly day: number;
  readonly revision: number;
  /** Identifies the documents that were applied. */
  readonly knowledge: string;
}

export interface RunRow extends RunDay {
  readonly state: RunState | 'alive';
  readonly records: number;
  readonly detail: string;
  readonly atMs: number;
}

export async function recordState(
  storage: Storage,
  { run, day, revision, knowledge }: RunDay,
  state: RunRow['state'],
  { records = 0, detail = '' }: { records?: number; detail?: string } = {},
): Promise<void> {
  await storage.command(
    `INSERT INTO reenrichments (run, day, state, revision, knowledge, records, detail) SETTINGS async_insert = 0
     SELECT {run:String}, {day:UInt32}, {state:String}, {revision:UInt32}, {knowledge:String}, {records:UInt64}, {detail:String}`,
    { run, day, state, revision, knowledge, records, detail },
  );
}

export function recordHeartbeat(storage: Storage, run: string): Promise<void> {
  return recordState(storage, { run, day: 0, revision: 0, knowledge: '' }, 'alive');
}

/** Seconds since the last heartbeat of a run, by the clock of the server. What others write about a run is no heartbeat. */
export async function secondsSinceHeartbeat(storage: Storage, run: string): Promise<number> {
  const [row] = await storage.select<{ silent: number }>(
    'SELECT toFloat64(now64(6)) - toFloat64(max(at)) AS silent FROM reenrichments WHERE run = {run:String} AND state = {alive:String}',
    { run, alive: 'alive' },
  );
  return row?.silent ?? Number.POSITIVE_INFINITY;
}

/** The newest step of each day of each run, the newest first. */
export async function recentStates(storage: Storage, limit: number): Promise<RunRow[]> {
  const rows = await storage.select<Omit<RunRow, 'records' | 'atMs'> & { records: string; ms: string }>(
    `SELECT run, day, last.1 AS state, last.2 AS revision, last.3 AS knowledge, last.4 AS records, last.5 AS detail, last.6 AS ms
     FROM (
       SELECT run, day, argMax((state, revision, knowledge, records, detail, toUnixTimestamp64Milli(toDateTime64(at, 3))), at) AS last, max(at) AS newest
       FROM reenrichments WHERE state != 'alive' AND day > 0 GROUP BY run, day
     ) ORDER BY newest DESC LIMIT {limit:UInt32}`,
    { limit },
  );
  return rows.map(({ ms, records, ...row }) => ({ ...row, records: Number(records), atMs: Number(ms) }));
}
