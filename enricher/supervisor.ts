// The enricher seen from the main thread: started, started again when its thread dies, stopped. What it had not
// acknowledged stays in the spool and is taken up by the next thread.

import { once } from 'node:events';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Configuration } from '../schemas/configuration.ts';
import { type CounterSpec, type Counters, openCounters } from '../service/counters.ts';
import { HairpinError } from '../service/errors.ts';
import type { Log } from '../service/log.ts';
import type { Metrics } from '../service/metrics.ts';
import type { SpoolSettings } from '../transport/spool.ts';
import { ENRICHER_COUNTERS } from './counters.ts';
import type { EnricherData, EnricherMessage, StorageAddress } from './messages.ts';

const RESTART_DELAY_MS = 1000;

const SUPERVISOR_COUNTERS = {
  restarts: { name: 'enricher_restarts_total', help: 'Enricher threads started again after they died.' },
} as const satisfies Record<string, CounterSpec>;

export interface EnricherSupervisor {
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly counters: Counters<typeof ENRICHER_COUNTERS>;
  running(): boolean;
}

export interface SupervisorDependencies {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly storage: StorageAddress;
  readonly spool: SpoolSettings;
  /** Tokens of stored batches arrive here. */
  readonly announced: MessagePort;
}

export function createEnricherSupervisor(
  configuration: Configuration,
  { log, metrics, storage, spool, announced }: SupervisorDependencies,
): EnricherSupervisor {
  const counters = openCounters(ENRICHER_COUNTERS);
  const own = openCounters(SUPERVISOR_COUNTERS);
  let thread: Worker | undefined;
  let relay: MessagePort | undefined;
  let stopping = false;

  // The port of the collector outlives an enricher thread: tokens are passed on to the one that runs.
  announced.on('message', token => relay?.postMessage(token));

  async function launch(): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const data: EnricherData = { configuration, storage, spool, counters: counters.buffer, announced: port1 };
    const worker = new Worker(new URL('./enricher-thread.ts', import.meta.url), {
      workerData: data,
      transferList: [port1],
    });
    relay = port2;
    let started = false;
    worker.on('error', error => log.error({ err: error }, 'enricher died'));
    worker.once('exit', () => {
      thread = undefined;
      if (started && !stopping) setTimeout(restart, RESTART_DELAY_MS);
    });
    const message = await new Promise<EnricherMessage>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    if (message.type === 'refused') {
      await worker.terminate();
      throw new HairpinError('DOCUMENT_REFUSED', message.message);
    }
    started = true;
    thread = worker;
  }

  function restart(): void {
    if (stopping) return;
    own.add('restarts');
    launch().catch(error => log.error({ err: error }, 'enricher could not be started again'));
  }

  return {
    counters,
    running: () => thread !== undefined,
    async start() {
      metrics.register(counters);
      metrics.register(own);
      await launch();
    },
    async stop() {
      stopping = true;
      announced.close();
      relay?.close();
      if (!thread) return;
      const exited = once(thread, 'exit');
      thread.postMessage('stop');
      await exited;
    },
  };
}
