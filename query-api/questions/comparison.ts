// The same question of an earlier window beside the one that is asked for: `compare`. One statement reads both; what an
// answer says of each cell, row or bucket is its estimate in both windows, the change, and whether chance explains it.
//
// Sums of windows that are not covered alike differ by what nobody saw: they have a change and no verdict. Rates and
// percentiles are over what is covered, and keep theirs.

import { type Static, Type } from 'typebox';
import type { Storage } from '../../storage/storage.ts';
import { about, closed, type Estimate, estimate, NullableNumber, NullableRanking } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import { difference } from '../estimates/difference.ts';
import type { FlatRow } from '../http/format-table.ts';
import { COMPARE_SYNTAX, type Comparing, comparedWindow, compareOf } from '../sql/compared-window.ts';
import { secondsOf } from '../sql/parts.ts';
import { isRanked } from '../sql/ranked.ts';
import { alignedWindow, type FoundWindow, type TableQuery } from '../sql/tables.ts';
import type { Window } from '../sql/window.ts';
import { aboutWindow } from './grouped.ts';
import { provisionalIn } from './provisional.ts';
import type { QuestionContext } from './question.ts';
import { rankingOf } from './ranking.ts';

/** Of a window with less of it covered, or not over yet, sums are not compared: a thousandth of an hour are four seconds. */
export const WHOLE_SHARE_MIN = 0.999;

export const compare = Type.Optional(
  Type.String({
    minLength: 2,
    maxLength: 130,
    description: `adds the same of another window: ${COMPARE_SYNTAX}. previous: the window of the same length before; 1d, 1w, 1mo: the same time of another day, week or month, by the clocks and the calendar of the zone of \`calendar\`; a month that has no such day ends before it`,
    examples: ['1w', '1mo', '2026-01-05/2026-01-06'],
  }),
);

const nullableVerdict = Type.Unsafe<boolean | null>({
  type: ['boolean', 'null'],
  description:
    'true: zero lies outside of the 95 % interval of the change, so chance does not explain it; null where either has no interval, and for sums where either window is not covered as a whole',
});

const change = {
  change: NullableNumber('value less the compared value; null where either is not known'),
  changeLow: NullableNumber('lower end of the 95 % interval of the change'),
  changeHigh: NullableNumber('upper end of the 95 % interval of the change'),
  changeShare: NullableNumber('change as a share of the compared value; null where that is 0 or not known'),
  differs: nullableVerdict,
};

export const Compared = Type.Object(
  { ...estimate, ...change },
  { ...closed, description: 'with compare: the same in the compared window, and the change since then' },
);
export type Compared = Static<typeof Compared>;

export const ComparedWindow = Type.Object(
  {
    from: about.from,
    to: about.to,
    resolutionSec: about.resolutionSec,
    coveredFrom: about.coveredFrom,
    coveredTo: about.coveredTo,
    coveredSeconds: about.coveredSeconds,
    coveredShare: about.coveredShare,
    settledUntil: about.settledUntil,
    table: about.table,
    provisional: about.provisional,
    steady: about.steady,
    ranking: NullableRanking,
    comparable: Type.Boolean({
      description: `false: bytes and packets are sums over what is covered, and of one of the windows less than ${WHOLE_SHARE_MIN} is, or it is not over: \`differs\` is null. Rates and percentiles are comparable wherever they have a value`,
    }),
    warnings: Type.Array(Type.String(), { description: 'what of this to know, in words' }),
  },
  { ...closed, description: 'with compare: the window that this one is compared with' },
);
export type ComparedWindow = Static<typeof ComparedWindow>;

/** The query of a request, and that of the compared window: the buckets of both have one length, and the first is aligned before. */
export async function queriesOf(
  storage: Storage,
  needs: TableQuery,
  asked: Comparing,
  nowMs: number,
): Promise<readonly TableQuery[]> {
  const other = compareOf(asked);
  if (other === undefined) return [needs];
  const before = (window: Window) => {
    const time = { fromMs: window.fromS * 1000, toMs: window.toS * 1000 };
    return comparedWindow(other, time, needs.calendar?.zone ?? 'UTC', nowMs);
  };
  const first = await alignedWindow(storage, needs, nowMs);
  const second = await alignedWindow(storage, { ...needs, requested: before(first) }, nowMs);
  const { resolutionS: resolutionMinS } = second.resolutionS > first.resolutionS ? second : first;
  const query = { ...needs, resolutionMinS };
  const aligned = resolutionMinS === first.resolutionS ? first : await alignedWindow(storage, query, nowMs);
  return [query, { ...query, requested: before(aligned) }];
}

/** Whether a window is over and covered, so that its sums are of all of it. */
function isWhole({ covered, asked }: FoundWindow): boolean {
  return covered !== undefined && covered.seconds >= WHOLE_SHARE_MIN * secondsOf(asked);
}

export function isComparable(metric: Metric, windows: readonly FoundWindow[]): boolean {
  return !addsUp(metric) || windows.every(isWhole);
}

/** Volumes, which grow with the time that is covered. */
export function addsUp(metric: Metric): boolean {
  return !isRanked(metric) && metric !== 'avgBps';
}

/** `now` and `then` are estimates of the same thing in two windows. */
export function comparedWith(now: Estimate, then: Estimate, comparable: boolean): Compared {
  const found = difference(now, then);
  const { value, ciLow, ciHigh, samples, method } = then;
  const known = comparable ? found : { ...found, changeLow: null, changeHigh: null, differs: null };
  return { value, ciLow, ciHigh, samples, method, ...known };
}

/** Largest change first, whatever its sign; then what has none. */
export function byChange(a: { readonly compared?: Compared }, b: { readonly compared?: Compared }): number {
  const size = ({ compared }: { readonly compared?: Compared }) => Math.abs(compared?.change ?? 0);
  const isKnown = (one: { readonly compared?: Compared }) => Number((one.compared?.change ?? null) !== null);
  return isKnown(b) - isKnown(a) || size(b) - size(a);
}

interface AboutCompared extends Pick<QuestionContext, 'config' | 'nowMs'> {
  readonly needs: TableQuery;
  readonly windows: readonly FoundWindow[];
}

/** What an answer says of the compared window, the second of `windows`. */
export async function aboutCompared(
  storage: Storage,
  { needs, windows, config, nowMs }: AboutCompared,
): Promise<{ compared?: ComparedWindow }> {
  const then = windows[1];
  if (!then) return {};
  const { metric, layer } = needs;
  const [provisional, ranking] = await Promise.all([
    provisionalIn(storage, then.window),
    rankingOf(storage, then, needs),
  ]);
  const stated = aboutWindow(then, { metric, layer, provisional, config, nowMs });
  const comparable = isComparable(metric, windows);
  return {
    compared: {
      from: stated.from,
      to: stated.to,
      resolutionSec: stated.resolutionSec,
      coveredFrom: stated.coveredFrom,
      coveredTo: stated.coveredTo,
      coveredSeconds: stated.coveredSeconds,
      coveredShare: stated.coveredShare,
      settledUntil: stated.settledUntil,
      table: stated.table,
      provisional: stated.provisional,
      steady: stated.steady,
      ranking,
      comparable,
      warnings: warningsOf(metric, windows, comparable),
    },
  };
}

function warningsOf(metric: Metric, windows: readonly FoundWindow[], comparable: boolean): string[] {
  const [now, then] = windows.map(({ asked }) => secondsOf(asked));
  const warnings: string[] = [];
  if (!comparable)
    warnings.push(
      'one of the windows is not covered as a whole or not over, so its sums are of a part of it: compare metric=avgBps, or windows that are covered',
    );
  if (addsUp(metric) && now !== then)
    warnings.push(`the windows are ${now} s and ${then} s long, and sums grow with time: compare metric=avgBps`);
  return warnings;
}

/** Columns of a table that compares. */
const COMPARED_KINDS = {
  compared: 'number',
  comparedLow: 'number',
  comparedHigh: 'number',
  change: 'number',
  changeLow: 'number',
  changeHigh: 'number',
  changeShare: 'number',
  differs: 'text',
} as const;

/** The columns that a table has more where its answer is compared. */
export function comparedKinds(asked: Comparing): Partial<typeof COMPARED_KINDS> {
  return compareOf(asked) === undefined ? {} : COMPARED_KINDS;
}

/** Their values, none where nothing is compared. */
export function flatCompared(compared: Omit<Compared, 'samples' | 'method'> | undefined): FlatRow {
  if (!compared) return {};
  const { value, ciLow, ciHigh, change: by, changeLow, changeHigh, changeShare, differs } = compared;
  return {
    compared: value,
    comparedLow: ciLow,
    comparedHigh: ciHigh,
    change: by,
    changeLow,
    changeHigh,
    changeShare,
    differs,
  };
}
