// Protects the API from the network: who sends a request, what the token allows, how many requests a minute; limits on
// bodies, headers and connections; headers that restrict a browser. See docs/SECURITY.md.

import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseHostPort } from '../../schemas/host-port.ts';
import { HairpinError } from '../../service/errors.ts';
import type { Log } from '../../service/log.ts';
import type { ProcessConfiguration } from '../../service/process-keys.ts';
import { HttpProblem, PROBLEM_TYPE, type ProblemDocument, problem } from '../http/problem.ts';
import type { Right } from '../http/routes.ts';
import type { Caller, Callers } from './callers.ts';
import { registerHiding } from './hiding.ts';
import { may } from './rights.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;
const WINDOW_MS = 60_000;
/** Callers whose requests are counted at once. */
const COUNTED_MAX = 10_000;

/** Of a URL in the log; what is longer is cut. */
const URL_LENGTH_MAX = 2048;

/** How long a client may take to send its head, and its whole request; idle connections go after the last. */
export const SLOW_CLIENT_LIMITS = { headersMs: 10_000, requestMs: 120_000, idleMs: 30_000 } as const;

declare module 'fastify' {
  interface FastifyRequest {
    caller?: Caller;
  }
}

/** Throws API_UNPROTECTED when everybody on the network could read and change everything. */
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
    const { addresses } = request.routeOptions.config;
    const isAudited = (right !== 'matrix' && right !== 'read') || addresses !== undefined;
    if (callers.required && isAudited) audit(log, caller, right, request);
  });
  registerHiding(app);
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

/** A route that does not exist reveals no traffic; a route that states no right is closed to all but an administrator. */
function rightOf({ is404, routeOptions, query }: FastifyRequest): Right {
  if (is404) return 'nothing';
  const { right = 'admin', explains } = routeOptions.config;
  const parameters = query as Readonly<Record<string, unknown>>;
  // They are not checked yet: whatever is not plainly no counts as a wish.
  if (explains && (parameters['explain'] ?? 'false') !== 'false') return 'admin';
  return typeof right === 'function' ? right(parameters) : right;
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
      `a page of another site, ${origin}, may not change anything in this Hairpin`,
    );
  if (!tokensRequired && !LOOPBACK.test(host.replace(/:\d+$/, '')))
    throw new HttpProblem(
      403,
      'other-site',
      `without --tokens the API answers to localhost and 127.0.0.1 only, not to "${host}"; a proxy in front sends one of them as Host`,
    );
}

/** Requests that read addresses or documents, send a document or change what is stored. Bodies are not logged: some hold an address. */
function audit(log: Log, { name, role }: Caller, right: Right, { method, url, ip }: FastifyRequest): void {
  const shown = url.length > URL_LENGTH_MAX ? `${url.slice(0, URL_LENGTH_MAX)}...` : url;
  log.info({ caller: name, role, right, from: ip, method, url: shown }, 'audited request');
}

function keyOf(request: FastifyRequest): string {
  return request.caller && request.caller.name !== 'loopback' ? `token ${request.caller.name}` : request.ip;
}

function refuseUnknown(reply: FastifyReply): FastifyReply {
  const detail = 'send a token that is valid: Authorization: Bearer TOKEN';
  return send(reply.header('www-authenticate', 'Bearer realm="hairpin"'), problem(401, 'unknown-caller', detail));
}

function refuseForbidden(reply: FastifyReply, { name, role }: Caller, right: string): FastifyReply {
  const detail = `the token "${name}" has the role ${role}; this request needs the right "${right}"`;
  return send(reply, problem(403, 'forbidden', detail));
}

function send(reply: FastifyReply, document: ProblemDocument): FastifyReply {
  return reply.status(document.status).type(PROBLEM_TYPE).send(JSON.stringify(document));
}
