// The start of a packet as sFlow (sampled_header) and IPFIX (315 dataLinkFrameSection, 313 ipHeaderPacketSection) carry
// it, into the columns of one row. Headers are cut at some 128 bytes, so every layer is read only as far as it is there.
//
// What a tunnel carries takes the place of the tunnel: after decapsulation the columns describe the innermost packet
// that can be read, addresses, ports, bytes, MAC addresses and VLAN alike. sVlan and ecid of an outer frame stay, because
// they say where it was seen, and so do its MAC addresses and VLAN where the tunnel carries no frame. vni is that of the
// innermost tunnel that has one. The row must hold zeros before.

import type { DatagramContext } from '../context.ts';
import { FAULT } from '../faults.ts';
import { cursor, FRAME, IPV4, IPV6, MPLS, NOTHING, PPP } from './cursor.ts';
import { decodeFrame } from './ethernet.ts';
import { decode80211 } from './ieee80211.ts';
import { decodePacket, isIPv4, isIPv6 } from './ip.ts';
import { LLC_SNAP_BYTES, llcEtherType } from './llc.ts';
import { isFrameShown, packetShown } from './mislabelled.ts';
import { passShims } from './shims.ts';

/** header_protocol of sFlow version 5, as far as the decoder distinguishes them. */
export const HEADER_PROTOCOL = {
  ethernet: 1,
  ppp: 7,
  aal5: 9,
  /** IP without a link layer, version 4 or 6. */
  ip: 10,
  ipv4: 11,
  ipv6: 12,
  mpls: 13,
  pos: 14,
  ieee80211: 15,
  /** A frame of a wireless aggregate has the layout of an Ethernet frame in 802.3 form. */
  ieee80211AmsduSubframe: 17,
} as const;

/** Tunnels in tunnels that are followed. */
export const TUNNELS_MAX = 4;

/**
 * Decodes the header whose bytes lie from `start` to `end`. `frameBytes` is the length of the whole frame less what the
 * exporter has stripped. False when not even the addresses of the first layer are there. Link layers that are not read,
 * and those without addresses, count by volume.
 */
export function decodePacketHeader(
  context: DatagramContext,
  row: number,
  headerProtocol: number,
  start: number,
  end: number,
  frameBytes: number,
): boolean {
  const frameEnd = start + frameBytes;
  const protocol = protocolShown(context, headerProtocol, start, end, frameBytes);
  if (protocol !== HEADER_PROTOCOL.ethernet) {
    if (!decodeOtherLink(context, row, protocol, start, end, frameEnd)) return false;
  } else if (!decodeFrame(context, row, start, end, frameEnd, 0, false)) return false;
  if (cursor.next !== NOTHING) decodeTunnels(context, row);
  return true;
}

/** The protocol of a header by its bytes, where they contradict the one it is labelled with; that is counted. */
function protocolShown(
  context: DatagramContext,
  headerProtocol: number,
  start: number,
  end: number,
  frameBytes: number,
): number {
  const { view } = context;
  if (start >= end) return headerProtocol;
  const version = view.getUint8(start) >>> 4;
  let shown = headerProtocol;
  if (headerProtocol === HEADER_PROTOCOL.ethernet) {
    // Few frames begin so; the rest costs a comparison.
    if ((version !== 4 && version !== 6) || isFrameShown(view, start, end)) return headerProtocol;
    if (packetShown(view, start, end, frameBytes) !== NOTHING) shown = HEADER_PROTOCOL.ip;
  } else if (headerProtocol >= HEADER_PROTOCOL.ip && headerProtocol <= HEADER_PROTOCOL.ipv6) {
    if (
      headerProtocol === HEADER_PROTOCOL.ip ||
      headerProtocol === (version === 6 ? HEADER_PROTOCOL.ipv6 : HEADER_PROTOCOL.ipv4)
    ) {
      if (isIPv4(view, start, end) || isIPv6(view, start, end)) return headerProtocol;
    }
    if (isFrameShown(view, start, end)) shown = HEADER_PROTOCOL.ethernet;
    else if (packetShown(view, start, end, frameBytes) !== NOTHING) shown = HEADER_PROTOCOL.ip;
  }
  if (shown !== headerProtocol) context.fault(FAULT['header-mislabelled']);
  return shown;
}

function decodeOtherLink(
  context: DatagramContext,
  row: number,
  headerProtocol: number,
  start: number,
  end: number,
  frameEnd: number,
): boolean {
  cursor.lead(NOTHING, start, end, frameEnd);
  switch (headerProtocol) {
    case HEADER_PROTOCOL.ipv4:
      cursor.next = IPV4;
      return decodeLayer(context, row, false);
    case HEADER_PROTOCOL.ipv6:
      cursor.next = IPV6;
      return decodeLayer(context, row, false);
    case HEADER_PROTOCOL.ip:
      cursor.next = start < end && context.view.getUint8(start) >>> 4 === 6 ? IPV6 : IPV4;
      return decodeLayer(context, row, false);
    case HEADER_PROTOCOL.ieee80211:
      return decode80211(context, row, start, end, frameEnd);
    case HEADER_PROTOCOL.ieee80211AmsduSubframe:
      return decodeFrame(context, row, start, end, frameEnd, 0, false);
    case HEADER_PROTOCOL.mpls:
      cursor.next = MPLS;
      break;
    case HEADER_PROTOCOL.ppp:
    case HEADER_PROTOCOL.pos:
      cursor.next = PPP;
      break;
    case HEADER_PROTOCOL.aal5:
      cursor.lead(llcEtherType(context.view, start, end), start + LLC_SNAP_BYTES, end, frameEnd);
      break;
  }
  // No addresses in front of the packet: without one the volume is all there is.
  const { columns } = context.output.batch;
  columns.bytes[2 * row] = frameEnd - start;
  if (cursor.next === MPLS) columns.etherType[row] = MPLS;
  if (!decodeLayer(context, row, false)) cursor.next = NOTHING;
  return true;
}

/** Decodes what the cursor leads to, which something else than a packet carries; false when it cannot be read. */
export function decodeCarried(context: DatagramContext, row: number): boolean {
  if (cursor.next === NOTHING || !decodeLayer(context, row, true)) return false;
  decodeTunnels(context, row);
  return true;
}

/** Follows the cursor into tunnels, as far as what they carry can be read. */
function decodeTunnels(context: DatagramContext, row: number): void {
  for (let tunnels = 0; tunnels < TUNNELS_MAX && cursor.next !== NOTHING; tunnels++) {
    if (!context.mayTake(1) || !decodeLayer(context, row, true)) return;
  }
}

/** Decodes the frame or packet the cursor leads to; false, and nothing written, when it cannot be read. */
function decodeLayer(context: DatagramContext, row: number, inner: boolean): boolean {
  const { vni: tunnelVni, vlan, direction } = cursor;
  if (!passShims(context)) return false;
  const { next, offset, end, frameEnd } = cursor;
  const vni = cursor.vni !== 0 ? cursor.vni : tunnelVni;
  const { columns } = context.output.batch;
  cursor.next = NOTHING;
  const described =
    next === FRAME
      ? decodeFrame(context, row, offset, end, frameEnd, vlan, inner)
      : decodePacket(context, columns, row, next, offset, end, frameEnd, inner);
  if (!described) return false;
  if (vni !== 0) columns.vni[row] = vni;
  if (direction !== 0) columns.direction[row] = direction;
  return true;
}
