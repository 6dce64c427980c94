// The inventory in time, as the stages of the enricher see it: epochs, in each of which one snapshot holds. Epoch n lasts
// from starts[n] to starts[n + 1]; the first reaches back for ever, for a row older than what is known takes the oldest.

import type { Snapshot } from './snapshot.ts';

export interface Knowledge {
  /** Milliseconds, ascending; the first is -Infinity. */
  readonly starts: Float64Array;
  /** The newest snapshot document that holds in each epoch, 0 none: reported again unchanged, it makes no epoch. */
  readonly asOfs: Float64Array;
  /** The snapshot of an epoch; the same object as long as it is kept. */
  snapshotAt(epoch: number): Snapshot;
}

export function epochAt(starts: Float64Array, ms: number): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= ms) low = middle;
    else high = middle;
  }
  return low;
}

/** One snapshot that holds for all time. */
export function fixedKnowledge(snapshot: Snapshot): Knowledge {
  return {
    starts: Float64Array.of(Number.NEGATIVE_INFINITY),
    asOfs: Float64Array.of(snapshot.asOfMs),
    snapshotAt: () => snapshot,
  };
}
