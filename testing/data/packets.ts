// Builders of packets, and a decoder of one header. The header lies at the very end of the datagram's buffer, so that a
// read beyond it throws.

import { DatagramContext } from '../../collector/decode/context.ts';
import type { FlowBatch } from '../../collector/decode/flow-batch.ts';
import { decodePacketHeader, HEADER_PROTOCOL } from '../../collector/decode/packet/header.ts';
import { clearBatch, createBatch } from '../../schemas/batch.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { type Bytes, ethernet, hex, ip4, ipv4, ipv6, type Row, rowOf, tcp, u16, u32, zeros } from './datagrams.ts';

const batch = createBatch(DECODED_COLUMNS, 1) as unknown as FlowBatch;
export const context = new DatagramContext({ batch, flush: () => {} }, { templatesMax: 1, exportersMax: 1 });

/** Decodes into the first row of the batch; what the decoder returns. */
export function decodeInto(
  header: ArrayLike<number>,
  frameBytes: number,
  headerProtocol: number = HEADER_PROTOCOL.ethernet,
): boolean {
  const end = context.bytes.length;
  const start = end - header.length;
  context.bytes.set(header, start);
  context.steps = 0;
  batch.rows = 1;
  clearBatch(batch);
  return decodePacketHeader(context, 0, headerProtocol, start, end, frameBytes);
}

/** The row a header becomes; undefined when the decoder says that its first layer is not there. */
export function decodeHeader(header: Bytes, frameBytes = header.length, headerProtocol?: number): Row | undefined {
  return decodeInto(header, frameBytes, headerProtocol) ? rowOf(batch, 0) : undefined;
}

/** What columns hold of the outer and the inner ends of a tunnel. */
export const OUTER = { srcAddr: '10.1.0.1', dstAddr: '10.2.0.2' };
export const OUTER6 = { srcAddr: '2001:db8::1', dstAddr: '2001:db8::2' };
export const OUTER_MACS = { srcMac: '02:00:00:00:00:0a', dstMac: '02:00:00:00:00:0b' };
export const INNER = { srcAddr: '10.9.0.1', dstAddr: '10.9.0.2', etherType: 0x0800 };
export const INNER6 = { srcAddr: '2001:db8:9::1', dstAddr: '2001:db8:9::2', etherType: 0x86dd };
export const INNER_MACS = { srcMac: '0a:00:00:00:00:0a', dstMac: '0a:00:00:00:00:0b' };
export const INNER_TCP = { proto: 6, srcPort: 33000, dstPort: 8443, tcpFlags: 0x18, tos: 0x28 };

const innerTcp = tcp(33000, 8443, 0x18);
const packet4 = ipv4([...innerTcp, ...zeros(4)], { tos: 0x28 });
const packet6 = ipv6(6, [...innerTcp, ...zeros(4)], 24, 0x28);

/** IPv4 and TCP, 44 bytes. */
export const inner4: Bytes = [...packet4.slice(0, 12), ...ip4('10.9.0.1'), ...ip4('10.9.0.2'), ...packet4.slice(20)];
/** IPv6 and TCP, 64 bytes. */
export const inner6: Bytes = [
  ...packet6.slice(0, 8),
  ...hex('20010db8000900000000000000000001'),
  ...hex('20010db8000900000000000000000002'),
  ...packet6.slice(40),
];

type Tag = readonly [type: number, vid: number];

export function innerFrame(etherType: number, payload: Bytes, ...tags: readonly Tag[]): Bytes {
  return [...hex('0a000000000b0a000000000a'), ...ethernet(etherType, payload, ...tags).slice(12)];
}

export const datagram = (port: number, payload: Bytes, sourcePort = 50000): Bytes => [
  ...u16(sourcePort),
  ...u16(port),
  ...u16(8 + payload.length),
  ...u16(0),
  ...payload,
];

export const over4 = (proto: number, payload: Bytes): Bytes => ethernet(0x0800, ipv4(payload, { proto }));
export const over6 = (next: number, payload: Bytes): Bytes => ethernet(0x86dd, ipv6(next, payload));
export const overUdp = (port: number, payload: Bytes): Bytes => over4(17, datagram(port, payload));

export const vxlan = (vni: number, payload: Bytes, flags = 0x08000000): Bytes => [
  ...u32(flags),
  ...u32(vni * 256),
  ...payload,
];

/** `options` hold whole words. */
export const geneve = (vni: number, type: number, payload: Bytes, options: Bytes = []): Bytes => [
  options.length / 4,
  0,
  ...u16(type),
  ...u32(vni * 256),
  ...options,
  ...payload,
];

export const gre = (flags: number, type: number, fields: Bytes, payload: Bytes): Bytes => [
  ...u16(flags),
  ...u16(type),
  ...fields,
  ...payload,
];

export const gtp = (flags: number, fields: Bytes, payload: Bytes): Bytes => [
  0x30 | flags,
  255,
  ...u16(fields.length + payload.length),
  ...u32(0x11223344),
  ...fields,
  ...payload,
];

export const label = (value: number, bottom: boolean): Bytes => u32(value * 4096 + (bottom ? 256 : 0) + 64);
export const mpls = (payload: Bytes, ...labels: readonly number[]): Bytes => [
  ...labels.flatMap((value, i) => label(value, i === labels.length - 1)),
  ...payload,
];

export const erspan2 = (vlan: number, frame: Bytes): Bytes => [
  ...u16(0x1000 | vlan),
  ...u16(0x0005),
  ...u32(7),
  ...frame,
];

export const erspan3 = (vlan: number, flags: number, frame: Bytes): Bytes => [
  ...u16(0x2000 | vlan),
  ...u16(0x0005),
  ...u32(123456),
  ...u16(0),
  ...u16(flags),
  ...((flags & 1) === 1 ? zeros(8) : []),
  ...frame,
];

/** A segment routing header with one segment. */
export const srh = (next: number, payload: Bytes): Bytes => [
  next,
  2,
  4,
  0,
  ...zeros(4),
  ...hex('20010db8000000000000000000000002'),
  ...payload,
];
