// Who sent how much to whom: cells of sender and receiver, their totals, and the rest that is beyond the limit.

import { type Static, Type } from 'typebox';
import type { Storage } from '../../storage/storage.ts';
import { rightForColumns } from '../access/rights.ts';
import { about, closed, estimate, NullableNumber, NullableRanking, Quality } from '../answers/answers.ts';
import type { FlatRow } from '../http/format-table.ts';
import { pairOf } from '../sql/dimensions.ts';
import { compileFilter, parseFilter } from '../sql/filter.ts';
import { queryTables, type Rows, type TableQuery } from '../sql/tables.ts';
import { nameValues, nodeResolver } from '../sql/values.ts';
import { parseRequestedWindow } from '../sql/window.ts';
import { coverageOfCells, seenOf } from './advisor.ts';
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
import { aboutWindow, ESTIMATE_KINDS, observedOf } from './grouped.ts';
import { adjustForLoss, LossAdjusted } from './loss.ts';
import {
  largestNodes,
  type MatrixQuery,
  type MatrixRow,
  matrixAmong,
  matrixColumns,
  ORIENTATIONS,
  ROWS_MAX,
  rowsAmong,
  wholeMatrix,
} from './matrix-statement.ts';
import { choice, filter, format, Limit, layer, metric, pairNames, window } from './parameters.ts';
import { qualityOf } from './quality.ts';
import { defineQuestion } from './question.ts';
import { rankingOf, withNoise } from './ranking.ts';

const Parameters = Type.Object(
  {
    ...window,
    by: Type.String({ default: 'app', maxLength: 64, description: pairNames }),
    metric,
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
    limit: Limit(30, 200, 'nodes listed, the largest first; everything else is the rest'),
    format,
  },
  closed,
);

export const MatrixAnswer = Type.Object(
  {
    ...about,
    by: Type.String(),
    orientation: Type.Enum(['sender', 'client']),
    cells: Type.Array(Cell, {
      description: 'cell (src, dst): sent by src to dst; with orientation=client between client src and server dst',
    }),
    rows: Type.Array(Total, {
      description: 'totals of senders, largest node first; what is not among the cells included',
    }),
    columns: Type.Array(Total, { description: 'totals of receivers, in the order of their own size' }),
    nodes: Type.Integer({ description: 'nodes in all; limit says how many are listed' }),
    total: Type.Object(estimate, closed),
    lossAdjusted: Type.Union([LossAdjusted, Type.Null()], {
      description: 'the total with the estimated loss added; null for p95 and maximum',
    }),
    interTotal: Type.Object(estimate, { ...closed, description: 'the total without the diagonal' }),
    rest: NullableNumber('total less the listed cells; null for p95 and maximum, which do not add up'),
    ranking: NullableRanking,
    quality: Quality,
  },
  closed,
);
export type MatrixAnswer = Static<typeof MatrixAnswer>;

export const matrix = defineQuestion({
  name: 'matrix',
  right: rightForColumns,
  summary: 'Who sent how much to whom',
  parameters: Parameters,
  answer: MatrixAnswer,
  async respond(params, { storage, config, advisor, nowMs }) {
    const { by, metric, orientation, limit } = params;
    const query: MatrixQuery = { pair: pairOf('by', by), metric, orientation, limit };
    const condition = await compileFilter(
      'filter',
      parseFilter('filter', params.filter),
      nodeResolver(storage, 'filter'),
    );
    const requested = parseRequestedWindow(params.from, params.to, nowMs);
    const needs = { requested, metric, layer: params.layer, columns: matrixColumns(query), condition };
    const found = await readMatrix(storage, query, needs, nowMs);
    const [src, dst] = query.pair;
    const name = await nameValues(
      storage,
      found.rows.flatMap(row => [[src, row.src] as const, [dst, row.dst] as const]),
    );
    const observed = observedOf(found);
    const { seconds } = observed;
    const { unclassifiedShare, unelectedShare, ...figures } = shapeMatrix(query, found.rows, observed, name);
    const [{ quality, exporters }, adjusted, ranking] = await Promise.all([
      qualityOf(storage, config, found.window, nowMs, { unclassifiedShare, unelectedShare }),
      adjustForLoss(
        storage,
        { pair: query.pair, orientation, metric, layer: params.layer, condition, seconds },
        found,
        figures.total,
      ),
      rankingOf(storage, found, needs),
    ]);
    const seen = withLoss(figures.cells, found.rows, adjusted);
    const listed = params.cells === 'all' ? [...seen, ...unseenCells(figures.rows, seen)] : seen;
    const atMs = Math.min(nowMs, found.window.toS * 1000);
    const coverage = await coverageOfCells(advisor, by, seenOf(exporters), atMs, listed);
    const perSample = perSampleOf(found.rows, exporters, metric, seconds);
    const cells = listed.map((cell, i) => withCoverage(cell, coverage.cells[i] ?? null, perSample));
    return {
      answer: {
        ...aboutWindow(found, metric, params.layer),
        by,
        orientation,
        ...figures,
        cells,
        lossAdjusted: adjusted.total,
        ranking: withNoise(ranking, figures.total),
        quality: { ...quality, coverage: coverage.overall },
      },
      kinds: KINDS,
      rows: () => cells.map(flatCell),
    };
  },
});

async function readMatrix(
  storage: Storage,
  query: MatrixQuery,
  needs: TableQuery,
  nowMs: number,
): Promise<Rows<MatrixRow>> {
  const whole = await queryTables<MatrixRow>(storage, needs, nowMs, context => wholeMatrix(query, context));
  const nodes = largestNodes(query, whole.rows);
  if (whole.rows.length <= ROWS_MAX) return { ...whole, rows: rowsAmong(whole.rows, nodes) };
  return queryTables<MatrixRow>(storage, needs, nowMs, context => matrixAmong(query, context, nodes));
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
  };
}
