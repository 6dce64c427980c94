// The largest groups of one dimension or a few, with everything beyond the limit as an explicit rest.

import { SUMS } from '../../storage/tables/spread.ts';
import type { TopAnswer } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import type { DimensionColumn } from '../sql/dimensions.ts';
import { estimateOf, isRanked, orderColumn, rankedSql, type Sums } from '../sql/metrics-sql.ts';
import type { Context, Statement } from '../sql/tables.ts';
import type { NameValue } from '../sql/values.ts';

export interface TopQuestion {
  readonly columns: readonly DimensionColumn[];
  readonly metric: Metric;
  readonly limit: number;
}

export interface TopRow extends Sums {
  readonly whole: number;
  readonly groups: string;
  readonly [group: `k${number}`]: string;
}

export function topStatement(
  { columns, metric, limit }: TopQuestion,
  { relation, window, covered }: Context,
): Statement {
  const ranked = rankedSql(metric, window, covered);
  const bucket = isRanked(metric) ? 'bucket, ' : '';
  const keys = columns.map((_, i) => `k${i}`).join(', ');
  const sums = SUMS;
  const order = orderColumn(metric);
  const sql = `
WITH named AS (
  SELECT bucket, ${columns.map((column, i) => `r.${column.name} AS k${i}`).join(', ')}, bytes, packets, varBytes, samples, records FROM (${relation.sql}) AS r
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
  { columns, metric, limit }: TopQuestion,
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
      const estimate = estimateOf(row, metric, seconds);
      const keys = columns.map((column, i) => name(column, row[`k${i}`] ?? ''));
      return { keys, ...estimate, share: additive && total.value > 0 ? estimate.value / total.value : null };
    });
  const told = rows.reduce((sum, row) => sum + row.value, 0);
  return {
    by: columns.map(column => column.name),
    rows,
    groups: Number(whole?.groups ?? 0),
    rest: additive ? Math.max(0, total.value - told) : null,
    total,
  };
}
