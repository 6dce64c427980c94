// Re-enrichment seen from the main thread: one at a time in a thread of its own, which is there only while one runs. A repair
// (repair.ts) gives precedence to what a person starts: it is stopped, and repeated later.

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

/** What the thread is asked for. `repair`: its days follow from what is not settled, and those given mean nothing. */
export type RunRequest = ReenrichRequest & { readonly repair?: boolean };

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
  readonly #thread: RequestThread<RunRequest, void, ReenrichProgress>;
  readonly #days = new Map<number, DayReport>();
  /** Of the newest run that a person started, and of the newest repair. */
  #ended = Promise.resolve();
  #repaired = Promise.resolve();
  #running = false;
  #dryRun = false;
  #erasing = false;
  #repairing = false;
  #error = '';
  #beside: ErasedBeside | undefined;

  constructor(
    configuration: ReenrichmentConfiguration,
    { storage, log }: { readonly storage: StorageAddress; readonly log: Log },
  ) {
    const data: ReenrichData = { configuration, storage };
    this.#thread = new RequestThread<RunRequest, void, ReenrichProgress>({
      log,
      spawn: () => new Worker(new URL('./reenrich-thread.ts', import.meta.url), { workerData: data }),
      // A repair that is being stopped, and what a person has started.
      requestsMax: 2,
      endsWhenIdle: true,
      words: {
        name: 're-enrichment thread',
        busy: 're-enrichment runs already',
        late: 'the re-enrichment did not end within',
        crashed: 'the re-enrichment crashed; started again, it continues where it was',
      },
    });
  }

  /** False when one is running; a repair is stopped for it. */
  start(request: ReenrichRequest): boolean {
    if (this.#running) return false;
    if (this.#repairing) this.#thread.cancel();
    this.#running = true;
    this.#dryRun = request.dryRun;
    this.#erasing = request.erase !== undefined;
    this.#error = '';
    this.#beside = undefined;
    this.#days.clear();
    const onProgress = (progress: ReenrichProgress) => this.#onProgress(progress);
    this.#ended = this.#thread
      .request(request, { onProgress })
      .catch((fault: Error) => {
        this.#error = messageOf(fault);
      })
      .finally(() => {
        this.#running = false;
      });
    return true;
  }

  /** Puts right what is not settled, unless anything runs. Resolves to its end, and to the reason where it ended early. */
  async repair(): Promise<string> {
    if (this.#running || this.#repairing) return '';
    this.#repairing = true;
    let reason = '';
    this.#repaired = this.#thread
      .request({ fromMs: 0, toMs: 0, dryRun: false, repair: true })
      .catch((fault: Error) => {
        reason = messageOf(fault);
      })
      .finally(() => {
        this.#repairing = false;
      });
    await this.#repaired;
    return reason;
  }

  /** Stops what a person has started. */
  stop(): void {
    if (!this.#running) return;
    // It may wait for the end of a repair.
    void this.#repaired.then(() => this.#thread.cancel());
  }

  state(): ReenrichmentState {
    return {
      running: this.#running,
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
    await this.#repaired;
    if (this.#running) this.#thread.cancel();
    await this.#ended;
    await this.#thread.stop();
  }

  #onProgress(progress: ReenrichProgress): void {
    if (progress.type === 'day') this.#days.set(progress.report.day, progress.report);
    else this.#beside = progress.beside;
  }
}

function messageOf(fault: Error): string {
  return fault.cause instanceof Error ? fault.cause.message : fault.message;
}
