// What every process of an installation answers over HTTP: whether it runs, whether what it depends on is there, its metrics.
// Collectors and enrichers answer nothing else (createHealthApi).

import fastify, { type FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { parseHostPort } from '../schemas/host-port.ts';
import { HairpinError } from '../service/errors.ts';
import type { Log } from '../service/log.ts';
import type { Metrics } from '../service/metrics.ts';
import type { ProcessConfiguration } from '../service/process-keys.ts';
import { createCallers } from './access/callers.ts';
import { refuseUnprotected, registerProtection } from './access/protection.ts';
import { Health } from './answers/answers.ts';
import { answerFailures, EARLY_FAILURES } from './failures.ts';
import type { Routes } from './http/routes.ts';

export interface Dependency {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface HealthApi {
  /** Listens, and returns its address. */
  start(): Promise<{ url: string }>;
  stop(): Promise<void>;
}

export interface HealthDependencies {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly ready: () => readonly Dependency[];
}

export function createHealthApi(config: ProcessConfiguration, { log, metrics, ready }: HealthDependencies): HealthApi {
  const app = fastify({ logger: false, forceCloseConnections: true, ...EARLY_FAILURES });
  registerProtection(app, config, { callers: createCallers(config.tokens, log), log, nowMs: Date.now });
  answerFailures(app, log);
  app.register(async routes => registerHealth(routes, metrics, ready));
  return { start: () => listen(app, config), stop: () => app.close() };
}

/** Throws API_UNPROTECTED or PORT_TAKEN. */
export async function listen(app: FastifyInstance, config: ProcessConfiguration): Promise<{ url: string }> {
  refuseUnprotected(config);
  const { host, port } = parseHostPort(config.http);
  try {
    const url = await app.listen({ host, port });
    return { url };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL') {
      throw new HairpinError(
        'PORT_TAKEN',
        `${config.http} cannot be listened on (${code}); choose another address with --http HOST:PORT`,
        error,
      );
    }
    throw error;
  }
}

/** Its type of content is the registry's, which has a version. */
const PROMETHEUS = { content: { 'text/plain': { schema: Type.String() } } };

export function registerHealth(app: Routes, metrics: Metrics, ready: () => readonly Dependency[]): void {
  app.get(
    '/healthz',
    {
      config: { right: 'nothing' },
      schema: { summary: 'The process runs', tags: ['health'], response: { 200: Health } },
    },
    () => ({
      ok: true,
      dependencies: [],
    }),
  );
  app.get(
    '/readyz',
    {
      config: { right: 'nothing' },
      schema: {
        summary: 'Everything it depends on is there',
        tags: ['health'],
        response: { 200: Health, 503: Health },
      },
    },
    (_request, reply) => {
      const dependencies = ready();
      const ok = dependencies.every(dependency => dependency.ok);
      return reply.status(ok ? 200 : 503).send({ ok, dependencies });
    },
  );
  app.get(
    '/metrics',
    {
      config: { right: 'read' },
      schema: { summary: 'Prometheus text', tags: ['health'], response: { 200: PROMETHEUS } },
    },
    async (_request, reply) =>
      reply
        .type(metrics.registry.contentType)
        .serializer((text: unknown) => text as string)
        .send(await metrics.registry.metrics()),
  );
}
