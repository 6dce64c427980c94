// Totals that start at zero with each worker thread and are published in shared memory, which outlives the thread: a
// worker that replaces a crashed one continues its figures.

import type { Counters } from '../../service/counters.ts';
import type { WORKER_COUNTERS } from '../threads/counters.ts';

const CONTINUED = [
  'exportersEvicted',
  'exportersRefused',
  'exportersTakenOver',
  'agentClashes',
  'changesDropped',
  'factsRefused',
  'interfacesRefused',
  'interfacesAnew',
  'totalFlowsEvicted',
  'sequencesCounted',
  'sequencesUnknown',
] as const;

export class ContinuedTotals {
  readonly #counters: Counters<typeof WORKER_COUNTERS>;
  readonly #before: ReadonlyMap<string, number>;

  constructor(counters: Counters<typeof WORKER_COUNTERS>) {
    this.#counters = counters;
    this.#before = new Map(CONTINUED.map(key => [key, counters.get(key)]));
  }

  set(key: (typeof CONTINUED)[number], total: number): void {
    this.#counters.set(key, this.#before.get(key)! + total);
  }
}
