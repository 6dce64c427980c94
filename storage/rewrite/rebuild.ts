// The roll-ups of a day rebuilt from its records as they are: staged, fenced and swapped like a re-enriched day
// (docs/decisions/0003-re-enrichment.md), except that nothing is enriched. The audit that starts it is here too.

import type { Log } from '../../service/log.ts';
import { compareDay, type Difference, daysToAudit, markAudited } from '../rollup/audit.ts';
import { type Storage, shardsOf } from '../storage.ts';
import { type RunDay, recordHeartbeat, recordState } from '../tables/reenrichments.ts';
import { type DayContext, rewriteDay, SwapLeft } from './day.ts';
import { HEARTBEAT_MS, releaseLease, takeLease } from './lease.ts';
import { copyRecords, nextRevision } from './records.ts';
import { newRun, REBUILD } from './recovery.ts';
import { dropStaged } from './staging.ts';

export interface RebuildDependencies extends Pick<DayContext, 'reached' | 'fenceMsMax'> {
  readonly storage: Storage;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** False when another run holds the lease, or the signal stopped it: then it is tried another time. */
export async function rebuildDay(day: number, dependencies: RebuildDependencies): Promise<boolean> {
  const { storage, log } = dependencies;
  const run = newRun();
  if ((await takeLease(storage, run)) !== undefined) return false;
  const heartbeats = setInterval(
    () => recordHeartbeat(storage, run).catch(error => log.warn({ err: error }, 'a heartbeat of the rebuild failed')),
    HEARTBEAT_MS,
  );
  let leavesSwap = false;
  try {
    return await rebuildLeased(
      { run, day, revision: await nextRevision(storage, day), knowledge: REBUILD },
      dependencies,
    );
  } catch (error) {
    leavesSwap = error instanceof SwapLeft;
    throw error;
  } finally {
    clearInterval(heartbeats);
    if (!leavesSwap) await releaseLease(storage, run);
  }
}

async function rebuildLeased(state: RunDay, dependencies: RebuildDependencies): Promise<boolean> {
  const { storage } = dependencies;
  const stage: DayContext['stage'] = (window, signal) => copyRecords({ storage, ...state, signal }, window);
  try {
    const { outcome } = await rewriteDay({ ...dependencies, ...state, stage, isWhole: true });
    if (outcome === 'stopped') await discard(storage, state, 'stopped');
    return outcome === 'done';
  } catch (error) {
    if (!(error instanceof SwapLeft)) await discard(storage, state, (error as Error).message);
    throw error;
  }
}

/** Nothing of it is kept: a rebuild soon starts again. */
async function discard(storage: Storage, state: RunDay, detail: string): Promise<void> {
  await recordState(storage, state, 'failed', { detail });
  await dropStaged(storage, { run: state.run });
}

export interface Audit {
  /** Days that were compared, and those among them whose roll-ups were rebuilt. */
  readonly audited: number[];
  readonly rebuilt: number[];
}

/** Compares the days that are over and not compared yet, and rebuilds those that differ. For the roll-up leader. */
export async function auditDays(dependencies: RebuildDependencies, nowMs: number): Promise<Audit> {
  const { storage, signal } = dependencies;
  const shards = shardsOf(storage);
  const [home] = shards;
  const audit: Audit = { audited: [], rebuilt: [] };
  for (const day of await daysToAudit(home, home, nowMs)) {
    if (signal.aborted) return audit;
    for (const shard of shards) {
      const outcome = await auditShard(shard, day, dependencies);
      if (outcome === 'postponed') return audit;
      if (outcome === 'rebuilt') audit.rebuilt.push(day);
    }
    await markAudited(home, day);
    audit.audited.push(day);
  }
  return audit;
}

async function auditShard(
  shard: Storage,
  day: number,
  dependencies: RebuildDependencies,
): Promise<'left' | 'postponed' | 'rebuilt'> {
  const { storage, log } = dependencies;
  const [home] = shardsOf(storage);
  const differences = await compareDay(home, shard, day);
  if (differences.length === 0) return 'left';
  // Without the same result twice, something was under way.
  if (textOf(await compareDay(home, shard, day)) !== textOf(differences)) return 'postponed';
  log.error({ day, differences: textOf(differences) }, 'roll-ups differ from their records');
  // Where roll-ups of both kinds count more than the records, records are gone, and the roll-ups are what is left of them.
  if (lackRecords(differences)) return 'left';
  // The fence and the swap hold within one server.
  if (storage.shards.length > 0) return 'left';
  if (!(await rebuildDay(day, dependencies))) return 'postponed';
  const remaining = await compareDay(home, shard, day);
  if (remaining.length > 0)
    throw new Error(`the roll-ups of ${day} were rebuilt and still differ: ${textOf(remaining)}`);
  log.warn({ day }, 'the roll-ups of a day were rebuilt from its records');
  return 'rebuilt';
}

function lackRecords(differences: readonly Difference[]): boolean {
  const countsMore = (name: string) =>
    differences.some(({ table, records, expectedRecords }) => table === name && records > expectedRecords);
  return countsMore('traffic_1h') && countsMore('pairs_1h');
}

function textOf(differences: readonly Difference[]): string {
  return differences
    .map(
      ({ table, records, bytes, expectedRecords, expectedBytes }) =>
        `${table} has ${records} records with ${bytes} bytes, its records are ${expectedRecords} with ${expectedBytes}`,
    )
    .join('; ');
}
