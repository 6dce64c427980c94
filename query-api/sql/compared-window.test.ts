import { expect, test } from 'vitest';
import { comparedWindow } from './compared-window.ts';

const NOW = Date.parse('2026-05-01T00:00:00Z');
const compared = (compare: string, from: string, to: string, zone = 'UTC') => {
  const { fromMs, toMs } = comparedWindow(compare, { fromMs: Date.parse(from), toMs: Date.parse(to) }, zone, NOW);
  return [fromMs, toMs].map(ms => new Date(ms).toISOString().slice(0, 16));
};

test.each([
  ['previous', '2026-03-10T00:00Z', '2026-03-12T06:00Z', '2026-03-07T18:00', '2026-03-10T00:00'],
  ['1d', '2026-03-01T10:00Z', '2026-03-01T11:30Z', '2026-02-28T10:00', '2026-02-28T11:30'],
  ['1w', '2026-03-03T00:00Z', '2026-03-04T00:00Z', '2026-02-24T00:00', '2026-02-25T00:00'],
  // A whole month is compared with the whole month before, whatever their lengths.
  ['1mo', '2026-03-01T00:00Z', '2026-04-01T00:00Z', '2026-02-01T00:00', '2026-03-01T00:00'],
  ['1mo', '2026-02-01T00:00Z', '2026-03-01T00:00Z', '2026-01-01T00:00', '2026-02-01T00:00'],
  // February has no 29th, 30th and 31st: its last day stands for them.
  ['1mo', '2026-03-31T00:00Z', '2026-04-01T00:00Z', '2026-02-28T00:00', '2026-03-01T00:00'],
  ['1mo', '2026-03-30T00:00Z', '2026-03-31T00:00Z', '2026-02-28T00:00', '2026-03-01T00:00'],
  ['1mo', '2026-03-31T06:00Z', '2026-03-31T18:00Z', '2026-02-28T06:00', '2026-02-28T18:00'],
  ['2026-01-05/2026-01-06', '2026-03-31T00:00Z', '2026-04-01T00:00Z', '2026-01-05T00:00', '2026-01-06T00:00'],
])('%s of %s to %s is %s to %s', (compare, from, to, ...expected) => {
  expect(compared(compare, from, to)).toEqual(expected);
});

test.each([
  // Summer time begins on 29 March 2026 in Berlin: that Sunday has 23 hours, and eight o'clock is an hour earlier from then on.
  ['1w', '2026-03-29T22:00Z', '2026-03-30T22:00Z', '2026-03-22T23:00', '2026-03-23T23:00'],
  ['1d', '2026-03-28T23:00Z', '2026-03-29T22:00Z', '2026-03-27T23:00', '2026-03-28T23:00'],
  ['1mo', '2026-03-31T22:00Z', '2026-04-30T22:00Z', '2026-02-28T23:00', '2026-03-31T22:00'],
  ['2026-03-29/2026-03-30', '2026-03-31T22:00Z', '2026-04-30T22:00Z', '2026-03-28T23:00', '2026-03-29T22:00'],
])('%s of %s to %s in Berlin is %s to %s', (compare, from, to, ...expected) => {
  expect(compared(compare, from, to, 'Europe/Berlin')).toEqual(expected);
});

test.each([
  ['2w', 'compare: "2w" is none; write previous, 1d, 1w, 1mo, or a window of its own as FROM/TO'],
  ['', 'compare: "" is none'],
  ['a/b', 'compare: "a" is no time'],
  ['2026-02-01/2026-01-01', 'compare: must lie before to'],
  ['2026-01-01/2026-02-01/2026-03-01', 'is none; write previous'],
])('compare=%s is refused and says why', (compare, message) => {
  expect(() => compared(compare, '2026-03-30T12:00Z', '2026-03-31T06:00Z')).toThrow(message);
});

test('a window in days that the month before lacks is refused, and so is one before 1970', () => {
  expect(() => compared('1mo', '2026-03-30T12:00Z', '2026-03-31T06:00Z')).toThrow('the month before has no such days');
  expect(() => compared('previous', '1970-01-02T00:00Z', '1970-02-01T00:00Z')).toThrow('lies before 1970');
});
