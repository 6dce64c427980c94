// The documents that ClickHouse keeps, read in the order they were recorded: at a start what is needed for a span of time,
// then what is new. Bodies are large and stay where they are until one is wanted. The clocks of those who record may
// differ by LATE_MS_MAX: so far back each look goes again, over times and sources alone.

import { type Inventory, inventoryChecker } from '../../schemas/inventory.ts';
import type { Storage } from '../../storage/storage.ts';
import type { DocumentVersion } from '../../storage/tables/documents.ts';

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

/** Another text whenever a version of the registry was recorded. */
export async function registriesVersion(storage: Storage): Promise<string> {
  const [row] = await storage.select<{ version: string }>(
    `SELECT concat(toString(count()), ' ', toString(max(recordedAt))) AS version FROM documents WHERE kind = 'exporters'`,
  );
  return row?.version ?? '';
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

export async function inventoryOf(storage: Storage, version: RecordedVersion): Promise<Inventory | undefined> {
  const body = await bodyOf(storage, version);
  return body === undefined ? undefined : inventoryChecker.restore(body);
}
