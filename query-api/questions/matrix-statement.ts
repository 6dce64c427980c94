// Who sent how much to whom. One statement reads the relation once and groups it by cell, by sender, by receiver, by
// diagonal and altogether, so that cells, totals and rest speak of the same rows and add up exactly. A matrix with more
// cells than are taken at once is queried twice: for its largest nodes, then for all figures of these.

import { SERVER_SIDE } from '../../schemas/codes.ts';
import type { Metric } from '../answers/metric.ts';
import { type Axis, type DimensionColumn, groupColumns, groupSql } from '../sql/dimensions.ts';
import { orderColumn, type Sums } from '../sql/metrics-sql.ts';
import { nameOrderSql, ORDERS } from '../sql/name-order.ts';
import { type Contexts, ofWindows, scaleSql } from '../sql/of-windows.ts';
import { isRanked, RANKED_COLUMNS, rankedSql } from '../sql/ranked.ts';
import { RELATION_FIGURES, relationFiguresSql } from '../sql/relation.ts';
import type { Context, Statement } from '../sql/tables.ts';
import { MULTICAST_SQL, UNCLASSIFIED_SQL } from '../sql/unclassified.ts';

export const ORIENTATIONS = ['sender', 'client'] as const;
export type Orientation = (typeof ORIENTATIONS)[number];

/** `cluster` lists the nodes of `volume`, arranged (cluster-order.ts). */
export const MATRIX_ORDERS = [...ORDERS, 'cluster'] as const;

export interface MatrixQuery {
  readonly rows: Axis;
  readonly columns: Axis;
  readonly metric: Metric;
  readonly orientation: Orientation;
  /** Nodes listed each way; the cells among them. */
  readonly limit: number;
  readonly order: (typeof MATRIX_ORDERS)[number];
  /** Nodes that are left out before those listed, in this order. */
  readonly offset: number;
  readonly columnOffset: number;
}

/** The ways of a matrix: what groups its traffic. */
export type MatrixAxes = Pick<MatrixQuery, 'rows' | 'columns' | 'orientation'>;

/** Whether both ways list the same nodes, as they do by default. */
export function isSquare({ rows, columns }: Pick<MatrixQuery, 'rows' | 'columns'>): boolean {
  return rows.name === columns.name;
}

/** Raw values of the nodes listed each way, in order. */
export interface Listed {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
}

export interface MatrixRow extends Sums {
  readonly level: 'cell' | 'row' | 'column' | 'inter' | 'total';
  readonly src: string;
  readonly dst: string;
  readonly toClientBytes: string;
  readonly toClientPackets: string;
  readonly unelectedBytes: string;
  readonly unlearnedBytes: string;
  readonly unclassifiedBytes: string;
  readonly nodes: string;
  /** 1: of the compared window. */
  readonly isThen: number;
}

export function matrixColumns({ rows, columns, orientation }: MatrixAxes): string[] {
  // Which end is the row is known for each record, where the client is.
  const ends = orientation === 'client' ? [...rows.ends, ...columns.ends] : [rows.ends[0], columns.ends[1]];
  const names = [...groupColumns(ends), 'srcApp', 'dstApp'];
  return [...new Set(orientation === 'client' ? [...names, 'serverSide'] : names)];
}

/** The row and the column of a record. */
export function cellSql({ rows, columns, orientation }: MatrixAxes, prefix = ''): { row: string; column: string } {
  const swapped = swappedSql(orientation, prefix);
  const endSql = (own: DimensionColumn, other: DimensionColumn) =>
    orientation === 'sender' || own === other
      ? groupSql(own, prefix)
      : `if(${swapped}, ${groupSql(other, prefix)}, ${groupSql(own, prefix)})`;
  return { row: endSql(rows.ends[0], rows.ends[1]), column: endSql(columns.ends[1], columns.ends[0]) };
}

/** Whether the receiver is the client. A multicast group is none, whatever the ports say: it answers nobody. */
export function swappedSql(orientation: Orientation, prefix = ''): string {
  if (orientation === 'sender') return '0';
  return `(${prefix}serverSide = ${SERVER_SIDE.src} AND ${prefix}dstApp != ${MULTICAST_SQL})`;
}

function matrixStatement(query: MatrixQuery, { relation, window, covered }: Context): Statement {
  const { row, column } = cellSql(query);
  const swapped = swappedSql(query.orientation);
  const isDiagonal = isSquare(query) ? 'sender = receiver' : 'materialize(toUInt8(0))';
  const nodes = isSquare(query)
    ? 'uniqExactIf(if(left = 6, s.sender, s.receiver), left IN (5, 6))'
    : 'countIf(left IN (5, 6))';
  const ranked = rankedSql(query.metric, window, covered);
  // Sums need no buckets; a rank is over the buckets of each group.
  const bucket = isRanked(query.metric) ? 'bucket, ' : '';
  const bucketSet = isRanked(query.metric) ? '(bucket)' : '()';
  const summed = isRanked(query.metric)
    ? `
  SELECT left, sender, receiver, diagonal, ${relationFiguresSql('g')},
    sum(g.toClientBytes) AS toClientBytes, sum(g.toClientPackets) AS toClientPackets, sum(g.unelectedBytes) AS unelectedBytes,
    sum(g.unlearnedBytes) AS unlearnedBytes, sum(g.unclassifiedBytes) AS unclassifiedBytes, ${ranked.sql}
  FROM grouped AS g ${ranked.join}
  GROUP BY left, sender, receiver, diagonal`
    : `SELECT *, ${ranked.sql} FROM grouped`;
  const sql = `
WITH ends AS (
  SELECT bucket, ${row} AS sender, ${column} AS receiver, ${isDiagonal} AS diagonal,
    ${RELATION_FIGURES.join(', ')}, ${swapped} AS toClient, unelected, unlearned, ${UNCLASSIFIED_SQL} AS unclassified
  FROM (${relation.sql})
), grouped AS (
  SELECT ${bucket}sender, receiver, diagonal, grouping(sender) + 2 * grouping(receiver) + 4 * grouping(diagonal) AS left,
    ${relationFiguresSql('ends')},
    sumIf(toUInt128(ends.bytes), toClient) AS toClientBytes, sumIf(toUInt128(ends.packets), toClient) AS toClientPackets,
    sumIf(toUInt128(ends.bytes), unelected) AS unelectedBytes, sumIf(toUInt128(ends.bytes), unlearned) AS unlearnedBytes, sumIf(toUInt128(ends.bytes), unclassified) AS unclassifiedBytes
  FROM ends
  GROUP BY GROUPING SETS ((${bucket}sender, receiver), (${bucket}sender), (${bucket}receiver), (${bucket}diagonal), ${bucketSet})
), summed AS (${summed})
SELECT multiIf(left = 4, 'cell', left = 6, 'row', left = 5, 'column', left = 3, 'inter', 'total') AS level,
  s.sender AS sender, s.receiver AS receiver, toString(s.sender) AS src, toString(s.receiver) AS dst, ${RELATION_FIGURES.join(', ')}, ${RANKED_COLUMNS.join(', ')},
  toClientBytes, toClientPackets, unelectedBytes, unlearnedBytes, unclassifiedBytes,
  ${nodes} OVER () AS nodes
FROM summed AS s
WHERE left != 3 OR NOT diagonal`;
  return { sql, params: { ...relation.params, ...ranked.params } };
}

/** Rows of both windows where two are compared, in the order of an answer. */
function orderedSql(query: MatrixQuery): string {
  return `ORDER BY isThen, level = 'cell', level IN ('row', 'column'), ${orderColumn(query.metric)} DESC, sender, receiver`;
}

/** Rows of one answer that are taken as they come: every cell of a hundred nodes, and their totals. */
export const ROWS_MAX = 10_202;

/**
 * The whole matrix as far as ROWS_MAX goes: the totals of all, those of senders and receivers together by size, then the
 * cells. What is cut off are never the largest nodes where both ways have the same ones. One row more shows that there is more.
 */
export function wholeMatrix(query: MatrixQuery, contexts: Contexts): Statement {
  const { sql, params } = ofWindows(contexts, context => matrixStatement(query, context));
  return { sql: `SELECT * FROM (${sql}) ${orderedSql(query)} LIMIT ${ROWS_MAX + 1}`, params };
}

/** The totals of the nodes given, and the cells among them, whatever the size of the matrix. */
export function matrixAmong(query: MatrixQuery, contexts: Contexts, { rows, columns }: Listed): Statement {
  const { sql, params } = ofWindows(contexts, context => matrixStatement(query, context));
  // src and dst are texts, as the lists are.
  return {
    sql: `SELECT * FROM (${sql}) WHERE (level NOT IN ('cell', 'row') OR src IN {rows:Array(String)}) AND (level NOT IN ('cell', 'column') OR dst IN {columns:Array(String)}) ${orderedSql(query)}`,
    params: { ...params, rows, columns },
  };
}

/** The nodes to list of a matrix that is known whole: those with the largest total, sent or received where both ways are one. */
export function largestNodes(query: MatrixQuery, rows: readonly MatrixRow[]): Listed {
  const order = orderColumn(query.metric);
  const largest = (levels: readonly MatrixRow['level'][]): string[] => {
    const size = new Map<string, number>();
    for (const row of rows) {
      if (!levels.includes(row.level)) continue;
      const node = row.level === 'row' ? row.src : row.dst;
      size.set(node, Math.max(size.get(node) ?? 0, Number(row[order])));
    }
    const sorted = [...size].sort(([a, sizeA], [b, sizeB]) => sizeB - sizeA || (a < b ? -1 : 1));
    return sorted.slice(0, query.limit).map(([node]) => node);
  };
  if (!isSquare(query)) return { rows: largest(['row']), columns: largest(['column']) };
  const nodes = largest(['row', 'column']);
  return { rows: nodes, columns: nodes };
}

export interface PlacedNode {
  readonly node: string;
  /** In its order, from 1. */
  readonly place: string;
  /** How many there are. */
  readonly nodes: string;
}

/** The nodes of one way, or of both where they are one, that are in a page of either way. */
export function pageOfNodes(query: MatrixQuery, contexts: Contexts, way: 'rows' | 'columns'): Statement {
  const { sql, params } = ofWindows(contexts, context => matrixStatement(query, context));
  const { order, limit, offset, columnOffset } = query;
  const named = nameOrderSql(query[way].ends[way === 'rows' ? 0 : 1], 'n.node', 0);
  const by = order === 'name' ? `${named.sql}, n.node` : 'n.size DESC, n.sizeThen DESC, n.node';
  const pages = isSquare(query) ? [offset, columnOffset] : [way === 'rows' ? offset : columnOffset];
  const isListed = pages.map(from => `place > ${from} AND place <= ${from + limit}`).join(' OR ');
  const sized = order === 'change' ? changedSql(query, contexts, sql, way) : sizedSql(query, sql, way);
  return {
    sql: `SELECT node, place, nodes FROM (
  SELECT n.node AS node, count() OVER () AS nodes, row_number() OVER (ORDER BY ${by}) AS place FROM (${sized}) AS n ${order === 'name' ? named.join : ''}
) WHERE ${isListed} ORDER BY place`,
    params,
  };
}

/** Nodes by their totals, of which a square matrix has two each. What is only in the compared window stands last. */
function sizedSql(query: MatrixQuery, sql: string, way: 'rows' | 'columns'): string {
  const levels = isSquare(query) ? "'row', 'column'" : way === 'rows' ? "'row'" : "'column'";
  const size = orderColumn(query.metric);
  return `SELECT if(level = 'row', src, dst) AS node, maxIf(${size}, NOT isThen) AS size, maxIf(${size}, isThen) AS sizeThen
  FROM (${sql}) WHERE level IN (${levels}) GROUP BY node`;
}

/** Nodes by the largest change of any of their cells: the total of a node that exchanged one peer for another did not change. */
function changedSql(query: MatrixQuery, contexts: Contexts, sql: string, way: 'rows' | 'columns'): string {
  const node = isSquare(query) ? 'arrayJoin([c.src, c.dst])' : way === 'rows' ? 'c.src' : 'c.dst';
  return `SELECT ${node} AS node, max(c.changed) AS size, max(c.value) AS sizeThen FROM (
    SELECT src, dst, sum(if(isThen, -1, 1) * sized) AS difference, abs(difference) AS changed, max(sized) AS value FROM (
      SELECT src, dst, isThen, toFloat64(${orderColumn(query.metric)}) * ${scaleSql(query.metric, contexts)} AS sized FROM (${sql}) WHERE level = 'cell'
    ) GROUP BY src, dst
  ) AS c GROUP BY node`;
}

/** Rows of the listed nodes only. */
export function rowsAmong(rows: readonly MatrixRow[], nodes: Listed): MatrixRow[] {
  const [senders, receivers] = [new Set(nodes.rows), new Set(nodes.columns)];
  return rows.filter(({ level, src, dst }) => {
    const bySender = level === 'cell' || level === 'row';
    const byReceiver = level === 'cell' || level === 'column';
    return (!bySender || senders.has(src)) && (!byReceiver || receivers.has(dst));
  });
}
