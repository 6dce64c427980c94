// The largest groups of one dimension or a few, with everything beyond the limit as an explicit rest.

import { type Static, Type } from 'typebox';
import { SUMS } from '../../storage/tables/spread.ts';
import { rightForColumns } from '../access/rights.ts';
import { about, closed, estimate, NullableNumber, NullableRanking, Value } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import { columnsOf, type DimensionColumn, groupColumns, groupSql } from '../sql/dimensions.ts';
import { compileFilter, parseFilter } from '../sql/filter.ts';
import { estimateOf, type Observed, orderColumn, type Sums } from '../sql/metrics-sql.ts';
import { isRanked, NOT_RANKED, RANKED_COLUMNS, rankedSql } from '../sql/ranked.ts';
import { type Context, queryTables, type Statement } from '../sql/tables.ts';
import { type NameValue, nameValues, nodeResolver } from '../sql/values.ts';
import { parseRequestedWindow } from '../sql/window.ts';
import { aboutWindow, ESTIMATE_KINDS, namesOf, observedOf, rawValues, textColumns } from './grouped.ts';
import { columnNames, filter, format, Limit, layer, metric, window } from './parameters.ts';
import { defineQuestion } from './question.ts';
import { rankingOf, withNoise } from './ranking.ts';

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
    ranking: NullableRanking,
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
    const ranking = await rankingOf(storage, found, needs);
    const groups = found.rows.filter(row => Number(row.whole) === 0);
    const name = await nameValues(storage, rawValues(query.columns, groups));
    const shaped = shapeTop(query, found.rows, observedOf(found), name);
    return {
      answer: {
        ...aboutWindow(found, params.metric, params.layer),
        ...shaped,
        ranking: withNoise(ranking, shaped.total),
      },
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
  SELECT whole, ${keys}, ${sums.map(name => `sum(g.${name}) AS ${name}`).join(', ')}, ${ranked.sql}
  FROM grouped AS g
  GROUP BY whole, ${keys}
)
SELECT whole, ${columns.map((_, i) => `toString(s.k${i}) AS k${i}`).join(', ')}, bytes, packets, varBytes, samples, records, ${RANKED_COLUMNS.join(', ')}, countIf(whole = 0) OVER () AS groups
FROM summed AS s
ORDER BY whole DESC, ${order} DESC, ${columns.map((_, i) => `s.k${i}`).join(', ')}
LIMIT {limit:UInt32}`;
  return { sql, params: { ...relation.params, ...ranked.params, limit: limit + 1 } };
}

export function shapeTop(
  { columns, metric, limit }: TopQuery,
  answer: readonly TopRow[],
  observed: Observed,
  name: NameValue,
): Pick<TopAnswer, 'by' | 'rows' | 'groups' | 'rest' | 'total'> {
  const whole = answer.find(row => Number(row.whole) === 1);
  const total = estimateOf(
    whole ?? { bytes: 0, packets: 0, varBytes: 0, samples: 0, records: 0, ...NOT_RANKED },
    metric,
    observed,
  );
  const additive = !isRanked(metric);
  const rows = answer
    .filter(row => Number(row.whole) === 0)
    .slice(0, limit)
    .map(row => {
      const estimated = estimateOf(row, metric, observed);
      const keys = columns.map((column, i) => name(column, row[`k${i}`] ?? ''));
      return { keys, ...estimated, share: additive ? shareOf(estimated.value, total.value) : null };
    });
  const reported = rows.reduce((sum, row) => sum + (row.value ?? 0), 0);
  return {
    by: columns.map(column => column.name),
    rows,
    groups: Number(whole?.groups ?? 0),
    rest: additive ? Math.max(0, (total.value ?? 0) - reported) : null,
    total,
  };
}

function shareOf(value: number | null, total: number | null): number | null {
  return value !== null && total !== null && total > 0 ? value / total : null;
}
