// Real sockets over loopback, a decoder behind them.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { openCounters } from '../../service/counters.ts';
import type { Log } from '../../service/log.ts';
import { corpusFiles, pathOf, requireCorpus } from '../../testing/corpus/folder.ts';
import { Bench, type Bytes, ipfix, type Row, set, template, u16, u32, zeros } from '../../testing/data/datagrams.ts';
import { parseCapture, readCapture } from '../captures/capture.ts';
import { COLLECTOR_SERVICE, type CollectorConfiguration } from '../configuration.ts';
import { createSourceGate } from '../gate/source-gate.ts';
import { STREAM_COUNTERS } from '../threads/counters.ts';
import { IpfixStreams } from './ipfix-stream.ts';

const HOST = '127.0.0.1';
const CLOSED = ['exporter', 'truncated', 'malformed', 'idle', 'reset', 'handshake', 'stopped'] as const;

const tidy: (() => void)[] = [];
afterEach(() => {
  for (const step of tidy.splice(0).reverse()) step();
});

/** Streams with a decoder behind them. `room` is how many messages may be decoded; endless unless it is set. */
async function open(overrides: Partial<CollectorConfiguration> = {}) {
  const gate = createSourceGate({ ...COLLECTOR_SERVICE.load({}), ...overrides });
  const counters = openCounters(STREAM_COUNTERS);
  const bench = new Bench();
  const state = { room: Number.POSITIVE_INFINITY };
  const lines: { values: Record<string, unknown>; message: string }[] = [];
  const sessions: { address: string; session: number }[] = [];
  const ended: typeof sessions = [];
  const write = (values: Record<string, unknown>, message: string) => lines.push({ values, message });
  const streams = new IpfixStreams(
    { ...COLLECTOR_SERVICE.load({}), ipfixTcp: [0], udpHost: HOST, ...overrides },
    {
      log: { warn: write, info: write } as unknown as Log,
      counters,
      hasRoom: () => state.room > 0,
      ...(gate && { gate }),
      decode(message, address, session) {
        state.room--;
        if (sessions.at(-1)?.session !== session) sessions.push({ address, session });
        bench.decode(message, address, session);
      },
      ended(address, session) {
        ended.push({ address, session });
        bench.decoder.exporters.endSession(address, session);
      },
    },
  );
  tidy.push(() => streams.close());
  const { TCP } = await streams.start();
  const closed = () =>
    Object.fromEntries(CLOSED.map(reason => [reason, counters.get(reason)]).filter(([, count]) => count !== 0));
  return { streams, port: TCP[0]!, counters, bench, rows: bench.rows, state, lines, sessions, ended, closed };
}

async function dial(port: number, options: { localPort?: number } = {}): Promise<Socket> {
  const socket = connect({ port, host: HOST, ...options });
  tidy.push(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within 5 s`);
    await new Promise(resolve => setImmediate(resolve));
  }
}

/** A message whose one record carries `bytes` as octetDeltaCount, with its template in front where `announced`. */
function message(bytes: number, { announced = true, element = 1, domain = 0 } = {}): Uint8Array {
  const sets: Bytes[] = [set(256, u32(bytes))];
  if (announced) sets.unshift(set(2, template(256, [[element, 4]])));
  return ipfix(sets, { domain, sequence: bytes });
}

const numbered = (from: number, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => message(from + i, { announced: from + i === 0 }));
const bytesOf = (rows: readonly Row[]) => rows.map(row => row['bytes']);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('a connection', () => {
  test('gives its messages one by one', async () => {
    const { port, rows, counters, closed } = await open();
    const socket = await dial(port);
    for (const [i, one] of numbered(0, 20).entries()) {
      socket.write(one);
      await until(() => rows.length === i + 1, `row ${i}`);
    }
    expect(bytesOf(rows)).toEqual(upTo(20));
    expect([counters.get('open'), counters.get('accepted'), counters.get('messages')]).toEqual([1, 1, 20]);
    expect(counters.get('bytes')).toBe(numbered(0, 20).reduce((sum, { length }) => sum + length, 0));
    socket.end();
    await until(() => counters.get('open') === 0, 'the end');
    expect(closed()).toEqual({ exporter: 1 });
  });

  test('gives them byte by byte', async () => {
    const { port, rows } = await open();
    const socket = await dial(port);
    socket.setNoDelay(true);
    for (const byte of Buffer.concat(numbered(0, 20)))
      await new Promise<unknown>(resolve => socket.write(Uint8Array.of(byte), resolve));
    await until(() => rows.length === 20, 'all rows');
    expect(bytesOf(rows)).toEqual(upTo(20));
  });

  test('gives thousands that come at once', async () => {
    const { port, rows, counters } = await open();
    (await dial(port)).end(Buffer.concat(numbered(0, 5000)));
    await until(() => counters.get('exporter') === 1, 'the end');
    expect(bytesOf(rows)).toEqual(upTo(5000));
  });

  // proves: ipfix-tcp
  test('gives messages of 65,535 bytes', async () => {
    const { port, counters } = await open();
    const longest = ipfix([set(256, zeros(65_535 - 20))]);
    (await dial(port)).end(Buffer.concat([longest, longest, longest]));
    await until(() => counters.get('exporter') === 1, 'the end');
    expect([counters.get('messages'), counters.get('bytes')]).toEqual([3, 3 * 65_535]);
  });

  test('that ends inside a message has given those before it', async () => {
    const { port, rows, closed, ended } = await open();
    (await dial(port)).end(Buffer.concat(numbered(0, 3)).subarray(0, -1));
    await until(() => ended.length === 1, 'the end');
    expect([bytesOf(rows), closed()]).toEqual([[0, 1], { truncated: 1 }]);
  });
});

describe('what is no IPFIX', () => {
  test.each([
    ['another version', Buffer.from(u16(9))],
    ['a length below that of the header', Buffer.from([...u16(10), ...u16(15)])],
    ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ])('%s closes its connection, is counted and reported in the log, and no other one suffers', async (_, garbage) => {
    const { port, rows, closed, lines, ended, counters } = await open();
    const other = await dial(port);
    other.write(numbered(0, 1)[0]!);
    const socket = await dial(port);
    socket.write(Buffer.concat([message(7), Buffer.concat([garbage, zeros16]), message(8)]));
    await once(socket, 'close');
    await until(() => ended.length === 1, 'the end');
    other.write(numbered(1, 1)[0]!);
    await until(() => rows.length === 3, 'the other connection');
    expect(bytesOf(rows).sort()).toEqual([0, 1, 7]);
    expect([closed(), counters.get('open')]).toEqual([{ malformed: 1 }, 1]);
    expect(lines).toEqual([
      {
        values: { address: HOST, port: expect.any(Number), reason: 'malformed' },
        message: 'IPFIX connection closed; see docs/COLLECTOR.md, "IPFIX over TCP and TLS"',
      },
    ]);
  });

  test('has one line in the log per address and minute', async () => {
    const { port, lines, closed } = await open();
    for (let i = 1; i <= 5; i++) {
      (await dial(port)).write(zeros16);
      await until(() => closed()['malformed'] === i, 'the end');
    }
    expect(lines).toHaveLength(1);
  });
});
const zeros16 = Buffer.alloc(16);

describe('a session', () => {
  // proves: ipfix-tcp
  test('has its own templates: the same id and domain on two connections do not mix', async () => {
    const { port, rows, sessions } = await open();
    const [first, second] = [await dial(port), await dial(port)];
    first.write(message(1, { element: 1 }));
    await until(() => rows.length === 1, 'the first');
    second.write(message(2, { element: 2 }));
    await until(() => rows.length === 2, 'the second');
    first.write(message(3, { announced: false }));
    await until(() => rows.length === 3, 'the first again');
    second.write(message(4, { announced: false }));
    await until(() => rows.length === 4, 'the second again');
    expect(rows.map(row => [row['bytes'], row['packets']])).toEqual([
      [1, 0],
      [0, 2],
      [3, 0],
      [0, 4],
    ]);
    expect(new Set(sessions.map(({ session }) => session)).size).toBe(2);
    expect(sessions.map(({ session }) => session % 65_536).slice(0, 2)).toEqual([first.localPort, second.localPort]);
    expect(sessions.every(({ session }) => session > 65_535)).toBe(true);
  });

  test('ends with its connection: one from the same port starts anew', async () => {
    const { port, rows, bench, ended, counters, closed } = await open();
    // Below those that the kernel hands out, or another process may have it before it is used again.
    const localPort = 20_000 + (process.pid % 10_000);
    const first = await dial(port, { localPort });
    first.write(message(1));
    await until(() => rows.length === 1, 'the first');
    expect(bench.domains()).toHaveLength(1);
    first.resetAndDestroy();
    await until(() => ended.length === 1, 'the end of the first');
    const second = await dial(port, { localPort });
    second.write(Buffer.concat([message(2, { announced: false }), message(3), message(4, { announced: false })]));
    await until(() => counters.get('messages') === 4, 'the second');
    // What waits for a template may still be decoded when it comes; the template of the first connection is gone.
    expect(bench.faults('ipfix')).toEqual({ 'unknown-template': 1 });
    expect(bytesOf(rows).filter(bytes => bytes !== 2)).toEqual([1, 3, 4]);
    second.destroy();
    await until(() => ended.length === 2, 'the end of the second');
    expect(closed()).toMatchObject({ reset: 1 });
    expect(bench.decoder.exporters.size).toBe(0);
  });

  test('withdraws its templates itself', async () => {
    const { port, rows, bench, counters } = await open();
    const withdrawal = ipfix([set(2, u16(256), u16(0))], { sequence: 1 });
    (await dial(port)).end(Buffer.concat([message(0), withdrawal, message(1, { announced: false })]));
    await until(() => counters.get('exporter') === 1, 'the end');
    expect([bytesOf(rows), faultsOf(bench)]).toEqual([[0], { 'unknown-template': 1 }]);
  });
});

describe('a collector that is slower than its exporters', () => {
  test('makes them wait: nothing is dropped, and little is held', async () => {
    const { streams, port, state, rows, counters } = await open();
    state.room = 100;
    const count = 600;
    // A set of a template that nobody knows makes each message long.
    const filler = Buffer.from(set(300, zeros(60_000)));
    const all = Buffer.concat(
      numbered(0, count).map(one => {
        const long = Buffer.concat([one, filler]);
        long.writeUInt16BE(long.length, 2);
        return long;
      }),
    );
    const sockets = [await dial(port), await dial(port)];
    for (const socket of sockets) socket.end(all);
    await until(() => streams.waiting === 2, 'both wait');
    expect(rows).toHaveLength(100);
    // What the exporters could not hand to the kernel yet is most of it.
    for (const socket of sockets) expect(socket.writableLength).toBeGreaterThan(all.length / 2);
    while (counters.get('exporter') < 2) {
      if (streams.waiting > 0) {
        state.room = 10;
        streams.resume();
      }
      await new Promise(resolve => setImmediate(resolve));
    }
    expect([rows.length, counters.get('messages')]).toEqual([2 * count, 2 * count]);
    const byExporter = Map.groupBy(rows, row => row['bytes']);
    expect([...byExporter.values()].every(({ length }) => length === 2)).toBe(true);
    expect(counters.get('pauses')).toBeGreaterThan(20);
  });

  test('still decodes what it had read when the exporter is gone', async () => {
    const { port, state, rows, streams, closed, counters } = await open();
    state.room = 1;
    const socket = await dial(port);
    socket.write(Buffer.concat(numbered(0, 50)));
    await until(() => streams.waiting === 1, 'it waits');
    socket.resetAndDestroy();
    await until(() => counters.get('open') === 0, 'the socket is gone');
    expect([rows.length, closed()]).toEqual([1, {}]);
    state.room = 100;
    streams.resume();
    await until(() => closed()['reset'] === 1, 'the end');
    expect(bytesOf(rows)).toEqual(upTo(50));
  });
});

describe('connections are bounded', () => {
  test('in number: one more is refused and counted, until another one ends', async () => {
    const { port, counters, rows, lines } = await open({ ipfixConnectionsMax: 2 });
    const [first] = [await dial(port), await dial(port)];
    await until(() => counters.get('open') === 2, 'two connections');
    const third = await dial(port);
    await once(third, 'close');
    expect([counters.get('refused'), counters.get('accepted'), lines.length]).toEqual([1, 2, 1]);
    first!.end();
    await until(() => counters.get('open') === 1, 'one has ended');
    (await dial(port)).write(message(5));
    await until(() => rows.length === 1, 'the next one');
    expect([counters.get('refused'), counters.get('accepted'), counters.get('open')]).toEqual([1, 3, 2]);
  });

  test('in silence, but one that is made to wait is not silent', async () => {
    const { port, state, rows, closed, streams } = await open({ ipfixIdleMsMax: 50 });
    state.room = 1;
    const [silent, busy] = [await dial(port), await dial(port)];
    busy!.write(Buffer.concat(numbered(0, 2)));
    await until(() => streams.waiting === 1, 'it waits');
    await once(silent!, 'close');
    await until(() => closed()['idle'] === 1, 'the end');
    // Another one, younger than the one that waits, comes and goes.
    await once(await dial(port), 'close');
    await until(() => closed()['idle'] === 2, 'its end');
    expect(streams.waiting).toBe(1);
    state.room = 10;
    streams.resume();
    expect(rows).toHaveLength(2);
    await once(busy!, 'close');
    await until(() => closed()['idle'] === 3, 'the end of the one that waited');
  });
});

test('a port that is taken is reported with its transport, and none stays open', async () => {
  const { port } = await open();
  await expect(open({ ipfixTcp: [0, port] })).rejects.toMatchObject({ code: 'EADDRINUSE', port, transport: 'TCP' });
});

test('at a stop no more connections are taken, and what exporters had sent is read', async () => {
  const { port, rows, counters, streams, closed, ended } = await open();
  const socket = await dial(port);
  socket.write(Buffer.concat(numbered(0, 1000)));
  await until(() => rows.length > 0, 'the first rows');
  streams.stopAccepting();
  socket.write(Buffer.concat(numbered(1000, 1000)));
  const refused = connect(port, HOST);
  await once(refused, 'error');
  // It is reported, and ends its side in turn.
  await once(socket, 'close');
  await until(() => ended.length === 1, 'the end');
  expect([rows.length, counters.get('open')]).toEqual([2000, 0]);
  streams.close();
  expect(closed()).toEqual({ exporter: 1 });
});

const ready = requireCorpus();
const ipfixFiles = ready
  ? corpusFiles()
      .filter(name => /\.(ipfix|dat|pcap|bin)$/.test(name))
      .filter(name => {
        const { payload } = firstOf(name);
        return payload !== undefined && payload.length >= 16 && payload[0] === 0 && payload[1] === 10;
      })
      .sort()
  : [];

function firstOf(name: string) {
  try {
    return readCapture(pathOf(name)).datagrams[0] ?? { payload: undefined };
  } catch {
    return { payload: undefined };
  }
}

/** Decodes the datagrams as they come over a real UDP socket. */
async function overUdp(datagrams: readonly Uint8Array[]): Promise<Bench> {
  const bench = new Bench();
  const socket = createSocket('udp4');
  const sender = createSocket('udp4');
  socket.bind(0, HOST);
  await once(socket, 'listening');
  socket.on('message', (datagram, { address, port }) => bench.decode(datagram, address, port));
  for (const datagram of datagrams) {
    const arrived = once(socket, 'message');
    sender.send(datagram, socket.address().port, HOST);
    await arrived;
  }
  socket.close();
  sender.close();
  return bench;
}

async function overTcp(bytes: Uint8Array): Promise<Awaited<ReturnType<typeof open>>> {
  const streams = await open();
  (await dial(streams.port)).end(bytes);
  await until(() => streams.ended.length === 1, 'the end');
  return streams;
}

describe.runIf(ready)('the corpus', () => {
  test.each(ipfixFiles.filter(name => name.endsWith('.ipfix')))(
    '%s over TCP gives the rows it gives over UDP, datagram by datagram',
    async name => {
      const bytes = readFileSync(pathOf(name));
      const datagrams = parseCapture(bytes).datagrams.map(({ payload }) => payload);
      const whole = datagrams.filter(isMessage);
      const udp = await overUdp(datagrams);
      const tcp = await overTcp(bytes);
      expect(tcp.rows).toEqual(udp.rows);
      expect(tcp.counters.get('messages')).toBe(whole.length);
      const rest = datagrams.at(-1)!;
      expect(tcp.closed()).toEqual({ [endedBy(rest)]: 1 });
      // The rest of a broken file is a fault of UDP, which reads its whole sets; over TCP it ends the connection.
      expect(udp.faults('ipfix')['length-mismatch'] ?? 0).toBe(isMessage(rest) ? 0 : 1);
      expect(faultsOf(tcp.bench)).toEqual((await overUdp(whole)).faults('ipfix'));
    },
  );

  // proves: ipfix-tcp
  test('every other IPFIX capture over TCP gives the rows it gives over UDP', async () => {
    const rows = { tcp: 0, udp: 0 };
    let captures = 0;
    for (const name of ipfixFiles.filter(file => !file.endsWith('.ipfix'))) {
      const { datagrams } = readCapture(pathOf(name));
      const messages = datagrams.map(({ payload }) => payload).filter(isMessage);
      if (messages.length === 0 || messages.length > 500) continue;
      const udp = await overUdp(messages);
      const tcp = await overTcp(Buffer.concat(messages));
      expect([name, tcp.rows]).toEqual([name, udp.rows]);
      expect([name, faultsOf(tcp.bench)]).toEqual([name, udp.faults('ipfix')]);
      rows.tcp += tcp.rows.length;
      rows.udp += udp.rows.length;
      captures++;
    }
    expect(captures).toBeGreaterThan(80);
    expect(rows.tcp).toBeGreaterThan(1000);
    expect(rows.udp).toBe(rows.tcp);
  }, 30_000);
});

/** Without what is given up at the end of a connection: data whose template never came. */
function faultsOf(bench: Bench): ReturnType<Bench['faults']> {
  const { 'pending-limit': _, ...faults } = bench.faults('ipfix');
  return faults;
}

/** What ends a stream behind its last whole message. */
function endedBy(rest: Uint8Array): string {
  if (isMessage(rest)) return 'exporter';
  const begins = rest.length < 4 || (rest[1] === 10 && ((rest[2]! << 8) | rest[3]!) > rest.length);
  return begins ? 'truncated' : 'malformed';
}

function isMessage(payload: Uint8Array): boolean {
  return payload.length >= 16 && payload[1] === 10 && ((payload[2]! << 8) | payload[3]!) === payload.length;
}

describe('who may export', () => {
  test('a connection from beside the listed prefixes is closed before anything of it is read', async () => {
    const { port, counters, rows } = await open({ exporterAllow: ['192.0.2.0/24'] });
    const socket = await dial(port);
    socket.write(message(1));
    await once(socket, 'close');
    expect([counters.get('notAllowed'), counters.get('accepted'), counters.get('messages')]).toEqual([1, 0, 0]);
    expect(rows).toEqual([]);
  });

  test('one above its rate is left unread, and nothing of it is lost', async () => {
    const { port, counters, rows, streams, closed } = await open({
      exporterAllow: ['127.0.0.0/8'],
      exporterRateMax: 50,
    });
    const socket = await dial(port);
    for (let i = 0; i < 70; i++) socket.write(message(i));
    socket.end();
    await until(() => counters.get('slowed') > 0, 'slowed');
    expect(rows.length).toBeLessThan(70);
    const timer = setInterval(() => streams.resume(), 20);
    tidy.push(() => clearInterval(timer));
    await until(() => rows.length === 70, 'all messages');
    await until(() => closed().exporter === 1, 'the end');
    expect(rows.map(row => Number(row['bytes']))).toEqual(Array.from({ length: 70 }, (_, i) => i));
  });

  test('one that has used its rate up, or filled the room, does not wait as long as no whole message is there', async () => {
    const { port, counters, rows, state, streams, closed } = await open({ exporterRateMax: 1 });
    state.room = 1;
    const socket = await dial(port);
    const next = message(2);
    socket.write(Buffer.concat([message(1), next.subarray(0, 9)]));
    await until(() => rows.length === 1, 'the first message');
    socket.end();
    await until(() => closed()['truncated'] === 1, 'the end, which is read without resuming');
    expect([streams.waiting, counters.get('slowed'), counters.get('pauses')]).toEqual([0, 0, 0]);
  });
});
