// Makes the softflowd captures of this folder again: `npm run corpus:made`, with Debian's softflowd. The traffic is invented
// here, from a seed: 34 conversations of UDP, TCP and ICMP in Ethernet frames, both ways, over a minute. softflowd meters it
// once for each version; what it sends is written down with fixed addresses and times, so that the payloads are all that a
// new release of softflowd may change.

import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pcapOf } from '../../data/pcap-writer.ts';

const FROM_MS = Date.parse('2026-01-01T12:00:00Z');
const CONVERSATIONS = 34;
const EXPORTER_PORT = 50_000;
/** PSAMP sends a datagram of 1,400 bytes for each packet. */
const PSAMP_PACKETS = 48;

const RUNS: readonly { readonly file: string; readonly port: number; readonly options: readonly string[] }[] = [
  { file: 'softflowd-v1.pcap', port: 2055, options: ['-v', '1'] },
  { file: 'softflowd-v5.pcap', port: 2055, options: ['-v', '5'] },
  { file: 'softflowd-v9.pcap', port: 2055, options: ['-v', '9'] },
  { file: 'softflowd-ipfix.pcap', port: 4739, options: ['-v', '10'] },
  { file: 'softflowd-ipfix-biflow.pcap', port: 4739, options: ['-v', '10', '-b'] },
  { file: 'softflowd-psamp.pcap', port: 4739, options: ['-v', 'psamp'] },
];

interface Frame {
  readonly timeMs: number;
  readonly bytes: Buffer;
}

function frames(): Frame[] {
  const list: Frame[] = [];
  for (let i = 0; i < CONVERSATIONS; i++) {
    const protocol = [17, 6, 1][i % 3]!;
    const [near, far] = [Buffer.from([10, 0, 0, 1 + (i % 5)]), Buffer.from([10, 0, 1, 1 + i])];
    const [nearPort, farPort] = protocol === 1 ? [0x0800, 0] : [40_000 + i, protocol === 6 ? 443 : 53];
    for (let packet = 0; packet < 4 + (i % 5); packet++) {
      const timeMs = FROM_MS + i * 40 + packet * 7000;
      const payload = Buffer.alloc(20 + 10 * i + packet, i);
      list.push({ timeMs, bytes: frame(protocol, near, nearPort, far, farPort, payload) });
      list.push({
        timeMs: timeMs + 3,
        bytes: frame(protocol, far, protocol === 1 ? 0 : farPort, near, nearPort, payload),
      });
    }
  }
  return list.sort((a, b) => a.timeMs - b.timeMs);
}

function frame(protocol: number, src: Buffer, srcPort: number, dst: Buffer, dstPort: number, payload: Buffer): Buffer {
  const ethernet = Buffer.from(
    `02000000${hex2(src[2]!)}${hex2(src[3]!)}02000000${hex2(dst[2]!)}${hex2(dst[3]!)}0800`,
    'hex',
  );
  const transport = Buffer.alloc(protocol === 6 ? 20 : 8);
  if (protocol === 1) transport.writeUInt16BE(srcPort, 0);
  else {
    transport.writeUInt16BE(srcPort, 0);
    transport.writeUInt16BE(dstPort, 2);
    if (protocol === 17) transport.writeUInt16BE(8 + payload.length, 4);
    else transport.writeUInt16BE(0x5018, 12);
  }
  const ip = Buffer.alloc(20);
  ip[0] = 0x45;
  ip.writeUInt16BE(20 + transport.length + payload.length, 2);
  ip[8] = 64;
  ip[9] = protocol;
  src.copy(ip, 12);
  dst.copy(ip, 16);
  return Buffer.concat([ethernet, ip, transport, payload]);
}

const hex2 = (byte: number): string => byte.toString(16).padStart(2, '0');

/** A classic pcap of Ethernet frames. */
function ethernetPcap(list: readonly Frame[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  const packets = list.map(({ timeMs, bytes }) => {
    const head = Buffer.alloc(16);
    head.writeUInt32LE(Math.floor(timeMs / 1000), 0);
    head.writeUInt32LE((timeMs % 1000) * 1000, 4);
    head.writeUInt32LE(bytes.length, 8);
    head.writeUInt32LE(bytes.length, 12);
    return Buffer.concat([head, bytes]);
  });
  return Buffer.concat([header, ...packets]);
}

/** Every datagram that softflowd sends for the capture; an empty one of our own comes behind the last. */
async function exportOf(capture: string, options: readonly string[]): Promise<Buffer[]> {
  const datagrams: Buffer[] = [];
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  socket.on('message', message => (message.length === 0 ? end() : datagrams.push(message)));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  execFileSync('softflowd', ['-d', '-r', capture, '-n', `127.0.0.1:${port}`, ...options], {
    stdio: 'ignore',
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` },
  });
  socket.send(new Uint8Array(0), port, '127.0.0.1');
  await ended;
  socket.close();
  return datagrams;
}

const folder = mkdtempSync(join(tmpdir(), 'hairpin-made-'));
try {
  const traffic = frames();
  for (const { file, port, options } of RUNS) {
    const psamp = file.includes('psamp');
    const capture = join(folder, 'in.pcap');
    writeFileSync(capture, ethernetPcap(psamp ? traffic.slice(0, PSAMP_PACKETS) : traffic));
    const sent = await exportOf(capture, options);
    // Every eighth datagram of PSAMP is left out: a capture from which some are missing.
    const kept = psamp ? sent.filter((_, i) => i === 0 || i % 8 !== 0) : sent;
    const datagrams = kept.map((payload, i) => ({
      payload,
      timeMs: FROM_MS + 60_000 + i,
      srcAddress: '127.0.0.1',
      srcPort: EXPORTER_PORT,
      dstAddress: '127.0.0.1',
      dstPort: port,
    }));
    writeFileSync(new URL(file, import.meta.url), pcapOf(datagrams));
    console.log(`${file}: ${datagrams.length} datagrams of ${sent.length}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
