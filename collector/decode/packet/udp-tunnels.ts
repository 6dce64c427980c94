// Packets inside UDP datagrams, by destination port: VXLAN (RFC 7348, with the group policy extension), VXLAN-GPE,
// Geneve (RFC 8926), GTP-U (3GPP TS 29.281), MPLS in UDP (RFC 7510) and Teredo (RFC 4380). The bits that a tunnel header
// fixes must be as they are fixed, else it is some other datagram to that port.
//
//   VXLAN:   G 1 bit, 3, I 1, 3 | 1 | group 2 | VNI 3 | 0
//   GPE:     0 2 bits, version 2, I 1, P 1, B 1, O 1 | 0 2 | next protocol 1 | VNI 3 | 0
//   Geneve:  version 2 bits, options length 6 in units of 4 | O 1, C 1, 0 6 | protocol type 2 | VNI 3 | 0 | options
//   GTP-U:   version 3 bits (1), protocol type 1 (1), 0 1, E 1, S 1, PN 1 | message 1 (255: packet) | length 2 |
//            tunnel 4 | sequence 2, N-PDU 1, next extension 1 (any of E, S, PN);   extension: length 1 in units of 4 |
//            ... | next extension 1
//   Teredo:  origin indication 0 2 bytes, port 2, address 4 (optional) | IPv6

import type { DatagramContext } from '../context.ts';
import { cursor, FRAME, IPV4, IPV6, MPLS, NOTHING } from './cursor.ts';

const GTP_USER = 2152;
const TEREDO = 3544;
export const VXLAN = 4789;
const VXLAN_GPE = 4790;
const GENEVE = 6081;
const MPLS_IN_UDP = 6635;
/** VXLAN of Linux before it had a port of its own, and of overlays that kept that default. */
const VXLAN_LINUX = 8472;

/** No port of a tunnel lies outside: most datagrams need no closer look. */
export const TUNNEL_PORT_MIN = GTP_USER;
export const TUNNEL_PORT_MAX = VXLAN_LINUX;

const VXLAN_VNI = 0x08000000;
const VXLAN_GROUP_POLICY = 0x88000000;
/** Don't learn, applied: the only other bits of the group policy extension, and the group itself. */
const VXLAN_GROUP_BITS = 0x0048ffff;

const GTP_PACKET = 255;
const GTP_EXTENSIONS_MAX = 8;

/** Leads the cursor into what a datagram to `port` carries at `offset`, if that is a packet. */
export function enterUdpTunnel(
  context: DatagramContext,
  port: number,
  offset: number,
  end: number,
  frameEnd: number,
): void {
  switch (port) {
    case VXLAN:
    case VXLAN_LINUX:
      enterVxlan(context.view, offset, end, frameEnd);
      return;
    case VXLAN_GPE:
      enterVxlanGpe(context.view, offset, end, frameEnd);
      return;
    case GENEVE:
      enterGeneve(context.view, offset, end, frameEnd);
      return;
    case GTP_USER:
      enterGtp(context, offset, end, frameEnd);
      return;
    case MPLS_IN_UDP:
      cursor.lead(MPLS, offset, end, frameEnd);
      return;
    case TEREDO:
      enterTeredo(context.view, offset, end, frameEnd);
      return;
  }
}

function enterVxlan(view: DataView, start: number, end: number, frameEnd: number): void {
  if (start + 8 > end) return;
  const flags = view.getUint32(start);
  const fixed = flags === VXLAN_VNI || (flags & ~VXLAN_GROUP_BITS) >>> 0 === VXLAN_GROUP_POLICY;
  if (!fixed || view.getUint8(start + 7) !== 0) return;
  cursor.lead(FRAME, start + 8, end, frameEnd);
  cursor.vni = view.getUint32(start + 4) >>> 8;
}

function enterVxlanGpe(view: DataView, start: number, end: number, frameEnd: number): void {
  if (start + 8 > end) return;
  const flags = view.getUint8(start);
  // Version 0, a valid VNI, a next protocol and no operations message; the replication bit is of no concern.
  if ((flags & 0xfd) !== 0x0c || view.getUint16(start + 1) !== 0 || view.getUint8(start + 7) !== 0) return;
  const next = gpeNext(view.getUint8(start + 3));
  if (next === NOTHING) return;
  cursor.lead(next, start + 8, end, frameEnd);
  cursor.vni = view.getUint32(start + 4) >>> 8;
}

function gpeNext(protocol: number): number {
  switch (protocol) {
    case 1:
      return IPV4;
    case 2:
      return IPV6;
    case 3:
      return FRAME;
    case 5:
      return MPLS;
    default:
      return NOTHING;
  }
}

function enterGeneve(view: DataView, start: number, end: number, frameEnd: number): void {
  if (start + 8 > end) return;
  const first = view.getUint8(start);
  // Of the second byte only the bit for critical options may be set: a control message carries no packet.
  if (first >>> 6 !== 0 || (view.getUint8(start + 1) & 0xbf) !== 0 || view.getUint8(start + 7) !== 0) return;
  cursor.lead(view.getUint16(start + 2), start + 8 + (first & 0x3f) * 4, end, frameEnd);
  cursor.vni = view.getUint32(start + 4) >>> 8;
}

function enterGtp(context: DatagramContext, start: number, end: number, frameEnd: number): void {
  const { view } = context;
  if (start + 8 > end || (view.getUint8(start) & 0xf8) !== 0x30 || view.getUint8(start + 1) !== GTP_PACKET) return;
  let offset = start + 8;
  if ((view.getUint8(start) & 0x07) !== 0) {
    offset += 4;
    if (offset > end || !context.mayTake(GTP_EXTENSIONS_MAX)) return;
    // The type counts only where its flag is set.
    let extension = (view.getUint8(start) & 0x04) !== 0 ? view.getUint8(offset - 1) : 0;
    for (let i = 0; extension !== 0; i++) {
      if (i === GTP_EXTENSIONS_MAX || offset >= end) return;
      const bytes = 4 * view.getUint8(offset);
      offset += bytes;
      if (bytes === 0 || offset > end) return;
      extension = view.getUint8(offset - 1);
    }
  }
  leadByVersion(view, offset, end, frameEnd);
}

function enterTeredo(view: DataView, start: number, end: number, frameEnd: number): void {
  if (start + 8 > end) return;
  const offset = view.getUint16(start) === 0 ? start + 8 : start;
  if (offset < end && view.getUint8(offset) >>> 4 === 6) cursor.lead(IPV6, offset, end, frameEnd);
}

/** IPv4 or IPv6, which only the first bits distinguish. */
function leadByVersion(view: DataView, offset: number, end: number, frameEnd: number): void {
  if (offset >= end) return;
  const version = view.getUint8(offset) >>> 4;
  if (version === 4) cursor.lead(IPV4, offset, end, frameEnd);
  else if (version === 6) cursor.lead(IPV6, offset, end, frameEnd);
}
