// The time window of a query: `from` and `to` as text, the resolution that fits, and the window aligned outward to
// it. The answer states both: answers about the same aligned window add up to the same total.

import { UNIT_MS } from '../../schemas/durations.ts';
import { FIVE_MINUTES_S } from '../../storage/tables/elections.ts';
import { refuse } from '../http/problem.ts';
import { type Calendar, midnight, parseCalendar } from './calendar.ts';

const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;

export type Resolution = 60 | 300 | 3600;

/** Whole seconds since the epoch; `to` is excluded. */
export interface Window {
  readonly fromS: number;
  readonly toS: number;
  readonly resolutionS: Resolution;
}

/** Minutes are used up to here, five minutes up to the next bound, hours beyond. */
const MINUTES_S_MAX = 6 * HOUR_S;
const FIVE_MINUTES_S_MAX = 14 * DAY_S;
const WINDOW_S_MAX = 1000 * DAY_S;

const RELATIVE = /^now(?:-(\d{1,9})([smhdw]))?$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const RFC3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}):\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Milliseconds since the epoch of `2026-01-31T12:00:00Z`, `2026-01-31` (midnight of the zone), `now`, `now-15m`. */
export function parseTime(parameter: string, text: string, nowMs: number, zone = 'UTC'): number {
  const relative = RELATIVE.exec(text);
  if (relative) return nowMs - Number(relative[1] ?? 0) * (UNIT_MS[relative[2] ?? 's'] ?? 0);
  if (DATE.test(text)) {
    refuseMissingDay(parameter, text, text);
    return midnight(zone, text);
  }
  // A plus sign in a query string is a space when it was not escaped.
  const absolute = text.replace(/ (\d{2}:\d{2})$/, '+$1');
  const [, date = '', hour] = RFC3339.exec(absolute) ?? [];
  if (date !== '') refuseMissingDay(parameter, text, date);
  // Date takes 24:00 for the next day; RFC 3339 does not have it.
  const ms = date !== '' && hour !== '24' ? Date.parse(absolute.replace(/^(.{10})[t ]/, '$1T')) : Number.NaN;
  if (Number.isNaN(ms))
    refuse(
      parameter,
      `"${text}" is no time; write an RFC 3339 time (2026-01-31T12:00:00Z), a day (2026-01-31), now, or now-15m with s, m, h, d or w`,
    );
  return ms;
}

/** Date takes 30 February for 2 March. `date` is YYYY-MM-DD. */
export function refuseMissingDay(parameter: string, text: string, date: string): void {
  const [year, month, day] = date.split('-').map(Number) as [number, number, number];
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (month < 1 || month > 12) refuse(parameter, `"${text}" is no time; ${date} has no month from 01 to 12`);
  if (day < 1 || day > days) refuse(parameter, `"${text}" is no time; ${date.slice(0, 7)} has the days 01 to ${days}`);
}

export interface RequestedWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

export function parseRequestedWindow(from: string, to: string, nowMs: number, zone = 'UTC'): RequestedWindow {
  const window = { fromMs: parseTime('from', from, nowMs, zone), toMs: parseTime('to', to, nowMs, zone) };
  refuseImpossible(window, nowMs, { from: 'from', to: 'to' });
  return window;
}

/** Of a window that one parameter states as FROM/TO. */
export function parseNamedWindow(
  parameter: string,
  from: string,
  to: string,
  nowMs: number,
  zone: string,
): RequestedWindow {
  const window = { fromMs: parseTime(parameter, from, nowMs, zone), toMs: parseTime(parameter, to, nowMs, zone) };
  refuseImpossible(window, nowMs, { from: parameter, to: parameter });
  return window;
}

function refuseImpossible(
  { fromMs, toMs }: RequestedWindow,
  nowMs: number,
  parameters: { readonly from: string; readonly to: string },
): void {
  if (fromMs >= toMs)
    refuse(
      parameters.from,
      `must lie before to; it is ${new Date(fromMs).toISOString()}, to is ${new Date(toMs).toISOString()}`,
    );
  if (fromMs < 0) refuse(parameters.from, 'lies before 1970');
  if (toMs > nowMs + DAY_S * 1000) refuse(parameters.to, 'lies more than a day ahead');
  if (toMs - fromMs > WINDOW_S_MAX * 1000) refuse(parameters.from, 'lies more than 1000 days before to');
}

/** What `from`, `to` and `calendar` of a request say; days of the first two are of the zone of the third. */
export function requestedTime(
  { from, to, calendar: text = '' }: { readonly from: string; readonly to: string; readonly calendar?: string },
  nowMs: number,
): { readonly requested: RequestedWindow; readonly calendar: Calendar | undefined } {
  const calendar = parseCalendar('calendar', text);
  return { requested: parseRequestedWindow(from, to, nowMs, calendar?.zone), calendar };
}

/**
 * Minutes only where nothing needs more: unelected traffic is decided per five minutes, VM pairs are kept per five
 * minutes, and a percentile is one of five-minute buckets, which has no coarser ones. Coarser otherwise where the fine table
 * has lost the start of the window.
 */
export function alignWindow(
  { fromMs, toMs }: RequestedWindow,
  {
    fiveMinutes,
    fiveMinutesAlone,
    resolutionMinS = MINUTE_S,
  }: {
    readonly fiveMinutes: boolean;
    readonly fiveMinutesAlone: boolean;
    readonly resolutionMinS?: Resolution | undefined;
  },
  keptSinceS: (resolution: Resolution) => number = () => Number.NEGATIVE_INFINITY,
): Window {
  const lengthS = (toMs - fromMs) / 1000;
  const allowed: Resolution[] = fiveMinutesAlone ? [FIVE_MINUTES_S] : [HOUR_S];
  if (!fiveMinutesAlone && lengthS <= FIVE_MINUTES_S_MAX) allowed.unshift(FIVE_MINUTES_S);
  if (!fiveMinutesAlone && lengthS <= MINUTES_S_MAX && !fiveMinutes) allowed.unshift(MINUTE_S);
  const isUsable = (resolution: Resolution) => resolution >= resolutionMinS && keptSinceS(resolution) * 1000 <= fromMs;
  const resolutionS = allowed.find(isUsable) ?? allowed.at(-1)!;
  const step = resolutionS * 1000;
  return { fromS: (Math.floor(fromMs / step) * step) / 1000, toS: (Math.ceil(toMs / step) * step) / 1000, resolutionS };
}
