// How the traffic of a cell or an application grows: a percentile of each week, its slope, and when it reaches a capacity.

import { type Static, Type } from 'typebox';
import type { Storage } from '../../storage/storage.ts';
import { rightForColumns } from '../access/rights.ts';
import { about, closed, estimate, NullableNumber, NullableTime, Time } from '../answers/answers.ts';
import { type Metric, metricOf, PERCENTILE_STEP } from '../answers/metric.ts';
import { type Bounded, reaches, type Trend, trendOf, valueAt } from '../estimates/trend.ts';
import { type Calendar, midnight } from '../sql/calendar.ts';
import type { Condition } from '../sql/filter.ts';
import { readHistory } from '../sql/history.ts';
import { estimateOf, NO_SUMS, type Sums } from '../sql/metrics-sql.ts';
import { secondsOf } from '../sql/parts.ts';
import { queryTables } from '../sql/tables.ts';
import { conditionOf } from '../sql/values.ts';
import { type RequestedWindow, requestedTime } from '../sql/window.ts';
import { ESTIMATE_KINDS, iso, observedOf } from './grouped.ts';
import { calendar, filter, format, windowFrom } from './parameters.ts';
import { provisionalOf } from './provisional.ts';
import { defineQuestion } from './question.ts';
import { totalStatement } from './total.ts';

const WEEK_MS = 7 * 86_400_000;
const DAY_MS = 86_400_000;
/** Two years. */
const WEEKS_MAX = 104;
/** A slope of fewer says little. */
const WEEKS_MIN = 8;
/** Of a week with less of it covered it is not known what its percentile was. */
const COVERED_MIN = 0.8;
/** Statements at a time. */
const AT_ONCE = 4;
const SHARES = [0.7, 0.9] as const;

const Parameters = Type.Object(
  {
    ...windowFrom('now-26w', 'start; weeks that begin later are taken'),
    filter,
    percentile: Type.Number({
      ...{ default: 95, exclusiveMinimum: 0, maximum: 100, multipleOf: PERCENTILE_STEP },
      description: 'of the five-minute rates of each week, nearest rank; 100 is the maximum',
    }),
    calendar,
    capacity: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1e18,
        description: 'bit/s of what carries the traffic: says when it is reached',
      }),
    ),
    weeks: Type.Integer({
      default: 13,
      minimum: 1,
      maximum: WEEKS_MAX,
      description: 'forecast so far ahead of the last week',
    }),
    format,
  },
  closed,
);

const bounded = (description: string) =>
  Type.Union(
    [Type.Object({ value: Type.Number(), ciLow: Type.Number(), ciHigh: Type.Number() }, closed), Type.Null()],
    {
      description,
    },
  );

export const GrowthAnswer = Type.Object(
  {
    zone: Type.String(),
    metric: Type.String(),
    unit: Type.String(),
    weeks: Type.Array(
      Type.Object(
        {
          from: Time('Monday, midnight of the zone'),
          to: Time('the next Monday'),
          ...estimate,
          buckets: Type.Integer({ description: 'five-minute buckets that are ranked' }),
          coveredShare: Type.Number({ description: 'of the week, or of the hours of the calendar in it' }),
          used: Type.Boolean({ description: `has a value, and at least ${COVERED_MIN} of it is covered` }),
        },
        closed,
      ),
      { description: 'whole weeks of the window from the first on of which something is covered, the oldest first' },
    ),
    used: Type.Integer({ description: 'weeks that the slope is of' }),
    slope: bounded(
      `bit/s a week: the median slope of all pairs of weeks (Theil and Sen), with its 95 % interval (Kendall); null below ${WEEKS_MIN} used weeks`,
    ),
    slopeShare: NullableNumber('the slope as a share of the middle of the weeks'),
    forecast: Type.Union(
      [
        Type.Object(
          { at: Time('start of the week'), value: Type.Number(), ciLow: Type.Number(), ciHigh: Type.Number() },
          closed,
        ),
        Type.Null(),
      ],
      { description: 'the line and the scatter of single weeks around it, as many weeks ahead as `weeks` says' },
    ),
    runOut: Type.Array(
      Type.Object(
        {
          share: Type.Number({ description: 'of the capacity' }),
          bps: Type.Number(),
          at: NullableTime('when the line reaches it; null where it does not within 20 years'),
          earliest: NullableTime('with the upper end of the slope'),
          latest: NullableTime('with the lower end of the slope; null: never'),
        },
        closed,
      ),
      { description: 'with a capacity and a slope' },
    ),
    warnings: Type.Array(Type.String()),
    provisional: about.provisional,
    elapsedMs: about.elapsedMs,
  },
  closed,
);
export type GrowthAnswer = Static<typeof GrowthAnswer>;
type Week = GrowthAnswer['weeks'][number];

const KINDS = { from: 'text', to: 'text', ...ESTIMATE_KINDS, buckets: 'number', coveredShare: 'number' } as const;

export const growth = defineQuestion({
  name: 'growth',
  right: rightForColumns,
  summary: 'Weekly percentiles, their slope and when a capacity is reached',
  parameters: Parameters,
  answer: GrowthAnswer,
  // Of weeks the last one.
  table: () => ({ kinds: KINDS, keys: [] }),
  async respond(params, { storage, nowMs }) {
    const { requested, calendar: hours } = requestedTime(params, nowMs);
    const zone = hours?.zone ?? 'UTC';
    const metric = metricOf({ metric: 'p95Bps', percentile: params.percentile });
    const condition = await conditionOf(storage, params.filter);
    const { firstS = Number.POSITIVE_INFINITY } = await readHistory(storage, requested, nowMs);
    // Nothing is asked about weeks that were over before the first record.
    const spans = weeksOf(requested, zone, nowMs).filter(({ toMs }) => toMs > firstS * 1000);
    const weeks = await readWeeks(storage, { metric, condition, hours }, spans, nowMs);
    const [first, last] = [spans[0], spans.at(-1)];
    const provisional = first && last ? await provisionalOf(storage, { fromMs: first.fromMs, toMs: last.toMs }) : [];
    const answer = { zone, metric, unit: 'bit/s', weeks, ...growthOf(weeks, params), provisional };
    return {
      answer,
      kinds: KINDS,
      rows: () => weeks.map(({ used: _, ...week }) => week),
    };
  },
});

/** Weeks of a zone that lie in a window and are over; at most WEEKS_MAX, the newest. */
export function weeksOf({ fromMs, toMs }: RequestedWindow, zone: string, nowMs: number): RequestedWindow[] {
  const mondays: number[] = [];
  // 5 January 1970 was a Monday. A week of slack: zones are up to 14 hours away from UTC.
  for (let week = Math.floor(fromMs / WEEK_MS) - 1; ; week++) {
    const at = midnight(zone, new Date(4 * DAY_MS + week * WEEK_MS).toISOString().slice(0, 10));
    if (at > Math.min(toMs, nowMs)) break;
    if (at >= fromMs) mondays.push(at);
  }
  return mondays
    .slice(1)
    .map((to, i) => ({ fromMs: mondays[i]!, toMs: to }))
    .slice(-WEEKS_MAX);
}

interface WeekQuery {
  readonly metric: Metric;
  readonly condition: Condition;
  readonly hours: Calendar | undefined;
}

async function readWeeks(
  storage: Storage,
  query: WeekQuery,
  spans: readonly RequestedWindow[],
  nowMs: number,
): Promise<Week[]> {
  const weeks: Week[] = [];
  for (let i = 0; i < spans.length; i += AT_ONCE)
    weeks.push(...(await Promise.all(spans.slice(i, i + AT_ONCE).map(span => readWeek(storage, query, span, nowMs)))));
  const first = weeks.findIndex(week => week.coveredShare > 0);
  return first < 0 ? [] : weeks.slice(first);
}

async function readWeek(
  storage: Storage,
  { metric, condition, hours }: WeekQuery,
  requested: RequestedWindow,
  nowMs: number,
): Promise<Week> {
  const needs = { requested, metric, calendar: hours, layer: 'l3' as const, columns: [], condition };
  const found = await queryTables<Sums>(storage, needs, nowMs, context => totalStatement(metric, context));
  const askedS = secondsOf(found.asked);
  const coveredShare = askedS > 0 ? (found.covered?.seconds ?? 0) / askedS : 0;
  const estimated = estimateOf(found.rows[0] ?? NO_SUMS, metric, observedOf(found));
  return {
    from: iso(requested.fromMs),
    to: iso(requested.toMs),
    ...estimated,
    buckets: found.covered?.closedBuckets ?? 0,
    coveredShare,
    used: estimated.value !== null && coveredShare >= COVERED_MIN,
  };
}

interface Wanted {
  readonly capacity?: number;
  /** Weeks ahead. */
  readonly weeks: number;
}

/** What the weeks that are used say of later ones. */
export function growthOf(
  weeks: readonly Week[],
  { capacity, weeks: ahead }: Wanted,
): Omit<GrowthAnswer, 'zone' | 'metric' | 'unit' | 'weeks' | 'provisional' | 'elapsedMs'> {
  const points = weeks.filter(week => week.used).map(week => ({ x: Date.parse(week.from) / WEEK_MS, y: week.value! }));
  const last = weeks.at(-1);
  const trend = points.length >= WEEKS_MIN ? trendOf(points) : undefined;
  const none = { used: points.length, slope: null, slopeShare: null, forecast: null, runOut: [] };
  if (!trend || !last)
    return {
      ...none,
      warnings: [
        `a slope needs ${WEEKS_MIN} whole weeks of which ${COVERED_MIN * 100} % is covered, and the window has ${points.length}: choose an earlier from, or wait`,
      ],
    };
  const at = Date.parse(last.from) / WEEK_MS + ahead;
  return {
    used: points.length,
    slope: asEstimate(trend.slope),
    slopeShare: trend.centre.y > 0 ? trend.slope.value / trend.centre.y : null,
    forecast: { at: iso(at * WEEK_MS), ...asEstimate(atLeastZero(valueAt(trend, at))) },
    runOut: capacity === undefined ? [] : SHARES.map(share => runOutOf(trend, share, share * capacity)),
    warnings: warningsOf(weeks, ahead),
  };
}

function runOutOf(trend: Trend, share: number, bps: number): GrowthAnswer['runOut'][number] {
  const { at, earliest, latest } = reaches(trend, bps);
  const furthest = trend.centre.x + 20 * 52;
  const time = (x: number) => (x <= furthest ? iso(x * WEEK_MS) : null);
  return { share, bps, at: time(at), earliest: time(earliest), latest: time(latest) };
}

function warningsOf(weeks: readonly Week[], ahead: number): string[] {
  const used = weeks.filter(week => week.used);
  const warnings: string[] = [];
  if (used.length < weeks.length)
    warnings.push(
      `${weeks.length - used.length} weeks are not used: too little of them is covered, or they have no value`,
    );
  if (used.some(week => week.method === 'noisy'))
    warnings.push(
      'the noise of sampling raises the percentiles of some weeks; the slope holds where it raises all of them alike',
    );
  if (ahead > used.length)
    warnings.push(
      `the forecast reaches ${ahead} weeks ahead from ${used.length}: it is a straight line, and growth seldom is one for so long`,
    );
  return warnings;
}

function asEstimate({ value, low, high }: Bounded) {
  return { value, ciLow: low, ciHigh: high };
}

function atLeastZero({ value, low, high }: Bounded): Bounded {
  return { value: Math.max(0, value), low: Math.max(0, low), high: Math.max(0, high) };
}
