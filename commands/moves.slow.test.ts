// How soon a move is known: a record of a VM's own MAC at another access port is sent to a real Hairpin, and the API is asked
// until it reports the event. Nothing else flows, so that each such record opens a batch of its own and waits out its age: the
// longest way there is. With everything in one process, and with two enrichers behind a real Kafka.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { COLLECTOR_SERVICE } from '../collector/configuration.ts';
import type { KafkaCluster } from '../testing/broker/broker.ts';
import { kafkaPresent, startKafka } from '../testing/broker/broker.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { ip4, ipfix, set, template, u8, u16, u32, u64 } from '../testing/data/datagrams.ts';
import { freeUdpPort, type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';

const MOVES = 20;
const POLL_MS = 15;
/** Beyond the age of a batch, on a machine that is busy with other tests. */
const GENEROUS_MS = 5000;
const LEAVES = ['127.0.1.1', '127.0.1.2'] as const;

const folder = mkdtempSync(join(tmpdir(), 'hairpin-moves-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const mac = (i: number) => `02:00:00:00:01:${i.toString(16).padStart(2, '0')}`;
const address = (i: number) => `10.0.0.${i + 1}`;

/** VMs on the host at leaf 1, and a host at leaf 2 that they move to. */
function writeDocuments(): readonly string[] {
  const host = (id: string, leaf: string) => ({
    ...{ id, name: id, vswitches: [{ id: 'v', uplinks: ['p'] }] },
    pnics: [{ id: 'p', switch: leaf, ifIndex: 1 }],
  });
  const inventory = {
    ...{ source: 'lab', asOf: new Date(Date.now() - 60_000).toISOString() },
    switches: ['leaf-1', 'leaf-2'].map(id => ({ id, ports: [1, 49].map(ifIndex => ({ ifIndex })) })),
    hosts: [host('h1', 'leaf-1'), host('h2', 'leaf-2')],
    vms: Array.from({ length: MOVES }, (_, i) => ({
      ...{ id: `vm-${i}`, name: `vm-${i}`, host: 'h1', vnics: [{ mac: mac(i), addresses: [address(i)] }] },
    })),
  };
  const exporters = LEAVES.map((leaf, i) => ({
    ...{ address: leaf, switch: `leaf-${i + 1}`, metering: 'ingress', role: 'access' },
    ports: [{ ifIndex: 49, role: 'fabric' }],
  }));
  const paths = { inventory: join(folder, 'inventory.json'), exporters: join(folder, 'exporters.json') };
  writeFileSync(paths.inventory, JSON.stringify(inventory));
  writeFileSync(paths.exporters, JSON.stringify({ exporters }));
  return ['--inventory', paths.inventory, '--exporters', paths.exporters];
}

/** Source and destination address, ports, protocol, sender's MAC, port, direction, packets, bytes, sampling interval. */
const TEMPLATE = template(256, [
  ...([8, 12] as const).map(element => [element, 4] as const),
  ...([7, 11] as const).map(element => [element, 2] as const),
  ...([
    [4, 1],
    [56, 6],
    [10, 4],
    [61, 1],
    [2, 8],
    [1, 8],
    [34, 4],
  ] as const),
]);

async function openLeaf(leaf: string): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, leaf);
  await once(socket, 'listening');
  return socket;
}

/** A packet of VM `i` that arrives at the access port of a leaf. */
function send(socket: Socket, udpPort: number, i: number): Promise<void> {
  const record = [
    ...[ip4(address(i)), ip4('10.0.9.9'), u16(40000), u16(443), u8(6)],
    ...[
      mac(i)
        .split(':')
        .map(text => Number.parseInt(text, 16)),
      u32(1),
      u8(0),
      u64(1),
      u64(1000),
      u32(1),
    ],
  ];
  const message = ipfix([set(2, TEMPLATE), set(256, ...record)], { exportTime: Math.floor(Date.now() / 1000) });
  return new Promise((resolve, reject) =>
    socket.send(message, udpPort, '127.0.0.1', error => (error ? reject(error) : resolve())),
  );
}

interface Events {
  readonly events: readonly { readonly mac: string; readonly vm: string; readonly toExporter: string }[];
}

/** Milliseconds from the datagram to the answer that reports the move, for each of them. */
async function measure(what: string, collector: RunningHairpin, api: RunningHairpin): Promise<number[]> {
  const [before, after] = [await openLeaf(LEAVES[0]), await openLeaf(LEAVES[1])];
  const taken: number[] = [];
  try {
    for (let i = 0; i < MOVES; i++) await send(before, collector.udpPort, i);
    await until(async () => (await api.matrix()).quality.accounting?.accepted === MOVES, 30_000, 'the VMs at home');
    expect((await api.get<Events>('/api/v1/events?from=now-1h')).events).toEqual([]);
    for (let i = 0; i < MOVES; i++) {
      const sentAt = performance.now();
      await send(after, collector.udpPort, i);
      let found: Events['events'][number] | undefined;
      while (!found) {
        const { events } = await api.get<Events>('/api/v1/events?from=now-1h&kind=move');
        found = events.find(event => event.mac === mac(i));
        taken.push(...(found ? [performance.now() - sentAt] : []));
        if (performance.now() - sentAt > 30_000) throw new Error(`move ${i} was not reported within 30 s`);
        await new Promise(resolve => setTimeout(resolve, POLL_MS));
      }
      expect(found).toMatchObject({ vm: `vm-${i}`, toExporter: LEAVES[1] });
    }
  } finally {
    for (const socket of [before, after]) socket.close();
  }
  taken.sort((a, b) => a - b);
  const at = (share: number) => Math.round(taken[Math.ceil(share * taken.length) - 1]!);
  console.log(
    `${what}: ${MOVES} moves reported after ${at(0.5)} ms (median), ${at(0.95)} ms (p95), ${at(1)} ms (longest)`,
  );
  return taken;
}

const { batchAgeMsMax } = COLLECTOR_SERVICE.load();

test('a move is reported soon after the batch that shows it, in one process', async () => {
  const hairpin = await startHairpin({ udpPort: await freeUdpPort(), args: writeDocuments() });
  try {
    const taken = await measure('one process', hairpin, hairpin);
    expect(taken[MOVES / 2]).toBeLessThan(batchAgeMsMax + GENEROUS_MS);
  } finally {
    expect(await hairpin.stop()).toBe(0);
  }
}, 180_000);

describe.runIf(kafkaPresent())('with two enrichers behind Kafka', () => {
  test('a move is reported as soon, once', async () => {
    const running: RunningHairpin[] = [];
    let kafka: KafkaCluster | undefined;
    let house: TestServer | undefined;
    try {
      [kafka, house] = await Promise.all([startKafka(), startTestServer()]);
      const { url, user, password } = house.address;
      const broker = ['--kafka', kafka.brokers.join(','), '--kafka-partitions', '4'];
      const storage = ['--clickhouse', url, '--clickhouse-user', user, '--clickhouse-password', password];
      const clickhouse = [...storage, '--clickhouse-database', 'moves'];
      const args = { collector: broker, enricher: [...broker, ...clickhouse], 'query-api': clickhouse };
      const start = async (command: 'collector' | 'enricher' | 'query-api', more: readonly string[] = []) => {
        running.push(await startHairpin({ command, args: [...args[command], ...more] }));
        return running.at(-1)!;
      };
      const documents = writeDocuments();
      const first = await start('enricher', documents);
      const second = await start('enricher', documents);
      const [collector, api] = [await start('collector'), await start('query-api')];
      const shared = async () =>
        (await first.metric('kafka_partitions')) === 2 && (await second.metric('kafka_partitions')) === 2;
      await until(shared, 60_000, 'two partitions each');
      const taken = await measure('two enrichers', collector, api);
      expect(taken[MOVES / 2]).toBeLessThan(batchAgeMsMax + GENEROUS_MS);
      const { events } = await api.get<Events>('/api/v1/events?from=now-1h&kind=move');
      expect(events.map(event => event.mac).sort()).toEqual(Array.from({ length: MOVES }, (_, i) => mac(i)));
    } finally {
      await Promise.all(running.map(hairpin => hairpin.kill()));
      await kafka?.stop();
      await house?.close();
    }
  }, 400_000);
});
