// The query API as a server: questions, health, metrics, documentation and the console on one address.

import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import { DocumentError } from '../schemas/documents.ts';
import type { Log } from '../service/log.ts';
import type { Metrics } from '../service/metrics.ts';
import { type Storage, StorageError } from '../storage/storage.ts';
import { createCallers } from './access/callers.ts';
import { registerProtection, SLOW_CLIENT_LIMITS } from './access/protection.ts';
import type { QueryApiConfiguration } from './configuration.ts';
import { type ApplicationsDependencies, registerApplications } from './documents/applications.ts';
import { type DocumentWriter, registerDocuments } from './documents/routes.ts';
import { type Dependency, listen, registerHealth } from './health.ts';
import { registerConsole } from './http/console-files.ts';
import {
  documentProblem,
  HttpProblem,
  type ParameterFault,
  PROBLEM_TYPE,
  type ProblemDocument,
  QuestionError,
  questionProblem,
  validationFaults,
} from './http/problem.ts';
import { registerErasures } from './maintenance/erasures.ts';
import { type Reenrichments, registerReenrichments } from './maintenance/reenrichments.ts';
import { type Advisor, AdvisorError } from './questions/advisor.ts';
import { registerQuestions } from './questions/all.ts';
import type { Installation } from './questions/installation.ts';

export interface QueryApiDependencies {
  readonly storage: Storage;
  readonly log: Log;
  readonly metrics: Metrics;
  /** What the process depends on, now; /readyz is 200 when all is well. */
  readonly ready: () => readonly Dependency[];
  /** Records documents that come by the API; without it they are refused. */
  readonly documents?: DocumentWriter;
  /** Where records can be enriched anew; without it there are no routes for that. */
  readonly reenrichments?: Reenrichments;
  /** Who knows the inventory; without one, coverage is not known. */
  readonly advisor?: Advisor;
  /** What runs beside the API in its process; nothing when left out. */
  readonly installation?: Installation;
  /** Answers what a changed applications document would do; without it there are no previews. */
  readonly previews?: ApplicationsDependencies['previews'];
  /** The clock; a test passes its own. */
  readonly nowMs?: () => number;
}

export interface QueryApi {
  /** Listens, and tells where. */
  start(): Promise<{ url: string }>;
  stop(): Promise<void>;
  /** The routes without the network, for tests: `await app.ready()`, then `app.inject()`. */
  readonly app: FastifyInstance;
}

/** Routes that take documents have a limit of their own. */
const BODY_BYTES_MAX = 64 * 1024;
const PARAM_LENGTH_MAX = 255;

export function createQueryApi(
  config: QueryApiConfiguration,
  {
    storage,
    log,
    metrics,
    ready,
    documents,
    reenrichments,
    advisor,
    previews,
    installation,
    nowMs = Date.now,
  }: QueryApiDependencies,
): QueryApi {
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    bodyLimit: BODY_BYTES_MAX,
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    requestTimeout: SLOW_CLIENT_LIMITS.requestMs,
    keepAliveTimeout: SLOW_CLIENT_LIMITS.idleMs,
    connectionTimeout: 0,
    http: { headersTimeout: SLOW_CLIENT_LIMITS.headersMs, connectionsCheckingInterval: 1000 },
    ajv: {
      customOptions: { removeAdditional: false, allErrors: true, coerceTypes: true, useDefaults: true, strict: false },
    },
  });

  app.server.maxConnections = config.apiConnectionsMax;
  registerProtection(app, config, { callers: createCallers(config.tokens, log), log, nowMs });
  /**
   * The path alone: parameters hold addresses, and which of those are logged is protection.ts. ClickHouse repeats what it
   * was asked in its errors, so of these only the code is told, but for whoever debugs.
   */
  const tellFailure = (error: Error, url: string) => {
    const path = url.split('?')[0];
    if (!(error instanceof StorageError)) return log.warn({ err: error, path }, 'a question failed');
    log.warn({ clickhouseCode: error.clickhouseCode, path }, 'a question failed; the level debug tells the error');
    log.debug({ err: error, url }, 'a question failed');
  };
  app.setErrorHandler((error: FastifyError | Error, request, reply) => {
    const known = Object.keys(
      (request.routeOptions.schema?.querystring as { properties?: object } | undefined)?.properties ?? {},
    );
    const problem = problemOf(error, known);
    if (problem.status >= 500) tellFailure(error, request.url);
    return reply.status(problem.status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(problem);
  });
  app.setNotFoundHandler((request, reply) => {
    const problem: ProblemDocument = {
      type: 'urn:hairpin:problem:not-found',
      title: 'There is nothing here',
      status: 404,
      detail: `${request.method} ${request.url.split('?')[0]} is not part of the API; /docs lists what is`,
    };
    return reply.status(404).type(PROBLEM_TYPE).serializer(JSON.stringify).send(problem);
  });

  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Hairpin query API',
        version: '1',
        description:
          'Who talks to whom, counted once, with its error and its blind spots. Numbers are exact up to 2^53.',
      },
      ...(config.tokens !== '' && {
        components: { securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'hairpin token' } } },
        security: [{ token: [] }],
      }),
      tags: [{ name: 'questions' }, { name: 'documents' }, { name: 're-enrichment' }, { name: 'health' }],
    },
  });
  app.register(async documentation => {
    documentation.addHook('onRoute', route => {
      route.config = { ...route.config, right: 'nothing' };
    });
    documentation.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
  });
  app.register(async routes => {
    registerQuestions(routes, { storage, config, nowMs, advisor, installation });
    registerApplications(routes, { storage, config, nowMs, documents, previews });
    registerDocuments(routes, { storage, config, nowMs, documents });
    if (reenrichments) registerReenrichments(routes, reenrichments, nowMs);
    if (reenrichments) registerErasures(routes, reenrichments, nowMs);
    registerHealth(routes, metrics, ready);
    registerConsole(routes);
  });

  return {
    app,
    start: () => listen(app, config),
    stop: () => app.close(),
  };
}

function problemOf(error: FastifyError | Error, known: readonly string[]): ProblemDocument {
  if (error instanceof HttpProblem) return error.document;
  if (error instanceof DocumentError) return documentProblem(error);
  if (error instanceof QuestionError) return questionProblem(error.faults);
  if ('validation' in error && error.validation)
    return questionProblem(
      validationFaults(error.validation as Parameters<typeof validationFaults>[0], known) as ParameterFault[],
    );
  if (error instanceof AdvisorError) {
    return {
      type: 'urn:hairpin:problem:advisor',
      title: 'The inventory could not be asked',
      status: 503,
      detail: error.message,
    };
  }
  if (error instanceof StorageError) return storageProblem(error);
  const status = 'statusCode' in error ? (error.statusCode ?? 500) : 500;
  return {
    type: 'about:blank',
    title: status < 500 ? error.message : 'The question could not be answered',
    status,
    detail: status < 500 ? error.message : 'an unexpected fault; the log has it',
  };
}

/** ClickHouse errors TOO_MANY_ROWS, TIMEOUT_EXCEEDED, TOO_SLOW, MEMORY_LIMIT_EXCEEDED, TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES. */
const TOO_LARGE: ReadonlySet<number> = new Set([158, 159, 160, 241, 307, 396]);

function storageProblem(error: StorageError): ProblemDocument {
  if (TOO_LARGE.has(error.clickhouseCode)) {
    return {
      type: 'urn:hairpin:problem:question-too-large',
      title: 'The question is too large',
      status: 503,
      detail:
        'it needs more time, memory or rows than allowed; ask for a shorter window, fewer dimensions or a narrower filter',
    };
  }
  return {
    type: 'urn:hairpin:problem:storage',
    title: 'ClickHouse did not answer the question',
    status: 503,
    detail:
      error.failure === 'passing'
        ? 'the server is away or overloaded; try again'
        : 'the server refused it; the log says why',
  };
}
