// The client of Kafka and the topics, shared by both ends. Only this module imports kafkajs.
//
// Topics, each with the version of the flow schema in its name:
//   PREFIX-batches-vN     one message per batch, key: collector and worker, header `token`: the identity of the batch; minutes
//                         of collectors in every partition, header `share`
//   PREFIX-facts-vN       the same for facts, which every enricher reads whole
//   PREFIX-quarantine-vN  batches that can never be stored, header `reason`
// A message is a batch file (transport/batch-file.ts), so its checksum travels with it.

import { readFileSync } from 'node:fs';
import kafkajs, {
  type Admin,
  type Kafka,
  type KafkaConfig,
  type KafkaJSProtocolError,
  type Producer,
  type SASLOptions,
} from 'kafkajs';
import type { BatchKind } from '../../schemas/batch.ts';
import { FLOW_SCHEMA_VERSION } from '../../schemas/flow.ts';
import { HairpinError } from '../../service/errors.ts';
import type { Log } from '../../service/log.ts';
import type { KafkaClientConfiguration, KafkaConfiguration } from './configuration.ts';
import { zstd } from './zstd.ts';

export type { Consumer, EachBatchPayload, Kafka, KafkaMessage, Producer } from 'kafkajs';

// kafkajs knows the number of this codec, and has one table of codecs for the whole process.
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => zstd;

export const TOKEN_HEADER = 'token';
export const REASON_HEADER = 'reason';
/** Of minutes of collectors, which every partition gets: `2/12`, the partition and how many there are. */
export const SHARE_HEADER = 'share';

/** What a send needs so that every replica in sync has the batch before it is answered. */
export const DURABLE = { acks: -1, compression: kafkajs.CompressionTypes.ZSTD } as const;

/**
 * Tries of kafkajs multiply: each try of a send or a fetch requests the metadata, which has tries of its own. The callers
 * retry without an end, so few tries are enough here, and it is known within seconds that Kafka is away.
 */
const RETRY = { initialRetryTime: 200, maxRetryTime: 1000, retries: 3 };
/**
 * For members of a group: a member that stops trying leaves, and when it comes back the group waits until the session of
 * the first has expired. Ten minutes of tries keep its place.
 */
const PATIENT_RETRY = { ...RETRY, retries: 600 };
const CONNECTION_MS_MAX = 5000;
const REQUEST_MS_MAX = 30_000;
const FACT_RETENTION_MS = 24 * 3_600_000;

export interface Topics {
  readonly batches: string;
  readonly facts: string;
  readonly quarantine: string;
}

export function topicsOf({ kafkaPrefix }: Pick<KafkaClientConfiguration, 'kafkaPrefix'>): Topics {
  const name = (topic: string) => `${kafkaPrefix}-${topic}-v${FLOW_SCHEMA_VERSION}`;
  return { batches: name('batches'), facts: name('facts'), quarantine: name('quarantine') };
}

export function topicOf(topics: Topics, kind: BatchKind): string {
  return kind === 'facts' ? topics.facts : topics.batches;
}

/** A client that retries for a short while, or for ten minutes when it is `patient`. The callers retry without an end. */
export function createKafka(config: KafkaClientConfiguration, clientId: string, log: Log, patient = false): Kafka {
  const settings: KafkaConfig = {
    clientId,
    brokers: [...config.kafka],
    connectionTimeout: CONNECTION_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    retry: patient ? PATIENT_RETRY : RETRY,
    logLevel: kafkajs.logLevel.ERROR,
    // kafkajs logs every failed try; the callers log once what follows from it.
    logCreator: () => entry => log.debug({ kafka: entry.namespace }, entry.log.message),
    ...(config.kafkaTls && {
      ssl: config.kafkaTlsCa === '' ? true : { ca: [readFileSync(config.kafkaTlsCa, 'utf8')] },
    }),
    ...(config.kafkaSasl !== 'none' && {
      sasl: { mechanism: config.kafkaSasl, username: config.kafkaUser, password: config.kafkaPassword } as SASLOptions,
    }),
  };
  return new kafkajs.Kafka(settings);
}

/** With `retries`, tries of its own for each send instead of those of the client. */
export function createProducer(kafka: Kafka, retries?: number): Producer {
  return kafka.producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    ...(retries !== undefined && { retry: { retries } }),
  });
}

export interface TopicLimits {
  /** Most bytes of a compressed message that the topic accepts. */
  readonly messageBytesMax: number;
}

/**
 * Creates the topics that are missing, with their settings, and reads the message size that the topic of batches accepts.
 * Throws HairpinError KAFKA_UNREACHABLE.
 */
export async function prepareTopics(kafka: Kafka, config: KafkaConfiguration): Promise<TopicLimits> {
  const topics = topicsOf(config);
  const admin = kafka.admin();
  try {
    await admin.connect();
    const present = new Set(await admin.listTopics());
    const wanted = topicConfigurations(topics, config).filter(({ topic }) => !present.has(topic));
    // Another process may create them at the same time: then this answers false, and they are there.
    if (wanted.length > 0) await admin.createTopics({ topics: wanted, waitForLeaders: true });
    return { messageBytesMax: await messageBytesMax(admin, topics.batches) };
  } catch (error) {
    throw new HairpinError(
      'KAFKA_UNREACHABLE',
      `Kafka at ${config.kafka.join(', ')} cannot be used: ${(error as Error).message}; check --kafka, TLS and SASL settings, and that the user may create topics or that ${Object.values(topics).join(', ')} exist`,
      error,
    );
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

function topicConfigurations(topics: Topics, config: KafkaConfiguration) {
  const entries = (settings: Readonly<Record<string, number | string>>) =>
    Object.entries(settings).map(([name, value]) => ({ name, value: String(value) }));
  const common = { 'max.message.bytes': config.kafkaMessageBytesMax, 'cleanup.policy': 'delete' };
  const retention = { 'retention.ms': config.kafkaRetentionHours * 3_600_000 };
  const replicationFactor = config.kafkaReplication;
  return [
    {
      topic: topics.batches,
      numPartitions: config.kafkaPartitions,
      replicationFactor,
      configEntries: entries({ ...common, ...retention }),
    },
    {
      topic: topics.facts,
      numPartitions: 1,
      replicationFactor,
      configEntries: entries({ ...common, 'retention.ms': FACT_RETENTION_MS }),
    },
    {
      topic: topics.quarantine,
      numPartitions: 1,
      replicationFactor,
      configEntries: entries({ ...common, 'retention.ms': -1, 'retention.bytes': 1024 ** 3 }),
    },
  ];
}

async function messageBytesMax(admin: Admin, topic: string): Promise<number> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: ['max.message.bytes'] }],
  });
  const value = Number(
    resources[0]?.configEntries.find(entry => entry.configName === 'max.message.bytes')?.configValue,
  );
  return Number.isFinite(value) && value > 0 ? value : 1_000_000;
}

export async function countPartitions(kafka: Kafka, topic: string): Promise<number> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return Math.max(1, topics[0]?.partitions.length ?? 1);
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

/** The offset behind the last message of a topic of one partition; 0 when it holds none. Throws KAFKA_UNREACHABLE. */
export async function endOfTopic(kafka: Kafka, config: KafkaClientConfiguration, topic: string): Promise<bigint> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const [partition] = await admin.fetchTopicOffsets(topic);
    // Retention may have removed everything up to the end.
    return partition && partition.low !== partition.high ? BigInt(partition.high) : 0n;
  } catch (error) {
    throw new HairpinError(
      'KAFKA_UNREACHABLE',
      `${topic} at ${config.kafka.join(', ')} cannot be read: ${(error as Error).message}; check --kafka and --kafka-prefix`,
      error,
    );
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

/** MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE. */
const TOO_LARGE: ReadonlySet<number> = new Set([10, 18]);

/** Whether the topic refused a message for its size. */
export function isTooLarge(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause ?? (at as { originalError?: unknown }).originalError)
    if (TOO_LARGE.has((at as KafkaJSProtocolError).code as unknown as number)) return true;
  return false;
}
