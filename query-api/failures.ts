// What a request that fails is answered with, and what of it is logged.

import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { DocumentError } from '../schemas/documents.ts';
import type { Log } from '../service/log.ts';
import { StorageError } from '../storage/storage.ts';
import {
  documentProblem,
  HttpProblem,
  ParameterError,
  PROBLEM_TYPE,
  type ProblemDocument,
  parameterProblem,
  problem,
  unnamedProblem,
  validationFaults,
} from './http/problem.ts';
import { AdvisorError } from './questions/advisor.ts';
import { PlannerError } from './questions/planner.ts';

/** Options of a server: what is answered before any route, in the same form. */
export const EARLY_FAILURES = {
  frameworkErrors(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const isUrl = error.code === 'FST_ERR_BAD_URL';
    const document = isUrl
      ? problem(400, 'url-invalid', 'the path is not percent-encoded UTF-8; write % as %25')
      : unnamedProblem(500, 'an unexpected error occurred');
    return reply.status(document.status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(document);
  },
  clientErrorHandler(error: NodeJS.ErrnoException, socket: Socket): void {
    if (error.code === 'ECONNRESET' || socket.destroyed) return;
    const document = unreadable(error.code);
    const body = JSON.stringify(document);
    if (socket.writable)
      socket.write(
        `HTTP/1.1 ${document.status} ${document.title}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nContent-Type: ${PROBLEM_TYPE}\r\nConnection: close\r\n\r\n${body}`,
      );
    socket.destroy(error);
  },
};

/** Of a request whose head the server could not read. */
function unreadable(code: string | undefined): ProblemDocument {
  if (code === 'HPE_HEADER_OVERFLOW')
    return problem(431, 'head-too-large', 'URL and headers of a request have at most 16 KiB together');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return problem(408, 'too-slow', 'the request did not arrive in time');
  return problem(400, 'not-http', 'the request is no valid HTTP/1.1');
}

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'] as const;

export function answerFailures(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((error: FastifyError | Error, request, reply) => {
    const schema = request.routeOptions.schema?.querystring as { properties?: object } | undefined;
    const document = problemOf(error, Object.keys(schema?.properties ?? {}));
    // What a client ended by going away is no failure; nobody reads the answer.
    if (document.status >= 500 && !hasGone(reply)) logFailure(log, error, request.url);
    if (error instanceof HttpProblem && error.retryAfterS !== undefined) reply.header('retry-after', error.retryAfterS);
    return reply.status(document.status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(document);
  });
  // Before a body is looked for: the framework refuses some methods without one.
  app.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return;
    const path = request.url.split('?')[0]!;
    const allowed = METHODS.filter(method => app.hasRoute({ method, url: path })).join(', ');
    if (allowed === '') return;
    const document = problem(405, 'method-not-allowed', `${path} has no ${request.method}; allowed are ${allowed}`);
    return reply.status(405).header('allow', allowed).type(PROBLEM_TYPE).send(JSON.stringify(document));
  });
  app.setNotFoundHandler((request, reply) => {
    const detail = `${request.method} ${request.url.split('?')[0]} is not part of the API; /docs lists its routes`;
    const document = problem(404, 'not-found', detail);
    return reply.status(404).type(PROBLEM_TYPE).serializer(JSON.stringify).send(document);
  });
}

/**
 * The path alone: parameters hold addresses, and which of those are logged is decided in access/protection.ts. ClickHouse
 * repeats the statement in its errors, so only their code is logged, but for the level debug.
 */
export function logFailure(log: Log, error: Error, url: string): void {
  const path = url.split('?')[0];
  if (!(error instanceof StorageError)) {
    log.warn({ err: error, path }, 'a request failed');
    return;
  }
  log.warn(
    { clickhouseCode: error.clickhouseCode, path },
    'a request failed in ClickHouse; the level debug has the error',
  );
  log.debug({ err: error, url }, 'a request failed in ClickHouse');
}

function problemOf(error: FastifyError | Error, parameters: readonly string[]): ProblemDocument {
  if (error instanceof HttpProblem) return error.document;
  if (error instanceof DocumentError) return documentProblem(error);
  if (error instanceof ParameterError) return parameterProblem(error.faults);
  if ('validation' in error && error.validation)
    return parameterProblem(validationFaults(error.validation as Parameters<typeof validationFaults>[0], parameters));
  if (error instanceof AdvisorError) return problem(503, 'advisor', error.message);
  if (error instanceof PlannerError) return problem(503, 'planner', error.message);
  if (error instanceof StorageError) return storageProblem(error);
  const status = 'statusCode' in error ? (error.statusCode ?? 500) : 500;
  return unnamedProblem(status, status < 500 ? error.message : 'an unexpected error occurred; the log has it');
}

function hasGone({ raw }: FastifyReply): boolean {
  return raw.destroyed && !raw.writableFinished;
}

/** ClickHouse errors TOO_MANY_ROWS, TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES: so it is whenever it is sent. */
const TOO_LARGE: ReadonlySet<number> = new Set([158, 307, 396]);
/** ClickHouse errors TIMEOUT_EXCEEDED, TOO_SLOW, MEMORY_LIMIT_EXCEEDED: this depends on what else runs. */
const TOO_SLOW: ReadonlySet<number> = new Set([159, 160, 241]);
const SMALLER = 'choose a shorter window, fewer dimensions or a narrower filter';

function storageProblem(error: StorageError): ProblemDocument {
  if (TOO_LARGE.has(error.clickhouseCode))
    return problem(422, 'question-too-large', `the query needs more rows than allowed; ${SMALLER}`);
  if (TOO_SLOW.has(error.clickhouseCode))
    return problem(503, 'question-too-large', `the query needs more time or memory than allowed; ${SMALLER}`);
  return problem(
    503,
    'storage',
    error.failure === 'transient'
      ? 'ClickHouse is unavailable or overloaded; try again'
      : 'ClickHouse refused the query; the log has the reason',
  );
}
