// IPFIX over TCP through the collector's threads: a real spool folder, and what is in its files.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, type Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeArrow } from '../../schemas/arrow.ts';
import { type Batch, parseToken } from '../../schemas/batch.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { createLog } from '../../service/log.ts';
import { createMetrics } from '../../service/metrics.ts';
import { type Bytes, ipfix, rowOf, set, template, u32 } from '../../testing/data/datagrams.ts';
import { BATCH_SUFFIX, payloadOf } from '../../transport/batch-file.ts';
import { openSpool, tokenOfFile } from '../../transport/spool/spool.ts';
import { Collector } from '../collector.ts';
import { COLLECTOR_SERVICE, type CollectorConfiguration } from '../configuration.ts';

const HOST = '127.0.0.1';
const RECORDS = 30;
const log = createLog('test', 'error');
log.level = 'silent';

let root: string;
const tidy: (() => unknown)[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hairpin-connections-'));
  for (const name of ['spool', 'quarantine']) mkdirSync(join(root, name));
});
afterEach(async () => {
  for (const step of tidy.splice(0).reverse()) await step();
  rmSync(root, { recursive: true, force: true });
});

function open(overrides: Partial<CollectorConfiguration> = {}) {
  const configuration: CollectorConfiguration = {
    ...COLLECTOR_SERVICE.load({}),
    udp: [0],
    udpHost: HOST,
    ipfixTcp: [0],
    collectorId: 'test',
    batchAgeMsMax: 60_000,
    logLevel: 'error',
    ...overrides,
  };
  const spool = openSpool({
    folder: join(root, 'spool'),
    quarantine: join(root, 'quarantine'),
    bytesMax: 1 << 30,
    quarantineBytesMax: 1 << 20,
    durable: false,
  });
  const { port1, port2 } = new MessageChannel();
  const metrics = createMetrics();
  const collector = new Collector(configuration, { log, metrics, spool: spool.settings, announce: port1 });
  let stopped: Promise<void> | undefined;
  const stop = () => (stopped ??= collector.stop());
  tidy.push(() => port2.close(), stop);
  const metric = async (name: string) =>
    (await metrics.registry.metrics())
      .split('\n')
      .filter(line => line.startsWith(`hairpin_${name}`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  return {
    start: () => collector.start(),
    stop,
    running: () => collector.running(),
    totals: () => collector.totals(),
    metric,
  };
}

/** What the spool holds of a worker, in the order it was decoded. */
function storedBy<T>(worker: number, read: (batch: Batch<typeof DECODED_COLUMNS>, row: number) => T): T[] {
  const folder = join(root, 'spool');
  return readdirSync(folder)
    .flatMap(name => tokenOfFile(name) ?? [])
    .map(token => ({ token, identity: parseToken(token)! }))
    .filter(({ identity }) => identity.kind === 'flows' && identity.worker === worker)
    .sort((a, b) => a.identity.sequence - b.identity.sequence)
    .flatMap(({ token }) => {
      const payload = payloadOf(readFileSync(join(folder, token + BATCH_SUFFIX)), token);
      if (typeof payload === 'string') throw new Error(`${token} fails its ${payload} check`);
      const { batch } = decodeArrow(DECODED_COLUMNS, payload);
      return Array.from({ length: batch.rows }, (_, row) => read(batch, row));
    });
}

/** octetDeltaCount of each row. */
const bytesBy = (worker: number) => storedBy(worker, ({ columns }, row) => columns.bytes[2 * row]!);

/** Messages of RECORDS records that carry their number as octetDeltaCount. */
function messages(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const records: Bytes = Array.from({ length: RECORDS }, (_, record) => u32(i * RECORDS + record)).flat();
    const sets = [...(i === 0 ? [set(2, template(256, [[1, 4]]))] : []), set(256, records)];
    return ipfix(sets, { sequence: i * RECORDS });
  });
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, HOST);
  tidy.push(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within 10 s`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

test('what came over TCP is in the spool like what came over UDP, by a worker of its own', async () => {
  const collector = open();
  const { ports, tcpPorts, tlsPorts } = await collector.start();
  expect([ports.length, tcpPorts.length, tlsPorts]).toEqual([1, 1, []]);
  const sender = createSocket('udp4');
  for (const datagram of messages(50))
    await new Promise(resolve => sender.send(datagram, ports[0]!, HOST, () => resolve(undefined)));
  sender.close();
  (await dial(tcpPorts[0]!)).end(Buffer.concat(messages(50)));
  await until(() => collector.totals().records === 2 * 50 * RECORDS, 'all records');
  expect(collector.running()).toBe(true);
  await collector.stop();
  const [udp, tcp] = [0, 1].map(worker => storedBy(worker, (batch, row) => ({ ...rowOf(batch, row), receivedAt: 0 })));
  expect(tcp).toEqual(udp);
  expect(bytesBy(1)).toEqual(upTo(50 * RECORDS));
  expect(collector.totals()).toMatchObject({ datagrams: 50, messages: 50, records: 3000, rowsDropped: 0 });
  expect(await collector.metric('collector_connections_total')).toBe(1);
  expect(await collector.metric('collector_connections_closed_total{reason="exporter"')).toBe(1);
  expect(await collector.metric('collector_connections ')).toBe(0);
});

// proves: ipfix-tcp
test.each([
  ['no larger than a message', 60, { batchRowsMax: 16, batchesMax: 2 }],
  ['smaller than the largest message', 300, { batchRowsMax: 1000, batchesMax: 3 }],
  ['of the usual size', 3000, {}],
])('with column buffers %s exporters wait, and not a row is dropped', async (_, count, limits) => {
  const collector = open(limits);
  const { tcpPorts } = await collector.start();
  const sockets = [await dial(tcpPorts[0]!), await dial(tcpPorts[0]!)];
  for (const socket of sockets) socket.end(Buffer.concat(messages(count)));
  await until(async () => (await collector.metric('collector_connections_closed_total')) === 2, 'both ended');
  await collector.stop();
  expect(collector.totals()).toMatchObject({ records: 2 * count * RECORDS, rowsDropped: 0, rowsRefused: 0 });
  const rows = bytesBy(1);
  expect(rows.sort((a, b) => a - b)).toEqual(upTo(count * RECORDS).flatMap(i => [i, i]));
  if ('batchRowsMax' in limits) expect(await collector.metric('collector_connection_pauses_total')).toBeGreaterThan(0);
});

test('at a stop everything the kernel has taken from the exporter is kept', async () => {
  const collector = open();
  const { tcpPorts } = await collector.start();
  const socket = await dial(tcpPorts[0]!);
  await new Promise(resolve => socket.write(Buffer.concat(messages(2000)), resolve));
  await collector.stop();
  expect(bytesBy(1)).toEqual(upTo(2000 * RECORDS));
  await expect(once(connect(tcpPorts[0]!, HOST), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('a taken TCP port is PORT_TAKEN by name, and no thread stays', async () => {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  tidy.push(() => server.close());
  const { port } = server.address() as { port: number };
  const threads: Worker[] = [];
  const add = (thread: Worker) => threads.push(thread);
  process.on('worker', add);
  await expect(open({ ipfixTcp: [0, port] }).start()).rejects.toMatchObject({
    code: 'PORT_TAKEN',
    message: `PORT_TAKEN: TCP port ${port} on 127.0.0.1 is in use by another program; choose others with --ipfix-tcp PORT,PORT`,
  });
  process.off('worker', add);
  expect(threads).toHaveLength(3);
  expect(threads.map(({ threadId }) => threadId)).toEqual([-1, -1, -1]);
});

test('certificates that cannot be used are refused before anything starts', async () => {
  const collector = open({ ipfixTls: [0], ipfixTlsCert: join(root, 'none.pem'), ipfixTlsKey: join(root, 'none.key') });
  await expect(collector.start()).rejects.toMatchObject({ code: 'CERTIFICATE_UNUSABLE' });
});

test('a worker of connections that dies is started again, and exporters that come back are read', async () => {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  const collector = open({ ipfixTcp: [port] });
  const threads: Worker[] = [];
  const add = (thread: Worker) => threads.push(thread);
  process.on('worker', add);
  tidy.push(() => process.off('worker', add));
  await collector.start();
  const first = await dial(port);
  first.write(Buffer.concat(messages(3)));
  await until(() => collector.totals().records === 90, 'the records before');
  // Encoder, datagrams, connections.
  await threads[2]!.terminate();
  expect(collector.running()).toBe(false);
  await until(() => collector.running(), 'the restart');
  expect(await collector.metric('collector_connections ')).toBe(0);
  (await dial(port)).end(Buffer.concat(messages(3)));
  await until(() => collector.totals().records === 180, 'the records after');
  expect(await collector.metric('collector_worker_restarts_total')).toBe(1);
  await collector.stop();
  expect(bytesBy(1)).toEqual(upTo(90));
  expect(collector.totals().rowsDropped).toBe(90);
});
