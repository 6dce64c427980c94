// A distributed installation on this machine for benchmarks: a real Kafka, a real ClickHouse that its services know by
// URL, and services as processes of their own. Nothing of it outlives this process.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Admin } from 'kafkajs';
import { ENRICHER_SERVICE } from '../../enricher/configuration.ts';
import { createLog } from '../../service/log.ts';
import { type ClickHouse, createStorage } from '../../storage/client.ts';
import type { EmbeddedAddress } from '../../storage/embedded/embedded.ts';
import { EmbeddedServer } from '../../storage/embedded/embedded.ts';
import type { KafkaCluster } from '../../testing/broker/broker.ts';
import { kafkaPresent, startKafka } from '../../testing/broker/broker.ts';
import { createKafka, topicsOf } from '../../transport/kafka/kafka.ts';
import { createService, type Service } from './service.ts';

export interface Installation {
  readonly folder: string;
  readonly kafka: KafkaCluster;
  readonly clickhouse: EmbeddedServer;
  readonly address: EmbeddedAddress;
  /** Past every proxy. */
  connect(database: string): ClickHouse;
  collector(name: string, flags?: Flags): Promise<Service>;
  enricher(name: string, flags?: Flags): Promise<Service>;
  /** How far a group of enrichers is, by the offsets that it has committed; undefined while Kafka does not answer. */
  progress(group?: string): Promise<Progress | undefined>;
  /** Batches that went to quarantine. */
  quarantined(): Promise<number>;
  /** Ends everything; `keep` leaves the folder with the logs of the services. */
  close(keep?: boolean): Promise<void>;
}

export interface Progress {
  /** Offsets at which the partitions end, and up to which they are stored. */
  readonly ends: readonly number[];
  readonly stored: readonly number[];
}

export type Flags = Readonly<Record<string, string | number>>;

export const PARTITIONS = 4;

export async function openInstallation(): Promise<Installation> {
  if (!kafkaPresent())
    throw new Error('this benchmark starts a real Kafka: java (17 or newer) and mvn must be on the PATH');
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-installation-'));
  const log = createLog('benchmark', 'error');
  const clickhouseFolder = join(folder, 'clickhouse');
  mkdirSync(clickhouseFolder);
  const clickhouse = new EmbeddedServer({ folder: clickhouseFolder, port: 0, log });
  const [kafka, address] = await Promise.all([startKafka(), clickhouse.start()]);
  const services: Service[] = [];
  const clients: ClickHouse[] = [];
  const configuration = ENRICHER_SERVICE.load({ flags: { kafka: kafka.brokers.join(',') } });
  const topics = topicsOf(configuration);
  const client = createKafka(configuration, 'benchmark', log);

  const endAll = () => {
    for (const service of services) void service.kill();
    for (const node of kafka.nodes) void node.kill();
  };
  const endOnSignal = () => process.exit(130);
  process.on('exit', endAll);
  process.on('SIGINT', endOnSignal);
  process.on('SIGTERM', endOnSignal);

  async function service(command: 'collector' | 'enricher', name: string, flags: Flags): Promise<Service> {
    const { url, user, password } = address;
    const all: Flags = {
      kafka: kafka.brokers.join(','),
      'kafka-partitions': PARTITIONS,
      ...(command === 'collector' && { 'collector-id': name }),
      ...(command === 'enricher' && { clickhouse: url, 'clickhouse-user': user, 'clickhouse-password': password }),
      ...flags,
    };
    const args = Object.entries(all).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
    const made = await createService({ name, command, folder, args });
    services.push(made);
    return made;
  }

  /** A connection of its own each time: one that outlived a broker would try that one first. */
  async function ask<T>(question: (admin: Admin) => Promise<T>): Promise<T | undefined> {
    const admin = client.admin({ retry: { retries: 0 } });
    try {
      await admin.connect();
      return await question(admin);
    } catch {
      return undefined;
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }

  return {
    folder,
    kafka,
    clickhouse,
    address,
    connect(database) {
      const storage = createStorage({ ...address, database, queryTimeoutMs: 300_000 });
      clients.push(storage);
      return storage;
    },
    collector: (name, flags = {}) => service('collector', name, flags),
    enricher: (name, flags = {}) => service('enricher', name, flags),
    progress: (group = configuration.kafkaGroup) =>
      ask(async admin => {
        const [ends, [committed]] = await Promise.all([
          admin.fetchTopicOffsets(topics.batches),
          admin.fetchOffsets({ groupId: group, topics: [topics.batches] }),
        ]);
        const inOrder = <T extends { partition: number }>(rows: readonly T[]) =>
          [...rows].sort((a, b) => a.partition - b.partition);
        return {
          ends: inOrder(ends).map(({ high }) => Number(high)),
          // Minus one: nothing yet.
          stored: inOrder(committed?.partitions ?? []).map(({ offset }) => Math.max(0, Number(offset))),
        };
      }),
    quarantined: async () => {
      const offsets = await ask(admin => admin.fetchTopicOffsets(topics.quarantine));
      return (offsets ?? []).reduce((sum, { high }) => sum + Number(high), 0);
    },
    async close(keep = false) {
      await Promise.all(services.map(running => running.kill()));
      await Promise.all(clients.map(storage => storage.close()));
      await Promise.all([kafka.stop(), clickhouse.stop()]);
      process.off('exit', endAll);
      process.off('SIGINT', endOnSignal);
      process.off('SIGTERM', endOnSignal);
      if (keep) process.stderr.write(`logs and data are kept in ${folder}\n`);
      else rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whether everything up to `ends` is stored. */
export function isStoredUpTo(ends: readonly number[], progress: Progress | undefined): boolean {
  return progress !== undefined && ends.every((end, partition) => (progress.stored[partition] ?? 0) >= end);
}
