// Says every few seconds how many batches wait before this enricher, so that an answer can say so. What it says is for
// people: until when everything is stored follows from the minutes of collectors, not from here.

import { createThrottle, type Log } from '../service/log.ts';
import type { Storage } from '../storage/storage.ts';
import { recordProgress } from '../storage/tables/progress.ts';
import type { Backlog } from '../transport/transport.ts';

const INTERVAL_MS = 5000;

export interface ProgressDependencies {
  readonly storage: Storage;
  readonly log: Log;
  readonly backlog: () => Backlog;
  readonly intervalMs?: number;
}

export class Progress {
  readonly #enricher: string;
  readonly #dependencies: ProgressDependencies;
  readonly #throttle = createThrottle();
  #timer: NodeJS.Timeout | undefined;
  #recording = Promise.resolve();

  constructor(enricher: string, dependencies: ProgressDependencies) {
    this.#enricher = enricher;
    this.#dependencies = dependencies;
  }

  start(): void {
    const { intervalMs = INTERVAL_MS } = this.#dependencies;
    this.#timer = setTimeout(() => {
      this.#recording = this.#record().then(() => {
        if (this.#timer) this.start();
      });
    }, intervalMs);
  }

  /** Says what is left. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#recording;
    await this.#record();
  }

  async #record(): Promise<void> {
    const { storage, log, backlog } = this.#dependencies;
    try {
      await recordProgress(storage, this.#enricher, backlog().batches);
    } catch (error) {
      this.#throttle('progress', heldBack =>
        log.warn({ heldBack }, `how many batches wait is not recorded: ${(error as Error).message}; it is tried again`),
      );
    }
  }
}
