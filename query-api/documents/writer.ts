// Who writes documents: one request after the other, so that what is decided by what is recorded still holds when it is
// recorded.

import type { Storage } from '../../storage/storage.ts';
import type { DocumentVersion } from '../../storage/tables/documents.ts';
import type { Heartbeat } from '../../storage/tables/heartbeats.ts';
import type { QueryApiConfiguration } from '../configuration.ts';
import { HttpProblem } from '../http/problem.ts';
import type { DocumentChecks } from './checking.ts';

/** Writes documents; everything else the API does is reading. */
export interface DocumentWriter {
  insert(version: DocumentVersion): Promise<void>;
  insertHeartbeat(heartbeat: Heartbeat): Promise<void>;
}

export interface DocumentDependencies {
  readonly storage: Storage;
  readonly config: QueryApiConfiguration;
  readonly nowMs: () => number;
  readonly documents: DocumentWriter | undefined;
  readonly checks: DocumentChecks;
}

export class SerialWriter<Writer = DocumentWriter> {
  readonly #writer: Writer | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(writer: Writer | undefined) {
    this.#writer = writer;
  }

  /** Runs `decide` when every earlier one has ended. */
  async write<T>(decide: (writer: Writer) => Promise<T>): Promise<T> {
    const writer = this.#writer;
    if (!writer)
      throw new HttpProblem(
        503,
        'read-only',
        'this API only reads; send documents to the API of the process that stores them',
      );
    const outcome = this.#last.then(() => decide(writer));
    this.#last = outcome.catch(() => {});
    return outcome;
  }
}
