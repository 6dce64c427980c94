// 95 % intervals of sampled sums. From 30 samples on the normal approximation with the stored variance, below it the
// exact Poisson interval on the number of samples (Garwood), scaled by the deviation that one sample brings: what a sum
// holds of unsampled traffic has no part in it. A sum of unsampled records has neither variance nor samples and is its
// own interval. Loss before the collector is not part of it.

export interface Estimate {
  readonly value: number;
  readonly ciLow: number | null;
  readonly ciHigh: number | null;
}

export const NORMAL_SAMPLES_MIN = 30;
const Z = 1.959964;

/** Interval of a sum with its variance, in the unit of `value` and its square; `samples` are sampled packets. */
export function interval(value: number, variance: number, samples: number): Estimate {
  if (variance <= 0) return { value, ciLow: value, ciHigh: value };
  // A flow's samples are counted in its last bucket: an earlier bucket may hold a share of the bytes and no sample.
  if (samples >= NORMAL_SAMPLES_MIN || samples < 1) {
    const half = Z * Math.sqrt(variance);
    return { value, ciLow: Math.max(0, value - half), ciHigh: value + half };
  }
  const { low, high } = garwood(Math.round(samples));
  const each = Math.sqrt(variance / samples);
  return { value, ciLow: Math.max(0, value - (samples - low) * each), ciHigh: value + (high - samples) * each };
}

const known = new Map<number, { low: number; high: number }>();

/** Exact 95 % interval of a Poisson mean after `count` events. */
export function garwood(count: number): { low: number; high: number } {
  let limits = known.get(count);
  if (!limits) {
    const high = solve(mean => poissonCdf(count, mean) - 0.025, count, 4 * count + 20);
    const low = count === 0 ? 0 : solve(mean => 0.025 - (1 - poissonCdf(count - 1, mean)), 0, count);
    limits = { low, high };
    known.set(count, limits);
  }
  return limits;
}

/** P(X <= count) of a Poisson variable. */
function poissonCdf(count: number, mean: number): number {
  let term = Math.exp(-mean);
  let sum = term;
  for (let i = 1; i <= count; i++) {
    term *= mean / i;
    sum += term;
  }
  return sum;
}

/** The zero of a falling function between two bounds. */
function solve(falling: (x: number) => number, from: number, to: number): number {
  let [low, high] = [from, to];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (falling(middle) > 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
