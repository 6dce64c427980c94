// The metrics that a request may choose; shared by API and console, which loads it as it is: it may import nothing.

export const METRICS = ['bytes', 'packets', 'avgBps', 'p50Bps', 'p95Bps', 'p99Bps', 'maxBps'] as const;
/** Those that have a name of their own. */
export type NamedMetric = (typeof METRICS)[number];
/** `p97.5Bps` is the 97.5th percentile of the rates of five-minute buckets. */
export type Metric = NamedMetric | `p${number}Bps`;

/** Percentiles have at most three decimals. */
export const PERCENTILE_STEP = 0.001;

/** The metric of a request: that of `percentile` where it has one, else the one named. */
export function metricOf({
  metric,
  percentile,
}: {
  readonly metric: NamedMetric;
  readonly percentile?: number;
}): Metric {
  if (percentile === undefined) return metric;
  return percentile === 100 ? 'maxBps' : `p${percentile}Bps`;
}

/** The percentile that a metric is, the maximum as 100; undefined for metrics that add up. */
export function percentileOf(metric: Metric): number | undefined {
  if (metric === 'maxBps') return 100;
  const match = /^p([\d.]+)Bps$/.exec(metric);
  return match ? Number(match[1]) : undefined;
}

export function unitOf(metric: Metric): 'bytes' | 'packets' | 'bit/s' {
  return metric === 'bytes' || metric === 'packets' ? metric : 'bit/s';
}
