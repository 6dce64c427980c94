// The decoder of packet headers against tshark: every encapsulation of the test cases, and the packets other projects
// keep of encapsulated traffic. tshark gives every layer it finds; the last one is the packet the columns describe.

import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import { type Bytes, type Row, u16, u32, zeros } from '../../../testing/data/datagrams.ts';
import { CASES } from '../../../testing/data/packet-cases.ts';
import { decodeHeader } from '../../../testing/data/packets.ts';
import { onPath, requireTool } from '../../../testing/requirements.ts';
import { HEADER_PROTOCOL } from './header.ts';

const ready = requireTool('tshark', onPath('tshark'), 'no such program on PATH (Debian package tshark)');
const run = promisify(execFile);
const folder = ready ? mkdtempSync(join(tmpdir(), 'hairpin-packets-')) : '';
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Link types of captures (pcap-linktype) for header protocols. */
const LINK_TYPES: ReadonlyMap<number, number> = new Map([
  [HEADER_PROTOCOL.ethernet, 1],
  [HEADER_PROTOCOL.ppp, 9],
  [HEADER_PROTOCOL.aal5, 100],
  [HEADER_PROTOCOL.ip, 101],
  [HEADER_PROTOCOL.ipv4, 228],
  [HEADER_PROTOCOL.ipv6, 229],
  [HEADER_PROTOCOL.pos, 9],
  [HEADER_PROTOCOL.ieee80211, 105],
  [HEADER_PROTOCOL.ieee80211AmsduSubframe, 1],
]);

interface Packet {
  readonly name: string;
  readonly header: Bytes;
  readonly headerProtocol: number;
}

/** pcapng with an interface for each header protocol. */
function capture(packets: readonly Packet[]): Uint8Array {
  const block = (type: number, body: Bytes): Bytes => [
    ...u32(type),
    ...u32(12 + body.length),
    ...body,
    ...u32(12 + body.length),
  ];
  const protocols = [...LINK_TYPES.keys()];
  return Uint8Array.from([
    ...block(0x0a0d0d0a, [...u32(0x1a2b3c4d), ...u16(1), ...u16(0), ...new Array<number>(8).fill(0xff)]),
    ...protocols.flatMap(protocol => block(1, [...u16(LINK_TYPES.get(protocol)!), ...u16(0), ...u32(0)])),
    ...packets.flatMap(({ header, headerProtocol }) =>
      block(6, [
        ...u32(protocols.indexOf(headerProtocol)),
        ...zeros(8),
        ...u32(header.length),
        ...u32(header.length),
        ...header,
        ...zeros(-header.length & 3),
      ]),
    ),
  ]);
}

const FIELDS = [
  'frame.protocols',
  'ip.src',
  'ip.dst',
  'ip.len',
  'ip.dsfield',
  'ip.proto',
  'ipv6.src',
  'ipv6.dst',
  'ipv6.plen',
  'ipv6.tclass',
  'tcp.srcport',
  'tcp.dstport',
  'tcp.flags',
  'udp.srcport',
  'udp.dstport',
  'icmp.type',
  'icmp.code',
  'eth.src',
  'eth.dst',
  'wlan.sa',
  'wlan.da',
  'ieee8021ah.csrc',
  'ieee8021ah.cdst',
  'ieee8021ah.isid',
  'ieee8021ad.id',
  'vlan.id',
  'vxlan.vni',
  'geneve.vni',
  'gre.key',
  'gre.proto',
  'erspan.vlan',
  'erspan.direction',
  'etag.ecid_base',
  'etag.ecid_ext',
  'etag.group',
  'vntag.dir',
  'vntag.dst',
  'vntag.src',
] as const;
type Dissection = Readonly<Record<(typeof FIELDS)[number], readonly string[]>>;

/** What labels lead to a frame, with and without control word; tshark would guess. */
const PSEUDOWIRES = [
  [17, 'pwethcw'],
  [100, 'pwethcw'],
  [1000, 'pwethcw'],
  [1001, 'pwethnocw'],
] as const;

async function dissect(file: string): Promise<Dissection[]> {
  const decodeAs = ['udp.port==8472,vxlan', ...PSEUDOWIRES.map(([label, kind]) => `mpls.label==${label},${kind}`)];
  const args = ['-r', file, '-o', 'ip.defragment:FALSE', ...decodeAs.flatMap(rule => ['-d', rule])];
  args.push('-T', 'fields', '-E', 'occurrence=a', '-E', 'separator=/t');
  const { stdout } = await run('tshark', [...args, ...FIELDS.flatMap(field => ['-e', field])], { maxBuffer: 2 ** 24 });
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const cells = line.split('\t');
      return Object.fromEntries(
        FIELDS.map((field, i) => [field, cells[i] ? cells[i].split(',') : []]),
      ) as unknown as Dissection;
    });
}

const last = (values: readonly string[]): string | undefined => values.at(-1);
const TRANSPORTS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, icmp: 1 };

/** The columns as tshark's dissection has them; those it does not report are left out. */
function columnsOf(d: Dissection): Record<string, unknown> {
  const layers = d['frame.protocols'][0]!.split(':');
  const frame = layers.findLastIndex(layer => layer === 'eth' || layer === 'wlan');
  const network = layers.findLastIndex(layer => layer === 'ip' || layer === 'ipv6');
  const columns: Record<string, unknown> = {
    ...linkOf(d, layers.slice(frame + 1)),
    srcAddr: '::',
    dstAddr: '::',
    proto: 0,
    srcPort: 0,
    dstPort: 0,
    tcpFlags: 0,
    tos: 0,
  };
  if (network <= frame) return columns;
  const version = layers[network];
  const transport = layers.slice(network + 1).find(layer => TRANSPORTS[layer] !== undefined);
  columns['etherType'] = version === 'ip' ? 0x0800 : 0x86dd;
  columns['srcAddr'] = last(version === 'ip' ? d['ip.src'] : d['ipv6.src']);
  columns['dstAddr'] = last(version === 'ip' ? d['ip.dst'] : d['ipv6.dst']);
  columns['tos'] = Number(last(version === 'ip' ? d['ip.dsfield'] : d['ipv6.tclass']));
  columns['bytes'] = version === 'ip' ? Number(last(d['ip.len'])) : Number(last(d['ipv6.plen'])) + 40;
  if (transport === undefined) return columns;
  columns['proto'] = TRANSPORTS[transport];
  if (transport === 'icmp') columns['dstPort'] = Number(last(d['icmp.type'])) * 256 + Number(last(d['icmp.code']));
  else {
    columns['srcPort'] = Number(last(transport === 'tcp' ? d['tcp.srcport'] : d['udp.srcport']));
    columns['dstPort'] = Number(last(transport === 'tcp' ? d['tcp.dstport'] : d['udp.dstport']));
  }
  if (transport === 'tcp') columns['tcpFlags'] = Number(last(d['tcp.flags'])) & 0xff;
  return columns;
}

/** MAC addresses, tags and segment; `inside` are the layers in the innermost frame. */
function linkOf(d: Dissection, inside: readonly string[]): Record<string, unknown> {
  const tags = inside.filter(layer => layer === 'vlan').length;
  const vlans = tags === 0 ? [] : d['vlan.id'].slice(-tags);
  const nvgre = d['gre.proto'].includes('0x6558') && d['gre.key'].length > 0;
  const etag = d['etag.group'].length > 0;
  const vntag = last(d['vntag.dir']) === '1' ? d['vntag.dst'] : d['vntag.src'];
  const direction = last(d['erspan.direction']);
  return {
    srcMac: last([...d['eth.src'], ...d['wlan.sa'], ...d['ieee8021ah.csrc']]) ?? '00:00:00:00:00:00',
    dstMac: last([...d['eth.dst'], ...d['wlan.da'], ...d['ieee8021ah.cdst']]) ?? '00:00:00:00:00:00',
    vlan: Number(last(vlans) ?? last(d['erspan.vlan']) ?? 0),
    sVlan: Number(vlans.length > 1 ? vlans[0] : (last(d['ieee8021ad.id']) ?? 0)),
    vni: nvgre
      ? Number(last(d['gre.key'])) >>> 8
      : Number(last([...d['vxlan.vni'], ...d['geneve.vni'], ...d['ieee8021ah.isid']]) ?? 0),
    ecid: etag
      ? Number(d['etag.group'][0]) * 2 ** 20 + Number(d['etag.ecid_ext'][0]) * 2 ** 12 + Number(d['etag.ecid_base'][0])
      : Number(vntag[0] ?? 0),
    direction: direction === undefined ? 'unknown' : direction === '1' ? 'egress' : 'ingress',
  };
}

/** The frames of a pcap file. */
function framesOf(file: string): Bytes[] {
  const bytes = readFileSync(file);
  const little = bytes.readUInt32LE(0) === 0xa1b2c3d4;
  const frames: Bytes[] = [];
  for (let at = 24; at + 16 <= bytes.length; ) {
    const length = little ? bytes.readUInt32LE(at + 8) : bytes.readUInt32BE(at + 8);
    frames.push([...bytes.subarray(at + 16, at + 16 + length)]);
    at += 16 + length;
  }
  return frames;
}

async function compare(packets: readonly Packet[]): Promise<Map<string, readonly [Row, Record<string, unknown>]>> {
  const file = join(folder, 'packets.pcapng');
  writeFileSync(file, capture(packets));
  const found = await dissect(file);
  if (found.length !== packets.length) throw new Error(`${found.length} of ${packets.length} packets dissected`);
  return new Map(
    packets.map(({ name, header, headerProtocol }, i) => [
      name,
      [decodeHeader(header, header.length, headerProtocol)!, columnsOf(found[i]!)],
    ]),
  );
}

describe.skipIf(!ready)('tshark agrees on', () => {
  const packets = CASES.filter(({ headerProtocol = 1 }) => LINK_TYPES.has(headerProtocol)).map(
    ({ name, header, headerProtocol = HEADER_PROTOCOL.ethernet }) => ({ name, header, headerProtocol }),
  );
  let compared: Awaited<ReturnType<typeof compare>>;
  beforeAll(async () => {
    compared = await compare(packets);
  });

  test('all test cases but a label stack without link layer, which captures have no type for', () => {
    expect(CASES.length - packets.length).toBe(1);
  });

  test.each(packets)('$name', ({ name }) => {
    const [ours, theirs] = compared.get(name)!;
    expect(ours).toMatchObject(theirs);
  });
});

const INNER_PACKETS = pathOf(`akvorado/inner-packets/`);
const corpus = requireCorpus();

describe.skipIf(!ready || !corpus)('tshark agrees on encapsulated packets of the corpus:', () => {
  const packets = (corpus ? readdirSync(INNER_PACKETS) : []).flatMap(file =>
    framesOf(INNER_PACKETS + file).map((header, i) => ({
      name: `${file} ${i}`,
      header,
      headerProtocol: HEADER_PROTOCOL.ethernet,
    })),
  );
  let compared: Awaited<ReturnType<typeof compare>>;
  beforeAll(async () => {
    compared = await compare(packets);
  });

  test.each(packets)('$name', ({ name }) => {
    const [ours, theirs] = compared.get(name)!;
    expect(ours).toMatchObject(theirs);
  });
});
