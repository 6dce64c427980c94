// The enricher seen from the main thread: started, restarted when its thread crashes, stopped. Batches that a crashed
// thread had not acknowledged stay in the spool or in Kafka, and the next thread takes them.

import type { MessagePort, Transferable } from 'node:worker_threads';
import { MessageChannel, Worker } from 'node:worker_threads';
import { type CounterSpec, type Counters, openCounters } from '../service/counters.ts';
import { HairpinError } from '../service/errors.ts';
import type { Log } from '../service/log.ts';
import type { Metrics } from '../service/metrics.ts';
import { SupervisedWorker } from '../service/worker.ts';
import type { StorageAddress } from '../storage/storage-address.ts';
import type { KafkaSourceConfiguration } from '../transport/kafka/configuration.ts';
import { openKafkaSourceCounters } from '../transport/kafka/source.ts';
import type { SpoolSettings } from '../transport/spool/spool.ts';
import type { EnricherThreadConfiguration } from './configuration.ts';
import { ENRICHER_COUNTERS } from './counters.ts';
import type { EnricherData, EnricherMessage } from './messages.ts';
import { openPrivacy } from './stages/privacy.ts';

const RESTART_PAUSES = { pauseMsMin: 1000, pauseMsMax: 30_000 };

const SUPERVISOR_COUNTERS = {
  restarts: { name: 'enricher_restarts_total', help: 'Enricher threads restarted after a crash.' },
} as const satisfies Record<string, CounterSpec>;

export interface EnricherSupervisor {
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly counters: Counters<typeof ENRICHER_COUNTERS>;
  running(): boolean;
  /** Whether the thread is a member of the group that reads from Kafka. */
  kafkaUp(): boolean;
}

export interface SupervisorDependencies {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly storage: StorageAddress;
  /** The spool, and the port where tokens of stored batches arrive; or Kafka. */
  readonly carrier:
    | { readonly spool: SpoolSettings; readonly announced: MessagePort }
    | { readonly kafka: KafkaSourceConfiguration };
  /** First pause before a restart; doubled after each one that fails. */
  readonly restartMsMin?: number;
  readonly spawn?: (data: EnricherData, transfer: readonly Transferable[]) => Worker;
}

export function createEnricherSupervisor(
  configuration: EnricherThreadConfiguration,
  dependencies: SupervisorDependencies,
): EnricherSupervisor {
  const { log, metrics, storage, carrier, spawn = spawnThread } = dependencies;
  const announced = 'kafka' in carrier ? undefined : carrier.announced;
  const counters = openCounters(ENRICHER_COUNTERS);
  const own = openCounters(SUPERVISOR_COUNTERS);
  const kafka = openKafkaSourceCounters();
  let relay: MessagePort | undefined;

  // The port of the collector outlives an enricher thread: tokens are relayed to the thread that runs.
  announced?.on('message', token => relay?.postMessage(token));

  const thread = new SupervisedWorker<'stop', EnricherMessage>({
    name: 'enricher thread',
    log,
    spawn(restarted) {
      const common = { configuration, storage, counters: counters.buffer, restarted };
      if ('kafka' in carrier)
        return spawn({ ...common, carrier: { kafka: carrier.kafka, counters: kafka.buffer } }, []);
      const { port1, port2 } = new MessageChannel();
      relay = port2;
      return spawn({ ...common, carrier: { spool: carrier.spool, announced: port1 } }, [port1]);
    },
    isStarted(message) {
      if (message.type === 'refused') throw new HairpinError('DOCUMENT_REFUSED', message.message);
      return true;
    },
    restart: {
      ...RESTART_PAUSES,
      ...(dependencies.restartMsMin !== undefined && { pauseMsMin: dependencies.restartMsMin }),
      onTry: () => own.add('restarts'),
    },
  });

  return {
    counters,
    running: () => thread.running,
    kafkaUp: () => kafka.get('up') === 1,
    async start() {
      // The thread reads the key again. Read here, a missing key stops the start.
      openPrivacy(configuration);
      metrics.register(counters);
      metrics.register(own);
      if ('kafka' in carrier) metrics.register(kafka);
      await thread.start();
    },
    async stop() {
      announced?.close();
      relay?.close();
      await thread.stop('stop');
    },
  };
}

function spawnThread(data: EnricherData, transfer: readonly Transferable[]): Worker {
  return new Worker(new URL('./enricher-thread.ts', import.meta.url), {
    workerData: data,
    transferList: [...transfer],
  });
}
