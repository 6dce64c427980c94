// What held in a span of time, from the documents that ClickHouse keeps.

import { type Applications, applicationsChecker } from '../../schemas/applications.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import type { Inventory } from '../../schemas/inventory.ts';
import type { Storage } from '../../storage/storage.ts';
import { INVENTORY_KINDS } from '../model/merge.ts';
import type { HistorySink } from './history-sink.ts';
import { bodyOf, heartbeatsSince, inventoryOf, type RecordedVersion, versionsSince } from './recorded.ts';

/** Snapshots of one source that are read back from before the span, at most. */
const BACK_MAX = 256;

/**
 * Puts into `history` what held between two moments, as recorded: of each source the snapshots within, and before them as
 * many as make a whole. Of equal `asOf` the one recorded last counts. Returns the newest applications, and what was read.
 */
export async function readHistory(
  storage: Storage,
  history: HistorySink,
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
    if (asOfMs < (ends.get(source) ?? 0)) history.markSeen(source, asOfMs);
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
  history: HistorySink,
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

function orderedByAsOf(versions: readonly RecordedVersion[]): RecordedVersion[] {
  const latest = new Map(versions.map(version => [version.asOfMs, version]));
  return [...latest.values()].sort((a, b) => a.asOfMs - b.asOfMs);
}
