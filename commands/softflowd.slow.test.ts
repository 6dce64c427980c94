// A real exporter: softflowd reads a capture of six networks that talk to each other and exports it to a Hairpin that
// has no document at all, and, datagram by datagram the same, to nfcapd. What Hairpin stored is compared with nfdump and
// with the packets themselves.

import { execFileSync, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pcapOf } from '../testing/data/pcap-writer.ts';
import { onPath, requireTool } from '../testing/requirements.ts';
import { freeUdpPort, type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';

const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`;
process.env['PATH'] = PATH;
const present =
  requireTool('softflowd', onPath('softflowd'), 'Debian package softflowd') &&
  requireTool('nfdump', onPath('nfdump') && onPath('nfcapd'), 'Debian package nfdump');

const NETWORKS = 6;
const HOSTS = 3;
const IP_UDP_BYTES = 28;

interface Packet {
  readonly src: string;
  readonly dst: string;
  readonly bytes: number;
}

/** Every network talks to the next two; times are recent, for a flow that ended long ago is not in the matrix of now. */
function packets(
  nowMs: number,
): { packet: Packet; payload: Uint8Array; timeMs: number; srcPort: number; dstPort: number }[] {
  const list = [];
  for (let network = 0; network < NETWORKS; network++) {
    for (let host = 1; host <= HOSTS; host++) {
      for (const step of [1, 2]) {
        const src = `10.0.${network}.${host}`;
        const dst = `10.0.${(network + step) % NETWORKS}.${host}`;
        for (let i = 0; i < 5 + network; i++) {
          const payload = new Uint8Array(100 * step + 10 * host + i);
          list.push({
            packet: { src, dst, bytes: payload.length + IP_UDP_BYTES },
            payload,
            timeMs: nowMs - 20_000 + list.length,
            srcPort: 40_000 + host,
            dstPort: 5000 + step,
          });
        }
      }
    }
  }
  return list;
}

const folder = mkdtempSync(join(tmpdir(), 'hairpin-softflowd-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs softflowd over a capture and returns the datagrams it sent. */
async function exportOf(capture: string, version: string): Promise<Buffer[]> {
  const datagrams: Buffer[] = [];
  const socket = createSocket('udp4');
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  socket.on('message', message => (message.length === 0 ? end() : datagrams.push(message)));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  execFileSync('softflowd', ['-d', '-r', capture, '-n', `127.0.0.1:${socket.address().port}`, '-v', version], {
    stdio: 'ignore',
    env: { ...process.env, PATH },
  });
  // All of it was sent before softflowd ended: it is in the socket's buffer, before an empty datagram of our own.
  socket.send(new Uint8Array(0), socket.address().port, '127.0.0.1');
  await ended;
  socket.close();
  return datagrams;
}

async function send(datagrams: readonly Buffer[], port: number, from: string): Promise<void> {
  const socket: Socket = createSocket('udp4');
  socket.bind(0, from);
  await once(socket, 'listening');
  for (const datagram of datagrams) await new Promise(resolve => socket.send(datagram, port, '127.0.0.1', resolve));
  socket.close();
}

/** Bytes that wait in the socket of a local UDP port, from /proc/net/udp: `sl local_address rem_address st tx:rx ...`. */
function receiveQueueOf(port: number): number {
  const address = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const fields = readFileSync('/proc/net/udp', 'utf8')
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .find(([, local]) => local?.endsWith(address));
  if (!fields) throw new Error(`no socket has the UDP port ${port}`);
  return Number.parseInt(fields[4]!.split(':')[1]!, 16);
}

/** Totals that nfdump reports of the same datagrams. */
async function nfdumpTotals(datagrams: readonly Buffer[]): Promise<{ flows: number; packets: number; bytes: number }> {
  const files = mkdtempSync(join(folder, 'nfcapd-'));
  const port = await freeUdpPort();
  const nfcapd = spawn('nfcapd', ['-b', '127.0.0.1', '-p', String(port), '-w', files, '-t', '3600'], {
    stdio: 'ignore',
    env: { ...process.env, PATH },
  });
  await until(() => readdirSync(files).length > 0, 5000, 'nfcapd opening its file');
  await send(datagrams, port, '127.0.0.1');
  await until(() => receiveQueueOf(port) === 0, 5000, 'nfcapd reading every datagram');
  nfcapd.kill('SIGTERM');
  await once(nfcapd, 'exit');
  const [file] = readdirSync(files).filter(name => name.startsWith('nfcapd.'));
  const text = execFileSync('nfdump', ['-r', join(files, file!), '-N', '-o', 'line'], { encoding: 'utf8' });
  const match = /total flows: (\d+), total bytes: (\d+), total packets: (\d+)/.exec(text);
  if (!match) throw new Error(`nfdump printed no summary:\n${text}`);
  return { flows: Number(match[1]), bytes: Number(match[2]), packets: Number(match[3]) };
}

// proves: softflowd-interface-0
describe.runIf(present)('softflowd exports to a Hairpin without documents', () => {
  let hairpin: RunningHairpin;
  const traffic = packets(Date.now());
  const capture = join(folder, 'networks.pcap');
  beforeAll(async () => {
    writeFileSync(
      capture,
      pcapOf(
        traffic.map(({ packet, payload, timeMs, srcPort, dstPort }) => ({
          payload,
          timeMs,
          srcAddress: packet.src,
          srcPort,
          dstAddress: packet.dst,
          dstPort,
        })),
      ),
    );
  });

  test.each(['5', '9', '10'])(
    'version %s: flows, packets and bytes equal those of nfdump and of the packets',
    async version => {
      hairpin = await startHairpin();
      try {
        const datagrams = await exportOf(capture, version);
        const oracle = await nfdumpTotals(datagrams);
        const truth = { packets: traffic.length, bytes: traffic.reduce((sum, { packet }) => sum + packet.bytes, 0) };
        expect(oracle).toMatchObject(truth);

        await send(datagrams, hairpin.udpPort, '127.0.0.1');
        await until(
          async () => (await hairpin.metric('enricher_rows_stored_total')) >= oracle.flows,
          15_000,
          'every flow stored',
        );
        const matrix = await hairpin.matrix('from=now-2h&by=app');
        expect(matrix.total.value).toBe(truth.bytes);
        expect((await hairpin.matrix('from=now-2h&by=app&metric=packets')).total.value).toBe(truth.packets);
        expect(matrix.quality.accounting!.accepted).toBe(oracle.flows);

        const names = new Set(matrix.cells.flatMap(cell => [cell.src.name, cell.dst.name]));
        expect([...names].sort()).toEqual(
          Array.from({ length: NETWORKS }, (_, network) => `auto:10.0.${network}.0/24`),
        );
        for (const cell of matrix.cells) {
          const expected = traffic.filter(
            ({ packet }) => cell.src.name === networkOf(packet.src) && cell.dst.name === networkOf(packet.dst),
          );
          expect(cell.value, `${cell.src.name} to ${cell.dst.name}`).toBe(
            expected.reduce((sum, { packet }) => sum + packet.bytes, 0),
          );
        }

        // The same flows seen by a second exporter on the path: one point of each pair counts, never both.
        await send(datagrams, hairpin.udpPort, '127.0.0.2');
        await until(
          async () => (await hairpin.metric('enricher_rows_stored_total')) >= 2 * oracle.flows,
          15_000,
          'the second export stored',
        );
        const doubled = await hairpin.matrix('from=now-2h&by=app');
        expect(doubled.total.value).toBe(truth.bytes);
        expect(doubled.quality.accounting!.accepted).toBe(2 * oracle.flows);
        expect(doubled.cells.map(cell => cell.value)).toEqual(matrix.cells.map(cell => cell.value));
      } finally {
        await hairpin.stop();
      }
    },
  );
});

function networkOf(address: string): string {
  return `auto:${address.split('.').slice(0, 3).join('.')}.0/24`;
}
