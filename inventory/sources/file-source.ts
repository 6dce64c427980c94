// The configured files as a source. Each version that comes into force is recorded, and while the inventory's file is
// there and good, its source counts as seen.

import type { DocumentVersion } from '../../storage/tables/documents.ts';
import type { RecordedSource } from './recorded-source.ts';
import type { InventorySource, SourceContext } from './source.ts';
import { DocumentFiles } from './watched-files.ts';

const HEARTBEAT_MS_MIN = 1000;

export class FileSource implements InventorySource {
  readonly name = 'files';
  readonly #context: SourceContext;
  readonly #recorded: RecordedSource;
  readonly #files: DocumentFiles;
  /** The source that the inventory's file names. */
  #inventorySource = '';
  #seenAtMs = 0;
  #isStarting = true;

  constructor(context: SourceContext, recorded: RecordedSource) {
    this.#context = context;
    this.#recorded = recorded;
    this.#files = new DocumentFiles(context.config, {
      log: context.log,
      counters: context.counters,
      nowMs: context.nowMs,
      onVersion: version => this.#adopt(version),
      onChange: context.onChange,
      ...(context.documentPollMs !== undefined && { pollMs: context.documentPollMs }),
    });
  }

  start(restarted: boolean): void {
    const bodies = this.#recorded.takeBodies();
    this.#files.start(restarted ? bodies : undefined);
    this.#isStarting = false;
    this.poll(this.#context.nowMs());
  }

  /** A good file is a sign that its source is there. */
  poll(nowMs: number): boolean {
    const { config, inForce, recorder } = this.#context;
    const everyMs = Math.max(HEARTBEAT_MS_MIN, config.inventoryStaleMs / 8);
    const source = this.#inventorySource;
    if (source === '' || nowMs - this.#seenAtMs < everyMs || this.#files.lastError('inventory')) return false;
    this.#seenAtMs = nowMs;
    inForce.history.markSeen(source, nowMs);
    recorder.heartbeat({ kind: 'inventory', source, asOfMs: nowMs, recordedAtMs: nowMs });
    return true;
  }

  stop(): void {
    this.#files.stop();
  }

  #adopt(version: DocumentVersion): void {
    const { inForce, recorder, log } = this.#context;
    const { kind, source, body } = version;
    if (this.#isStarting && kind !== 'inventory' && this.#recorded.isSuperseded(version)) {
      log.warn(`the file of the ${kind} is older than the version recorded last, which is in force`);
      return;
    }
    recorder.version(version);
    const { inventory, exporters, applications } = this.#files.current;
    if (kind === 'exporters') inForce.putRegistry(exporters, body);
    else if (kind === 'applications') inForce.useApplications(applications, body);
    else {
      inForce.history.putInventory(inventory);
      this.#inventorySource = source;
    }
  }
}
