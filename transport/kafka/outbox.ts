// From the spool into Kafka. A batch leaves the spool when every replica in sync has it. While Kafka is away the batches
// wait on disk, up to the bound of the spool. When it is back, three of four sends take the oldest batch and the fourth
// the newest, so that new traffic is visible while the backlog drains. Order is not promised: flows carry their time and
// batches their token. A send whose answer is lost is repeated, and the token makes that harmless.

import { crc32 } from 'node:zlib';
import { tokenOf } from '../../schemas/batch.ts';
import { type CounterSpec, type Counters, openCounters } from '../../service/counters.ts';
import { createThrottle, type Log } from '../../service/log.ts';
import { retry } from '../../service/retry.ts';
import { batchHeader } from '../batch-file.ts';
import type { SpoolDelivery, SpoolSource } from '../spool/source.ts';
import { isBarrier } from '../transport.ts';
import type { KafkaOutboxConfiguration } from './configuration.ts';
import type { Kafka, Producer, Topics } from './kafka.ts';
import {
  countPartitions,
  createProducer,
  DURABLE,
  isTooLarge,
  prepareTopics,
  SHARE_HEADER,
  TOKEN_HEADER,
  topicOf,
  topicsOf,
} from './kafka.ts';
import { splitBatch } from './split-batch.ts';

export const OUTBOX_COUNTERS = {
  sent: { name: 'kafka_batches_sent_total', help: 'batches that Kafka has' },
  bytes: { name: 'kafka_bytes_sent_total', help: 'bytes of these batches before compression' },
  retried: { name: 'kafka_sends_retried_total', help: 'sends that failed and were repeated' },
  split: {
    name: 'kafka_batches_split_total',
    help: 'batches halved because the topic accepts no message of their size',
  },
  unsplittable: {
    name: 'kafka_batches_unsplittable_total',
    help: 'batches of one row that the topic refuses for their size; they are moved to quarantine',
  },
  up: { name: 'kafka_up', help: '1 while Kafka answers' },
  inFlight: { name: 'kafka_sends_in_flight', help: 'sends in flight' },
} as const satisfies Record<string, CounterSpec>;

/** One batch in so many is the newest instead of the oldest. */
export const NEWEST_EVERY = 4;

/** Of the client, after it has looked up the new leader of the partition. Later failures are counted and retried here. */
const SEND_RETRIES = 1;
const STOP_MS_MAX = 10_000;
const SEND_PAUSES = { pauseMsMin: 100, pauseMsMax: 5000 };
const IDLE_PAUSES = { pauseMsMin: 5000, pauseMsMax: 5000 };

export interface OutboxDependencies {
  readonly kafka: Kafka;
  /** Made with `newestEvery: NEWEST_EVERY`. */
  readonly source: SpoolSource;
  readonly log: Log;
}

export class Outbox {
  readonly counters: Counters<typeof OUTBOX_COUNTERS> = openCounters(OUTBOX_COUNTERS);
  readonly #config: KafkaOutboxConfiguration;
  readonly #kafka: Kafka;
  readonly #source: SpoolSource;
  readonly #log: Log;
  readonly #topics: Topics;
  readonly #throttle = createThrottle();
  /** Ends the loop that takes batches. */
  readonly #stopping = new AbortController();
  /** Ends the sends in flight. */
  readonly #deadline = new AbortController();
  readonly #inFlight = new Set<Promise<void>>();
  #producer: Producer | undefined;
  #partitions: number;
  #loop = Promise.resolve();

  constructor(config: KafkaOutboxConfiguration, { kafka, source, log }: OutboxDependencies) {
    this.#config = config;
    this.#kafka = kafka;
    this.#source = source;
    this.#log = log;
    this.#topics = topicsOf(config);
    this.#partitions = config.kafkaPartitions;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Whether Kafka accepted the last batch. */
  running(): boolean {
    return this.counters.get('up') === 1;
  }

  /**
   * Takes no further batch and waits for the sends in flight: at most `deadlineMs`, and not at all while Kafka is away.
   * Batches that were not sent stay in the spool.
   */
  async stop(deadlineMs = this.running() ? STOP_MS_MAX : 0): Promise<void> {
    this.#stopping.abort();
    this.#source.close();
    const { signal } = this.#deadline;
    const timer = setTimeout(() => this.#deadline.abort(), deadlineMs);
    const aborted = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()));
    await Promise.race([this.#loop.then(() => Promise.all(this.#inFlight)), aborted]);
    clearTimeout(timer);
    this.#deadline.abort();
    await this.#producer?.disconnect().catch(() => {});
  }

  async #run(): Promise<void> {
    await this.#connectFirst();
    for (let delivery = await this.#next(); delivery; delivery = await this.#next()) {
      // The bytes of a delivery are valid until the next one is taken; the message has a copy.
      const value = Buffer.concat([batchHeader(tokenOf(delivery.identity), [delivery.arrow]), delivery.arrow]);
      const work = this.#send(delivery, value).finally(() => {
        this.#inFlight.delete(work);
        this.counters.set('inFlight', this.#inFlight.size);
      });
      this.#inFlight.add(work);
      this.counters.set('inFlight', this.#inFlight.size);
      while (this.#inFlight.size >= this.#config.kafkaInFlightMax) await Promise.race(this.#inFlight);
    }
  }

  /** Before there is anything to send, so that the process is ready as soon as Kafka is. */
  async #connectFirst(): Promise<void> {
    const onFailure = (error: unknown) =>
      this.#throttle('send', heldBack =>
        this.#log.warn({ heldBack }, `Kafka does not answer, batches wait in the spool: ${(error as Error).message}`),
      );
    const { signal } = this.#stopping;
    const producer = await retry(() => this.#connected(), { pauses: IDLE_PAUSES, signal, onFailure });
    if (producer) this.counters.set('up', 1);
  }

  #next(): Promise<SpoolDelivery | undefined> {
    const onFailure = (error: unknown) =>
      this.#throttle('spool', heldBack =>
        this.#log.error({ heldBack }, `no batch from the spool: ${(error as Error).message}`),
      );
    return retry(() => this.#source.next(), { pauses: IDLE_PAUSES, signal: this.#stopping.signal, onFailure });
  }

  async #connected(): Promise<Producer> {
    if (this.#producer) return this.#producer;
    await prepareTopics(this.#kafka, this.#config);
    const producer = createProducer(this.#kafka, SEND_RETRIES);
    await producer.connect();
    this.#partitions = await countPartitions(this.#kafka, this.#topics.batches);
    this.#producer = producer;
    return producer;
  }

  async #send(delivery: SpoolDelivery, value: Buffer): Promise<void> {
    const { signal } = this.#deadline;
    const onFailure = (error: unknown) => {
      this.counters.set('up', 0);
      this.counters.add('retried');
      this.#throttle('send', heldBack =>
        this.#log.warn(
          { heldBack },
          `Kafka accepts no batch, it waits in the spool: ${(error as Error).message}; see docs/TROUBLESHOOTING.md, "Kafka unreachable"`,
        ),
      );
    };
    const send = () => this.#sendOnce(delivery, value);
    const outcome = await retry(send, { pauses: SEND_PAUSES, signal, onFailure });
    if (outcome === 'too-large') this.#halve(delivery, value);
    if (outcome !== 'sent') return;
    this.counters.add('sent');
    this.counters.add('bytes', value.length);
    this.counters.set('up', 1);
    if (!signal.aborted) delivery.acknowledge();
  }

  async #sendOnce({ identity }: SpoolDelivery, value: Buffer): Promise<'sent' | 'too-large'> {
    const key = `${identity.collector}.${identity.worker}`;
    const headers = { [TOKEN_HEADER]: tokenOf(identity) };
    try {
      const producer = await this.#connected();
      // A busy collector serves every enricher: its batches take the partitions in turn.
      const partition = identity.kind === 'facts' ? 0 : (crc32(key) + identity.sequence) % this.#partitions;
      const topic = topicOf(this.#topics, identity.kind);
      const message = { key, value, headers, partition };
      const messages = isBarrier(identity) ? this.#copies(message) : [message];
      await producer.send({ ...DURABLE, topic, messages });
      return 'sent';
    } catch (error) {
      if (isTooLarge(error)) return 'too-large';
      throw error;
    }
  }

  /** One for each partition: in each it comes behind what the collector sent there before. */
  #copies<M extends { readonly headers: object }>(message: M) {
    const of = this.#partitions;
    return Array.from({ length: of }, (_, partition) => ({
      ...message,
      partition,
      headers: { ...message.headers, [SHARE_HEADER]: `${partition}/${of}` },
    }));
  }

  /** A refusal for size means that the topic has no part of the batch: its halves replace it in the spool and follow. */
  #halve(delivery: SpoolDelivery, value: Buffer): void {
    const parts = splitBatch(delivery.identity, value.subarray(value.length - delivery.arrowBytes));
    if (parts.length === 0) {
      this.counters.add('unsplittable');
      delivery.quarantine('a single row is larger than the topic accepts');
      return;
    }
    this.counters.add('split');
    this.#throttle('split', heldBack =>
      this.#log.warn(
        { heldBack, bytes: value.length },
        `the topic accepts no message of this size, so the batch is halved; raise max.message.bytes of ${this.#topics.batches} to ${this.#config.kafkaMessageBytesMax}`,
      ),
    );
    delivery.replace(parts);
  }
}
