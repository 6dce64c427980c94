// The rows of a matrix, of one window or of two that are compared, and the nodes that are listed.

import type { Storage } from '../../storage/storage.ts';
import type { Contexts } from '../sql/of-windows.ts';
import {
  type FoundWindow,
  type Rows,
  type RowsOfWindows,
  readWindows,
  type Statement,
  type TableQuery,
} from '../sql/tables.ts';
import type { ThenMatrix } from './compared-matrix.ts';
import { isComparable } from './comparison.ts';
import {
  isSquare,
  type Listed,
  largestNodes,
  type MatrixQuery,
  type MatrixRow,
  matrixAmong,
  type PlacedNode,
  pageOfNodes,
  ROWS_MAX,
  rowsAmong,
  wholeMatrix,
} from './matrix-statement.ts';

export interface FoundMatrix extends Rows<MatrixRow> {
  readonly listed: Listed;
  readonly windows: readonly FoundWindow[];
  readonly then: ThenMatrix | undefined;
  /** In all, where nodes were listed before their cells. */
  readonly nodes: number | undefined;
}

export async function readMatrix(
  storage: Storage,
  query: MatrixQuery,
  queries: readonly TableQuery[],
  nowMs: number,
): Promise<FoundMatrix> {
  let listed: ListedNodes = { rows: [], columns: [], nodes: undefined };
  // However many statements it takes, all are of the same windows.
  const found = await readWindows<MatrixRow>(storage, queries, nowMs, async contexts => {
    const read = await readCells(storage, query, contexts);
    listed = read.listed;
    return read.rows;
  });
  return foundMatrix(query, found, listed);
}

interface ListedNodes extends Listed {
  /** In all, where nodes were listed before their cells. */
  readonly nodes: number | undefined;
}

async function readCells(
  storage: Storage,
  query: MatrixQuery,
  contexts: Contexts,
): Promise<{ readonly rows: MatrixRow[]; readonly listed: ListedNodes }> {
  const select = ({ sql, params }: Statement) => storage.select<MatrixRow>(sql, params);
  const among = async (listed: ListedNodes) => ({ rows: await select(matrixAmong(query, contexts, listed)), listed });
  const isCompared = contexts.length > 1;
  if (isCompared || query.order === 'name' || query.offset > 0 || query.columnOffset > 0) {
    const pages = await readPages(storage, query, contexts);
    return among(isCompared ? pages : { ...pages, nodes: undefined });
  }
  const whole = await select(wholeMatrix(query, contexts));
  const listed = { ...largestNodes(query, whole), nodes: undefined };
  if (whole.length <= ROWS_MAX) return { rows: rowsAmong(whole, listed), listed };
  // What was cut off may be all of the nodes of one way where the other has very many.
  return among(isSquare(query) ? listed : { ...(await readPages(storage, query, contexts)), nodes: undefined });
}

function foundMatrix(
  { metric }: MatrixQuery,
  { rows, windows }: RowsOfWindows<MatrixRow>,
  { nodes, ...listed }: ListedNodes,
): FoundMatrix {
  const [now, window] = windows;
  const own = (isThen: number) => rows.filter(row => row.isThen === isThen);
  const then = window && { rows: own(1), window, comparable: isComparable(metric, windows) };
  return { ...now!, rows: own(0), listed, windows, then, nodes };
}

async function readPages(storage: Storage, query: MatrixQuery, contexts: Contexts): Promise<ListedNodes> {
  const nodesOf = (way: 'rows' | 'columns') => {
    const { sql, params } = pageOfNodes(query, contexts, way);
    return storage.select<PlacedNode>(sql, params);
  };
  const isOne = isSquare(query);
  const [rows, others] = await Promise.all([nodesOf('rows'), isOne ? undefined : nodesOf('columns')]);
  const columns = others ?? rows;
  const page = (nodes: readonly PlacedNode[], offset: number) =>
    nodes
      .filter(({ place }) => Number(place) > offset && Number(place) <= offset + query.limit)
      .map(({ node }) => node);
  const counts = [rows, ...(others ? [others] : [])].map(([first]) => (first ? Number(first.nodes) : Number.NaN));
  const nodes = counts.reduce((sum, count) => sum + count, 0);
  return {
    rows: page(rows, query.offset),
    columns: page(columns, query.columnOffset),
    nodes: Number.isNaN(nodes) ? undefined : nodes,
  };
}
