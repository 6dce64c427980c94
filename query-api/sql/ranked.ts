// p95 and maximum of the five-minute buckets of a group, with what the sampling of each bucket leaves open.
//
// Ranked are closed buckets alone. Nearest rank: the value at place ceil(0.95 n) of n; buckets without rows are zeros and
// stand at the low end. The interval is that of order statistics (the ranks between which the 95th percentile lies, by the
// binomial distribution), widened by each bucket's own error: the lower rank among the lower ends of the buckets' intervals,
// the upper rank among their upper ends. It speaks of the buckets of the window, so its upper end is never beyond the largest.

import type { Estimate } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import { gammaQuantile } from '../estimates/gamma.ts';
import type { Covered, Window } from './window.ts';

/** The nearest rank of 95 % is below the maximum from here on: ceil(0.95 x 20) = 19. */
export const P95_BUCKETS_MIN = 20;
/** Beyond this relative standard error of the median bucket the noise of sampling raises a p95 by more than a sixth. */
export const NOISE_MAX = 0.1;
const P = 0.95;
const TAIL = 0.025;
const Z = 1.959964;

/** What ClickHouse returns of ranked buckets, in bit/s; null where it is not a number. */
export interface Ranked {
  readonly ranked: number | null;
  readonly rankedLow: number | null;
  readonly rankedHigh: number | null;
  /** Relative standard error of the median bucket. */
  readonly noise: number | null;
}

export const RANKED_COLUMNS = ['ranked', 'rankedLow', 'rankedHigh', 'noise'] as const;
export const NOT_RANKED: Ranked = { ranked: 0, rankedLow: 0, rankedHigh: 0, noise: 0 };

export function isRanked(metric: Metric): boolean {
  return metric === 'p95Bps' || metric === 'maxBps';
}

/** Ranks, from 1 for the smallest, that hold the 95th percentile of n buckets between them with 95 % confidence. */
export function ranksOf(buckets: number): { low: number; rank: number; high: number } {
  let term = (1 - P) ** buckets;
  let below = 0;
  let low = 1;
  let high = buckets;
  // The logarithm keeps the first terms above zero, however many buckets there are.
  let log = buckets * Math.log(1 - P);
  for (let k = 0; k <= buckets; k++) {
    if (below <= TAIL) low = Math.max(1, k);
    if (below >= 1 - TAIL) {
      high = Math.min(buckets, k);
      break;
    }
    term = Math.exp(log);
    below += term;
    log += Math.log((buckets - k) / (k + 1)) + Math.log(P / (1 - P));
  }
  return { low, rank: Math.ceil(P * buckets), high };
}

/**
 * Standard errors below the largest of n buckets. It is the one that noise has raised most, so its lower end is that of
 * all n at once (Bonferroni): with 1.96 the truth lay below in 12 of 100 cells (ranking.integration.test.ts).
 */
function zOfLargest(buckets: number): number {
  return Math.sqrt(2 * gammaQuantile(0.5, 1 - (2 * TAIL) / Math.max(1, buckets)));
}

/** The bounds of one bucket's bytes: the exact Poisson interval in the form of Wilson and Hilferty, within 2 % from 4 events on. */
function boundsSql(zLow: number): { low: string; high: string } {
  const [value, variance] = ['toFloat64(g.bytes)', 'g.varBytes'];
  const free = `${value} * ${value} / ${variance}`;
  const events = `greatest(1e-9, if(g.samples >= 1, least(${free}, toFloat64(g.samples)), ${free}))`;
  const each = `sqrt(${variance} / ${events})`;
  const least = `${events} * pow(greatest(0, 1 - 1 / (9 * ${events}) - ${zLow} / (3 * sqrt(${events}))), 3)`;
  const most = `(${events} + 1) * pow(1 - 1 / (9 * (${events} + 1)) + ${Z} / (3 * sqrt(${events} + 1)), 3)`;
  return {
    low: `if(${variance} <= 0, ${value}, greatest(0, ${value} - (${events} - ${least}) * ${each}))`,
    high: `if(${variance} <= 0, ${value}, ${value} + (${most} - ${events}) * ${each})`,
  };
}

/** Selected columns that rank the buckets of a relation `g` with bucket, bytes, varBytes and samples. */
export function rankedSql(
  metric: Metric,
  window: Window,
  covered: Covered,
): { sql: string; params: Record<string, unknown> } {
  if (!isRanked(metric)) return { sql: RANKED_COLUMNS.map(name => `0 AS ${name}`).join(', '), params: {} };
  const n = covered.closedBuckets;
  const seconds =
    'greatest(1, least(toUnixTimestamp(g.bucket) + {rankStep:UInt32}, {rankTo:UInt32}) - greatest(toUnixTimestamp(g.bucket), {rankFrom:UInt32}))';
  const closed = 'g.bucket < toDateTime({rankBefore:UInt32})';
  const { low, high } = boundsSql(metric === 'maxBps' ? zOfLargest(n) : Z);
  const rates = (bytes: string) => `groupArrayIf((${bytes}) * 8 / ${seconds}, ${closed})`;
  // A bucket without rows may have missed three sampled packets of mean size.
  const unseen = 'if(sum(g.samples) = 0, 0, 24 * sum(g.bytes) / sum(g.samples) / {rankStep:UInt32})';
  const empty = `arrayWithConstant(toUInt64(greatest(0, {rankBuckets:Int64} - toInt64(countIf(${closed})))), ${unseen})`;
  const at = (rates: string, place: string) => `arrayReverseSort(${rates})[{${place}:UInt32}]`;
  const ranks = metric === 'maxBps' ? { low: n, rank: n, high: n } : ranksOf(n);
  return {
    sql: `${at(rates('g.bytes'), 'rankPlace')} AS ranked, ${at(rates(low), 'rankLow')} AS rankedLow,
    ${at(`arrayConcat(${rates(high)}, ${empty})`, 'rankHigh')} AS rankedHigh,
    quantileExactIf(0.5)(sqrt(g.varBytes) / g.bytes, ${closed} AND g.bytes > 0) AS noise`,
    params: {
      rankStep: window.resolutionS,
      rankFrom: covered.fromS,
      rankTo: covered.toS,
      rankBefore: covered.closedBeforeS,
      rankBuckets: n,
      rankPlace: placeOf(n, ranks.rank),
      rankLow: placeOf(n, ranks.low),
      rankHigh: placeOf(n, ranks.high),
    },
  };
}

/** A rank from the largest, 1. */
function placeOf(buckets: number, rank: number): number {
  return Math.max(1, buckets - rank + 1);
}

/** Whether so many closed buckets have a value of this metric. */
export function isTooFew(metric: Metric, buckets: number): boolean {
  return buckets < (metric === 'p95Bps' ? P95_BUCKETS_MIN : 1);
}

/** `method`: how the error of the sum of the same rows is known. */
export function rankedEstimate(
  { ranked, rankedLow, rankedHigh, noise }: Ranked,
  metric: Metric,
  buckets: number,
  samples: number,
  method: Estimate['method'],
): Estimate {
  if (isTooFew(metric, buckets)) return { value: null, ciLow: null, ciHigh: null, samples, method: 'none' };
  if (method === 'exact') return { value: ranked, ciLow: ranked, ciHigh: ranked, samples, method };
  if (method === 'unknown' || method === 'none') return { value: ranked, ciLow: null, ciHigh: null, samples, method };
  const isNoisy = noise === null || noise > NOISE_MAX;
  return { value: ranked, ciLow: rankedLow, ciHigh: rankedHigh, samples, method: isNoisy ? 'noisy' : 'order' };
}
