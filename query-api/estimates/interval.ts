// 95 % intervals of sampled sums. A sum of sampled packets is a weighted sum of Poisson counts: it scatters like a
// Poisson count of `value^2 / variance` events that each stand for `variance / value` bytes. That number is the samples
// where all packets are alike, and fewer where a few large ones carry the sum. The exact Poisson interval of such a
// count (Garwood, through the gamma distribution) is used up to NORMAL_SAMPLES_MIN and the normal one beyond, where
// both agree to a percent: 1.96 standard deviations around 30 to 100 samples of mixed sizes miss the truth too often at
// the upper end (benchmarks/verify/estimator.slow.test.ts prints both).
//
// What a sum holds of unsampled traffic has no part in its error, so there are never more events than samples. A bucket
// may hold a share of a flow and less than one of its samples; its events are a fraction then. A sum of unsampled
// records has neither variance nor samples and is its own interval. Loss before the collector is not part of it.

import { gammaQuantile } from './gamma.ts';

export interface Estimate {
  readonly value: number;
  readonly ciLow: number | null;
  readonly ciHigh: number | null;
}

/**
 * How an interval was found; `approximate`: the variance is an upper bound where sizes of packets are not reported;
 * `unknown`: there is none, because the sampling rate of a part is not known; `order` and `noisy`: of ranked buckets
 * (query-api/sql/ranked.ts).
 */
export const METHODS = ['exact', 'poisson', 'normal', 'approximate', 'none', 'unknown', 'order', 'noisy'] as const;
export type Method = (typeof METHODS)[number];

export const NORMAL_SAMPLES_MIN = 1000;
const Z = 1.959964;
/** Rule of three: with 95 % confidence an expectation is below 3 when none was seen. */
const NONE_SEEN_MAX = 3;

/**
 * Interval of a sum with its variance, in the unit of `value` and its square; `samples` are sampled packets. An infinite
 * variance is one that is not known.
 */
export function interval(value: number, variance: number, samples: number): Estimate {
  if (variance === Number.POSITIVE_INFINITY) return { value, ciLow: null, ciHigh: null };
  if (variance <= 0) return { value, ciLow: value, ciHigh: value };
  const events = eventsOf(value, variance, samples);
  if (events >= NORMAL_SAMPLES_MIN) {
    const half = Z * Math.sqrt(variance);
    return { value, ciLow: Math.max(0, value - half), ciHigh: value + half };
  }
  const { low, high } = garwood(events);
  const each = Math.sqrt(variance / events);
  return { value, ciLow: Math.max(0, value - (events - low) * each), ciHigh: value + (high - events) * each };
}

/**
 * Interval of a sum of which nothing was seen where `bytesPerSample` stand behind each sampled packet; 0: unsampled, null:
 * not known.
 */
export function unseenInterval(bytesPerSample: number | null): Estimate {
  return { value: 0, ciLow: 0, ciHigh: bytesPerSample === null ? null : NONE_SEEN_MAX * bytesPerSample };
}

/**
 * A record of several sampled packets need not report their sizes, and such sums have more samples than records. Those that
 * report the sum of squares have their very variance; a sum does not know which they were.
 */
export function methodOf(value: number, variance: number, samples: number, records: number): Method {
  if (variance === Number.POSITIVE_INFINITY) return 'unknown';
  if (variance <= 0) return 'exact';
  if (samples > records) return 'approximate';
  return eventsOf(value, variance, samples) >= NORMAL_SAMPLES_MIN ? 'normal' : 'poisson';
}

/** The Poisson count that scatters as this sum does. */
function eventsOf(value: number, variance: number, samples: number): number {
  const events = Math.max((value * value) / variance, Number.MIN_VALUE);
  return samples >= 1 ? Math.min(events, samples) : events;
}

/** Exact 95 % interval of a Poisson mean after `count` events, which may be a fraction. */
export function garwood(count: number): { low: number; high: number } {
  return { low: count < 1e-6 ? 0 : gammaQuantile(count, 0.025), high: gammaQuantile(count + 1, 0.975) };
}
