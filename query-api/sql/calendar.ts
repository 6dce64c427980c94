// The part of a window that a question speaks of: hours and weekdays of a time zone, without holidays.
//
//   calendar := word (' ' word)*
//   word     := zone | weekdays | hours | 'not' dates
//   zone     := name of the IANA time zone database (Europe/Berlin); UTC without one
//   weekdays := mo-fr | mo,we,sa-su
//   hours    := 08:00-18:00 | 08-12,13-17; 22-06 ends on the next morning and belongs to the day it began on
//   dates    := 2026-12-24 | 2026-12-24,2026-12-27..2027-01-02
//
// Days are those of the zone: 23 or 25 hours long where its clocks change. A bound that the clocks leave out is the moment they
// change; one that they show twice is the first of the two. A span around a repeated hour has it twice.

import { Temporal } from 'temporal-polyfill';
import { refuse } from '../http/problem.ts';
import type { Part } from './parts.ts';

export interface Calendar {
  readonly zone: string;
  /** By ISO weekday, Monday at 1; index 0 is unused. */
  readonly weekdays: readonly boolean[];
  /** Minutes of the day, in order, without overlap; `to` is beyond 1440 where hours end on the next day. */
  readonly hours: readonly { readonly from: number; readonly to: number }[];
  /** Days left out, both ends included, as YYYY-MM-DD. */
  readonly holidays: readonly { readonly from: string; readonly to: string }[];
}

const DAY_MIN = 1440;
const DAY_S = 86_400;
const DAYS = ['mo', 'tu', 'we', 'th', 'fr', 'sa', 'su'] as const;
const DAY = `(?:${DAYS.join('|')})`;
const WEEKDAYS = new RegExp(`^${DAY}(?:-${DAY})?(?:,${DAY}(?:-${DAY})?)*$`, 'i');
const HOURS = /^\d{1,2}(?::\d{2})?-\d{1,2}(?::\d{2})?(?:,|$)/;
const HOUR_RANGE = /^(\d{1,2})(?::(\d{2}))?-(\d{1,2})(?::(\d{2}))?$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
/** Buckets of five minutes are ranked: other minutes would cut one. */
const STEP_MIN = 5;
const HOURS_MAX = 4;
const HOLIDAYS_MAX = 200;

export const CALENDAR_SYNTAX =
  'weekdays (mo-fr), hours (08:00-18:00), an IANA time zone (Europe/Berlin) and days left out (not 2026-12-25,2026-12-26), separated by blanks, each at most once';

/** Undefined where the text says nothing: the whole window counts. */
export function parseCalendar(parameter: string, text: string): Calendar | undefined {
  const words = text.trim().split(/\s+/).filter(Boolean);
  if (words.length === 0) return undefined;
  const found: { zone?: string; weekdays?: boolean[]; hours?: Calendar['hours']; holidays?: Calendar['holidays'] } = {};
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const part = partOf(word);
    if (found[part] !== undefined)
      refuse(parameter, `"${word}" states the ${part} a second time; write ${CALENDAR_SYNTAX}`);
    if (part === 'weekdays') found.weekdays = parseWeekdays(word);
    else if (part === 'hours') found.hours = parseHours(parameter, word);
    else if (part === 'holidays') found.holidays = parseDates(parameter, words[++i] ?? '');
    else found.zone = parseZone(parameter, word);
  }
  return {
    zone: found.zone ?? 'UTC',
    weekdays: found.weekdays ?? [false, ...DAYS.map(() => true)],
    hours: found.hours ?? [{ from: 0, to: DAY_MIN }],
    holidays: found.holidays ?? [],
  };
}

function partOf(word: string): 'weekdays' | 'hours' | 'holidays' | 'zone' {
  if (WEEKDAYS.test(word)) return 'weekdays';
  if (HOURS.test(word)) return 'hours';
  return word.toLowerCase() === 'not' ? 'holidays' : 'zone';
}

function parseZone(parameter: string, text: string): string {
  try {
    return Temporal.Now.zonedDateTimeISO(text).timeZoneId;
  } catch {
    return refuse(
      parameter,
      `"${text}" is no time zone of the IANA database (Europe/Berlin); write ${CALENDAR_SYNTAX}`,
    );
  }
}

function parseWeekdays(text: string): boolean[] {
  const listed = [false, ...DAYS.map(() => false)];
  const indexOf = (name: string) => (DAYS as readonly string[]).indexOf(name.toLowerCase());
  for (const range of text.split(',')) {
    const [from, to] = range.split('-').map(indexOf) as [number, number?];
    // fr-mo goes over the end of the week.
    const days = to === undefined ? 1 : ((to - from + 7) % 7) + 1;
    for (let i = 0; i < days; i++) listed[((from + i) % 7) + 1] = true;
  }
  return listed;
}

function parseHours(parameter: string, text: string): Calendar['hours'] {
  const ranges = text.split(',').map(range => {
    const [, fromHour, fromMinute = '0', toHour, toMinute = '0'] = HOUR_RANGE.exec(range) ?? [];
    const from = Number(fromHour) * 60 + Number(fromMinute);
    const to = Number(toHour) * 60 + Number(toMinute);
    const isTime = Number(fromMinute) < 60 && Number(toMinute) < 60 && from < DAY_MIN && to <= DAY_MIN && from !== to;
    if (!isTime || from % STEP_MIN !== 0 || to % STEP_MIN !== 0)
      refuse(
        parameter,
        `"${range}" is no span of hours; write 08:00-18:00, on whole five minutes, or 22-06 over midnight`,
      );
    return { from, to: to > from ? to : to + DAY_MIN };
  });
  if (ranges.length > HOURS_MAX) refuse(parameter, `has more than ${HOURS_MAX} spans of hours`);
  ranges.sort((a, b) => a.from - b.from);
  const last = ranges.at(-1)!;
  for (const [i, range] of ranges.entries()) {
    const next = ranges[i + 1]?.from ?? (last.to > DAY_MIN ? ranges[0]!.from + DAY_MIN : Number.POSITIVE_INFINITY);
    if (range.to > next) refuse(parameter, `"${text}" has spans of hours that overlap`);
  }
  return ranges;
}

function parseDates(parameter: string, text: string): Calendar['holidays'] {
  const ranges = text.split(',').map(range => {
    const [from = '', to = from, ...more] = range.split('..');
    if (more.length > 0 || !isDate(from) || !isDate(to) || from > to)
      refuse(
        parameter,
        `"${range}" is no day; after "not" write 2026-12-25, or 2026-12-24..2027-01-02, joined by commas`,
      );
    return { from, to };
  });
  if (ranges.length > HOLIDAYS_MAX) refuse(parameter, `has more than ${HOLIDAYS_MAX} days or spans of days left out`);
  return ranges;
}

function isDate(text: string): boolean {
  if (!DATE.test(text)) return false;
  try {
    return Temporal.PlainDate.from(text).toString() === text;
  } catch {
    return false;
  }
}

/** Spans of the calendar in a window, in order, without overlap; those that meet are one. */
export function spansOf({ zone, weekdays, hours, holidays }: Calendar, window: Part): Part[] {
  const clock = clockOf(zone, window);
  const left = holidays.map(({ from, to }) => ({ from: dayOf(from), to: dayOf(to) }));
  const spans: Part[] = [];
  const last = Math.floor((window.toS + clock.at(-1)!.offsetS) / DAY_S);
  // The night before may reach into the first day.
  for (let day = Math.floor((window.fromS + clock[0]!.offsetS) / DAY_S) - 1; day <= last; day++) {
    // 1 January 1970 was a Thursday.
    if (!weekdays[((((day + 3) % 7) + 7) % 7) + 1] || left.some(({ from, to }) => from <= day && day <= to)) continue;
    for (const { from, to } of hours)
      push(spans, { fromS: instantOf(clock, day, from), toS: instantOf(clock, day, to) }, window);
  }
  return spans;
}

function push(spans: Part[], span: Part, within: Part): void {
  const from = Math.max(span.fromS, within.fromS);
  const to = Math.min(span.toS, within.toS);
  const before = spans.at(-1);
  if (to <= from) return;
  if (before && from <= before.toS) spans[spans.length - 1] = { fromS: before.fromS, toS: Math.max(before.toS, to) };
  else spans.push({ fromS: from, toS: to });
}

/** From when on the clocks of a zone differ from UTC by how much; the first is from ever on. */
type Clock = readonly { readonly sinceS: number; readonly offsetS: number }[];

/** How clocks go in a window and two days around it. */
function clockOf(zone: string, { fromS, toS }: Part): Clock {
  let at: Temporal.ZonedDateTime | null = Temporal.Instant.fromEpochMilliseconds(
    Math.floor(fromS - 2 * DAY_S) * 1000,
  ).toZonedDateTimeISO(zone);
  const clock = [{ sinceS: Number.NEGATIVE_INFINITY, offsetS: at.offsetNanoseconds / 1e9 }];
  for (at = at.getTimeZoneTransition('next'); at !== null; at = at.getTimeZoneTransition('next')) {
    const sinceS = at.epochMilliseconds / 1000;
    if (sinceS > toS + 2 * DAY_S) break;
    clock.push({ sinceS, offsetS: at.offsetNanoseconds / 1e9 });
  }
  return clock;
}

/** When the clocks first show this time, or leap over it. `day` counts from 1 January 1970. */
function instantOf(clock: Clock, day: number, minutes: number): number {
  const shownS = day * DAY_S + minutes * 60;
  for (const [i, { sinceS, offsetS }] of clock.entries()) {
    const untilS = clock[i + 1]?.sinceS ?? Number.POSITIVE_INFINITY;
    const atS = shownS - offsetS;
    if (atS < untilS) return Math.max(atS, sinceS);
  }
  throw new Error('the last offset of a clock has no end');
}

function dayOf(date: string): number {
  return Date.parse(date) / 1000 / DAY_S;
}

/** Midnight at the start of a day, YYYY-MM-DD, in milliseconds since the epoch. */
export function midnight(zone: string, date: string): number {
  const day = dayOf(date);
  return instantOf(clockOf(zone, { fromS: day * DAY_S, toS: day * DAY_S }), day, 0) * 1000;
}

/** Whether buckets of an hour lie inside or outside of the spans as a whole. */
export function isOfHours(spans: readonly Part[]): boolean {
  return spans.every(({ fromS, toS }) => fromS % 3600 === 0 && toS % 3600 === 0);
}

/** The buckets of a relation that lie in spans of a calendar, whose bounds are those of buckets. */
export function inSpans(
  { sql, params }: { readonly sql: string; readonly params: Readonly<Record<string, unknown>> },
  spans: readonly Part[],
  stepS: number,
): { readonly sql: string; readonly params: Readonly<Record<string, unknown>> } {
  return {
    sql: `SELECT * FROM (${sql}) WHERE toUnixTimestamp(bucket) IN (
  SELECT arrayJoin(range(span.1, span.2, {spanStep:UInt32})) FROM (SELECT arrayJoin(arrayZip({spanFrom:Array(UInt32)}, {spanTo:Array(UInt32)})) AS span))`,
    params: {
      ...params,
      spanStep: stepS,
      spanFrom: spans.map(({ fromS }) => fromS),
      spanTo: spans.map(({ toS }) => toS),
    },
  };
}
