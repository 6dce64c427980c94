// The metrics that a request may choose; shared by API and console, which loads it as it is: it may import nothing.

export const METRICS = ['bytes', 'packets', 'avgBps', 'p95Bps', 'maxBps'] as const;
export type Metric = (typeof METRICS)[number];

export const UNITS: Readonly<Record<Metric, string>> = {
  bytes: 'bytes',
  packets: 'packets',
  avgBps: 'bit/s',
  p95Bps: 'bit/s',
  maxBps: 'bit/s',
};
