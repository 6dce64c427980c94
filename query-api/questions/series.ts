// Traffic over time, in one series or in one per group with the rest made explicit. Buckets of which nothing is covered
// (sql/covered.ts) are null, others without traffic are zero.

import { type Static, Type } from 'typebox';
import type { Storage } from '../../storage/storage.ts';
import { FIVE_MINUTES_S } from '../../storage/tables/elections.ts';
import { rightForColumns } from '../access/rights.ts';
import { about, closed, NullableNumber, Sum, Value } from '../answers/answers.ts';
import type { ColumnKinds, FlatRow } from '../http/format-table.ts';
import { columnsOf, type DimensionColumn, groupColumns, groupSql, pairOf } from '../sql/dimensions.ts';
import { allOf, type Condition, compileFilter, equals } from '../sql/filter.ts';
import { orderColumn } from '../sql/metrics-sql.ts';
import { type Contexts, ofWindows } from '../sql/of-windows.ts';
import { RANKED_COLUMNS } from '../sql/ranked.ts';
import { RELATION_FIGURES, relationFiguresSql } from '../sql/relation.ts';
import { type Context, type FoundWindow, readWindows, type Statement } from '../sql/tables.ts';
import { conditionOf, type NameValue, nameValues, nodeResolver } from '../sql/values.ts';
import { requestedTime, type Window } from '../sql/window.ts';
import type { CellsCoverage } from './advisor.ts';
import {
  aboutCompared,
  Compared,
  ComparedWindow,
  compare,
  comparedKinds,
  flatCompared,
  queriesOf,
} from './comparison.ts';
import { aboutWindow, namesOf, rawValues, textColumns } from './grouped.ts';
import { type NamedPairs, namedPairs, readPairCoverage } from './named-pairs.ts';
import { calendar, choice, columnNames, filter, format, Limit, layer, pairNames, window } from './parameters.ts';
import { provisionalIn } from './provisional.ts';
import { defineQuestion, type QuestionContext } from './question.ts';
import { seenWindow } from './seen-exporters.ts';
import {
  comparedBucket,
  comparedLine,
  lineOf,
  SeriesLines,
  type SeriesMetric,
  type SeriesRow,
} from './series-lines.ts';

const Parameters = Type.Object(
  {
    ...window,
    calendar,
    compare,
    by: Type.String({ default: 'app', maxLength: 64, description: `what src and dst name: ${pairNames}` }),
    src: Type.Optional(
      Type.String({ maxLength: 1000, description: 'senders, by name or glob, in any case, or by key, joined by |' }),
    ),
    dst: Type.Optional(Type.String({ maxLength: 1000, description: 'receivers' })),
    split: Type.Optional(
      Type.String({
        maxLength: 200,
        description: `one series per value of ${columnNames}; left out: one series of all`,
      }),
    ),
    metric: choice(['bytes', 'packets', 'avgBps'], { default: 'avgBps', description: 'per bucket' }),
    layer,
    step: Type.Optional(
      Type.Integer({
        minimum: 60,
        maximum: 31_536_000,
        description: 'seconds per bucket; raised to the resolution and to at most 2000 buckets',
      }),
    ),
    filter,
    limit: Limit(10, 100, 'series listed when split; the others are one series, the rest'),
    format,
  },
  closed,
);

const ComparedSeries = Type.Object(
  {
    values: Type.Array(
      NullableNumber(
        'by bucket, counted from the start of each window; null also where the compared window has no such bucket',
      ),
    ),
    ciLow: Type.Array(NullableNumber('')),
    ciHigh: Type.Array(NullableNumber('')),
    total: Sum('as that of the series'),
    change: Type.Array(Compared.properties.change),
    changeLow: Type.Array(Compared.properties.changeLow),
    changeHigh: Type.Array(Compared.properties.changeHigh),
    changeShare: Type.Array(Compared.properties.changeShare),
    differs: Type.Array(Compared.properties.differs),
  },
  {
    ...closed,
    description: 'with compare: the series of the compared window, and the change of each bucket since then',
  },
);

const Series = Type.Object(
  {
    keys: Type.Array(Value, { description: 'values of the columns in `split`; empty for the one series of all' }),
    rest: Type.Boolean({ description: 'true for the sum of what is beyond limit' }),
    values: Type.Array(
      NullableNumber(
        'null where nothing is covered (no collector was receiving, or what it received waits), and where no live point sees any pair that src and dst or the filter name; 0 where nothing flowed',
      ),
    ),
    ciLow: Type.Array(NullableNumber('')),
    ciHigh: Type.Array(NullableNumber('')),
    total: Sum('bytes or packets of the whole series; for rates bytes'),
    compared: Type.Optional(ComparedSeries),
  },
  closed,
);

export const SeriesAnswer = Type.Object(
  {
    ...about,
    stepSec: Type.Integer(),
    split: Type.Array(Type.String()),
    times: Type.Array(Type.Integer({ description: 'starts of the buckets, seconds since the epoch' })),
    series: Type.Array(Series),
    compared: Type.Optional(ComparedWindow),
  },
  closed,
);
export type SeriesAnswer = Static<typeof SeriesAnswer>;

export const POINTS_MAX = 2000;
const POINTS_WANTED = 360;

export interface SeriesQuery {
  readonly split: readonly DimensionColumn[];
  readonly metric: SeriesMetric;
  readonly limit: number;
  /** Seconds asked for; undefined leaves it to the window. */
  readonly stepS: number | undefined;
}

const STEPS_S = [60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800];

export const series = defineQuestion({
  name: 'series',
  settles: true,
  right: rightForColumns,
  summary: 'Traffic over time',
  parameters: Parameters,
  answer: SeriesAnswer,
  // The last bucket of each series comes last.
  table: ({ split, ...asked }) => {
    const columns = textColumns(split === undefined ? [] : columnsOf('split', split));
    return { kinds: { ...kindsOf(columns), ...comparedKinds(asked) }, keys: Object.keys(columns) };
  },
  async respond(params, { storage, advisor, config, nowMs }) {
    const { metric, limit, step: stepS } = params;
    const split = params.split === undefined ? [] : columnsOf('split', params.split);
    const query: SeriesQuery = { split, metric, limit, stepS };
    const condition = await seriesCondition(params, storage);
    const columns = groupColumns(split);
    const needs = {
      ...requestedTime(params, nowMs),
      metric,
      layer: params.layer,
      columns,
      condition,
      fiveMinutes: stepS !== undefined && stepS % FIVE_MINUTES_S === 0,
    };
    const queries = await queriesOf(storage, needs, params, nowMs);
    const { rows, windows } = await readWindows<SeriesRow>(storage, queries, nowMs, (contexts, [first]) => {
      const { sql, params: bound } = seriesStatement(query, contexts, first!);
      return storage.select(sql, bound);
    });
    const found = windows[0]!;
    const [name, pairs, provisional, compared] = await Promise.all([
      nameValues(storage, rawValues(split, rows)),
      namedPairs(params, nodeResolver(storage, 'filter')),
      provisionalIn(storage, found.window),
      aboutCompared(storage, { needs, windows, config, nowMs }),
    ]);
    const coverages = await Promise.all(
      windows.map(window => pairs && pairCoverageIn({ storage, advisor, nowMs }, pairs, window)),
    );
    const shaped = shapeSeries(query, rows, windows, coverages, name);
    const isUnknown = coverages.some(coverage => coverage !== undefined && coverage.overall === null);
    return {
      partial: isUnknown || windows.some(({ steady }) => !steady),
      answer: { ...aboutWindow(found, { ...params, provisional, config, nowMs }), ...shaped, ...compared },
      kinds: { ...kindsOf(textColumns(split)), ...comparedKinds(params) },
      rows: () => flatSeries(shaped, split),
    };
  },
});

function kindsOf(columns: ColumnKinds): ColumnKinds {
  return { time: 'text', ...columns, value: 'number', ciLow: 'number', ciHigh: 'number' };
}

function flatSeries({ series, times }: ShapedSeries, split: readonly DimensionColumn[]): FlatRow[] {
  return series.flatMap(one =>
    times.map((at, i) => ({
      time: new Date(at * 1000).toISOString(),
      ...namesOf(split, one.rest ? [] : one.keys),
      value: one.values[i] ?? null,
      ciLow: one.ciLow[i] ?? null,
      ciHigh: one.ciHigh[i] ?? null,
      ...flatCompared(one.compared && comparedBucket(one.compared, i)),
    })),
  );
}

/** Whether any live point sees the pairs that a series names, in the covered part of a window. */
async function pairCoverageIn(
  { storage, advisor, nowMs }: Pick<QuestionContext, 'storage' | 'advisor' | 'nowMs'>,
  pairs: NamedPairs,
  found: FoundWindow,
): Promise<CellsCoverage | undefined> {
  if (!found.covered?.bounds) return undefined;
  return readPairCoverage(storage, advisor, pairs, seenWindow(found, nowMs));
}

/** src and dst of a series are terms of their own, joined with the filter. */
async function seriesCondition(params: Static<typeof Parameters>, storage: Storage): Promise<Condition> {
  const [srcColumn, dstColumn] = pairOf('by', params.by);
  const end = async (parameter: 'src' | 'dst', column: DimensionColumn) => {
    const text = params[parameter];
    if (text === undefined) return undefined;
    const filter = equals(parameter, column, text);
    return compileFilter(parameter, filter, nodeResolver(storage, parameter), parameter);
  };
  const conditions = [
    await end('src', srcColumn),
    await end('dst', dstColumn),
    await conditionOf(storage, params.filter),
  ].filter(condition => condition !== undefined);
  return allOf(conditions);
}

/** The step in use: a multiple of the resolution with at most POINTS_MAX points. */
export function stepOf(requested: number | undefined, window: Window): number {
  const length = window.toS - window.fromS;
  const least = length / (requested === undefined ? POINTS_WANTED : POINTS_MAX);
  if (requested !== undefined && requested >= least)
    return Math.ceil(requested / window.resolutionS) * window.resolutionS;
  return (
    STEPS_S.find(step => step >= window.resolutionS && step % window.resolutionS === 0 && step >= least) ??
    STEPS_S.at(-1)!
  );
}

/** How far the time of a compared window is behind. */
function shiftOf(now: Window, then: Window): number {
  return now.fromS - then.fromS;
}

/** The sums of each bucket and group; `at` is in the time of the first window. */
function steppedStatement(query: SeriesQuery, { relation, window }: Context, now: Window): Statement {
  const group = query.split.map((_, i) => `, k${i}`).join('');
  return {
    sql: `SELECT intDiv(toInt64(toUnixTimestamp(bucket)) + {shift:Int64}, {step:UInt32}) * {step:UInt32} AS at${query.split.map((column, i) => `, toString(${groupSql(column, 'r.')}) AS k${i}`).join('')}, ${relationFiguresSql('r')}
  FROM (${relation.sql}) AS r
  GROUP BY at${group}`,
    params: { ...relation.params, step: stepOf(query.stepS, now), shift: shiftOf(now, window) },
  };
}

/** `now`: the first window. */
export function seriesStatement(query: SeriesQuery, contexts: Contexts, now: Window): Statement {
  const order = orderColumn(query.metric);
  const keys = query.split.map((_, i) => `k${i}`);
  const group = (table: string) => keys.map(key => `, ${table}${key}`).join('');
  const { sql: stepped, params } = ofWindows(contexts, context => steppedStatement(query, context, now));
  const size = (isThen: string) => `sumIf(${order}, ${isThen}) OVER (PARTITION BY ${keys.join(', ')})`;
  // One series of all has the first place.
  const placed =
    keys.length === 0
      ? 'placed AS (SELECT *, 1 AS place FROM stepped)'
      : `sized AS (
  SELECT *, ${size('NOT isThen')} AS size, ${size('isThen')} AS sizeThen FROM stepped
), ranked AS (
  SELECT *, dense_rank() OVER (ORDER BY size DESC, sizeThen DESC${group('')}) AS found FROM sized
), placed AS (
  SELECT at, isThen, ${RELATION_FIGURES.join(', ')}, if(r.found > {limit:UInt32}, 0, r.found) AS place${keys.map(key => `, if(place = 0, '', r.${key}) AS ${key}`).join('')}
  FROM ranked AS r
)`;
  const zeros = RANKED_COLUMNS.map(name => `0 AS ${name}`).join(', ');
  const sums =
    keys.length === 0
      ? `SELECT *, ${zeros} FROM placed`
      : `SELECT place, at, isThen${group('')}, ${relationFiguresSql('p')}, ${zeros}
FROM placed AS p
GROUP BY place, at, isThen${group('')}`;
  const sql = `
WITH stepped AS (${stepped}), ${placed}
${sums}
ORDER BY place, isThen, at`;
  return { sql, params: { ...params, limit: query.split.length === 0 ? 1 : query.limit } };
}

type ShapedSeries = Pick<SeriesAnswer, 'stepSec' | 'split' | 'times' | 'series'>;

/** `coverages`: of the pairs that the series names, in each window. */
export function shapeSeries(
  query: SeriesQuery,
  rows: readonly SeriesRow[],
  windows: readonly FoundWindow[],
  coverages: readonly (CellsCoverage | undefined)[],
  name: NameValue,
): ShapedSeries {
  const { window } = windows[0]!;
  const step = stepOf(query.stepS, window);
  const times: number[] = [];
  for (let at = Math.floor(window.fromS / step) * step; at < window.toS; at += step) times.push(at);
  const places = [...new Set(rows.map(row => Number(row.place)))].sort(
    (a, b) => (a || Number.POSITIVE_INFINITY) - (b || Number.POSITIVE_INFINITY),
  );
  if (places.length === 0 && query.split.length === 0) places.push(1);
  const [now, then] = windows.map((found, i) => {
    const shiftS = shiftOf(window, found.window);
    const own = rows.filter(row => row.isThen === i);
    return new SeriesLines({ metric: query.metric, step, times, shiftS, found, coverage: coverages[i] }, own);
  });
  const lines = places.map(place => {
    const first = rows.find(row => Number(row.place) === place);
    const own = now!.of(place);
    return {
      keys: place === 0 || !first ? [] : query.split.map((column, i) => name(column, first[`k${i}`] ?? '')),
      rest: place === 0,
      ...lineOf(own),
      ...(then && { compared: comparedLine(query.metric, own, then.of(place)) }),
    };
  });
  return { stepSec: step, split: query.split.map(column => column.name), times, series: lines };
}
