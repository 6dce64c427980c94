// The series behind a selection, and its peak: over the same closed buckets as the figure that the matrix has of it.

import { type Metric, percentileOf } from '../query-api/answers/metric.ts';
import type { SeriesAnswer } from '../query-api/questions/series.ts';

const FIVE_MINUTES_S = 300;

/** A percentile and a maximum are over five-minute buckets, so the chart shows these where they are few enough. */
export function seriesParameters(metric: Metric): { metric: 'packets' | 'avgBps'; step?: number } {
  if (metric === 'packets') return { metric };
  return percentileOf(metric) !== undefined ? { metric: 'avgBps', step: FIVE_MINUTES_S } : { metric: 'avgBps' };
}

/** The highest closed bucket; undefined without one. The open bucket holds a part of its traffic. */
export function peakOf({ times, stepSec, coveredTo, series }: SeriesAnswer): number | undefined {
  const untilS = coveredTo === null ? 0 : Date.parse(coveredTo) / 1000;
  const values = series[0]?.values ?? [];
  const closed = values.filter((value, i): value is number => value !== null && times[i]! + stepSec <= untilS);
  return closed.length > 0 ? Math.max(...closed) : undefined;
}
