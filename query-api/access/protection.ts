// What stands between the network and the questions: who asks, what they may ask, how often; limits on bodies, headers
// and connections; headers that tell a browser what not to do. See docs/SECURITY.md.

import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseHostPort } from '../../schemas/host-port.ts';
import { HairpinError } from '../../service/errors.ts';
import type { Log } from '../../service/log.ts';
import type { ProcessConfiguration } from '../../service/process-keys.ts';
import { HttpProblem, PROBLEM_TYPE, type ProblemDocument } from '../http/problem.ts';
import type {} from '../routes.ts';
import type { Caller, Callers } from './callers.ts';
import { may, type Right } from './rights.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;
const WINDOW_MS = 60_000;
/** Callers whose requests are counted at once. */
const COUNTED_MAX = 10_000;

/** Of a question in the log; what is longer is cut. */
const QUESTION_LENGTH_MAX = 2048;

/** How long a client may take to send its head, and its whole request; idle connections go after the last. */
export const SLOW_CLIENT_LIMITS = { headersMs: 10_000, requestMs: 120_000, idleMs: 30_000 } as const;

declare module 'fastify' {
  interface FastifyRequest {
    caller?: Caller;
  }
}

/** Throws API_UNPROTECTED when everybody on the network could ask, or change, everything. */
export function refuseUnprotected({ http, tokens }: Pick<ProcessConfiguration, 'http' | 'tokens'>): void {
  const { host } = parseHostPort(http);
  if (tokens !== '' || LOOPBACK.test(host)) return;
  throw new HairpinError(
    'API_UNPROTECTED',
    `the API would listen on ${http} for everybody; give --tokens FILE (npx hairpin token NAME --role ROLE makes one), or --http 127.0.0.1:PORT`,
  );
}

export interface ProtectionDependencies {
  readonly callers: Callers;
  readonly log: Log;
  readonly nowMs: () => number;
}

export function registerProtection(
  app: FastifyInstance,
  { apiRequestsPerMinute }: Pick<ProcessConfiguration, 'apiRequestsPerMinute'>,
  { callers, log, nowMs }: ProtectionDependencies,
): void {
  app.register(helmet, {
    // The console and the documentation have policies of their own; an answer of the API loads nothing.
    contentSecurityPolicy: false,
    // Whoever terminates TLS in front decides that.
    strictTransportSecurity: false,
  });
  app.decorateRequest('caller', undefined);
  app.addHook('onRequest', async (request, reply) => {
    refuseOtherSites(request, callers.required);
    const right = rightOf(request);
    const caller = callers.identify(request.headers.authorization, nowMs());
    if (caller) request.caller = caller;
    if (right === 'nothing') return;
    if (!caller) return refuseUnknown(reply);
    if (!may(caller.role, right)) return refuseForbidden(reply, caller, right);
    if (callers.required && right !== 'matrix' && right !== 'read') audit(log, caller, right, request);
  });
  app.register(rateLimit, {
    max: apiRequestsPerMinute,
    timeWindow: WINDOW_MS,
    cache: COUNTED_MAX,
    hook: 'preValidation',
    keyGenerator: keyOf,
    errorResponseBuilder: (_request, { after, max }) => ({
      statusCode: 429,
      error: 'Too Many Requests',
      message: `more than ${max} requests a minute; try again in ${after}`,
    }),
  });
}

/** What is not there tells nothing of the traffic; a route that states no right is closed to all but an administrator. */
function rightOf({ is404, routeOptions, query }: FastifyRequest): Right {
  if (is404) return 'nothing';
  const { right = 'admin' } = routeOptions.config;
  return typeof right === 'function' ? right(query as Readonly<Record<string, unknown>>) : right;
}

/**
 * A page of another site can make a browser on this machine send a POST here; and, with a name of its own that it lets point
 * to 127.0.0.1, read what is answered. Neither knows a token, so the name matters only where none is needed.
 */
function refuseOtherSites({ method, headers, host }: FastifyRequest, tokensRequired: boolean): void {
  const { origin } = headers;
  if (method !== 'GET' && origin !== undefined && origin.replace(/^https?:\/\//, '') !== host)
    throw new HttpProblem(
      403,
      'other-site',
      'Not from another site',
      `a page of ${origin} may not change anything here`,
    );
  if (!tokensRequired && !LOOPBACK.test(host.replace(/:\d+$/, '')))
    throw new HttpProblem(
      403,
      'other-site',
      'Not by this name',
      `without --tokens the API answers to localhost and 127.0.0.1 only, not to "${host}"; a proxy in front sends one of them as Host`,
    );
}

/** Who asked for addresses, handed something in or changed what is stored. Bodies are not told: some hold an address. */
function audit(log: Log, { name, role }: Caller, right: Right, { method, url, ip }: FastifyRequest): void {
  const question = url.length > QUESTION_LENGTH_MAX ? `${url.slice(0, QUESTION_LENGTH_MAX)}...` : url;
  log.info({ caller: name, role, right, from: ip, method, question }, 'a question that is logged');
}

function keyOf(request: FastifyRequest): string {
  return request.caller && request.caller.name !== 'loopback' ? `token ${request.caller.name}` : request.ip;
}

function refuseUnknown(reply: FastifyReply): FastifyReply {
  return send(reply.header('www-authenticate', 'Bearer realm="hairpin"'), {
    type: 'urn:hairpin:problem:unknown-caller',
    title: 'Who asks?',
    status: 401,
    detail: 'send a token that is in force: Authorization: Bearer TOKEN',
  });
}

function refuseForbidden(reply: FastifyReply, { name, role }: Caller, right: string): FastifyReply {
  return send(reply, {
    type: 'urn:hairpin:problem:forbidden',
    title: 'This token may not ask that',
    status: 403,
    detail: `"${name}" has the role ${role}; this needs the right "${right}"`,
  });
}

function send(reply: FastifyReply, problem: ProblemDocument): FastifyReply {
  return reply.status(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}
