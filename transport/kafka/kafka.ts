// The client of Kafka and the topics, shared by both ends. Only this folder knows kafkajs.
//
// Topics, each with the version of the flow schema in its name:
//   PREFIX-batches-vN     a message a batch, key: collector and worker, header `token`: the batch's identity
//   PREFIX-facts-vN       the same for facts, which every enricher reads whole
//   PREFIX-quarantine-vN  batches that can never be stored, header `reason`
// A message is a batch file (transport/batch-file.ts): its checksum travels with it.

import { readFileSync } from 'node:fs';
import kafkajs, { type Admin, type Kafka, type KafkaConfig, type SASLOptions } from 'kafkajs';
import type { BatchKind } from '../../schemas/batch.ts';
import { FLOW_SCHEMA_VERSION } from '../../schemas/flow.ts';
import { HairpinError } from '../../service/errors.ts';
import type { Log } from '../../service/log.ts';
import type { KafkaClientConfiguration, KafkaConfiguration } from './configuration.ts';
import { registerZstd } from './zstd.ts';

export const TOKEN_HEADER = 'token';
export const REASON_HEADER = 'reason';

/**
 * Tries of kafkajs multiply: each of a send or a fetch asks for the metadata anew, which has tries of its own. Whoever uses
 * the client goes on for ever, so few are enough, and that Kafka is away is known within seconds.
 */
const RETRY = { initialRetryTime: 200, maxRetryTime: 1000, retries: 3 };
/**
 * For members of a group: who gives up leaves, and who comes back is another one, for whom the group waits until the
 * session of the first is over. Ten minutes of tries keep the place.
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

/** A client; it retries by itself for a short while, or a long one when `patient`, and whoever uses it goes on for ever. */
export function createKafka(config: KafkaClientConfiguration, clientId: string, log: Log, patient = false): Kafka {
  registerZstd();
  const settings: KafkaConfig = {
    clientId,
    brokers: [...config.kafka],
    connectionTimeout: CONNECTION_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    retry: patient ? PATIENT_RETRY : RETRY,
    logLevel: kafkajs.logLevel.ERROR,
    // kafkajs tells of every try that fails; who uses the client says once what follows from it.
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

export interface TopicLimits {
  /** Most bytes of a message, compressed, that the topic takes. */
  readonly messageBytesMax: number;
}

/**
 * Makes the topics that are not there, with their settings, and reads the size of message that those there take. Throws
 * HairpinError KAFKA_UNREACHABLE.
 */
export async function prepareTopics(kafka: Kafka, config: KafkaConfiguration): Promise<TopicLimits> {
  const topics = topicsOf(config);
  const admin = kafka.admin();
  try {
    await admin.connect();
    const present = new Set(await admin.listTopics());
    const wanted = topicConfigurations(topics, config).filter(({ topic }) => !present.has(topic));
    // Another process may make them at the same time: then this answers false, and they are there.
    if (wanted.length > 0) await admin.createTopics({ topics: wanted, waitForLeaders: true });
    return { messageBytesMax: await messageBytesMax(admin, topics.batches) };
  } catch (error) {
    throw new HairpinError(
      'KAFKA_UNREACHABLE',
      `Kafka at ${config.kafka.join(', ')} does not serve: ${(error as Error).message}; check --kafka, TLS and SASL settings, and that the user may create topics or that ${Object.values(topics).join(', ')} exist`,
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
