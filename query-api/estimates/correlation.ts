// How series go together, over buckets of which both are known: Pearson's correlation, and how much of the variance of one
// is the noise of sampling. Pure.
//
// Noise is independent between two series, so it only draws a correlation towards zero: by the factor
// sqrt((1 - noise share of a) (1 - noise share of b)), about.

export type Values = readonly (number | null)[];

/** Of fewer buckets a correlation says little. */
export const BUCKETS_MIN = 20;

export interface Correlation {
  /** Null with fewer than BUCKETS_MIN common buckets, or where one of the two does not vary in them. */
  readonly value: number | null;
  readonly buckets: number;
}

export function correlationOf(a: Values, b: Values): Correlation {
  const both = a.flatMap((x, i) => {
    const y = b[i];
    return x === null || y === null || y === undefined ? [] : [[x, y] as const];
  });
  const buckets = both.length;
  if (buckets < BUCKETS_MIN) return { value: null, buckets };
  const [meanA, meanB] = [meanOf(both.map(([x]) => x)), meanOf(both.map(([, y]) => y))];
  let [squaresA, squaresB, products] = [0, 0, 0];
  for (const [x, y] of both) {
    squaresA += (x - meanA) ** 2;
    squaresB += (y - meanB) ** 2;
    products += (x - meanA) * (y - meanB);
  }
  if (isFlat(squaresA / buckets, meanA) || isFlat(squaresB / buckets, meanB)) return { value: null, buckets };
  return { value: Math.max(-1, Math.min(1, products / Math.sqrt(squaresA * squaresB))), buckets };
}

/** What only rounding leaves of a constant is no variance. */
function isFlat(variance: number, mean: number): boolean {
  return variance <= (mean * ROUNDING) ** 2;
}
const ROUNDING = 1e-12;

/** The mean sampling variance of buckets by the variance of their values; null where one is not known, or nothing varies. */
export function noiseShareOf(values: Values, variances: readonly number[]): number | null {
  const known = values.flatMap((value, i) => (value === null ? [] : [{ value, variance: variances[i]! }]));
  if (known.length < BUCKETS_MIN) return null;
  const mean = meanOf(known.map(({ value }) => value));
  const scatter = known.reduce((sum, { value }) => sum + (value - mean) ** 2, 0) / (known.length - 1);
  const noise = meanOf(known.map(({ variance }) => variance));
  if (!Number.isFinite(noise) || isFlat(scatter, mean)) return null;
  return Math.min(1, noise / scatter);
}

export interface Meeting {
  /** Buckets of which every series is known. */
  readonly buckets: number;
  /** Both over these buckets alone. */
  readonly sumOfPeaks: number;
  readonly peakOfSum: number;
  /** Position of the bucket with the largest sum, the first of equal ones. */
  readonly at: number;
}

/** Undefined without a common bucket. */
export function meetingOf(series: readonly Values[]): Meeting | undefined {
  const length = series[0]?.length ?? 0;
  const common: number[] = [];
  for (let i = 0; i < length; i++) if (series.every(values => values[i] !== null)) common.push(i);
  const [first] = common;
  if (first === undefined) return undefined;
  const sumAt = (i: number) => series.reduce((sum, values) => sum + values[i]!, 0);
  const at = common.reduce((best, i) => (sumAt(i) > sumAt(best) ? i : best), first);
  const peaks = series.map(values => common.reduce((most, i) => Math.max(most, values[i]!), 0));
  return {
    buckets: common.length,
    sumOfPeaks: peaks.reduce((sum, peak) => sum + peak, 0),
    peakOfSum: sumAt(at),
    at,
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
