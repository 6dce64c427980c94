// Reads the UDP payloads, and those of GRE, of a capture file: pcap (either byte order, micro- or nanoseconds), pcapng, or raw export
// datagrams. Packets in fragments are put together. What is neither over IPv4 or IPv6 is passed over and counted. The whole
// file is held in memory.

import { readFileSync, statSync } from 'node:fs';
import { formatAddress, formatIPv4 } from '../../schemas/address.ts';
import { PROTOCOL_ROWS } from '../../schemas/protocols.ts';
import { HairpinError } from '../../service/errors.ts';
import { Fragments } from './fragments.ts';

export interface CapturedDatagram {
  readonly payload: Uint8Array;
  readonly source: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly timeMs: number;
}

export interface Capture {
  readonly format: 'pcap' | 'pcapng' | 'raw';
  readonly datagrams: readonly CapturedDatagram[];
  /** What GRE packets carry, header included; their ports are 0. */
  readonly gre: readonly CapturedDatagram[];
  /** Frames without a whole UDP payload: other protocols, cut frames. */
  readonly passedOver: number;
  /** Fragments of packets of UDP or GRE that are not whole. */
  readonly fragments: number;
  /** True when the file ends in the middle of a frame. */
  readonly truncated: boolean;
}

/** Files larger than this are refused: a capture is held in memory. */
const CAPTURE_BYTES_MAX = 2 ** 31 - 1;

const PCAP_MAGIC: Readonly<Record<number, { little: boolean; nanos: boolean }>> = {
  2712847316: { little: false, nanos: false },
  3569595041: { little: true, nanos: false },
  2712812621: { little: false, nanos: true },
  1295823521: { little: true, nanos: true },
};
const PCAPNG_SECTION = 0x0a0d0d0a;

/** Reads a capture; throws CAPTURE_UNREADABLE when the file cannot be read or holds no datagram at all. */
export function readCapture(file: string): Capture {
  let bytes: Uint8Array;
  try {
    const { size } = statSync(file);
    if (size > CAPTURE_BYTES_MAX)
      throw new HairpinError(
        'CAPTURE_UNREADABLE',
        `${file} has ${size} bytes, more than ${CAPTURE_BYTES_MAX}: split it first`,
      );
    bytes = readFileSync(file);
  } catch (error) {
    if (error instanceof HairpinError) throw error;
    throw new HairpinError(
      'CAPTURE_UNREADABLE',
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
      error,
    );
  }
  if (bytes.length < 4)
    throw new HairpinError('CAPTURE_UNREADABLE', `${file} has ${bytes.length} bytes, too few for a datagram`);
  return parseCapture(bytes);
}

/** The same for a file that a person names: any bytes could be a raw datagram, so that one must begin as a protocol does. */
export function readNamedCapture(file: string): Capture {
  const capture = readCapture(file);
  const [first] = capture.datagrams;
  if (capture.format === 'raw' && first && !OPENINGS.some(opening => startsWith(first.payload, opening)))
    throw new HairpinError(
      'CAPTURE_UNREADABLE',
      `${file} holds no datagram: it is no pcap and no pcapng, and it does not begin as NetFlow, IPFIX or sFlow do`,
    );
  return capture;
}

/** First bytes of export datagrams. */
const OPENINGS = PROTOCOL_ROWS.flatMap(row => ('opens' in row ? [Buffer.from(row.opens, 'hex')] : []));

function startsWith(bytes: Uint8Array, opening: Uint8Array): boolean {
  return opening.every((byte, i) => bytes[i] === byte);
}

export function parseCapture(bytes: Uint8Array): Capture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  if (magic === PCAPNG_SECTION) return readPcapng(view);
  const kind = PCAP_MAGIC[magic];
  if (kind && bytes.length >= 24) return readPcap(view, kind.little, kind.nanos);
  return { format: 'raw', datagrams: splitRaw(view), gre: [], passedOver: 0, fragments: 0, truncated: false };
}

/** Raw payloads: one datagram, or IPFIX messages one after the other (RFC 5655 files). */
function splitRaw(view: DataView): CapturedDatagram[] {
  const datagrams: CapturedDatagram[] = [];
  const add = (start: number, end: number) =>
    datagrams.push({
      payload: new Uint8Array(view.buffer, view.byteOffset + start, end - start),
      source: '0.0.0.0',
      sourcePort: 0,
      destinationPort: 0,
      timeMs: 0,
    });
  let offset = 0;
  while (view.byteLength - offset >= 16 && view.getUint16(offset) === 10) {
    const length = view.getUint16(offset + 2);
    if (length < 16 || length > view.byteLength - offset) break;
    add(offset, offset + length);
    offset += length;
  }
  if (offset < view.byteLength) add(offset, view.byteLength);
  return datagrams;
}

class Frames {
  readonly datagrams: CapturedDatagram[] = [];
  readonly gre: CapturedDatagram[] = [];
  readonly #fragments = new Fragments();
  #passedOver = 0;

  add(view: DataView, start: number, end: number, linkType: number, timeMs: number): void {
    const network = networkOffset(view, start, end, linkType);
    const found = network < 0 ? undefined : packetOf(view, network, end);
    const packet = found?.fragment ? this.#assemble(found, found.fragment, timeMs) : found;
    if (packet === WAITING) return;
    const datagram = packet && (packet.protocol === UDP ? udpOf(packet, timeMs) : greOf(packet, timeMs));
    if (datagram) (packet.protocol === UDP ? this.datagrams : this.gre).push(datagram);
    else this.#passedOver++;
  }

  passOver(): void {
    this.#passedOver++;
  }

  capture(format: 'pcap' | 'pcapng', truncated: boolean): Capture {
    const { datagrams, gre } = this;
    return { format, datagrams, gre, passedOver: this.#passedOver, fragments: this.#fragments.leftOver, truncated };
  }

  /** The packet that this fragment completes. */
  #assemble(packet: Packet, { key, offset, isLast }: FragmentOf, timeMs: number): Packet | typeof WAITING {
    const { view, source, protocol, start, end } = packet;
    const bytes = new Uint8Array(view.buffer, view.byteOffset + start, end - start);
    const whole = this.#fragments.add({ key, offset, isLast, bytes, timeMs });
    if (!whole) return WAITING;
    return { view: new DataView(whole.buffer), protocol, source, start: 0, end: whole.length };
  }
}

function readPcap(view: DataView, little: boolean, nanos: boolean): Capture {
  const linkType = view.getUint32(20, little) & 0x0fffffff;
  const frames = new Frames();
  let offset = 24;
  while (view.byteLength - offset >= 16) {
    const seconds = view.getUint32(offset, little);
    const fraction = view.getUint32(offset + 4, little);
    const length = view.getUint32(offset + 8, little);
    const start = offset + 16;
    if (length > view.byteLength - start) return frames.capture('pcap', true);
    frames.add(view, start, start + length, linkType, seconds * 1000 + Math.floor(fraction / (nanos ? 1e6 : 1e3)));
    offset = start + length;
  }
  return frames.capture('pcap', offset !== view.byteLength);
}

/** Blocks of pcapng: section header, interface description (link type, if_tsresol), enhanced and simple packets. */
function readPcapng(view: DataView): Capture {
  const frames = new Frames();
  let interfaces: { linkType: number; ticksPerMs: number }[] = [];
  let little = true;
  let offset = 0;
  while (view.byteLength - offset >= 12) {
    const big = view.getUint32(offset);
    if (big === PCAPNG_SECTION) {
      little = view.getUint32(offset + 8) === 0x4d3c2b1a;
      interfaces = [];
    }
    const type = view.getUint32(offset, little);
    const length = view.getUint32(offset + 4, little);
    if (length < 12 || length % 4 !== 0 || length > view.byteLength - offset) return frames.capture('pcapng', true);
    const body = offset + 8;
    const end = offset + length - 4;
    if (type === 1 && end - body >= 8)
      interfaces.push({ linkType: view.getUint16(body, little), ticksPerMs: ticksPerMs(view, body + 8, end, little) });
    else if (type === 6 && end - body >= 20) {
      const on = interfaces[view.getUint32(body, little)];
      const captured = view.getUint32(body + 12, little);
      if (on && captured <= end - body - 20) {
        const ticks = view.getUint32(body + 4, little) * 4294967296 + view.getUint32(body + 8, little);
        frames.add(view, body + 20, body + 20 + captured, on.linkType, Math.floor(ticks / on.ticksPerMs));
      } else frames.passOver();
    } else if (type === 3 && interfaces[0])
      frames.add(view, body + 4, Math.min(end, body + 4 + view.getUint32(body, little)), interfaces[0].linkType, 0);
    offset += length;
  }
  return frames.capture('pcapng', offset !== view.byteLength);
}

/** Option 9 if_tsresol: 10^-n seconds, or 2^-n with the top bit; microseconds when it is not there. */
function ticksPerMs(view: DataView, start: number, end: number, little: boolean): number {
  let offset = start;
  while (offset + 4 <= end) {
    const code = view.getUint16(offset, little);
    const length = view.getUint16(offset + 2, little);
    if (code === 0) break;
    if (code === 9 && length === 1) {
      const value = view.getUint8(offset + 4);
      return (value & 0x80 ? 2 ** (value & 0x7f) : 10 ** value) / 1000;
    }
    offset += 4 + ((length + 3) & ~3);
  }
  return 1000;
}

/** Offset of the IP header, -1 when the frame has none. Link types: https://www.tcpdump.org/linktypes.html */
function networkOffset(view: DataView, start: number, end: number, linkType: number): number {
  switch (linkType) {
    case 0: // BSD loopback
      return start + 4;
    case 1: // Ethernet
      return behindEtherType(view, start + 12, end);
    case 12:
    case 14:
    case 101: // raw IP
    case 228:
    case 229:
      return start;
    case 113: // Linux cooked
      return behindEtherType(view, start + 14, end);
    case 276: // Linux cooked, version 2
      return start + 20;
    default:
      return -1;
  }
}

function behindEtherType(view: DataView, start: number, end: number): number {
  let offset = start;
  for (let tags = 0; tags < 4 && offset + 2 <= end; tags++) {
    const type = view.getUint16(offset);
    if (type === 0x0800 || type === 0x86dd) return offset + 2;
    if (type !== 0x8100 && type !== 0x88a8) return -1;
    offset += 4;
  }
  return -1;
}

const UDP = 17;
const GRE = 47;

/** Stands for a packet that lacks fragments. */
const WAITING = 'waiting';

interface FragmentOf {
  readonly key: string;
  readonly offset: number;
  readonly isLast: boolean;
}

interface Packet {
  readonly view: DataView;
  readonly protocol: typeof UDP | typeof GRE;
  readonly source: string;
  /** Where its payload lies, or that of its fragment. */
  readonly start: number;
  readonly end: number;
  readonly fragment?: FragmentOf;
}

/** A packet of UDP or GRE, or a fragment of one; undefined for all else. */
function packetOf(view: DataView, start: number, end: number): Packet | undefined {
  if (end - start < 20) return undefined;
  const version = view.getUint8(start) >>> 4;
  if (version === 4) return packet4Of(view, start, end);
  return version === 6 && end - start >= 40 ? packet6Of(view, start, end) : undefined;
}

function packet4Of(view: DataView, start: number, end: number): Packet | undefined {
  const protocol = view.getUint8(start + 9);
  if (protocol !== UDP && protocol !== GRE) return undefined;
  const source = formatIPv4(view.getUint32(start + 12));
  const payload = start + (view.getUint8(start) & 0xf) * 4;
  const packetEnd = start + view.getUint16(start + 2);
  const fragment = view.getUint16(start + 6);
  if ((fragment & 0x3fff) === 0)
    return { view, protocol, source, start: payload, end: protocol === UDP ? end : Math.min(end, packetEnd) };
  if (packetEnd > end || payload > packetEnd) return undefined;
  const key = `4 ${source} ${view.getUint32(start + 16)} ${view.getUint16(start + 4)} ${protocol}`;
  const offset = (fragment & 0x1fff) * 8;
  return {
    view,
    protocol,
    source,
    start: payload,
    end: packetEnd,
    fragment: { key, offset, isLast: (fragment & 0x2000) === 0 },
  };
}

/** RFC 8200 4: hop-by-hop options 0, routing 43, fragment 44, destination options 60. */
const FRAGMENT_HEADER = 44;
const OTHER_HEADERS: ReadonlySet<number> = new Set([0, 43, 60]);
/** More extension headers than any export has. */
const EXTENSION_HEADERS_MAX = 8;

function packet6Of(view: DataView, start: number, end: number): Packet | undefined {
  const packetEnd = start + 40 + view.getUint16(start + 4);
  let next = view.getUint8(start + 6);
  let offset = start + 40;
  let fragment: FragmentOf | undefined;
  const word = (at: number) => view.getUint32(at);
  const address = (at: number) => formatAddress([word(at), word(at + 4), word(at + 8), word(at + 12)]);
  for (let i = 0; i < EXTENSION_HEADERS_MAX && offset + 8 <= end && !fragment; i++) {
    const flags = view.getUint16(offset + 2);
    if (OTHER_HEADERS.has(next)) {
      next = view.getUint8(offset);
      offset += 8 * (view.getUint8(offset + 1) + 1);
    } else if (next === FRAGMENT_HEADER) {
      next = view.getUint8(offset);
      const key = `6 ${address(start + 8)} ${address(start + 24)} ${word(offset + 4)}`;
      // RFC 6946: a packet in one fragment is whole.
      if ((flags & 0xfff9) !== 0) fragment = { key, offset: flags & 0xfff8, isLast: (flags & 1) === 0 };
      offset += 8;
    } else break;
  }
  if ((next !== UDP && next !== GRE) || (fragment && (packetEnd > end || offset > packetEnd))) return undefined;
  const isToFrameEnd = next === UDP && !fragment;
  return {
    view,
    protocol: next,
    source: address(start + 8),
    start: offset,
    end: isToFrameEnd ? end : Math.min(end, packetEnd),
    ...(fragment && { fragment }),
  };
}

function udpOf({ view, source, start, end }: Packet, timeMs: number): CapturedDatagram | undefined {
  if (start + 8 > end) return undefined;
  const length = view.getUint16(start + 4);
  if (length < 8 || start + length > end) return undefined;
  return {
    payload: new Uint8Array(view.buffer, view.byteOffset + start + 8, length - 8),
    source,
    sourcePort: view.getUint16(start),
    destinationPort: view.getUint16(start + 2),
    timeMs,
  };
}

function greOf({ view, source, start, end }: Packet, timeMs: number): CapturedDatagram | undefined {
  if (start + 4 > end) return undefined;
  const payload = new Uint8Array(view.buffer, view.byteOffset + start, end - start);
  return { payload, source, sourcePort: 0, destinationPort: 0, timeMs };
}
