// The largest groups of one dimension or a few, with everything beyond the limit as an explicit rest.

import { type Static, Type } from 'typebox';
import { SUMS } from '../../storage/tables/spread.ts';
import { rightForColumns } from '../access/rights.ts';
import { about, closed, estimate, NullableNumber, Value } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import { columnsOf, type DimensionColumn, groupColumns, groupSql } from '../sql/dimensions.ts';
import { compileFilter, parseFilter } from '../sql/filter.ts';
import { estimateOf, isRanked, orderColumn, rankedSql, type Sums } from '../sql/metrics-sql.ts';
import { type Context, queryTables, type Statement } from '../sql/tables.ts';
import { type NameValue, nameValues, nodeResolver } from '../sql/values.ts';
import { parseRequestedWindow } from '../sql/window.ts';
import { aboutWindow, ESTIMATE_KINDS, namesOf, rawValues, secondsOf, textColumns } from './grouped.ts';
import { columnNames, filter, format, Limit, layer, metric, window } from './parameters.ts';
import { defineQuestion } from './question.ts';

const Parameters = Type.Object(
  {
    ...window,
    by: Type.String({ default: 'service', maxLength: 200, description: columnNames }),
    metric,
    layer,
    filter,
    limit: Limit(20, 10_000, 'groups listed'),
    format,
  },
  closed,
);

export const TopAnswer = Type.Object(
  {
    ...about,
    by: Type.Array(Type.String()),
    rows: Type.Array(
      Type.Object(
        { keys: Type.Array(Value), ...estimate, share: NullableNumber('share of the total; null for p95 and maximum') },
        closed,
      ),
    ),
    groups: Type.Integer({ description: 'groups there are' }),
    rest: NullableNumber('total less the listed rows; null for p95 and maximum'),
    total: Type.Object(estimate, closed),
  },
  closed,
);
export type TopAnswer = Static<typeof TopAnswer>;

export interface TopQuery {
  readonly columns: readonly DimensionColumn[];
  readonly metric: Metric;
  readonly limit: number;
}

export interface TopRow extends Sums {
  readonly whole: number;
  readonly groups: string;
  readonly [group: `k${number}`]: string;
}

export const top = defineQuestion({
  name: 'top',
  right: rightForColumns,
  summary: 'The largest groups of a dimension',
  parameters: Parameters,
  answer: TopAnswer,
  async respond(params, { storage, nowMs }) {
    const query: TopQuery = { columns: columnsOf('by', params.by), metric: params.metric, limit: params.limit };
    const condition = await compileFilter(
      'filter',
      parseFilter('filter', params.filter),
      nodeResolver(storage, 'filter'),
    );
    const requested = parseRequestedWindow(params.from, params.to, nowMs);
    const columns = groupColumns(query.columns);
    const needs = { requested, metric: params.metric, layer: params.layer, columns, condition };
    const found = await queryTables<TopRow>(storage, needs, nowMs, context => topStatement(query, context));
    const groups = found.rows.filter(row => Number(row.whole) === 0);
    const name = await nameValues(storage, rawValues(query.columns, groups));
    const shaped = shapeTop(query, found.rows, secondsOf(found), name);
    return {
      answer: { ...aboutWindow(found, params.metric, params.layer), ...shaped },
      kinds: { ...textColumns(query.columns), ...ESTIMATE_KINDS, share: 'number' },
      rows: () => shaped.rows.map(({ keys, ...estimated }) => ({ ...namesOf(query.columns, keys), ...estimated })),
    };
  },
});

export function topStatement({ columns, metric, limit }: TopQuery, { relation, window, covered }: Context): Statement {
  const ranked = rankedSql(metric, window, covered);
  const bucket = isRanked(metric) ? 'bucket, ' : '';
  const keys = columns.map((_, i) => `k${i}`).join(', ');
  const sums = SUMS;
  const order = orderColumn(metric);
  const sql = `
WITH named AS (
  SELECT bucket, ${columns.map((column, i) => `${groupSql(column, 'r.')} AS k${i}`).join(', ')}, bytes, packets, varBytes, samples, records FROM (${relation.sql}) AS r
), grouped AS (
  SELECT ${bucket}${keys}, grouping(k0) AS whole, ${sums.map(name => `sum(n.${name}) AS ${name}`).join(', ')}
  FROM named AS n
  GROUP BY GROUPING SETS ((${bucket}${keys}), (${isRanked(metric) ? 'bucket' : ''}))
), summed AS (
  SELECT whole, ${keys}, ${sums.map(name => `sum(g.${name}) AS ${name}`).join(', ')}, ${ranked.sql} AS ranked
  FROM grouped AS g
  GROUP BY whole, ${keys}
)
SELECT whole, ${columns.map((_, i) => `toString(s.k${i}) AS k${i}`).join(', ')}, bytes, packets, varBytes, samples, records, ranked, countIf(whole = 0) OVER () AS groups
FROM summed AS s
ORDER BY whole DESC, ${order} DESC, ${columns.map((_, i) => `s.k${i}`).join(', ')}
LIMIT {limit:UInt32}`;
  return { sql, params: { ...relation.params, ...ranked.params, limit: limit + 1 } };
}

export function shapeTop(
  { columns, metric, limit }: TopQuery,
  answer: readonly TopRow[],
  seconds: number,
  name: NameValue,
): Pick<TopAnswer, 'by' | 'rows' | 'groups' | 'rest' | 'total'> {
  const whole = answer.find(row => Number(row.whole) === 1);
  const total = estimateOf(
    whole ?? { bytes: 0, packets: 0, varBytes: 0, samples: 0, records: 0, ranked: 0 },
    metric,
    seconds,
  );
  const additive = !isRanked(metric);
  const rows = answer
    .filter(row => Number(row.whole) === 0)
    .slice(0, limit)
    .map(row => {
      const estimated = estimateOf(row, metric, seconds);
      const keys = columns.map((column, i) => name(column, row[`k${i}`] ?? ''));
      return { keys, ...estimated, share: additive && total.value > 0 ? estimated.value / total.value : null };
    });
  const reported = rows.reduce((sum, row) => sum + row.value, 0);
  return {
    by: columns.map(column => column.name),
    rows,
    groups: Number(whole?.groups ?? 0),
    rest: additive ? Math.max(0, total.value - reported) : null,
    total,
  };
}
