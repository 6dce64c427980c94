// Three brokers, each batch on all of them and acknowledged by two at least: the leader of a partition dies under load,
// comes back, and the next leader dies. Every flow carries a number of its own: none is missing and none is stored twice.

import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runLoad } from '../benchmarks/load/load.ts';
import { parseLoadOptions } from '../benchmarks/load/options.ts';
import type { ClickHouse } from '../storage/client.ts';
import { type KafkaCluster, kafkaPresent, startKafka } from '../testing/broker/broker.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';
import { topicsOf } from '../transport/kafka/kafka.ts';

const DATABASE = 'failover';
const BROKERS = 3;
const { batches: TOPIC } = topicsOf({ kafkaPrefix: 'hairpin' });

describe.runIf(kafkaPresent())('a cluster of three brokers', () => {
  let kafka: KafkaCluster;
  let house: TestServer;
  let storage: ClickHouse;
  const running: RunningHairpin[] = [];

  beforeAll(async () => {
    [kafka, house] = await Promise.all([startKafka({ nodes: BROKERS, heapMiB: 256 }), startTestServer()]);
    storage = house.connect(DATABASE);
  }, 400_000);
  afterAll(async () => {
    await Promise.all(running.map(hairpin => (hairpin.process.exitCode === null ? hairpin.kill() : undefined)));
    await kafka?.stop();
    await house?.close();
  });

  async function start(command: 'collector' | 'enricher'): Promise<RunningHairpin> {
    const { url, user, password } = house.address;
    const clickhouse = ['--clickhouse', url, '--clickhouse-user', user, '--clickhouse-password', password];
    const broker = ['--kafka', kafka.brokers.join(','), '--kafka-partitions', '3'];
    const hairpin = await startHairpin({
      command,
      args: command === 'collector' ? broker : [...broker, ...clickhouse, '--clickhouse-database', DATABASE],
    });
    running.push(hairpin);
    return hairpin;
  }

  async function partition(): Promise<{ leader: number; replicas: number; inSync: number }> {
    const admin = new kafkajs.Kafka({ brokers: [...kafka.brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [TOPIC] });
      const { leader, replicas, isr } = topics[0]!.partitions.find(({ partitionId }) => partitionId === 0)!;
      return { leader, replicas: replicas.length, inSync: isr.length };
    } finally {
      await admin.disconnect();
    }
  }

  test('loses no flow and stores none twice when the leader dies, twice', async () => {
    await start('enricher');
    const collector = await start('collector');
    expect(await partition()).toMatchObject({ replicas: BROKERS, inSync: BROKERS });
    const abort = new AbortController();
    const to = `127.0.0.1:${collector.udpPort}`;
    const options = parseLoadOptions({ to, scenario: 'numbered', rate: 1000, seconds: 500 });
    const loading = runLoad(options, { signal: abort.signal });
    const killed: number[] = [];
    for (let time = 0; time < 2; time++) {
      const { leader } = await partition();
      killed.push(leader);
      const node = kafka.nodes.find(({ id }) => id === leader)!;
      await node.kill();
      await until(
        async () => {
          const now = await partition().catch(() => undefined);
          return now !== undefined && now.leader > 0 && now.leader !== leader;
        },
        60_000,
        'another leader',
      );
      const sentBefore = await collector.metric('kafka_batches_sent_total');
      await until(
        async () => (await collector.metric('kafka_batches_sent_total')) > sentBefore + 3,
        60_000,
        'batches taken by two brokers',
      );
      await node.start();
      await until(
        async () => (await partition().catch(() => undefined))?.inSync === BROKERS,
        90_000,
        'three replicas in sync',
      );
    }
    expect(killed[1]).not.toBe(killed[0]);
    abort.abort();
    const { flows } = await loading;
    await until(async () => (await numbers()).numbers >= flows, 60_000, `${flows} flows stored`);
    expect(await numbers()).toEqual({ records: flows, numbers: flows });
    expect(await collector.metric('encoder_rows_refused_total')).toBe(0);
  }, 560_000);

  async function numbers(): Promise<{ records: number; numbers: number }> {
    const [row] = await storage.select<{ records: string; numbers: string }>(
      'SELECT count() AS records, uniqExact(bytes) AS numbers FROM flows',
    );
    return { records: Number(row!.records), numbers: Number(row!.numbers) };
  }
});
