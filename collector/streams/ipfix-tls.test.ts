// IPFIX over TLS with certificates made by the openssl program.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as dialTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { openCounters } from '../../service/counters.ts';
import type { Log } from '../../service/log.ts';
import { Bench, ipfix, set, template, u32 } from '../../testing/data/datagrams.ts';
import { onPath, requireTool } from '../../testing/requirements.ts';
import { COLLECTOR_SERVICE, type CollectorConfiguration } from '../configuration.ts';
import { STREAM_COUNTERS } from '../threads/counters.ts';
import { IpfixStreams } from './ipfix-stream.ts';
import { readCredentials } from './tls-credentials.ts';

const HOST = '127.0.0.1';
const present = requireTool('openssl', onPath('openssl'), 'Debian package openssl');

const folder = mkdtempSync(join(tmpdir(), 'hairpin-tls-'));
const file = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A key and a certificate: its own authority, or issued by one made before. */
function certify(name: string, issuer?: string): void {
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`), '-subj', `/CN=${name}`],
      ...(issuer ? ['-CA', file(`${issuer}.pem`), '-CAkey', file(`${issuer}.key`)] : []),
    ],
    { stdio: 'pipe' },
  );
}

beforeAll(() => {
  if (!present) return;
  for (const authority of ['collectors', 'exporters', 'strangers']) certify(authority);
  certify('collector', 'collectors');
  certify('renewed', 'collectors');
  certify('exporter', 'exporters');
  certify('stranger', 'strangers');
});

const tidy: (() => unknown)[] = [];
afterEach(() => {
  for (const step of tidy.splice(0).reverse()) step();
});

const files = (name: string, ca = '') => ({
  ipfixTlsCert: file(`${name}.pem`),
  ipfixTlsKey: file(`${name}.key`),
  ipfixTlsCa: ca === '' ? '' : file(`${ca}.pem`),
});

async function open(overrides: Partial<CollectorConfiguration> = {}) {
  const counters = openCounters(STREAM_COUNTERS);
  const bench = new Bench();
  const state = { room: Number.POSITIVE_INFINITY };
  const lines: unknown[] = [];
  const write = (...line: unknown[]) => lines.push(line.at(-1));
  const streams = new IpfixStreams(
    { ...COLLECTOR_SERVICE.load({}), ipfixTls: [0], udpHost: HOST, ...files('collector'), ...overrides },
    {
      log: { warn: write, info: write } as unknown as Log,
      counters,
      hasRoom: () => state.room > 0,
      decode(message, address, session) {
        state.room--;
        bench.decode(message, address, session);
      },
      ended: (address, session) => bench.decoder.exporters.endSession(address, session),
    },
  );
  tidy.push(() => streams.close());
  const { TLS } = await streams.start();
  return { streams, port: TLS[0]!, counters, rows: bench.rows, state, lines };
}

function dial(port: number, options: ConnectionOptions = {}): TLSSocket {
  const ca = readFileSync(file('collectors.pem'));
  const socket = connect({ port, host: HOST, ca, checkServerIdentity: () => undefined, ...options });
  tidy.push(() => socket.destroy());
  socket.on('error', () => {});
  return socket;
}

const gone = (socket: Socket) => new Promise(resolve => socket.once('close', resolve));

const identity = (name: string) => ({
  cert: readFileSync(file(`${name}.pem`)),
  key: readFileSync(file(`${name}.key`)),
});

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within 5 s`);
    await new Promise(resolve => setImmediate(resolve));
  }
}

const numbered = (count: number) =>
  Buffer.concat(
    Array.from({ length: count }, (_, i) =>
      ipfix([...(i === 0 ? [set(2, template(256, [[1, 4]]))] : []), set(256, u32(i))], { sequence: i }),
    ),
  );
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe.runIf(present)('IPFIX over TLS', () => {
  // proves: ipfix-tls
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s gives every message and ends with the exporter', async version => {
    const { port, rows, counters } = await open();
    dial(port, { minVersion: version, maxVersion: version }).end(numbered(3000));
    await until(() => counters.get('open') === 0 && counters.get('accepted') === 1, 'the end');
    expect(rows.map(row => row['bytes'])).toEqual(upTo(3000));
    expect([counters.get('exporter'), counters.get('handshake'), counters.get('messages')]).toEqual([1, 0, 3000]);
  });

  // proves: ipfix-tls
  test('older than 1.2 is refused', async () => {
    const { port, counters } = await open();
    const options = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await gone(dial(port, options));
    await until(() => counters.get('handshake') === 1 && counters.get('open') === 0, 'the refusal');
    expect(counters.get('messages')).toBe(0);
  });

  test('waits without losing anything when there is no room', async () => {
    const { port, rows, state, counters, streams } = await open();
    state.room = 10;
    dial(port).end(numbered(3000));
    await until(() => streams.waiting === 1, 'it waits');
    expect(rows).toHaveLength(10);
    while (counters.get('exporter') === 0) {
      state.room = 100;
      streams.resume();
      await new Promise(resolve => setImmediate(resolve));
    }
    expect(rows.map(row => row['bytes'])).toEqual(upTo(3000));
  });

  test('closes what is no TLS, and no message of it is decoded', async () => {
    const { port, rows, counters, lines } = await open();
    const plain = dialTcp(port, HOST);
    tidy.push(() => plain.destroy());
    plain.on('error', () => {});
    plain.write(numbered(3));
    await gone(plain);
    await until(() => counters.get('handshake') === 1 && counters.get('open') === 0, 'the end');
    expect([rows.length, counters.get('messages')]).toEqual([0, 0]);
    expect(lines).toEqual([expect.stringContaining('TLS handshake failed')]);
  });

  test('counts handshakes that are begun into the connections there may be', async () => {
    const { port, counters } = await open({ ipfixConnectionsMax: 1 });
    const silent = dialTcp(port, HOST);
    tidy.push(() => silent.destroy());
    await until(() => counters.get('open') === 1, 'the first');
    await gone(dial(port));
    expect(counters.get('refused')).toBe(1);
    silent.destroy();
    await until(() => counters.get('handshake') === 1 && counters.get('open') === 0, 'its end');
  });
});

describe.runIf(present)('with an authority for exporters', () => {
  // proves: ipfix-tls
  test('a certificate of it is taken', async () => {
    const { port, rows, counters } = await open(files('collector', 'exporters'));
    dial(port, identity('exporter')).end(numbered(5));
    await until(() => counters.get('exporter') === 1, 'the end');
    expect(rows).toHaveLength(5);
  });

  test.each([
    ['one of another authority', 'stranger'],
    ['none', undefined],
  ])('%s is refused, counted, and nothing of it is decoded', async (_, name) => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { port, rows, counters, streams } = await open(files('collector', 'exporters'));
      const socket = dial(port, { ...(name && identity(name)), minVersion: version, maxVersion: version });
      socket.write(numbered(5));
      await gone(socket);
      await until(() => counters.get('handshake') === 1 && counters.get('open') === 0, 'the refusal');
      expect([rows.length, counters.get('messages'), counters.get('exporter')]).toEqual([0, 0, 0]);
      streams.close();
    }
  });
});

describe.runIf(present)('certificates', () => {
  test('that change are used for the next connection; ones that are wrong leave those before in use', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    tidy.push(() => vi.useRealTimers());
    for (const part of ['pem', 'key']) copyFileSync(file(`collector.${part}`), file(`live.${part}`));
    const { port, lines } = await open(files('live'));
    const name = async () => {
      const socket = dial(port);
      await once(socket, 'secureConnect');
      return socket.getPeerCertificate().subject.CN;
    };
    expect(await name()).toBe('collector');
    copyFileSync(file('renewed.pem'), file('live.pem'));
    vi.advanceTimersByTime(10_000);
    expect([await name(), lines]).toEqual(['collector', [expect.stringContaining('the old ones stay in use')]]);
    copyFileSync(file('renewed.key'), file('live.key'));
    vi.advanceTimersByTime(10_000);
    expect([await name(), lines.at(-1)]).toEqual([
      'renewed',
      expect.stringContaining('new connections use the new ones'),
    ]);
  });

  test('that cannot be used are refused by file and reason', () => {
    writeFileSync(file('empty.pem'), '');
    execFileSync(
      'openssl',
      ['ec', '-in', file('collector.key'), '-out', file('locked.key'), '-aes128', '-passout', 'pass:x'],
      { stdio: 'pipe' },
    );
    const { ipfixTlsCert, ipfixTlsKey } = files('collector');
    const refusal = (changed: Partial<ReturnType<typeof files>>) => {
      try {
        readCredentials({ ...files('collector'), ...changed });
        return 'taken';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(refusal({})).toBe('taken');
    expect(refusal({ ipfixTlsCert: file('none.pem') })).toBe(
      `CERTIFICATE_UNUSABLE: ${file('none.pem')} cannot be read (ENOENT); check --ipfix-tls-cert`,
    );
    expect(refusal({ ipfixTlsKey: file('stranger.key') })).toBe(
      `CERTIFICATE_UNUSABLE: the key ${file('stranger.key')} does not belong to the certificate ${ipfixTlsCert}; check --ipfix-tls-key`,
    );
    expect(refusal({ ipfixTlsCert: ipfixTlsKey })).toMatch(/collector.key holds no certificate in PEM \(/);
    expect(refusal({ ipfixTlsKey: ipfixTlsCert })).toMatch(/collector.pem holds no private key without a passphrase/);
    expect(refusal({ ipfixTlsKey: file('locked.key') })).toMatch(
      /locked.key holds no private key without a passphrase/,
    );
    expect(refusal({ ipfixTlsCa: file('empty.pem') })).toMatch(/empty.pem holds no certificate .*check --ipfix-tls-ca/);
  });

  test('that cannot be used end the start', async () => {
    await expect(open({ ipfixTlsKey: file('stranger.key') })).rejects.toMatchObject({ code: 'CERTIFICATE_UNUSABLE' });
  });
});
