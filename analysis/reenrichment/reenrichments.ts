// Re-enrichment seen from the main thread: one at a time in a thread of its own, which is there only while one runs.

import { Worker } from 'node:worker_threads';
import type { Log } from '../../service/log.ts';
import { RequestThread } from '../../service/request-thread.ts';
import type { StorageAddress } from '../../storage/storage-address.ts';
import type { ReenrichmentConfiguration } from '../configuration.ts';
import type { ErasedBeside } from '../erasure/erase.ts';
import type { DayReport, ReenrichRequest } from './reenrich.ts';

export interface ReenrichData {
  readonly configuration: ReenrichmentConfiguration;
  readonly storage: StorageAddress;
}

export type ReenrichProgress =
  | { readonly type: 'day'; readonly report: DayReport }
  | { readonly type: 'beside'; readonly beside: ErasedBeside };

export interface ReenrichmentState {
  readonly running: boolean;
  readonly dryRun: boolean;
  readonly days: DayReport[];
  readonly error: string;
  /** An address is erased; of what is kept beside the days, how much there was of it. */
  readonly erasing: boolean;
  readonly beside?: ErasedBeside;
}

export class ReenrichmentSupervisor {
  readonly #thread: RequestThread<ReenrichRequest, void, ReenrichProgress>;
  readonly #days = new Map<number, DayReport>();
  #ended = Promise.resolve();
  #dryRun = false;
  #erasing = false;
  #error = '';
  #beside: ErasedBeside | undefined;

  constructor(
    configuration: ReenrichmentConfiguration,
    { storage, log }: { readonly storage: StorageAddress; readonly log: Log },
  ) {
    const data: ReenrichData = { configuration, storage };
    this.#thread = new RequestThread<ReenrichRequest, void, ReenrichProgress>({
      log,
      spawn: () => new Worker(new URL('./reenrich-thread.ts', import.meta.url), { workerData: data }),
      requestsMax: 1,
      endsWhenIdle: true,
      words: {
        name: 're-enrichment thread',
        busy: 're-enrichment runs already',
        late: 'the re-enrichment did not end within',
        crashed: 'the re-enrichment crashed; started again, it continues where it was',
      },
    });
  }

  start(request: ReenrichRequest): boolean {
    if (this.#thread.pending > 0) return false;
    this.#dryRun = request.dryRun;
    this.#erasing = request.erase !== undefined;
    this.#error = '';
    this.#beside = undefined;
    this.#days.clear();
    const onProgress = (progress: ReenrichProgress) => this.#onProgress(progress);
    this.#ended = this.#thread.request(request, { onProgress }).catch((fault: Error) => {
      this.#error = fault.cause instanceof Error ? fault.cause.message : fault.message;
    });
    return true;
  }

  stop(): void {
    this.#thread.cancel();
  }

  state(): ReenrichmentState {
    return {
      running: this.#thread.pending > 0,
      dryRun: this.#dryRun,
      days: [...this.#days.values()],
      error: this.#error,
      erasing: this.#erasing,
      ...(this.#beside && { beside: this.#beside }),
    };
  }

  /** Stops what runs, and waits for it. */
  async close(): Promise<void> {
    this.#thread.cancel();
    await this.#ended;
    await this.#thread.stop();
  }

  #onProgress(progress: ReenrichProgress): void {
    if (progress.type === 'day') this.#days.set(progress.report.day, progress.report);
    else this.#beside = progress.beside;
  }
}
