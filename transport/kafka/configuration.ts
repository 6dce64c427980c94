// Keys of Kafka: of every client, of whoever creates topics, and of each side of the topic of batches.

import { Type } from 'typebox';
import { HOST_PORT_EXPECTED, HOST_PORT_PATTERN } from '../../schemas/host-port.ts';
import type { ValuesOf } from '../../service/configuration.ts';

const MiB = 1024 * 1024;

export const KAFKA_CLIENT_KEYS = {
  kafka: Type.Array(Type.String({ pattern: `^${HOST_PORT_PATTERN}$`, expected: HOST_PORT_EXPECTED }), {
    default: [],
    uniqueItems: true,
    maxItems: 64,
    description: 'Kafka brokers, HOST:PORT, between collectors and enrichers',
  }),
  kafkaPrefix: Type.String({
    default: 'hairpin',
    pattern: '^[A-Za-z0-9._-]{1,100}$',
    expected: 'up to 100 letters, digits, dots, underscores and hyphens',
    description: 'first part of the names of topics',
  }),
  kafkaTls: Type.Boolean({ default: false, description: 'TLS to the brokers' }),
  kafkaTlsCa: Type.String({
    default: '',
    description: 'authorities (PEM) of their certificates; empty: those of the system',
  }),
  kafkaSasl: Type.Enum(['none', 'plain', 'scram-sha-256', 'scram-sha-512'], {
    default: 'none',
    description: 'SASL mechanism',
  }),
  kafkaUser: Type.String({ default: '', description: 'SASL user' }),
  kafkaPassword: Type.String({ default: '', description: 'SASL password; better given as HAIRPIN_KAFKA_PASSWORD' }),
};
export type KafkaClientConfiguration = ValuesOf<typeof KAFKA_CLIENT_KEYS>;

/** Collectors and enrichers alike create the topics that are missing. */
export const KAFKA_TOPIC_KEYS = {
  kafkaPartitions: Type.Integer({
    default: 12,
    minimum: 1,
    maximum: 10000,
    description: 'partitions of the topic of batches when it is created; at least one per enricher',
  }),
  kafkaReplication: Type.Integer({
    default: -1,
    minimum: -1,
    maximum: 10,
    description: 'replicas of topics when they are created; -1 is the default of the brokers',
  }),
  kafkaRetentionHours: Type.Integer({
    default: 168,
    minimum: 1,
    maximum: 87600,
    description: 'hours that batches stay in their topic; longer than enrichers are ever down',
  }),
  kafkaMessageBytesMax: Type.Integer({
    default: 16 * MiB,
    minimum: 65536,
    maximum: 256 * MiB,
    description: 'largest message of topics when they are created; larger batches are halved',
  }),
};
export type KafkaConfiguration = KafkaClientConfiguration & ValuesOf<typeof KAFKA_TOPIC_KEYS>;

/** The side that sends. */
export const KAFKA_OUTBOX_KEYS = {
  kafkaInFlightMax: Type.Integer({
    default: 4,
    minimum: 1,
    maximum: 64,
    description: 'batches in flight to Kafka at once',
  }),
};
export type KafkaOutboxConfiguration = KafkaConfiguration & ValuesOf<typeof KAFKA_OUTBOX_KEYS>;

/** The side that receives. */
export const KAFKA_GROUP_KEYS = {
  kafkaGroup: Type.String({
    default: 'hairpin-enrichers',
    pattern: '^[A-Za-z0-9._-]{1,100}$',
    expected: 'up to 100 letters, digits, dots, underscores and hyphens',
    description: 'consumer group of the enrichers',
  }),
};
export type KafkaSourceConfiguration = KafkaConfiguration & ValuesOf<typeof KAFKA_GROUP_KEYS>;
/** Who reads the topic of quarantine creates none. */
export type KafkaQuarantineConfiguration = KafkaClientConfiguration & ValuesOf<typeof KAFKA_GROUP_KEYS>;
