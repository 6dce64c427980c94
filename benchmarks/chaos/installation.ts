// A distributed installation on this machine for benchmarks: a real Kafka, a real ClickHouse that its services know by
// URL, and services as processes of their own. Nothing of it outlives this process.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Admin } from 'kafkajs';
import { ENRICHER_SERVICE } from '../../enricher/configuration.ts';
import { createLog, type Log } from '../../service/log.ts';
import { type ClickHouse, createStorage } from '../../storage/client.ts';
import type { EmbeddedAddress } from '../../storage/embedded/embedded.ts';
import { EmbeddedServer } from '../../storage/embedded/embedded.ts';
import type { KafkaCluster } from '../../testing/broker/broker.ts';
import { kafkaPresent, startKafka } from '../../testing/broker/broker.ts';
import { createKafka, type Kafka, type Topics, topicsOf } from '../../transport/kafka/kafka.ts';
import { createService, type Service } from './service.ts';

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
  return new Installation({ folder, kafka, clickhouse, address, log });
}

interface InstallationParts {
  readonly folder: string;
  readonly kafka: KafkaCluster;
  readonly clickhouse: EmbeddedServer;
  readonly address: EmbeddedAddress;
  readonly log: Log;
}

export class Installation {
  readonly folder: string;
  readonly kafka: KafkaCluster;
  readonly clickhouse: EmbeddedServer;
  readonly address: EmbeddedAddress;
  readonly #group: string;
  readonly #topics: Topics;
  readonly #client: Kafka;
  readonly #services: Service[] = [];
  readonly #clients: ClickHouse[] = [];
  readonly #endAll = () => {
    for (const service of this.#services) void service.kill();
    for (const node of this.kafka.nodes) void node.kill();
  };

  constructor({ folder, kafka, clickhouse, address, log }: InstallationParts) {
    this.folder = folder;
    this.kafka = kafka;
    this.clickhouse = clickhouse;
    this.address = address;
    const configuration = ENRICHER_SERVICE.load({ flags: { kafka: kafka.brokers.join(',') } });
    this.#group = configuration.kafkaGroup;
    this.#topics = topicsOf(configuration);
    this.#client = createKafka(configuration, 'benchmark', log);
    process.on('exit', this.#endAll);
    process.on('SIGINT', endOnSignal);
    process.on('SIGTERM', endOnSignal);
  }

  /** Past every proxy. */
  connect(database: string): ClickHouse {
    const storage = createStorage({ ...this.address, database, queryTimeoutMs: 300_000 });
    this.#clients.push(storage);
    return storage;
  }

  collector(name: string, flags: Flags = {}): Promise<Service> {
    return this.#service('collector', name, { 'collector-id': name, ...flags });
  }

  enricher(name: string, flags: Flags = {}): Promise<Service> {
    const { url, user, password } = this.address;
    const clickhouse = { clickhouse: url, 'clickhouse-user': user, 'clickhouse-password': password };
    return this.#service('enricher', name, { ...clickhouse, ...flags });
  }

  /** How far a group of enrichers is, by the offsets that it has committed; undefined while Kafka does not answer. */
  progress(group = this.#group): Promise<Progress | undefined> {
    const topic = this.#topics.batches;
    return this.#query(async admin => {
      const [ends, [committed]] = await Promise.all([
        admin.fetchTopicOffsets(topic),
        admin.fetchOffsets({ groupId: group, topics: [topic] }),
      ]);
      return {
        ends: byPartition(ends).map(({ high }) => Number(high)),
        // Minus one: nothing yet.
        stored: byPartition(committed?.partitions ?? []).map(({ offset }) => Math.max(0, Number(offset))),
      };
    });
  }

  /** Batches that went to quarantine. */
  async quarantined(): Promise<number> {
    const offsets = await this.#query(admin => admin.fetchTopicOffsets(this.#topics.quarantine));
    return (offsets ?? []).reduce((sum, { high }) => sum + Number(high), 0);
  }

  /** Ends everything; `keep` leaves the folder with the logs of the services. */
  async close(keep = false): Promise<void> {
    await Promise.all(this.#services.map(running => running.kill()));
    await Promise.all(this.#clients.map(storage => storage.close()));
    await Promise.all([this.kafka.stop(), this.clickhouse.stop()]);
    process.off('exit', this.#endAll);
    process.off('SIGINT', endOnSignal);
    process.off('SIGTERM', endOnSignal);
    if (keep) process.stderr.write(`logs and data are kept in ${this.folder}\n`);
    else rmSync(this.folder, { recursive: true, force: true });
  }

  async #service(command: 'collector' | 'enricher', name: string, flags: Flags): Promise<Service> {
    const all: Flags = { kafka: this.kafka.brokers.join(','), 'kafka-partitions': PARTITIONS, ...flags };
    const args = Object.entries(all).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
    const made = await createService({ name, command, folder: this.folder, args });
    this.#services.push(made);
    return made;
  }

  /** A connection of its own each time: one that outlived a broker would try that one first. */
  async #query<T>(query: (admin: Admin) => Promise<T>): Promise<T | undefined> {
    const admin = this.#client.admin({ retry: { retries: 0 } });
    try {
      await admin.connect();
      return await query(admin);
    } catch {
      return undefined;
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }
}

function endOnSignal(): void {
  process.exit(130);
}

function byPartition<T extends { readonly partition: number }>(rows: readonly T[]): T[] {
  return [...rows].sort((a, b) => a.partition - b.partition);
}

/** Whether everything up to `ends` is stored. */
export function isStoredUpTo(ends: readonly number[], progress: Progress | undefined): boolean {
  return progress !== undefined && ends.every((end, partition) => (progress.stored[partition] ?? 0) >= end);
}
