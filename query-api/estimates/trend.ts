// The slope of a few values over time, found so that single weeks of a holiday or a move do not carry it.
//
// Theil (1950) and Sen (1968): the median of the slopes of all pairs of points. Its interval is that of Kendall's tau: the pair
// slopes between two ranks. It needs no normal errors. It takes the points as independent, and weeks in a row are not quite:
// the interval is somewhat too narrow where one week's excess carries over into the next.

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Bounded {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface Trend {
  /** Change of y for one x. */
  readonly slope: Bounded;
  /** Middle of the points, around which the line turns within the interval of its slope. */
  readonly centre: Point;
  /** Points lie within so much of the line in 95 % of cases, by the ordered residuals; the largest where there are few. */
  readonly scatter: number;
}

const Z = 1.959964;

/** Undefined below three points, and where all have one x. */
export function trendOf(points: readonly Point[]): Trend | undefined {
  const slopes: number[] = [];
  for (let i = 0; i < points.length; i++)
    for (let j = i + 1; j < points.length; j++) {
      const [a, b] = [points[i]!, points[j]!];
      if (a.x !== b.x) slopes.push((b.y - a.y) / (b.x - a.x));
    }
  if (points.length < 3 || slopes.length === 0) return undefined;
  slopes.sort((a, b) => a - b);
  const n = points.length;
  const spread = Z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const value = median(slopes);
  const low = slopes[Math.max(0, Math.floor((slopes.length - spread) / 2) - 1)]!;
  const high = slopes[Math.min(slopes.length - 1, Math.ceil((slopes.length + spread) / 2))]!;
  const x = median(points.map(point => point.x));
  const y = median(points.map(point => point.y - value * (point.x - x)));
  const residuals = points.map(point => Math.abs(point.y - y - value * (point.x - x))).sort((a, b) => a - b);
  const scatter = residuals[Math.min(n - 1, Math.ceil(0.95 * n) - 1)]!;
  return { slope: { value, low, high }, centre: { x, y }, scatter };
}

/** What the line has at `x`; the bounds hold the line with its slope and the scatter of single points. */
export function valueAt({ slope, centre, scatter }: Trend, x: number): Bounded {
  const at = (by: number) => centre.y + by * (x - centre.x);
  const ends = [at(slope.low), at(slope.high)];
  return { value: at(slope.value), low: Math.min(...ends) - scatter, high: Math.max(...ends) + scatter };
}

/** Where the line reaches `y`: at the slope, at the latest and at the earliest; infinite where it never does. */
export function reaches(trend: Trend, y: number): { at: number; earliest: number; latest: number } {
  const { slope, centre, scatter } = trend;
  const crossing = (by: number, from: number) => {
    if (y <= from) return centre.x;
    return by > 0 ? centre.x + (y - from) / by : Number.POSITIVE_INFINITY;
  };
  return {
    at: crossing(slope.value, centre.y),
    earliest: crossing(slope.high, centre.y + scatter),
    latest: crossing(slope.low, centre.y - scatter),
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
