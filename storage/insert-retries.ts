// Stores through storage until it is done: transient failures are retried for ever, with growing, scattered pauses; permanent
// ones a configured number of times, with longer pauses, since an error that nobody listed may pass after all. Whoever
// calls decides what a refusal means.

import type { CounterSpecs, Counters } from '../service/counters.ts';
import { createThrottle, type Log } from '../service/log.ts';
import { type Failure, retry } from '../service/retry.ts';
import { isFenced } from './failures.ts';
import { StorageError } from './storage.ts';

const retries = (failure: string) =>
  ({ name: 'enricher_insert_retries_total', help: 'Failed tries to store.', labels: { failure } }) as const;

export const PERSISTENCE_COUNTERS = {
  retriesTransient: retries('transient'),
  retriesPermanent: retries('permanent'),
} as const satisfies CounterSpecs;

export type Outcome = { readonly done: 'stored' | 'abandoned' } | { readonly done: 'refused'; readonly reason: string };

export interface PersistenceOptions {
  /** Tries before a permanent failure is taken for an answer. */
  readonly triesMax: number;
  readonly log: Log;
  readonly counters: Counters<typeof PERSISTENCE_COUNTERS>;
  /** Once aborted, what is not stored is abandoned. */
  readonly signal: AbortSignal;
  readonly pauseMsMin?: number;
  readonly pauseMsMax?: number;
}

/** Pauses after permanent failures, as multiples of the first pause: 1, 5, 15, then 30 seconds. */
const PERMANENT_PAUSES = [10, 50, 150, 300] as const;

/** Tries while a day is being re-enriched, which takes seconds: the delay of a batch is that of the fence and this. */
const FENCED_PAUSE_MS = 250;

export type Persist = (what: string, attempt: () => Promise<void>) => Promise<Outcome>;

export function createPersistence({
  triesMax,
  log,
  counters,
  signal,
  pauseMsMin = 100,
  pauseMsMax = 10_000,
}: PersistenceOptions): Persist {
  const throttle = createThrottle();
  return async (what, attempt) => {
    let permanentTries = 0;
    const act = async () => {
      await attempt();
      return true;
    };
    const onFailure = (error: unknown, { tries }: Failure) => {
      const permanent = isPermanent(error);
      counters.add(permanent ? 'retriesPermanent' : 'retriesTransient');
      if (permanent && ++permanentTries >= triesMax) throw error;
      throttle(permanent ? 'permanent' : 'transient', heldBack =>
        log.warn({ what, heldBack, tries }, `not stored yet, trying again: ${reasonOf(error)}`),
      );
    };
    const pauseMsAfter = (error: unknown) => {
      if (isFenced(error)) return FENCED_PAUSE_MS;
      return isPermanent(error)
        ? pauseMsMin * (PERMANENT_PAUSES[permanentTries - 1] ?? PERMANENT_PAUSES.at(-1)!)
        : undefined;
    };
    try {
      const pauses = { pauseMsMin, pauseMsMax };
      const stored = await retry(act, { pauses, jitter: 0.5, signal, onFailure, pauseMsAfter });
      return { done: stored ? 'stored' : 'abandoned' };
    } catch (error) {
      return { done: 'refused', reason: reasonOf(error) };
    }
  };
}

/** Anything that storage did not class is a fault of ours and will not pass. */
function isPermanent(error: unknown): boolean {
  return !(error instanceof StorageError) || error.failure === 'permanent';
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
