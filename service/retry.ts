// Repeats an action until it succeeds. The pause after each failure is twice the one before, up to a limit. Callers
// log and count each failure in `onFailure`, and may end the tries there.
// docs/decisions/0009-retry-and-threads.md says why this is not a library.

import { setTimeout as sleep } from 'node:timers/promises';

export interface Pauses {
  readonly pauseMsMin: number;
  readonly pauseMsMax: number;
}

/** The pauses of one action: each is twice the one before. */
export class Backoff {
  readonly #pauses: Pauses;
  #nextMs: number;

  constructor(pauses: Pauses) {
    this.#pauses = pauses;
    this.#nextMs = pauses.pauseMsMin;
  }

  /** What `take` returns next. */
  get nextMs(): number {
    return this.#nextMs;
  }

  take(): number {
    const taken = this.#nextMs;
    this.#nextMs = Math.min(2 * taken, this.#pauses.pauseMsMax);
    return taken;
  }

  reset(): void {
    this.#nextMs = this.#pauses.pauseMsMin;
  }
}

export interface Failure {
  /** Failed tries so far; 1 after the first. */
  readonly tries: number;
  /** The pause that follows unless another one is chosen. */
  readonly pauseMs: number;
}

export interface RetryOptions {
  readonly pauses: Pauses | Backoff;
  /** Ends the tries and the pause between them. A try that is running is not interrupted. */
  readonly signal?: AbortSignal;
  /** Pauses before the first try too. */
  readonly pauseFirst?: boolean;
  /** The part of each pause that is random, from 0 (the default) to 1. */
  readonly jitter?: number;
  /** Called after each failure, before the pause. It ends the tries by throwing. */
  readonly onFailure?: (error: unknown, failure: Failure) => MaybePromise<void>;
  /** A pause for this failure instead of the next one of `pauses`. */
  readonly pauseMsAfter?: (error: unknown) => number | undefined;
}

type MaybePromise<T> = T | Promise<T>;

/** Resolves with the result of the first try that succeeds, or with undefined when `signal` ended the tries before. */
export async function retry<T>(
  action: () => MaybePromise<T>,
  options: RetryOptions & { readonly signal: AbortSignal },
): Promise<T | undefined>;
export async function retry<T>(
  action: () => MaybePromise<T>,
  options: RetryOptions & { readonly signal?: never },
): Promise<T>;
export async function retry<T>(action: () => MaybePromise<T>, options: RetryOptions): Promise<T | undefined> {
  const { pauses, signal, pauseFirst = false, jitter = 0, onFailure, pauseMsAfter } = options;
  const backoff = pauses instanceof Backoff ? pauses : new Backoff(pauses);
  const scattered = (ms: number) => ms * (1 - jitter + jitter * Math.random());
  if (pauseFirst) await pause(scattered(backoff.take()), signal);
  for (let tries = 1; !signal?.aborted; tries++) {
    try {
      return await action();
    } catch (error) {
      const pauseMs = backoff.take();
      await onFailure?.(error, { tries, pauseMs });
      await pause(scattered(pauseMsAfter?.(error) ?? pauseMs), signal);
    }
  }
  return undefined;
}

/** Resolves after so many milliseconds, or as soon as `signal` is aborted. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
