// From the spool into Kafka. A batch leaves the spool when every replica in sync has it (acks = all). While Kafka is away
// the batches wait on disk, up to the bound of the spool; when it returns, three of four sends take the oldest batch and
// the fourth the newest, so that what is new is seen while the backlog goes. Order is not promised: flows carry their time
// and batches their token. A send whose answer is lost is repeated; the enricher's token tells.

import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import kafkajs, { type Kafka, type KafkaJSProtocolError, type Producer } from 'kafkajs';
import { tokenOf } from '../../schemas/batch.ts';
import { type CounterSpec, type Counters, openCounters } from '../../service/counters.ts';
import { createThrottle, type Log } from '../../service/log.ts';
import { batchHeader } from '../batch-file.ts';
import type { SpoolDelivery, SpoolSource } from '../spool-source.ts';
import type { KafkaOutboxConfiguration } from './configuration.ts';
import { prepareTopics, TOKEN_HEADER, topicOf, topicsOf } from './kafka.ts';
import { splitBatch } from './split-batch.ts';

export const OUTBOX_COUNTERS = {
  sent: { name: 'kafka_batches_sent_total', help: 'batches that Kafka has' },
  bytes: { name: 'kafka_bytes_sent_total', help: 'bytes of these batches before compression' },
  retried: { name: 'kafka_sends_retried_total', help: 'sends that failed and were repeated' },
  split: { name: 'kafka_batches_split_total', help: 'batches halved because the topic takes no message of their size' },
  unsplittable: {
    name: 'kafka_batches_unsplittable_total',
    help: 'batches of one row that the topic refuses for their size; they go to quarantine',
  },
  up: { name: 'kafka_up', help: '1 while Kafka answers' },
  inFlight: { name: 'kafka_sends_in_flight', help: 'sends on their way' },
} as const satisfies Record<string, CounterSpec>;

/** Every so many batches the newest is taken instead of the oldest. */
export const NEWEST_EVERY = 4;

/** Within the client, after it has asked who leads the partition now; what fails then is counted and tried again here. */
const SEND_RETRIES = 1;
const STOP_MS_MAX = 10_000;
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 5000;

export interface Outbox {
  start(): void;
  /**
   * Takes no further batch and waits for the sends on their way, at most `deadlineMs`, and not at all while Kafka is away;
   * what is left stays in the spool.
   */
  stop(deadlineMs?: number): Promise<void>;
  readonly counters: Counters<typeof OUTBOX_COUNTERS>;
  /** Whether Kafka took the last batch. */
  running(): boolean;
}

export interface OutboxDependencies {
  readonly kafka: Kafka;
  /** Made with `newestEvery: NEWEST_EVERY`. */
  readonly source: SpoolSource;
  readonly log: Log;
}

export function createOutbox(config: KafkaOutboxConfiguration, { kafka, source, log }: OutboxDependencies): Outbox {
  const counters = openCounters(OUTBOX_COUNTERS);
  const topics = topicsOf(config);
  const throttle = createThrottle();
  const stopping = new AbortController();
  const deadline = new AbortController();
  const inFlight = new Set<Promise<void>>();
  let producer: Producer | undefined;
  let partitions = config.kafkaPartitions;
  let running = Promise.resolve();

  /** A producer that is connected, or the reason why none is. */
  async function connected(): Promise<Producer> {
    if (producer) return producer;
    await prepareTopics(kafka, config);
    const fresh = kafka.producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      retry: { retries: SEND_RETRIES },
    });
    await fresh.connect();
    partitions = await countPartitions(kafka, topics.batches);
    producer = fresh;
    return fresh;
  }

  async function send(delivery: SpoolDelivery, value: Buffer): Promise<void> {
    const { identity } = delivery;
    const token = tokenOf(identity);
    const key = `${identity.collector}.${identity.worker}`;
    for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      try {
        const out = await connected();
        await out.send({
          topic: topicOf(topics, identity.kind),
          acks: -1,
          compression: kafkajs.CompressionTypes.ZSTD,
          messages: [
            {
              key,
              value,
              headers: { [TOKEN_HEADER]: token },
              // A busy collector serves every enricher: its batches go round the partitions.
              partition: identity.kind === 'facts' ? 0 : (crc32(key) + identity.sequence) % partitions,
            },
          ],
        });
        counters.add('sent');
        counters.add('bytes', value.length);
        counters.set('up', 1);
        if (!deadline.signal.aborted) delivery.acknowledge();
        return;
      } catch (error) {
        if (isTooLarge(error)) return halve(delivery, value);
        counters.set('up', 0);
        counters.add('retried');
        throttle('send', heldBack =>
          log.warn(
            { heldBack },
            `Kafka takes no batch, it waits in the spool: ${(error as Error).message}; see docs/TROUBLESHOOTING.md, "Kafka away"`,
          ),
        );
        await sleep(pauseMs, undefined, { signal: deadline.signal }).catch(() => {});
        if (deadline.signal.aborted) return;
      }
    }
  }

  /** A refusal for size says that the topic has not got the batch: it is halved in the spool and both parts follow. */
  function halve(delivery: SpoolDelivery, value: Buffer): void {
    const parts = splitBatch(delivery.identity, value.subarray(value.length - delivery.arrowBytes));
    if (parts.length === 0) {
      counters.add('unsplittable');
      delivery.quarantine('a single row is larger than the topic takes');
      return;
    }
    counters.add('split');
    throttle('split', heldBack =>
      log.warn(
        { heldBack, bytes: value.length },
        `the topic takes no message of this size: the batch is halved; raise max.message.bytes of ${topics.batches} to ${config.kafkaMessageBytesMax}`,
      ),
    );
    delivery.replace(parts);
  }

  /** Before there is anything to send, so that the process is ready when Kafka is. */
  async function greet(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await connected();
        counters.set('up', 1);
        return;
      } catch (error) {
        throttle('send', heldBack =>
          log.warn({ heldBack }, `Kafka does not answer, batches wait in the spool: ${(error as Error).message}`),
        );
        await sleep(PAUSE_MS_MAX, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
  }

  async function run(): Promise<void> {
    await greet();
    while (!stopping.signal.aborted) {
      let delivery: SpoolDelivery | undefined;
      try {
        delivery = await source.next();
      } catch (error) {
        throttle('spool', heldBack => log.error({ heldBack }, `no batch from the spool: ${(error as Error).message}`));
        await sleep(PAUSE_MS_MAX, undefined, { signal: stopping.signal }).catch(() => {});
        continue;
      }
      if (!delivery) break;
      // The delivery's bytes are valid until the next is asked for; the message has a copy.
      const value = Buffer.concat([batchHeader(tokenOf(delivery.identity), [delivery.arrow]), delivery.arrow]);
      const work = send(delivery, value).finally(() => {
        inFlight.delete(work);
        counters.set('inFlight', inFlight.size);
      });
      inFlight.add(work);
      counters.set('inFlight', inFlight.size);
      while (inFlight.size >= config.kafkaInFlightMax) await Promise.race(inFlight);
    }
  }

  return {
    counters,
    running: () => counters.get('up') === 1,
    start() {
      running = run();
    },
    async stop(deadlineMs = counters.get('up') === 1 ? STOP_MS_MAX : 0) {
      stopping.abort();
      source.close();
      const timer = setTimeout(() => deadline.abort(), deadlineMs);
      const aborted = new Promise<void>(resolve => deadline.signal.addEventListener('abort', () => resolve()));
      await Promise.race([running.then(() => Promise.all(inFlight)), aborted]);
      clearTimeout(timer);
      deadline.abort();
      await producer?.disconnect().catch(() => {});
    },
  };
}

async function countPartitions(kafka: Kafka, topic: string): Promise<number> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return Math.max(1, topics[0]?.partitions.length ?? 1);
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

/** MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE. */
const TOO_LARGE: ReadonlySet<number> = new Set([10, 18]);

function isTooLarge(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause ?? (at as { originalError?: unknown }).originalError)
    if (TOO_LARGE.has((at as KafkaJSProtocolError).code as unknown as number)) return true;
  return false;
}
