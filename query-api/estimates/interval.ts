// 95 % intervals of sampled sums. A sum of sampled packets is a weighted sum of Poisson counts, and its interval is that of
// Fay and Feuer (1997): gamma limits from the sum, its variance and the largest weight, which is what one more sampled packet
// may stand for. With equal weights they are Garwood's exact Poisson limits.
//
//   Lower limit: the sum scatters like a Poisson count of `value^2 / variance` events that each stand for
//   `variance / value`. That number is the samples where all packets are alike, and fewer where a few large ones carry the
//   sum. A sum may hold unsampled traffic, which has no part in its error, so there are never more events than samples.
//
//   Upper limit: packets that were not sampled may have been the largest ones. How much of the sum was sampled is not known,
//   but no less than `variance / largest`, and the limit is farthest from the sum there: `variance / largest^2` events of the
//   largest weight, and one more. Where full packets carry the bytes this is Fay and Feuer's limit of the whole sum to a few
//   percent (interval.test.ts); with 64 bytes behind every sample and an MTU of 1500 it is up to a sixth farther.
//
// Mid-P limits would be narrower below ten samples, and hold 92 % at five samples of equal packets: less than promised.
//
// Each limit is a normal one from NORMAL_EVENTS_MIN events on. A bucket may hold a share of a flow and less than one of its
// samples; its events are a fraction then. A sum of unsampled records has neither variance nor samples and is its own
// interval. Loss before the collector is not part of it.

import { gammaQuantile } from './gamma.ts';

export interface Estimate {
  readonly value: number;
  readonly ciLow: number | null;
  readonly ciHigh: number | null;
}

/** What a sum of sampled packets states of its error, in the unit of `value` and its square. */
export interface SampledSum {
  readonly value: number;
  /** Infinite where it is not known. */
  readonly variance: number;
  /** Sampled packets. */
  readonly samples: number;
  /** What one sampled packet stands for at most; 0 where it is not known. */
  readonly largest: number;
}

/**
 * How an interval was found; `approximate`: the variance is an upper bound where sizes of packets are not reported;
 * `unknown`: there is none, because the sampling rate of a part is not known; `order` and `noisy`: of ranked buckets
 * (query-api/sql/ranked.ts); `partly-covered`: of a rate without sampling, some buckets of which are covered in part
 * (query-api/sql/covered.ts); `largest-point`: a part was seen at several observation points, and nothing says which of them
 * saw the same packets (query-api/sql/unelected.ts).
 */
export const METHODS = [
  'exact',
  'poisson',
  'normal',
  'approximate',
  'none',
  'unknown',
  'order',
  'noisy',
  'largest-point',
  'partly-covered',
] as const;
export type Method = (typeof METHODS)[number];

export const NORMAL_EVENTS_MIN = 1000;
const Z = 1.959964;

export function interval(sum: SampledSum): Estimate {
  const { value, variance } = sum;
  if (variance === Number.POSITIVE_INFINITY) return { value, ciLow: null, ciHigh: null };
  if (variance <= 0) return { value, ciLow: value, ciHigh: value };
  return { value, ciLow: Math.max(0, value - below(sum)), ciHigh: value + above(sum) };
}

function below({ value, variance, samples }: SampledSum): number {
  const events = Math.min(value ** 2 / variance, samples >= 1 ? samples : Number.POSITIVE_INFINITY);
  if (events >= NORMAL_EVENTS_MIN) return Z * Math.sqrt(variance);
  return events === 0 ? 0 : (events - garwood(events).low) * Math.sqrt(variance / events);
}

function above(sum: SampledSum): number {
  const weight = weightOf(sum);
  const events = sum.variance / weight ** 2;
  if (events >= NORMAL_EVENTS_MIN) return Z * Math.sqrt(sum.variance);
  return (garwood(events).high - events) * weight;
}

/** What may be wrong with a choice between observation points, in the units of a sum. */
export interface Doubt {
  /** What the value may hold twice. */
  readonly less: number;
  /** What was seen at points that were not chosen, with its variance and samples. */
  readonly more: number;
  readonly variance: number;
  readonly samples: number;
}

/** The interval of a sum that holds whatever the truth is between what the surest points saw and what all of them saw. */
export function doubtfulInterval(sum: SampledSum, { less, more, variance, samples }: Doubt): Estimate {
  const { ciLow } = interval(sum);
  const { ciHigh } = interval({
    ...sum,
    value: sum.value + more,
    variance: sum.variance + variance,
    samples: sum.samples + samples,
  });
  return { value: sum.value, ciLow: ciLow === null ? null : Math.max(0, ciLow - less), ciHigh };
}

/**
 * Never less than the mean weight of what was sampled. Where the largest is not known, all of the variance may be one
 * packet's.
 */
function weightOf({ value, variance, largest }: SampledSum): number {
  return largest > 0 ? Math.max(largest, value > 0 ? variance / value : 0) : Math.sqrt(variance);
}

/** Interval of a sum of which nothing was seen where one sampled packet stands for `largest`; 0: unsampled, null: not known. */
export function unseenInterval(largest: number | null): Estimate {
  return { value: 0, ciLow: 0, ciHigh: largest === null ? null : garwood(0).high * largest };
}

/**
 * A record of several sampled packets need not report their sizes, and such sums have more samples than records. Those that
 * report the sum of squares have their very variance; a sum does not know which they were.
 */
export function methodOf(sum: SampledSum, records: number): Method {
  if (sum.variance === Number.POSITIVE_INFINITY) return 'unknown';
  if (sum.variance <= 0) return 'exact';
  if (sum.samples > records) return 'approximate';
  return sum.variance / weightOf(sum) ** 2 >= NORMAL_EVENTS_MIN ? 'normal' : 'poisson';
}

/** Exact 95 % interval of a Poisson mean after `count` events, which may be a fraction. */
export function garwood(count: number): { low: number; high: number } {
  return { low: count < 1e-6 ? 0 : gammaQuantile(count, 0.025), high: gammaQuantile(count + 1, 0.975) };
}
