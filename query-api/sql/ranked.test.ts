import { expect, test } from 'vitest';
import { bucketsMin, ranksOf } from './ranked.ts';

// The tails are sums of binomial probabilities, computed by hand with exact integers.
function tail(n: number, from: number, to: number, percentile = 95n): number {
  let sum = 0n;
  let choose = 1n;
  for (let k = 0; k <= n; k++) {
    if (k >= from && k <= to) sum += choose * percentile ** BigInt(k) * (100n - percentile) ** BigInt(n - k);
    choose = (choose * BigInt(n - k)) / BigInt(k + 1);
  }
  return Number((sum * 10n ** 15n) / 100n ** BigInt(n)) / 1e15;
}

test.each([20, 21, 40, 72, 100, 288, 2016])('of %i buckets the ranks leave out 2.5 %% at each end, and not more', n => {
  const { low, rank, high } = ranksOf(n, 95);
  expect(rank).toBe(Math.ceil((95 * n) / 100));
  // Below: fewer than `low` buckets lie under the percentile.
  expect(tail(n, 0, low - 1)).toBeLessThanOrEqual(0.025);
  expect(tail(n, 0, low)).toBeGreaterThan(0.025);
  if (high < n) {
    expect(tail(n, high, n)).toBeLessThanOrEqual(0.025);
    expect(tail(n, high - 1, n)).toBeGreaterThan(0.025);
  } else expect(tail(n, n - 1, n)).toBeGreaterThan(0.025);
});

test('a month of buckets has ranks near its 95th percentile', () => {
  const { low, rank, high } = ranksOf(8640, 95);
  expect([rank, rank - low, high - rank]).toEqual([8208, expect.closeTo(39.7, -0.4), expect.closeTo(39.7, -0.4)]);
});

test.each([
  [50, 100],
  [50, 2016],
  [99, 288],
  [99, 2016],
  [7, 300],
])('of the percentile %i of %i buckets the ranks leave out 2.5 %% at each end, and not more', (percentile, n) => {
  const { low, rank, high } = ranksOf(n, percentile);
  const level = BigInt(percentile);
  expect(rank).toBe(Math.ceil((percentile * n) / 100));
  expect(tail(n, 0, low - 1, level)).toBeLessThanOrEqual(0.025);
  expect(tail(n, 0, low, level)).toBeGreaterThan(0.025);
  if (high === n) return;
  expect(tail(n, high, n, level)).toBeLessThanOrEqual(0.025);
  expect(tail(n, high - 1, n, level)).toBeGreaterThan(0.025);
});

test.each([
  [50, 2],
  [95, 20],
  [99, 100],
  [99.9, 1000],
  [7, 15],
  [100, 1],
])('the percentile %d needs %i buckets, of which it is neither the first nor the last but one', (percentile, least) => {
  expect(bucketsMin(percentile)).toBe(least);
  const rankOf = (n: number) => ranksOf(n, percentile).rank;
  if (percentile === 100) return;
  expect(rankOf(least) < least || rankOf(least) > 1).toBe(true);
  const isEnd = rankOf(least - 1) === 1 || rankOf(least - 1) === least - 1;
  expect(isEnd).toBe(true);
});

test('a hundredth of a hundred is one: no rounding moves a rank', () => {
  for (const percentile of [7, 29, 57, 58]) expect(ranksOf(100, percentile).rank).toBe(percentile);
});
