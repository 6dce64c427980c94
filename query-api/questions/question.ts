// What a question over HTTP consists of, and how it becomes a route: GET /api/v1/NAME, or POST where it has a body, checks the parameters, sends the
// answer as JSON, and as a table where the parameter `format` names one.

import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, type TObject, type TSchema, Type } from 'typebox';
import type { Storage } from '../../storage/storage.ts';
import { hideAddresses, seesAddresses } from '../access/hiding.ts';
import { closed } from '../answers/answers.ts';
import type { QueryApiConfiguration } from '../configuration.ts';
import {
  ABOUT_NAME,
  CONTENT_TYPES,
  type ColumnKinds,
  type FlatRow,
  type Format,
  formatTable,
  type TableForm,
  type TableFormat,
  tableForm,
} from '../http/format-table.ts';
import { ProblemDocument, refuse } from '../http/problem.ts';
import type { Right, RouteRight, Routes } from '../http/routes.ts';
import { aboutTable } from './about-table.ts';
import type { Advisor } from './advisor.ts';
import { Explained, explain } from './explain.ts';
import type { Installation } from './installation.ts';
import { preamble } from './parameters.ts';
import type { Planner } from './planner.ts';
import type { ReadLimit } from './read-limit.ts';
import type { RecentSelects } from './recent-selects.ts';
import { type RequestedQuery, remediesFor } from './remedies.ts';
import { RequestStorage } from './request-storage.ts';
import { announceSettled, hasCopy, validatorOf } from './settled.ts';

export interface QuestionDependencies {
  readonly storage: Storage;
  readonly config: QueryApiConfiguration;
  readonly nowMs: () => number;
  /** Reads the inventory. */
  readonly advisor?: Advisor | undefined;
  /** Knows which links traffic takes. */
  readonly planner?: Planner | undefined;
  readonly installation?: Installation | undefined;
  /** What requests share of what they must know of the tables; a test passes one that keeps nothing. */
  readonly recent?: RecentSelects | undefined;
}

/** The same for one request: its time is read once. */
export interface QuestionContext extends Omit<QuestionDependencies, 'nowMs'> {
  readonly nowMs: number;
}

/** The answer without its duration, and the same as a table; kinds of columns give their order too. */
export interface Answered<Answer> {
  readonly answer: Omit<Answer, 'elapsedMs'>;
  readonly kinds: ColumnKinds;
  readonly rows: () => readonly FlatRow[];
  /** Something of it was not to be had in time, or tables moved meanwhile: it is not to be kept. */
  readonly partial?: boolean;
  /** The parameter `cursor` of the next page. */
  readonly next?: string | null;
  /** Instead of `rows`: a table without end, sent while it is read. */
  readonly stream?: AsyncGenerator<TablePiece>;
}

export interface TablePiece {
  readonly rows: readonly FlatRow[];
  /** A line behind the rows, of JSON lines. */
  readonly progress?: object;
}

/** The table of a question as it is known before it is answered; rules of alerts name its columns (query-api/alerts). */
export interface StatedTable<Answer> {
  readonly kinds: ColumnKinds;
  /** Columns that together name a row: the same row of a later answer has the same values. None where only the last row matters. */
  readonly keys: readonly string[];
  /** Whether a row that the table does not have is zero: it has every group, and all of its window is known. */
  readonly isWhole?: (answer: Answer) => boolean;
}

export interface Question<Parameters extends TObject = TObject, Answer extends TObject = TObject> {
  readonly name: string;
  readonly right: RouteRight;
  /** The answer about a window that is settled for good is the same every time (settled.ts). */
  readonly settles?: true;
  /** As that of a route (http/routes.ts). */
  readonly addresses?: readonly Right[];
  readonly summary: string;
  readonly parameters: Parameters;
  readonly answer: Answer;
  /** What a request holds besides its parameters; it is a POST then, and changes nothing. */
  readonly body?: { readonly schema: TSchema; readonly bytesMax: number };
  /** Left out where the table has no end, or no row of it is met again. */
  table?(parameters: Static<Parameters>): StatedTable<Omit<Static<Answer>, 'elapsedMs'>>;
  /** `body` fits its schema. */
  respond(parameters: Static<Parameters>, context: QuestionContext, body?: unknown): Promise<Answered<Static<Answer>>>;
}

/** States a question; the types of `respond` follow from its schemas. */
export function defineQuestion<P extends TObject, A extends TObject>(question: Question<P, A>): Question<P, A> {
  return question;
}

/** What requests of all questions share. */
export interface RequestDependencies {
  readonly limit: ReadLimit;
  readonly recent: RecentSelects;
  /** Of a stream that has begun: nothing but its end can be answered any more. */
  readonly reportFailure: (error: Error, url: string) => void;
}

/** What every question takes beside its own parameters. */
interface Common {
  readonly format: Format;
  readonly explain: boolean;
  readonly preamble: boolean;
}

export function registerQuestion(
  app: Routes,
  question: Question,
  { limit, recent, reportFailure, ...dependencies }: QuestionDependencies & RequestDependencies,
): void {
  const { name, right, addresses, settles, summary, parameters, answer, body } = question;
  const querystring = Type.Object({ ...parameters.properties, preamble, explain }, closed);
  const problems = { 400: ProblemDocument, 409: ProblemDocument, 422: ProblemDocument, 503: ProblemDocument };
  const answered = Type.Object({ ...answer.properties, explain: Type.Optional(Explained) }, closed);
  const known = Type.Null({ description: 'the client has this answer: if-none-match names its etag' });
  const schema = {
    ...{ summary, tags: ['questions'], querystring },
    response: { 200: answered, ...(settles && { 304: known }), ...problems },
  };
  const config = { right, explains: true as const, ...(addresses && { addresses }) };
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const started = performance.now();
    const { explain, ...query } = request.query as Common & RequestedQuery;
    if (explain && query.format !== 'json') refuse('explain', 'goes with format=json alone');
    const nowMs = dependencies.nowMs();
    const signal = untilGone(reply);
    const remedies = remediesFor(query, nowMs);
    const storage = new RequestStorage(dependencies.storage, { signal, limit, recent, remedies });
    const context = { ...dependencies, storage, nowMs };
    const validator = settles && !explain ? await validatorOf(request, query, context) : undefined;
    if (validator && hasCopy(request, validator)) {
      announceSettled(reply, validator);
      return reply.code(304).send();
    }
    const found = (await question.respond(query, context, request.body)) as Answered<object>;
    if (validator && !found.stream && !found.partial) announceSettled(reply, validator);
    else reply.header('cache-control', 'no-store');
    linkNext(reply, found.next);
    if (query.format === 'json') {
      const elapsedMs = Math.round((performance.now() - started) * 10) / 10;
      return { ...found.answer, ...(explain && { explain: storage.reports }), elapsedMs };
    }
    const report = (error: Error) => signal.aborted || reportFailure(error, request.url);
    return sendTable(reply, { ...query, format: query.format }, found, report);
  };
  const path = `/api/v1/${name}`;
  if (body) app.post(path, { config, bodyLimit: body.bytesMax, schema: { ...schema, body: body.schema } }, handler);
  else app.get(path, { config, schema }, handler);
}

/** Aborted when the connection closes before the answer is sent. */
function untilGone({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort();
  });
  return gone.signal;
}

/** RFC 8288: where the next page is. */
function linkNext(reply: FastifyReply, next: string | null | undefined): void {
  if (!next) return;
  const [path = '', query = ''] = reply.request.url.split('?');
  const parameters = new URLSearchParams(query);
  parameters.set('cursor', next);
  reply.header('link', `<${path}?${parameters}>; rel="next"`);
}

function sendTable(
  reply: FastifyReply,
  { format, preamble }: { readonly format: TableFormat; readonly preamble: boolean },
  { answer, kinds, rows, stream }: Answered<object>,
  report: (error: Error) => void,
): FastifyReply {
  const about = aboutTable(answer);
  const head = { kinds, about, preamble };
  const shown = (table: readonly FlatRow[]) =>
    seesAddresses(reply.request) ? table : (hideAddresses(table) as readonly FlatRow[]);
  reply
    .header(ABOUT_NAME, JSON.stringify(about))
    .type(CONTENT_TYPES[format])
    .serializer((payload: unknown) => payload as string);
  if (!stream) return reply.send(formatTable(format, head, shown(rows())));
  // The framework reads the stream of a HEAD to its end.
  if (reply.request.method === 'HEAD') return reply.send('');
  const pieces = streamTable(tableForm(format, head), stream, shown);
  return reply.send(Readable.from(reporting(pieces, report), { objectMode: false }));
}

async function* streamTable(
  form: TableForm,
  stream: AsyncGenerator<TablePiece>,
  shown: (rows: readonly FlatRow[]) => readonly FlatRow[],
): AsyncGenerator<Buffer> {
  yield Buffer.from(form.begin());
  for await (const { rows, progress } of stream) {
    if (rows.length > 0) yield Buffer.from(form.rows(shown(rows)));
    if (progress) yield Buffer.from(`${JSON.stringify({ progress })}\n`);
  }
  yield Buffer.from(form.end());
}

/** What fails behind the head of a response cuts the connection: an end of its own would look like the end of the table. */
async function* reporting(pieces: AsyncGenerator<Buffer>, report: (error: Error) => void): AsyncGenerator<Buffer> {
  try {
    for await (const piece of pieces) if (piece.length > 0) yield piece;
  } catch (error) {
    report(error as Error);
    throw error;
  }
}
