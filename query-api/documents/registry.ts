// The exporter registry over the API: read, replaced whole, and filled with roles that cabling and MACs suggest, once a
// person confirms them.

import { type Static, Type } from 'typebox';
import { type ExporterRegistry, exporterRegistryChecker } from '../../schemas/exporters.ts';
import type { Storage } from '../../storage/storage.ts';
import { closed } from '../answers/answers.ts';
import { ProblemDocument } from '../http/problem.ts';
import { DOCUMENT_ADDRESSES, type Routes } from '../http/routes.ts';
import { parseTime } from '../sql/window.ts';
import { switchesOf } from './entities.ts';
import { newestDocument } from './recorded.ts';
import { type Suggestions, suggestRoles } from './roles.ts';
import { seenPorts } from './seen-ports.ts';
import type { DocumentDependencies, DocumentWriter, SerialWriter } from './writer.ts';

const SINCE_MAX_MS = 24 * 3_600_000;

const tags = ['documents'];
const Warnings = Type.Array(Type.Object({ path: Type.String(), message: Type.String() }, closed));
/** As it is recorded: the schema of a document has defaults that must not fill an answer. */
const Registry = Type.Unsafe<ExporterRegistry>({
  type: 'object',
  additionalProperties: true,
  description: 'exporter registry',
});

const RegistryAnswer = Type.Object(
  {
    recordedAt: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'null when there is none' }),
    source: Type.String({ description: '`api`, or the file it came from' }),
    registry: Registry,
  },
  closed,
);
const PutAnswer = Type.Object(
  {
    outcome: Type.Enum(['recorded', 'known'], { description: 'known: the active registry is the same' }),
    exporters: Type.Integer(),
    ports: Type.Integer(),
    warnings: Warnings,
  },
  closed,
);
type PutAnswer = Static<typeof PutAnswer>;

const SuggestionParameters = Type.Object(
  {
    since: Type.String({
      default: 'now-15m',
      maxLength: 64,
      description: 'start of the records examined: RFC 3339 or `now-15m`, at most a day',
    }),
    exporter: Type.Optional(
      Type.String({ maxLength: 4000, description: 'addresses joined by commas; left out: every one' }),
    ),
  },
  closed,
);
type SuggestionParameters = Static<typeof SuggestionParameters>;
const SuggestionAnswer = Type.Object(
  {
    document: Registry,
    evidence: Type.Array(
      Type.Object(
        {
          exporter: Type.String(),
          ifIndex: Type.Integer(),
          role: Type.String(),
          by: Type.Enum(['cabling', 'macs']),
          detail: Type.String(),
          stated: Type.Optional(Type.String({ description: 'what the registry states instead; it stays' })),
        },
        closed,
      ),
    ),
  },
  closed,
);

export function registerRegistry(app: Routes, dependencies: DocumentDependencies, writer: SerialWriter): void {
  registerRead(app, dependencies);
  registerReplace(app, dependencies, writer);
  registerSuggestions(app, dependencies);
  registerConfirm(app, dependencies, writer);
}

function registerRead(app: Routes, { storage }: DocumentDependencies): void {
  const schema = { summary: 'The exporter registry', tags, response: { 200: RegistryAnswer, 503: ProblemDocument } };
  app.get(
    '/api/v1/exporters/registry',
    { config: { right: 'read', addresses: DOCUMENT_ADDRESSES }, schema },
    async () => {
      const newest = await newestDocument(storage, 'exporters');
      return {
        recordedAt: newest ? new Date(newest.recordedAtMs).toISOString() : null,
        source: newest?.source ?? 'none',
        registry: await activeRegistry(storage),
      };
    },
  );
}

function registerReplace(app: Routes, dependencies: DocumentDependencies, writer: SerialWriter): void {
  const schema = {
    summary: 'The exporter registry, replaced whole (JSON or YAML)',
    tags,
    response: { 200: PutAnswer, 201: PutAnswer, 415: ProblemDocument, 422: ProblemDocument, 503: ProblemDocument },
  };
  app.put<{ Body: Buffer<ArrayBuffer> }>(
    '/api/v1/exporters/registry',
    { config: { right: 'inventory' }, schema },
    async (request, reply) => {
      const registry = exporterRegistryChecker.parse('the exporter registry', request.body.toString('utf8'));
      const answer = await writer.write(documents => record(dependencies, documents, registry));
      return reply.status(answer.outcome === 'recorded' ? 201 : 200).send(answer);
    },
  );
}

function registerSuggestions(app: Routes, dependencies: DocumentDependencies): void {
  const schema = {
    summary: 'Roles of ports, suggested by cabling and by the MACs seen as source',
    tags,
    querystring: SuggestionParameters,
    response: { 200: SuggestionAnswer, 400: ProblemDocument, 503: ProblemDocument },
  };
  app.get<{ Querystring: SuggestionParameters }>(
    '/api/v1/exporters/suggestions',
    { config: { right: 'read', addresses: DOCUMENT_ADDRESSES }, schema },
    ({ query }) => suggest(dependencies, query),
  );
}

function registerConfirm(app: Routes, dependencies: DocumentDependencies, writer: SerialWriter): void {
  const schema = {
    summary: 'Add the suggestions to the registry',
    tags,
    querystring: SuggestionParameters,
    response: { 200: PutAnswer, 201: PutAnswer, 400: ProblemDocument, 503: ProblemDocument },
  };
  app.post<{ Querystring: SuggestionParameters }>(
    '/api/v1/exporters/suggestions/confirm',
    { config: { right: 'inventory' }, schema },
    async ({ query }, reply) => {
      const answer = await writer.write(async documents => {
        const { document } = await suggest(dependencies, query);
        return record(dependencies, documents, exporterRegistryChecker.check('the suggested registry', document));
      });
      return reply.status(answer.outcome === 'recorded' ? 201 : 200).send(answer);
    },
  );
}

async function record(
  { storage, nowMs }: DocumentDependencies,
  writer: DocumentWriter,
  registry: ExporterRegistry,
): Promise<PutAnswer> {
  const [newest, warnings] = await Promise.all([
    newestDocument(storage, 'exporters'),
    unknownSwitches(storage, registry, nowMs()),
  ]);
  const body = JSON.stringify(registry);
  const outcome = newest?.body === body ? 'known' : 'recorded';
  if (outcome === 'recorded')
    await writer.insert({ kind: 'exporters', recordedAtMs: nowMs(), asOfMs: 0, source: 'api', body });
  const ports = registry.exporters.reduce((sum, exporter) => sum + exporter.ports.length, 0);
  return { outcome, exporters: registry.exporters.length, ports, warnings };
}

async function suggest(
  { storage, nowMs }: DocumentDependencies,
  { since, exporter }: SuggestionParameters,
): Promise<Suggestions> {
  const now = nowMs();
  const sinceMs = Math.max(parseTime('since', since, now), now - SINCE_MAX_MS);
  const [registry, switches, seen] = await Promise.all([
    activeRegistry(storage),
    switchesOf(storage, now),
    seenPorts(storage, sinceMs),
  ]);
  const only = exporter === undefined ? undefined : new Set(exporter.split(',').map(text => text.trim()));
  return suggestRoles(registry, switches, only ? seen.filter(port => only.has(port.exporter)) : seen);
}

async function activeRegistry(storage: Storage): Promise<ExporterRegistry> {
  const newest = await newestDocument(storage, 'exporters');
  return newest ? exporterRegistryChecker.parse('the recorded registry', newest.body) : { exporters: [] };
}

/** The registry may come before the inventory, so this is no fault. */
async function unknownSwitches(
  storage: Storage,
  registry: ExporterRegistry,
  nowMs: number,
): Promise<Static<typeof Warnings>> {
  if (registry.exporters.every(exporter => exporter.switch === undefined)) return [];
  const known = new Set((await switchesOf(storage, nowMs)).map(({ id }) => id));
  return registry.exporters.flatMap(({ switch: id }, i) =>
    id === undefined || known.has(id)
      ? []
      : [
          {
            path: `/exporters/${i}/switch`,
            message: `"${id}" is no switch of the inventory; no port of it is metered`,
          },
        ],
  );
}
