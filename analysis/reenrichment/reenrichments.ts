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

export interface ReenrichmentSupervisor {
  start(request: ReenrichRequest): boolean;
  stop(): void;
  state(): ReenrichmentState;
  /** Stops what runs, and waits for it. */
  close(): Promise<void>;
}

export function createReenrichments(
  configuration: ReenrichmentConfiguration,
  { storage, log }: { readonly storage: StorageAddress; readonly log: Log },
): ReenrichmentSupervisor {
  const data: ReenrichData = { configuration, storage };
  const thread = new RequestThread<ReenrichRequest, void, ReenrichProgress>({
    log,
    spawn: () => new Worker(new URL('./reenrich-thread.ts', import.meta.url), { workerData: data }),
    requestsMax: 1,
    endsWhenIdle: true,
    words: {
      name: 're-enrichment thread',
      busy: 're-enrichment runs already',
      late: 'the re-enrichment did not end within',
      crashed: 'the re-enrichment died; begun again, it goes on',
    },
  });
  let ended = Promise.resolve();
  let dryRun = false;
  let error = '';
  let erasing = false;
  let beside: ErasedBeside | undefined;
  const days = new Map<number, DayReport>();
  const onProgress = (progress: ReenrichProgress) => {
    if (progress.type === 'day') days.set(progress.report.day, progress.report);
    else beside = progress.beside;
  };

  return {
    start(request) {
      if (thread.pending > 0) return false;
      dryRun = request.dryRun;
      error = '';
      erasing = request.erase !== undefined;
      beside = undefined;
      days.clear();
      ended = thread.request(request, { onProgress }).catch((fault: Error) => {
        error = fault.cause instanceof Error ? fault.cause.message : fault.message;
      });
      return true;
    },
    stop: () => thread.cancel(),
    state: () => ({
      running: thread.pending > 0,
      dryRun,
      days: [...days.values()],
      error,
      erasing,
      ...(beside && { beside }),
    }),
    async close() {
      thread.cancel();
      await ended;
      await thread.stop();
    },
  };
}
