// Metrics over grouped buckets. Bytes and packets add up over buckets; p95 and maximum rank the buckets (ranked.ts), so
// their totals are those of the summed series. A rate divides by the seconds of the bucket, or of the window, that were
// observed: from the first stored minute until now.

import type { Estimate } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import { interval, methodOf } from '../estimates/interval.ts';
import { isRanked, type Ranked, rankedEstimate } from './ranked.ts';

/** Sums of a group as ClickHouse returns them: 64-bit integers as text. */
export interface Sums extends Ranked {
  readonly bytes: string | number;
  readonly packets: string | number;
  /** null where it is not known: infinity, which JSON cannot say. */
  readonly varBytes: number | null;
  readonly samples: string | number;
  readonly records: string | number;
}

/** What of a window was observed, as figures divide by it or rank it. */
export interface Observed {
  readonly seconds: number;
  readonly closedBuckets: number;
}

/** Whether a query may order groups by this column of its sums. */
export function orderColumn(metric: Metric): 'bytes' | 'packets' | 'ranked' {
  return metric === 'packets' ? 'packets' : isRanked(metric) ? 'ranked' : 'bytes';
}

/** The estimate of one group in the unit of the metric. */
export function estimateOf(sums: Sums, metric: Metric, { seconds, closedBuckets }: Observed): Estimate {
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
    default:
      return rankedEstimate(sums, metric, closedBuckets, samples, method);
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
