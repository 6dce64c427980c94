// A window cut into slices of time in each of which the same holds: documents and silent exporters. Coverage of the window
// is that of its slices, weighted by their length.

import type { PairCount } from './vm-classes.ts';

/** Slices examined of one window. Of a window with more, as many moments at equal distance stand for it. */
export const SLICES_MAX = 12;

export interface Slice {
  readonly fromMs: number;
  readonly toMs: number;
  /** The moment that stands for it. */
  readonly atMs: number;
}

export interface Slices {
  readonly slices: readonly Slice[];
  /** How many there are in the window. */
  readonly found: number;
}

/** Places of a list so that the first ones, wherever they end, stand for the whole: its end first, then ever finer parts. */
export function spreadOrder(count: number): number[] {
  const order = new Set([count - 1, 0]);
  for (let parts = 2; order.size < count; parts *= 2)
    for (let i = 1; i < parts; i++) order.add(Math.floor((i * count) / parts));
  return [...order];
}

/** `boundaries`: moments at which what holds may change. */
export function slicesOf(fromMs: number, toMs: number, boundaries: Iterable<number>, max = SLICES_MAX): Slices {
  const inside = new Set([...boundaries].filter(ms => ms > fromMs && ms < toMs));
  const starts = [fromMs, ...[...inside].sort((a, b) => a - b)];
  const found = starts.length;
  if (found <= max)
    return { found, slices: starts.map((start, i) => ({ fromMs: start, toMs: starts[i + 1] ?? toMs, atMs: start })) };
  const stepMs = (toMs - fromMs) / max;
  return {
    found,
    slices: Array.from({ length: max }, (_, i) => ({
      fromMs: fromMs + i * stepMs,
      toMs: fromMs + (i + 1) * stepMs,
      atMs: fromMs + (i + 0.5) * stepMs,
    })),
  };
}

/** Share of what is weighted, null where nothing is. */
export class WeightedShare {
  #whole = 0;
  #missing = 0;

  add(weight: number, { pairs, invisible }: PairCount): void {
    this.#whole += weight * pairs;
    this.#missing += weight * invisible;
  }

  get share(): number | null {
    return this.#whole > 0 ? 1 - this.#missing / this.#whole : null;
  }
}
