// The largest groups of one dimension or a few, with everything beyond the limit as an explicit rest.

import { type Static, Type } from 'typebox';
import { rightForColumns } from '../access/rights.ts';
import { about, closed, type Estimate, estimate, NullableNumber, NullableRanking, Value } from '../answers/answers.ts';
import { type Metric, metricOf } from '../answers/metric.ts';
import { columnsOf, type DimensionColumn, groupColumns, groupSql } from '../sql/dimensions.ts';
import { estimateOf, NO_SUMS, type Observed, orderColumn, type Sums, unseenEstimate } from '../sql/metrics-sql.ts';
import { nameOrderSql, type Order } from '../sql/name-order.ts';
import { type Contexts, ofWindows, scaleSql } from '../sql/of-windows.ts';
import { isRanked, RANKED_COLUMNS, rankedSql } from '../sql/ranked.ts';
import { RELATION_FIGURES, relationFiguresSql } from '../sql/relation.ts';
import { type Context, type FoundWindow, readWindows, type Statement } from '../sql/tables.ts';
import { conditionOf, type NameValue, nameValues } from '../sql/values.ts';
import { requestedTime } from '../sql/window.ts';
import {
  aboutCompared,
  Compared,
  ComparedWindow,
  compare,
  comparedKinds,
  comparedWith,
  flatCompared,
  isComparable,
  queriesOf,
} from './comparison.ts';
import { aboutWindow, ESTIMATE_KINDS, isKnown, namesOf, observedOf, rawValues, textColumns } from './grouped.ts';
import {
  calendar,
  columnNames,
  filter,
  format,
  Limit,
  layer,
  metric,
  Offset,
  order,
  percentile,
  window,
} from './parameters.ts';
import { provisionalIn } from './provisional.ts';
import { defineQuestion } from './question.ts';
import { rankingOf, withNoise } from './ranking.ts';

const Parameters = Type.Object(
  {
    ...window,
    calendar,
    by: Type.String({ default: 'service', maxLength: 200, description: columnNames }),
    metric,
    percentile,
    layer,
    filter,
    limit: Limit(20, 10_000, 'groups listed'),
    order,
    compare,
    offset: Offset('groups left out before the first one listed: all pages are all groups'),
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
        {
          keys: Type.Array(Value),
          ...estimate,
          share: NullableNumber('share of the total; null for percentiles and maximum'),
          compared: Type.Optional(Compared),
        },
        closed,
      ),
    ),
    groups: Type.Integer({ description: 'groups there are, with compare in either window' }),
    rest: NullableNumber('total less the listed rows; null for percentiles and maximum, and where nothing is covered'),
    total: Type.Object({ ...estimate, compared: Type.Optional(Compared) }, closed),
    ranking: NullableRanking,
    compared: Type.Optional(ComparedWindow),
  },
  closed,
);
export type TopAnswer = Static<typeof TopAnswer>;

export interface TopQuery {
  readonly columns: readonly DimensionColumn[];
  readonly metric: Metric;
  readonly limit: number;
  readonly order: Order;
  readonly offset: number;
}

export interface TopRow extends Sums {
  readonly whole: number;
  readonly groups: string;
  /** In the order asked for, from 1. */
  readonly place: string;
  /** 1: of the compared window. */
  readonly isThen: number;
  readonly [group: `k${number}`]: string;
}

export const top = defineQuestion({
  name: 'top',
  settles: true,
  right: rightForColumns,
  summary: 'The largest groups of a dimension',
  parameters: Parameters,
  answer: TopAnswer,
  table: ({ by, limit, offset, ...asked }) => ({
    kinds: { ...kindsOf(columnsOf('by', by)), ...comparedKinds(asked) },
    keys: Object.keys(textColumns(columnsOf('by', by))),
    isWhole: answer => answer.groups <= limit && offset === 0 && isKnown(answer),
  }),
  async respond(params, { storage, config, nowMs }) {
    const metric = metricOf(params);
    const { limit, order, offset } = params;
    const query: TopQuery = { columns: columnsOf('by', params.by), metric, limit, order, offset };
    const condition = await conditionOf(storage, params.filter);
    const columns = groupColumns(query.columns);
    const needs = { ...requestedTime(params, nowMs), metric, layer: params.layer, columns, condition };
    const queries = await queriesOf(storage, needs, params, nowMs);
    const { rows, windows } = await readWindows<TopRow>(storage, queries, nowMs, contexts => {
      const { sql, params: bound } = topStatement(query, contexts);
      return storage.select(sql, bound);
    });
    const found = windows[0]!;
    const groups = rows.filter(row => Number(row.whole) === 0);
    const [ranking, provisional, name, compared] = await Promise.all([
      rankingOf(storage, found, needs),
      provisionalIn(storage, found.window),
      nameValues(storage, rawValues(query.columns, groups)),
      aboutCompared(storage, { needs, windows, config, nowMs }),
    ]);
    const shaped = shapeTop(query, rows, windows, name);
    return {
      partial: windows.some(({ steady }) => !steady),
      answer: {
        ...aboutWindow(found, { ...params, metric, provisional, config, nowMs }),
        ...shaped,
        ranking: withNoise(ranking, shaped.total),
        ...compared,
      },
      kinds: { ...kindsOf(query.columns), ...comparedKinds(params) },
      rows: () =>
        shaped.rows.map(({ keys, compared: then, ...estimated }) => ({
          ...namesOf(query.columns, keys),
          ...estimated,
          ...flatCompared(then),
        })),
    };
  },
});

/** All groups of a window and the whole of it. */
function groupsStatement({ columns, metric }: TopQuery, { relation, window, covered }: Context): Statement {
  const ranked = rankedSql(metric, window, covered);
  const bucket = isRanked(metric) ? 'bucket, ' : '';
  const keys = columns.map((_, i) => `k${i}`).join(', ');
  // Sums need no buckets; a rank is over the buckets of each group.
  const summed = isRanked(metric)
    ? `
  SELECT whole, ${keys}, ${relationFiguresSql('g')}, ${ranked.sql}
  FROM grouped AS g ${ranked.join}
  GROUP BY whole, ${keys}`
    : `SELECT *, ${ranked.sql} FROM grouped`;
  const sql = `
WITH named AS (
  SELECT bucket, ${columns.map((column, i) => `${groupSql(column, 'r.')} AS k${i}`).join(', ')}, ${RELATION_FIGURES.join(', ')} FROM (${relation.sql}) AS r
), grouped AS (
  SELECT ${bucket}${keys}, grouping(k0) AS whole, ${relationFiguresSql('n')}
  FROM named AS n
  GROUP BY GROUPING SETS ((${bucket}${keys}), (${isRanked(metric) ? 'bucket' : ''}))
), summed AS (${summed})
SELECT whole, ${columns.map((_, i) => `toString(s.k${i}) AS k${i}`).join(', ')}, ${[...RELATION_FIGURES, ...RANKED_COLUMNS].join(', ')}
FROM summed AS s`;
  return { sql, params: { ...relation.params, ...ranked.params } };
}

/** A page of the groups and the whole, of each window. */
function kindsOf(columns: readonly DimensionColumn[]) {
  return { ...textColumns(columns), ...ESTIMATE_KINDS, share: 'number' } as const;
}

export function topStatement(query: TopQuery, contexts: Contexts): Statement {
  const { columns, metric, limit, order: by, offset } = query;
  const { sql: rows, params } = ofWindows(contexts, context => groupsStatement(query, context));
  const keys = columns.map((_, i) => `t.k${i}`).join(', ');
  const names = columns.map((column, i) => nameOrderSql(column, `t.k${i}`, i));
  const size = 't.size DESC, t.sizeThen DESC';
  const orders: Readonly<Record<Order, readonly string[]>> = {
    volume: [size],
    name: [...names.map(name => name.sql), size],
    change: ['abs(t.size - t.sizeThen) DESC', size],
  };
  const sized = `SELECT *, toFloat64(${orderColumn(metric)}) * ${scaleSql(metric, contexts)} AS sized FROM (${rows})`;
  const sum = (isThen: string) => `sumIf(t.sized, ${isThen}) OVER (PARTITION BY t.whole, ${keys})`;
  const isOne = contexts.length === 1;
  const both = isOne
    ? `SELECT t.*, t.sized AS size, 0 AS sizeThen FROM (${sized}) AS t`
    : `SELECT t.*, ${sum('NOT t.isThen')} AS size, ${sum('t.isThen')} AS sizeThen FROM (${sized}) AS t`;
  const groups = isOne ? 'countIf(whole = 0)' : `uniqExactIf((${keys}), whole = 0)`;
  const sql = `
SELECT * EXCEPT (sized, size, sizeThen) FROM (
  SELECT t.*, ${groups} OVER () AS groups, dense_rank() OVER (PARTITION BY whole ORDER BY ${orders[by].join(', ')}, ${keys}) AS place
  FROM (${both}) AS t ${by === 'name' ? names.map(name => name.join).join(' ') : ''}
)
WHERE whole = 1 OR (place > {offset:UInt32} AND place <= {offset:UInt32} + {limit:UInt32})
ORDER BY whole DESC, place, isThen`;
  return { sql, params: { ...params, limit, offset } };
}

export function shapeTop(
  { columns, metric }: TopQuery,
  answer: readonly TopRow[],
  windows: readonly FoundWindow[],
  name: NameValue,
): Pick<TopAnswer, 'by' | 'rows' | 'groups' | 'rest' | 'total'> {
  const [now, then] = windows.map((window, i) =>
    estimatesOf(
      metric,
      observedOf(window),
      answer.filter(row => row.isThen === i),
    ),
  );
  const total = now!.total;
  const comparable = isComparable(metric, windows);
  const additive = !isRanked(metric);
  const first = new Map(answer.filter(row => Number(row.whole) === 0).map(row => [row.place, row]));
  const rows = [...first].map(([place, row]) => {
    const estimated = now!.at(place);
    const compared = then && { compared: comparedWith(estimated, then.at(place), comparable) };
    const keys = columns.map((column, i) => name(column, row[`k${i}`] ?? ''));
    const share = additive ? shareOf(estimated.value, total.value) : null;
    return { keys, ...estimated, share, ...compared };
  });
  const reported = rows.reduce((sum, row) => sum + (row.value ?? 0), 0);
  return {
    by: columns.map(column => column.name),
    rows,
    groups: Number(answer.find(row => Number(row.whole) === 1)?.groups ?? 0),
    rest: additive && total.value !== null ? Math.max(0, total.value - reported) : null,
    total: { ...total, ...(then && { compared: comparedWith(total, then.total, comparable) }) },
  };
}

/** Of one window: of each place, and of the whole. */
function estimatesOf(metric: Metric, observed: Observed, rows: readonly TopRow[]) {
  const whole = rows.find(row => Number(row.whole) === 1);
  const groups = new Map(rows.filter(row => Number(row.whole) === 0).map(row => [row.place, row]));
  return {
    total: estimateOf(whole ?? NO_SUMS, metric, observed),
    at(place: string): Estimate {
      const row = groups.get(place);
      return row ? estimateOf(row, metric, observed) : unseenEstimate(whole, metric, observed);
    },
  };
}

function shareOf(value: number | null, total: number | null): number | null {
  return value !== null && total !== null && total > 0 ? value / total : null;
}
