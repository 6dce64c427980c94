// What ClickHouse has recorded of documents: versions with the time they describe and the time they came, and heartbeats
// that confirm the newest version of a source. Bodies stay in ClickHouse unless a request names them; what is reported of them is read
// by the server.

import type { Storage } from '../../storage/storage.ts';
import type { DocumentVersion } from '../../storage/tables/documents.ts';
import { CONTENT_SQL, ENTITY_KINDS, type EntityKind } from './check.ts';

type Kind = DocumentVersion['kind'];

/** Times as numbers and counts as they come: 64-bit integers are texts. */
const MS = (column: string) => `toString(toUnixTimestamp64Milli(${column}))`;

export interface NewestVersion {
  readonly asOfMs: number;
  /** Confirmed until then. */
  readonly confirmedMs: number;
  readonly content: string;
}

/** The newest state that a source sent. */
export async function newestVersion(storage: Storage, kind: Kind, source: string): Promise<NewestVersion | undefined> {
  const [row] = await storage.select<{ at: string; confirmed: string; content: string }>(
    `SELECT ${MS('asOf')} AS at, ${CONTENT_SQL} AS content,
      (SELECT toString(toUnixTimestamp64Milli(max(asOf))) FROM heartbeats WHERE kind = {kind:String} AND source = {source:String}) AS confirmed
    FROM documents WHERE kind = {kind:String} AND source = {source:String} ORDER BY asOf DESC, recordedAt DESC LIMIT 1`,
    { kind, source },
  );
  if (!row) return undefined;
  const asOfMs = Number(row.at);
  return { asOfMs, confirmedMs: Math.max(asOfMs, Number(row.confirmed)), content: row.content };
}

/** The newest version of a kind that has one source: applications, exporter registry. */
export async function newestDocument(
  storage: Storage,
  kind: Kind,
): Promise<{ body: string; recordedAtMs: number; source: string } | undefined> {
  const [row] = await storage.select<{ body: string; at: string; source: string }>(
    `SELECT body, source, ${MS('recordedAt')} AS at FROM documents WHERE kind = {kind:String} ORDER BY documents.recordedAt DESC LIMIT 1`,
    { kind },
  );
  return row && { body: row.body, source: row.source, recordedAtMs: Number(row.at) };
}

/** The same without its body, which may have 128 MiB: its SHA-256. */
export async function newestDigest(
  storage: Storage,
  kind: Kind,
): Promise<{ digest: string; recordedAtMs: number } | undefined> {
  const [row] = await storage.select<{ digest: string; at: string }>(
    `SELECT lower(hex(SHA256(body))) AS digest, ${MS('recordedAt')} AS at FROM documents WHERE kind = {kind:String} ORDER BY documents.recordedAt DESC LIMIT 1`,
    { kind },
  );
  return row && { digest: row.digest, recordedAtMs: Number(row.at) };
}

export interface RecordedVersion {
  readonly source: string;
  readonly asOfMs: number;
  readonly recordedAtMs: number;
  readonly bytes: number;
  readonly complete: readonly EntityKind[];
  readonly counts: Readonly<Record<EntityKind, number>>;
}

interface VersionRow {
  readonly source: string;
  readonly at: string;
  readonly recorded: string;
  readonly bytes: string;
  readonly complete: readonly EntityKind[];
  readonly counts: readonly string[];
}

/** Inventory versions as of `atMs` and before, at most `perSource` of each source, the newest first. */
export async function inventoryVersions(storage: Storage, atMs: number, perSource: number): Promise<RecordedVersion[]> {
  const counts = ENTITY_KINDS.map(kind => `toString(JSONLength(body, '${kind}'))`).join(', ');
  const rows = await storage.select<VersionRow>(
    `SELECT source, ${MS('asOf')} AS at, ${MS('recordedAt')} AS recorded, toString(length(body)) AS bytes,
      JSONExtract(body, 'complete', 'Array(String)') AS complete, [${counts}] AS counts
    FROM documents
    WHERE kind = 'inventory' AND (source, asOf, recordedAt) IN (
      SELECT source, asOf, recordedAt FROM documents
      WHERE kind = 'inventory' AND asOf <= fromUnixTimestamp64Milli({at:Int64})
      ORDER BY asOf DESC, recordedAt DESC LIMIT {perSource:UInt32} BY source)
    ORDER BY asOf DESC, recordedAt DESC, source`,
    { at: Math.floor(atMs), perSource },
  );
  return rows.map(({ source, at, recorded, bytes, complete, counts: own }) => ({
    source,
    asOfMs: Number(at),
    recordedAtMs: Number(recorded),
    bytes: Number(bytes),
    complete,
    counts: Object.fromEntries(ENTITY_KINDS.map((kind, i) => [kind, Number(own[i])])) as RecordedVersion['counts'],
  }));
}

/** When each source was confirmed last, as of `atMs`. */
export async function confirmations(storage: Storage, atMs: number): Promise<ReadonlyMap<string, number>> {
  const rows = await storage.select<{ source: string; at: string }>(
    `SELECT source, ${MS('max(asOf)')} AS at FROM heartbeats
    WHERE kind = 'inventory' AND asOf <= fromUnixTimestamp64Milli({at:Int64}) GROUP BY source`,
    { at: Math.floor(atMs) },
  );
  return new Map(rows.map(({ source, at }) => [source, Number(at)]));
}
