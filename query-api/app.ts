// The query API as a server: questions, documents, health, metrics, documentation and the console on one address.

import fastify, { type FastifyInstance } from 'fastify';
import type { Log } from '../service/log.ts';
import type { Metrics } from '../service/metrics.ts';
import type { Storage } from '../storage/storage.ts';
import { createCallers } from './access/callers.ts';
import { registerProtection, SLOW_CLIENT_LIMITS } from './access/protection.ts';
import { registerAlerts } from './alerts/routes.ts';
import type { QueryApiConfiguration } from './configuration.ts';
import { registerAlertRules } from './documents/alert-rules.ts';
import type { RulesWriter } from './documents/alert-rules-versions.ts';
import { registerApplications } from './documents/applications.ts';
import type { ApplicationsDependencies } from './documents/applications-context.ts';
import { DocumentChecks } from './documents/checking.ts';
import { registerDocuments } from './documents/routes.ts';
import type { DocumentWriter } from './documents/writer.ts';
import { answerFailures, EARLY_FAILURES, logFailure } from './failures.ts';
import { type Dependency, listen, registerHealth } from './health.ts';
import { registerCompression } from './http/compression.ts';
import { registerConsole } from './http/console-files.ts';
import { registerDocumentation } from './http/documentation.ts';
import { LAZY_COMPILERS } from './http/lazy-compilers.ts';
import { registerErasures } from './maintenance/erasures.ts';
import { type Reenrichments, registerReenrichments } from './maintenance/reenrichments.ts';
import type { Advisor } from './questions/advisor.ts';
import { registerQuestions } from './questions/all.ts';
import type { Installation } from './questions/installation.ts';
import type { Planner } from './questions/planner.ts';
import type { RecentSelects } from './questions/recent-selects.ts';

export interface QueryApiDependencies {
  readonly storage: Storage;
  readonly log: Log;
  readonly metrics: Metrics;
  /** What the process depends on, now; /readyz is 200 when all is well. */
  readonly ready: () => readonly Dependency[];
  /** Records documents sent to the API; without it they are refused. */
  readonly documents?: DocumentWriter;
  /** Records alert rules sent to the API; without it they are refused. */
  readonly alertRules?: RulesWriter;
  /** Enriches stored records again; without it there are no routes for that. */
  readonly reenrichments?: Reenrichments;
  /** Reads the inventory; without it, coverage is not known. */
  readonly advisor?: Advisor;
  /** Knows which links traffic takes; without it, questions about links have no answer. */
  readonly planner?: Planner;
  /** What runs beside the API in its process; nothing when left out. */
  readonly installation?: Installation;
  /** Previews what a changed applications document would do; without it there are no previews. */
  readonly previews?: ApplicationsDependencies['previews'];
  /** The clock; a test passes its own. */
  readonly nowMs?: () => number;
  /** What questions share of what they must know of the tables; a test passes one that keeps nothing. */
  readonly recent?: RecentSelects;
}

export interface QueryApi {
  /** Listens, and returns its address. */
  start(): Promise<{ url: string }>;
  stop(): Promise<void>;
  /** The routes without the network, for tests: `await app.ready()`, then `app.inject()`. */
  readonly app: FastifyInstance;
}

/** Routes that take documents have a limit of their own. */
const BODY_BYTES_MAX = 64 * 1024;
const PARAM_LENGTH_MAX = 255;

export function createQueryApi(config: QueryApiConfiguration, dependencies: QueryApiDependencies): QueryApi {
  const { log, nowMs = Date.now } = dependencies;
  const app = createServer(config);
  registerProtection(app, config, { callers: createCallers(config.tokens, log), log, nowMs });
  answerFailures(app, log);
  registerCompression(app);
  registerDocumentation(app, config.tokens !== '');
  app.register(async routes => registerRoutes(routes, config, { ...dependencies, nowMs }));
  return { app, start: () => listen(app, config), stop: () => app.close() };
}

function createServer(config: QueryApiConfiguration): FastifyInstance {
  const app = fastify({
    logger: false,
    ...EARLY_FAILURES,
    forceCloseConnections: true,
    bodyLimit: BODY_BYTES_MAX,
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    requestTimeout: SLOW_CLIENT_LIMITS.requestMs,
    keepAliveTimeout: SLOW_CLIENT_LIMITS.idleMs,
    connectionTimeout: 0,
    http: { headersTimeout: SLOW_CLIENT_LIMITS.headersMs, connectionsCheckingInterval: 1000 },
    schemaController: LAZY_COMPILERS,
    ajv: {
      // Of 99.1 / 0.001 the quotient is no whole number in binary.
      customOptions: {
        ...{ removeAdditional: false, allErrors: true, coerceTypes: true, useDefaults: true, strict: false },
        multipleOfPrecision: 6,
      },
    },
  });
  app.server.maxConnections = config.apiConnectionsMax;
  return app;
}

function registerRoutes(
  app: FastifyInstance,
  config: QueryApiConfiguration,
  dependencies: QueryApiDependencies & { readonly nowMs: () => number },
): void {
  const { storage, log, metrics, ready, documents, reenrichments, advisor, previews, nowMs } = dependencies;
  const checks = new DocumentChecks({ log });
  app.addHook('onClose', () => checks.stop());
  const reportFailure = (error: Error, url: string) => logFailure(log, error, url);
  registerQuestions(app, { ...dependencies, config, reportFailure });
  registerApplications(app, { storage, config, nowMs, documents, checks, previews, advisor });
  registerDocuments(app, { storage, config, nowMs, documents, checks });
  registerAlertRules(app, { storage, nowMs, checks, writer: dependencies.alertRules });
  registerAlerts(app, storage);
  if (reenrichments) registerReenrichments(app, reenrichments, nowMs);
  if (reenrichments) registerErasures(app, reenrichments, nowMs);
  registerHealth(app, metrics, ready);
  registerConsole(app);
}
