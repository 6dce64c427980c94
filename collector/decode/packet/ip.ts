// IPv4 (RFC 791) and IPv6 (RFC 8200) with what follows them, into the columns of one row. Where the packet carries
// another one, the cursor is left there.
//
//   IPv4: version 4 bits, header length 4 | TOS 1 | total length 2 | identification 2 | flags 3 bits, offset 13 |
//         TTL 1 | protocol 1 | checksum 2 | source 4 | destination 4 | options
//   IPv6: version 4 bits, class 8, flow label 20 | payload length 2 | next header 1 | hop limit 1 | source 16 |
//         destination 16
//
// A later fragment has neither ports nor a packet inside: what follows its header is the middle of something.

import type { DecodedColumns } from '../../../schemas/flow.ts';
import type { DatagramContext } from '../context.ts';
import { MAPPED_WORD } from '../kernels.ts';
import { IPV4, IPV6 } from './cursor.ts';
import { isExtensionHeader, upper, walkExtensionHeaders } from './extension-headers.ts';
import { decodePayload } from './payload.ts';

const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const FRAGMENT_OFFSET = 0x1fff;

/** Whether a whole IPv4 header without its options is at `start`. */
export function isIPv4(view: DataView, start: number, end: number): boolean {
  if (end - start < IPV4_BYTES) return false;
  const first = view.getUint8(start);
  return first >= 0x45 && first <= 0x4f;
}

/** Whether a whole IPv6 header is at `start`. */
export function isIPv6(view: DataView, start: number, end: number): boolean {
  return end - start >= IPV6_BYTES && view.getUint8(start) >>> 4 === 6;
}

/**
 * Decodes a packet of type IPv4 or IPv6 and leaves the cursor at what it carries; false, and nothing written, when it is
 * none of them or its header is not whole. A packet that gives no length of its own goes to `frameEnd`.
 */
export function decodePacket(
  context: DatagramContext,
  columns: DecodedColumns,
  row: number,
  type: number,
  start: number,
  end: number,
  frameEnd: number,
  inner: boolean,
): boolean {
  if (type === IPV4) return decodeIPv4(context, columns, row, start, end, frameEnd, inner);
  return type === IPV6 && decodeIPv6(context, columns, row, start, end, frameEnd, inner);
}

function decodeIPv4(
  context: DatagramContext,
  columns: DecodedColumns,
  row: number,
  start: number,
  end: number,
  frameEnd: number,
  inner: boolean,
): boolean {
  const { view } = context;
  if (!isIPv4(view, start, end)) return false;
  if (inner) clearPacket(columns, row);
  // Segmentation offload leaves a total length of 0 in frames captured before they are cut.
  const headerBytes = (view.getUint8(start) & 0xf) * 4;
  let bytes = view.getUint16(start + 2);
  let payloadEnd = end;
  if (bytes < headerBytes) bytes = Math.max(0, frameEnd - start);
  // What lies behind the packet in its frame is padding.
  else if (start + bytes < end) payloadEnd = start + bytes;
  const proto = view.getUint8(start + 9);
  columns.etherType[row] = IPV4;
  columns.bytes[2 * row] = bytes;
  columns.tos[row] = view.getUint8(start + 1);
  columns.proto[row] = proto;
  const { srcAddr, dstAddr } = columns;
  const word = 4 * row + 2;
  srcAddr[word] = MAPPED_WORD;
  srcAddr[word + 1] = view.getUint32(start + 12, true);
  dstAddr[word] = MAPPED_WORD;
  dstAddr[word + 1] = view.getUint32(start + 16, true);
  if ((view.getUint16(start + 6) & FRAGMENT_OFFSET) === 0)
    decodePayload(context, columns, row, proto, start + headerBytes, payloadEnd, start + bytes);
  return true;
}

function decodeIPv6(
  context: DatagramContext,
  columns: DecodedColumns,
  row: number,
  start: number,
  end: number,
  frameEnd: number,
  inner: boolean,
): boolean {
  const { view } = context;
  if (!isIPv6(view, start, end)) return false;
  if (inner) clearPacket(columns, row);
  let bytes = view.getUint16(start + 4);
  let payloadEnd = end;
  // A payload length of 0 is a jumbogram, or segmentation offload.
  if (bytes === 0) bytes = Math.max(0, frameEnd - start);
  else {
    bytes += IPV6_BYTES;
    if (start + bytes < end) payloadEnd = start + bytes;
  }
  columns.etherType[row] = IPV6;
  columns.bytes[2 * row] = bytes;
  columns.tos[row] = (view.getUint16(start) >>> 4) & 0xff;
  copyAddress6(view, start + 8, columns.srcAddr, 4 * row);
  copyAddress6(view, start + 24, columns.dstAddr, 4 * row);

  let proto = view.getUint8(start + 6);
  let payload = start + IPV6_BYTES;
  if (isExtensionHeader(proto)) {
    walkExtensionHeaders(context, proto, payload, payloadEnd);
    proto = upper.proto;
    payload = upper.offset;
  }
  columns.proto[row] = proto;
  if (payload !== 0) decodePayload(context, columns, row, proto, payload, payloadEnd, start + bytes);
  return true;
}

function copyAddress6(view: DataView, offset: number, column: Uint32Array, word: number): void {
  column[word] = view.getUint32(offset, true);
  column[word + 1] = view.getUint32(offset + 4, true);
  column[word + 2] = view.getUint32(offset + 8, true);
  column[word + 3] = view.getUint32(offset + 12, true);
}

/** Takes away what the outer packet of a tunnel has left. */
export function clearPacket(columns: DecodedColumns, row: number): void {
  columns.srcPort[row] = 0;
  columns.dstPort[row] = 0;
  columns.tcpFlags[row] = 0;
  columns.proto[row] = 0;
  columns.tos[row] = 0;
  columns.srcAddr.fill(0, 4 * row, 4 * row + 4);
  columns.dstAddr.fill(0, 4 * row, 4 * row + 4);
}
