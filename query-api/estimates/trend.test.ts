import { describe, expect, test } from 'vitest';
import { createRandom } from '../../benchmarks/random.ts';
import { reaches, trendOf, valueAt } from './trend.ts';

const line = (n: number, of: (x: number) => number) => Array.from({ length: n }, (_, x) => ({ x, y: of(x) }));

describe('a trend', () => {
  test('of points on a line is the line', () => {
    const trend = trendOf(line(12, x => 100 + 5 * x))!;
    expect(trend).toMatchObject({ slope: { value: 5, low: 5, high: 5 }, scatter: 0 });
    expect(valueAt(trend, 20)).toEqual({ value: 200, low: 200, high: 200 });
    expect(reaches(trend, 250)).toEqual({ at: 30, earliest: 30, latest: 30 });
  });

  test('is not carried by one week of a holiday and one of a copy', () => {
    const points = line(12, x => (x === 4 ? 3 : x === 9 ? 900 : 100 + 5 * x));
    expect(trendOf(points)!.slope.value).toBeCloseTo(5, 9);
  });

  // Sen (1968) and Hollander and Wolfe have the ranks from Kendall's distribution; of n = 12 the normal form takes 41.8.
  test('has the interval between the ranks of Kendall', () => {
    const ys = [3, 1, 4, 1.5, 9, 2.6, 5.3, 5.8, 9.7, 9.3, 2.3, 8.4];
    const slopes = ys.flatMap((a, i) => ys.slice(i + 1).map((b, j) => (b - a) / (j + 1))).sort((a, b) => a - b);
    const { slope } = trendOf(ys.map((y, x) => ({ x, y })))!;
    const spread = 1.959964 * Math.sqrt((12 * 11 * 29) / 18);
    expect(slopes.filter(one => one < slope.low).length).toBe(Math.floor((66 - spread) / 2) - 1);
    expect(slopes.filter(one => one <= slope.high).length).toBe(Math.ceil((66 + spread) / 2) + 1);
  });

  test('needs three points at two times', () => {
    expect(trendOf(line(2, x => x))).toBeUndefined();
    expect(trendOf([1, 2, 3].map(y => ({ x: 5, y })))).toBeUndefined();
  });

  test('that falls reaches nothing above it, and what is reached already is reached at its middle', () => {
    const trend = trendOf(line(9, x => 100 - x))!;
    expect(reaches(trend, 200).at).toBe(Number.POSITIVE_INFINITY);
    expect(reaches(trend, 50).at).toBe(4);
  });

  test.each([8, 12, 26])('of %i noisy weeks holds the true slope in 19 of 20 runs', weeks => {
    const { unit } = createRandom(11);
    const normal = () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit());
    const runs = 1000;
    let held = 0;
    for (let run = 0; run < runs; run++) {
      const { slope } = trendOf(line(weeks, x => 1000 + 7 * x + 60 * normal()))!;
      if (slope.low <= 7 && 7 <= slope.high) held++;
    }
    expect(held / runs).toBeGreaterThanOrEqual(0.94);
  });
});
