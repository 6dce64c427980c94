// Metrics over grouped buckets. Bytes and packets add up over buckets; p95 and maximum rank the buckets, so their
// totals are those of the summed series. A rate divides by the seconds of the bucket, or of the window, that were
// observed: from the first stored bucket until now.

import type { Estimate } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import { interval, methodOf } from '../estimates/interval.ts';
import type { Covered, Window } from './window.ts';

/** Sums of a group as ClickHouse returns them: 64-bit integers as text. */
export interface Sums {
  readonly bytes: string | number;
  readonly packets: string | number;
  /** null where it is not known: infinity, which JSON cannot say. */
  readonly varBytes: number | null;
  readonly samples: string | number;
  readonly records: string | number;
  /** p95 or maximum in bit/s; 0 for metrics that add up. */
  readonly ranked: number;
}

export function isRanked(metric: Metric): boolean {
  return metric === 'p95Bps' || metric === 'maxBps';
}

/**
 * The aggregate that ranks buckets, over a relation `g` with `bucket` and `bytes`. Nearest rank: the value at place
 * ceil(0.95 n) of the n observed buckets; buckets without rows are zeros and stand at the low end.
 */
export function rankedSql(
  metric: Metric,
  window: Window,
  covered: Covered,
): { sql: string; params: Record<string, unknown> } {
  if (!isRanked(metric)) return { sql: '0', params: {} };
  const seconds =
    'greatest(1, least(toUnixTimestamp(g.bucket) + {rankStep:UInt32}, {rankTo:UInt32}) - greatest(toUnixTimestamp(g.bucket), {rankFrom:UInt32}))';
  const rate = `g.bytes * 8 / ${seconds}`;
  const closed = 'g.bucket < toDateTime({rankBefore:UInt32})';
  const params = {
    rankStep: window.resolutionS,
    rankFrom: covered.fromS,
    rankTo: covered.toS,
    rankBefore: covered.closedBeforeS,
  };
  if (metric === 'maxBps') return { sql: `maxIf(${rate}, ${closed})`, params };
  const place = covered.closedBuckets - Math.ceil(0.95 * covered.closedBuckets) + 1;
  return {
    sql: `arrayReverseSort(groupArrayIf(${rate}, ${closed}))[{rankPlace:UInt32}]`,
    params: { ...params, rankPlace: place },
  };
}

/** Whether a query may order groups by this column of its sums. */
export function orderColumn(metric: Metric): 'bytes' | 'packets' | 'ranked' {
  return metric === 'packets' ? 'packets' : isRanked(metric) ? 'ranked' : 'bytes';
}

/** The estimate of one group in the unit of the metric. `seconds` is what a rate divides by. */
export function estimateOf(sums: Sums, metric: Metric, seconds: number): Estimate {
  const samples = Number(sums.samples);
  const bytes = Number(sums.bytes);
  const variance = varianceOf(sums);
  const method = methodOf(bytes, variance, samples, Number(sums.records));
  switch (metric) {
    case 'bytes':
      return { ...interval(bytes, variance, samples), samples, method };
    case 'packets':
      return { ...interval(Number(sums.packets), packetVariance(sums, variance), samples), samples, method };
    case 'avgBps': {
      const scale = 8 / seconds;
      return { ...interval(bytes * scale, variance * scale * scale, samples), samples, method };
    }
    default: {
      const exact = method === 'exact' ? sums.ranked : null;
      const how = method === 'exact' || method === 'unknown' ? method : 'none';
      return { value: sums.ranked, ciLow: exact, ciHigh: exact, samples, method: how };
    }
  }
}

/** The variance of a sum; infinite where it is not known. */
export function varianceOf({ varBytes }: Pick<Sums, 'varBytes'>): number {
  return varBytes ?? Number.POSITIVE_INFINITY;
}

/** The variance is kept for bytes only; packets are taken to vary as much, by their mean size. */
function packetVariance({ bytes, packets }: Sums, variance: number): number {
  if (variance === Number.POSITIVE_INFINITY) return variance;
  return variance > 0 && Number(bytes) > 0 ? variance * (Number(packets) / Number(bytes)) ** 2 : 0;
}
