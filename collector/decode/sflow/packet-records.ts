// The four flow records that describe the sampled packet itself (sFlow Version 5, 5.3). sFlow 2 and 4 have the same, but
// for `stripped`.
//
//   sampled_header 1:    protocol | frame_length | stripped | header length | header
//   sampled_ethernet 2:  length | source MAC 6, padded to 8 | destination MAC 6, padded to 8 | type
//   sampled_ipv4 3:      length | protocol | source | destination | source port | destination port | TCP flags | TOS
//   sampled_ipv6 4:      the same, with the priority instead of TOS

import type { DatagramContext } from '../context.ts';
import { MAPPED_WORD } from '../kernels.ts';
import { decodePacketHeader } from '../packet/header.ts';

export const SAMPLED_HEADER = 1;
export const SAMPLED_ETHERNET = 2;
export const SAMPLED_IPV4 = 3;
export const SAMPLED_IPV6 = 4;

/** What the records of a sample came to. */
export const COMPLETE = 0;
export const NO_PACKET = 1;
export const MALFORMED = 2;
export const HEADER_BAD = 3;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

/** frame_length counts the check sequence of a frame, the header does not hold it. */
export const CHECK_SEQUENCE_BYTES = 4;
/** More than any encapsulation that a device takes off. */
const STRIPPED_BYTES_MAX = 128;

/** Without the header itself. */
const SAMPLED_HEADER_BYTES = 16;
const SAMPLED_ETHERNET_BYTES = 24;
export const SAMPLED_IPV4_BYTES = 32;
export const SAMPLED_IPV6_BYTES = 56;

/** Whether a record of format 1 to 4 is as long as its structure. */
export function isWholePacketRecord(view: DataView, format: number, start: number, bytes: number): boolean {
  switch (format) {
    case SAMPLED_HEADER:
      return bytes >= SAMPLED_HEADER_BYTES && view.getUint32(start + 12) <= bytes - SAMPLED_HEADER_BYTES;
    case SAMPLED_ETHERNET:
      return bytes >= SAMPLED_ETHERNET_BYTES;
    case SAMPLED_IPV4:
      return bytes >= SAMPLED_IPV4_BYTES;
    default:
      return format === SAMPLED_IPV6 && bytes >= SAMPLED_IPV6_BYTES;
  }
}

/** Decodes a whole packet record of format 1 to 4 into `row`. */
export function decodePacketRecord(context: DatagramContext, row: number, format: number, start: number): number {
  switch (format) {
    case SAMPLED_HEADER:
      return decodeSampledHeader(context, row, start);
    case SAMPLED_ETHERNET:
      return decodeSampledEthernet(context, row, start);
    case SAMPLED_IPV4:
      return decodeSampledIPv4(context, row, start);
    default:
      return decodeSampledIPv6(context, row, start);
  }
}

function decodeSampledHeader(context: DatagramContext, row: number, start: number): number {
  const { view } = context;
  const frameLength = view.getUint32(start + 4);
  const headerLength = view.getUint32(start + 12);
  const header = start + SAMPLED_HEADER_BYTES;
  const frameBytes = frameBytesOf(frameLength, view.getUint32(start + 8), headerLength);
  context.output.batch.columns.l2Bytes[2 * row] = frameLength;
  return decodeHeader(context, row, view.getUint32(start), header, header + headerLength, frameBytes);
}

/**
 * The length of the frame as its header shows it. What the agent stripped, such as the check sequence, is part of
 * frame_length. Some count as stripped all that the header does not hold; then only the check sequence is taken off.
 */
function frameBytesOf(frameLength: number, stripped: number, headerLength: number): number {
  const isCut = stripped > STRIPPED_BYTES_MAX && frameLength - stripped === headerLength;
  return Math.max(0, frameLength - (isCut ? CHECK_SEQUENCE_BYTES : stripped));
}

/** Decodes the first bytes of a packet; a link layer that is not read has a volume and no ends. */
export function decodeHeader(
  context: DatagramContext,
  row: number,
  protocol: number,
  start: number,
  end: number,
  frameBytes: number,
): number {
  return decodePacketHeader(context, row, protocol, start, end, frameBytes) ? COMPLETE : HEADER_BAD;
}

function decodeSampledEthernet(context: DatagramContext, row: number, start: number): number {
  const { view } = context;
  const { columns } = context.output.batch;
  const frameBytes = view.getUint32(start);
  columns.l2Bytes[2 * row] = frameBytes;
  columns.bytes[2 * row] = Math.max(0, frameBytes - 14);
  columns.srcMac[2 * row] = view.getUint32(start + 6);
  columns.srcMac[2 * row + 1] = view.getUint16(start + 4);
  columns.dstMac[2 * row] = view.getUint32(start + 14);
  columns.dstMac[2 * row + 1] = view.getUint16(start + 12);
  columns.etherType[row] = view.getUint32(start + 20);
  return COMPLETE;
}

function decodeSampledIPv4(context: DatagramContext, row: number, start: number): number {
  const { view } = context;
  const { srcAddr, dstAddr, etherType } = context.output.batch.columns;
  const word = 4 * row;
  srcAddr[word + 2] = MAPPED_WORD;
  srcAddr[word + 3] = view.getUint32(start + 8, true);
  dstAddr[word + 2] = MAPPED_WORD;
  dstAddr[word + 3] = view.getUint32(start + 12, true);
  etherType[row] = ETHERTYPE_IPV4;
  return writeTransport(context, row, start, start + 16);
}

function decodeSampledIPv6(context: DatagramContext, row: number, start: number): number {
  const { view } = context;
  const { srcAddr, dstAddr, etherType } = context.output.batch.columns;
  for (let i = 0; i < 4; i++) {
    srcAddr[4 * row + i] = view.getUint32(start + 8 + 4 * i, true);
    dstAddr[4 * row + i] = view.getUint32(start + 24 + 4 * i, true);
  }
  etherType[row] = ETHERTYPE_IPV6;
  return writeTransport(context, row, start, start + 40);
}

function writeTransport(context: DatagramContext, row: number, start: number, ports: number): number {
  const { view } = context;
  const { columns } = context.output.batch;
  columns.bytes[2 * row] = view.getUint32(start);
  columns.proto[row] = view.getUint32(start + 4);
  columns.srcPort[row] = view.getUint32(ports);
  columns.dstPort[row] = view.getUint32(ports + 4);
  columns.tcpFlags[row] = view.getUint32(ports + 8);
  columns.tos[row] = view.getUint32(ports + 12);
  return COMPLETE;
}
