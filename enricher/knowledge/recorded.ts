// The documents that ClickHouse keeps, read in the order they were recorded: at a start what is needed for a span of time,
// then what is new. Bodies are large and stay where they are until one is wanted. The clocks of those who record may
// differ by LATE_MS_MAX: so far back each look goes again, over times and sources alone.

import { type Applications, applicationsChecker } from '../../schemas/applications.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import { type Inventory, inventoryChecker } from '../../schemas/inventory.ts';
import type { Storage } from '../../storage/storage.ts';
import type { DocumentVersion } from '../../storage/tables/documents.ts';
import type { History } from './history.ts';
import { INVENTORY_KINDS } from './merge.ts';

type Kind = DocumentVersion['kind'];

export interface RecordedVersion {
  readonly kind: Kind;
  readonly source: string;
  readonly asOfMs: number;
  readonly recordedAtMs: number;
}

export interface RecordedHeartbeat {
  readonly source: string;
  readonly asOfMs: number;
  readonly recordedAtMs: number;
}

export const LATE_MS_MAX = 600_000;
/** Snapshots of one source that are read back from before the span, at most. */
const BACK_MAX = 256;

const MS = (column: string) => `toString(toUnixTimestamp64Milli(${column}))`;
const SINCE = 'recordedAt >= fromUnixTimestamp64Milli({since:Int64})';

/** Versions recorded since a moment, in that order. */
export async function versionsSince(storage: Storage, sinceMs: number): Promise<RecordedVersion[]> {
  const rows = await storage.select<Texts<RecordedVersion>>(
    `SELECT kind, source, ${MS('asOf')} AS asOfMs, ${MS('recordedAt')} AS recordedAtMs
    FROM documents WHERE ${SINCE} ORDER BY documents.recordedAt, source`,
    { since: Math.max(0, Math.floor(sinceMs)) },
  );
  return rows.map(row => ({ ...row, asOfMs: Number(row.asOfMs), recordedAtMs: Number(row.recordedAtMs) }));
}

export async function heartbeatsSince(storage: Storage, sinceMs: number): Promise<RecordedHeartbeat[]> {
  const rows = await storage.select<Texts<RecordedHeartbeat>>(
    `SELECT source, ${MS('asOf')} AS asOfMs, ${MS('recordedAt')} AS recordedAtMs
    FROM heartbeats WHERE kind = 'inventory' AND ${SINCE} ORDER BY heartbeats.asOf`,
    { since: Math.max(0, Math.floor(sinceMs)) },
  );
  return rows.map(row => ({ ...row, asOfMs: Number(row.asOfMs), recordedAtMs: Number(row.recordedAtMs) }));
}

type Texts<T> = Omit<T, 'asOfMs' | 'recordedAtMs'> & Readonly<Record<'asOfMs' | 'recordedAtMs', string>>;

export async function bodyOf(storage: Storage, version: RecordedVersion): Promise<string | undefined> {
  const [row] = await storage.select<{ body: string }>(
    `SELECT body FROM documents WHERE kind = {kind:String} AND source = {source:String}
      AND asOf = fromUnixTimestamp64Milli({asOf:Int64}) AND recordedAt = fromUnixTimestamp64Milli({recorded:Int64}) LIMIT 1`,
    { kind: version.kind, source: version.source, asOf: version.asOfMs, recorded: version.recordedAtMs },
  );
  return row?.body;
}

/**
 * Tells `history` what held between two moments, as recorded: of each source the snapshots within, and before them as
 * many as make a whole. Of equal `asOf` the one recorded last counts. Returns the newest applications, and what was read.
 */
export async function readHistory(
  storage: Storage,
  history: History,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Promise<{ applications: Applications | undefined; versions: readonly RecordedVersion[] }> {
  const versions = await versionsSince(storage, 0);
  const ends = new Map<string, number>();
  for (const [source, list] of Map.groupBy(
    versions.filter(({ kind }) => kind === 'inventory'),
    version => version.source,
  )) {
    const ordered = orderedByAsOf(list);
    ends.set(source, ordered.find(({ asOfMs }) => asOfMs > toMs)?.asOfMs ?? Number.POSITIVE_INFINITY);
    await readSource(storage, history, ordered, fromMs, toMs);
  }
  for (const { source, asOfMs } of await heartbeatsSince(storage, 0))
    if (asOfMs < (ends.get(source) ?? 0)) history.hear(source, asOfMs);
  let applications: Applications | undefined;
  for (const version of versions.filter(({ kind }) => kind === 'exporters')) {
    const body = await bodyOf(storage, version);
    if (body !== undefined) history.putRegistry(exporterRegistryChecker.restore(body));
  }
  const newest = versions.findLast(({ kind }) => kind === 'applications');
  const body = newest && (await bodyOf(storage, newest));
  if (body !== undefined) applications = applicationsChecker.restore(body);
  return { applications, versions };
}

async function readSource(
  storage: Storage,
  history: History,
  ordered: readonly RecordedVersion[],
  fromMs: number,
  toMs: number,
): Promise<void> {
  const within = ordered.filter(({ asOfMs }) => asOfMs > fromMs && asOfMs <= toMs);
  const before = ordered.filter(({ asOfMs }) => asOfMs <= fromMs).reverse();
  const inventories: Inventory[] = [];
  const covered = new Set<string>();
  for (const version of before.slice(0, BACK_MAX)) {
    if (covered.size === INVENTORY_KINDS.length) break;
    const inventory = await inventoryOf(storage, version);
    if (!inventory) continue;
    inventories.unshift(inventory);
    for (const kind of inventory.complete) covered.add(kind as string);
  }
  // Where nothing holds before the span the first version reaches back over it.
  const later = inventories.length + within.length === 0 ? ordered.slice(0, 1) : within;
  for (const version of later) {
    const inventory = await inventoryOf(storage, version);
    if (inventory) inventories.push(inventory);
  }
  for (const inventory of inventories) history.putInventory(inventory);
}

export async function inventoryOf(storage: Storage, version: RecordedVersion): Promise<Inventory | undefined> {
  const body = await bodyOf(storage, version);
  return body === undefined ? undefined : inventoryChecker.restore(body);
}

function orderedByAsOf(versions: readonly RecordedVersion[]): RecordedVersion[] {
  const latest = new Map(versions.map(version => [version.asOfMs, version]));
  return [...latest.values()].sort((a, b) => a.asOfMs - b.asOfMs);
}
