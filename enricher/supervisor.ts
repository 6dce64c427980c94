// The enricher seen from the main thread: started, started again when its thread dies, stopped. What it had not
// acknowledged stays in the spool and is taken up by the next thread.

import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { type CounterSpec, type Counters, openCounters } from '../service/counters.ts';
import { HairpinError } from '../service/errors.ts';
import type { Log } from '../service/log.ts';
import type { Metrics } from '../service/metrics.ts';
import type { KafkaSourceConfiguration } from '../transport/kafka/configuration.ts';
import { KAFKA_SOURCE_COUNTERS } from '../transport/kafka/kafka-source.ts';
import type { SpoolSettings } from '../transport/spool.ts';
import type { EnricherThreadConfiguration } from './configuration.ts';
import { ENRICHER_COUNTERS } from './counters.ts';
import type { EnricherData, EnricherMessage, StorageAddress } from './messages.ts';
import { openPrivacy } from './privacy.ts';

const RESTART_MS_MIN = 1000;
const RESTART_MS_MAX = 30_000;

const SUPERVISOR_COUNTERS = {
  restarts: { name: 'enricher_restarts_total', help: 'Enricher threads started again after they died.' },
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
  /** What the thread runs. */
  readonly program?: URL;
}

export function createEnricherSupervisor(
  configuration: EnricherThreadConfiguration,
  dependencies: SupervisorDependencies,
): EnricherSupervisor {
  const { log, metrics, storage, carrier } = dependencies;
  const announced = 'kafka' in carrier ? undefined : carrier.announced;
  const { restartMsMin = RESTART_MS_MIN, program = new URL('./enricher-thread.ts', import.meta.url) } = dependencies;
  const counters = openCounters(ENRICHER_COUNTERS);
  const own = openCounters(SUPERVISOR_COUNTERS);
  const kafka = openCounters(KAFKA_SOURCE_COUNTERS);
  let thread: Worker | undefined;
  let started = false;
  let relay: MessagePort | undefined;
  let restarting: NodeJS.Timeout | undefined;
  let stopping = false;

  // The port of the collector outlives an enricher thread: tokens are passed on to the one that runs.
  announced?.on('message', token => relay?.postMessage(token));

  async function launch(restarted: boolean): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const data: EnricherData = {
      configuration,
      storage,
      counters: counters.buffer,
      carrier:
        'kafka' in carrier
          ? { kafka: carrier.kafka, counters: kafka.buffer }
          : { spool: carrier.spool, announced: port1 },
      restarted,
    };
    const worker = new Worker(program, { workerData: data, transferList: 'kafka' in carrier ? [] : [port1] });
    thread = worker;
    relay = port2;
    worker.on('error', error => log.error({ err: error }, 'enricher died'));
    worker.once('exit', () => {
      if (thread !== worker) return;
      thread = undefined;
      if (started) restart(restartMsMin);
      started = false;
    });
    const message = await new Promise<EnricherMessage>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', code => reject(new Error(`the thread ended with code ${code} before it had started`)));
    });
    if (message.type === 'refused') {
      await worker.terminate();
      throw new HairpinError('DOCUMENT_REFUSED', message.message);
    }
    started = thread === worker;
  }

  function restart(delayMs: number): void {
    if (stopping) return;
    restarting = setTimeout(() => {
      own.add('restarts');
      launch(true).catch(error => {
        log.error({ err: error }, 'enricher could not be started again; it is tried again');
        restart(Math.min(2 * delayMs, RESTART_MS_MAX));
      });
    }, delayMs);
  }

  return {
    counters,
    running: () => started,
    kafkaUp: () => kafka.get('up') === 1,
    async start() {
      // The thread reads it again: here a key that is missing stops the start.
      openPrivacy(configuration);
      metrics.register(counters);
      metrics.register(own);
      if ('kafka' in carrier) metrics.register(kafka);
      await launch(false);
    },
    async stop() {
      stopping = true;
      announced?.close();
      relay?.close();
      clearTimeout(restarting);
      if (!thread) return;
      const exited = new Promise(resolve => thread?.once('exit', resolve));
      thread.postMessage('stop');
      await exited;
    },
  };
}
