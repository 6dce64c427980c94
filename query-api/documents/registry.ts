// The exporter registry over the API: read, replaced whole, and filled with roles that cabling and MACs suggest, once a
// person confirms them.

import { type Static, Type } from 'typebox';
import type { ExporterRegistry } from '../../schemas/exporters.ts';
import type { Storage } from '../../storage/storage.ts';
import { closed } from '../answers/answers.ts';
import { ProblemDocument } from '../http/problem.ts';
import { DOCUMENT_ADDRESSES, type Routes } from '../http/routes.ts';
import { parseTime } from '../sql/window.ts';
import type { CheckedRegistry, SuggestedRegistry } from './check.ts';
import { switchesOf, switchIds } from './entities.ts';
import { newestDigest, newestDocument } from './recorded.ts';
import { seenPorts } from './seen-ports.ts';
import { sendWithBodies } from './with-bodies.ts';
import type { DocumentDependencies, DocumentWriter, SerialWriter } from './writer.ts';

const SINCE_MAX_MS = 24 * 3_600_000;
const WARNINGS_MAX = 1000;

const tags = ['documents'];
const Warnings = Type.Array(Type.Object({ path: Type.String(), message: Type.String() }, closed), {
  description: `at most ${WARNINGS_MAX}`,
});
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

function registerRead(app: Routes, { storage, checks }: DocumentDependencies): void {
  const schema = { summary: 'The exporter registry', tags, response: { 200: RegistryAnswer, 503: ProblemDocument } };
  app.get(
    '/api/v1/exporters/registry',
    { config: { right: 'read', addresses: DOCUMENT_ADDRESSES }, schema },
    async (request, reply) => {
      const newest = await newestDocument(storage, 'exporters');
      const recordedAt = newest ? new Date(newest.recordedAtMs).toISOString() : null;
      const about = { recordedAt, source: newest?.source ?? 'none' };
      return sendWithBodies(request, reply, checks, about, { registry: newest?.body ?? '{"exporters":[]}' });
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
      const registry = await dependencies.checks.run('registry', request.body);
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
    async (request, reply) => {
      const { body, evidence } = await suggest(dependencies, request.query);
      return sendWithBodies(request, reply, dependencies.checks, { evidence }, { document: body });
    },
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
      const answer = await writer.write(async documents =>
        record(dependencies, documents, await suggest(dependencies, query)),
      );
      return reply.status(answer.outcome === 'recorded' ? 201 : 200).send(answer);
    },
  );
}

async function record(
  { storage, nowMs }: DocumentDependencies,
  writer: DocumentWriter,
  { body, digest, exporters, ports, switches }: CheckedRegistry,
): Promise<PutAnswer> {
  const newest = await newestDigest(storage, 'exporters');
  const warnings = await unknownSwitches(storage, switches, nowMs());
  const outcome = newest?.digest === digest ? 'known' : 'recorded';
  if (outcome === 'recorded')
    await writer.insert({ kind: 'exporters', recordedAtMs: nowMs(), asOfMs: 0, source: 'api', body });
  return { outcome, exporters, ports, warnings };
}

async function suggest(
  { storage, nowMs, checks }: DocumentDependencies,
  { since, exporter }: SuggestionParameters,
): Promise<SuggestedRegistry> {
  const now = nowMs();
  const sinceMs = Math.max(parseTime('since', since, now), now - SINCE_MAX_MS);
  const [newest, switches, seen] = await Promise.all([
    newestDocument(storage, 'exporters'),
    switchesOf(storage, now),
    seenPorts(storage, sinceMs),
  ]);
  const only = exporter === undefined ? undefined : new Set(exporter.split(',').map(text => text.trim()));
  const chosen = only ? seen.filter(port => only.has(port.exporter)) : seen;
  return checks.run('roles', { registry: newest?.body ?? '', switches, seen: chosen });
}

/** The registry may come before the inventory, so this is no fault. */
async function unknownSwitches(
  storage: Storage,
  named: CheckedRegistry['switches'],
  nowMs: number,
): Promise<Static<typeof Warnings>> {
  if (named.length === 0) return [];
  const known = await switchIds(storage, nowMs);
  return named
    .filter(([, id]) => !known.has(id))
    .slice(0, WARNINGS_MAX)
    .map(([exporter, id]) => ({
      path: `/exporters/${exporter}/switch`,
      message: `"${id}" is no switch of the inventory; no port of it is metered`,
    }));
}
