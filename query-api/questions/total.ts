// Everything that a condition names, as one group.

import type { Metric } from '../answers/metric.ts';
import { isRanked, RANKED_COLUMNS, rankedSql } from '../sql/ranked.ts';
import { RELATION_FIGURES, relationFiguresSql } from '../sql/relation.ts';
import type { Context, Statement } from '../sql/tables.ts';

/** One row, of zeros where there is nothing. */
export function totalStatement(metric: Metric, { relation, window, covered }: Context): Statement {
  const ranked = rankedSql(metric, window, covered);
  const sql = `
WITH grouped AS (
  SELECT ${isRanked(metric) ? 'bucket, ' : ''}${relationFiguresSql('r')} FROM (${relation.sql}) AS r ${isRanked(metric) ? 'GROUP BY bucket' : ''}
), summed AS (
  SELECT ${relationFiguresSql('g')}, ${ranked.sql} FROM grouped AS g ${ranked.join}
)
SELECT ${[...RELATION_FIGURES, ...RANKED_COLUMNS].join(', ')} FROM summed`;
  return { sql, params: { ...relation.params, ...ranked.params } };
}
