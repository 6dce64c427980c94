// Correlations, shares of noise and peaks that meet, against figures by hand.

import { describe, expect, test } from 'vitest';
import { correlationOf, meetingOf, noiseShareOf } from './correlation.ts';

const repeated = <T>(values: readonly T[], times: number) => Array.from({ length: times }, () => values).flat();

describe('the correlation', () => {
  // Of eight buckets, six agree in their sign and two do not: (6 - 2) / 8.
  const a = repeated([1, 1, 1, 1, -1, -1, -1, -1], 3);
  const b = repeated([1, 1, 1, -1, -1, -1, -1, 1], 3);

  test('is that of Pearson, whatever unit and level the series have', () => {
    const scaled = b.map(value => 3 * value + 7);
    expect(correlationOf(a, scaled)).toEqual({ value: expect.closeTo(0.5, 12), buckets: 24 });
    expect(
      correlationOf(
        a,
        scaled.map(value => -value),
      ).value,
    ).toBeCloseTo(-0.5, 12);
  });

  test('is over buckets of which both are known', () => {
    const withGaps = [...b, null, 1000];
    expect(correlationOf([...a, 1000, null], withGaps)).toEqual({ value: expect.closeTo(0.5, 12), buckets: 24 });
  });

  test('of one series with itself is 1, with a constant or of 19 buckets there is none', () => {
    const own = Array.from({ length: 20 }, (_, i) => 0.1 * i);
    expect(correlationOf(own, own)).toEqual({ value: 1, buckets: 20 });
    expect(correlationOf(own.slice(1), own.slice(1))).toEqual({ value: null, buckets: 19 });
    expect(correlationOf(own, repeated([0.1], 20)).value).toBeNull();
  });
});

describe('the share of noise', () => {
  // Around a mean of 10 each of 20 buckets is 2 away: a variance of 80 / 19.
  const values = repeated([8, 12], 10);

  test('is the mean variance of the buckets by the variance of their values', () => {
    expect(noiseShareOf(values, repeated([0.5, 1.5], 10))).toBeCloseTo(19 / 80, 12);
    expect(noiseShareOf(values, repeated([0], 20))).toBe(0);
  });

  test('is at most 1', () => {
    expect(noiseShareOf(values, repeated([100], 20))).toBe(1);
  });

  test('leaves out buckets that are not known, with their variance', () => {
    expect(noiseShareOf([...values, null], [...repeated([1], 20), 1e9])).toBeCloseTo(19 / 80, 12);
  });

  test.each<[string, readonly (number | null)[], readonly number[]]>([
    ['of 19 buckets', values.slice(1), repeated([1], 19)],
    ['where the variance of one bucket is not known', values, [...repeated([1], 19), Number.POSITIVE_INFINITY]],
    ['of what never varies', repeated([0.1], 20), repeated([1], 20)],
  ])('%s is not known', (_, known, variances) => {
    expect(noiseShareOf(known, variances)).toBeNull();
  });
});

describe('peaks', () => {
  test('and their sum are over buckets of which all series are known', () => {
    expect(
      meetingOf([
        [1, 5, null, 5],
        [4, 2, 9, 2],
      ]),
    ).toEqual({ buckets: 3, sumOfPeaks: 9, peakOfSum: 7, at: 1 });
  });

  test('have no sum without such a bucket', () => {
    expect(
      meetingOf([
        [null, 1],
        [1, null],
      ]),
    ).toBeUndefined();
  });
});
