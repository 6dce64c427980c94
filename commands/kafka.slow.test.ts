// Collector, two enrichers and the query API as processes of their own, with a real Kafka between them and a real
// ClickHouse behind them. Every flow carries a number of its own: none is stored twice and none is missing, also when an
// enricher is killed in the middle and when Kafka is away for a while.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runLoad } from '../benchmarks/load/load.ts';
import { parseLoadOptions } from '../benchmarks/load/options.ts';
import type { ClickHouse } from '../storage/client.ts';
import { type KafkaCluster, kafkaPresent, startKafka } from '../testing/broker/broker.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';

const DATABASE = 'distributed';
const BYTES_BASE = 1_000_000;

const present = kafkaPresent();

describe.runIf(present)('an installation of several processes', () => {
  let kafka: KafkaCluster;
  let house: TestServer;
  let storage: ClickHouse;
  const running: RunningHairpin[] = [];

  beforeAll(async () => {
    [kafka, house] = await Promise.all([startKafka(), startTestServer()]);
    storage = house.connect(DATABASE);
  }, 400_000);
  afterAll(async () => {
    await Promise.all(running.map(hairpin => (hairpin.process.exitCode === null ? hairpin.kill() : undefined)));
    await kafka?.stop();
    await house?.close();
  });

  async function start(command: 'collector' | 'enricher' | 'query-api'): Promise<RunningHairpin> {
    const { url, user, password } = house.address;
    const clickhouse = ['--clickhouse', url, '--clickhouse-user', user, '--clickhouse-password', password];
    const broker = ['--kafka', kafka.brokers.join(','), '--kafka-partitions', '4'];
    const args = [
      ...(command === 'query-api' ? [] : broker),
      ...(command === 'collector' ? [] : [...clickhouse, '--clickhouse-database', DATABASE]),
    ];
    const hairpin = await startHairpin({ command, args });
    running.push(hairpin);
    return hairpin;
  }

  const load = (to: RunningHairpin, protocol: string, seconds: number) =>
    runLoad(parseLoadOptions({ to: `127.0.0.1:${to.udpPort}`, scenario: 'numbered', protocol, rate: 5000, seconds }));

  /** Records, different numbers and the highest number of one protocol. */
  async function numbersOf(protocol: string) {
    const [row] = await storage.select<{ records: string; numbers: string; last: string }>(
      `SELECT count() AS records, uniqExact(bytes) AS numbers, max(bytes) - {base:UInt64} AS last FROM flows
       WHERE protocol = transform({protocol:String}, ['netflow9', 'ipfix', 'netflow5'], [5, 6, 2], 0)`,
      { base: BYTES_BASE, protocol },
    );
    return { records: Number(row!.records), numbers: Number(row!.numbers), last: Number(row!.last) };
  }

  async function settled(protocol: string, flows: number): Promise<void> {
    await until(async () => (await numbersOf(protocol)).numbers >= flows, 90_000, `${flows} flows stored`);
    expect(await numbersOf(protocol)).toEqual({ records: flows, numbers: flows, last: flows - 1 });
  }

  test('stores every flow once; a second enricher shares the work, and may be killed', async () => {
    const first = await start('enricher');
    const collector = await start('collector');
    const api = await start('query-api');
    const { flows } = await load(collector, 'netflow9', 3);
    await settled('netflow9', flows);
    const matrix = await api.matrix('from=now-1h&by=app');
    expect(matrix.quality.accounting!.accepted).toBe(flows);

    const second = await start('enricher');
    await until(
      async () => (await first.metric('kafka_partitions')) === 2 && (await second.metric('kafka_partitions')) === 2,
      60_000,
      'two partitions each',
    );
    const loading = load(collector, 'ipfix', 8);
    await until(async () => (await second.metric('enricher_rows_stored_total')) > 0, 20_000, 'rows by the second');
    await second.kill();
    const { flows: more } = await loading;
    await settled('ipfix', more);
    await until(async () => (await first.metric('kafka_partitions')) === 4, 60_000, 'all partitions back');
  }, 300_000);

  test('loses nothing while Kafka is away', async () => {
    const collector = running.find(hairpin => hairpin.process.spawnargs.includes('collector'))!;
    const before = await collector.metric('collector_datagrams_total');
    const loading = load(collector, 'netflow5', 8);
    await until(
      async () => (await collector.metric('collector_datagrams_total')) > before + 10,
      10_000,
      'datagrams of the load',
    );
    await kafka.nodes[0]!.kill();
    await until(async () => (await collector.metric('kafka_up')) === 0, 60_000, 'Kafka noticed as away');
    expect((await fetch(`${collector.api}/readyz`)).status).toBe(503);
    await kafka.nodes[0]!.start();
    const { flows } = await loading;
    await settled('netflow5', flows);
    await until(async () => (await collector.metric('spool_bytes')) === 0, 60_000, 'the spool empty');
  }, 240_000);

  test('stops in order', async () => {
    for (const hairpin of running.filter(({ process }) => process.exitCode === null && process.signalCode === null))
      expect(await hairpin.stop(), hairpin.stderr()).toBe(0);
  }, 60_000);
});
