import { expect, test } from 'vitest';
import { minutesOfAll } from './receiving.ts';

const MINUTE = 60_000;
const of = (collector: string, first: number, last: number, receivingMs = MINUTE) =>
  Array.from({ length: last - first + 1 }, (_, i) => ({ collector, minuteMs: (first + i) * MINUTE, receivingMs }));
const counted = (...rows: ReturnType<typeof of>[]) =>
  minutesOfAll(rows.flat().sort((a, b) => a.minuteMs - b.minuteMs)).map(ms => ms / MINUTE);

test('a minute counts in which a collector was receiving all the time', () => {
  expect(counted(of('a', 0, 3), of('a', 4, 4, 30_000), of('a', 5, 6))).toEqual([0, 1, 2, 3, 5, 6]);
});

test('while a second collector is away nothing counts, for half an hour', () => {
  const found = counted(of('a', 0, 60), of('b', 0, 10));
  expect(found.slice(0, 11)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(found[11]).toBe(41);
});

test('minutes of a backlog count once they are stored', () => {
  expect(counted(of('a', 0, 20), of('b', 0, 10))).toHaveLength(11);
  expect(counted(of('a', 0, 20), of('b', 0, 18))).toHaveLength(19);
});
