// Stores through storage until it is done: passing failures are retried for ever, with growing, scattered pauses; lasting
// ones a configured number of times, with longer pauses, since an error that nobody listed may pass after all. Whoever
// calls decides what a refusal means.

import { setTimeout as sleep } from 'node:timers/promises';
import type { CounterSpecs, Counters } from '../service/counters.ts';
import { createThrottle, type Log } from '../service/log.ts';
import { isFenced } from './failures.ts';
import { StorageError } from './storage.ts';

const retries = (failure: string) =>
  ({ name: 'enricher_insert_retries_total', help: 'Failed tries to store.', labels: { failure } }) as const;

export const PERSISTENCE_COUNTERS = {
  retriesPassing: retries('passing'),
  retriesLasting: retries('lasting'),
} as const satisfies CounterSpecs;

export type Outcome = { readonly done: 'stored' | 'abandoned' } | { readonly done: 'refused'; readonly reason: string };

export interface PersistenceOptions {
  /** Tries before a lasting failure is taken for an answer. */
  readonly triesMax: number;
  readonly log: Log;
  readonly counters: Counters<typeof PERSISTENCE_COUNTERS>;
  /** Once aborted, what is not stored is abandoned. */
  readonly signal: AbortSignal;
  readonly pauseMsMin?: number;
  readonly pauseMsMax?: number;
}

/** Pauses after lasting failures, as multiples of the first pause: 1, 5, 15, then 30 seconds. */
const LASTING_PAUSES = [10, 50, 150, 300] as const;

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
    let lastingTries = 0;
    let pauseMs = 0;
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        await attempt();
        return { done: 'stored' };
      } catch (error) {
        // Anything that storage did not class is a fault of ours and will not pass.
        const lasting = !(error instanceof StorageError) || error.failure === 'lasting';
        const reason = error instanceof Error ? error.message : String(error);
        counters.add(lasting ? 'retriesLasting' : 'retriesPassing');
        if (lasting && ++lastingTries >= triesMax) return { done: 'refused', reason };
        if (isFenced(error)) pauseMs = FENCED_PAUSE_MS;
        else
          pauseMs = lasting
            ? pauseMsMin * (LASTING_PAUSES[lastingTries - 1] ?? LASTING_PAUSES.at(-1)!)
            : Math.min(pauseMsMax, pauseMsMin * 2 ** Math.min(tries, 20));
        throttle(lasting ? 'lasting' : 'passing', heldBack =>
          log.warn({ what, heldBack, tries: tries + 1 }, `not stored yet, trying again: ${reason}`),
        );
      }
      await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
    }
    return { done: 'abandoned' };
  };
}
