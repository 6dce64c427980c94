import { expect, test } from 'vitest';
import { createRandom } from '../../benchmarks/random.ts';
import { difference, type Estimated } from './difference.ts';
import { interval } from './interval.ts';

const exact = (value: number): Estimated => ({ value, ciLow: value, ciHigh: value, method: 'exact' });

test('exact estimates differ by what lies between them', () => {
  expect(difference(exact(12), exact(8))).toEqual({
    change: 4,
    changeLow: 4,
    changeHigh: 4,
    changeShare: 0.5,
    differs: true,
  });
  expect(difference(exact(8), exact(8))).toMatchObject({ change: 0, differs: false });
  expect(difference(exact(8), exact(0))).toMatchObject({ change: 8, changeShare: null, differs: true });
});

test('what is not known has no change, and what has no interval no answer whether it differs', () => {
  const nothing: Estimated = { value: null, ciLow: null, ciHigh: null, method: 'none' };
  const unknown: Estimated = { value: 5, ciLow: null, ciHigh: null, method: 'unknown' };
  expect(difference(nothing, exact(3)).change).toBeNull();
  expect(difference(exact(3), nothing).differs).toBeNull();
  expect(difference(unknown, exact(3))).toMatchObject({ change: 2, changeLow: null, differs: null });
});

test('bounds between observation points add up', () => {
  const between: Estimated = { value: 10, ciLow: 10, ciHigh: 20, method: 'largest-point' };
  expect(difference(between, exact(4))).toMatchObject({ changeLow: 6, changeHigh: 16, differs: true });
  expect(difference(between, between)).toMatchObject({ changeLow: -10, changeHigh: 10, differs: false });
});

// The truth is known: two Poisson counts of equal packets, sampled 1 in 100.
test.each([
  [5, 5],
  [5, 30],
  [30, 30],
  [300, 200],
])('the interval of a difference of %i and %i expected samples holds the truth in 19 of 20 pairs', (a, b) => {
  const { unit } = createRandom(7);
  const pause = () => -Math.log(1 - unit());
  const weight = 100 * 1500;
  const sampled = (mean: number): Estimated => {
    let count = 0;
    // Events of a Poisson process in a time of `mean`.
    for (let at = pause(); at < mean; at += pause()) count++;
    const sum = { value: count * weight, variance: count * weight ** 2, samples: count, largest: weight };
    return { ...interval(sum), ...(count === 0 && { ciHigh: 3.69 * weight }), method: 'poisson' };
  };
  const runs = 2000;
  let held = 0;
  for (let i = 0; i < runs; i++) {
    const { changeLow, changeHigh } = difference(sampled(a), sampled(b));
    const truth = (a - b) * weight;
    if (changeLow! <= truth && truth <= changeHigh!) held++;
  }
  expect(held / runs).toBeGreaterThanOrEqual(0.94);
});
