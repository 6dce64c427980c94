// The applications document over the API: read, checked, previewed, recorded as a version, and extended by what the
// traffic shows. Enrichers apply a recorded version when they read it. A document is accepted whole or refused whole.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type Applications, applicationsChecker } from '../../schemas/applications.ts';
import { ApplicationsPreview, type PreviewRequest } from '../../schemas/applications-preview.ts';
import { applicationsWarnings } from '../../schemas/applications-warnings.ts';
import type { Storage } from '../../storage/storage.ts';
import type { QueryApiConfiguration } from '../configuration.ts';
import { readBodies } from '../http/body.ts';
import { HttpProblem, ProblemDocument, refuse } from '../http/problem.ts';
import { DOCUMENT_ADDRESSES, type Routes } from '../http/routes.ts';
import {
  nodesStatement,
  SUGGESTION_COLUMNS,
  type Suggestion,
  type SuggestionRow,
  servicesStatement,
  suggestNodes,
  suggestServices,
} from '../questions/suggestions.ts';
import { compileFilter, parseFilter } from '../sql/filter.ts';
import { queryTables, type Statement, type Context as TablesContext } from '../sql/tables.ts';
import { nodeResolver } from '../sql/values.ts';
import { parseRequestedWindow, type RequestedWindow } from '../sql/window.ts';
import {
  type Adoption,
  ApplicationsAnswer,
  adoptionChecker,
  GetParameters,
  PutAnswer,
  PutParameters,
  SuggestionsAnswer,
  SuggestionsParameters,
  WindowParameters,
} from './applications-schemas.ts';
import { ApplicationsVersions, type ApplicationsWriter } from './applications-versions.ts';

/** A document with a million prefixes has 20 MiB. */
export const APPLICATIONS_BYTES_MAX = 64 * 1024 * 1024;
const PREVIEW_MS_MAX = 7 * 86_400_000;

export interface ApplicationsDependencies {
  readonly storage: Storage;
  readonly config: QueryApiConfiguration;
  readonly nowMs: () => number;
  readonly documents: ApplicationsWriter | undefined;
  /** Makes previews; rejects with a message for people. */
  readonly previews: { request(question: PreviewRequest): Promise<ApplicationsPreview> } | undefined;
}

/** What the routes share. */
interface Context extends ApplicationsDependencies {
  readonly versions: ApplicationsVersions;
}

const tags = ['documents'];
const problems = {
  400: ProblemDocument,
  409: ProblemDocument,
  413: ProblemDocument,
  415: ProblemDocument,
  422: ProblemDocument,
  503: ProblemDocument,
};

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
  });
}

function registerRead(app: Routes, { versions }: Context): void {
  const schema = {
    summary: 'The active applications document, and its versions',
    tags,
    querystring: GetParameters,
    response: { 200: ApplicationsAnswer, ...problems },
  };
  app.get(
    '/api/v1/applications',
    { config: { right: 'read', addresses: DOCUMENT_ADDRESSES }, schema },
    async request => {
      const { version } = request.query as GetParameters;
      const [found, all] = await Promise.all([versions.read(version), versions.list()]);
      return { ...found, warnings: applicationsWarnings(found.document), versions: all };
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
    const document = documentIn(request);
    if (params.preview)
      return preview(context, document, parseRequestedWindow(params.from, params.to, context.nowMs()));
    return context.versions.record(() => document, params.replaces);
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
    return preview(context, documentIn(request), parseRequestedWindow(from, to, context.nowMs()));
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
      const { document } = await context.versions.read();
      return {
        from: new Date(requested.fromMs).toISOString(),
        to: new Date(requested.toMs).toISOString(),
        nodes: await suggestNodes(context.storage, nodes),
        services: suggestServices(services, document.internal),
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
    const wanted = adoptionIn(request);
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
    const extend = (active: Applications) => withRule(active, rule, wanted);
    if (params.preview) return preview(context, extend((await context.versions.read()).document), requested);
    return context.versions.record(extend, params.replaces);
  });
}

async function preview({ previews }: Context, proposed: Applications, { fromMs, toMs }: RequestedWindow) {
  if (!previews) throw new HttpProblem(503, 'no-preview', 'this API makes no previews');
  if (toMs - fromMs > PREVIEW_MS_MAX) refuse('from', 'a preview covers no more than 7 days');
  return previews.request({ proposed, fromMs, toMs }).catch((error: unknown) => {
    throw new HttpProblem(503, 'no-preview', error instanceof Error ? error.message : String(error));
  });
}

async function readSuggestions(
  { storage, nowMs }: Context,
  requested: RequestedWindow,
  statement: (tables: TablesContext) => Statement,
): Promise<SuggestionRow[]> {
  const condition = await compileFilter('filter', parseFilter('filter', ''), nodeResolver(storage, 'filter'));
  const query = { requested, metric: 'bytes', layer: 'l3', columns: [...SUGGESTION_COLUMNS], condition } as const;
  return (await queryTables<SuggestionRow>(storage, query, nowMs(), statement)).rows;
}

function documentIn(request: FastifyRequest): Applications {
  return applicationsChecker.parse('the applications document', textIn(request));
}

function textIn({ body }: FastifyRequest): string {
  return body instanceof Uint8Array ? new TextDecoder().decode(body) : '';
}

/** A page of another site may send forms and plain texts to a server on this machine, but no JSON. */
function adoptionIn(request: FastifyRequest): Adoption {
  if (!String(request.headers['content-type']).startsWith('application/json'))
    throw new HttpProblem(415, 'not-json', 'the body must be JSON; send it with content-type: application/json');
  return adoptionChecker.parse('the adoption', textIn(request));
}

/** Behind every other: nothing that has an application changes. */
function withRule(present: Applications, rule: NonNullable<Suggestion['rule']>, wanted: Adoption): Applications {
  const { id = rule.id, name = rule.name, ports = rule.ports } = wanted;
  return applicationsChecker.check('the applications document', {
    ...present,
    applications: [...present.applications, { ...rule, id, ports, ...(name !== undefined && { name }) }],
  });
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
