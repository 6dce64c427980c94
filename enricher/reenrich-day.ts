// One day of receipt, re-enriched (docs/decisions/0003-re-enrichment.md). Most of the work is done beside the traffic that
// comes in: records are staged and rolled up in rounds, each a window of `storedAt` that no insert can reach any more,
// until a round takes less than a moment. The last round is behind the fence, and then the partitions are swapped.

import type { Log } from '../service/log.ts';
import type { ClickHouse } from '../storage/client.ts';
import { addFence, insertsEnded, removeFence, SCHEDULED_TABLES } from '../storage/fence.ts';
import { leaseHolder } from '../storage/rewrite/lease.ts';
import { endSwap } from '../storage/rewrite/recovery.ts';
import {
  BY_SCHEDULE,
  BY_VIEW,
  createRecords,
  createRollups,
  fillEmpty,
  rollUpStaged,
  type StoredWindow,
  type SwappedTable,
  swapStaged,
} from '../storage/rewrite/staging.ts';
import { addTally, checkStaged, NOTHING, recordsExpired } from '../storage/rewrite/tally.ts';
import { completeMinutes } from '../storage/rollup/scheduled-rollup.ts';
import { minutesHalfDone, rolledUpUntil } from '../storage/tables/passes.ts';
import { type RunDay, recordState } from '../storage/tables/reenrichments.ts';

/** How long a day may be fenced before its swap begins; one that needs longer gives way and tries again. */
export const FENCE_MS_MAX = 10_000;
const FENCES_MAX = 5;
const GIVE_WAY_MS = 2000;
/** Rounds beside the traffic, at most, and what the last of them may have taken. */
const ROUNDS_MAX = 10;
const ROUND_MS_WANTED = 500;
const PASS_TRIES_MAX = 20;
const END_OF_TIME_S = 0xffffffff;

/** Steps at which a run can be stopped, killed or overtaken: for tests of just that. */
export type Step =
  | 'staged'
  | 'rolledUp'
  | 'fenced'
  | 'stragglers'
  | 'passFenced'
  | 'checked'
  | 'swapping'
  | SwappedTable
  | 'swapped';

export interface DayContext {
  readonly storage: ClickHouse;
  readonly run: string;
  readonly day: number;
  readonly revision: number;
  readonly knowledge: string;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Stages the records stored in the window that are not staged yet; false when `signal` stopped it between two groups. */
  readonly stage: (window: StoredWindow, signal: AbortSignal) => Promise<boolean>;
  /** The records are known to be all there, so roll-ups that tell of more are wrong. */
  readonly isWhole?: boolean;
  readonly reached?: (step: Step) => Promise<void> | void;
  readonly fenceMsMax?: number;
}

export interface DayOutcome {
  readonly outcome: 'done' | 'stopped';
  /** How long inserts of that day were refused. */
  readonly fencedMs: number;
}

/** Thrown when a day cannot be re-enriched; what it had staged is of no use. */
export class DayRefused extends Error {}

/** Thrown when a swap had begun: staged tables, fence and lease stay, and the next enricher or run completes it. */
export class SwapLeft extends Error {}

class FenceLate extends Error {}

export async function reenrichDay(context: DayContext): Promise<DayOutcome> {
  const { storage, run, day, log, signal, fenceMsMax = FENCE_MS_MAX } = context;
  const state: RunDay = { run, day, revision: context.revision, knowledge: context.knowledge };
  const reached = async (step: Step) => context.reached?.(step);
  if (!context.isWhole && (await recordsExpired(storage, day)))
    throw new DayRefused(
      `records of ${day} are no longer all there, and its roll-ups would lose what they were counted from`,
    );
  await recordState(storage, state, 'staging');
  await createRecords(storage, run);

  /** What is rolled up: all that was stored before `cut`, and before `passed` in the tables of the pass. */
  let cut = 0;
  let passed = 0;
  /** What is staged and checked, up to both. */
  let tally = NOTHING;

  async function rollUp(toS: number, passedS: number): Promise<void> {
    await rollUpStaged(storage, run, BY_VIEW, { fromS: cut, toS });
    await rollUpStaged(storage, run, BY_SCHEDULE, { fromS: passed, toS: passedS });
    tally = await addTally(storage, { run, day }, tally, {
      byView: { fromS: cut, toS },
      bySchedule: { fromS: passed, toS: passedS },
    });
    cut = toS;
    passed = passedS;
  }

  /** Rounds beside the traffic; false when stopped. */
  async function catchUp(): Promise<boolean> {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const startedAt = performance.now();
      const until = await settledS(context);
      if (!(await context.stage({ fromS: cut, toS: until }, signal))) return false;
      await reached('staged');
      if (signal.aborted) return false;
      await rollUp(Math.max(cut, until), Math.max(passed, Math.min(until, await rolledUpUntil(storage))));
      await reached('rolledUp');
      if (signal.aborted) return false;
      if (performance.now() - startedAt < ROUND_MS_WANTED) return true;
    }
    return true;
  }

  /** The last round and the swap. Throws FenceLate when it gave way; nothing has changed then. */
  async function swap(): Promise<number> {
    const startedAt = performance.now();
    const deadline = startedAt + fenceMsMax;
    const inTime = (isInTime = true) => {
      if (!isInTime || performance.now() > deadline) throw new FenceLate();
    };
    await recordState(storage, state, 'fenced');
    let swapping = false;
    try {
      await addFence(storage, state, ['flows']);
      inTime(await insertsEnded(storage, ['flows'], deadline));
      await reached('fenced');
      // The stop is for what takes long; from here on it would only leave more to do again.
      await context.stage({ fromS: cut, toS: END_OF_TIME_S }, NEVER);
      await reached('stragglers');
      inTime();
      const passedS = await holdPass(deadline, inTime);
      await reached('passFenced');
      await rollUp(END_OF_TIME_S, passedS);
      await fillEmpty(storage, run, day);
      await checkStaged(storage, run, day, tally);
      if (tally.records === 0n) throw new DayRefused(`${day} has no records any more`);
      await reached('checked');
      inTime();
      if ((await leaseHolder(storage)) !== run) throw new Error(`${day} is not swapped: another run has taken over`);
      swapping = true;
      await recordState(storage, state, 'swapping');
      await reached('swapping');
      await swapStaged(storage, run, day, reached);
      await reached('swapped');
      await endSwap(storage, state);
      return performance.now() - startedAt;
    } catch (error) {
      if (!swapping) throw error;
      throw new SwapLeft(`the swap of ${day} is left to whoever comes next: ${(error as Error).message}`, {
        cause: error,
      });
    } finally {
      // Once partitions are being put in place only completing that may end the fence; see endDeadRun.
      if (!swapping) await removeFence(storage, run);
    }
  }

  /** Fences the tables of the pass where no minute is half done; resolves with how far it has come. */
  async function holdPass(deadline: number, inTime: (isInTime?: boolean) => void): Promise<number> {
    for (let tries = 0; tries < PASS_TRIES_MAX; tries++) {
      await completeMinutes(storage);
      await addFence(storage, state, SCHEDULED_TABLES);
      inTime(await insertsEnded(storage, SCHEDULED_TABLES, deadline));
      if ((await minutesHalfDone(storage)).length === 0) return rolledUpUntil(storage);
      await removeFence(storage, run, SCHEDULED_TABLES);
    }
    throw new FenceLate();
  }

  let fencedMs = 0;
  for (let fences = 1; ; fences++) {
    cut = 0;
    passed = 0;
    tally = NOTHING;
    await createRollups(storage, run);
    if (!(await catchUp())) return { outcome: 'stopped', fencedMs };
    try {
      return { outcome: 'done', fencedMs: fencedMs + (await swap()) };
    } catch (error) {
      if (!(error instanceof FenceLate)) throw error;
      fencedMs += fenceMsMax;
      if (fences >= FENCES_MAX)
        throw new Error(
          `${day} could not be swapped within ${fenceMsMax} ms, ${FENCES_MAX} times; inserts take too long`,
        );
      log.warn({ day, fences }, 'the fence stood too long and gave way; the day is tried again');
      await recordState(storage, state, 'staging');
      await new Promise(done => setTimeout(done, GIVE_WAY_MS));
    }
  }
}

const NEVER = new AbortController().signal;

/** Seconds of `storedAt`: what was stored before is all there, for every insert that began before has ended. */
async function settledS({ storage }: DayContext): Promise<number> {
  const [row] = await storage.select<{ nowS: number; insertingS: number | null }>(
    `SELECT toFloat64(now64(6)) AS nowS,
       (SELECT maxOrNull(elapsed) FROM system.processes WHERE query_kind = 'Insert' AND startsWith(query, 'INSERT INTO flows')) AS insertingS`,
  );
  // A second less for what the server does between two looks at its clock.
  return Math.floor((row?.nowS ?? 1) - (row?.insertingS ?? 0)) - 1;
}
