// The topic of batches that could never be stored, for people: what is in it, and putting batches back on their way. A topic
// only grows: a batch that was put back is followed by a message that names its offset (header `replayed`), and counts as
// gone unless it comes into quarantine again.

import { randomUUID } from 'node:crypto';
import kafkajs, { type Kafka, type KafkaMessage } from 'kafkajs';
import { parseToken } from '../../schemas/batch.ts';
import { HairpinError } from '../../service/errors.ts';
import type { Quarantined } from '../quarantine.ts';
import type { KafkaQuarantineConfiguration } from './configuration.ts';
import { REASON_HEADER, TOKEN_HEADER, topicOf, topicsOf } from './kafka.ts';

const REPLAYED_HEADER = 'replayed';
/** What a reader may take to join and to come to the end, since the last message. */
const SILENCE_MS_MAX = 30_000;

export interface QuarantineTopic {
  /** Oldest first; of a batch that is there several times the newest. */
  list(): Promise<Quarantined[]>;
  /** Puts batches back into the topic of their kind, where enrichers find them; resolves with those that were not there. */
  replay(tokens: readonly string[]): Promise<string[]>;
}

interface Held extends Quarantined {
  readonly offset: string;
}

export function createQuarantineTopic(config: KafkaQuarantineConfiguration, kafka: Kafka): QuarantineTopic {
  const topics = topicsOf(config);

  /** Every message up to the end that the topic has now. */
  async function read(take: (message: KafkaMessage) => Promise<void> | void): Promise<void> {
    const end = await endOf();
    if (end === 0n) return;
    const consumer = kafka.consumer({ groupId: `${config.kafkaGroup}-quarantine-${randomUUID()}` });
    let timer: NodeJS.Timeout | undefined;
    try {
      await consumer.connect();
      await consumer.subscribe({ topic: topics.quarantine, fromBeginning: true });
      await new Promise<void>((resolve, reject) => {
        const wait = () => {
          clearTimeout(timer);
          timer = setTimeout(() => reject(new Error(`nothing came for ${SILENCE_MS_MAX / 1000} s`)), SILENCE_MS_MAX);
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
      await consumer.disconnect().catch(() => {});
    }
  }

  async function endOf(): Promise<bigint> {
    const admin = kafka.admin();
    try {
      await admin.connect();
      const [partition] = await admin.fetchTopicOffsets(topics.quarantine);
      // Retention may have removed everything up to the end.
      return partition && partition.low !== partition.high ? BigInt(partition.high) : 0n;
    } catch (error) {
      throw new HairpinError(
        'KAFKA_UNREACHABLE',
        `${topics.quarantine} at ${config.kafka.join(', ')} cannot be read: ${(error as Error).message}; check --kafka and --kafka-prefix`,
        error,
      );
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }

  async function held(): Promise<Map<string, Held>> {
    const batches = new Map<string, Held>();
    await read(message => {
      const header = (name: string) => String(message.headers?.[name] ?? '');
      const token = header(TOKEN_HEADER);
      const replayed = header(REPLAYED_HEADER);
      if (replayed !== '') {
        // It may have come back before this was written.
        if (batches.get(token)?.offset === replayed) batches.delete(token);
        return;
      }
      // Re-inserted, so that the order is that of the newest.
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

  return {
    list: async () => [...(await held()).values()].map(({ offset: _, ...batch }) => batch),
    async replay(tokens) {
      const batches = await held();
      const wanted = new Map<string, string>();
      for (const token of tokens) {
        const batch = parseToken(token) && batches.get(token);
        if (batch) wanted.set(batch.offset, token);
      }
      const missing = tokens.filter(token => ![...wanted.values()].includes(token));
      if (wanted.size === 0) return missing;
      const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
      await producer.connect();
      try {
        await read(async ({ offset, value }) => {
          const token = wanted.get(offset);
          if (token === undefined) return;
          const { kind, collector, worker } = parseToken(token)!;
          const sent = { acks: -1, compression: kafkajs.CompressionTypes.ZSTD };
          await producer.send({
            ...sent,
            topic: topicOf(topics, kind),
            messages: [{ key: `${collector}.${worker}`, value, headers: { [TOKEN_HEADER]: token } }],
          });
          // Between the two it is in both places, and stored once: its token tells.
          await producer.send({
            ...sent,
            topic: topics.quarantine,
            messages: [{ value: null, headers: { [TOKEN_HEADER]: token, [REPLAYED_HEADER]: offset } }],
          });
        });
      } finally {
        await producer.disconnect().catch(() => {});
      }
      return missing;
    },
  };
}
