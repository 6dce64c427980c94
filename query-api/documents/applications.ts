// The applications document over the API: read, checked, previewed, recorded as a version, and extended by what the
// traffic shows. Enrichers apply a recorded version when they read it. A document is accepted whole or refused whole.

import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { ApplicationsPreview } from '../../schemas/applications-preview.ts';
import type { Storage } from '../../storage/storage.ts';
import { bytesOf, readBodies } from '../http/body.ts';
import { HttpProblem, refuse } from '../http/problem.ts';
import { DOCUMENT_ADDRESSES, type Routes } from '../http/routes.ts';
import {
  nodesStatement,
  SUGGESTION_COLUMNS,
  type SuggestionRow,
  servicesStatement,
  suggestNodes,
  suggestServices,
} from '../questions/suggestions.ts';
import { NO_CONDITION } from '../sql/filter.ts';
import { queryTables, type Statement, type Context as TablesContext } from '../sql/tables.ts';
import { nodeResolver } from '../sql/values.ts';
import { parseRequestedWindow, type RequestedWindow } from '../sql/window.ts';
import {
  type ApplicationsDependencies,
  type ApplicationsContext as Context,
  jsonIn,
  preview,
  problems,
  tags,
} from './applications-context.ts';
import {
  ApplicationsAnswer,
  adoptionChecker,
  GetParameters,
  PutAnswer,
  PutParameters,
  SuggestionsAnswer,
  SuggestionsParameters,
  WindowParameters,
} from './applications-schemas.ts';
import { ApplicationsVersions, type RecordedApplications } from './applications-versions.ts';
import { registerDiscover } from './discover.ts';
import { sendWithBodies } from './with-bodies.ts';

/** A document with a million prefixes has 20 MiB. */
export const APPLICATIONS_BYTES_MAX = 64 * 1024 * 1024;

export function registerApplications(app: FastifyInstance, dependencies: ApplicationsDependencies): void {
  const { storage, documents, nowMs } = dependencies;
  const context = { ...dependencies, versions: new ApplicationsVersions(storage, documents, nowMs) };
  app.register(async scope => {
    readBodies(scope, APPLICATIONS_BYTES_MAX);
    registerRead(scope, context);
    registerReplace(scope, context);
    registerPreview(scope, context);
    registerSuggestions(scope, context);
    registerAdopt(scope, context);
    registerDiscover(scope, context);
  });
}

function registerRead(app: Routes, { versions, checks }: Context): void {
  const schema = {
    summary: 'The active applications document, and its versions',
    tags,
    querystring: GetParameters,
    response: { 200: ApplicationsAnswer, ...problems },
  };
  app.get(
    '/api/v1/applications',
    { config: { right: 'read', addresses: DOCUMENT_ADDRESSES }, schema },
    async (request, reply) => {
      const { version } = request.query as GetParameters;
      const [found, all] = await Promise.all([versions.read(version), versions.list()]);
      const { body, warnings } = await checks.run('recordedApplications', found.body);
      const about = { version: found.version, source: found.source, warnings, versions: all };
      return sendWithBodies(request, reply, checks, about, { document: body });
    },
  );
}

function registerReplace(app: Routes, context: Context): void {
  const schema = {
    summary: 'Replace the active applications document, or report what it would change',
    tags,
    querystring: PutParameters,
    response: { 200: Type.Union([PutAnswer, ApplicationsPreview]), ...problems },
  };
  app.put('/api/v1/applications', { config: { right: 'inventory' }, schema }, async request => {
    const params = request.query as PutParameters;
    const checked = await context.checks.run('applications', bytesOf(request));
    if (params.preview) return preview(context, checked, parseRequestedWindow(params.from, params.to, context.nowMs()));
    return context.versions.record(() => checked, params.replaces);
  });
}

function registerPreview(app: Routes, context: Context): void {
  const schema = {
    summary: 'What a document would change: bytes that move from node to node',
    tags,
    querystring: WindowParameters,
    response: { 200: ApplicationsPreview, ...problems },
  };
  app.post('/api/v1/applications/preview', { config: { right: 'inventory' }, schema }, async request => {
    const { from, to } = request.query as WindowParameters;
    const requested = parseRequestedWindow(from, to, context.nowMs());
    return preview(context, await context.checks.run('applications', bytesOf(request)), requested);
  });
}

function registerSuggestions(app: Routes, context: Context): void {
  const schema = {
    summary: 'The largest automatic nodes and services as rules ready to use',
    tags,
    querystring: SuggestionsParameters,
    response: { 200: SuggestionsAnswer, ...problems },
  };
  app.get(
    '/api/v1/applications/suggestions',
    { config: { right: 'read', addresses: DOCUMENT_ADDRESSES }, schema },
    async request => {
      const { from, to, limit } = request.query as SuggestionsParameters;
      const requested = parseRequestedWindow(from, to, context.nowMs());
      const nodes = await readSuggestions(context, requested, tables => nodesStatement(tables, limit));
      const services = await readSuggestions(context, requested, tables => servicesStatement(tables, limit));
      const { body } = await context.versions.read();
      const { internal } = await context.checks.run('recordedApplications', body);
      return {
        from: new Date(requested.fromMs).toISOString(),
        to: new Date(requested.toMs).toISOString(),
        nodes: await suggestNodes(context.storage, nodes),
        services: suggestServices(services, internal),
      };
    },
  );
}

function registerAdopt(app: Routes, context: Context): void {
  const schema = {
    summary: 'Turn an automatic node into an application, the last of the document',
    description: 'Body: `{"node": "auto:lab"}`, with `id`, `name` and `ports` in place of the suggested ones',
    tags,
    querystring: PutParameters,
    response: { 200: Type.Union([PutAnswer, ApplicationsPreview]), ...problems },
  };
  app.post('/api/v1/applications/adopt', { config: { right: 'inventory' }, schema }, async request => {
    const params = request.query as PutParameters;
    const requested = parseRequestedWindow(params.from, params.to, context.nowMs());
    const wanted = jsonIn(request, adoptionChecker, 'the adoption');
    const key = await keyOf(context.storage, wanted.node);
    const [row] = await readSuggestions(context, requested, tables => nodesStatement(tables, 1, key));
    const [suggestion] = row ? await suggestNodes(context.storage, [row]) : [];
    const rule = suggestion?.rule;
    if (!rule)
      throw new HttpProblem(
        422,
        'no-rule',
        suggestion?.about ?? `no automatic node ${wanted.node} has traffic between ${params.from} and ${params.to}`,
      );
    const extend = ({ body: active }: RecordedApplications) => context.checks.run('adoption', { active, rule, wanted });
    if (params.preview) return preview(context, await extend(await context.versions.read()), requested);
    return context.versions.record(async () => extend(await context.versions.read()), params.replaces);
  });
}

async function readSuggestions(
  { storage, nowMs }: Context,
  requested: RequestedWindow,
  statement: (tables: TablesContext) => Statement,
): Promise<SuggestionRow[]> {
  const query = {
    requested,
    metric: 'bytes',
    layer: 'l3',
    columns: [...SUGGESTION_COLUMNS],
    condition: NO_CONDITION,
  } as const;
  return (await queryTables<SuggestionRow>(storage, query, nowMs(), statement)).rows;
}

async function keyOf(storage: Storage, node: string): Promise<bigint> {
  if (/^[0-9a-f]{16}$/.test(node)) return BigInt(`0x${node}`);
  const found = await nodeResolver(storage, 'node')([node]);
  const keys = (found.get(node) ?? []).filter(key => key >> 60n === 3n);
  if (keys.length !== 1)
    refuse(
      'node',
      `"${node}" is the name of ${keys.length} automatic nodes; give the key of one, from /api/v1/applications/suggestions`,
    );
  return keys[0]!;
}
