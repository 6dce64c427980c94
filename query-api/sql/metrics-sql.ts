// Metrics over grouped buckets. Bytes and packets add up over buckets; p95 and maximum rank the buckets (ranked.ts), so
// their totals are those of the summed series. A rate divides by the seconds of the bucket, or of the window, that were
// covered (covered.ts).

import { FIVE_MINUTES_S } from '../../storage/tables/elections.ts';
import type { Estimate } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import {
  type Doubt,
  doubtfulInterval,
  interval,
  type Method,
  methodOf,
  type SampledSum,
  unseenInterval,
} from '../estimates/interval.ts';
import { isRanked, isTooFew, NOT_RANKED, type Ranked, rankedEstimate } from './ranked.ts';

/** Sums of a group as ClickHouse returns them: 64-bit integers as text. */
export interface Sums extends Ranked {
  readonly bytes: string | number;
  readonly packets: string | number;
  /** null where it is not known: infinity, which JSON cannot say. */
  readonly varBytes: number | null;
  readonly samples: string | number;
  readonly records: string | number;
  /** Bytes and packets that one sampled packet stands for at most; 0 where nothing is sampled. */
  readonly largestBytes: number;
  readonly largestPackets: number;
  /** What the choice of unelected traffic may have wrong (unelected.ts). */
  readonly lessBytes: number;
  readonly moreBytes: number;
  readonly morePackets: number;
  /** null as `varBytes`. */
  readonly moreVariance: number | null;
  readonly moreSamples: number;
  readonly missedBytes: number;
  readonly missedPackets: number;
  readonly missedVariance: number;
  /** Bytes of partly covered buckets that may have flowed before the covered part (covered.ts). */
  readonly partlyBytes: number;
}

export const NO_SUMS: Sums = {
  bytes: 0,
  packets: 0,
  varBytes: 0,
  samples: 0,
  records: 0,
  largestBytes: 0,
  largestPackets: 0,
  lessBytes: 0,
  moreBytes: 0,
  morePackets: 0,
  moreVariance: 0,
  moreSamples: 0,
  missedBytes: 0,
  missedPackets: 0,
  missedVariance: 0,
  partlyBytes: 0,
  ...NOT_RANKED,
};

/** Sums of two groups together. */
export function addSums(a: Sums, b: Sums): Sums {
  const sum = (x: number | null, y: number | null) => (x === null || y === null ? null : x + y);
  return {
    ...NOT_RANKED,
    bytes: Number(a.bytes) + Number(b.bytes),
    packets: Number(a.packets) + Number(b.packets),
    varBytes: sum(a.varBytes, b.varBytes),
    samples: Number(a.samples) + Number(b.samples),
    records: Number(a.records) + Number(b.records),
    largestBytes: Math.max(a.largestBytes, b.largestBytes),
    largestPackets: Math.max(a.largestPackets, b.largestPackets),
    lessBytes: a.lessBytes + b.lessBytes,
    moreBytes: a.moreBytes + b.moreBytes,
    morePackets: a.morePackets + b.morePackets,
    moreVariance: sum(a.moreVariance, b.moreVariance),
    moreSamples: a.moreSamples + b.moreSamples,
    partlyBytes: a.partlyBytes + b.partlyBytes,
    missedBytes: a.missedBytes + b.missedBytes,
    missedPackets: a.missedPackets + b.missedPackets,
    missedVariance: a.missedVariance + b.missedVariance,
  };
}

/** What of a window is covered, as figures divide by it or rank it; no seconds: nothing is known but what is stored. */
export interface Observed {
  readonly seconds: number;
  readonly closedBuckets: number;
}

/** Whether a query may order groups by this column of its sums. */
export function orderColumn(metric: Metric): 'bytes' | 'packets' | 'ranked' {
  return metric === 'packets' ? 'packets' : isRanked(metric) ? 'ranked' : 'bytes';
}

const UNKNOWN: Estimate = { value: null, ciLow: null, ciHigh: null, samples: 0, method: 'none' };

/** The estimate of one group in the unit of the metric. */
export function estimateOf(sums: Sums, metric: Metric, { seconds, closedBuckets }: Observed): Estimate {
  const isNothing = Number(sums.bytes) === 0 && Number(sums.packets) === 0 && !isDoubtful(sums) && !mayMiss(sums);
  if (seconds === 0 && (isNothing || metric === 'avgBps')) return UNKNOWN;
  const scale = metric === 'avgBps' ? 8 / seconds : 1;
  const bytes = bytesOf(sums, scale);
  const { samples } = bytes;
  const method = methodFor(sums, bytes);
  if (isRanked(metric)) return rankedEstimate(sums, metric, closedBuckets, samples, method);
  const sum = metric === 'packets' ? packetsOf(sums) : bytes;
  const isSure = !isDoubtful(sums) && !mayMiss(sums) && sums.partlyBytes === 0;
  const estimate = isSure ? interval(sum) : doubtfulInterval(sum, doubtOf(sums, metric, scale));
  return { ...estimate, samples, method };
}

/**
 * The estimate of a group without rows in a window whose rows are `whole` together: zero where time is covered, and at most what
 * one sampled packet may stand for. A window without any rows does not show whether they would have been sampled.
 */
export function unseenEstimate(
  whole: Sums | undefined,
  metric: Metric,
  { seconds, closedBuckets }: Observed,
): Estimate {
  if (seconds === 0 || (isRanked(metric) && isTooFew(metric, closedBuckets))) return UNKNOWN;
  const isKnown = whole !== undefined && varianceOf(whole) < Number.POSITIVE_INFINITY && Number(whole.records) > 0;
  const largest = metric === 'packets' ? whole?.largestPackets : whole?.largestBytes;
  const scale = metric === 'avgBps' ? 8 / seconds : isRanked(metric) ? 8 / FIVE_MINUTES_S : 1;
  const unseen = unseenInterval(isKnown ? (largest ?? 0) * scale : null);
  return { ...unseen, samples: 0, method: 'none' };
}

function methodFor(sums: Sums, bytes: SampledSum): Method {
  const known = methodOf(bytes, Number(sums.records));
  if (known === 'unknown') return known;
  // Beside nothing that counts, what may be missed is all that is known.
  if (isDoubtful(sums) || (known === 'exact' && mayMiss(sums))) return 'largest-point';
  return known === 'exact' && sums.partlyBytes > 0 ? 'partly-covered' : known;
}

function bytesOf(sums: Sums, scale: number): SampledSum {
  return {
    value: Number(sums.bytes) * scale,
    variance: varianceOf(sums) * scale * scale,
    samples: Number(sums.samples),
    largest: sums.largestBytes * scale,
  };
}

/**
 * Each sampled packet stands for the rate of its record, at most for the largest one. So many packets as were sampled then
 * vary by no more than its square each, and all packets of the sum by no more than it times their number.
 */
function packetsOf(sums: Sums): SampledSum {
  const [value, samples, largest] = [Number(sums.packets), Number(sums.samples), sums.largestPackets];
  const bytes = varianceOf(sums);
  const known = bytes > 0 && bytes < Number.POSITIVE_INFINITY;
  // A share of a sample is not in `samples`.
  return { value, variance: known ? largest * Math.min(value, largest * (samples + 1)) : bytes, samples, largest };
}

/** The variance of a sum; infinite where it is not known. */
export function varianceOf({ varBytes }: Pick<Sums, 'varBytes'>): number {
  return varBytes ?? Number.POSITIVE_INFINITY;
}

/** Standard errors beyond which what interfaces that repeat others saw alone is no chance. */
const NO_CHANCE = 2;

/** Whether a part was seen at several observation points, and nothing says which of them counts. */
function isDoubtful({ lessBytes, moreBytes, missedBytes, missedVariance }: Sums): boolean {
  return lessBytes > 0 || moreBytes > 0 || missedBytes > NO_CHANCE * Math.sqrt(missedVariance);
}

/** Whether interfaces that count may have missed something, beyond what chance alone explains. */
function mayMiss({ missedVariance }: Sums): boolean {
  return missedVariance > 0;
}

/** In bytes times `scale`, or in packets; what may be counted twice is of packets of mean size. */
function doubtOf(sums: Sums, metric: Metric, scale: number): Doubt {
  const { lessBytes, moreBytes, morePackets, moreSamples: samples, missedBytes, missedPackets, missedVariance } = sums;
  const variance = sums.moreVariance ?? Number.POSITIVE_INFINITY;
  if (metric !== 'packets')
    return {
      less: (lessBytes + sums.partlyBytes) * scale,
      more: (moreBytes + Math.max(0, missedBytes)) * scale,
      variance: (variance + missedVariance) * scale * scale,
      samples,
    };
  const bytes = Number(sums.bytes);
  const perByte = bytes > 0 ? Number(sums.packets) / bytes : missedPackets / Math.max(1, missedBytes);
  const more = packetsOf({ ...sums, packets: morePackets, varBytes: sums.moreVariance, samples });
  return {
    less: bytes > 0 ? lessBytes * perByte : 0,
    more: morePackets + Math.max(0, missedPackets),
    variance: more.variance + missedVariance * perByte * perByte,
    samples,
  };
}
