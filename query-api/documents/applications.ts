// The applications document by API: read, checked, previewed, recorded as a version, and grown from what the traffic
// shows. What is recorded here comes into force where the enrichers read it. A document is taken whole or refused whole.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { type Applications, applicationsChecker } from '../../schemas/applications.ts';
import { ApplicationsPreview, DocumentWarning, type PreviewQuestion } from '../../schemas/applications-preview.ts';
import { applicationsWarnings } from '../../schemas/applications-warnings.ts';
import { documentChecker } from '../../schemas/documents.ts';
import type { Storage } from '../../storage/storage.ts';
import type { DocumentVersion } from '../../storage/tables/documents.ts';
import type { QueryApiConfiguration } from '../configuration.ts';
import { readBodies } from '../http/body.ts';
import { HttpProblem, ProblemDocument, refuse } from '../http/problem.ts';
import {
  nodesStatement,
  SUGGESTION_COLUMNS,
  type Suggestion,
  type SuggestionRow,
  servicesStatement,
  suggestNodes,
  suggestServices,
} from '../questions/suggestions.ts';
import type { Routes } from '../routes.ts';
import { compileFilter, parseFilter } from '../sql/filter.ts';
import { askTables, type Context, type Statement } from '../sql/tables.ts';
import { nodeResolver } from '../sql/values.ts';
import { type Asked, parseAsked } from '../sql/window.ts';

/** A document with a million prefixes has 20 MiB. */
export const APPLICATIONS_BYTES_MAX = 64 * 1024 * 1024;
const PREVIEW_MS_MAX = 7 * 86_400_000;
const VERSIONS_MAX = 100;
const SUGGESTIONS_MAX = 100;

export interface ApplicationsDependencies {
  readonly storage: Storage;
  readonly config: QueryApiConfiguration;
  readonly nowMs: () => number;
  readonly documents: { insert(version: DocumentVersion): Promise<void> } | undefined;
  /** Makes previews; rejects with a message for people. */
  readonly previews: { ask(question: PreviewQuestion): Promise<ApplicationsPreview> } | undefined;
}

const closed = { additionalProperties: false } as const;
const Version = Type.Object(
  {
    version: Type.String({ format: 'date-time', description: 'when it was recorded' }),
    source: Type.String({ description: '`api`, or the file it came from' }),
    applications: Type.Integer(),
    bytes: Type.Integer(),
  },
  closed,
);
const window = {
  from: Type.String({ default: 'now-1h', maxLength: 64, description: 'start of the traffic looked at' }),
  to: Type.String({ default: 'now', maxLength: 64, description: 'end, excluded' }),
};
const replaces = Type.Optional(
  Type.String({ maxLength: 64, description: 'the version that must be in force, or nothing is recorded' }),
);
const GetParameters = Type.Object(
  { version: Type.Optional(Type.String({ maxLength: 64, description: 'an older version' })) },
  closed,
);
const PutParameters = Type.Object(
  {
    preview: Type.Boolean({ default: false, description: 'tell what would change; record nothing' }),
    replaces,
    ...window,
  },
  closed,
);
const WindowParameters = Type.Object(window, closed);
const SuggestionsParameters = Type.Object(
  { ...window, limit: Type.Integer({ default: 20, minimum: 1, maximum: SUGGESTIONS_MAX }) },
  closed,
);
const ApplicationsAnswer = Type.Object(
  {
    version: Type.Union([Type.String(), Type.Null()], { description: 'null: none was ever recorded' }),
    source: Type.Union([Type.String(), Type.Null()]),
    document: Type.Unknown({ description: 'the document, whole' }),
    warnings: Type.Array(DocumentWarning),
    versions: Type.Array(Version, { description: 'the newest first' }),
  },
  closed,
);
const PutAnswer = Type.Object(
  {
    outcome: Type.Enum(['recorded', 'unchanged']),
    version: Type.String({ format: 'date-time' }),
    applications: Type.Integer(),
    warnings: Type.Array(DocumentWarning),
  },
  closed,
);
const Rule = Type.Unknown({ description: 'an application, as it stands in the document; null where no selector fits' });
const SuggestionAnswer = Type.Object(
  {
    node: Type.Object({ key: Type.String(), name: Type.String() }, closed),
    bytes: Type.Number(),
    share: Type.Number({ description: 'share of the bytes of the window that have it at an end' }),
    rule: Rule,
    about: Type.String(),
  },
  closed,
);
const SuggestionsAnswer = Type.Object(
  {
    from: Type.String(),
    to: Type.String(),
    nodes: Type.Array(SuggestionAnswer, { description: 'automatic nodes, the largest first' }),
    services: Type.Array(SuggestionAnswer, { description: 'services of automatic nodes, the largest first' }),
  },
  closed,
);

const Adoption = Type.Object(
  {
    /** Key or name of an automatic node. */
    node: Type.String({ minLength: 1, maxLength: 300 }),
    id: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
    name: Type.Optional(Type.String({ maxLength: 255 })),
    ports: Type.Optional(Type.Array(Type.String())),
  },
  closed,
);
type Adoption = Static<typeof Adoption>;
const adoptionChecker = documentChecker(Adoption);

interface Recorded {
  readonly document: Applications;
  readonly version: string | null;
  readonly source: string | null;
}

const problems = {
  400: ProblemDocument,
  409: ProblemDocument,
  413: ProblemDocument,
  415: ProblemDocument,
  422: ProblemDocument,
  503: ProblemDocument,
};

export function registerApplications(app: FastifyInstance, dependencies: ApplicationsDependencies): void {
  app.register(async scope => {
    readBodies(scope, APPLICATIONS_BYTES_MAX);
    registerRoutes(scope, dependencies);
  });
}

function registerRoutes(app: Routes, { storage, nowMs, documents, previews }: ApplicationsDependencies): void {
  // What is decided by the version in force and then recorded: one after the other.
  let last: Promise<unknown> = Promise.resolve();
  const oneByOne = <T>(work: () => Promise<T>): Promise<T> => {
    const outcome = last.then(work);
    last = outcome.catch(() => {});
    return outcome;
  };

  const preview = (proposed: Applications, asked: Asked) => {
    if (!previews) throw new HttpProblem(503, 'no-preview', 'There are no previews here', 'this API makes none');
    if (asked.toMs - asked.fromMs > PREVIEW_MS_MAX) refuse('from', 'a preview looks at no more than 7 days');
    return previews.ask({ proposed, fromMs: asked.fromMs, toMs: asked.toMs }).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      throw new HttpProblem(503, 'no-preview', 'The preview could not be made', reason);
    });
  };

  const record = async (document: Applications, present: Recorded, wanted: string | undefined) => {
    if (!documents)
      throw new HttpProblem(
        503,
        'read-only',
        'This API only reads',
        'send documents to the API of the process that stores them',
      );
    if (wanted !== undefined && wanted !== present.version)
      throw new HttpProblem(
        409,
        'version-replaced',
        'Another version is in force',
        `${present.version ?? 'none'} is in force, not ${wanted}; read it and try again`,
      );
    const body = JSON.stringify(document);
    const answer = { applications: document.applications.length, warnings: applicationsWarnings(document) };
    if (present.version !== null && body === JSON.stringify(present.document))
      return { outcome: 'unchanged' as const, version: present.version, ...answer };
    // Versions are told apart by their time: never the same as, or before, the one that is replaced.
    const recordedAtMs = Math.max(nowMs(), present.version === null ? 0 : Date.parse(present.version) + 1);
    await documents.insert({ kind: 'applications', recordedAtMs, asOfMs: 0, source: 'api', body });
    return { outcome: 'recorded' as const, version: new Date(recordedAtMs).toISOString(), ...answer };
  };

  app.get(
    '/api/v1/applications',
    {
      config: { right: 'read' },
      schema: {
        summary: 'The applications document in force, and its versions',
        tags: ['documents'],
        querystring: GetParameters,
        response: { 200: ApplicationsAnswer, ...problems },
      },
    },
    async request => {
      const { version } = request.query as Static<typeof GetParameters>;
      const [found, versions] = await Promise.all([recorded(storage, version), versionsOf(storage)]);
      return { ...found, warnings: applicationsWarnings(found.document), versions };
    },
  );

  app.put(
    '/api/v1/applications',
    {
      config: { right: 'inventory' },
      schema: {
        summary: 'Put another document in force, or tell what it would change',
        tags: ['documents'],
        querystring: PutParameters,
        response: { 200: Type.Union([PutAnswer, ApplicationsPreview]), ...problems },
      },
    },
    async request => {
      const params = request.query as Static<typeof PutParameters>;
      const document = documentIn(request);
      if (params.preview) return preview(document, parseAsked(params.from, params.to, nowMs()));
      return oneByOne(async () => record(document, await recorded(storage), params.replaces));
    },
  );

  app.post(
    '/api/v1/applications/preview',
    {
      config: { right: 'inventory' },
      schema: {
        summary: 'What a document would change: bytes that go from node to node',
        tags: ['documents'],
        querystring: WindowParameters,
        response: { 200: ApplicationsPreview, ...problems },
      },
    },
    async request => {
      const params = request.query as Static<typeof WindowParameters>;
      return preview(documentIn(request), parseAsked(params.from, params.to, nowMs()));
    },
  );

  const askSuggestions = async (asked: Asked, statement: (context: Context) => Statement) => {
    const condition = await compileFilter('filter', parseFilter('filter', ''), nodeResolver(storage, 'filter'));
    const question = { asked, metric: 'bytes', columns: [...SUGGESTION_COLUMNS], condition } as const;
    return (await askTables<SuggestionRow>(storage, question, nowMs(), statement)).rows;
  };

  app.get(
    '/api/v1/applications/suggestions',
    {
      config: { right: 'read' },
      schema: {
        summary: 'The largest automatic nodes and services as ready-made rules',
        tags: ['documents'],
        querystring: SuggestionsParameters,
        response: { 200: SuggestionsAnswer, ...problems },
      },
    },
    async request => {
      const { from, to, limit } = request.query as Static<typeof SuggestionsParameters>;
      const asked = parseAsked(from, to, nowMs());
      const nodes = await askSuggestions(asked, context => nodesStatement(context, limit));
      const services = await askSuggestions(asked, context => servicesStatement(context, limit));
      const { document } = await recorded(storage);
      return {
        from: new Date(asked.fromMs).toISOString(),
        to: new Date(asked.toMs).toISOString(),
        nodes: await suggestNodes(storage, nodes),
        services: suggestServices(services, document.internal),
      };
    },
  );

  app.post(
    '/api/v1/applications/adopt',
    {
      config: { right: 'inventory' },
      schema: {
        summary: 'Turn an automatic node into an application, the last of the document',
        description: 'Body: `{"node": "auto:lab"}`, with `id`, `name` and `ports` in place of the suggested ones',
        tags: ['documents'],
        querystring: PutParameters,
        response: { 200: Type.Union([PutAnswer, ApplicationsPreview]), ...problems },
      },
    },
    async request => {
      const params = request.query as Static<typeof PutParameters>;
      const asked = parseAsked(params.from, params.to, nowMs());
      // A page of another site may send forms and plain texts to a server on this machine, but no JSON.
      if (!String(request.headers['content-type']).startsWith('application/json'))
        throw new HttpProblem(415, 'not-json', 'The body must be JSON', 'send it with content-type: application/json');
      const wanted = adoptionIn(request);
      const key = await keyOf(storage, wanted.node);
      const [row] = await askSuggestions(asked, context => nodesStatement(context, 1, key));
      const [suggestion] = row ? await suggestNodes(storage, [row]) : [];
      if (!suggestion?.rule)
        throw new HttpProblem(
          422,
          'no-rule',
          'No rule can be made of this node',
          suggestion?.about ?? `no automatic node ${wanted.node} has traffic between ${params.from} and ${params.to}`,
        );
      const grown = (present: Applications) => withRule(present, suggestion.rule!, wanted);
      if (params.preview) return preview(grown((await recorded(storage)).document), asked);
      return oneByOne(async () => {
        const present = await recorded(storage);
        return record(grown(present.document), present, params.replaces);
      });
    },
  );
}

function documentIn(request: FastifyRequest): Applications {
  return applicationsChecker.parse('the applications document', textIn(request));
}

function textIn({ body }: FastifyRequest): string {
  return body instanceof Uint8Array ? new TextDecoder().decode(body) : '';
}

function adoptionIn(request: FastifyRequest): Adoption {
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

/** The newest version, or the one named; where none was ever recorded, the empty document. */
async function recorded(storage: Storage, version?: string): Promise<Recorded> {
  const [row] = await storage.select<{ body: string; at: string; source: string }>(
    `SELECT body, source, toString(toUnixTimestamp64Milli(d.recordedAt)) AS at FROM documents AS d WHERE kind = 'applications'
    ${version === undefined ? '' : 'AND d.recordedAt = fromUnixTimestamp64Milli({at:Int64})'} ORDER BY d.recordedAt DESC LIMIT 1`,
    version === undefined ? {} : { at: Date.parse(version) || 0 },
  );
  if (row)
    return {
      document: applicationsChecker.check('the recorded document', JSON.parse(row.body)),
      version: new Date(Number(row.at)).toISOString(),
      source: row.source,
    };
  if (version !== undefined) refuse('version', `"${version}" is no version; GET /api/v1/applications lists them`);
  return { document: applicationsChecker.check('no document', {}), version: null, source: null };
}

async function versionsOf(storage: Storage): Promise<Static<typeof Version>[]> {
  const rows = await storage.select<{ at: string; source: string; applications: string; bytes: string }>(
    `SELECT toString(toUnixTimestamp64Milli(d.recordedAt)) AS at, source, toString(JSONLength(body, 'applications')) AS applications,
      toString(length(body)) AS bytes
    FROM documents AS d WHERE kind = 'applications' ORDER BY d.recordedAt DESC LIMIT ${VERSIONS_MAX}`,
  );
  return rows.map(({ at, source, applications, bytes }) => ({
    version: new Date(Number(at)).toISOString(),
    source,
    applications: Number(applications),
    bytes: Number(bytes),
  }));
}

async function keyOf(storage: Storage, node: string): Promise<bigint> {
  if (/^[0-9a-f]{16}$/.test(node)) return BigInt(`0x${node}`);
  const found = await nodeResolver(storage, 'node')([node]);
  const keys = (found.get(node) ?? []).filter(key => key >> 60n === 3n);
  if (keys.length !== 1)
    refuse(
      'node',
      `"${node}" is the name of ${keys.length} automatic nodes; give the key of one (suggestions tell it)`,
    );
  return keys[0]!;
}
