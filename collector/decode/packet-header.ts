// The start of a packet as sFlow (sampled_header) and IPFIX (315 dataLinkFrameSection) carry it, into the columns of
// one row: Ethernet with its tags, IPv4 with options, IPv6 with extension headers, transport ports. Headers are cut at
// some 128 bytes, so every layer is read only as far as it is there.

import type { DecodedColumns } from '../../schemas/flow.ts';
import type { DatagramContext } from './context.ts';
import { MAPPED_WORD } from './kernels.ts';

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_VLAN = 0x8100;
const ETHERTYPE_SERVICE_VLAN = 0x88a8;
const ETHERTYPE_MIN = 0x0600;
const LLC_SNAP = 0xaaaa;

const TAGS_MAX = 8;
const EXTENSION_HEADERS_MAX = 16;

const TCP = 6;
const UDP = 17;
const ICMP = 1;
const ICMP6 = 58;
const SCTP = 132;

function isVlanTag(etherType: number): boolean {
  // 0x9100, 0x9200 and 0x9300 are service tags of equipment older than 802.1ad.
  return (
    etherType === ETHERTYPE_VLAN ||
    etherType === ETHERTYPE_SERVICE_VLAN ||
    etherType === 0x9100 ||
    etherType === 0x9200 ||
    etherType === 0x9300
  );
}

/**
 * Decodes an Ethernet frame that starts at `start` and of which the bytes before `end` are there. `frameBytes` is the
 * length of the whole frame without its check sequence. False when not even the Ethernet header is complete.
 */
export function decodeEthernet(
  context: DatagramContext,
  row: number,
  start: number,
  end: number,
  frameBytes: number,
): boolean {
  if (end - start < 14) return false;
  const { view } = context;
  const { columns } = context.output.batch;
  columns.dstMac[2 * row] = view.getUint32(start + 2);
  columns.dstMac[2 * row + 1] = view.getUint16(start);
  columns.srcMac[2 * row] = view.getUint32(start + 8);
  columns.srcMac[2 * row + 1] = view.getUint16(start + 6);

  let etherType = view.getUint16(start + 12);
  let offset = start + 14;
  const outerType = etherType;
  let outer = 0;
  let tags = 0;
  while (isVlanTag(etherType) && tags < TAGS_MAX && offset + 4 <= end) {
    const vid = view.getUint16(offset) & 0xfff;
    if (tags === 0) outer = vid;
    else if (tags === 1) columns.vlan[row] = vid;
    tags++;
    etherType = view.getUint16(offset + 2);
    offset += 4;
  }
  if (tags > 1 || (tags === 1 && outerType !== ETHERTYPE_VLAN)) columns.sVlan[row] = outer;
  else if (tags === 1) columns.vlan[row] = outer;

  if (etherType < ETHERTYPE_MIN) {
    // 802.3 length: the type stands behind an LLC/SNAP header, if there is one.
    const snap = offset + 8 <= end && view.getUint16(offset) === LLC_SNAP;
    etherType = snap ? view.getUint16(offset + 6) : 0;
    if (snap) offset += 8;
  }
  columns.etherType[row] = etherType;
  const layer3Bytes = Math.max(0, frameBytes - (offset - start));
  columns.bytes[2 * row] = layer3Bytes;
  if (etherType === ETHERTYPE_IPV4) decodeIPv4(context, row, offset, end, layer3Bytes);
  else if (etherType === ETHERTYPE_IPV6) decodeIPv6(context, row, offset, end, layer3Bytes);
  return true;
}

/** Decodes an IPv4 packet; false when its header is not complete or none. `layer3Bytes` counts where it gives no length. */
export function decodeIPv4(
  context: DatagramContext,
  row: number,
  start: number,
  end: number,
  layer3Bytes: number,
): boolean {
  const { view } = context;
  const { columns } = context.output.batch;
  columns.etherType[row] = ETHERTYPE_IPV4;
  columns.bytes[2 * row] = layer3Bytes;
  if (end - start < 20) return false;
  const first = view.getUint8(start);
  const headerBytes = (first & 0xf) * 4;
  if (first >>> 4 !== 4 || headerBytes < 20) return false;
  const totalLength = view.getUint16(start + 2);
  // Segmentation offload leaves 0 in frames captured before they are cut.
  if (totalLength >= headerBytes) columns.bytes[2 * row] = totalLength;
  columns.tos[row] = view.getUint8(start + 1);
  const proto = view.getUint8(start + 9);
  columns.proto[row] = proto;
  const { srcAddr, dstAddr } = columns;
  srcAddr[4 * row + 2] = MAPPED_WORD;
  srcAddr[4 * row + 3] = view.getUint32(start + 12, true);
  dstAddr[4 * row + 2] = MAPPED_WORD;
  dstAddr[4 * row + 3] = view.getUint32(start + 16, true);
  const laterFragment = (view.getUint16(start + 6) & 0x1fff) !== 0;
  if (!laterFragment) decodeTransport(view, columns, row, proto, start + headerBytes, end);
  return true;
}

/** Decodes an IPv6 packet; false when its header is not complete or none. */
export function decodeIPv6(
  context: DatagramContext,
  row: number,
  start: number,
  end: number,
  layer3Bytes: number,
): boolean {
  const { view } = context;
  const { columns } = context.output.batch;
  columns.etherType[row] = ETHERTYPE_IPV6;
  columns.bytes[2 * row] = layer3Bytes;
  if (end - start < 40 || view.getUint8(start) >>> 4 !== 6) return false;
  const payloadLength = view.getUint16(start + 4);
  if (payloadLength !== 0) columns.bytes[2 * row] = payloadLength + 40;
  columns.tos[row] = (view.getUint16(start) >>> 4) & 0xff;
  copyAddress6(view, start + 8, columns.srcAddr, 4 * row);
  copyAddress6(view, start + 24, columns.dstAddr, 4 * row);

  let next = view.getUint8(start + 6);
  let offset = start + 40;
  for (let i = 0; i < EXTENSION_HEADERS_MAX && isExtensionHeader(next) && offset + 8 <= end; i++) {
    if (next === 44 && (view.getUint16(offset + 2) & 0xfff8) !== 0) {
      // A later fragment: what follows is no transport header.
      columns.proto[row] = view.getUint8(offset);
      return true;
    }
    const units = view.getUint8(offset + 1);
    const bytes = next === 44 ? 8 : next === 51 ? (units + 2) * 4 : (units + 1) * 8;
    next = view.getUint8(offset);
    offset += bytes;
  }
  columns.proto[row] = next;
  if (!isExtensionHeader(next)) decodeTransport(view, columns, row, next, offset, end);
  return true;
}

/** Hop-by-hop, routing, fragment, authentication, destination options (RFC 8200 4). */
function isExtensionHeader(next: number): boolean {
  return next === 0 || next === 43 || next === 44 || next === 51 || next === 60;
}

function copyAddress6(view: DataView, offset: number, column: Uint32Array, word: number): void {
  column[word] = view.getUint32(offset, true);
  column[word + 1] = view.getUint32(offset + 4, true);
  column[word + 2] = view.getUint32(offset + 8, true);
  column[word + 3] = view.getUint32(offset + 12, true);
}

function decodeTransport(
  view: DataView,
  columns: DecodedColumns,
  row: number,
  proto: number,
  offset: number,
  end: number,
): void {
  if (proto === TCP || proto === UDP || proto === SCTP) {
    if (offset + 4 > end) return;
    columns.srcPort[row] = view.getUint16(offset);
    columns.dstPort[row] = view.getUint16(offset + 2);
    if (proto === TCP && offset + 14 <= end) columns.tcpFlags[row] = view.getUint8(offset + 13);
  } else if (proto === ICMP || proto === ICMP6) {
    if (offset + 2 <= end) columns.dstPort[row] = view.getUint16(offset);
  }
}
