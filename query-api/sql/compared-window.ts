// The window that another one is compared with: the one before it, the same time of another day, week or month, or one that
// the request names. Days and months are those of a zone, so that eight o'clock is compared with eight o'clock whatever its
// clocks did in between.

import { Temporal } from 'temporal-polyfill';
import { refuse } from '../http/problem.ts';
import { parseNamedWindow, type RequestedWindow, type requestedTime } from './window.ts';

export const COMPARE_SYNTAX = 'previous, 1d, 1w, 1mo, or a window of its own as FROM/TO';

const EARLIER: Readonly<Record<string, { readonly days?: number; readonly weeks?: number; readonly months?: number }>> =
  { '1d': { days: 1 }, '1w': { weeks: 1 }, '1mo': { months: 1 } };

/** What a request says of it. */
export interface Comparing {
  readonly compare?: string;
  readonly order?: string;
}

/** What a request compares with; to order by change alone is to compare with the window before. */
export function compareOf({ compare: named, order }: Comparing): string | undefined {
  return named ?? (order === 'change' ? 'previous' : undefined);
}

/** The compared window of a request that asks for this time; undefined without one. */
export function comparedTime(
  asked: Comparing,
  { requested, calendar }: ReturnType<typeof requestedTime>,
  nowMs: number,
): RequestedWindow | undefined {
  const other = compareOf(asked);
  return other === undefined ? undefined : comparedWindow(other, requested, calendar?.zone ?? 'UTC', nowMs);
}

/** `compare` as a request has it. */
export function comparedWindow(
  compare: string,
  { fromMs, toMs }: RequestedWindow,
  zone: string,
  nowMs: number,
): RequestedWindow {
  const [from, to, ...more] = compare.split('/');
  if (from !== undefined && to !== undefined && more.length === 0)
    return parseNamedWindow('compare', from, to, nowMs, zone);
  if (compare === 'previous') return checked(compare, { fromMs: 2 * fromMs - toMs, toMs: fromMs });
  const earlier = EARLIER[compare];
  if (!earlier) return refuse('compare', `"${compare}" is none; write ${COMPARE_SYNTAX}`);
  const start = zoned(fromMs, zone).subtract(earlier);
  return checked(compare, { fromMs: start.epochMilliseconds, toMs: endOf(toMs, zone, earlier) });
}

function checked(compare: string, window: RequestedWindow): RequestedWindow {
  if (window.fromMs < 0) refuse('compare', `${compare} lies before 1970`);
  if (window.fromMs >= window.toMs)
    refuse('compare', 'the month before has no such days; name the window with compare=FROM/TO');
  return window;
}

/**
 * The midnight at the end of a day that a shorter month lacks is that at the end of the month: 31 March is compared with the
 * last day of February, from midnight to midnight.
 */
function endOf(toMs: number, zone: string, earlier: { readonly months?: number }): number {
  const end = zoned(toMs, zone);
  const shifted = end.subtract(earlier);
  const isMidnight = end.startOfDay().epochMilliseconds === toMs;
  const isCut = earlier.months !== undefined && shifted.day !== end.day;
  return (isMidnight && isCut ? shifted.add({ days: 1 }).startOfDay() : shifted).epochMilliseconds;
}

function zoned(ms: number, zone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(Math.floor(ms)).toZonedDateTimeISO(zone);
}
