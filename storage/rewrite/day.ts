// One day of receipt, rewritten (docs/decisions/0003-re-enrichment.md). Most of the work is done while batches of the day
// arrive: records are staged and rolled up in rounds, each a window of `storedAt` that no insert can reach any more, until a
// round takes less than a moment. The last round is behind the fence, and then the partitions are swapped.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../service/log.ts';
import { addFence, insertsEnded, OLDEST_INSERT_S_SQL, removeFence, SCHEDULED_TABLES } from '../fence.ts';
import { completeMinutes } from '../rollup/scheduled-rollup.ts';
import type { Storage } from '../storage.ts';
import { minutesHalfDone, rolledUpUntil } from '../tables/passes.ts';
import { type RunDay, recordState } from '../tables/reenrichments.ts';
import { leaseHolder } from './lease.ts';
import { endSwap } from './recovery.ts';
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
} from './staging.ts';
import { addTally, checkStaged, NOTHING, recordsExpired, type Tally } from './tally.ts';

/** How long a day may be fenced before its swap begins; a fence that needs longer is removed, and the day is tried again. */
export const FENCE_MS_MAX = 10_000;
const FENCES_MAX = 5;
const RETRY_PAUSE_MS = 2000;
/** Rounds before the fence, at most, and how long the last of them may have taken. */
const ROUNDS_MAX = 10;
const ROUND_MS_WANTED = 500;
const SCHEDULE_TRIES_MAX = 20;
const END_OF_TIME_S = 0xffffffff;

/** Steps at which a run can be stopped, killed or overtaken: for tests of just that. */
export type Step =
  | 'staged'
  | 'rolledUp'
  | 'fenced'
  | 'stragglers'
  | 'rollupFenced'
  | 'checked'
  | 'swapping'
  | SwappedTable
  | 'swapped';

export interface DayContext extends RunDay {
  readonly storage: Storage;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Stages the records stored in the window that are not staged yet; false when `signal` stopped it between two groups. */
  readonly stage: (window: StoredWindow, signal: AbortSignal) => Promise<boolean>;
  /** All records are known to be there, so roll-ups that count more are wrong. */
  readonly isWhole?: boolean;
  readonly reached?: (step: Step) => Promise<void> | void;
  readonly fenceMsMax?: number;
}

export interface DayOutcome {
  readonly outcome: 'done' | 'stopped';
  /** How long inserts of that day were refused. */
  readonly fencedMs: number;
}

/** Thrown when a day cannot be rewritten; what is staged is of no use. */
export class DayRefused extends Error {}

/** Thrown when a swap had begun: staged tables, fence and lease stay, and the next enricher or run completes it. */
export class SwapLeft extends Error {}

/** The fence was in place for too long and was removed. */
class FenceLate extends Error {}

const NEVER = new AbortController().signal;

export function rewriteDay(context: DayContext): Promise<DayOutcome> {
  return new DayRewrite(context).run();
}

class DayRewrite {
  readonly #context: DayContext;
  readonly #storage: Storage;
  readonly #state: RunDay;
  readonly #fenceMsMax: number;
  /** What is rolled up: all that was stored before `cutS`, and before `scheduledS` in the tables of the scheduled roll-up. */
  #cutS = 0;
  #scheduledS = 0;
  /** What is staged and checked, up to both. */
  #tally: Tally = NOTHING;

  constructor(context: DayContext) {
    const { run, day, revision, knowledge } = context;
    this.#context = context;
    this.#storage = context.storage;
    this.#state = { run, day, revision, knowledge };
    this.#fenceMsMax = context.fenceMsMax ?? FENCE_MS_MAX;
  }

  async run(): Promise<DayOutcome> {
    const { run, day, log, isWhole } = this.#context;
    if (!isWhole && (await recordsExpired(this.#storage, day)))
      throw new DayRefused(
        `some records of ${day} have expired, and its roll-ups would lose what they were counted from`,
      );
    await recordState(this.#storage, this.#state, 'staging');
    await createRecords(this.#storage, run);
    let fencedMs = 0;
    for (let fences = 1; ; fences++) {
      await this.#startRollups();
      if (!(await this.#catchUp())) return { outcome: 'stopped', fencedMs };
      try {
        return { outcome: 'done', fencedMs: fencedMs + (await this.#swapFenced()) };
      } catch (error) {
        if (!(error instanceof FenceLate)) throw error;
        fencedMs += this.#fenceMsMax;
        if (fences >= FENCES_MAX)
          throw new Error(
            `${day} could not be swapped within ${this.#fenceMsMax} ms, ${FENCES_MAX} times; inserts take too long`,
          );
        log.warn({ day, fences }, 'the fence was in place for too long and was removed; the day is tried again');
        await recordState(this.#storage, this.#state, 'staging');
        await sleep(RETRY_PAUSE_MS);
      }
    }
  }

  async #startRollups(): Promise<void> {
    this.#cutS = 0;
    this.#scheduledS = 0;
    this.#tally = NOTHING;
    await createRollups(this.#storage, this.#context.run);
  }

  /** Rounds before the fence; false when stopped. */
  async #catchUp(): Promise<boolean> {
    const { stage, signal } = this.#context;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const startedAt = performance.now();
      const untilS = await settledS(this.#storage);
      if (!(await stage({ fromS: this.#cutS, toS: untilS }, signal))) return false;
      await this.#reached('staged');
      if (signal.aborted) return false;
      const scheduledS = Math.min(untilS, await rolledUpUntil(this.#storage));
      await this.#rollUp(Math.max(this.#cutS, untilS), Math.max(this.#scheduledS, scheduledS));
      await this.#reached('rolledUp');
      if (signal.aborted) return false;
      if (performance.now() - startedAt < ROUND_MS_WANTED) return true;
    }
    return true;
  }

  async #rollUp(toS: number, scheduledToS: number): Promise<void> {
    const { run } = this.#context;
    const byView = { fromS: this.#cutS, toS };
    const bySchedule = { fromS: this.#scheduledS, toS: scheduledToS };
    await rollUpStaged(this.#storage, run, BY_VIEW, byView);
    await rollUpStaged(this.#storage, run, BY_SCHEDULE, bySchedule);
    this.#tally = await addTally(this.#storage, this.#state, this.#tally, { byView, bySchedule });
    this.#cutS = toS;
    this.#scheduledS = scheduledToS;
  }

  /** The last round and the swap; resolves to how long it took. Throws FenceLate when nothing has changed yet. */
  async #swapFenced(): Promise<number> {
    const { run, day } = this.#context;
    const startedAt = performance.now();
    await recordState(this.#storage, this.#state, 'fenced');
    let isSwapping = false;
    try {
      await this.#lastRound(startedAt + this.#fenceMsMax);
      if ((await leaseHolder(this.#storage)) !== run)
        throw new Error(`${day} is not swapped: another run has taken over`);
      isSwapping = true;
      await this.#swap();
      return performance.now() - startedAt;
    } catch (error) {
      if (!isSwapping) throw error;
      throw new SwapLeft(`the swap of ${day} is left to the next run or enricher: ${(error as Error).message}`, {
        cause: error,
      });
    } finally {
      // Once partitions are being replaced, only completing that may remove the fence; see recoverRun().
      if (!isSwapping) await removeFence(this.#storage, run);
    }
  }

  /** Fences the day, stages and rolls up what is left of it, and checks all of it. */
  async #lastRound(deadline: number): Promise<void> {
    const { run, day, stage } = this.#context;
    await addFence(this.#storage, this.#state, ['flows']);
    checkInTime(deadline, await insertsEnded(this.#storage, ['flows'], deadline));
    await this.#reached('fenced');
    // The stop is for what takes long; from here on it would only leave more to repeat.
    await stage({ fromS: this.#cutS, toS: END_OF_TIME_S }, NEVER);
    await this.#reached('stragglers');
    checkInTime(deadline);
    const scheduledS = await this.#holdSchedule(deadline);
    await this.#reached('rollupFenced');
    await this.#rollUp(END_OF_TIME_S, scheduledS);
    await fillEmpty(this.#storage, run, day);
    await checkStaged(this.#storage, run, day, this.#tally);
    if (this.#tally.records === 0n) throw new DayRefused(`${day} has no records any more`);
    await this.#reached('checked');
    checkInTime(deadline);
  }

  /** Fences the tables of the scheduled roll-up where no minute is half done; resolves to how far it has rolled up. */
  async #holdSchedule(deadline: number): Promise<number> {
    for (let tries = 0; tries < SCHEDULE_TRIES_MAX; tries++) {
      await completeMinutes(this.#storage);
      await addFence(this.#storage, this.#state, SCHEDULED_TABLES);
      checkInTime(deadline, await insertsEnded(this.#storage, SCHEDULED_TABLES, deadline));
      if ((await minutesHalfDone(this.#storage)).length === 0) return rolledUpUntil(this.#storage);
      await removeFence(this.#storage, this.#context.run, SCHEDULED_TABLES);
    }
    throw new FenceLate();
  }

  async #swap(): Promise<void> {
    const { run, day } = this.#context;
    await recordState(this.#storage, this.#state, 'swapping');
    await this.#reached('swapping');
    await swapStaged(this.#storage, run, day, table => this.#reached(table));
    await this.#reached('swapped');
    await endSwap(this.#storage, this.#state);
  }

  async #reached(step: Step): Promise<void> {
    await this.#context.reached?.(step);
  }
}

function checkInTime(deadline: number, isInTime = true): void {
  if (!isInTime || performance.now() > deadline) throw new FenceLate();
}

/** Seconds of `storedAt`: what was stored before is all there, because every insert that began before has ended. */
async function settledS(storage: Storage): Promise<number> {
  const [row] = await storage.select<{ nowS: number; insertingS: number | null }>(
    `SELECT toFloat64(now64(6)) AS nowS, ${OLDEST_INSERT_S_SQL} AS insertingS`,
  );
  // A second less for what the server does between two readings of its clock.
  return Math.floor((row?.nowS ?? 1) - (row?.insertingS ?? 0)) - 1;
}
