// The alert rules as a document over the API: read, replaced whole, and their versions. The evaluator (query-api/alerts) applies
// what is recorded with the next bucket that settles.

import type { FastifyInstance } from 'fastify';
import type { Storage } from '../../storage/storage.ts';
import { bytesOf, readBodies } from '../http/body.ts';
import { ProblemDocument } from '../http/problem.ts';
import { DOCUMENT_ADDRESSES, type Routes } from '../http/routes.ts';
import { RulesAnswer, RulesGetParameters, RulesPutAnswer, RulesPutParameters } from './alert-rules-schemas.ts';
import { type RulesWriter, RuleVersions } from './alert-rules-versions.ts';
import type { DocumentChecks } from './checking.ts';
import { sendWithBodies } from './with-bodies.ts';

/** RULES_MAX rules have some 250 KiB. */
const RULES_BYTES_MAX = 2 * 1024 * 1024;

export interface AlertRulesDependencies {
  readonly storage: Storage;
  readonly nowMs: () => number;
  readonly checks: DocumentChecks;
  /** Without it rules are read only. */
  readonly writer: RulesWriter | undefined;
}

interface Context extends AlertRulesDependencies {
  readonly versions: RuleVersions;
}

const tags = ['alerts'];
const problems = { 400: ProblemDocument, 503: ProblemDocument };

export function registerAlertRules(app: FastifyInstance, dependencies: AlertRulesDependencies): void {
  const { storage, writer, nowMs } = dependencies;
  const context = { ...dependencies, versions: new RuleVersions(storage, writer, nowMs) };
  app.register(async scope => {
    readBodies(scope, RULES_BYTES_MAX);
    registerReadRules(scope, context);
    registerReplaceRules(scope, context);
  });
}

function registerReadRules(app: Routes, { versions, checks }: Context): void {
  const schema = {
    summary: 'The active alert rules, and their versions',
    tags,
    querystring: RulesGetParameters,
    response: { 200: RulesAnswer, ...problems },
  };
  const config = { right: 'read', addresses: DOCUMENT_ADDRESSES } as const;
  app.get('/api/v1/alerts/rules', { config, schema }, async (request, reply) => {
    const { version } = request.query as { readonly version?: string };
    const [found, all] = await Promise.all([versions.read(version), versions.list()]);
    const about = { version: found.version, versions: all };
    return sendWithBodies(request, reply, checks, about, { document: found.body || '{"rules":[]}' });
  });
}

function registerReplaceRules(app: Routes, { versions, checks }: Context): void {
  const schema = {
    summary: 'The alert rules, replaced whole (JSON or YAML)',
    tags,
    querystring: RulesPutParameters,
    response: {
      ...{ 200: RulesPutAnswer, 201: RulesPutAnswer, ...problems },
      ...{ 409: ProblemDocument, 413: ProblemDocument, 415: ProblemDocument, 422: ProblemDocument },
    },
  };
  app.put<{ Body: Buffer<ArrayBuffer>; Querystring: { readonly replaces?: string } }>(
    '/api/v1/alerts/rules',
    { config: { right: 'inventory' }, schema },
    async (request, reply) => {
      const checked = await checks.run('alertRules', bytesOf(request));
      const answer = await versions.record(checked, request.query.replaces);
      return reply.status(answer.outcome === 'recorded' ? 201 : 200).send(answer);
    },
  );
}
