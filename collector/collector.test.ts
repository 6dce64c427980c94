// The collector's threads as a unit: real datagrams over loopback, a real spool folder, and what is in its files.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, type Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decodeArrow } from '../schemas/arrow.ts';
import { type BatchIdentity, parseToken } from '../schemas/batch.ts';
import { COUNTER_SOURCE, TIME_SOURCE } from '../schemas/codes.ts';
import { COLLECTOR_COLUMNS } from '../schemas/collector-minute.ts';
import { EXPORTER_COLUMNS } from '../schemas/exporter-minute.ts';
import { decodeFacts } from '../schemas/fact-batch.ts';
import { DECODED_COLUMNS } from '../schemas/flow.ts';
import { INTERFACE_COLUMNS } from '../schemas/interface-minute.ts';
import { createLog } from '../service/log.ts';
import { createMetrics, type Metrics } from '../service/metrics.ts';
import {
  EXPORT_S,
  ethernet,
  hex,
  ipfix,
  ipfixOptions,
  ipv4,
  netflow5,
  netflow9,
  record5,
  set,
  sflow,
  tcp,
  template,
  typed,
  u32,
  u64,
  zeros,
} from '../testing/data/datagrams.ts';
import { vxlan } from '../testing/data/packets.ts';
import { BATCH_SUFFIX, payloadOf } from '../transport/batch-file.ts';
import { openSpool, tokenOfFile } from '../transport/spool/spool.ts';
import { Collector } from './collector.ts';
import { COLLECTOR_SERVICE, type CollectorConfiguration } from './configuration.ts';
import type { FlowBatch } from './decode/flow-batch.ts';

const RECORDS = 30;
const log = createLog('test', 'error');
log.level = 'silent';

let root: string;
let sender: Socket;
const tidy: (() => unknown)[] = [];
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'hairpin-collector-'));
  for (const name of ['spool', 'quarantine']) mkdirSync(join(root, name));
  sender = createSocket('udp4');
  sender.bind(0, '127.0.0.1');
  await once(sender, 'listening');
});
afterEach(async () => {
  for (const step of tidy.splice(0).reverse()) await step();
  sender.close();
  rmSync(root, { recursive: true, force: true });
});

function open(overrides: Partial<CollectorConfiguration> = {}, bytesMax = 1 << 30) {
  const configuration: CollectorConfiguration = {
    ...COLLECTOR_SERVICE.load({}),
    udp: [0],
    udpHost: '127.0.0.1',
    collectorId: 'test',
    batchRowsMax: 4096,
    batchAgeMsMax: 60_000,
    logLevel: 'error',
    ...overrides,
  };
  const spool = openSpool({
    folder: join(root, 'spool'),
    quarantine: join(root, 'quarantine'),
    bytesMax,
    quarantineBytesMax: 1 << 20,
    durable: false,
  });
  const { port1, port2 } = new MessageChannel();
  const announced: string[] = [];
  port2.on('message', token => announced.push(token));
  const metrics = createMetrics();
  const collector = new Collector(configuration, {
    log,
    metrics,
    spool: spool.settings,
    announce: port1,
    journalFolder: join(root, 'templates'),
  });
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= collector.stop();
    return stopped;
  };
  tidy.push(() => port2.close(), stop);
  return { start: () => collector.start(), stop, totals: () => collector.totals(), announced, port2, metrics };
}

/** A datagram whose records carry their number as bytes. */
const datagram = (first: number, count = RECORDS) =>
  netflow5(
    Array.from({ length: count }, (_, i) => record5(1, first + i)),
    { sequence: first },
  );

/** Sends from one socket; waits for the kernel to take each, so that the receive buffer is not overrun. */
async function send(port: number, payload: Uint8Array, socket = sender): Promise<void> {
  await new Promise<void>((resolve, reject) =>
    socket.send(payload, port, '127.0.0.1', error => (error ? reject(error) : resolve())),
  );
}

async function sendRecords(port: number, datagrams: number, first = 0, socket = sender): Promise<void> {
  for (let i = 0; i < datagrams; i++) {
    await send(port, datagram(first + i * RECORDS), socket);
    if (i % 32 === 31) await new Promise(resolve => setImmediate(resolve));
  }
}

/** The columns of each batch of flows in the spool. */
function flowBatches() {
  const folder = join(root, 'spool');
  const tokens = readdirSync(folder).flatMap(name => tokenOfFile(name) ?? []);
  return tokens
    .filter(token => parseToken(token)!.kind === 'flows')
    .map(token => {
      const payload = payloadOf(readFileSync(join(folder, token + BATCH_SUFFIX)), token) as Uint8Array;
      return decodeArrow(DECODED_COLUMNS, payload).batch as unknown as FlowBatch;
    });
}

interface Stored {
  readonly identity: BatchIdentity;
  readonly rows: number;
  readonly bytes: readonly number[];
}

/** The batches in the spool by worker, epoch and sequence, each checked against its checksums and decoded. */
function stored(kind: 'flows' | 'exporters' = 'flows'): Stored[] {
  const folder = join(root, 'spool');
  return readdirSync(folder)
    .map(name => tokenOfFile(name))
    .filter(token => token !== undefined && parseToken(token)!.kind === kind)
    .map(token => {
      const payload = payloadOf(readFileSync(join(folder, token! + BATCH_SUFFIX)), token!);
      if (typeof payload === 'string') throw new Error(`${token} fails its ${payload} check`);
      const identity = parseToken(token!)!;
      if (kind === 'exporters') {
        const { columns, rows } = decodeArrow(EXPORTER_COLUMNS, payload).batch;
        return { identity, rows, bytes: Array.from({ length: rows }, (_, row) => columns.records[2 * row]!) };
      }
      const { columns, rows } = decodeArrow(DECODED_COLUMNS, payload).batch;
      return { identity, rows, bytes: Array.from({ length: rows }, (_, row) => columns.bytes[2 * row]!) };
    })
    .sort((a, b) => a.identity.worker - b.identity.worker || a.identity.sequence - b.identity.sequence);
}

/** What the collector says of when it was receiving, in order. */
function receivingRows() {
  const folder = join(root, 'spool');
  return readdirSync(folder)
    .flatMap(name => tokenOfFile(name) ?? [])
    .filter(token => parseToken(token)!.kind === 'collectors')
    .sort((a, b) => parseToken(a)!.sequence - parseToken(b)!.sequence)
    .flatMap(token => {
      const payload = payloadOf(readFileSync(join(folder, token + BATCH_SUFFIX)), token) as Uint8Array;
      const { columns, rows } = decodeArrow(COLLECTOR_COLUMNS, payload).batch;
      const value = (name: keyof typeof columns, row: number) =>
        columns[name][2 * row]! + columns[name][2 * row + 1]! * 2 ** 32;
      return Array.from({ length: rows }, (_, row) => ({
        from: value('receivingFrom', row),
        until: value('receivingUntil', row),
        ms: value('receivingMs', row),
        stoppedAt: value('stoppedAt', row),
        datagrams: value('datagrams', row),
        records: value('records', row),
      }));
    });
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
const allBytes = () => stored().flatMap(({ bytes }) => bytes);
const sortedTexts = (values: readonly string[]) => [...values].sort();
const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within 10 s`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

async function metric(metrics: Metrics, name: string): Promise<number> {
  const lines = (await metrics.registry.metrics()).split('\n').filter(line => line.startsWith(`hairpin_${name}`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>(resolve => socket.close(() => resolve()));
  return port;
}

describe('everything received', () => {
  test('is in the spool after stop(), in order, each batch announced', async () => {
    const collector = open();
    const { ports, bufferBytes } = await collector.start();
    expect(ports[0]).toBeGreaterThan(0);
    expect(bufferBytes).toBeGreaterThan(4096);
    await sendRecords(ports[0]!, 200);
    await collector.stop();
    expect(allBytes()).toEqual(upTo(200 * RECORDS));
    expect(collector.totals()).toEqual({
      datagrams: 200,
      messages: 0,
      records: 6000,
      kernelDrops: 0,
      rowsDropped: 0,
      rowsRefused: 0,
    });
    const tokens = readdirSync(join(root, 'spool')).map(name => tokenOfFile(name));
    await until(() => collector.announced.length === tokens.length, 'announcements');
    expect(sortedTexts(collector.announced)).toEqual(sortedTexts(tokens.map(String)));
    expect(stored('exporters').map(({ bytes }) => bytes)).toEqual([[6000]]);
    expect(await metric(collector.metrics, 'collector_records_total')).toBe(6000);
  });

  test('has a batch of facts for what exporters reported beside flows', async () => {
    const collector = open({ batchRowsMax: 100 });
    const { ports } = await collector.start();
    const interfaceNames = ipfixOptions(256, [[10, 4]], [[82, 4]]);
    for (let i = 0; i < 3; i++)
      await send(ports[0]!, ipfix([set(3, interfaceNames), set(256, u32(7), hex('65746830'))], { domain: 5 }));
    await collector.stop();
    const folder = join(root, 'spool');
    const tokens = readdirSync(folder).flatMap(name => tokenOfFile(name) ?? []);
    const facts = tokens
      .filter(token => parseToken(token)!.kind === 'facts')
      .map(
        token => decodeFacts(payloadOf(readFileSync(join(folder, token + BATCH_SUFFIX)), token) as Uint8Array).facts,
      );
    const about = { exporter: '127.0.0.1', observationDomain: 5, kind: 'interface', index: 7, mac: 0 };
    expect(facts).toEqual([[expect.objectContaining({ ...about, name: 'eth0', stationId: '', hostId: '' })]]);
    expect(await metric(collector.metrics, 'collector_facts')).toBe(1);
  });

  test('has rows of when the collector was receiving, behind what it received until then', async () => {
    const startedAtMs = Date.now();
    const collector = open({ workers: 2 });
    const { ports } = await collector.start();
    const listeningAtMs = Date.now();
    await sendRecords(ports[0]!, 20);
    await collector.stop();
    const stoppedAtMs = Date.now();
    await until(() => collector.announced.length === readdirSync(join(root, 'spool')).length, 'announcements');
    // The order of announcements is that of the spool: the last row comes behind every record.
    const kinds = collector.announced.map(token => parseToken(token)!.kind);
    expect([kinds[0], kinds.at(-1)]).toEqual(['collectors', 'collectors']);
    const rows = receivingRows();
    expect(rows.reduce((sum, { records }) => sum + records, 0)).toBe(600);
    expect(rows.reduce((sum, { datagrams }) => sum + datagrams, 0)).toBe(20);
    const [first, last] = [rows[0]!, rows.at(-1)!];
    expect(first.from).toBeGreaterThanOrEqual(startedAtMs);
    expect(first.from).toBeLessThanOrEqual(listeningAtMs);
    expect(last.until).toBeLessThanOrEqual(stoppedAtMs);
    // Without a gap from when both workers listened until one closed its sockets: a drain takes 30 ms and more.
    const receivingMs = rows.reduce((sum, { ms }) => sum + ms, 0);
    expect(receivingMs).toBeGreaterThanOrEqual(30);
    expect(receivingMs).toBeLessThanOrEqual(stoppedAtMs - startedAtMs);
    expect(last.stoppedAt).toBe(last.until);
    expect(collector.announced.map(token => parseToken(token)!.collector).every(name => name === 'test')).toBe(true);
  });

  test('has batches of interfaces for the counters that an agent reported twice', async () => {
    const collector = open();
    const { ports } = await collector.start();
    for (const [sequence, octets] of [1000, 251_000].entries()) {
      const record = typed(1, u32(7), u32(6), zeros(16), u64(octets), zeros(24), u64(octets * 2), zeros(24));
      const sample = typed(2, u32(sequence), u32(7), u32(1), record);
      await send(ports[0]!, sflow([sample], { uptimeMs: 1000 * sequence }));
      // Two readings are not of one millisecond.
      await until(async () => (await metric(collector.metrics, 'collector_interfaces')) === 1, 'the first reading');
    }
    await collector.stop();
    const folder = join(root, 'spool');
    const tokens = readdirSync(folder).flatMap(name => tokenOfFile(name) ?? []);
    let [octets, sent] = [0, 0];
    for (const token of tokens.filter(name => parseToken(name)!.kind === 'interfaces')) {
      const payload = payloadOf(readFileSync(join(folder, token + BATCH_SUFFIX)), token) as Uint8Array;
      const { columns, rows } = decodeArrow(INTERFACE_COLUMNS, payload).batch;
      for (let row = 0; row < rows; row++) {
        expect(columns.ifIndex[row]).toBe(7);
        octets += columns.inOctets[2 * row]!;
        sent += columns.outOctets[2 * row]!;
      }
    }
    expect([octets, sent]).toEqual([250_000, 500_000]);
  });

  test('has no flow that ended later than it was received, whatever the clock of its exporter shows', async () => {
    const collector = open();
    const { ports } = await collector.start();
    await send(ports[0]!, netflow5([record5()], { unixSecs: Math.floor(Date.now() / 1000) + 35 }));
    await until(() => collector.totals().records === 1, 'a record');
    await collector.stop();
    const [{ columns }] = flowBatches() as [ReturnType<typeof flowBatches>[number]];
    const timeAt = (words: Uint32Array) => words[0]! + words[1]! * 2 ** 32;
    expect(timeAt(columns.flowEnd)).toBe(timeAt(columns.receivedAt));
    expect(timeAt(columns.flowStart)).toBe(timeAt(columns.receivedAt) - 1000);
    expect(columns.timeSource[0]).toBe(TIME_SOURCE.unsteady);
  });

  test('has a row for each frame that a switch mirrors in VXLAN to a port of its own', async () => {
    const collector = open({ mirrorUdp: [0], mirrorRate: 100 });
    const { ports } = await collector.start();
    const mirrored = (payload: number) =>
      Uint8Array.from(vxlan(4711, ethernet(0x0800, ipv4([...tcp(), ...zeros(payload)]))));
    for (const payload of [0, 10, 20]) await send(ports[1]!, mirrored(payload));
    // What is no mirrored frame is a fault of that port, and no flow; export still goes to its own.
    await send(ports[1]!, datagram(0));
    await send(ports[0]!, datagram(1000, 1));
    await collector.stop();
    expect(allBytes().sort((a, b) => a - b)).toEqual([40, 50, 60, 1000]);
    expect(await metric(collector.metrics, 'collector_decode_faults_total')).toBe(1);
  });

  test('is closed into batches of batchRowsMax rows', async () => {
    const collector = open({ batchRowsMax: 100, batchesMax: 64 });
    const { ports } = await collector.start();
    await sendRecords(ports[0]!, 50);
    await collector.stop();
    expect(allBytes()).toEqual(upTo(1500));
    const batches = stored();
    expect(batches.length).toBeGreaterThanOrEqual(15);
    expect(batches.every(({ rows }) => rows > 0 && rows <= 100)).toBe(true);
    const { epoch } = batches[0]!.identity;
    expect(batches.map(({ identity }) => identity)).toEqual(
      batches.map((_, sequence) => ({ kind: 'flows', collector: 'test', worker: 0, epoch, sequence })),
    );
  });

  test('is closed into a batch at batchAgeMsMax, without anything further', async () => {
    const collector = open({ batchAgeMsMax: 50 });
    const { ports } = await collector.start();
    await send(ports[0]!, datagram(0));
    await until(() => collector.announced.some(token => parseToken(token)!.kind === 'flows'), 'the batch');
    expect(allBytes()).toEqual(upTo(RECORDS));
  });

  test('is there with two workers on one port, whichever of them got it', async () => {
    const port = await freePort();
    const collector = open({ workers: 2, udp: [port] });
    expect((await collector.start()).ports).toEqual([port]);
    const sockets = Array.from({ length: 16 }, () => createSocket('udp4'));
    try {
      for (const [i, socket] of sockets.entries()) await sendRecords(port, 5, i * 5 * RECORDS, socket);
      await collector.stop();
    } finally {
      for (const socket of sockets) socket.close();
    }
    expect(sorted(allBytes())).toEqual(upTo(16 * 5 * RECORDS));
    expect(new Set(stored().map(({ identity }) => identity.worker))).toEqual(new Set([0, 1]));
    expect(new Set(stored().map(({ identity }) => identity.epoch)).size).toBe(2);
  });
});

describe('at its bounds', () => {
  test('with all column buffers on their way, rows are dropped and counted, and the last batch is kept', async () => {
    const collector = open({ batchRowsMax: 16, batchesMax: 2 });
    const { ports } = await collector.start();
    // A datagram of 30 rows fills one batch and a half before any buffer can come back.
    await sendRecords(ports[0]!, 300);
    await send(ports[0]!, datagram(1_000_000, 10));
    await collector.stop();
    const { rowsDropped, records, datagrams } = collector.totals();
    expect([datagrams, records]).toEqual([301, 9010]);
    expect(rowsDropped).toBeGreaterThan(0);
    expect(allBytes().length + rowsDropped).toBe(9010);
    expect(new Set(allBytes()).size).toBe(allBytes().length);
    expect(await metric(collector.metrics, 'collector_rows_dropped_total')).toBe(rowsDropped);
    expect(allBytes()).toContain(1_000_009);
  });

  test('with a full spool, rows are refused and counted', async () => {
    const collector = open({ batchRowsMax: 100, batchesMax: 64 }, 100_000);
    const { ports } = await collector.start();
    await sendRecords(ports[0]!, 50);
    await collector.stop();
    const { rowsRefused, rowsDropped } = collector.totals();
    expect(allBytes().length).toBeGreaterThan(0);
    expect(rowsRefused).toBeGreaterThan(0);
    expect([allBytes().length + rowsRefused, rowsDropped]).toEqual([1500, 0]);
    expect(await metric(collector.metrics, 'encoder_rows_refused_total{kind="flows"}')).toBe(rowsRefused);
    // The report of exporters is a batch of one row.
    const refusedReports = await metric(collector.metrics, 'encoder_rows_refused_total{kind="exporters"}');
    expect(stored('exporters').length + refusedReports).toBe(1);
  });
});

/** The threads that `act` starts. */
async function threadsOf(act: () => Promise<unknown>): Promise<Worker[]> {
  const threads: Worker[] = [];
  const add = (thread: Worker) => threads.push(thread);
  process.on('worker', add);
  try {
    await act();
  } finally {
    process.off('worker', add);
  }
  return threads;
}

describe('a start', () => {
  test.each([1, 2])('on a taken port with %i workers is PORT_TAKEN, and no thread stays', async workers => {
    const taken = createSocket('udp4');
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    tidy.push(() => taken.close());
    const { port } = taken.address();
    const collector = open({ workers, udp: [await freePort(), port] });
    const threads = await threadsOf(() =>
      expect(collector.start()).rejects.toMatchObject({
        code: 'PORT_TAKEN',
        message: `PORT_TAKEN: UDP port ${port} on 127.0.0.1 is in use by another program; choose others with --udp PORT,PORT`,
      }),
    );
    expect(threads.map(({ threadId }) => threadId).filter(id => id !== -1)).toEqual([]);
    await collector.stop();
  });

  test('on an address that is not ours says so', async () => {
    await expect(open({ udpHost: '192.0.2.1' }).start()).rejects.toThrow(
      /PORT_TAKEN: UDP port 0 on 192\.0\.2\.1 cannot be bound: no interface .*; give another with --udp-host/,
    );
  });

  test('ends all its threads at stop()', async () => {
    const collector = open({ workers: 2, udp: [await freePort()] });
    const threads = await threadsOf(() => collector.start());
    expect(threads).toHaveLength(3);
    expect(threads.filter(({ threadId }) => threadId === -1)).toEqual([]);
    await collector.stop();
    expect(threads.map(({ threadId }) => threadId)).toEqual([-1, -1, -1]);
  });
});

test('a worker that dies is started again with a new epoch, and goes on counting', async () => {
  const port = await freePort();
  const collector = open({ udp: [port], batchRowsMax: RECORDS });
  // The encoder is the first thread.
  const [, worker] = await threadsOf(() => collector.start());
  await sendRecords(port, 3);
  await until(() => collector.totals().records === 90, 'published counters');
  await worker!.terminate();
  // A port that another program holds for a moment does not end it.
  const other = createSocket('udp4');
  other.bind(port, '127.0.0.1');
  await once(other, 'listening');
  const [firstTry] = (await once(process, 'worker')) as [Worker];
  await once(firstTry, 'exit');
  other.close();
  await once(process, 'worker');
  await until(async () => {
    await send(port, datagram(1000));
    return collector.totals().records > 90;
  }, 'records after the restart');
  expect(await metric(collector.metrics, 'collector_worker_restarts_total')).toBe(2);
  await collector.stop();
  const epochs = [...new Set(stored().map(({ identity }) => identity.epoch))];
  expect(epochs).toHaveLength(2);
  expect(allBytes()).toEqual(expect.arrayContaining([...upTo(60), 1000]));
});

/** Bytes in use on a thread after garbage collection, which comes with a snapshot. */
async function heapOf(thread: Worker): Promise<number> {
  const snapshot = await thread.getHeapSnapshot();
  snapshot.resume();
  await once(snapshot, 'end');
  return (await thread.getHeapStatistics()).used_heap_size;
}

describe('a flood of templates from thousands of addresses', () => {
  const SOURCES = 4000;
  const DATAGRAMS_EACH = 5;
  const HONEST_EVERY = 100;
  /** By then every table is at its bound. */
  const SETTLED = 0.4;
  const FLOOD_BYTES = 1_000_000_000;
  const announced = set(0, template(300, [[1, 4]]));

  test('leaves heap and journal bounded, and costs the exporter beside it no row', async () => {
    const port = await freePort();
    const collector = open({ udp: [port], workers: 2, exportersMax: 200, templatesMax: 100 });
    const [, ...threads] = await threadsOf(() => collector.start());
    // As an exporter that has been there for a while.
    await send(port, netflow9([announced, set(300, u32(0))]));
    await until(() => collector.totals().records === 1, 'the first record');
    let sent = 1;
    let honest = 1;
    let journalHighest = 0;
    let settled: number[] = [];
    const journal = join(root, 'templates', 'templates.journal');
    for (let i = 0; i < SOURCES; i++) {
      const source = createSocket('udp4');
      source.bind(0, `127.${1 + (i >>> 8)}.${i & 255}.7`);
      await once(source, 'listening');
      for (let j = 0; j < DATAGRAMS_EACH; j++) {
        // Some prove themselves with data and may keep their place; the others come and go.
        const data = i % 16 === 0 ? [set(300, u32(FLOOD_BYTES))] : [];
        await send(port, netflow9([set(0, template(300 + j, [[1, 4]])), ...data], { sourceId: j }), source);
        sent++;
        if (sent % HONEST_EVERY === 0) {
          await send(port, netflow9([set(300, u32(honest++))]));
          sent++;
        }
      }
      source.close();
      if (i % 10 !== 0) continue;
      // Faster than this the kernel would drop some, and say so.
      await until(() => collector.totals().datagrams === sent, 'every datagram decoded');
      journalHighest = Math.max(journalHighest, statSync(journal).size);
      if (i >= SETTLED * SOURCES && settled.length === 0) settled = await Promise.all(threads.map(heapOf));
    }
    await until(() => collector.totals().datagrams === sent, 'every datagram decoded');
    const last = await Promise.all(threads.map(heapOf));
    for (const [i, bytes] of last.entries()) expect(bytes / settled[i]!).toBeLessThan(1.1);
    expect(await metric(collector.metrics, 'collector_exporters{')).toBeLessThanOrEqual(2 * 200);
    expect(await metric(collector.metrics, 'collector_journal_domains')).toBeLessThanOrEqual(4 * 200);
    // More than its file holds was written: it was written anew at its bound, 1 MiB and what one append brings.
    expect(await metric(collector.metrics, 'collector_journal_rewrites_total')).toBeGreaterThan(1);
    expect(journalHighest).toBeLessThan(1.5 * 1024 * 1024);
    await collector.stop();
    expect(collector.totals()).toMatchObject({ datagrams: sent, kernelDrops: 0, rowsDropped: 0, rowsRefused: 0 });
    expect(sorted(allBytes().filter(bytes => bytes < FLOOD_BYTES))).toEqual(upTo(honest));
  }, 120_000);
});

describe('the file of elements', () => {
  test('maps an element of the installation to a column', async () => {
    const elements = join(root, 'elements.tsv');
    writeFileSync(elements, 'pen\tid\tname\ttype\tunits\tcolumn\n12356\t77\tsent\tunsigned32\toctets\tbytes\n');
    const collector = open({ elements });
    const { ports } = await collector.start();
    await send(ports[0]!, ipfix([set(2, template(300, [[77, 4, 12356]])), set(300, u32(4711))]));
    await collector.stop();
    expect(stored().map(({ bytes }) => bytes)).toEqual([[4711]]);
  });

  test('is refused before anything is started', async () => {
    const elements = join(root, 'none.yaml');
    await expect(open({ elements }).start()).rejects.toMatchObject({ code: 'DOCUMENT_INVALID' });
  });
});

describe('templates', () => {
  const announce = netflow9([set(0, template(300, [[1, 4]]))]);
  const data = (bytes: number) => netflow9([set(300, u32(bytes))]);

  test('are known to a worker that is started in the place of one that died', async () => {
    const port = await freePort();
    const collector = open({ udp: [port] });
    const [, worker] = await threadsOf(() => collector.start());
    await send(port, announce);
    await until(async () => (await metric(collector.metrics, 'collector_journal_domains')) === 1, 'the journal');
    const started = once(process, 'worker');
    await worker!.terminate();
    await started;
    await until(async () => {
      await send(port, data(7));
      return collector.totals().records > 0;
    }, 'records after the restart');
    await collector.stop();
    expect(new Set(allBytes())).toEqual(new Set([7]));
    expect(await metric(collector.metrics, 'collector_decode_faults_total')).toBe(0);
  });

  test('learned by one worker are known to the other, when the exporter moves to it', async () => {
    const port = await freePort();
    const collector = open({ udp: [port], workers: 2 });
    const [, ...threads] = await threadsOf(() => collector.start());
    await send(port, announce);
    await send(port, data(1));
    await until(() => collector.totals().records === 1, 'a record');
    // Whichever worker the exporter belongs to: without it the other one gets everything.
    const records = await Promise.all(
      threads.map((_, worker) => metric(collector.metrics, `collector_records_total{worker="${worker}"}`)),
    );
    expect(records).toContain(1);
    await threads[records.indexOf(1)]!.terminate();
    await send(port, data(2));
    await until(() => collector.totals().records === 2, 'a record of the other worker');
    await collector.stop();
    expect(sorted(allBytes())).toEqual([2]);
  });

  test('of running totals: no byte of a flow counts twice when its exporter moves to the other worker', async () => {
    const port = await freePort();
    const collector = open({ udp: [port], workers: 2 });
    const [, ...threads] = await threadsOf(() => collector.start());
    const total = (value: number, unixSecs: number) =>
      netflow9([set(301, u64(value))], { unixSecs: EXPORT_S + unixSecs });
    await send(port, netflow9([set(0, template(301, [[85, 8]]))]));
    await send(port, total(100, 0));
    await until(() => collector.totals().records === 1, 'a record');
    const records = await Promise.all(
      threads.map((_, worker) => metric(collector.metrics, `collector_records_total{worker="${worker}"}`)),
    );
    await threads[records.indexOf(1)]!.terminate();
    await send(port, total(250, 60));
    await send(port, total(400, 120));
    await until(() => collector.totals().records === 3, 'records of the other worker');
    await collector.stop();
    const rows = flowBatches().flatMap(({ columns, rows: count }) =>
      Array.from({ length: count }, (_, row) => [columns.bytes[2 * row], columns.counterSource[row]]),
    );
    expect(rows).toEqual([
      [250, COUNTER_SOURCE.baseline],
      [150, COUNTER_SOURCE.difference],
    ]);
  });

  test('are there after a stop and a start', async () => {
    for (const [i, datagrams] of [[announce], [data(7)]].entries()) {
      const collector = open({ batchAgeMsMax: 50 });
      const { ports } = await collector.start();
      for (const datagram of datagrams) await send(ports[0]!, datagram);
      await until(() => collector.totals().datagrams === 1 && collector.totals().records === i, 'datagrams');
      await collector.stop();
    }
    expect(allBytes()).toEqual([7]);
  });
});

describe('who may export', () => {
  async function senderFrom(host: string): Promise<Socket> {
    const socket = createSocket('udp4');
    tidy.push(() => socket.close());
    socket.bind(0, host);
    await once(socket, 'listening');
    return socket;
  }

  async function refused(metrics: Metrics, reason: string): Promise<number> {
    const lines = (await metrics.registry.metrics()).split('\n');
    return lines
      .filter(
        line => line.startsWith('hairpin_collector_datagrams_refused_total') && line.includes(`reason="${reason}"`),
      )
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  test('what comes from beside the listed prefixes is counted and not decoded, mirrored frames too', async () => {
    const collector = open({ exporterAllow: ['127.0.0.2/31'], mirrorUdp: [0] });
    const { ports } = await collector.start();
    const [allowed, stranger] = [await senderFrom('127.0.0.3'), await senderFrom('127.0.0.4')];
    const frame = Uint8Array.from(vxlan(4711, ethernet(0x0800, ipv4([...tcp()]))));
    for (let i = 0; i < 20; i++) {
      await send(ports[0]!, datagram(i * RECORDS), i % 2 === 0 ? allowed : stranger);
      await send(ports[1]!, frame, stranger);
    }
    await until(async () => (await refused(collector.metrics, 'not-allowed')) === 30, 'refusals');
    await collector.stop();
    expect(sorted(allBytes())).toEqual(
      Array.from({ length: 20 }, (_, i) => i)
        .filter(i => i % 2 === 0)
        .flatMap(i => upTo(RECORDS).map(record => i * RECORDS + record)),
    );
    expect(collector.totals().datagrams).toBe(40);
    expect(await refused(collector.metrics, 'over-rate')).toBe(0);
  });

  test('what an exporter sends above its rate is counted, lost by its sequence, and nothing of others', async () => {
    const collector = open({ exporterRateMax: 40 });
    const { ports } = await collector.start();
    const [loud, quiet] = [await senderFrom('127.0.0.2'), await senderFrom('127.0.0.3')];
    await sendRecords(ports[0]!, 300, 0, loud);
    await sendRecords(ports[0]!, 20, 0, quiet);
    await until(() => collector.totals().datagrams === 320, 'datagrams');
    const dropped = await refused(collector.metrics, 'over-rate');
    expect(dropped).toBeGreaterThan(0);
    // A second's worth is there again; the next datagram shows what is missing before it.
    await new Promise(resolve => setTimeout(resolve, 1000));
    await send(ports[0]!, datagram(300 * RECORDS), loud);
    await until(() => collector.totals().datagrams === 321, 'the last datagram');
    await collector.stop();
    expect(await refused(collector.metrics, 'over-rate')).toBe(dropped);
    expect(allBytes()).toHaveLength((321 - dropped) * RECORDS);
    let lost = 0;
    const folder = join(root, 'spool');
    for (const token of readdirSync(folder).flatMap(name => tokenOfFile(name) ?? [])) {
      if (parseToken(token)!.kind !== 'exporters') continue;
      const payload = payloadOf(readFileSync(join(folder, token + BATCH_SUFFIX)), token) as Uint8Array;
      const { columns, rows } = decodeArrow(EXPORTER_COLUMNS, payload).batch;
      for (let row = 0; row < rows; row++) lost += columns.lost[2 * row]!;
    }
    expect(lost).toBe(dropped * RECORDS);
  });
});
