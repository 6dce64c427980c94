// When repairs are started: no more often than configured, and only where a decision waits to be settled. One of several
// processes runs a repair at a time, under the lease of re-enrichments; the others find nothing left to do.

import type { Log } from '../../service/log.ts';
import type { Storage } from '../../storage/storage.ts';
import { unsettledLiveness } from '../../storage/tables/liveness.ts';
import { DECIDED_S } from './repair.ts';

const POLL_MS_MAX = 30_000;

export interface RepairScheduleOptions {
  /** A client that may read is enough. */
  readonly storage: Storage;
  readonly log: Log;
  /** 0: never. */
  readonly intervalMs: number;
  /** Runs one to its end, and resolves to the reason where it ended early. */
  readonly repair: () => Promise<string>;
}

export class RepairSchedule {
  readonly #options: RepairScheduleOptions;
  #timer: NodeJS.Timeout | undefined;
  #endedAtMs = Number.NEGATIVE_INFINITY;
  #looking = Promise.resolve();
  #isStopped = false;

  constructor(options: RepairScheduleOptions) {
    this.#options = options;
  }

  start(): void {
    const { intervalMs } = this.#options;
    if (intervalMs === 0 || this.#isStopped) return;
    const pollMs = Math.min(POLL_MS_MAX, intervalMs);
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() => this.start());
    }, pollMs).unref();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { storage, log, intervalMs, repair } = this.#options;
    if (performance.now() - this.#endedAtMs < intervalMs) return;
    try {
      if ((await unsettledLiveness(storage, DECIDED_S)).length === 0) return;
      // From its end on: one that takes longer than the interval would be followed by the next at once.
      const reason = await repair().finally(() => {
        this.#endedAtMs = performance.now();
      });
      if (reason !== '') log.warn({ reason }, 'records of silent exporters could not be put right; it is repeated');
    } catch (error) {
      log.warn({ err: error }, 'whether records of silent exporters are to be put right is not known; it is repeated');
    }
  }
}
