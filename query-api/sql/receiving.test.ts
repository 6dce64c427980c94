// Parts of a window in which a collector was receiving, where they touch and where they do not.

import { expect, test } from 'vitest';
import { inFewRanges, joined, RANGES_MAX } from './receiving.ts';

test('parts that touch or overlap are one, in whatever order they come', () => {
  const parts = [
    { fromS: 10, toS: 20 },
    { fromS: 0, toS: 5 },
    { fromS: 15, toS: 18 },
    { fromS: 20, toS: 30 },
    { fromS: 31, toS: 32 },
  ];
  expect(joined(parts)).toEqual([
    { fromS: 0, toS: 5 },
    { fromS: 10, toS: 30 },
    { fromS: 31, toS: 32 },
  ]);
  expect(joined([])).toEqual([]);
});

test('as many ranges as the bound are read as they are; of more, the closest are read as one', () => {
  // The gap behind range i is i + 1 seconds, so the first ones are the closest.
  const starts = Array.from({ length: RANGES_MAX + 1 }, (_, i) => 10 * i + (i * (i + 1)) / 2);
  const ranges = starts.map(fromS => ({ fromS, toS: fromS + 10 }));
  expect(inFewRanges(ranges.slice(0, RANGES_MAX))).toEqual(ranges.slice(0, RANGES_MAX));
  expect(inFewRanges(ranges)).toEqual([{ fromS: 0, toS: ranges[1]!.toS }, ...ranges.slice(2)]);
  expect(inFewRanges([])).toEqual([]);
});
