// GET /api/v1/inventory: what the sources say holds at a time, kind by kind. Of each source that is its newest version
// that lists the kind in full, with what later ones that do not list it in full say besides. The server looks through
// the bodies; only what is asked for travels.

import { type Static, Type } from 'typebox';
import type { Storage } from '../../storage/storage.ts';
import { ProblemDocument } from '../http/problem.ts';
import { DOCUMENT_ADDRESSES, type Routes } from '../http/routes.ts';
import { parseTime } from '../sql/window.ts';
import { ENTITY_KINDS, type EntityKind } from './check.ts';
import { isReferable, type KnownIds, REFERABLE_KINDS, type ReferableKind } from './comparison.ts';
import { inventoryVersions, type RecordedVersion } from './recorded.ts';
import type { DocumentDependencies } from './writer.ts';

/** Versions of a source looked back for one that lists a kind in full. */
const LOOK_BACK_MAX = 50;
const ENTITIES_MAX = 1000;
const SWITCHES_MAX = 10_000;
/** Clocks of sources may be ahead by so much. */
export const AHEAD_MS_MAX = 300_000;

const closed = { additionalProperties: false } as const;

const InventoryParameters = Type.Object(
  {
    at: Type.String({ default: 'now', maxLength: 64, description: 'RFC 3339, `now`, `now-15m`' }),
    kind: Type.Optional(
      Type.Unsafe<EntityKind>({ type: 'string', enum: ENTITY_KINDS, description: 'list the entities of this kind' }),
    ),
    name: Type.String({ default: '*', maxLength: 255, description: 'glob over id and name, in any case' }),
    host: Type.Optional(Type.String({ maxLength: 255, description: 'VMs on this host, by id' })),
    limit: Type.Integer({ default: 100, minimum: 1, maximum: ENTITIES_MAX, description: 'entities listed' }),
  },
  closed,
);
type InventoryParameters = Static<typeof InventoryParameters>;

const InventoryAnswer = Type.Object(
  {
    at: Type.String({ format: 'date-time' }),
    counts: Type.Object(Object.fromEntries(ENTITY_KINDS.map(kind => [kind, Type.Integer()])), closed),
    sources: Type.Array(Type.Object({ source: Type.String(), asOf: Type.String(), recordedAt: Type.String() }, closed)),
    entities: Type.Optional(
      Type.Array(
        Type.Object(
          { source: Type.String(), entity: Type.Unknown() },
          { ...closed, description: 'as the source sent it' },
        ),
      ),
    ),
    more: Type.Optional(Type.Boolean({ description: 'there are more than the limit' })),
  },
  closed,
);

export function registerEntities(app: Routes, { storage, nowMs }: DocumentDependencies): void {
  app.get<{ Querystring: InventoryParameters }>(
    '/api/v1/inventory',
    {
      config: { right: 'read', addresses: DOCUMENT_ADDRESSES },
      schema: {
        summary: 'What the inventory says holds at a time',
        tags: ['documents'],
        querystring: InventoryParameters,
        response: { 200: InventoryAnswer, 400: ProblemDocument, 503: ProblemDocument },
      },
    },
    async ({ query }) => {
      const atMs = parseTime('at', query.at, nowMs());
      let versions = await inventoryVersions(storage, atMs, 1);
      if (versions.some(({ complete }) => complete.length < ENTITY_KINDS.length))
        versions = await inventoryVersions(storage, atMs, LOOK_BACK_MAX);
      const counts: Record<string, number> = {};
      for (const kind of ENTITY_KINDS) counts[kind] = await countOf(storage, kind, versionsOf(kind, versions));
      const newest = [...Map.groupBy(versions, ({ source }) => source).values()].map(own => own[0]!);
      const found = query.kind && (await entitiesOf(storage, query, query.kind, versionsOf(query.kind, versions)));
      return {
        at: new Date(atMs).toISOString(),
        counts,
        sources: newest.map(({ source, asOfMs, recordedAtMs }) => ({
          source,
          asOf: new Date(asOfMs).toISOString(),
          recordedAt: new Date(recordedAtMs).toISOString(),
        })),
        ...(found && { entities: found.slice(0, query.limit), more: found.length > query.limit }),
      };
    },
  );
}

/** The switches that hold now, as the sources state them: each the text of an entity. */
export async function switchesOf(storage: Storage, nowMs: number): Promise<string[]> {
  const versions = await switchVersions(storage, nowMs);
  if (versions.length === 0) return [];
  const sql = `SELECT entity FROM (${holdingSql('switches')}) ORDER BY id, source LIMIT ${SWITCHES_MAX}`;
  const rows = await storage.select<{ entity: string }>(sql, bound(versions));
  return rows.map(({ entity }) => entity);
}

/** Ids of the switches that hold now. */
export async function switchIds(storage: Storage, nowMs: number): Promise<ReadonlySet<string>> {
  const versions = await switchVersions(storage, nowMs);
  if (versions.length === 0) return new Set();
  const rows = await storage.select<{ id: string }>(`SELECT id FROM (${holdingSql('switches')})`, bound(versions));
  return new Set(rows.map(({ id }) => id));
}

/** What one source says holds now, kind by kind, as texts of entities; and the ids that the other sources have. */
export async function heldEntities(
  storage: Storage,
  nowMs: number,
  own: string,
): Promise<{ before: Record<EntityKind, string[]>; others: KnownIds }> {
  const versions = await inventoryVersions(storage, nowMs + AHEAD_MS_MAX, LOOK_BACK_MAX);
  const before = Object.fromEntries(ENTITY_KINDS.map(kind => [kind, [] as string[]])) as Record<EntityKind, string[]>;
  const others = noIds();
  for (const kind of ENTITY_KINDS) {
    const held = versionsOf(kind, versions);
    if (held.length === 0) continue;
    const rows = await storage.select<{ source: string; id: string; text: string }>(
      `SELECT source, id, if(source = {own:String}, entity, '') AS text FROM (${holdingSql(kind)}) ORDER BY id`,
      { ...bound(held), own },
    );
    for (const row of rows) {
      if (row.source === own) before[kind].push(row.text);
      else if (isReferable(kind)) others[kind].push(row.id);
    }
  }
  return { before, others };
}

/** Ids of what the active inventory has, of kinds that others refer to. */
export async function idsOf(storage: Storage, nowMs: number): Promise<KnownIds> {
  const versions = await inventoryVersions(storage, nowMs + AHEAD_MS_MAX, LOOK_BACK_MAX);
  const ids = noIds();
  for (const kind of REFERABLE_KINDS) {
    const held = versionsOf(kind, versions);
    if (held.length === 0) continue;
    const rows = await storage.select<{ id: string }>(`SELECT id FROM (${holdingSql(kind)})`, bound(held));
    for (const { id } of rows) ids[kind].push(id);
  }
  return ids;
}

function noIds(): Record<ReferableKind, string[]> {
  return { sites: [], racks: [], segments: [], switches: [], hosts: [] };
}

async function switchVersions(storage: Storage, nowMs: number): Promise<RecordedVersion[]> {
  return versionsOf('switches', await inventoryVersions(storage, nowMs, LOOK_BACK_MAX));
}

/** Of each source the versions that say what of a kind holds, the newest first: back to one that lists it in full. */
export function versionsOf(kind: EntityKind, versions: readonly RecordedVersion[]): RecordedVersion[] {
  return [...Map.groupBy(versions, ({ source }) => source).values()].flatMap(own => {
    const full = own.findIndex(({ complete }) => complete.includes(kind));
    return own.slice(0, full < 0 ? own.length : full + 1).filter(version => version.counts[kind] > 0);
  });
}

/** Entities that hold, one row each, stated by the newest of the versions. */
function holdingSql(kind: EntityKind): string {
  return `
SELECT source, JSONExtractString(raw, 'id') AS id, argMax(raw, (asOf, recordedAt)) AS entity
FROM (
  SELECT source, asOf, recordedAt, arrayJoin(JSONExtractArrayRaw(body, '${kind}')) AS raw FROM documents
  WHERE kind = 'inventory' AND concat(toString(toUnixTimestamp64Milli(asOf)), ' ', toString(toUnixTimestamp64Milli(recordedAt)), ' ', source) IN {versions:Array(String)}
)
GROUP BY source, id`;
}

async function countOf(storage: Storage, kind: EntityKind, versions: readonly RecordedVersion[]): Promise<number> {
  const sources = new Set(versions.map(({ source }) => source));
  // A version alone has each entity once, and its count is known.
  if (sources.size === versions.length) return versions.reduce((sum, { counts }) => sum + counts[kind], 0);
  const [row] = await storage.select<{ n: string }>(
    `SELECT toString(count()) AS n FROM (${holdingSql(kind)})`,
    bound(versions),
  );
  return Number(row?.n ?? 0);
}

async function entitiesOf(
  storage: Storage,
  { name, host, limit }: InventoryParameters,
  kind: EntityKind,
  versions: readonly RecordedVersion[],
): Promise<{ source: string; entity: unknown }[]> {
  if (versions.length === 0) return [];
  const onHost = host === undefined ? '' : "AND JSONExtractString(entity, 'host') = {host:String}";
  const rows = await storage.select<{ source: string; entity: string }>(
    `SELECT source, entity FROM (${holdingSql(kind)})
    WHERE (id ILIKE {name:String} OR JSONExtractString(entity, 'name') ILIKE {name:String}) ${onHost}
    ORDER BY id, source LIMIT {limit:UInt32}`,
    { ...bound(versions), name: likeOf(name), ...(host !== undefined && { host }), limit: limit + 1 },
  );
  return rows.map(({ source, entity }) => ({ source, entity: JSON.parse(entity) as unknown }));
}

/** A glob as a pattern of LIKE. */
function likeOf(glob: string): string {
  return glob
    .replace(/[\\%_]/g, '\\$&')
    .replaceAll('*', '%')
    .replaceAll('?', '_');
}

function bound(versions: readonly RecordedVersion[]) {
  return {
    versions: versions.map(({ source, asOfMs, recordedAtMs }) => `${asOfMs} ${recordedAtMs} ${source}`),
  };
}
