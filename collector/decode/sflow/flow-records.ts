// The records of a flow sample: enterprise << 12 | format | length | content. They are walked by their own length: one that
// is shorter than its structure is left out, and costs the sample only where no other describes the packet. Of those that
// do, the fullest counts, in whatever order they are: the header, else sampled_ipv4 or sampled_ipv6, with sampled_ethernet
// for layer 2. These say more of the packet than its header does, because the device took a tag or a tunnel off before it
// sampled:
//
//   extended_switch 1001:      src_vlan | src_priority | dst_vlan | dst_priority; 0xffffffff unknown
//   extended_vlantunnel 1012:  count | TPID << 16 | TCI of each tag that was stripped, outermost first
//   extended_vni_egress 1029, extended_vni_ingress 1030:  VNI
//
// extended_L2_tunnel, extended_ipv4_tunnel, extended_ipv6_tunnel (1021 to 1026) and extended_decapsulate (1027, 1028)
// describe the outer packet, extended_nat and extended_nat_port another one: the columns describe the inner packet as
// sampled. They, and every other record, are passed over by length; nothing is allocated for what they claim to hold.

import type { DatagramContext } from '../context.ts';
import { FAULT } from '../faults.ts';
import {
  COMPLETE,
  decodePacketRecord,
  isWholePacketRecord,
  MALFORMED,
  NO_PACKET,
  SAMPLED_ETHERNET,
  SAMPLED_HEADER,
  SAMPLED_IPV4,
  SAMPLED_IPV6,
} from './packet-records.ts';
import { nextStructure } from './structure-walk.ts';

const EXTENDED_SWITCH = 1001;
const EXTENDED_VLANTUNNEL = 1012;
const EXTENDED_VNI_EGRESS = 1029;
const EXTENDED_VNI_INGRESS = 1030;

const TPID_VLAN = 0x8100;
const VNI_MAX = 0xffffff;

/** Where the records of interest of one sample are, 0 not there. Of each form of the packet the first that is whole. */
interface Found {
  header: number;
  ethernet: number;
  ipv4: number;
  ipv6: number;
  /** Packet records that end before their structure does. */
  short: number;
  switch: number;
  vlanTunnel: number;
  vlanTunnelBytes: number;
  egressVni: number;
  ingressVni: number;
}

const found: Found = {
  header: 0,
  ethernet: 0,
  ipv4: 0,
  ipv6: 0,
  short: 0,
  switch: 0,
  vlanTunnel: 0,
  vlanTunnelBytes: 0,
  egressVni: 0,
  ingressVni: 0,
};

/** Decodes `count` records between `start` and `end` into `row`. */
export function decodeFlowRecords(
  context: DatagramContext,
  row: number,
  count: number,
  start: number,
  end: number,
): number {
  if (!findRecords(context.view, count, start, end)) return MALFORMED;
  const state = decodePacketRecords(context, row);
  if (state !== COMPLETE) return state;
  if (found.short > 0) context.fault(FAULT['record-short']);
  // A header that shows a tunnel has its inner packet in the columns; what the device knows is then of the outer one.
  if (context.output.batch.columns.vni[row] !== 0) return COMPLETE;
  const { switch: switchAt, vlanTunnel, vlanTunnelBytes, egressVni, ingressVni } = found;
  if (vlanTunnelBytes >= 8) writeVlanTunnel(context, row, vlanTunnel, vlanTunnelBytes);
  if (switchAt !== 0) writeSwitchVlan(context, row, switchAt);
  if (ingressVni !== 0 || egressVni !== 0) writeVni(context, row, ingressVni === 0 ? egressVni : ingressVni);
  return COMPLETE;
}

/** Fills `found`; false when a record does not fit the sample. */
function findRecords(view: DataView, count: number, start: number, end: number): boolean {
  found.header = 0;
  found.ethernet = 0;
  found.ipv4 = 0;
  found.ipv6 = 0;
  found.short = 0;
  found.switch = 0;
  found.vlanTunnelBytes = 0;
  found.egressVni = 0;
  found.ingressVni = 0;
  let offset = start;
  for (let i = 0; i < count; i++) {
    if (offset + 8 > end) return false;
    const type = view.getUint32(offset);
    const length = view.getUint32(offset + 4);
    const record = offset + 8;
    if (length > end - record) return false;
    if (type <= SAMPLED_IPV6) findPacket(view, type, record, length);
    else if (type === EXTENDED_SWITCH) {
      if (length >= 16) found.switch = record;
    } else if (type === EXTENDED_VLANTUNNEL) {
      found.vlanTunnel = record;
      found.vlanTunnelBytes = length;
    } else if (type === EXTENDED_VNI_EGRESS) {
      if (length >= 4) found.egressVni = view.getUint32(record);
    } else if (type === EXTENDED_VNI_INGRESS) {
      if (length >= 4) found.ingressVni = view.getUint32(record);
    }
    offset = nextStructure(view, record, length, end);
  }
  return true;
}

function findPacket(view: DataView, type: number, record: number, length: number): void {
  if (type === 0) return;
  if (!isWholePacketRecord(view, type, record, length)) found.short++;
  else if (type === SAMPLED_HEADER) found.header ||= record;
  else if (type === SAMPLED_ETHERNET) found.ethernet ||= record;
  else if (type === SAMPLED_IPV4) found.ipv4 ||= record;
  else found.ipv6 ||= record;
}

/** The fullest description first; what it lacks comes from the next one. */
function decodePacketRecords(context: DatagramContext, row: number): number {
  const { header, ethernet, ipv4, ipv6, short } = found;
  let state = short > 0 ? MALFORMED : NO_PACKET;
  if (header !== 0) {
    state = decodePacketRecord(context, row, SAMPLED_HEADER, header);
    if (state === COMPLETE && hasAddresses(context, row)) return COMPLETE;
  }
  if (ethernet !== 0 && state !== COMPLETE) state = decodePacketRecord(context, row, SAMPLED_ETHERNET, ethernet);
  if (ipv4 !== 0) return decodePacketRecord(context, row, SAMPLED_IPV4, ipv4);
  return ipv6 === 0 ? state : decodePacketRecord(context, row, SAMPLED_IPV6, ipv6);
}

function hasAddresses({ output }: DatagramContext, row: number): boolean {
  const { srcAddr, dstAddr } = output.batch.columns;
  // An IPv4 address is mapped: its third word is not 0.
  if (srcAddr[4 * row + 2] !== 0) return true;
  for (let word = 4 * row; word < 4 * row + 4; word++) if (srcAddr[word] !== 0 || dstAddr[word] !== 0) return true;
  return false;
}

/** Stripped tags were outside those of the header. */
function writeVlanTunnel(context: DatagramContext, row: number, start: number, bytes: number): void {
  const { view } = context;
  const { vlan, sVlan } = context.output.batch.columns;
  const count = view.getUint32(start);
  if (count === 0 || count > (bytes - 4) / 4) return;
  const innermost = start + 4 * count;
  const vid = view.getUint16(innermost + 2) & 0xfff;
  if (vlan[row] !== 0 || sVlan[row] !== 0) {
    if (sVlan[row] === 0) sVlan[row] = vid;
  } else if (count > 1) {
    vlan[row] = vid;
    sVlan[row] = view.getUint16(innermost - 2) & 0xfff;
  } else if (view.getUint16(innermost) === TPID_VLAN) vlan[row] = vid;
  else sVlan[row] = vid;
}

/** src_vlan where the header itself had no tag: the bridge may have taken it off. */
export function writeSwitchVlan(context: DatagramContext, row: number, start: number): void {
  const { vlan } = context.output.batch.columns;
  const sourceVlan = context.view.getUint32(start);
  if (vlan[row] === 0 && sourceVlan <= 4095) vlan[row] = sourceVlan;
}

function writeVni(context: DatagramContext, row: number, vni: number): void {
  if (vni <= VNI_MAX) context.output.batch.columns.vni[row] = vni;
}
