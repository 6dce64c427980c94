import { expect, test } from 'vitest';
import { parseClock } from '../schemas/clock.ts';
import { createClock } from './clock.ts';

const REAL = Date.parse('2026-03-20T09:00:00Z');

test('a simulated clock runs from its start at its speed, the same for everybody with the same text', () => {
  let real = REAL;
  const clock = createClock('2026-03-01T00:00:00Z*1000@2026-03-20T09:00:00Z', () => real);
  expect(new Date(clock.nowMs()).toISOString()).toBe('2026-03-01T00:00:00.000Z');
  real += 86_400; // 86.4 s
  expect(new Date(clock.nowMs()).toISOString()).toBe('2026-03-02T00:00:00.000Z');
  expect(clock.realMsUntil(Date.parse('2026-03-02T00:00:10Z'))).toBe(10);
  expect(clock.realMsUntil(Date.parse('2026-03-01T00:00:10Z'))).toBe(0);
});

test('without a setting it is the wall clock', () => {
  const clock = createClock('', () => REAL);
  expect([clock.nowMs(), clock.speed, clock.realMsUntil(REAL + 7)]).toEqual([REAL, 1, 7]);
});

test.each([
  '2026-03-01*10@2026-03-20T09:00:00Z',
  '2026-03-01T00:00:00Z*0@2026-03-20T09:00:00Z',
  '2026-13-01T00:00:00Z*1@2026-03-20T09:00:00Z',
  '2026-03-01T00:00:00Z*999999@2026-03-20T09:00:00Z',
  'now',
])('%s is no clock', text => {
  expect(parseClock(text)).toBeUndefined();
});
