import { expect, test } from 'vitest';
import { garwood, interval, methodOf, unseenInterval } from './interval.ts';

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

test('an unsampled sum, of no sampled packet, is its own interval', () => {
  expect(interval(1234, 0, 0)).toEqual({ value: 1234, ciLow: 1234, ciHigh: 1234 });
  expect(interval(0, 0, 0)).toEqual({ value: 0, ciLow: 0, ciHigh: 0 });
});

test('an infinite variance is one that nobody knows: there is no interval', () => {
  expect(interval(1234, Number.POSITIVE_INFINITY, 0)).toEqual({ value: 1234, ciLow: null, ciHigh: null });
  expect(unseenInterval(null)).toEqual({ value: 0, ciLow: 0, ciHigh: null });
});

test('from 1000 samples on the interval is normal, and the Poisson one of 999 differs by less than 2 %', () => {
  const normal = interval(1e6, 1000 * 1000 ** 2, 1000);
  expect(normal.ciLow).toBeCloseTo(1e6 - 61_979.5, 0);
  expect(normal.ciHigh).toBeCloseTo(1e6 + 61_979.5, 0);
  const poisson = interval(999_000, 999 * 1000 ** 2, 999);
  expect((poisson.ciHigh! - poisson.ciLow!) / (2 * 61_979.5)).toBeCloseTo(1, 1.5);
});

test('with equal packets it is the Poisson interval of the samples, times what a sample stands for', () => {
  const { ciLow, ciHigh } = interval(5000, 5 * 1000 ** 2, 5);
  expect(ciLow).toBeCloseTo(1623.5, 0);
  expect(ciHigh).toBeCloseTo(11_668.3, 0);
});

test('where few large packets carry the sum, they and not the samples are the events', () => {
  // 90 packets of 64 bytes and 10 of 1500, 1 in 1000: 20.76 MB from about 18.6 events.
  const variance = 1000 * 999 * (90 * 64 ** 2 + 10 * 1500 ** 2);
  const { ciLow, ciHigh } = interval(20_760_000, variance, 100);
  expect(ciHigh! - 20_760_000).toBeGreaterThan(20_760_000 - ciLow!);
  expect(ciHigh! / 20_760_000).toBeCloseTo(1.57, 1);
});

test('unsampled traffic in the same sum does not widen the interval', () => {
  const { ciLow, ciHigh } = interval(1e9 + 5000, 5 * 1000 ** 2, 5);
  expect(ciLow).toBeCloseTo(1e9 + 1623.5, 0);
  expect(ciHigh).toBeCloseTo(1e9 + 11_668.3, 0);
});

test('a bucket with a tenth of a flow of one sample reaches from almost nothing to more than the whole flow', () => {
  const { ciLow, ciHigh } = interval(100, 100 * 1000, 0);
  expect(ciLow).toBeLessThan(1);
  expect(ciHigh).toBeGreaterThan(3700);
  expect(ciHigh).toBeLessThan(5600);
});

test('nothing seen: three packets of the mean size that a sample stands for, and nothing at all where all are seen', () => {
  expect(unseenInterval(1000 * 500)).toEqual({ value: 0, ciLow: 0, ciHigh: 1_500_000 });
  expect(unseenInterval(0)).toEqual({ value: 0, ciLow: 0, ciHigh: 0 });
});

test.each([
  ['exact', 1000, 0, 0, 3],
  ['poisson', 5000, 5 * 1000 ** 2, 5, 5],
  ['normal', 2e6, 2000 * 1000 ** 2, 2000, 2000],
  ['approximate', 2e6, 2000 * 1000 ** 2, 2000, 20],
  ['unknown', 2e6, Number.POSITIVE_INFINITY, 2000, 20],
] as const)('method %s', (method, value, variance, samples, records) => {
  expect(methodOf(value, variance, samples, records)).toBe(method);
});
