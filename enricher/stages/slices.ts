// Long work in a thread that has something more urgent to do: a slice at a time, with a turn of the event loop between.

import { setImmediate as turn } from 'node:timers/promises';

export interface SliceLimits {
  /** Milliseconds that one slice may take, by a look at the clock after every few things. */
  readonly sliceMs: number;
  /** Milliseconds, turns included, after which the rest is left undone. */
  readonly totalMs: number;
  readonly isStopped?: () => boolean;
}

/** Of the work between two looks at the clock; one thing is expected to take microseconds. */
const THINGS_PER_LOOK = 32;

/** Calls `work` with 0 to `count` - 1; resolves to how many it did. */
export async function inSlices(
  count: number,
  work: (number: number) => void,
  { sliceMs, totalMs, isStopped = () => false }: SliceLimits,
): Promise<number> {
  const endMs = performance.now() + totalMs;
  let done = 0;
  while (done < count) {
    await turn();
    const sliceEndMs = performance.now() + sliceMs;
    if (sliceEndMs > endMs || isStopped()) break;
    while (done < count && performance.now() < sliceEndMs) {
      const until = Math.min(count, done + THINGS_PER_LOOK);
      while (done < until) work(done++);
    }
  }
  return done;
}
