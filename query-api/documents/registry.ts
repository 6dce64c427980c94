// The exporter registry by API: read, replaced whole, and filled with roles that cabling and MACs suggest, once somebody
// confirms them.

import { type Static, Type } from 'typebox';
import { DIRECTIONS, IDENTITY, PROTOCOLS, RULE } from '../../schemas/codes.ts';
import { type ExporterRegistry, exporterRegistryChecker } from '../../schemas/exporters.ts';
import type { Storage } from '../../storage/storage.ts';
import { ProblemDocument } from '../http/problem.ts';
import type { Routes } from '../routes.ts';
import { addressText } from '../sql/values.ts';
import { parseTime } from '../sql/window.ts';
import { switchesOf } from './entities.ts';
import { newestDocument } from './recorded.ts';
import { type SeenPort, type Suggestions, suggestRoles } from './roles.ts';
import type { DocumentDependencies, DocumentWriter, Write } from './routes.ts';

const SEEN_PORTS_MAX = 100_000;
/** Hosts told apart behind one port; more make no difference. */
const HOSTS_MAX = 8;
const SINCE_MAX_MS = 24 * 3_600_000;

const closed = { additionalProperties: false } as const;
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
    outcome: Type.Enum(['recorded', 'known'], { description: 'known: the registry in force says the same' }),
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
      description: 'records looked at: RFC 3339 or `now-15m`, at most a day',
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

export function registerRegistry(app: Routes, { storage, nowMs }: DocumentDependencies, write: Write): void {
  app.get(
    '/api/v1/exporters/registry',
    {
      config: { right: 'read' },
      schema: {
        summary: 'The exporter registry',
        tags: ['documents'],
        response: { 200: RegistryAnswer, 503: ProblemDocument },
      },
    },
    async () => {
      const newest = await newestDocument(storage, 'exporters');
      return {
        recordedAt: newest ? new Date(newest.recordedAtMs).toISOString() : null,
        source: newest?.source ?? 'none',
        registry: await registryInForce(storage),
      };
    },
  );

  app.put<{ Body: Buffer<ArrayBuffer> }>(
    '/api/v1/exporters/registry',
    {
      config: { right: 'inventory' },
      schema: {
        summary: 'The exporter registry, replaced whole (JSON or YAML)',
        tags: ['documents'],
        response: { 200: PutAnswer, 201: PutAnswer, 415: ProblemDocument, 422: ProblemDocument, 503: ProblemDocument },
      },
    },
    async (request, reply) => {
      const registry = exporterRegistryChecker.parse('the exporter registry', request.body.toString('utf8'));
      const answer = await write(writer => record(writer, registry));
      return reply.status(answer.outcome === 'recorded' ? 201 : 200).send(answer);
    },
  );

  app.get<{ Querystring: SuggestionParameters }>(
    '/api/v1/exporters/suggestions',
    {
      config: { right: 'read' },
      schema: {
        summary: 'Roles of ports, suggested by cabling and by the MACs seen as source',
        tags: ['documents'],
        querystring: SuggestionParameters,
        response: { 200: SuggestionAnswer, 400: ProblemDocument, 503: ProblemDocument },
      },
    },
    ({ query }) => suggest(query),
  );

  app.post<{ Querystring: SuggestionParameters }>(
    '/api/v1/exporters/suggestions/confirm',
    {
      config: { right: 'inventory' },
      schema: {
        summary: 'The suggestions become part of the registry',
        tags: ['documents'],
        querystring: SuggestionParameters,
        response: { 200: PutAnswer, 201: PutAnswer, 400: ProblemDocument, 503: ProblemDocument },
      },
    },
    async ({ query }, reply) => {
      const answer = await write(async writer => {
        const { document } = await suggest(query);
        return record(writer, exporterRegistryChecker.check('the suggested registry', document));
      });
      return reply.status(answer.outcome === 'recorded' ? 201 : 200).send(answer);
    },
  );

  async function record(writer: DocumentWriter, registry: ExporterRegistry): Promise<PutAnswer> {
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

  async function suggest({ since, exporter }: SuggestionParameters): Promise<Suggestions> {
    const now = nowMs();
    const sinceMs = Math.max(parseTime('since', since, now), now - SINCE_MAX_MS);
    const [registry, switches, seen] = await Promise.all([
      registryInForce(storage),
      switchesOf(storage, now),
      seenPorts(storage, sinceMs),
    ]);
    const only = exporter === undefined ? undefined : new Set(exporter.split(',').map(text => text.trim()));
    return suggestRoles(registry, switches, only ? seen.filter(port => only.has(port.exporter)) : seen);
  }
}

async function registryInForce(storage: Storage): Promise<ExporterRegistry> {
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
            message: `"${id}" is no switch of the inventory; its ports are covered by nothing`,
          },
        ],
  );
}

const BY_MAC = [IDENTITY.mac, IDENTITY['port-mac'], IDENTITY['segment-mac'], IDENTITY['in-band']].join(', ');

interface SeenRow {
  readonly address: string;
  readonly code: number;
  readonly ifIndex: number;
  readonly macs: string;
  readonly hosts: readonly string[];
  readonly macShare: number;
  readonly externalShare: number;
  readonly directions: readonly number[];
}

/** By which ports records came in since then, and whose. */
async function seenPorts(storage: Storage, sinceMs: number): Promise<SeenPort[]> {
  const rows = await storage.select<SeenRow>(
    `SELECT toString(exporter) AS address, protocol AS code, inIf AS ifIndex, toString(uniqExactIf(srcMac, srcMac != 0)) AS macs,
      groupUniqArrayIf(${HOSTS_MAX})(toString(srcHost), srcHost != 0 AND srcIdentity IN (${BY_MAC})) AS hosts,
      sumIf(estBytes, srcHost != 0 AND srcIdentity IN (${BY_MAC})) / greatest(sum(estBytes), 1) AS macShare,
      sumIf(estBytes, srcRule = ${RULE.external}) / greatest(sum(estBytes), 1) AS externalShare,
      groupUniqArray(3)(direction) AS directions
    FROM flows WHERE receivedAt >= fromUnixTimestamp64Milli({since:Int64}) AND inIf != 0
    GROUP BY exporter, protocol, inIf ORDER BY address, code, ifIndex LIMIT ${SEEN_PORTS_MAX}`,
    { since: Math.floor(sinceMs) },
  );
  const names = await hostIds(storage, new Set(rows.flatMap(({ hosts }) => hosts)));
  return rows.map(({ address, code, macs, hosts, directions, ...row }) => ({
    ...row,
    exporter: addressText(address),
    protocol: PROTOCOLS[code] as SeenPort['protocol'],
    macs: Number(macs),
    hosts: hosts.map(key => names.get(key) ?? key),
    directions: directions.map(direction => DIRECTIONS[direction] ?? 'unknown'),
  }));
}

/** Ids of hosts in the inventory, by key. */
async function hostIds(storage: Storage, keys: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
  if (keys.size === 0) return new Map();
  const rows = await storage.select<{ id: string; identity: string }>(
    'SELECT toString(key) AS id, argMax(identity, firstSeen) AS identity FROM nodes WHERE key IN {keys:Array(UInt64)} GROUP BY key',
    { keys: [...keys].map(BigInt) },
  );
  // Source and id.
  return new Map(rows.map(({ id, identity }) => [id, identity.slice(identity.indexOf('/') + 1)]));
}
