// The time window of a query: `from` and `to` as text, the resolution that fits, and the window aligned outward to
// it. The answer states both: answers about the same aligned window add up to the same total.

import { FIVE_MINUTES_S } from '../../storage/tables/elections.ts';
import { refuse } from '../http/problem.ts';

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

const UNITS: Readonly<Record<string, number>> = { s: 1, m: MINUTE_S, h: HOUR_S, d: DAY_S, w: 7 * DAY_S };
const RELATIVE = /^now(?:-(\d{1,9})([smhdw]))?$/;
const RFC3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}):\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Milliseconds since the epoch of `2026-01-31T12:00:00Z`, `now`, `now-15m`. */
export function parseTime(parameter: string, text: string, nowMs: number): number {
  const relative = RELATIVE.exec(text);
  if (relative) return nowMs - Number(relative[1] ?? 0) * (UNITS[relative[2] ?? 's'] ?? 0) * 1000;
  // A plus sign in a query string is a space when it was not escaped.
  const absolute = text.replace(/ (\d{2}:\d{2})$/, '+$1');
  const [, date = '', hour] = RFC3339.exec(absolute) ?? [];
  if (date !== '') refuseMissingDay(parameter, text, date);
  // Date takes 24:00 for the next day; RFC 3339 does not have it.
  const ms = date !== '' && hour !== '24' ? Date.parse(absolute.replace(/^(.{10})[t ]/, '$1T')) : Number.NaN;
  if (Number.isNaN(ms))
    refuse(
      parameter,
      `"${text}" is no time; write an RFC 3339 time (2026-01-31T12:00:00Z), now, or now-15m with s, m, h, d or w`,
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

export function parseRequestedWindow(from: string, to: string, nowMs: number): RequestedWindow {
  const fromMs = parseTime('from', from, nowMs);
  const toMs = parseTime('to', to, nowMs);
  if (fromMs >= toMs)
    refuse(
      'from',
      `must lie before to; it is ${new Date(fromMs).toISOString()}, to is ${new Date(toMs).toISOString()}`,
    );
  if (fromMs < 0) refuse('from', 'lies before 1970');
  if (toMs > nowMs + DAY_S * 1000) refuse('to', 'lies more than a day ahead');
  if (toMs - fromMs > WINDOW_S_MAX * 1000) refuse('from', 'lies more than 1000 days before to');
  return { fromMs, toMs };
}

/**
 * Minutes only where nothing needs more: unelected traffic is decided per five minutes, VM pairs are kept per five
 * minutes, and a p95 is one of five-minute buckets.
 */
export function alignWindow({ fromMs, toMs }: RequestedWindow, needsFiveMinutes: boolean, ranked: boolean): Window {
  const lengthS = (toMs - fromMs) / 1000;
  let resolutionS: Resolution = HOUR_S;
  if (lengthS <= FIVE_MINUTES_S_MAX || ranked) resolutionS = FIVE_MINUTES_S;
  if (lengthS <= MINUTES_S_MAX && !needsFiveMinutes && !ranked) resolutionS = MINUTE_S;
  const step = resolutionS * 1000;
  return { fromS: (Math.floor(fromMs / step) * step) / 1000, toS: (Math.ceil(toMs / step) * step) / 1000, resolutionS };
}

/** What of a window has been observed: from the first stored minute until now, not from the start of its bucket. Undefined when nothing has. */
export interface Covered {
  readonly fromS: number;
  readonly toS: number;
  /** Buckets that are over: the open one is not ranked. */
  readonly closedBeforeS: number;
  readonly closedBuckets: number;
}

export function coveredPart(window: Window, firstS: number | undefined, nowS: number): Covered | undefined {
  if (firstS === undefined) return undefined;
  const step = window.resolutionS;
  const fromS = Math.max(window.fromS, firstS);
  const firstBucketS = Math.floor(fromS / step) * step;
  const toS = Math.min(window.toS, Math.max(nowS, fromS + 1));
  if (fromS >= window.toS) return undefined;
  const closedBeforeS = Math.max(firstBucketS, Math.floor(toS / step) * step);
  return { fromS, toS, closedBeforeS, closedBuckets: (closedBeforeS - firstBucketS) / step };
}
