// The traffic that waves of applications are planned by: between each two applications, and then what crosses between those
// that have moved and those that have not, after each wave.

import type { Metric } from '../answers/metric.ts';
import { EXPLICIT_CLASS_SQL } from '../sql/dimensions.ts';
import type { Sums } from '../sql/metrics-sql.ts';
import { isRanked, RANKED_COLUMNS, rankedSql } from '../sql/ranked.ts';
import { RELATION_FIGURES, relationFiguresSql } from '../sql/relation.ts';
import type { Context, Statement } from '../sql/tables.ts';

export const WAVE_COLUMNS = ['srcApp', 'dstApp'];
/** Pairs of applications read, the largest first. */
export const APP_PAIRS_MAX = 100_000;

/** Of both directions, `a` and `b` in no order; '0' for every end that is no application. */
export interface AppPairRow {
  readonly a: string;
  readonly b: string;
  readonly bytes: string;
  /** Of all pairs. */
  readonly pairs: string;
}

/** External, multicast, ambiguous and unknown ends move nowhere. */
const APP_SQL = (column: string) => `if(${EXPLICIT_CLASS_SQL(column)}, 0, ${column})`;

export function appPairsStatement({ relation }: Pick<Context, 'relation'>): Statement {
  const sql = `
SELECT toString(t.a) AS a, toString(t.b) AS b, toString(sum(t.bytes)) AS bytes, toString(count() OVER ()) AS pairs
FROM (
  SELECT ${APP_SQL('r.srcApp')} AS s, ${APP_SQL('r.dstApp')} AS d, least(s, d) AS a, greatest(s, d) AS b, r.bytes AS bytes FROM (${relation.sql}) AS r
) AS t
WHERE t.b != 0
GROUP BY t.a, t.b
ORDER BY sum(t.bytes) DESC, t.a, t.b
LIMIT ${APP_PAIRS_MAX}`;
  return { sql, params: relation.params };
}

/** Ways over a boundary: from what has moved, to it, and between what has moved and ends that are in no wave. */
export const WAYS = ['fromMoved', 'toMoved', 'elsewhere'] as const;
export type Way = (typeof WAYS)[number];

export interface BoundaryRow extends Sums {
  /** After so many waves. */
  readonly moved: number;
  /** Position in WAYS. */
  readonly way: number;
}

export interface Assigned {
  /** Keys as decimal numbers, and the wave of each from 1. */
  readonly apps: readonly string[];
  readonly waves: readonly number[];
  readonly count: number;
}

/** ClickHouse maps by no empty list. */
const NO_APP = 0n;

export function boundariesStatement({ apps, waves, count }: Assigned, metric: Metric, context: Context): Statement {
  const { relation, window, covered } = context;
  const ranked = rankedSql(metric, window, covered);
  const bucket = isRanked(metric) ? 'bucket, ' : '';
  const waveOf = (column: string) => `transform(r.${column}, {apps:Array(UInt64)}, {waves:Array(UInt8)}, toUInt8(0))`;
  // A record is counted at each boundary between the waves of its ends; at those since its one end moved where the other has none.
  const summed = isRanked(metric)
    ? `SELECT moved, way, ${relationFiguresSql('g')}, ${ranked.sql} FROM grouped AS g ${ranked.join} GROUP BY moved, way`
    : `SELECT *, ${ranked.sql} FROM grouped`;
  const sql = `
WITH named AS (
  SELECT ${bucket}${waveOf('srcApp')} AS sw, ${waveOf('dstApp')} AS dw, ${relationFiguresSql('r')}
  FROM (${relation.sql}) AS r
  GROUP BY ${bucket}sw, dw
), crossing AS (
  SELECT *, (sw = 0 OR dw = 0) AS isElsewhere,
    arrayJoin(if(isElsewhere, range(greatest(sw, dw), toUInt8({count:UInt8} + 1)), range(least(sw, dw), greatest(sw, dw)))) AS moved,
    multiIf(isElsewhere, 2, sw < dw, 0, 1) AS way
  FROM named WHERE sw != dw
), grouped AS (
  SELECT ${bucket}moved, way, ${relationFiguresSql('c')} FROM crossing AS c GROUP BY ${bucket}moved, way
), summed AS (${summed})
SELECT moved, way, ${[...RELATION_FIGURES, ...RANKED_COLUMNS].join(', ')} FROM summed ORDER BY moved, way`;
  return {
    sql,
    params: { ...relation.params, ...ranked.params, apps: [NO_APP, ...apps.map(BigInt)], waves: [0, ...waves], count },
  };
}
