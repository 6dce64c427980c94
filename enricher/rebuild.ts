// The roll-ups of a day made anew from its records as they are: staged, fenced and swapped like a re-enriched day
// (docs/decisions/0003-re-enrichment.md), only that nothing is enriched. And the audit that asks for it.

import type { Log } from '../service/log.ts';
import type { ClickHouse } from '../storage/client.ts';
import { HEARTBEAT_MS, releaseLease, takeLease } from '../storage/rewrite/lease.ts';
import { newRun, REBUILD } from '../storage/rewrite/recovery.ts';
import { dropStaged } from '../storage/rewrite/staging.ts';
import { compareDay, type Difference, daysToAudit, markAudited } from '../storage/rollup/audit.ts';
import { shardsOf } from '../storage/storage.ts';
import { recordHeartbeat, recordState } from '../storage/tables/reenrichments.ts';
import { nextRevision } from './reenrich.ts';
import { type DayContext, reenrichDay, SwapLeft } from './reenrich-day.ts';
import { copyRecords } from './reenrich-records.ts';

export interface RebuildDependencies extends Pick<DayContext, 'reached' | 'fenceMsMax'> {
  readonly storage: ClickHouse;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** False when another run has the lease, or the signal came first: then it is tried another time. */
export async function rebuildDay(day: number, dependencies: RebuildDependencies): Promise<boolean> {
  const { storage, log } = dependencies;
  const run = newRun();
  if ((await takeLease(storage, run)) !== undefined) return false;
  const beating = setInterval(
    () => recordHeartbeat(storage, run).catch(error => log.warn({ err: error }, 'no sign of life')),
    HEARTBEAT_MS,
  );
  let leave = false;
  const state = { run, day, revision: 0, knowledge: REBUILD };
  const stage: DayContext['stage'] = (window, signal) => copyRecords({ storage, ...state, signal }, window);
  try {
    state.revision = await nextRevision(storage, day);
    const { outcome } = await reenrichDay({ ...dependencies, ...state, stage, isWhole: true });
    if (outcome === 'stopped') await undo(storage, state, 'stopped');
    return outcome === 'done';
  } catch (error) {
    leave = error instanceof SwapLeft;
    if (!leave) await undo(storage, state, (error as Error).message);
    throw error;
  } finally {
    clearInterval(beating);
    if (!leave) await releaseLease(storage, run);
  }
}

/** Nothing of it is kept: it is quickly begun anew. */
async function undo(storage: ClickHouse, state: Parameters<typeof recordState>[1], detail: string): Promise<void> {
  await recordState(storage, state, 'failed', { detail });
  await dropStaged(storage, { run: state.run });
}

export interface Audit {
  /** Days that were compared, and those among them whose roll-ups were made anew. */
  readonly audited: number[];
  readonly rebuilt: number[];
}

/** Compares the days that are over and not compared yet, and rebuilds those that differ. For the owner of the pass. */
export async function auditDays(dependencies: RebuildDependencies, nowMs: number): Promise<Audit> {
  const { storage, log, signal } = dependencies;
  const [home, ...others] = shardsOf(storage);
  const audit: Audit = { audited: [], rebuilt: [] };
  for (const day of await daysToAudit(home, home, nowMs)) {
    if (signal.aborted) return audit;
    for (const shard of [home, ...others]) {
      const differences = await compareDay(home, shard, day);
      if (differences.length === 0) continue;
      // Twice the same, or something was on its way.
      if (textOf(await compareDay(home, shard, day)) !== textOf(differences)) return audit;
      log.error({ day, differences: textOf(differences) }, 'roll-ups differ from their records');
      // Roll-ups of both kinds tell more than the records: records are gone, and the roll-ups are what is left of them.
      if (lackRecords(differences)) continue;
      if (storage.shards) continue; // the fence and the swap hold within one server
      if (!(await rebuildDay(day, dependencies))) return audit;
      const left = await compareDay(home, shard, day);
      if (left.length > 0) throw new Error(`the roll-ups of ${day} were made anew and differ still: ${textOf(left)}`);
      audit.rebuilt.push(day);
      log.warn({ day }, 'the roll-ups of a day were made anew from its records');
    }
    await markAudited(home, day);
    audit.audited.push(day);
  }
  return audit;
}

function lackRecords(differences: readonly Difference[]): boolean {
  const tellsMore = (name: string) =>
    differences.some(({ table, records, expectedRecords }) => table === name && records > expectedRecords);
  return tellsMore('traffic_1h') && tellsMore('pairs_1h');
}

function textOf(differences: readonly Difference[]): string {
  return differences
    .map(
      ({ table, records, bytes, expectedRecords, expectedBytes }) =>
        `${table} has ${records} records with ${bytes} bytes, the records are ${expectedRecords} with ${expectedBytes}`,
    )
    .join('; ');
}
