// The questions as routes under /api/v1: parameters in, statement, rows, answer out.

import type { FastifyReply } from 'fastify';
import type { TSchema } from 'typebox';
import { EXPORTER_COLUMNS } from '../../schemas/exporter-minute.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { INTERFACE_COLUMNS } from '../../schemas/interface-minute.ts';
import { protocolTitles } from '../../schemas/protocols.ts';
import type { Storage } from '../../storage/storage.ts';
import { rightForColumns, rightToSee } from '../access/rights.ts';
import { ExportersAnswer, FlowsAnswer, MatrixAnswer, SeriesAnswer, TopAnswer } from '../answers/answers.ts';
import { CoverageAnswer } from '../answers/coverage-answer.ts';
import { type Metric, UNITS } from '../answers/metric.ts';
import type { QueryApiConfiguration } from '../configuration.ts';
import { CONTENT_TYPES, type FlatRow, type Format, formatTable } from '../http/format-table.ts';
import { ProblemDocument, refuse } from '../http/problem.ts';
import type { RouteRight, Routes } from '../routes.ts';
import { columnsOf, type DimensionColumn, pairOf } from '../sql/dimensions.ts';
import { type Condition, compileFilter, equals, parseFilter, parseValues, type Term } from '../sql/filter.ts';
import { askTables, type Question, type Rows } from '../sql/tables.ts';
import { nameValues, nodeResolver } from '../sql/values.ts';
import { parseAsked } from '../sql/window.ts';
import { type Advisor, coverageOfCells, heardOf } from './advisor.ts';
import { perSampleOf, unseenCells, withCoverage, withLoss } from './cells.ts';
import { answerCoverage } from './coverage.ts';
import { type ExporterRow, exportersStatement, shapeExporter } from './exporters.ts';
import { FLOW_NAMES, FLOW_NODE_COLUMNS, type FlowRow, flowsStatement, shapeFlow } from './flows.ts';
import { type TellerRow, tellersStatement } from './interfaces.ts';
import { adjustForLoss, type LossQuestion } from './loss.ts';
import {
  largestNodes,
  type MatrixQuestion,
  type MatrixRow,
  matrixAmong,
  matrixColumns,
  ROWS_MAX,
  rowsAmong,
  shapeMatrix,
  wholeMatrix,
} from './matrix.ts';
import {
  CoverageParameters,
  ExportersParameters,
  FlowsParameters,
  MatrixParameters,
  type Parameters,
  SeriesParameters,
  TopParameters,
} from './parameters.ts';
import { qualityOf, receiptBounds } from './quality.ts';
import { type SeriesQuestion, type SeriesRow, seriesStatement, shapeSeries } from './series.ts';
import { shapeTop, type TopQuestion, type TopRow, topStatement } from './top.ts';

export interface ApiDependencies {
  readonly storage: Storage;
  readonly config: QueryApiConfiguration;
  readonly nowMs: () => number;
  /** Who knows the inventory. */
  readonly advisor?: Advisor | undefined;
  readonly installation?: Installation | undefined;
}

/** What `hairpin start` knows of collector and enricher, which run in its process. */
export type Installation = Pick<ExportersAnswer, 'inventory' | 'applications'> & {
  readonly receiving: Pick<ExportersAnswer['receiving'], 'udpPorts' | 'udpHost'>;
};

/** Collectors and enrichers are other processes. */
const UNKNOWN_INSTALLATION: Installation = {
  receiving: { udpPorts: [], udpHost: '' },
  inventory: false,
  applications: false,
};

/** Answers of records and of exporters hold every column of their tables. */
const ROUTES = {
  matrix: {
    right: rightForColumns,
    summary: 'Who sent how much to whom',
    querystring: MatrixParameters,
    answer: MatrixAnswer,
  },
  series: { right: rightForColumns, summary: 'Traffic over time', querystring: SeriesParameters, answer: SeriesAnswer },
  top: {
    right: rightForColumns,
    summary: 'The largest groups of a dimension',
    querystring: TopParameters,
    answer: TopAnswer,
  },
  flows: {
    right: rightToSee(FLOW_COLUMNS.map(({ reveals }) => reveals)),
    summary: 'The newest records, every column in words',
    querystring: FlowsParameters,
    answer: FlowsAnswer,
  },
  exporters: {
    right: rightToSee([...EXPORTER_COLUMNS, ...INTERFACE_COLUMNS].map(({ reveals }) => reveals)),
    summary: 'Who reports, and how well',
    querystring: ExportersParameters,
    answer: ExportersAnswer,
  },
  coverage: {
    right: 'read',
    summary: 'What is seen, what is not, and why',
    querystring: CoverageParameters,
    answer: CoverageAnswer,
  },
} satisfies Readonly<Record<string, QuestionRoute<TSchema>>>;

export function registerApi(app: Routes, dependencies: ApiDependencies): void {
  const { storage, config, nowMs, advisor, installation = UNKNOWN_INSTALLATION } = dependencies;
  const resolve = nodeResolver(storage, 'filter');

  get(app, 'matrix', ROUTES.matrix, async (params, reply) => {
    const started = performance.now();
    refuseLayer2(params.layer);
    const now = nowMs();
    const question: MatrixQuestion = {
      pair: pairOf('by', params.by),
      metric: params.metric,
      orientation: params.orientation,
      limit: params.limit,
    };
    const condition = await compileFilter('filter', parseFilter('filter', params.filter), resolve);
    const asked = parseAsked(params.from, params.to, now);
    const found = await askMatrix(
      storage,
      question,
      { asked, metric: params.metric, columns: matrixColumns(question), condition },
      now,
    );
    const [src, dst] = question.pair;
    const name = await nameValues(
      storage,
      found.rows.flatMap(row => [[src, row.src] as const, [dst, row.dst] as const]),
    );
    const seconds = secondsOf(found);
    const { unclassifiedShare, unelectedShare, ...figures } = shapeMatrix(question, found.rows, seconds, name);
    const lossQuestion: LossQuestion = {
      src: src.name,
      dst: dst.name,
      swapped: params.orientation === 'client',
      metric: params.metric,
      condition,
      seconds,
    };
    const [{ quality, exporters }, adjusted] = await Promise.all([
      qualityOf(storage, config, found.window, now, { unclassifiedShare, unelectedShare }),
      adjustForLoss(storage, lossQuestion, found, figures.total),
    ]);
    const seen = withLoss(figures.cells, found.rows, adjusted);
    const told = params.cells === 'all' ? [...seen, ...unseenCells(figures.rows, seen)] : seen;
    const atMs = Math.min(now, found.window.toS * 1000);
    const coverage = await coverageOfCells(advisor, params.by, heardOf(exporters), atMs, told);
    const perSample = perSampleOf(found.rows, exporters, params.metric, seconds);
    const answer: MatrixAnswer = {
      ...about(found, params.metric, started),
      by: params.by,
      orientation: params.orientation,
      ...figures,
      cells: told.map((cell, i) => withCoverage(cell, coverage.cells[i] ?? null, perSample)),
      lossAdjusted: adjusted.total,
      quality: { ...quality, coverage: coverage.overall },
    };
    const flat = () =>
      answer.cells.map(cell => ({
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
      }));
    return send(
      reply,
      params.format,
      answer,
      {
        srcKey: 'text',
        src: 'text',
        dstKey: 'text',
        dst: 'text',
        ...ESTIMATE,
        lossAdjusted: 'number',
        coverage: 'number',
      },
      flat,
    );
  });

  get(app, 'series', ROUTES.series, async (params, reply) => {
    const started = performance.now();
    refuseLayer2(params.layer);
    const now = nowMs();
    const split = params.split === undefined ? [] : columnsOf('split', params.split);
    const question: SeriesQuestion = { split, metric: params.metric, limit: params.limit, stepS: params.step };
    const condition = await seriesCondition(params, storage);
    const asked = parseAsked(params.from, params.to, now);
    const columns = split.map(column => column.name);
    const found = await askTables<SeriesRow>(
      storage,
      { asked, metric: params.metric, columns, condition },
      now,
      context => seriesStatement(question, context),
    );
    const name = await nameValues(storage, rawValues(split, found.rows));
    const shaped = shapeSeries(question, found.rows, found.window, found.covered, name);
    const answer: SeriesAnswer = { ...about(found, params.metric, started), ...shaped };
    const flat = () =>
      answer.series.flatMap(series =>
        answer.times.map((at, i) => ({
          time: new Date(at * 1000).toISOString(),
          ...namesOf(split, series.rest ? [] : series.keys),
          value: series.values[i] ?? null,
          ciLow: series.ciLow[i] ?? null,
          ciHigh: series.ciHigh[i] ?? null,
        })),
      );
    return send(
      reply,
      params.format,
      answer,
      { time: 'text', ...textColumns(split), value: 'number', ciLow: 'number', ciHigh: 'number' },
      flat,
    );
  });

  get(app, 'top', ROUTES.top, async (params, reply) => {
    const started = performance.now();
    refuseLayer2(params.layer);
    const now = nowMs();
    const question: TopQuestion = { columns: columnsOf('by', params.by), metric: params.metric, limit: params.limit };
    const condition = await compileFilter('filter', parseFilter('filter', params.filter), resolve);
    const asked = parseAsked(params.from, params.to, now);
    const columns = question.columns.map(column => column.name);
    const found = await askTables<TopRow>(storage, { asked, metric: params.metric, columns, condition }, now, context =>
      topStatement(question, context),
    );
    const name = await nameValues(
      storage,
      rawValues(
        question.columns,
        found.rows.filter(row => Number(row.whole) === 0),
      ),
    );
    const answer: TopAnswer = {
      ...about(found, params.metric, started),
      ...shapeTop(question, found.rows, secondsOf(found), name),
    };
    const flat = () =>
      answer.rows.map(({ keys, ...estimate }) => ({ ...namesOf(question.columns, keys), ...estimate }));
    return send(reply, params.format, answer, { ...textColumns(question.columns), ...ESTIMATE, share: 'number' }, flat);
  });

  get(app, 'flows', ROUTES.flows, async (params, reply) => {
    const started = performance.now();
    const asked = parseAsked(params.from, params.to, nowMs());
    const condition = await compileFilter('filter', parseFilter('filter', params.filter), resolve);
    const { sql, params: bound } = flowsStatement(
      { ...asked, limit: params.limit, ...receiptBounds(config) },
      condition,
    );
    const rows = await storage.select<FlowRow>(sql, bound);
    const name = await nameValues(
      storage,
      rows.flatMap(row => FLOW_NODE_COLUMNS.map(column => [column, row[column.name] ?? '0'] as const)),
    );
    const flows = rows.map(row => shapeFlow(row, name));
    const answer: FlowsAnswer = {
      from: iso(asked.fromMs),
      to: iso(asked.toMs),
      columns: FLOW_NAMES,
      flows,
      elapsedMs: elapsed(started),
    };
    return send(
      reply,
      params.format,
      answer,
      Object.fromEntries(FLOW_NAMES.map(column => [column, 'text'])),
      () => flows,
    );
  });

  get(app, 'exporters', ROUTES.exporters, async (params, reply) => {
    const started = performance.now();
    const now = nowMs();
    const asked = parseAsked(params.from, params.to, now);
    const { sql, params: bound } = exportersStatement(asked, now);
    const telling = tellersStatement(params.interfaces, now);
    const [rows, told] = await Promise.all([
      storage.select<ExporterRow>(sql, bound),
      storage.select<TellerRow>(telling.sql, telling.params),
    ]);
    const tellers = new Map(told.map(teller => [teller.address, teller]));
    const exporters = rows.map(row => shapeExporter(row, tellers.get(row.address), now));
    const silent = exporters.filter(exporter => exporter.silent).length;
    const answer: ExportersAnswer = {
      from: iso(asked.fromMs),
      to: iso(asked.toMs),
      exporters,
      live: exporters.length - silent,
      silent,
      ...installation,
      receiving: {
        ...installation.receiving,
        protocols: protocolTitles(),
        templateProtocols: protocolTitles(({ templates }) => templates),
      },
      elapsedMs: elapsed(started),
    };
    return send(reply, params.format, answer, EXPORTER_KINDS, () =>
      exporters.map(({ interfaces: _, ...flat }) => flat),
    );
  });

  get(app, 'coverage', ROUTES.coverage, async (params, reply) => {
    const started = performance.now();
    const now = nowMs();
    const asked = parseAsked(params.from, params.to, now);
    const found = await answerCoverage({ storage, config, advisor }, asked, params, now);
    const answer: CoverageAnswer = { ...found, elapsedMs: elapsed(started) };
    return send(reply, params.format, answer, SPOT_KINDS, () =>
      answer.spots.map(({ ports, remedies, sinceOrEarlier: _, ...spot }) => ({
        ...spot,
        ports: ports.map(port => `${port.switch} ${port.name || port.ifIndex}`).join(', '),
        remedies: remedies.join('; '),
      })),
    );
  });
}

async function askMatrix(
  storage: Storage,
  question: MatrixQuestion,
  needs: Question,
  now: number,
): Promise<Rows<MatrixRow>> {
  const whole = await askTables<MatrixRow>(storage, needs, now, context => wholeMatrix(question, context));
  const nodes = largestNodes(question, whole.rows);
  if (whole.rows.length <= ROWS_MAX) return { ...whole, rows: rowsAmong(whole.rows, nodes) };
  return askTables<MatrixRow>(storage, needs, now, context => matrixAmong(question, context, nodes));
}

type Kinds = Readonly<Record<string, 'text' | 'number'>>;

const ESTIMATE = { value: 'number', ciLow: 'number', ciHigh: 'number', samples: 'number', method: 'text' } as const;

const SPOT_KINDS: Kinds = {
  reason: 'text',
  site: 'text',
  rack: 'text',
  host: 'text',
  vswitch: 'text',
  segment: 'text',
  vms: 'number',
  pairs: 'number',
  since: 'text',
  ports: 'text',
  remedies: 'text',
};

const TEXTS: ReadonlySet<string> = new Set(['exporter', 'protocol', 'lastSeen', 'lostUnit', 'silent']);
/** What fits a row of a table. */
const EXPORTER_KINDS: Kinds = Object.fromEntries(
  Object.keys(ExportersAnswer.properties.exporters.items.properties)
    .filter(name => name !== 'interfaces')
    .map(name => [name, TEXTS.has(name) ? 'text' : 'number']),
);

interface QuestionRoute<P extends TSchema> {
  readonly right: RouteRight;
  readonly summary: string;
  readonly querystring: P;
  readonly answer: TSchema;
}

function get<P extends TSchema>(
  app: Routes,
  name: string,
  { right, summary, querystring, answer }: QuestionRoute<P>,
  handler: (params: Parameters<P>, reply: FastifyReply) => Promise<unknown>,
): void {
  const response = { 200: answer, 400: ProblemDocument, 409: ProblemDocument, 503: ProblemDocument };
  app.get(
    `/api/v1/${name}`,
    { config: { right }, schema: { summary, tags: ['questions'], querystring, response } },
    (request, reply) => handler(request.query as Parameters<P>, reply),
  );
}

function send(
  reply: FastifyReply,
  format: Format,
  answer: object,
  columns: Kinds,
  flat: () => readonly FlatRow[],
): object | FastifyReply {
  reply.header('cache-control', 'no-store');
  if (format === 'json') return answer;
  const table = formatTable(format, columns, flat());
  return reply
    .type(CONTENT_TYPES[format])
    .serializer((payload: unknown) => payload as string)
    .send(typeof table === 'string' ? table : Buffer.from(table));
}

/** src and dst of a series are terms of their own, joined with the filter. */
async function seriesCondition(params: Parameters<typeof SeriesParameters>, storage: Storage): Promise<Condition> {
  const [srcColumn, dstColumn] = pairOf('by', params.by);
  const end = async (parameter: 'src' | 'dst', column: DimensionColumn) => {
    const text = params[parameter];
    if (text === undefined) return undefined;
    const term: Term = equals(column.name, [column], parseValues(parameter, text));
    return compileFilter(parameter, [[term]], nodeResolver(storage, parameter), parameter);
  };
  const conditions = [
    await end('src', srcColumn),
    await end('dst', dstColumn),
    await compileFilter('filter', parseFilter('filter', params.filter), nodeResolver(storage, 'filter')),
  ].filter(condition => condition !== undefined);
  return {
    sql: conditions.map(condition => condition.sql).join(' AND '),
    params: Object.assign({}, ...conditions.map(condition => condition.params)),
    columns: [...new Set(conditions.flatMap(condition => condition.columns))],
  };
}

function refuseLayer2(layer: 'l2' | 'l3'): void {
  if (layer === 'l2')
    refuse(
      'layer',
      'l2 cannot be told: the roll-ups hold IP bytes, and not every exporter reports the length of frames; l3 is allowed',
    );
}

function* rawValues(
  columns: readonly DimensionColumn[],
  rows: readonly { readonly [group: `k${number}`]: string }[],
): Generator<readonly [DimensionColumn, string]> {
  for (const row of rows) for (const [i, column] of columns.entries()) yield [column, row[`k${i}`] || '0'];
}

function textColumns(columns: readonly DimensionColumn[]): Kinds {
  return Object.fromEntries(
    columns.flatMap(({ name }) => [
      [`${name}Key`, 'text'],
      [name, 'text'],
    ]),
  );
}

/** Key and name of each column; the rest has the name `rest` and no key. */
function namesOf(columns: readonly DimensionColumn[], keys: readonly { key: string; name: string }[]): FlatRow {
  return Object.fromEntries(
    columns.flatMap(({ name }, i) => [
      [`${name}Key`, keys[i]?.key ?? null],
      [name, keys[i]?.name ?? 'rest'],
    ]),
  );
}

function secondsOf({ covered }: Rows<unknown>): number {
  return covered ? covered.toS - covered.fromS : 1;
}

function about({ window, covered, tables, steady }: Rows<unknown>, metric: Metric, started: number) {
  return {
    from: iso(window.fromS * 1000),
    to: iso(window.toS * 1000),
    resolutionSec: window.resolutionS,
    coveredFrom: covered ? iso(covered.fromS * 1000) : null,
    coveredTo: covered ? iso(covered.toS * 1000) : null,
    metric,
    unit: UNITS[metric],
    table: tables.join(' + '),
    steady,
    elapsedMs: elapsed(started),
  };
}

const iso = (ms: number) => new Date(ms).toISOString();
const elapsed = (started: number) => Math.round((performance.now() - started) * 10) / 10;
