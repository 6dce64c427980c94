// What is known of re-enrichments: one run at a time, its steps in the table `reenrichments`, and what becomes of a run
// that died. A table named `reenriching` is the lease: creating it succeeds for one, its comment names the run. The run tells every
// few seconds that it lives; one that has not for LEASE_S is dead, and whoever notices (the next run, or an enricher
// whose inserts are refused) ends what it had begun: a swap that had begun is completed, any other fence is taken away.
//
// A dead run may only be asleep. Its staged tables are renamed or dropped before its fence goes, so that all it can
// still do is fail.

import { randomBytes } from 'node:crypto';
import type { ClickHouse } from '../client.ts';
import { insertsEnded, liftFence, PASSED_TABLES, standingFences, statementsEnded } from '../fence.ts';
import { StorageError } from '../storage.ts';
import { adoptRecords, dropStaged, swapStaged } from './staging.ts';

/** A run that has been silent for longer is taken for dead. */
/** In the place of the documents a run applied: it applied none, and made roll-ups anew (enricher/rebuild.ts). */
export const REBUILD = 'rebuild';

export const LEASE_S = 20;
export const HEARTBEAT_MS = 3000;

const TABLE_ALREADY_EXISTS = 57;
const UNKNOWN_TABLE = 60;

/**
 * In this order. `staging` until the fence, `fenced` until the swap, `swapping` while partitions are put in place, `swapped`
 * while the fence goes; then `done`. `left`: what is staged waits to be taken up again.
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

export function newRun(): string {
  return randomBytes(8).toString('hex');
}

export async function recordState(
  storage: ClickHouse,
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

export async function heartbeat(storage: ClickHouse, run: string): Promise<void> {
  await recordState(storage, { run, day: 0, revision: 0, knowledge: '' }, 'alive');
}

/** The newest step of each day of each run, the newest first. */
export async function recentStates(storage: ClickHouse, limit: number): Promise<RunRow[]> {
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

/** Seconds since a run told that it lives, by the clock of the server. What others write of a dead run is no sign of life. */
async function silentS(storage: ClickHouse, run: string): Promise<number> {
  const [row] = await storage.select<{ silent: number }>(
    'SELECT toFloat64(now64(6)) - toFloat64(max(at)) AS silent FROM reenrichments WHERE run = {run:String} AND state = {alive:String}',
    { run, alive: 'alive' },
  );
  return row?.silent ?? Number.POSITIVE_INFINITY;
}

export async function leaseHolder(storage: ClickHouse): Promise<string | undefined> {
  const [row] = await storage.select<{ run: string }>(
    "SELECT comment AS run FROM system.tables WHERE database = currentDatabase() AND name = 'reenriching'",
  );
  return row?.run;
}

/** Takes the lease for `run`; resolves to undefined, or to the run that has it and lives. */
export async function takeLease(storage: ClickHouse, run: string): Promise<string | undefined> {
  // Heard of before anybody can find the lease.
  await heartbeat(storage, run);
  for (;;) {
    try {
      await storage.command(`CREATE TABLE reenriching (run String) ENGINE = Memory COMMENT '${run}'`);
      return undefined;
    } catch (error) {
      if (!(error instanceof StorageError && error.clickhouseCode === TABLE_ALREADY_EXISTS)) throw error;
    }
    const holder = await leaseHolder(storage);
    if (holder === undefined) continue;
    // Taken by a try whose answer got lost.
    if (holder === run) return undefined;
    if ((await silentS(storage, holder)) <= LEASE_S) return holder;
    await endDeadRun(storage, holder);
    // Only one of several that take over renames it.
    const aside = `reenriching_${holder}_${newRun()}`;
    try {
      await storage.command(`RENAME TABLE reenriching TO ${aside}`);
    } catch (error) {
      if (!(error instanceof StorageError && error.clickhouseCode === UNKNOWN_TABLE)) throw error;
      continue;
    }
    await storage.command(`DROP TABLE IF EXISTS ${aside} SYNC`);
  }
}

export async function giveLeaseBack(storage: ClickHouse, run: string): Promise<void> {
  if ((await leaseHolder(storage)) === run) await storage.command('DROP TABLE IF EXISTS reenriching SYNC');
}

/** Ends what silent runs left standing; resolves with the number of fences that went. For whoever inserts. */
export async function recoverFences(storage: ClickHouse): Promise<number> {
  let recovered = 0;
  for (const { run } of await standingFences(storage))
    if ((await silentS(storage, run)) > LEASE_S) {
      await endDeadRun(storage, run);
      recovered++;
    }
  return recovered;
}

/** Completes the swap of a run or takes its fence away, whichever loses nothing. Several may do it at once. */
export async function endDeadRun(storage: ClickHouse, run: string): Promise<void> {
  const day = (await standingFences(storage)).find(fence => fence.run === run)?.day;
  const last = (await recentStates(storage, 1000)).find(
    row => row.run === run && (day === undefined || row.day === day),
  );
  if (day !== undefined && last?.state === 'swapping') {
    // The staged tables are as they were when it began, and nothing has been inserted since.
    await tolerateGone(() => swapStaged(storage, run, day));
    await endSwap(storage, last);
    return;
  }
  if (day !== undefined && last?.state === 'swapped') return endSwap(storage, last);
  const heir = newRun();
  // A rebuild is quickly begun anew, and takes up nothing.
  const kept = last?.knowledge !== REBUILD && (await adoptRecords(storage, run, heir));
  await dropStaged(storage, { run });
  await statementsEnded(storage, run);
  if (day !== undefined) await liftFence(storage, run);
  if (!last || last.state === 'done' || last.state === 'failed') return;
  if (kept) await recordState(storage, { ...last, run: heir }, 'left');
  await recordState(storage, last, 'failed', { detail: 'it died; what it had staged is kept for the next run' });
}

/** The last steps of a swap: nobody can repeat it, nobody looks at what was before, and the fence goes. */
export async function endSwap(storage: ClickHouse, day: RunDay & { readonly records?: number }): Promise<void> {
  await recordState(storage, day, 'swapped', day);
  await dropStaged(storage, { run: day.run });
  await statementsEnded(storage, day.run);
  await insertsEnded(storage, ['flows', ...PASSED_TABLES]);
  await liftFence(storage, day.run);
  await recordState(storage, day, 'done', day);
}

/** Another may be ending the same run, and be ahead. */
async function tolerateGone(call: () => Promise<void>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof StorageError && error.clickhouseCode === UNKNOWN_TABLE)) throw error;
  }
}
