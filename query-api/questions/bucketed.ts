// The five-minute buckets of a few series: of conditions, or of the largest groups of a dimension. A bucket is known where it
// is over and enough of it is covered (sql/covered.ts), and empty ones are zeros.

import type { Storage } from '../../storage/storage.ts';
import { FIVE_MINUTES_S } from '../../storage/tables/elections.ts';
import { RANKED_SHARE_MIN, secondsIn } from '../sql/covered.ts';
import { type DimensionColumn, groupColumns, groupSql } from '../sql/dimensions.ts';
import { NO_SUMS, type Sums } from '../sql/metrics-sql.ts';
import { RELATION_FIGURES, relationFiguresSql } from '../sql/relation.ts';
import { type Context, queryTables, type Rows, type Statement, type TableQuery } from '../sql/tables.ts';

interface BucketRow extends Sums {
  /** Start in seconds. */
  readonly at: number;
  /** Place of the group by size, from 1. */
  readonly place: string;
  readonly [group: `k${number}`]: string;
}

/** Bucket by bucket of the closed part of a window: what it holds and what its rate divides by; null where it is not known. */
export interface Bucket {
  readonly sums: Sums;
  readonly seconds: number;
}

export interface BucketedSeries {
  /** Raw values of the columns of a group. */
  readonly keys: readonly string[];
  readonly buckets: readonly (Bucket | null)[];
}

export interface Bucketed {
  readonly found: Rows<BucketRow>;
  readonly times: readonly number[];
  readonly series: readonly BucketedSeries[];
}

type BucketQuery = Pick<TableQuery, 'requested' | 'calendar' | 'layer' | 'condition'>;

/** The largest `limit` groups of columns, or without columns the one series of a condition. */
export async function readBuckets(
  storage: Storage,
  query: BucketQuery,
  { columns, limit }: { readonly columns: readonly DimensionColumn[]; readonly limit: number },
  nowMs: number,
): Promise<Bucketed> {
  const needs = { ...query, metric: 'p95Bps', columns: groupColumns(columns) } as const;
  const found = await queryTables<BucketRow>(storage, needs, nowMs, context =>
    bucketsStatement(columns, limit, context),
  );
  const { times, seconds } = closedBuckets(found);
  const groups = Map.groupBy(found.rows, ({ place }) => Number(place));
  if (columns.length === 0 && groups.size === 0) groups.set(1, []);
  const series = [...groups].map(([, rows]) => {
    const byTime = new Map(rows.map(row => [Number(row.at), row]));
    return {
      keys: columns.map((_, i) => rows[0]?.[`k${i}`] ?? '0'),
      buckets: times.map((at, i) =>
        seconds[i] === null ? null : { sums: byTime.get(at) ?? NO_SUMS, seconds: seconds[i]! },
      ),
    };
  });
  return { found, times, series };
}

function bucketsStatement(
  columns: readonly DimensionColumn[],
  limit: number,
  { relation }: Pick<Context, 'relation'>,
): Statement {
  const keys = columns.map((_, i) => `, k${i}`).join('');
  const place = keys === '' ? '1' : `dense_rank() OVER (ORDER BY size DESC${keys})`;
  const size = keys === '' ? '0' : `sum(bytes) OVER (PARTITION BY ${keys.slice(2)})`;
  const sql = `
WITH bucketed AS (
  SELECT toUnixTimestamp(r.bucket) AS at${columns.map((column, i) => `, toString(${groupSql(column, 'r.')}) AS k${i}`).join('')}, ${relationFiguresSql('r')}
  FROM (${relation.sql}) AS r
  GROUP BY at${keys}
), sized AS (
  SELECT *, ${size} AS size FROM bucketed
), placed AS (
  SELECT *, ${place} AS place FROM sized
)
SELECT place, at${keys}, ${RELATION_FIGURES.join(', ')} FROM placed WHERE place <= {limit:UInt32} ORDER BY place, at`;
  return { sql, params: { ...relation.params, limit } };
}

/** Starts of the buckets that are over, and what their rates divide by; null where too little of one is covered. */
function closedBuckets({ window, covered }: Pick<Rows<unknown>, 'window' | 'covered'>): {
  readonly times: number[];
  readonly seconds: (number | null)[];
} {
  const times: number[] = [];
  const seconds: (number | null)[] = [];
  const step = FIVE_MINUTES_S;
  for (let at = window.fromS; covered && at + step <= covered.closedBeforeS; at += step) {
    const coveredS = secondsIn(covered, at, at + step);
    times.push(at);
    seconds.push(coveredS >= RANKED_SHARE_MIN * step ? coveredS : null);
  }
  return { times, seconds };
}
