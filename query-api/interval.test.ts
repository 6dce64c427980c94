import { expect, test } from 'vitest';
import { garwood, interval } from './interval.ts';

// Exact Poisson limits as tabulated by Garwood (1936) and in Ulm (1990), 95 %.
test.each([
  [0, 0, 3.6889],
  [1, 0.0253, 5.5716],
  [5, 1.6235, 11.6683],
  [10, 4.7954, 18.3904],
  [29, 19.4218, 41.6488],
])('the Poisson interval of %i events', (count, low, high) => {
  expect(garwood(count).low).toBeCloseTo(low, 3);
  expect(garwood(count).high).toBeCloseTo(high, 3);
});

test('an unsampled sum, of no sampled packet, is its own interval', () => {
  expect(interval(1234, 0, 0)).toEqual({ value: 1234, ciLow: 1234, ciHigh: 1234 });
  expect(interval(0, 0, 0)).toEqual({ value: 0, ciLow: 0, ciHigh: 0 });
});

test('from 30 samples on the interval is normal', () => {
  const { ciLow, ciHigh } = interval(1000, 100 ** 2, 30);
  expect(ciLow).toBeCloseTo(1000 - 195.9964);
  expect(ciHigh).toBeCloseTo(1000 + 195.9964);
});

test('below 30 samples it is the Poisson interval, scaled by what a sample stands for', () => {
  const { ciLow, ciHigh } = interval(5000, 5 * 1000 ** 2, 5);
  expect(ciLow).toBeCloseTo(1623.5, 0);
  expect(ciHigh).toBeCloseTo(11_668.3, 0);
});

test('unsampled traffic in the same sum does not widen the interval', () => {
  const { ciLow, ciHigh } = interval(1e9 + 5000, 5 * 1000 ** 2, 5);
  expect(ciLow).toBeCloseTo(1e9 + 1623.5, 0);
  expect(ciHigh).toBeCloseTo(1e9 + 11_668.3, 0);
});

test('a bucket with a share of a flow and none of its samples has the normal interval, not below zero', () => {
  expect(interval(100, 100 ** 2, 0)).toMatchObject({ ciLow: 0 });
});
