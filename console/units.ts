// Numbers, shares and times as people read them. Decimal prefixes throughout, as interfaces and link speeds have them.

import { METRICS, type Metric, type NamedMetric, unitOf } from '../query-api/answers/metric.ts';
import type { MatrixAnswer } from '../query-api/questions/matrix.ts';

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P', 'E'] as const;
const SUFFIX: Readonly<Record<ReturnType<typeof unitOf>, string>> = { bytes: 'B', packets: '', 'bit/s': 'b/s' };

export const METRIC_LABELS: Readonly<Record<NamedMetric, { label: string; about: string }>> = {
  bytes: { label: 'Volume', about: 'IP bytes in the window' },
  packets: { label: 'Packets', about: 'packets in the window' },
  avgBps: { label: 'Average', about: 'bits per second over the observed part of the window' },
  p50Bps: { label: 'Median', about: 'median of the five-minute rates' },
  p95Bps: { label: '95th', about: '95th percentile of the five-minute rates, of 20 closed buckets at least' },
  p99Bps: { label: '99th', about: '99th percentile of the five-minute rates, of 100 closed buckets at least' },
  maxBps: { label: 'Peak', about: 'highest rate of a closed five-minute bucket' },
};

export function metricLabel(metric: Metric): string {
  return METRICS.some(name => name === metric) ? METRIC_LABELS[metric as NamedMetric].label : metric;
}

function scaled(value: number): { amount: number; prefix: string } {
  let step = 0;
  let amount = value;
  while (amount >= 999.5 && step < PREFIXES.length - 1) {
    amount /= 1000;
    step++;
  }
  return { amount, prefix: PREFIXES[step]! };
}

/** Three significant digits with a decimal prefix: `1.24 GB`, `860 kb/s`, `12.0 M`; a dash for what has no value. */
export function formatValue(value: number | null, metric: Metric): string {
  if (value === null) return '–';
  const { amount, prefix } = scaled(value);
  const whole = prefix === '' && Number.isInteger(amount);
  return `${amount.toFixed(whole || amount >= 99.95 ? 0 : amount >= 9.995 ? 1 : 2)} ${prefix}${SUFFIX[unitOf(metric)]}`.trim();
}

/** Two significant digits, three from 100 on: `1.2 GB`, `12 GB`, `860 kB`. */
export function formatShort(value: number | null, metric: Metric): string {
  if (value === null) return '–';
  const { amount, prefix } = scaled(value);
  return `${amount.toFixed(amount >= 9.95 || (prefix === '' && Number.isInteger(amount)) ? 0 : 1)} ${prefix}${SUFFIX[unitOf(metric)]}`.trim();
}

export function formatShare(share: number | null): string {
  if (share === null) return '–';
  const percent = share * 100;
  if (percent === 0) return '0 %';
  if (percent < 0.01) return '< 0.01 %';
  // Never round to all: "100 %" is said only when nothing is left.
  if (percent > 99.9 && percent < 100) return '> 99.9 %';
  return `${percent >= 10 ? percent.toFixed(percent === 100 ? 0 : 1) : percent.toFixed(2)} %`;
}

/** What an answer says of the error of a figure; the rest of a row says nothing. */
export interface Uncertain {
  readonly value: number | null;
  readonly ciLow: number | null;
  readonly ciHigh: number | null;
  readonly method?: MatrixAnswer['cells'][number]['method'];
}

/** The half width of an interval as a share of the value: `± 4 %`; `± ?` when it is not known, empty when the value is exact. */
export function formatError({ value, ciLow: low, ciHigh: high, method }: Uncertain): string {
  if (value === null) return '';
  if (method === 'unknown' && value > 0) return '± ?';
  if (low === null || high === null || value <= 0 || high <= low) return '';
  const percent = (Math.max(high - value, value - low) / value) * 100;
  if (percent >= 100) return '± > 100 %';
  return `± ${percent < 0.1 ? '< 0.1' : percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-GB', { maximumFractionDigits: count < 10 && !Number.isInteger(count) ? 1 : 0 });
}

export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 5) return 'now';
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} d ago`;
}

/** How far a clock is off: `+35 s`, `−30 min`; `0 s` within a second. */
export function formatSkew(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds === 0) return '0 s';
  const sign = ms > 0 ? '+' : '−';
  if (seconds < 90) return `${sign}${seconds} s`;
  if (seconds < 5400) return `${sign}${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${sign}${Math.round(seconds / 3600)} h`;
  return `${sign}${Math.round(seconds / 86400)} d`;
}

export function formatSpan(seconds: number): string {
  if (seconds % 3600 === 0) return seconds === 3600 ? 'hour' : `${seconds / 3600} hours`;
  return seconds === 60 ? 'minute' : `${Math.round(seconds / 60)} minutes`;
}

const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const DAY_TIME = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

/** A window in local time, the day only where it matters. */
export function formatWindow(from: string, to: string, now = new Date()): string {
  const [start, end] = [new Date(from), new Date(to)];
  const today = start.toDateString() === now.toDateString() && end.toDateString() === now.toDateString();
  const format = today ? TIME : DAY_TIME;
  return `${format.format(start)} – ${format.format(end)}`;
}

export function formatTime(time: string): string {
  return DAY_TIME.format(new Date(time));
}

/** In local time, the day only where it is another than today's. */
export function formatMoment(time: string, nowMs = Date.now()): string {
  const at = new Date(time);
  return (at.toDateString() === new Date(nowMs).toDateString() ? TIME : DAY_TIME).format(at);
}
