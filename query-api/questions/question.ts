// What a question over HTTP consists of, and how it becomes a route: GET /api/v1/NAME checks the parameters, sends the
// answer as JSON, and as a table where the parameter `format` names one.

import type { FastifyReply } from 'fastify';
import type { Static, TSchema } from 'typebox';
import type { Storage } from '../../storage/storage.ts';
import { hideAddresses, seesAddresses } from '../access/hiding.ts';
import type { QueryApiConfiguration } from '../configuration.ts';
import { CONTENT_TYPES, type FlatRow, type Format, formatTable } from '../http/format-table.ts';
import { ProblemDocument } from '../http/problem.ts';
import type { Right, RouteRight, Routes } from '../http/routes.ts';
import type { Advisor } from './advisor.ts';
import type { Installation } from './installation.ts';

export interface QuestionDependencies {
  readonly storage: Storage;
  readonly config: QueryApiConfiguration;
  readonly nowMs: () => number;
  /** Reads the inventory. */
  readonly advisor?: Advisor | undefined;
  readonly installation?: Installation | undefined;
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
}

export type ColumnKinds = Readonly<Record<string, 'text' | 'number'>>;

export interface Question<Parameters extends TSchema = TSchema, Answer extends TSchema = TSchema> {
  readonly name: string;
  readonly right: RouteRight;
  /** As that of a route (http/routes.ts). */
  readonly addresses?: readonly Right[];
  readonly summary: string;
  readonly parameters: Parameters;
  readonly answer: Answer;
  respond(parameters: Static<Parameters>, context: QuestionContext): Promise<Answered<Static<Answer>>>;
}

/** States a question; the types of `respond` follow from its schemas. */
export function defineQuestion<P extends TSchema, A extends TSchema>(question: Question<P, A>): Question<P, A> {
  return question;
}

export function registerQuestion(app: Routes, question: Question, dependencies: QuestionDependencies): void {
  const { name, right, addresses, summary, parameters, answer } = question;
  const response = { 200: answer, 400: ProblemDocument, 409: ProblemDocument, 503: ProblemDocument };
  app.get(
    `/api/v1/${name}`,
    {
      config: { right, ...(addresses && { addresses }) },
      schema: { summary, tags: ['questions'], querystring: parameters, response },
    },
    async (request, reply) => {
      const started = performance.now();
      const query = request.query as { readonly format: Format };
      const answered = await question.respond(query, { ...dependencies, nowMs: dependencies.nowMs() });
      return send(reply, query.format, answered as Answered<object>, started);
    },
  );
}

function send(
  reply: FastifyReply,
  format: Format,
  { answer, kinds, rows }: Answered<object>,
  started: number,
): object | FastifyReply {
  reply.header('cache-control', 'no-store');
  if (format === 'json') return { ...answer, elapsedMs: Math.round((performance.now() - started) * 10) / 10 };
  const flat = seesAddresses(reply.request) ? rows() : (hideAddresses(rows()) as readonly FlatRow[]);
  const table = formatTable(format, kinds, flat);
  return reply
    .type(CONTENT_TYPES[format])
    .serializer((payload: unknown) => payload as string)
    .send(typeof table === 'string' ? table : Buffer.from(table));
}
