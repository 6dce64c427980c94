// The quarantine topic, for people: its list of batches, and their replay. A topic only grows. A batch that was replayed is
// followed by a message that names its offset (header `replayed`), and counts as gone unless it comes into quarantine again.

import { randomUUID } from 'node:crypto';
import { parseToken } from '../../schemas/batch.ts';
import type { Quarantined } from '../transport.ts';
import type { KafkaQuarantineConfiguration } from './configuration.ts';
import type { Consumer, Kafka, KafkaMessage, Producer, Topics } from './kafka.ts';
import { createProducer, DURABLE, endOfTopic, REASON_HEADER, TOKEN_HEADER, topicOf, topicsOf } from './kafka.ts';

const REPLAYED_HEADER = 'replayed';
/** The longest that a reader may take to join and, after each message, to receive the next one. */
const SILENCE_MS_MAX = 30_000;

interface Held extends Quarantined {
  readonly offset: string;
}

type Take = (message: KafkaMessage) => Promise<void> | void;

export class QuarantineTopic {
  readonly #config: KafkaQuarantineConfiguration;
  readonly #kafka: Kafka;
  readonly #topics: Topics;

  constructor(config: KafkaQuarantineConfiguration, kafka: Kafka) {
    this.#config = config;
    this.#kafka = kafka;
    this.#topics = topicsOf(config);
  }

  /** Oldest first. A batch that is there several times is listed as its newest. */
  async list(): Promise<Quarantined[]> {
    return [...(await this.#held()).values()].map(({ offset: _, ...batch }) => batch);
  }

  /** Moves batches back into the topic of their kind, where enrichers find them; resolves with those that were not found. */
  async replay(tokens: readonly string[]): Promise<string[]> {
    const held = await this.#held();
    const tokenAt = new Map<string, string>();
    for (const token of tokens) {
      const batch = parseToken(token) && held.get(token);
      if (batch) tokenAt.set(batch.offset, token);
    }
    const found = new Set(tokenAt.values());
    if (found.size > 0) await this.#replay(tokenAt);
    return tokens.filter(token => !found.has(token));
  }

  /** `tokenAt` has the tokens by offset in the topic. */
  async #replay(tokenAt: ReadonlyMap<string, string>): Promise<void> {
    const producer = createProducer(this.#kafka);
    await producer.connect();
    try {
      await this.#read(async message => {
        const token = tokenAt.get(message.offset);
        if (token !== undefined) await this.#sendBack(producer, token, message);
      });
    } finally {
      await producer.disconnect().catch(() => {});
    }
  }

  /** Between the two sends the batch is in both topics; its token makes that harmless. */
  async #sendBack(producer: Producer, token: string, { offset, value }: KafkaMessage): Promise<void> {
    const { kind, collector, worker } = parseToken(token)!;
    await producer.send({
      ...DURABLE,
      topic: topicOf(this.#topics, kind),
      messages: [{ key: `${collector}.${worker}`, value, headers: { [TOKEN_HEADER]: token } }],
    });
    await producer.send({
      ...DURABLE,
      topic: this.#topics.quarantine,
      messages: [{ value: null, headers: { [TOKEN_HEADER]: token, [REPLAYED_HEADER]: offset } }],
    });
  }

  /** By token; a message without one by its offset. */
  async #held(): Promise<Map<string, Held>> {
    const batches = new Map<string, Held>();
    await this.#read(message => {
      const header = (name: string) => String(message.headers?.[name] ?? '');
      const token = header(TOKEN_HEADER);
      const replayed = header(REPLAYED_HEADER);
      if (replayed !== '') {
        // It may have come back before this was written.
        if (batches.get(token)?.offset === replayed) batches.delete(token);
        return;
      }
      // Deleted first, so that the order is that of the newest.
      batches.delete(token);
      batches.set(token || message.offset, {
        token,
        bytes: message.value?.length ?? 0,
        reason: header(REASON_HEADER),
        at: new Date(Number(message.timestamp)).toISOString(),
        offset: message.offset,
      });
    });
    return batches;
  }

  /** Every message up to the end that the topic has now. */
  async #read(take: Take): Promise<void> {
    const end = await endOfTopic(this.#kafka, this.#config, this.#topics.quarantine);
    if (end === 0n) return;
    const consumer = this.#kafka.consumer({ groupId: `${this.#config.kafkaGroup}-quarantine-${randomUUID()}` });
    try {
      await consumer.connect();
      await consumer.subscribe({ topic: this.#topics.quarantine, fromBeginning: true });
      await readUntil(consumer, end, take);
    } finally {
      await consumer.disconnect().catch(() => {});
    }
  }
}

/** Rejects when nothing comes for too long. */
async function readUntil(consumer: Consumer, end: bigint, take: Take): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const wait = () => {
        clearTimeout(timer);
        const late = `the topic delivered nothing for ${SILENCE_MS_MAX / 1000} s`;
        timer = setTimeout(() => reject(new Error(late)), SILENCE_MS_MAX);
      };
      wait();
      consumer
        .run({
          autoCommit: false,
          eachMessage: async ({ message }) => {
            wait();
            if (BigInt(message.offset) < end) await Promise.resolve(take(message)).catch(reject);
            if (BigInt(message.offset) + 1n >= end) resolve();
          },
        })
        .catch(reject);
    });
  } finally {
    clearTimeout(timer);
  }
}
