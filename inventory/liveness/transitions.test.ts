import { expect, test } from 'vitest';
import { joinSpans } from './activity.ts';
import { correctionOf, type Observed, type SeenSpan, transitionsOf } from './transitions.ts';

const MINUTE = 60_000;

/** Minutes `first` to `last`, all with records unless stated otherwise; last seen 12.3 s into the last. */
const span = (first: number, last: number, more: Partial<SeenSpan> = {}): SeenSpan => ({
  firstMs: first * MINUTE,
  lastMs: last * MINUTE,
  recordsMs: first * MINUTE,
  lastSeenMs: last * MINUTE + 12_345,
  isLastMixed: false,
  ...more,
});
const minutes = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => (first + i) * MINUTE);
const find = (spans: readonly SeenSpan[], more: Partial<Observed> = {}) =>
  transitionsOf({
    spans,
    receiving: minutes(0, 30),
    fromMs: 0,
    isSilent: false,
    neverMs: -3_600_000,
    intervalMs: MINUTE,
    cacheMs: 0,
    ...more,
  }).map(({ atMs, state }) => `${atMs / 1000} ${state}`);

test('three minutes in which collectors received and it was not seen make it silent, two do not', () => {
  expect(find([span(0, 27)])).toEqual(['1630 silent']);
  expect(find([span(0, 28)])).toEqual([]);
  expect(find([span(0, 10), span(13, 30)])).toEqual([]);
});

test('it is silent from when it was seen last, rounded down, less what its flow cache may have lost', () => {
  expect(find([span(0, 10)])).toEqual(['610 silent']);
  expect(find([span(0, 10)], { cacheMs: MINUTE })).toEqual(['550 silent']);
  // Within a minute that also has what cannot be decoded, when it was last good is not known.
  expect(find([span(0, 10, { isLastMixed: true })])).toEqual(['600 silent']);
});

test('it returns with the end of its first minute of records; templates and counters alone keep it as it is', () => {
  expect(find([span(0, 10), span(20, 30)])).toEqual(['610 silent', '1260 live']);
  expect(find([span(0, 10), span(20, 30, { recordsMs: undefined })])).toEqual(['610 silent']);
  expect(find([span(0, 10), span(20, 30, { recordsMs: 23 * MINUTE })])).toEqual(['610 silent', '1440 live']);
  expect(find([span(0, 30, { recordsMs: undefined })])).toEqual([]);
});

test('never seen is silent from the start; seen within three intervals is live from the start', () => {
  expect(find([])).toEqual(['-3600 silent']);
  expect(find([span(2, 30)])).toEqual([]);
  expect(find([span(5, 30)])).toEqual(['-3600 silent', '360 live']);
});

test('a collector outage is no silence, nor is a backlog', () => {
  // Received until minute 10, and again from 25: two minutes of both ends are missing.
  const outage = [...minutes(0, 10), ...minutes(25, 30)];
  expect(find([span(0, 9), span(26, 30)], { receiving: outage })).toEqual([]);
  expect(find([span(0, 9)], { receiving: minutes(0, 11) })).toEqual([]);
});

test('an exporter that reports every five minutes may wait for fifteen', () => {
  const sparse = [span(0, 0), span(5, 5), span(10, 10), span(15, 15), span(20, 20), span(30, 30)];
  expect(find(sparse, { intervalMs: 5 * MINUTE })).toEqual([]);
  const late = (minute: number) =>
    find([span(0, 0), span(minute, minute)], { receiving: minutes(0, minute), intervalMs: 5 * MINUTE });
  expect(late(15)).toEqual([]);
  expect(late(16)).toEqual(['10 silent', '1020 live']);
});

test('a return that is over before it holds is none', () => {
  expect(find([span(0, 10), span(20, 20)])).toEqual(['610 silent']);
});

test('spans of several domains are those of one entry', () => {
  const joined = joinSpans([
    [span(0, 5), span(20, 22)],
    [span(4, 9, { recordsMs: undefined }), span(23, 25)],
  ]);
  expect(joined.map(({ firstMs, lastMs, recordsMs }) => [firstMs, lastMs, recordsMs].map(ms => ms! / MINUTE))).toEqual([
    [0, 9, 0],
    [20, 25, 20],
  ]);
});

test('a correction names the rows and the span in which the verdict differs', () => {
  const silent = (atMs: number) => ({ atMs, state: 'silent' as const });
  const live = (atMs: number) => ({ atMs, state: 'live' as const });
  const corrected = (recorded: Parameters<typeof correctionOf>[0], found: Parameters<typeof correctionOf>[1]) =>
    correctionOf(recorded, found, false);
  expect(corrected([silent(10)], [silent(10)])).toBeUndefined();
  expect(corrected([], [silent(10)])).toEqual({
    rows: [silent(10)],
    fromMs: 10,
    untilMs: Number.POSITIVE_INFINITY,
  });
  expect(corrected([silent(10)], [silent(10), live(50)])).toMatchObject({ rows: [live(50)], fromMs: 50 });
  // A late minute: it was silent for less long.
  expect(corrected([silent(10), live(50)], [silent(30), live(50)])).toEqual({
    rows: [{ atMs: 10, state: 'void' }, silent(30)],
    fromMs: 10,
    untilMs: 30,
  });
  // It never was silent.
  expect(corrected([silent(10), live(50)], [])).toEqual({
    rows: [
      { atMs: 10, state: 'void' },
      { atMs: 50, state: 'void' },
    ],
    fromMs: 10,
    untilMs: 50,
  });
});
