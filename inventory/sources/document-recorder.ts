// Stores versions of documents and heartbeats of sources in ClickHouse, one after the other.

import type { Counters } from '../../service/counters.ts';
import type { Log } from '../../service/log.ts';
import type { Persist } from '../../storage/insert-retries.ts';
import type { Storage } from '../../storage/storage.ts';
import { type DocumentVersion, insertDocument } from '../../storage/tables/documents.ts';
import { type Heartbeat, insertHeartbeat } from '../../storage/tables/heartbeats.ts';
import type { INVENTORY_COUNTERS } from '../counters.ts';

export interface DocumentRecorderDependencies {
  readonly storage: Storage;
  readonly log: Log;
  readonly counters: Counters<typeof INVENTORY_COUNTERS>;
  readonly persist: Persist;
}

export class DocumentRecorder {
  readonly #dependencies: DocumentRecorderDependencies;
  #recording = Promise.resolve();

  constructor(dependencies: DocumentRecorderDependencies) {
    this.#dependencies = dependencies;
  }

  version(version: DocumentVersion): void {
    const { storage, log, counters, persist } = this.#dependencies;
    this.#recording = this.#recording.then(async () => {
      const outcome = await persist(`${version.kind} document`, () => insertDocument(storage, version));
      if (outcome.done !== 'refused') return;
      counters.add('documentsUnrecorded');
      log.error({ kind: version.kind }, `a document version is in force but not recorded: ${outcome.reason}`);
    });
  }

  heartbeat(heartbeat: Heartbeat): void {
    const { storage, persist } = this.#dependencies;
    this.#recording = this.#recording.then(async () => {
      await persist('heartbeat', () => insertHeartbeat(storage, heartbeat));
    });
  }

  /** Resolves when everything that was handed over is stored, refused or abandoned. */
  settled(): Promise<void> {
    return this.#recording;
  }
}
