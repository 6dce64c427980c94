// Parts of a window in which a collector was receiving, where they touch and where they do not.

import { expect, test } from 'vitest';
import { joined } from './receiving.ts';

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
