// IPFIX over TCP and TLS into a running Hairpin: softflowd as an exporter over TCP, the openssl program as one over TLS.

import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipfix, set, template, u32, u64 } from '../testing/data/datagrams.ts';
import { pcapOf } from '../testing/data/pcap-writer.ts';
import { onPath, requireTool } from '../testing/requirements.ts';
import { freeTcpPort, type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';

const PROGRAM = fileURLToPath(new URL('../hairpin.ts', import.meta.url));
process.env['PATH'] = `${process.env['PATH']}:/usr/sbin:/sbin`;
const softflowd = requireTool('softflowd', onPath('softflowd'), 'Debian package softflowd');
const openssl = requireTool('openssl', onPath('openssl'), 'Debian package openssl');

const folder = mkdtempSync(join(tmpdir(), 'hairpin-ipfix-stream-'));
const file = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const IP_UDP_BYTES = 28;
const FLOWS = 200;

/** One flow for each source port, of 1 to 5 packets. */
function packets(nowMs: number) {
  return Array.from({ length: FLOWS }, (_, flow) =>
    Array.from({ length: 1 + (flow % 5) }, (_, i) => ({
      payload: new Uint8Array(100 + flow + i),
      timeMs: nowMs - 20_000 + 10 * flow + i,
      srcAddress: '10.0.0.1',
      srcPort: 20_000 + flow,
      dstAddress: '10.0.1.1',
      dstPort: 5000,
    })),
  ).flat();
}

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

describe.runIf(softflowd && openssl)('a running Hairpin with ports for IPFIX over TCP and TLS', () => {
  let hairpin: RunningHairpin;
  let tcpPort: number;
  let tlsPort: number;
  beforeAll(async () => {
    certify('authority');
    for (const name of ['collector', 'exporter']) certify(name, 'authority');
    certify('stranger');
    [tcpPort, tlsPort] = [await freeTcpPort(), await freeTcpPort()];
    const tls = { cert: 'collector.pem', key: 'collector.key', ca: 'authority.pem' };
    hairpin = await startHairpin({
      args: [
        ...['--ipfix-tcp', String(tcpPort), '--ipfix-tls', String(tlsPort)],
        ...Object.entries(tls).flatMap(([flag, name]) => [`--ipfix-tls-${flag}`, file(name)]),
      ],
    });
  });
  afterAll(async () => {
    expect(await hairpin.stop()).toBe(0);
    expect(hairpin.stderr()).toMatch(/0 datagrams and \d+ messages over connections with \d+ records received/);
  });

  const stored = () => hairpin.metric('enricher_rows_stored_total');

  test('says so when it is ready', async () => {
    expect(hairpin.stderr()).toContain(`IPFIX on TCP ${tcpPort} and TLS ${tlsPort}`);
    expect(JSON.stringify(await hairpin.get('/readyz'))).toContain(`TCP ${tcpPort}; TLS ${tlsPort}`);
  });

  // proves: ipfix-tcp
  test('stores what softflowd exports over TCP: flows, packets and bytes are those of the packets', async () => {
    const traffic = packets(Date.now());
    writeFileSync(file('traffic.pcap'), pcapOf(traffic));
    const before = await stored();
    const to = `127.0.0.1:${tcpPort}`;
    await promisify(execFile)('softflowd', ['-d', '-r', file('traffic.pcap'), '-n', to, '-v', '10', '-P', 'tcp']);
    await until(async () => (await stored()) >= before + FLOWS, 15_000, 'every flow stored');
    const bytes = traffic.reduce((sum, { payload }) => sum + payload.length + IP_UDP_BYTES, 0);
    expect((await hairpin.matrix('from=now-2h&by=app')).total.value).toBe(bytes);
    expect((await hairpin.matrix('from=now-2h&by=app&metric=packets')).total.value).toBe(traffic.length);
    expect(await stored()).toBe(before + FLOWS);
    expect(await hairpin.metric('collector_connections_closed_total', 'reason="exporter"')).toBe(1);
    expect(await hairpin.metric('collector_decode_faults_total')).toBe(0);
  });

  // proves: ipfix-tls
  test('stores what comes over TLS from an exporter with a certificate, and nothing from one without', async () => {
    const before = await stored();
    const records = Array.from({ length: 50 }, (_, i) => [...u32(0x0a000001), ...u32(0x0a000101), ...u64(1000 + i)]);
    const fields = [
      [8, 4],
      [12, 4],
      [1, 8],
    ] as const;
    const exportTime = Math.floor(Date.now() / 1000);
    const message = ipfix([set(2, template(256, fields)), set(256, ...records)], { exportTime });
    const send = async (name: string) => {
      const client = spawn(
        'openssl',
        [
          ...['s_client', '-quiet', '-no_ign_eof', '-verify_return_error', '-connect', `127.0.0.1:${tlsPort}`],
          ...['-CAfile', file('authority.pem'), '-cert', file(`${name}.pem`), '-key', file(`${name}.key`)],
        ],
        { stdio: ['pipe', 'ignore', 'ignore'] },
      );
      client.stdin.on('error', () => {});
      client.stdin.end(message);
      await once(client, 'exit');
    };
    await send('stranger');
    await until(
      async () => (await hairpin.metric('collector_connections_closed_total', 'reason="handshake"')) === 1,
      5000,
      'the refusal',
    );
    await send('exporter');
    await until(async () => (await stored()) === before + records.length, 15_000, 'every record stored');
    expect(hairpin.stderr()).toContain('TLS handshake failed');
  });
});

/** Runs the program to its end; for what is refused at once. */
function refused(...args: string[]) {
  const { status, stderr } = spawnSync(
    process.execPath,
    [PROGRAM, 'start', '--data', file('data'), '--udp', '65000', '--http', '127.0.0.1:0', ...args],
    { encoding: 'utf8', timeout: 20_000 },
  );
  return { status, stderr };
}

describe('what is wrong with TLS is one clear message', () => {
  test('ports without certificate and key are refused as a fault of the configuration', () => {
    const { status, stderr } = refused('--ipfix-tls', '4740');
    expect(status).toBe(2);
    expect(stderr).toContain('--ipfix-tls needs --ipfix-tls-cert and --ipfix-tls-key');
  });

  test('a file that is missing is named', () => {
    const flags = ['--ipfix-tls-cert', file('none.pem'), '--ipfix-tls-key', file('none.key')];
    const { status, stderr } = refused('--ipfix-tls', '4740', ...flags);
    expect(status).toBe(1);
    expect(stderr).toContain(`CERTIFICATE_UNUSABLE: ${file('none.pem')} cannot be read (ENOENT)`);
    expect(stderr).not.toContain('    at ');
  });
});
