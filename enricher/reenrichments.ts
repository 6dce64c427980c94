// Re-enrichment seen from the main thread: one at a time in a thread of its own, which is there only while one runs.

import { Worker } from 'node:worker_threads';
import type { ReenrichmentConfiguration } from '../analysis/configuration.ts';
import type { Log } from '../service/log.ts';
import type { ErasedBeside } from './erase.ts';
import type { StorageAddress } from './messages.ts';
import type { DayReport, ReenrichRequest } from './reenrich.ts';

export interface ReenrichData {
  readonly configuration: ReenrichmentConfiguration;
  readonly storage: StorageAddress;
  readonly request: ReenrichRequest;
}

export type ReenrichMessage =
  | { readonly type: 'progress'; readonly report: DayReport }
  | { readonly type: 'beside'; readonly beside: ErasedBeside }
  | { readonly type: 'failed'; readonly message: string };

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
  let worker: Worker | undefined;
  let ended = Promise.resolve();
  let dryRun = false;
  let error = '';
  let erasing = false;
  let beside: ErasedBeside | undefined;
  const days = new Map<number, DayReport>();

  return {
    start(request) {
      if (worker) return false;
      const data: ReenrichData = { configuration, storage, request };
      const started = new Worker(new URL('./reenrich-thread.ts', import.meta.url), { workerData: data });
      worker = started;
      dryRun = request.dryRun;
      error = '';
      erasing = request.erase !== undefined;
      beside = undefined;
      days.clear();
      started.on('message', (message: ReenrichMessage) => {
        if (message.type === 'progress') days.set(message.report.day, message.report);
        else if (message.type === 'beside') beside = message.beside;
        else error = message.message;
      });
      started.on('error', fault => {
        error = fault.message;
        log.error({ err: fault }, 're-enrichment died; begun again, it goes on');
      });
      ended = new Promise(resolve =>
        started.once('exit', () => {
          worker = undefined;
          resolve();
        }),
      );
      return true;
    },
    stop: () => worker?.postMessage('stop'),
    state: () => ({
      running: worker !== undefined,
      dryRun,
      days: [...days.values()],
      error,
      erasing,
      ...(beside && { beside }),
    }),
    async close() {
      worker?.postMessage('stop');
      await ended;
    },
  };
}
