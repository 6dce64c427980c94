import { expect, test } from 'vitest';
import { alignWindow, parseRequestedWindow, parseTime } from './window.ts';

const NOW = Date.parse('2026-03-01T12:07:30Z');

test.each([
  ['now', '2026-03-01T12:07:30.000Z'],
  ['now-15m', '2026-03-01T11:52:30.000Z'],
  ['now-2d', '2026-02-27T12:07:30.000Z'],
  ['2026-02-28T23:00:00Z', '2026-02-28T23:00:00.000Z'],
  ['2026-02-28T23:00:00.250+01:00', '2026-02-28T22:00:00.250Z'],
  ['2026-02-28', '2026-02-28T00:00:00.000Z'],
  ['2026-02-28T23:00:00 01:00', '2026-02-28T22:00:00.000Z'],
])('%s is a time', (text, expected) => {
  expect(new Date(parseTime('from', text, NOW)).toISOString()).toBe(expected);
});

test.each(['', 'yesterday', 'now-5', 'now+5m', '2026-2-28', '2026-13-01T00:00:00Z', '1772000000'])(
  '%s is no time',
  text => {
    expect(() => parseTime('from', text, NOW)).toThrow(`from: "${text}" is no time`);
  },
);

test.each([
  ['2026-02-30', '2026-02 has the days 01 to 28'],
  ['2026-02-30T00:00:00Z', '2026-02 has the days 01 to 28'],
  ['2024-02-30T00:00:00Z', '2024-02 has the days 01 to 29'],
  ['2026-04-31T12:00:00+02:00', '2026-04 has the days 01 to 30'],
  ['2026-01-00T00:00:00Z', '2026-01 has the days 01 to 31'],
  ['2026-13-01T00:00:00Z', '2026-13-01 has no month from 01 to 12'],
])('%s is refused and says why', (text, why) => {
  expect(() => parseTime('from', text, NOW)).toThrow(`from: "${text}" is no time; ${why}`);
});

test.each(['2026-02-28T24:00:00Z', '2026-02-28T23:60:00Z', '2026-02-28T23:00:00+24:00'])('%s is no time', text => {
  expect(() => parseTime('from', text, NOW)).toThrow(`from: "${text}" is no time`);
});

test('the 29th of February is a time in a leap year', () => {
  expect(parseTime('from', '2024-02-29T00:00:00Z', NOW)).toBe(Date.UTC(2024, 1, 29));
});

test('a window that is empty, far ahead or too long is refused', () => {
  expect(() => parseRequestedWindow('now', 'now-1h', NOW)).toThrow('from: must lie before to');
  expect(() => parseRequestedWindow('now', '2026-04-01T00:00:00Z', NOW)).toThrow('to: lies more than a day ahead');
  expect(() => parseRequestedWindow('now-1001d', 'now', NOW)).toThrow('from: lies more than 1000 days before to');
});

test('the resolution follows length and need, and the window is aligned outward', () => {
  const asked = parseRequestedWindow('now-15m', 'now', NOW);
  expect(alignWindow(asked, { fiveMinutes: false, fiveMinutesAlone: false })).toEqual({
    fromS: Date.parse('2026-03-01T11:52:00Z') / 1000,
    toS: Date.parse('2026-03-01T12:08:00Z') / 1000,
    resolutionS: 60,
  });
  expect(alignWindow(asked, { fiveMinutes: true, fiveMinutesAlone: false })).toEqual({
    fromS: Date.parse('2026-03-01T11:50:00Z') / 1000,
    toS: Date.parse('2026-03-01T12:10:00Z') / 1000,
    resolutionS: 300,
  });
  expect(
    alignWindow(parseRequestedWindow('now-6h', 'now', NOW), { fiveMinutes: false, fiveMinutesAlone: false })
      .resolutionS,
  ).toBe(60);
  expect(
    alignWindow(parseRequestedWindow('now-7h', 'now', NOW), { fiveMinutes: false, fiveMinutesAlone: false })
      .resolutionS,
  ).toBe(300);
  expect(
    alignWindow(parseRequestedWindow('now-15d', 'now', NOW), { fiveMinutes: true, fiveMinutesAlone: false })
      .resolutionS,
  ).toBe(3600);
  expect(
    alignWindow(parseRequestedWindow('now-15d', 'now', NOW), { fiveMinutes: false, fiveMinutesAlone: true })
      .resolutionS,
  ).toBe(300);
});

test('a window that a fine table has lost is read from the next coarser one', () => {
  const asked = parseRequestedWindow('now-50d', 'now-49d', NOW);
  const kept = { 60: NOW / 1000 - 40 * 86_400, 300: NOW / 1000 - 40 * 86_400, 3600: Number.NEGATIVE_INFINITY };
  const since = (resolution: 60 | 300 | 3600) => kept[resolution];
  expect(alignWindow(asked, { fiveMinutes: false, fiveMinutesAlone: false }, since).resolutionS).toBe(3600);
  // A percentile has no coarser one: it is over what is kept.
  expect(alignWindow(asked, { fiveMinutes: false, fiveMinutesAlone: true }, since).resolutionS).toBe(300);
  const recent = parseRequestedWindow('now-1h', 'now', NOW);
  expect(alignWindow(recent, { fiveMinutes: false, fiveMinutesAlone: false }, since).resolutionS).toBe(60);
});

test('a day begins at midnight of its zone, also where summer time begins', () => {
  const { fromMs, toMs } = parseRequestedWindow('2025-03-30', '2025-03-31', NOW, 'Europe/Berlin');
  expect([fromMs, toMs].map(ms => new Date(ms).toISOString())).toEqual([
    '2025-03-29T23:00:00.000Z',
    '2025-03-30T22:00:00.000Z',
  ]);
});
