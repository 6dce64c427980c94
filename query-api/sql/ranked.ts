// A percentile of the five-minute buckets of a group, the maximum as the 100th, with what the sampling of each bucket leaves
// open.
//
// Ranked are closed buckets alone, of those that are covered. Nearest rank: the value at place ceil(p n) of n; buckets
// without rows are zeros and stand at the low end. The interval is that of order statistics (the ranks between which the
// percentile lies, by the binomial distribution), widened by each bucket's own error: the lower rank among the lower ends of
// the buckets' intervals, the upper rank among their upper ends. A bucket that is covered in part has its lower end by all
// its seconds (covered.ts). It speaks of the buckets of the window, so its upper end is never beyond the largest.

import type { Estimate } from '../answers/answers.ts';
import { type Metric, percentileOf } from '../answers/metric.ts';
import { gammaQuantile } from '../estimates/gamma.ts';
import { garwood } from '../estimates/interval.ts';
import { type Covered, RANKED_BUCKETS_SQL } from './covered.ts';
import type { Window } from './window.ts';

/** Beyond this relative standard error of the median bucket the noise of sampling raises a 95th percentile by more than a sixth. */
export const NOISE_MAX = 0.1;
const TAIL = 0.025;
const Z = 1.959964;

/** What ClickHouse returns of ranked buckets, in bit/s; null where it is not a number. */
export interface Ranked {
  readonly ranked: number | null;
  readonly rankedLow: number | null;
  readonly rankedHigh: number | null;
  /** The same rank of the least that the covered part of each bucket may have had (covered.ts). */
  readonly rankedLeast: number | null;
  /** Relative standard error of the median bucket. */
  readonly noise: number | null;
}

export const RANKED_COLUMNS = ['ranked', 'rankedLow', 'rankedHigh', 'rankedLeast', 'noise'] as const;
export const NOT_RANKED: Ranked = { ranked: 0, rankedLow: 0, rankedHigh: 0, rankedLeast: 0, noise: 0 };

export function isRanked(metric: Metric): boolean {
  return percentileOf(metric) !== undefined;
}

/** Percentiles as whole numbers, in which 0.07 x 100 is 7. */
const WHOLE = 100_000;

/** The nearest rank of a percentile is neither the smallest nor the largest of so many buckets; 20 for the 95th. */
export function bucketsMin(percentile: number): number {
  const level = Math.round(percentile * 1000);
  return level === WHOLE ? 1 : Math.ceil(WHOLE / Math.min(level, WHOLE - level));
}

/** Ranks, from 1 for the smallest, that hold a percentile of n buckets between them with 95 % confidence. */
export function ranksOf(buckets: number, percentile: number): { low: number; rank: number; high: number } {
  if (percentile === 100) return { low: buckets, rank: buckets, high: buckets };
  const level = Math.round(percentile * 1000);
  const p = level / WHOLE;
  let term = 0;
  let below = 0;
  let low = 1;
  let high = buckets;
  // The logarithm keeps the first terms above zero, however many buckets there are.
  let log = buckets * Math.log(1 - p);
  for (let k = 0; k <= buckets; k++) {
    if (below <= TAIL) low = Math.max(1, k);
    if (below >= 1 - TAIL) {
      high = Math.min(buckets, k);
      break;
    }
    term = Math.exp(log);
    below += term;
    log += Math.log((buckets - k) / (k + 1)) + Math.log(p / (1 - p));
  }
  return { low, rank: Math.ceil((level * buckets) / WHOLE), high };
}

/**
 * Standard errors below the largest of n buckets. It is the one that noise has raised most, so its lower end is that of
 * all n at once (Bonferroni): with 1.96 the truth lay below in 12 of 100 cells (ranking.integration.test.ts).
 */
function zOfLargest(buckets: number): number {
  return Math.sqrt(2 * gammaQuantile(0.5, 1 - (2 * TAIL) / Math.max(1, buckets)));
}

/**
 * The bounds of one bucket's bytes as estimates/interval.ts has them, with what the choice of unelected traffic may have
 * wrong, in the form of Wilson and Hilferty, within 2 % from 4 events on.
 */
function boundsSql(zLow: number): { low: string; high: string } {
  const low = poissonLow(zLow, { value: 'toFloat64(g.bytes)', variance: 'g.varBytes', samples: 'g.samples' });
  const high = poissonHigh({
    value: '(toFloat64(g.bytes) + g.moreBytes + greatest(0, g.missedBytes))',
    variance: '(g.varBytes + g.moreVariance + g.missedVariance)',
  });
  return { low: `greatest(0, ${low} - g.lessBytes)`, high };
}

interface BucketSums {
  readonly value: string;
  readonly variance: string;
  readonly samples: string;
}

// What is used more than once has a name in the statement: written out it took longer to plan than to run.

function poissonLow(z: number, { value, variance, samples }: BucketSums): string {
  const free = `(${value} * ${value} / ${variance} AS free)`;
  const events = `(greatest(1e-9, if(${samples} >= 1, least(${free}, toFloat64(${samples})), free)) AS events)`;
  const least = `events * pow(greatest(0, 1 - 1 / (9 * events) - ${z} / (3 * sqrt(events))), 3)`;
  return `if(${variance} <= 0, ${value}, greatest(0, ${value} - (${events} - ${least}) * sqrt(${variance} / events)))`;
}

function poissonHigh({ value, variance }: Pick<BucketSums, 'value' | 'variance'>): string {
  const size = `(${value} AS size)`;
  const error = `(${variance} AS error)`;
  const weight = `(if(size = 0, g.largestBytes, greatest(g.largestBytes, error / size)) AS weight)`;
  const full = `(error / pow(${weight}, 2) AS full)`;
  const most = `(full + 1) * pow(1 - 1 / (9 * (full + 1)) + ${Z} / (3 * sqrt(full + 1)), 3)`;
  return `if(${error} <= 0, ${size}, size + (${most} - ${full}) * weight)`;
}

/** Selected columns that rank the buckets of a relation `g` with bucket and its figures, and what `g` is joined with for it. */
export function rankedSql(
  metric: Metric,
  window: Window,
  covered: Covered,
): { sql: string; join: string; params: Record<string, unknown> } {
  const percentile = percentileOf(metric);
  if (percentile === undefined)
    return { sql: RANKED_COLUMNS.map(name => `0 AS ${name}`).join(', '), join: '', params: {} };
  const n = covered.closedBuckets;
  const seconds = 'greatest(1, b.seconds)';
  const closed = 'b.seconds > 0';
  const { low, high } = boundsSql(percentile === 100 ? zOfLargest(n) : Z);
  const rates = (bytes: string, by = seconds) => `groupArrayIf((${bytes}) * 8 / ${by}, ${closed})`;
  const whole = 'greatest(1, b.lastingS)';
  // A bucket without rows may have missed sampled packets of the largest size.
  const unseen = `${8 * garwood(0).high} * max(g.largestBytes) / {rankStep:UInt32}`;
  const empty = `toInt64(greatest(0, {rankBuckets:Int64} - toInt64(countIf(${closed}))))`;
  const at = (rates: string, place: string) =>
    `arrayPartialReverseSort({${place}:UInt32}, ${rates})[{${place}:UInt32}]`;
  const ranks = ranksOf(n, percentile);
  return {
    sql: `${at(rates('g.bytes'), 'rankPlace')} AS ranked, ${at(rates(low, whole), 'rankLow')} AS rankedLow, ${at(rates('g.bytes', whole), 'rankPlace')} AS rankedLeast,
    ${atAmongEmpty({ rates: rates(high), place: '{rankHigh:UInt32}', empty, value: unseen })} AS rankedHigh,
    quantileExactIf(0.5)(sqrt(g.varBytes) / g.bytes, ${closed} AND g.bytes > 0) AS noise`,
    join: `LEFT JOIN (${RANKED_BUCKETS_SQL}) AS b ON toUInt64(toUnixTimestamp(g.bucket)) = b.bucketS`,
    params: {
      rankStep: window.resolutionS,
      rankFrom: covered.parts.map(({ fromS }) => fromS),
      rankTo: covered.parts.map(({ toS }) => toS),
      rankEnd: covered.bounds?.toS ?? 0,
      rankBefore: covered.closedBeforeS,
      rankBuckets: n,
      rankPlace: placeOf(n, ranks.rank),
      rankLow: placeOf(n, ranks.low),
      rankHigh: placeOf(n, ranks.high),
    },
  };
}

/** The value at a place, from the largest, of rates and so many buckets more that have the same value. */
function atAmongEmpty({ rates, place, empty, value }: Readonly<Record<'rates' | 'place' | 'empty' | 'value', string>>) {
  const larger = `(arrayCount(rate -> rate > ofEmpty, (arrayReverseSort(${rates}) AS highs)) AS larger)`;
  return `multiIf(${place} <= ${larger}, highs[${place}], ${place} <= larger + (${empty} AS emptyOnes), (${value} AS ofEmpty), highs[${place} - emptyOnes])`;
}

/** A rank from the largest, 1. */
function placeOf(buckets: number, rank: number): number {
  return Math.max(1, buckets - rank + 1);
}

/** Whether so many closed buckets have a value of this metric. */
export function isTooFew(metric: Metric, buckets: number): boolean {
  return buckets < bucketsMin(percentileOf(metric) ?? 100);
}

/** `method`: how the error of the sum of the same rows is known. */
export function rankedEstimate(
  { ranked, rankedLow, rankedHigh, rankedLeast, noise }: Ranked,
  metric: Metric,
  buckets: number,
  samples: number,
  method: Estimate['method'],
): Estimate {
  if (isTooFew(metric, buckets)) return { value: null, ciLow: null, ciHigh: null, samples, method: 'none' };
  if (method === 'exact' && rankedLeast === ranked)
    return { value: ranked, ciLow: ranked, ciHigh: ranked, samples, method };
  if (method === 'exact')
    return { value: ranked, ciLow: rankedLeast, ciHigh: ranked, samples, method: 'partly-covered' };
  if (method === 'unknown' || method === 'none') return { value: ranked, ciLow: null, ciHigh: null, samples, method };
  if (method === 'largest-point') return { value: ranked, ciLow: rankedLow, ciHigh: rankedHigh, samples, method };
  const isNoisy = noise === null || noise > NOISE_MAX;
  return { value: ranked, ciLow: rankedLow, ciHigh: rankedHigh, samples, method: isNoisy ? 'noisy' : 'order' };
}
