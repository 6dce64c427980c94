// What happens to a run that crashed while it rewrote a day. Whoever notices it, the next run or an enricher whose inserts
// are refused, completes a swap that had begun, and removes any other fence.
//
// A run without heartbeats may only be suspended. Its staged tables are renamed or dropped before its fence is removed, so
// that everything it can still do fails.

import { randomBytes } from 'node:crypto';
import { fencesInPlace, insertsEnded, removeFence, runStatementsEnded, SCHEDULED_TABLES } from '../fence.ts';
import type { Storage } from '../storage.ts';
import { type RunDay, type RunRow, recentStates, recordState, secondsSinceHeartbeat } from '../tables/reenrichments.ts';
import { adoptRecords, dropStaged, isUnknownTable, swapStaged } from './staging.ts';

/** A run without a heartbeat for longer is taken for crashed. */
export const LEASE_S = 20;
const STATES_MAX = 1000;

/** In the place of the documents that a run applied: the run applied none, and rebuilt roll-ups (rebuild.ts). */
export const REBUILD = 'rebuild';

export function newRun(): string {
  return randomBytes(8).toString('hex');
}

/** Recovers the crashed runs that left fences; resolves to the number of fences removed. For whoever inserts. */
export async function recoverFences(storage: Storage): Promise<number> {
  let recovered = 0;
  for (const { run } of await fencesInPlace(storage))
    if ((await secondsSinceHeartbeat(storage, run)) > LEASE_S) {
      await recoverRun(storage, run);
      recovered++;
    }
  return recovered;
}

/** Completes the swap of a run or removes its fence, whichever loses nothing. Several processes may do it at once. */
export async function recoverRun(storage: Storage, run: string): Promise<void> {
  const day = (await fencesInPlace(storage)).find(fence => fence.run === run)?.day;
  const last = (await recentStates(storage, STATES_MAX)).find(
    row => row.run === run && (day === undefined || row.day === day),
  );
  if (day !== undefined && last?.state === 'swapping') {
    // The staged tables are as they were when it began, and nothing has been inserted since.
    await tolerateUnknown(() => swapStaged(storage, run, day));
    return endSwap(storage, last);
  }
  if (day !== undefined && last?.state === 'swapped') return endSwap(storage, last);
  await revertRun(storage, run, last, day !== undefined);
}

/** Drops what a run has staged, except for records that a later run of the same documents may adopt. */
async function revertRun(storage: Storage, run: string, last: RunRow | undefined, isFenced: boolean): Promise<void> {
  const heir = newRun();
  // A rebuild soon starts again, and adopts nothing.
  const kept = last?.knowledge !== REBUILD && (await adoptRecords(storage, run, heir));
  await dropStaged(storage, { run });
  await runStatementsEnded(storage, run);
  if (isFenced) await removeFence(storage, run);
  if (!last || last.state === 'done' || last.state === 'failed') return;
  if (kept) await recordState(storage, { ...last, run: heir }, 'left');
  await recordState(storage, last, 'failed', { detail: 'the run crashed; a later run may adopt what it had staged' });
}

/** The last steps of a swap: nobody can repeat it, no insert looks at the state before it, and the fence is removed. */
export async function endSwap(storage: Storage, day: RunDay & { readonly records?: number }): Promise<void> {
  await recordState(storage, day, 'swapped', day);
  await dropStaged(storage, { run: day.run });
  await runStatementsEnded(storage, day.run);
  await insertsEnded(storage, ['flows', ...SCHEDULED_TABLES]);
  await removeFence(storage, day.run);
  await recordState(storage, day, 'done', day);
}

/** Another process may be recovering the same run, and have dropped its tables. */
async function tolerateUnknown(call: () => Promise<void>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!isUnknownTable(error)) throw error;
  }
}
