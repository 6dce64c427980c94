// Who sent how much to whom. One statement reads the relation once and groups it by cell, by sender, by receiver, by
// diagonal and altogether, so that cells, totals and rest speak of the same rows and add up exactly. A matrix with more
// cells than are taken at once is queried twice: for its largest nodes, then for all figures of these.

import { SERVER_SIDE } from '../../schemas/codes.ts';
import type { Metric } from '../answers/metric.ts';
import { type DimensionColumn, groupSql } from '../sql/dimensions.ts';
import { orderColumn, type Sums } from '../sql/metrics-sql.ts';
import { isRanked, RANKED_COLUMNS, rankedSql } from '../sql/ranked.ts';
import type { Context, Statement } from '../sql/tables.ts';
import { MULTICAST_SQL, UNCLASSIFIED_SQL } from '../sql/unclassified.ts';

export const ORIENTATIONS = ['sender', 'client'] as const;
export type Orientation = (typeof ORIENTATIONS)[number];

export interface MatrixQuery {
  readonly pair: readonly [DimensionColumn, DimensionColumn];
  readonly metric: Metric;
  readonly orientation: Orientation;
  /** Nodes listed; the cells among them. */
  readonly limit: number;
}

export interface MatrixRow extends Sums {
  readonly level: 'cell' | 'row' | 'column' | 'inter' | 'total';
  readonly src: string;
  readonly dst: string;
  readonly toClientBytes: string;
  readonly toClientPackets: string;
  readonly unelectedBytes: string;
  readonly unclassifiedBytes: string;
  readonly nodes: string;
}

export function matrixColumns({ pair, orientation }: Pick<MatrixQuery, 'pair' | 'orientation'>): string[] {
  const columns = [pair[0].name, pair[1].name, 'srcApp', 'dstApp'];
  return [...new Set(orientation === 'client' ? [...columns, 'serverSide'] : columns)];
}

/** Whether the receiver is the client. A multicast group is none, whatever the ports say: it answers nobody. */
export function swappedSql(orientation: Orientation, prefix = ''): string {
  if (orientation === 'sender') return '0';
  return `(${prefix}serverSide = ${SERVER_SIDE.src} AND ${prefix}dstApp != ${MULTICAST_SQL})`;
}

function matrixStatement(query: MatrixQuery, { relation, window, covered }: Context): Statement {
  const [src, dst] = query.pair.map(column => groupSql(column)) as [string, string];
  const swapped = swappedSql(query.orientation);
  const ranked = rankedSql(query.metric, window, covered);
  // Sums need no buckets; a rank is over the buckets of each group.
  const bucket = isRanked(query.metric) ? 'bucket, ' : '';
  const bucketSet = isRanked(query.metric) ? '(bucket)' : '()';
  const sql = `
WITH ends AS (
  SELECT bucket, if(${swapped}, ${dst}, ${src}) AS sender, if(${swapped}, ${src}, ${dst}) AS receiver, sender = receiver AS diagonal,
    bytes, packets, varBytes, samples, records, ${swapped} AS toClient, unelected, ${UNCLASSIFIED_SQL} AS unclassified
  FROM (${relation.sql})
), grouped AS (
  SELECT ${bucket}sender, receiver, diagonal, grouping(sender) + 2 * grouping(receiver) + 4 * grouping(diagonal) AS left,
    sum(ends.bytes) AS bytes, sum(ends.packets) AS packets, sum(ends.varBytes) AS varBytes, sum(ends.samples) AS samples, sum(ends.records) AS records,
    sumIf(ends.bytes, toClient) AS toClientBytes, sumIf(ends.packets, toClient) AS toClientPackets,
    sumIf(ends.bytes, unelected) AS unelectedBytes, sumIf(ends.bytes, unclassified) AS unclassifiedBytes
  FROM ends
  GROUP BY GROUPING SETS ((${bucket}sender, receiver), (${bucket}sender), (${bucket}receiver), (${bucket}diagonal), ${bucketSet})
), summed AS (
  SELECT left, sender, receiver, diagonal, sum(g.bytes) AS bytes, sum(g.packets) AS packets, sum(g.varBytes) AS varBytes, sum(g.samples) AS samples, sum(g.records) AS records,
    sum(g.toClientBytes) AS toClientBytes, sum(g.toClientPackets) AS toClientPackets, sum(g.unelectedBytes) AS unelectedBytes,
    sum(g.unclassifiedBytes) AS unclassifiedBytes, ${ranked.sql}
  FROM grouped AS g
  GROUP BY left, sender, receiver, diagonal
)
SELECT multiIf(left = 4, 'cell', left = 6, 'row', left = 5, 'column', left = 3, 'inter', 'total') AS level,
  s.sender AS sender, s.receiver AS receiver, toString(s.sender) AS src, toString(s.receiver) AS dst, bytes, packets, varBytes, samples, records, ${RANKED_COLUMNS.join(', ')},
  toClientBytes, toClientPackets, unelectedBytes, unclassifiedBytes,
  uniqExactIf(if(left = 6, s.sender, s.receiver), left IN (5, 6)) OVER () AS nodes
FROM summed AS s
WHERE left != 3 OR NOT diagonal
ORDER BY left = 4, left IN (5, 6), ${orderColumn(query.metric)} DESC, s.sender, s.receiver`;
  return { sql, params: { ...relation.params, ...ranked.params } };
}

/** Rows of one answer that are taken as they come: every cell of a hundred nodes, and their totals. */
export const ROWS_MAX = 10_202;

/**
 * The whole matrix as far as ROWS_MAX goes: the totals of all, those of senders and receivers together by size, then the
 * cells. What is cut off are never the largest nodes. One row more shows that there is more.
 */
export function wholeMatrix(query: MatrixQuery, context: Context): Statement {
  const { sql, params } = matrixStatement(query, context);
  return { sql: `${sql}\nLIMIT ${ROWS_MAX + 1}`, params };
}

/** The totals of the nodes given, and the cells among them, whatever the size of the matrix. */
export function matrixAmong(query: MatrixQuery, context: Context, nodes: readonly string[]): Statement {
  const { sql, params } = matrixStatement(query, context);
  const column = query.pair[0];
  const listed = `{nodes:Array(${column.clickhouse})}`;
  const values = nodes.map(node => (column.kind === 'address' ? node : BigInt(node)));
  return {
    sql: `SELECT * FROM (${sql}) WHERE (level NOT IN ('cell', 'row') OR sender IN ${listed}) AND (level NOT IN ('cell', 'column') OR receiver IN ${listed})`,
    params: { ...params, nodes: values },
  };
}

/** Raw keys of the nodes to list: those with the largest total, sent or received. */
export function largestNodes({ metric, limit }: MatrixQuery, rows: readonly MatrixRow[]): string[] {
  const order = orderColumn(metric);
  const size = new Map<string, number>();
  for (const row of rows) {
    if (row.level !== 'row' && row.level !== 'column') continue;
    const node = row.level === 'row' ? row.src : row.dst;
    size.set(node, Math.max(size.get(node) ?? 0, Number(row[order])));
  }
  const sorted = [...size].sort(([a, sizeA], [b, sizeB]) => sizeB - sizeA || (a < b ? -1 : 1));
  return sorted.slice(0, limit).map(([node]) => node);
}

/** Rows of the listed nodes only. */
export function rowsAmong(rows: readonly MatrixRow[], nodes: readonly string[]): MatrixRow[] {
  const listed = new Set(nodes);
  return rows.filter(({ level, src, dst }) => {
    const bySender = level === 'cell' || level === 'row';
    const byReceiver = level === 'cell' || level === 'column';
    return (!bySender || listed.has(src)) && (!byReceiver || listed.has(dst));
  });
}
