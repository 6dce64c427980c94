// Traffic over time, in one series or in one per group with the rest made explicit. Buckets before the first stored
// record are null, later ones without traffic are zero.

import { type Static, Type } from 'typebox';
import type { Storage } from '../../storage/storage.ts';
import { FIVE_MINUTES_S } from '../../storage/tables/elections.ts';
import { SUMS } from '../../storage/tables/spread.ts';
import { rightForColumns } from '../access/rights.ts';
import { about, closed, NullableNumber, Sum, Value } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import { unseenInterval } from '../estimates/interval.ts';
import { columnsOf, type DimensionColumn, groupColumns, groupSql, pairOf } from '../sql/dimensions.ts';
import { type Condition, compileFilter, equals, parseFilter, parseValues, type Term } from '../sql/filter.ts';
import { estimateOf, orderColumn, type Sums, varianceOf } from '../sql/metrics-sql.ts';
import { RANKED_COLUMNS } from '../sql/ranked.ts';
import { type Context, queryTables, type Statement } from '../sql/tables.ts';
import { type NameValue, nameValues, nodeResolver } from '../sql/values.ts';
import { type Covered, parseRequestedWindow, type Window } from '../sql/window.ts';
import { aboutWindow, namesOf, rawValues, textColumns } from './grouped.ts';
import { choice, columnNames, filter, format, Limit, layer, pairNames, window } from './parameters.ts';
import { defineQuestion } from './question.ts';

const Parameters = Type.Object(
  {
    ...window,
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

const Series = Type.Object(
  {
    keys: Type.Array(Value, { description: 'values of the columns in `split`; empty for the one series of all' }),
    rest: Type.Boolean({ description: 'true for the sum of what is beyond limit' }),
    values: Type.Array(NullableNumber('null where nothing was observed yet, 0 where nothing flowed')),
    ciLow: Type.Array(NullableNumber('')),
    ciHigh: Type.Array(NullableNumber('')),
    total: Sum('bytes or packets of the whole series; for rates bytes'),
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
  },
  closed,
);
export type SeriesAnswer = Static<typeof SeriesAnswer>;

export const POINTS_MAX = 2000;
const POINTS_WANTED = 360;

export interface SeriesQuery {
  readonly split: readonly DimensionColumn[];
  readonly metric: Extract<Metric, 'bytes' | 'packets' | 'avgBps'>;
  readonly limit: number;
  /** Seconds asked for; undefined leaves it to the window. */
  readonly stepS: number | undefined;
}

export interface SeriesRow extends Sums {
  readonly at: number;
  /** Place of the group by size, from 1; 0 is the rest. */
  readonly place: string;
  readonly [group: `k${number}`]: string;
}

const STEPS_S = [60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800];

export const series = defineQuestion({
  name: 'series',
  right: rightForColumns,
  summary: 'Traffic over time',
  parameters: Parameters,
  answer: SeriesAnswer,
  async respond(params, { storage, nowMs }) {
    const { metric, limit, step: stepS } = params;
    const split = params.split === undefined ? [] : columnsOf('split', params.split);
    const query: SeriesQuery = { split, metric, limit, stepS };
    const condition = await seriesCondition(params, storage);
    const requested = parseRequestedWindow(params.from, params.to, nowMs);
    const columns = groupColumns(split);
    const needs = {
      requested,
      metric,
      layer: params.layer,
      columns,
      condition,
      fiveMinutes: stepS !== undefined && stepS % FIVE_MINUTES_S === 0,
    };
    const found = await queryTables<SeriesRow>(storage, needs, nowMs, context => seriesStatement(query, context));
    const name = await nameValues(storage, rawValues(split, found.rows));
    const shaped = shapeSeries(query, found.rows, found.window, found.covered, name);
    return {
      answer: { ...aboutWindow(found, metric, params.layer), ...shaped },
      kinds: { time: 'text', ...textColumns(split), value: 'number', ciLow: 'number', ciHigh: 'number' },
      rows: () =>
        shaped.series.flatMap(one =>
          shaped.times.map((at, i) => ({
            time: new Date(at * 1000).toISOString(),
            ...namesOf(split, one.rest ? [] : one.keys),
            value: one.values[i] ?? null,
            ciLow: one.ciLow[i] ?? null,
            ciHigh: one.ciHigh[i] ?? null,
          })),
        ),
    };
  },
});

/** src and dst of a series are terms of their own, joined with the filter. */
async function seriesCondition(params: Static<typeof Parameters>, storage: Storage): Promise<Condition> {
  const [srcColumn, dstColumn] = pairOf('by', params.by);
  const end = async (parameter: 'src' | 'dst', column: DimensionColumn) => {
    const text = params[parameter];
    if (text === undefined) return undefined;
    const term: Term = equals(column.name, [column], parseValues(parameter, text));
    return compileFilter(parameter, [[term]], nodeResolver(storage, parameter), parameter);
  };
  const conditions = [
    await end('src', srcColumn),
    await end('dst', dstColumn),
    await compileFilter('filter', parseFilter('filter', params.filter), nodeResolver(storage, 'filter')),
  ].filter(condition => condition !== undefined);
  return {
    sql: conditions.map(condition => condition.sql).join(' AND '),
    params: Object.assign({}, ...conditions.map(condition => condition.params)),
    columns: [...new Set(conditions.flatMap(condition => condition.columns))],
  };
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

export function seriesStatement(query: SeriesQuery, { relation, window }: Context): Statement {
  const order = orderColumn(query.metric);
  const keys = query.split.map((_, i) => `k${i}`);
  const group = (table: string) => keys.map(key => `, ${table}${key}`).join('');
  const sums = (table: string) => SUMS.map(name => `sum(${table}.${name}) AS ${name}`).join(', ');
  const sql = `
WITH stepped AS (
  SELECT intDiv(toUnixTimestamp(bucket), {step:UInt32}) * {step:UInt32} AS at${query.split.map((column, i) => `, toString(${groupSql(column, 'r.')}) AS k${i}`).join('')}, ${sums('r')}
  FROM (${relation.sql}) AS r
  GROUP BY at${group('')}
), sized AS (
  SELECT *, sum(${order}) OVER (PARTITION BY ${keys.join(', ') || '1'}) AS size FROM stepped
), ranked AS (
  SELECT *, dense_rank() OVER (ORDER BY size DESC${group('')}) AS found FROM sized
), placed AS (
  SELECT at, bytes, packets, varBytes, samples, records, if(r.found > {limit:UInt32}, 0, r.found) AS place${keys.map(key => `, if(place = 0, '', r.${key}) AS ${key}`).join('')}
  FROM ranked AS r
)
SELECT place, at${group('')}, ${sums('p')}, ${RANKED_COLUMNS.map(name => `0 AS ${name}`).join(', ')}
FROM placed AS p
GROUP BY place, at${group('')}
ORDER BY place, at`;
  return {
    sql,
    params: {
      ...relation.params,
      step: stepOf(query.stepS, window),
      limit: query.split.length === 0 ? 1 : query.limit,
    },
  };
}

export function shapeSeries(
  query: SeriesQuery,
  rows: readonly SeriesRow[],
  window: Window,
  covered: Covered | undefined,
  name: NameValue,
): Pick<SeriesAnswer, 'stepSec' | 'split' | 'times' | 'series'> {
  const step = stepOf(query.stepS, window);
  const times: number[] = [];
  for (let at = Math.floor(window.fromS / step) * step; at < window.toS; at += step) times.push(at);
  const places = [...new Set(rows.map(row => Number(row.place)))].sort(
    (a, b) => (a || Number.POSITIVE_INFINITY) - (b || Number.POSITIVE_INFINITY),
  );
  if (places.length === 0 && query.split.length === 0) places.push(1);
  const lines = places.map(place => {
    const own = rows.filter(row => Number(row.place) === place);
    const found = new Map(own.map(row => [Number(row.at), row]));
    const line = { metric: query.metric, step, covered, perSample: perSampleOf(query.metric, own, step) };
    const points = times.map(at => point(line, at, found.get(at)));
    const first = own[0];
    return {
      keys: place === 0 || !first ? [] : query.split.map((column, i) => name(column, first[`k${i}`] ?? '')),
      rest: place === 0,
      values: points.map(one => one.value),
      ciLow: points.map(one => one.ciLow),
      ciHigh: points.map(one => one.ciHigh),
      total: own.reduce((sum, row) => sum + Number(query.metric === 'packets' ? row.packets : row.bytes), 0),
    };
  });
  return { stepSec: step, split: query.split.map(column => column.name), times, series: lines };
}

interface Point {
  readonly value: number | null;
  readonly ciLow: number | null;
  readonly ciHigh: number | null;
}

/** What the points of one series share. */
interface Line {
  readonly metric: SeriesQuery['metric'];
  readonly step: number;
  readonly covered: Covered | undefined;
  readonly perSample: number | null;
}

const UNSEEN: Point = { value: null, ciLow: null, ciHigh: null };

function point({ metric, step, covered, perSample }: Line, at: number, row: SeriesRow | undefined): Point {
  const seconds = covered ? Math.min(at + step, covered.toS) - Math.max(at, covered.fromS) : 0;
  if (row) return estimateOf(row, metric, { seconds: Math.max(1, seconds), closedBuckets: 0 });
  return seconds > 0 ? unseenInterval(perSample) : UNSEEN;
}

/**
 * What stands behind one sampled packet of this series, in its unit: an empty bucket may have missed three of them. 0
 * where nothing of it is sampled, null where a sampling rate is not known.
 */
function perSampleOf(metric: SeriesQuery['metric'], rows: readonly SeriesRow[], step: number): number | null {
  if (rows.some(row => varianceOf(row) === Number.POSITIVE_INFINITY)) return null;
  const samples = rows.reduce((sum, row) => sum + Number(row.samples), 0);
  if (samples === 0) return 0;
  const volume = rows.reduce((sum, row) => sum + Number(metric === 'packets' ? row.packets : row.bytes), 0);
  return (volume / samples) * (metric === 'avgBps' ? 8 / step : 1);
}
