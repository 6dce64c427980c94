import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCalendar, spansOf } from './calendar.ts';

const DAY_S = 86_400;
const utc = (text: string) => Date.parse(text) / 1000;
const spans = (text: string, from: string, to: string) =>
  spansOf(parseCalendar('calendar', text)!, { fromS: utc(from), toS: utc(to) }).map(
    ({ fromS, toS }) => `${new Date(fromS * 1000).toISOString().slice(0, 16)} ${(toS - fromS) / 3600} h`,
  );

describe('a calendar', () => {
  test('of office hours leaves nights, the weekend and a holiday out', () => {
    // Friday 2 January to Tuesday 6 January 2026.
    expect(spans('mo-fr 08:00-18:00 Europe/Berlin not 2026-01-06', '2026-01-02T00:00Z', '2026-01-07T00:00Z')).toEqual([
      '2026-01-02T07:00 10 h',
      '2026-01-05T07:00 10 h',
    ]);
  });

  test('keeps the hours of the clock when summer time begins and ends', () => {
    expect(spans('08-09 Europe/Berlin', '2026-03-28T00:00Z', '2026-03-30T00:00Z')).toEqual([
      '2026-03-28T07:00 1 h',
      '2026-03-29T06:00 1 h',
    ]);
    // 25 October 2026 has 25 hours, 29 March 23.
    expect(spans('su Europe/Berlin', '2026-10-24T00:00Z', '2026-10-27T00:00Z')).toEqual(['2026-10-24T22:00 25 h']);
    expect(spans('su Europe/Berlin', '2026-03-28T00:00Z', '2026-03-31T00:00Z')).toEqual(['2026-03-28T23:00 23 h']);
    expect(spans('su 02:30-04 Europe/Berlin', '2026-03-28T00:00Z', '2026-03-31T00:00Z')).toEqual([
      '2026-03-29T01:00 1 h',
    ]);
  });

  test('has nights that belong to the evening, and joins spans that meet', () => {
    expect(spans('fr 22-06', '2026-01-02T00:00Z', '2026-01-05T00:00Z')).toEqual(['2026-01-02T22:00 8 h']);
    expect(spans('fr 22-06', '2026-01-03T01:00Z', '2026-01-05T00:00Z')).toEqual(['2026-01-03T01:00 5 h']);
    expect(spans('fr-sa', '2026-01-01T00:00Z', '2026-01-08T00:00Z')).toEqual(['2026-01-02T00:00 48 h']);
    expect(spans('Asia/Kathmandu mo', '2026-01-04T00:00Z', '2026-01-06T00:00Z')).toEqual(['2026-01-04T18:15 24 h']);
  });

  test.each([
    ['', undefined],
    ['  ', undefined],
  ])('%j says nothing', text => {
    expect(parseCalendar('calendar', text)).toBeUndefined();
  });

  test.each([
    ['Europe/Berlim', '"Europe/Berlim" is no time zone'],
    ['08-25', '"08-25" is no span of hours'],
    ['mo-we-fr', '"mo-we-fr" is no time zone'],
    ['08:03-09', '"08:03-09" is no span of hours'],
    ['08-08', '"08-08" is no span of hours'],
    ['08-12,11-13', '"08-12,11-13" has spans of hours that overlap'],
    ['22-06,05-08', '"22-06,05-08" has spans of hours that overlap'],
    ['1-2,3-4,5-6,7-8,9-10', 'has more than 4 spans of hours'],
    ['mo-fr sa', '"sa" states the weekdays a second time'],
    ['not', '"" is no day'],
    ['not 2026-02-30', '"2026-02-30" is no day'],
    ['not 2026-02-02..2026-02-01', '"2026-02-02..2026-02-01" is no day'],
  ])('%j is refused and says why', (text, why) => {
    expect(() => parseCalendar('calendar', text)).toThrow(`calendar: ${why}`);
  });
});

describe('spans', () => {
  const DAYS = ['mo', 'tu', 'we', 'th', 'fr', 'sa', 'su'];

  test('hold the five minutes whose local time the calendar names, in any zone', () => {
    const anyCalendar = fc.record({
      zone: fc.constantFrom(
        'Europe/Berlin',
        'America/St_Johns',
        'Asia/Kathmandu',
        'Pacific/Auckland',
        'UTC',
        'America/Santiago',
      ),
      // No bound where clocks change: what is meant there is said above.
      from: fc.integer({ min: 4 * 12, max: 23 * 12 - 1 }),
      minutes: fc.integer({ min: 1, max: 24 * 12 - 1 }),
      days: fc.subarray(DAYS, { minLength: 1 }),
      startS: fc
        .integer({ min: utc('2025-01-01T00:00Z') / DAY_S, max: utc('2026-12-01T00:00Z') / DAY_S })
        .map(day => day * DAY_S),
    });
    fc.assert(
      fc.property(anyCalendar, ({ zone, from, minutes, days, startS }) => {
        const to = (from + minutes) % 288;
        fc.pre(to >= 4 * 12 && to < 23 * 12 && to !== from);
        const clock = (at: number) => `${Math.floor(at / 12)}:${String((at % 12) * 5).padStart(2, '0')}`;
        const calendar = parseCalendar('calendar', `${days.join(',')} ${clock(from)}-${clock(to)} ${zone}`)!;
        const window = { fromS: startS, toS: startS + 8 * DAY_S };
        const found = spansOf(calendar, window);
        const format = new Intl.DateTimeFormat('en-GB', {
          timeZone: zone,
          weekday: 'short',
          hour: '2-digit',
          minute: '2-digit',
          hourCycle: 'h23',
        });
        for (let at = window.fromS; at < window.toS; at += 300) {
          const parts = Object.fromEntries(format.formatToParts(at * 1000).map(({ type, value }) => [type, value]));
          const minute = Number(parts['hour']) * 12 + Number(parts['minute']) / 5;
          const today = DAYS.indexOf(parts['weekday']!.slice(0, 2).toLowerCase());
          const began = to > from || minute >= from ? today : (today + 6) % 7;
          const isNamed = to > from ? minute >= from && minute < to : minute >= from || minute < to;
          const expected = isNamed && days.includes(DAYS[began]!);
          expect(found.some(({ fromS, toS }) => fromS <= at && at < toS)).toBe(expected);
        }
      }),
      { numRuns: 30 },
    );
  });
});
