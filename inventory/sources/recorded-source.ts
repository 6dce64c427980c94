// The documents recorded in ClickHouse as a source: what this and other processes have recorded, read back at a start for
// the span of time that matters, then followed.

import { applicationsChecker } from '../../schemas/applications.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import type { DocumentVersion } from '../../storage/tables/documents.ts';
import { digestOf } from './documents-in-force.ts';
import { readHistory } from './read-history.ts';
import { bodyOf, heartbeatsSince, inventoryOf, LATE_MS_MAX, type RecordedVersion, versionsSince } from './recorded.ts';
import { HORIZON_MS, type InventorySource, type SourceContext } from './source.ts';
import type { DocumentKind } from './watched-files.ts';

export class RecordedSource implements InventorySource {
  readonly name = 'recorded documents';
  readonly #context: SourceContext;
  /** Rows seen within LATE_MS_MAX; #cursorMs is the newest time among them. */
  readonly #seen = new Map<string, number>();
  #cursorMs = 0;
  /** SHA-256 of every body of applications and registry that was recorded before the start, in that order. */
  readonly #digests = new Map<DocumentKind, string[]>();
  #bodies = new Map<DocumentKind, string>();

  constructor(context: SourceContext) {
    this.#context = context;
  }

  async start(restarted: boolean): Promise<void> {
    const { storage, inForce, nowMs, log } = this.#context;
    try {
      const range = { fromMs: nowMs() - HORIZON_MS, toMs: Number.POSITIVE_INFINITY };
      const found = await readHistory(storage, inForce.history, range);
      for (const version of found.versions) await this.#note(version);
      if (found.applications) inForce.useApplications(found.applications, this.#bodies.get('applications')!);
      const inventory = restarted && found.versions.findLast(({ kind }) => kind === 'inventory');
      const body = inventory ? await bodyOf(storage, inventory) : undefined;
      if (body !== undefined) this.#bodies.set('inventory', body);
    } catch (error) {
      log.warn({ err: error }, 'the recorded documents cannot be read; only the configured files are in force');
    }
  }

  async poll(): Promise<boolean> {
    const { storage, inForce } = this.#context;
    const sinceMs = this.#cursorMs - LATE_MS_MAX;
    let changed = false;
    for (const version of await versionsSince(storage, sinceMs))
      if (this.#isNew(nameOf(version), version.recordedAtMs)) changed = (await this.#take(version)) || changed;
    for (const { source, asOfMs, recordedAtMs } of await heartbeatsSince(storage, this.#cursorMs - LATE_MS_MAX)) {
      if (!this.#isNew(`heartbeat ${source} ${asOfMs}`, recordedAtMs)) continue;
      inForce.history.markSeen(source, asOfMs);
      changed = true;
    }
    for (const [name, ms] of this.#seen) if (ms < this.#cursorMs - LATE_MS_MAX) this.#seen.delete(name);
    return changed;
  }

  stop(): void {}

  /** The bodies recorded last before the start, once: they are large. */
  takeBodies(): ReadonlyMap<DocumentKind, string> {
    const taken = this.#bodies;
    this.#bodies = new Map();
    return taken;
  }

  /** Whether a document was recorded before the start, and another one of its kind after it. */
  isSuperseded({ kind, body }: DocumentVersion): boolean {
    const digests = this.#digests.get(kind) ?? [];
    const at = digests.lastIndexOf(digestOf(body));
    return at >= 0 && at < digests.length - 1;
  }

  async #note(version: RecordedVersion): Promise<void> {
    const { storage, inForce } = this.#context;
    const { kind } = version;
    this.#isNew(nameOf(version), version.recordedAtMs);
    if (kind === 'inventory') return;
    const body = (await bodyOf(storage, version)) ?? '';
    this.#digests.set(kind, [...(this.#digests.get(kind) ?? []), digestOf(body)]);
    this.#bodies.set(kind, body);
    inForce.noteBody(kind, body);
  }

  #isNew(name: string, recordedAtMs: number): boolean {
    if (this.#seen.has(name)) return false;
    this.#seen.set(name, recordedAtMs);
    this.#cursorMs = Math.max(this.#cursorMs, recordedAtMs);
    return true;
  }

  async #take(version: RecordedVersion): Promise<boolean> {
    const { storage, inForce } = this.#context;
    if (version.kind === 'inventory') {
      const inventory = await inventoryOf(storage, version);
      return inventory !== undefined && inForce.history.putInventory(inventory);
    }
    const body = await bodyOf(storage, version);
    // What this process recorded itself comes back as well.
    if (body === undefined || inForce.hasBody(version.kind, body)) return false;
    if (version.kind === 'exporters') inForce.putRegistry(exporterRegistryChecker.restore(body), body);
    else inForce.useApplications(applicationsChecker.restore(body), body);
    return true;
  }
}

function nameOf({ kind, source, asOfMs, recordedAtMs }: RecordedVersion): string {
  return `${kind} ${source} ${asOfMs} ${recordedAtMs}`;
}
