// Keeps a rate: wakes about every millisecond, works off what has become due, and never lets the rest drift. After a
// stall it catches up at a few times the rate, not in one burst that would overflow the receiver's socket buffer.

import { setTimeout as sleep } from 'node:timers/promises';

export interface PaceOptions {
  /** Items per second, asked anew at each slot with the ms since the start. */
  readonly ratePerS: (elapsedMs: number) => number;
  readonly seconds: number;
  readonly signal: AbortSignal;
  /** Does up to about `count` items and returns how many it did. */
  readonly work: (count: number) => number;
  /** Called once per slot, after the work. */
  readonly onSlot?: (elapsedMs: number, behind: number) => void;
}

const SLOT_MS = 1;
/** Most that one slot works off, as time. */
const CATCH_UP_MS_MAX = 5;

/** Resolves with the ms it took: when the time is over, or the signal aborts. */
export async function pace({ ratePerS, seconds, signal, work, onSlot }: PaceOptions): Promise<number> {
  const started = performance.now();
  let previous = 0;
  let due = 0;
  for (;;) {
    const elapsed = Math.min(performance.now() - started, seconds * 1000);
    const rate = ratePerS(elapsed);
    due += ((elapsed - previous) * rate) / 1000;
    previous = elapsed;
    const isLast = elapsed >= seconds * 1000;
    let share = Math.max(1, Math.ceil((rate * CATCH_UP_MS_MAX) / 1000));
    while (due >= 1 && share > 0) {
      const done = work(Math.min(Math.floor(due), share));
      due -= done;
      share -= done;
    }
    onSlot?.(elapsed, due);
    // What is left at the end counts as not done unless a few more slots clear it.
    if (signal.aborted || (isLast && (due < 1 || performance.now() - started > seconds * 1000 + 100)))
      return performance.now() - started;
    await sleep(SLOT_MS);
  }
}
