// What of a window is covered. The oracle is arithmetic on the times.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Covered, coveredPart, rateSecondsIn, secondsIn } from './covered.ts';
import { inBoth } from './parts.ts';
import type { Window } from './window.ts';

const T = Date.parse('2026-03-01T12:00:00Z') / 1000;
const window = (fromS: number, toS: number, resolutionS: Window['resolutionS'] = 300): Window => ({
  fromS: T + fromS,
  toS: T + toS,
  resolutionS,
});
const parts = (...bounds: readonly (readonly [number, number])[]) =>
  bounds.map(([fromS, toS]) => ({ fromS: T + fromS, toS: T + toS }));
const cover = (given: Window, receiving: ReturnType<typeof parts>, storedS: number | undefined, nowS: number) =>
  coveredPart(given, receiving, {
    storedUntilMs: storedS === undefined ? undefined : (T + storedS) * 1000,
    nowMs: (T + nowS) * 1000,
  });
const shapeOf = (covered: Covered | undefined) =>
  covered && {
    ...{
      from: covered.bounds!.fromS - T,
      to: covered.bounds!.toS - T,
      seconds: covered.seconds,
      rateSeconds: covered.rateSeconds,
    },
    ...{ readTo: covered.readToS - T, closedBefore: covered.closedBeforeS - T, closed: covered.closedBuckets },
  };

test('a window in the future is not read; one before the first minute, and one without a receiving collector, has no covered part', () => {
  const receiving = parts([0, 3600]);
  expect(cover(window(3600, 7200), receiving, 3600, 3600)).toBeUndefined();
  for (const covered of [cover(window(-3600, 0), receiving, 3600, 3600), cover(window(0, 3600), [], 3600, 3600)])
    expect(covered).toMatchObject({ bounds: undefined, parts: [], seconds: 0, rateSeconds: 0, closedBuckets: 0 });
});

test('it begins within its first bucket, and the open bucket is not ranked', () => {
  expect(shapeOf(cover(window(0, 1200), parts([240, 1000]), 1000, 1000))).toEqual({
    ...{ from: 240, to: 1000, seconds: 760, rateSeconds: 760 },
    ...{ readTo: 1200, closedBefore: 900, closed: 3 },
  });
  // Of the first bucket less than a fifth: its rate would be that of a few seconds.
  expect(shapeOf(cover(window(0, 1200), parts([241, 1000]), 1000, 1000))).toMatchObject({ closed: 2 });
  expect(shapeOf(cover(window(0, 1200), parts([920, 950]), 950, 950))).toMatchObject({ closed: 0 });
});

test('an outage is a gap: it counts for no rate, and its buckets are not ranked', () => {
  const covered = cover(window(0, 3600), parts([-600, 720], [1490, 5000]), 5000, 5000)!;
  expect(shapeOf(covered)).toEqual({
    ...{ from: 0, to: 3600, seconds: 720 + 2110, rateSeconds: 2830 },
    // Buckets 0 and 1, 120 s of the third, none of 900 to 1200, 10 s of 1200 to 1500, and seven more.
    ...{ readTo: 3600, closedBefore: 3600, closed: 2 + 1 + 7 },
  });
  const at = (fromS: number, toS: number) => secondsIn(covered, T + fromS, T + toS);
  expect([at(0, 300), at(600, 900), at(900, 1200), at(1200, 1500)]).toEqual([300, 120, 0, 10]);
});

test('parts of one bucket add up', () => {
  expect(shapeOf(cover(window(0, 300), parts([10, 40], [100, 130], [290, 400]), 400, 400))).toMatchObject({
    ...{ seconds: 70, closed: 1 },
  });
  expect(shapeOf(cover(window(0, 300), parts([10, 40], [290, 300]), 400, 400))).toMatchObject({ closed: 0 });
});

test('while collectors are current a rate divides by the time until now, and nothing is left out', () => {
  const covered = cover(window(0, 1200), parts([0, 990]), 990, 1000)!;
  expect(shapeOf(covered)).toMatchObject({ to: 990, seconds: 990, rateSeconds: 1000, readTo: 1200, closedBefore: 900 });
  expect(rateSecondsIn(covered, T + 900, T + 1200)).toBe(100);
  expect(secondsIn(covered, T + 900, T + 1200)).toBe(90);
});

test('where batches wait, the window is read up to the last bucket of which everything is stored', () => {
  const covered = cover(window(0, 1200), parts([0, 1000]), 700, 1000)!;
  expect(shapeOf(covered)).toEqual({
    ...{ from: 0, to: 600, seconds: 600, rateSeconds: 600, readTo: 600, closedBefore: 600, closed: 2 },
  });
  expect(cover(window(900, 1200), parts([0, 1000]), 700, 1000)).toBeUndefined();
  expect(cover(window(600, 900), parts([0, 1000]), 700, 1000)).toBeUndefined();
});

test('a collector that stopped covers nothing after its stop, also within the time that counts as current', () => {
  const covered = cover(window(0, 300, 60), parts([0, 110]), 120, 125)!;
  expect(shapeOf(covered)).toMatchObject({ to: 110, seconds: 110, rateSeconds: 110 });
});

test('without a word of any collector, what counts as received is read up to now', () => {
  expect(shapeOf(cover(window(0, 1200), parts([60, 120], [300, 1500]), undefined, 1000))).toMatchObject({
    ...{ from: 60, to: 1000, seconds: 760, readTo: 1200, closed: 3 },
  });
});

test('what two lists of parts have in common is where both are', () => {
  const list = fc
    .uniqueArray(fc.integer({ min: 0, max: 60 }), { maxLength: 12 })
    .map(bounds => bounds.sort((a, b) => a - b))
    .map(bounds =>
      Array.from({ length: bounds.length >> 1 }, (_, i) => ({ fromS: bounds[2 * i]!, toS: bounds[2 * i + 1]! })),
    );
  const has = (parts: readonly { fromS: number; toS: number }[], at: number) =>
    parts.some(({ fromS, toS }) => fromS <= at && at < toS);
  fc.assert(
    fc.property(list, list, (a, b) => {
      const common = inBoth(a, b);
      for (let at = 0; at < 60; at++) expect(has(common, at)).toBe(has(a, at) && has(b, at));
    }),
  );
});
