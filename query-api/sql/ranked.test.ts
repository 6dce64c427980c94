import { expect, test } from 'vitest';
import { ranksOf } from './ranked.ts';

// The tails are sums of binomial probabilities, computed by hand with exact integers.
function tail(n: number, from: number, to: number): number {
  let sum = 0n;
  let choose = 1n;
  for (let k = 0; k <= n; k++) {
    if (k >= from && k <= to) sum += choose * 19n ** BigInt(k);
    choose = (choose * BigInt(n - k)) / BigInt(k + 1);
  }
  return Number((sum * 10n ** 15n) / 20n ** BigInt(n)) / 1e15;
}

test.each([20, 21, 40, 72, 100, 288, 2016])('of %i buckets the ranks leave out 2.5 %% at each end, and not more', n => {
  const { low, rank, high } = ranksOf(n);
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
  const { low, rank, high } = ranksOf(8640);
  expect([rank, rank - low, high - rank]).toEqual([8208, expect.closeTo(39.7, -0.4), expect.closeTo(39.7, -0.4)]);
});
