// The documents as recorded in ClickHouse, read as far back as a window needs and kept until something is recorded: what
// held at each moment of it, in epochs.

import { ApplicationTable, compileApplications } from '../../inventory/applications/applications.ts';
import { NO_DOCUMENTS } from '../../inventory/model/documents.ts';
import { type Epochs, History, type HistoryOptions } from '../../inventory/snapshot/history.ts';
import { readHistory } from '../../inventory/sources/read-history.ts';
import { heartbeatsSince, type RecordedVersion, versionsSince } from '../../inventory/sources/recorded.ts';
import type { Storage } from '../../storage/storage.ts';

/** Snapshots read back from the newest one, whatever the window. */
export const VERSIONS_MAX = 32;
/** Snapshots read for a window; what is older is taken for the oldest of them. */
const WINDOW_VERSIONS_MAX = 128;
const HOUR_MS = 3_600_000;
const HEARTBEATS_BACK_MS = 3_600_000;

/** Everything recorded, as far back as is examined. */
export interface Recorded {
  /** Another one once something else was read. */
  readonly name: string;
  readonly history: History;
  readonly epochs: Epochs;
  readonly applications: ApplicationTable;
}

export class RecordedInventory {
  readonly #storage: Storage;
  readonly #options: HistoryOptions;
  readonly #nowMs: () => number;
  #recorded: Recorded | undefined;

  /** `nowMs` is the clock of what is recorded: that of the installation. */
  constructor(storage: Storage, options: HistoryOptions, nowMs: () => number) {
    this.#storage = storage;
    this.#options = options;
    this.#nowMs = nowMs;
  }

  /** Undefined when no inventory was recorded. */
  async read({
    fromMs: windowMs,
    atMs,
  }: {
    readonly fromMs: number;
    readonly atMs: number;
  }): Promise<Recorded | undefined> {
    const versions = await versionsSince(this.#storage, 0);
    const inventories = versions.filter(({ kind }) => kind === 'inventory').map(({ asOfMs }) => asOfMs);
    if (inventories.length === 0) return undefined;
    const newest = inventories.sort((a, b) => b - a);
    const asOfBack = (count: number) => newest[Math.min(newest.length, count) - 1]!;
    const wantedMs = Math.min(asOfBack(VERSIONS_MAX), Math.floor(windowMs / HOUR_MS) * HOUR_MS);
    const fromMs = Math.max(wantedMs, asOfBack(WINDOW_VERSIONS_MAX));
    const toMs = newest[0]! > atMs ? atMs : Number.POSITIVE_INFINITY;
    const name = `${versions.length} ${nameOf(versions.at(-1))} ${fromMs} ${toMs}`;
    if (this.#recorded?.name === name) return this.#confirm(this.#recorded);
    const history = new History(this.#options);
    const { applications } = await readHistory(this.#storage, history, { fromMs, toMs: atMs });
    const table = new ApplicationTable(compileApplications(applications ?? NO_DOCUMENTS.applications));
    this.#recorded = { name, history, epochs: history.epochs(), applications: table };
    return this.#recorded;
  }

  /** The same versions, and what their sources have confirmed since. */
  async #confirm(before: Recorded): Promise<Recorded> {
    for (const { source, asOfMs } of await heartbeatsSince(this.#storage, this.#nowMs() - HEARTBEATS_BACK_MS))
      before.history.markSeen(source, asOfMs);
    this.#recorded = { ...before, epochs: before.history.epochs() };
    return this.#recorded;
  }
}

function nameOf(version: RecordedVersion | undefined): string {
  return version ? `${version.kind} ${version.source} ${version.asOfMs} ${version.recordedAtMs}` : '';
}
