// Frames as they stand on a wire: addresses, tags, perhaps a VXLAN tunnel around them. `headerOf` writes the first bytes,
// which is what an sFlow agent sends of a packet; checksums stay 0.
//
//   outer: Ethernet 14 | 802.1Q 4 | IPv4 20 | UDP 8 | VXLAN 8 | inner frame without its tag

import type { Address, Mac } from './world.ts';

export interface Outer {
  readonly srcMac: Mac;
  readonly dstMac: Mac;
  readonly src: Address;
  readonly dst: Address;
  readonly srcPort: number;
  readonly vni: number;
}

export interface Frame {
  readonly srcMac: Mac;
  readonly dstMac: Mac;
  /** 0: untagged. */
  readonly vlan: number;
  readonly sVlan?: number;
  readonly extension?: { readonly kind: 'e-tag' | 'vn-tag'; readonly id: number; readonly fromBridge: boolean };
  readonly outer?: Outer;
}

export interface Flow5 {
  readonly src: Address;
  readonly dst: Address;
  readonly proto: number;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly tcpFlags: number;
}

export const TCP = 6;
export const UDP = 17;
export const HEADER_BYTES_MAX = 128;
const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const VXLAN_PORT = 4789;
/** What a tunnel adds to the IP length of its packet. */
export const OUTER_BYTES = IPV4_BYTES + 8 + 8 + ETHERNET_BYTES;
export const TRANSPORT_VLAN = 99;
const FRAME_BYTES_MIN = 60;

export interface Header {
  readonly bytes: Uint8Array;
  /** Of the whole frame, without its check sequence. */
  readonly frameBytes: number;
}

/** The frame of a packet with `ipBytes` of IP length. */
export function headerOf(frame: Frame, flow: Flow5, ipBytes: number): Header {
  const bytes = new Uint8Array(256);
  const view = new DataView(bytes.buffer);
  let at = 0;
  if (frame.outer) at = writeOuter(view, frame.outer, ipBytes);
  writeMac(view, at, frame.dstMac);
  writeMac(view, at + 6, frame.srcMac);
  at += 12;
  const { extension, sVlan = 0, vlan } = frame;
  if (extension) at = writeExtension(view, at, extension);
  if (sVlan !== 0) {
    view.setUint32(at, 0x88a80000 | sVlan);
    at += 4;
  }
  if (vlan !== 0 && !frame.outer) {
    view.setUint32(at, 0x81000000 | vlan);
    at += 4;
  }
  view.setUint16(at, 0x0800);
  at += 2;
  const ipAt = at;
  at = writeIPv4(view, at, flow.src, flow.dst, flow.proto, ipBytes);
  view.setUint16(at, flow.srcPort);
  view.setUint16(at + 2, flow.dstPort);
  if (flow.proto === TCP) view.setUint16(at + 12, 0x5000 | flow.tcpFlags);
  else view.setUint16(at + 4, ipBytes - IPV4_BYTES);
  const frameBytes = Math.max(FRAME_BYTES_MIN, ipAt + ipBytes);
  return { bytes: bytes.subarray(0, Math.min(HEADER_BYTES_MAX, frameBytes)), frameBytes };
}

function writeOuter(view: DataView, outer: Outer, ipBytes: number): number {
  writeMac(view, 0, outer.dstMac);
  writeMac(view, 6, outer.srcMac);
  view.setUint32(12, 0x81000000 | TRANSPORT_VLAN);
  view.setUint16(16, 0x0800);
  const at = writeIPv4(view, 18, outer.src, outer.dst, UDP, ipBytes + OUTER_BYTES);
  view.setUint16(at, outer.srcPort);
  view.setUint16(at + 2, VXLAN_PORT);
  view.setUint16(at + 4, ipBytes + OUTER_BYTES - IPV4_BYTES);
  view.setUint32(at + 8, 0x08000000);
  view.setUint32(at + 12, outer.vni * 256);
  return at + 16;
}

function writeIPv4(view: DataView, at: number, src: Address, dst: Address, proto: number, bytes: number): number {
  view.setUint8(at, 0x45);
  view.setUint16(at + 2, bytes);
  view.setUint8(at + 8, 64);
  view.setUint8(at + 9, proto);
  view.setUint32(at + 12, src);
  view.setUint32(at + 16, dst);
  return at + IPV4_BYTES;
}

/** 802.1BR: the E-CID names the source upstream and the destination downstream. VN-Tag: the vif of the side away from the bridge. */
function writeExtension(view: DataView, at: number, { kind, id, fromBridge }: NonNullable<Frame['extension']>): number {
  if (kind === 'e-tag') {
    view.setUint16(at, 0x893f);
    view.setUint16(at + 4, id & 0xfff);
    view.setUint8(at + 7, (id >>> 12) & 0xff);
    return at + 8;
  }
  view.setUint16(at, 0x8926);
  view.setUint16(at + 2, fromBridge ? 0x8000 | id : 0);
  view.setUint16(at + 4, fromBridge ? 0 : id);
  return at + 6;
}

export function writeMac(view: DataView, at: number, mac: Mac): void {
  view.setUint16(at, Math.floor(mac / 2 ** 32));
  view.setUint32(at + 2, mac % 2 ** 32);
}
