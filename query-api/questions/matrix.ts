// Who sent how much to whom: cells of sender and receiver, their totals, and the rest that is beyond the limit.

import { type Static, Type } from 'typebox';
import type { Storage } from '../../storage/storage.ts';
import { rightForColumns } from '../access/rights.ts';
import { about, closed, estimate, NullableNumber, NullableRanking, Quality } from '../answers/answers.ts';
import { metricOf } from '../answers/metric.ts';
import type { FlatRow } from '../http/format-table.ts';
import { axisOf, pairOf } from '../sql/dimensions.ts';
import type { FoundWindow } from '../sql/tables.ts';
import { conditionOf, type NameValue, nameValues } from '../sql/values.ts';
import { requestedTime } from '../sql/window.ts';
import { coverageOfCells } from './advisor.ts';
import {
  Cell,
  type MatrixCell,
  perSampleOf,
  shapeMatrix,
  Total,
  unseenCells,
  withCoverage,
  withLoss,
} from './cells.ts';
import { inClusterOrder } from './cluster-order.ts';
import { ComparedMatrix } from './compared-matrix.ts';
import {
  aboutCompared,
  Compared,
  ComparedWindow,
  compare,
  comparedKinds,
  flatCompared,
  queriesOf,
} from './comparison.ts';
import { readMatrix } from './found-matrix.ts';
import { aboutWindow, ESTIMATE_KINDS, isKnown, observedOf } from './grouped.ts';
import { adjustForLoss, LossAdjusted } from './loss.ts';
import {
  isSquare,
  type Listed,
  MATRIX_ORDERS,
  type MatrixQuery,
  matrixColumns,
  ORIENTATIONS,
} from './matrix-statement.ts';
import {
  calendar,
  choice,
  dimensionNames,
  filter,
  format,
  Limit,
  layer,
  matrixOrder,
  metric,
  Offset,
  pairNames,
  percentile,
  window,
} from './parameters.ts';
import { qualityOf } from './quality.ts';
import { defineQuestion, type QuestionContext } from './question.ts';
import { rankingOf, withNoise } from './ranking.ts';
import { readSeen, seenWindow } from './seen-exporters.ts';

const Parameters = Type.Object(
  {
    ...window,
    calendar,
    by: Type.String({ default: 'app', maxLength: 64, description: `rows and columns: ${pairNames}` }),
    rows: Type.Optional(
      Type.String({ maxLength: 64, description: `what rows are by, in place of by: ${dimensionNames}` }),
    ),
    columns: Type.Optional(Type.String({ maxLength: 64, description: 'what columns are by, in the same way' })),
    metric,
    percentile,
    layer,
    orientation: choice(ORIENTATIONS, {
      default: 'sender',
      description: 'sender: cell (A,B) is what A sent to B; client: rows are clients, columns servers',
    }),
    cells: choice(['seen', 'all'], {
      default: 'seen',
      description:
        'all: pairs of the listed nodes of which nothing was seen are cells too, with what may have been missed; null where nothing covers them',
    }),
    filter,
    limit: Limit(30, 200, 'nodes listed each way, the first in order; everything else is the rest'),
    order: matrixOrder,
    compare,
    offset: Offset('rows left out before the first one listed'),
    columnOffset: Offset('columns left out, in the same way: all pages of both are all cells'),
    format,
  },
  closed,
);

export const MatrixAnswer = Type.Object(
  {
    ...about,
    by: Type.String({ description: 'dimension of rows and columns; of both, joined by a comma, where they differ' }),
    order: Type.Enum([...MATRIX_ORDERS] as unknown as typeof MATRIX_ORDERS),
    offset: Type.Integer(),
    columnOffset: Type.Integer(),
    orientation: Type.Enum(['sender', 'client']),
    cells: Type.Array(Cell, {
      description: 'cell (src, dst): sent by src to dst; with orientation=client between client src and server dst',
    }),
    rows: Type.Array(Total, {
      description: 'totals of the listed rows, in order; what is not among the cells included',
    }),
    columns: Type.Array(Total, {
      description:
        'totals of the listed columns that received, in the order of their own size; with order=name or cluster in that order',
    }),
    nodes: Type.Integer({
      description:
        'nodes in all, of rows and columns together, with compare those of both windows; limit says how many are listed each way',
    }),
    total: Type.Object({ ...estimate, compared: Type.Optional(Compared) }, closed),
    lossAdjusted: Type.Union([LossAdjusted, Type.Null()], {
      description: 'the total with the estimated loss added; null for percentiles and maximum, and with a calendar',
    }),
    interTotal: Type.Object(
      { ...estimate, compared: Type.Optional(Compared) },
      {
        ...closed,
        description: 'the total without the diagonal; the total where rows and columns differ',
      },
    ),
    rest: NullableNumber(
      'total less the listed cells; null for percentiles and maximum, which do not add up, and where nothing is covered',
    ),
    ranking: NullableRanking,
    quality: Quality,
    compared: Type.Optional(ComparedWindow),
  },
  closed,
);
export type MatrixAnswer = Static<typeof MatrixAnswer>;

export const matrix = defineQuestion({
  name: 'matrix',
  settles: true,
  right: rightForColumns,
  summary: 'Who sent how much to whom',
  parameters: Parameters,
  answer: MatrixAnswer,
  table: ({ limit, offset, columnOffset, ...asked }) => ({
    kinds: { ...KINDS, ...comparedKinds(asked) },
    keys: ['srcKey', 'src', 'dstKey', 'dst'],
    isWhole: answer => answer.nodes <= limit && offset === 0 && columnOffset === 0 && isKnown(answer),
  }),
  async respond(params, { storage, config, advisor, nowMs }) {
    const query = matrixQuery(params);
    const { metric, orientation } = query;
    const condition = await conditionOf(storage, params.filter);
    const needs = {
      ...requestedTime(params, nowMs),
      metric,
      layer: params.layer,
      columns: matrixColumns(query),
      condition,
    };
    const queries = await queriesOf(storage, needs, params, nowMs);
    const found = await readMatrix(storage, query, queries, nowMs);
    const name = await nameNodes(storage, query, found.listed);
    const observed = observedOf(found);
    const { seconds } = observed;
    const figures = shapeMatrix(query, found.rows, found.listed, observed, name);
    const { unclassifiedShare, unelectedShare, largestPointShare, unseen, ...measured } = figures;
    const shaped = query.order === 'cluster' ? inClusterOrder(measured, isSquare(query)) : measured;
    const then = found.then && new ComparedMatrix(query, found.then, name);
    const [{ quality, exporters }, adjusted, ranking, seenIn, compared] = await Promise.all([
      qualityOf(storage, config, found, nowMs, { unclassifiedShare, unelectedShare, largestPointShare }),
      adjustForLoss(storage, { axes: query, metric, layer: params.layer, condition, seconds }, found, shaped.total),
      rankingOf(storage, found, needs),
      readSeen(storage, seenWindow(found, nowMs)),
      aboutCompared(storage, { needs, windows: found.windows, config, nowMs }),
    ]);
    const own = withLoss(shaped.cells, found.rows, adjusted);
    const seen = then ? [...own, ...then.added(own, unseen)] : own;
    const receivers = found.listed.columns.map(raw => name(query.columns.ends[1], raw));
    const listed = params.cells === 'all' ? [...seen, ...unseenCells(shaped.rows, receivers, seen, seconds > 0)] : seen;
    const by = isSquare(query) ? query.rows.name : `${query.rows.name},${query.columns.name}`;
    const [coverage, thenCoverage] = await Promise.all([
      coverageOfCells(advisor, by, seenIn, listed),
      found.then && coverageThen({ storage, advisor, nowMs }, by, found.then.window, listed),
    ]);
    const perSample = perSampleOf(found.rows, exporters, metric, seconds);
    const covered = listed.map((cell, i) => withCoverage(cell, coverage.cells[i] ?? null, perSample));
    const cells = then && thenCoverage ? then.cells(covered, thenCoverage) : covered;
    const isUnknown = advisor !== undefined && coverage.overall === null;
    return {
      partial: isUnknown || found.windows.some(({ steady }) => !steady),
      answer: {
        ...aboutWindow(found, { ...params, metric, provisional: quality.provisional, config, nowMs }),
        by,
        order: query.order,
        offset: query.offset,
        columnOffset: query.columnOffset,
        orientation,
        ...shaped,
        ...then?.totals(figures, found.listed),
        nodes: found.nodes ?? shaped.nodes,
        cells,
        lossAdjusted: adjusted.total,
        ranking: withNoise(ranking, shaped.total),
        quality: { ...quality, coverage: coverage.overall },
        ...compared,
      },
      kinds: { ...KINDS, ...comparedKinds(params) },
      rows: () => cells.map(flatCell),
    };
  },
});

function nameNodes(storage: Storage, query: MatrixQuery, listed: Listed): Promise<NameValue> {
  return nameValues(storage, [
    ...listed.rows.map(raw => [query.rows.ends[0], raw] as const),
    ...listed.columns.map(raw => [query.columns.ends[1], raw] as const),
  ]);
}

/** Of the same cells in the compared window. */
async function coverageThen(
  { storage, advisor, nowMs }: Pick<QuestionContext, 'storage' | 'advisor' | 'nowMs'>,
  by: string,
  window: FoundWindow,
  cells: readonly MatrixCell[],
): Promise<readonly (number | null)[]> {
  if (!advisor) return cells.map(() => null);
  return (await coverageOfCells(advisor, by, await readSeen(storage, seenWindow(window, nowMs)), cells)).cells;
}

function matrixQuery(params: Static<typeof Parameters>): MatrixQuery {
  const { by, rows, columns, orientation, limit, order, offset, columnOffset } = params;
  // Of a single column both ways would be the same: there are only cells of a value with itself.
  if (rows === undefined || columns === undefined) pairOf('by', by);
  const axes = { rows: axisOf('rows', rows ?? by), columns: axisOf('columns', columns ?? by) };
  return { ...axes, metric: metricOf(params), orientation, limit, order, offset, columnOffset };
}

const KINDS = {
  srcKey: 'text',
  src: 'text',
  dstKey: 'text',
  dst: 'text',
  ...ESTIMATE_KINDS,
  lossAdjusted: 'number',
  coverage: 'number',
} as const;

function flatCell(cell: MatrixCell): FlatRow {
  return {
    srcKey: cell.src.key,
    src: cell.src.name,
    dstKey: cell.dst.key,
    dst: cell.dst.name,
    value: cell.value,
    ciLow: cell.ciLow,
    ciHigh: cell.ciHigh,
    samples: cell.samples,
    method: cell.method,
    lossAdjusted: cell.lossAdjusted,
    coverage: cell.coverage,
    ...flatCompared(cell.compared),
  };
}
