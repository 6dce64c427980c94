import { expect, test } from 'vitest';
import { globMatches } from './glob.ts';

test.each([
  ['web-*', 'web-01', true],
  ['web-*', 'web', false],
  ['Web-*', 'wEB-01', true],
  ['*', '', true],
  ['db-?', 'db-1', true],
  ['db-?', 'db-12', false],
  ['*a*b*', 'xxaxxbxx', true],
  ['*a*b', 'xxaxxbxx', false],
  ['a.c', 'abc', false],
  ['', '', true],
])('glob %s on %s is %s', (pattern, text, expected) => {
  expect(globMatches(pattern, text)).toBe(expected);
});

test('a glob of many stars does not explode', () => {
  expect(globMatches(`${'*a'.repeat(100)}b`, 'a'.repeat(255))).toBe(false);
  expect(globMatches(`${'*?'.repeat(100)}!`, 'a'.repeat(255))).toBe(false);
});
