import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gammaQuantile } from './gamma.ts';
import { doubtfulInterval, garwood, interval, methodOf, type SampledSum, unseenInterval } from './interval.ts';

// Exact Poisson limits as tabulated by Garwood (1936) and in Ulm (1990), 95 %.
test.each([
  [0, 0, 3.6889],
  [1, 0.0253, 5.5716],
  [5, 1.6235, 11.6683],
  [10, 4.7954, 18.3904],
  [29, 19.4218, 41.6488],
  [100, 81.3639, 121.6272],
])('the Poisson interval of %i events', (count, low, high) => {
  expect(garwood(count).low).toBeCloseTo(low, 3);
  expect(garwood(count).high).toBeCloseTo(high, 3);
});

test('limits of a fraction of an event lie between those of none and of one', () => {
  const half = garwood(0.5);
  expect(half.low).toBeGreaterThan(0);
  expect(half.low).toBeLessThan(0.0253);
  // Half the chi-square quantile of 3 degrees of freedom, 9.3484.
  expect(half.high).toBeCloseTo(4.6742, 3);
  expect(garwood(1e-12)).toMatchObject({ low: 0, high: expect.closeTo(3.6889, 3) });
});

const sum = (value: number, variance: number, samples: number, largest: number): SampledSum => ({
  value,
  variance,
  samples,
  largest,
});
const INFINITY = Number.POSITIVE_INFINITY;
/** Quantiles of the chi-square distribution, as Fay and Feuer have them. */
const chiSquare = (p: number, degrees: number) => 2 * gammaQuantile(degrees / 2, p);

// Tables of the chi-square distribution: Pearson and Hartley (1954), table 8.
test.each([
  [0.025, 2, 0.0506],
  [0.975, 2, 7.3778],
  [0.025, 5, 0.8312],
  [0.975, 5, 12.8325],
  [0.025, 10, 3.247],
  [0.975, 10, 20.4832],
  [0.025, 100, 74.2219],
  [0.975, 100, 129.561],
])('the quantile %f of chi-square with %i degrees of freedom', (p, degrees, quantile) => {
  expect(chiSquare(p, degrees)).toBeCloseTo(quantile, 3);
});

test('an unsampled sum, of no sampled packet, is its own interval', () => {
  expect(interval(sum(1234, 0, 0, 0))).toEqual({ value: 1234, ciLow: 1234, ciHigh: 1234 });
  expect(interval(sum(0, 0, 0, 0))).toEqual({ value: 0, ciLow: 0, ciHigh: 0 });
});

test('an infinite variance is one that nobody knows: there is no interval', () => {
  expect(interval(sum(1234, INFINITY, 0, 0))).toEqual({ value: 1234, ciLow: null, ciHigh: null });
  expect(unseenInterval(null)).toEqual({ value: 0, ciLow: 0, ciHigh: null });
});

test('from 1000 samples of equal packets on the interval is normal, and the one of 999 differs by less than 2 %', () => {
  const normal = interval(sum(1e6, 1000 * 1000 ** 2, 1000, 1000));
  expect(normal.ciLow).toBeCloseTo(1e6 - 61_979.5, 0);
  expect(normal.ciHigh).toBeCloseTo(1e6 + 61_979.5, 0);
  const poisson = interval(sum(999_000, 999 * 1000 ** 2, 999, 1000));
  expect((poisson.ciHigh! - poisson.ciLow!) / (2 * 61_979.5)).toBeCloseTo(1, 1.5);
});

test.each([
  [1, 0.0253, 5.5716],
  [5, 1.6235, 11.6683],
  [29, 19.4218, 41.6488],
])('where all weights are equal it is Garwood of %i samples, times what a sample stands for', (count, low, high) => {
  const { ciLow, ciHigh } = interval(sum(count * 1000, count * 1000 ** 2, count, 1000));
  expect(ciLow! / 1000).toBeCloseTo(low, 3);
  expect(ciHigh! / 1000).toBeCloseTo(high, 3);
});

test('a small packet that was sampled says nothing of large ones that were not: they set the upper limit', () => {
  // 1 in 100, one packet of 64 bytes, where packets may have 1500: less than 4.7 of those, and more than none.
  const { ciLow, ciHigh } = interval(sum(6400, 6400 ** 2, 1, 150_000));
  expect(ciLow).toBeCloseTo(6400 * 0.0253, 0);
  expect(ciHigh! / 150_000).toBeGreaterThan(3.6889);
  expect(ciHigh! / 150_000).toBeLessThan(3.6889 + 0.1);
});

test('the lower limit is that of Fay and Feuer, the upper one never nearer and at most a fifth farther from the sum', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(64, 200, 576, 1000, 1400, 1500), { minLength: 1, maxLength: 400 }),
      fc.constantFrom(1500, 9216),
      (sizes, longest) => {
        const rate = 100;
        const value = rate * sizes.reduce((all, size) => all + size, 0);
        const variance = rate ** 2 * sizes.reduce((all, size) => all + size * size, 0);
        const largest = rate * longest;
        const { ciLow, ciHigh } = interval(sum(value, variance, sizes.length, largest));
        const low = (variance / (2 * value)) * chiSquare(0.025, (2 * value ** 2) / variance);
        expect(ciLow! / low).toBeCloseTo(1, 6);
        const [y, v] = [value + largest, variance + largest ** 2];
        const high = (v / (2 * y)) * chiSquare(0.975, (2 * y ** 2) / v);
        expect(ciHigh).toBeGreaterThan(high * (1 - 1e-6));
        expect(ciHigh! - value).toBeLessThan(1.2 * (high - value));
      },
    ),
  );
});

test('unsampled traffic in the same sum does not widen the interval, nor narrow it', () => {
  for (const largest of [1000, 1500]) {
    const { ciLow, ciHigh } = interval(sum(5000, 5 * 1000 ** 2, 5, largest));
    const mixed = interval(sum(1e9 + 5000, 5 * 1000 ** 2, 5, largest));
    expect(mixed.ciLow! - 1e9).toBeCloseTo(ciLow!, 3);
    expect(mixed.ciHigh! - 1e9).toBeCloseTo(ciHigh!, 3);
  }
});

test('a bucket with a tenth of a flow of one sample reaches from almost nothing to more than the whole flow', () => {
  const { ciLow, ciHigh } = interval(sum(100, 100 * 1000, 0, 1000));
  expect(ciLow).toBeLessThan(1);
  expect(ciHigh).toBeGreaterThan(3700);
  expect(ciHigh).toBeLessThan(5600);
});

test('where nobody states what one sampled packet stands for, all of the variance may be one packet', () => {
  const { ciHigh } = interval(sum(5000, 5 * 1000 ** 2, 5, 0));
  expect(ciHigh).toBeCloseTo(5000 + 4.5716 * Math.sqrt(5) * 1000, 0);
  // Less than the mean cannot be the largest.
  expect(interval(sum(5000, 5 * 1000 ** 2, 5, 10))).toEqual(interval(sum(5000, 5 * 1000 ** 2, 5, 1000)));
});

test('of a doubtful sum the interval reaches from what is sure to all that was seen, each with its own error', () => {
  const exact = { less: 300, more: 500, variance: 0, samples: 0 };
  expect(doubtfulInterval(sum(1000, 0, 0, 0), exact)).toEqual({ value: 1000, ciLow: 700, ciHigh: 1500 });
  // 2000 samples of 1000 bytes, of which half may be twice, and 1000 more elsewhere: 1.96 times the roots of 2000 and 3000.
  const sampled = { less: 1e6, more: 1e6, variance: 1000 * 1000 ** 2, samples: 1000 };
  const { ciLow, ciHigh } = doubtfulInterval(sum(2e6, 2000 * 1000 ** 2, 2000, 1000), sampled);
  expect(ciLow).toBeCloseTo(1e6 - 87_652.3, 0);
  expect(ciHigh).toBeCloseTo(3e6 + 107_351.6, 0);
  const unknown = { ...exact, variance: Number.POSITIVE_INFINITY };
  expect(doubtfulInterval(sum(1000, 0, 0, 0), unknown).ciHigh).toBeNull();
});

test('nothing seen: the upper limit of no event, times the largest packet, and nothing at all where all are seen', () => {
  expect(unseenInterval(150_000).ciHigh).toBeCloseTo(-Math.log(0.025) * 150_000, 2);
  expect(unseenInterval(0)).toEqual({ value: 0, ciLow: 0, ciHigh: 0 });
});

test.each([
  ['exact', sum(1000, 0, 0, 0), 3],
  ['poisson', sum(5000, 5 * 1000 ** 2, 5, 1000), 5],
  ['normal', sum(2e6, 2000 * 1000 ** 2, 2000, 1000), 2000],
  // Two thousand small packets say less of large ones than two thousand large ones.
  ['poisson', sum(2e6, 2000 * 1000 ** 2, 2000, 1500), 2000],
  ['approximate', sum(2e6, 2000 * 1000 ** 2, 2000, 1500), 20],
  ['unknown', sum(2e6, INFINITY, 2000, 0), 20],
] as const)('method %s', (method, given, records) => {
  expect(methodOf(given, records)).toBe(method);
});
