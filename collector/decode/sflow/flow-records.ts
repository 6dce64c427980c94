// The records of a flow sample: enterprise << 12 | format | length | content. One of them is the packet; these say more
// of it than its header does, because the device took a tag or a tunnel off before it sampled:
//
//   extended_switch 1001:      src_vlan | src_priority | dst_vlan | dst_priority; 0xffffffff unknown
//   extended_vlantunnel 1012:  count | TPID << 16 | TCI of each tag that was stripped, outermost first
//   extended_vni_egress 1029, extended_vni_ingress 1030:  VNI
//
// extended_L2_tunnel, extended_ipv4_tunnel, extended_ipv6_tunnel (1021 to 1026) and extended_decapsulate (1027, 1028)
// describe the outer packet, extended_nat and extended_nat_port another one: the columns describe the inner packet as
// sampled. They, and every other record, are passed over by length; nothing is allocated for what they claim to hold.

import type { DatagramContext } from '../context.ts';
import {
  COMPLETE,
  decodePacketRecord,
  MALFORMED,
  NO_PACKET,
  SAMPLED_ETHERNET,
  SAMPLED_HEADER,
  SAMPLED_IPV6,
} from './packet-records.ts';
import { nextStructure } from './structure-walk.ts';

const EXTENDED_SWITCH = 1001;
const EXTENDED_VLANTUNNEL = 1012;
const EXTENDED_VNI_EGRESS = 1029;
const EXTENDED_VNI_INGRESS = 1030;

const TPID_VLAN = 0x8100;
const VNI_MAX = 0xffffff;

/** Decodes `count` records between `start` and `end` into `row`. */
export function decodeFlowRecords(
  context: DatagramContext,
  row: number,
  count: number,
  start: number,
  end: number,
): number {
  const { view } = context;
  let state = NO_PACKET;
  let packet = 0;
  let switchAt = 0;
  let vlanTunnelAt = 0;
  let vlanTunnelBytes = 0;
  let egressVni = 0;
  let ingressVni = 0;
  let offset = start;
  for (let i = 0; i < count; i++) {
    if (offset + 8 > end) return MALFORMED;
    const type = view.getUint32(offset);
    const length = view.getUint32(offset + 4);
    const recordStart = offset + 8;
    if (length > end - recordStart) return MALFORMED;
    if (type <= SAMPLED_IPV6) {
      // One packet a sample; sampled_ethernet leaves room for what another form says of layer 3.
      if (type >= SAMPLED_HEADER && (packet === 0 || packet === SAMPLED_ETHERNET)) {
        packet = type;
        state = decodePacketRecord(context, row, type, recordStart, recordStart + length);
        if (state === MALFORMED) return MALFORMED;
      }
    } else if (type === EXTENDED_SWITCH) {
      if (length >= 16) switchAt = recordStart;
    } else if (type === EXTENDED_VLANTUNNEL) {
      vlanTunnelAt = recordStart;
      vlanTunnelBytes = length;
    } else if (type === EXTENDED_VNI_EGRESS) {
      if (length >= 4) egressVni = view.getUint32(recordStart);
    } else if (type === EXTENDED_VNI_INGRESS) {
      if (length >= 4) ingressVni = view.getUint32(recordStart);
    }
    offset = nextStructure(view, recordStart, length, end);
  }
  if (state !== COMPLETE) return state;
  // A header that shows a tunnel has its inner packet in the columns; what the device knows is then of the outer one.
  if (context.output.batch.columns.vni[row] !== 0) return COMPLETE;
  if (vlanTunnelBytes >= 8) writeVlanTunnel(context, row, vlanTunnelAt, vlanTunnelBytes);
  if (switchAt !== 0) writeSwitchVlan(context, row, switchAt);
  if (ingressVni !== 0 || egressVni !== 0) writeVni(context, row, ingressVni === 0 ? egressVni : ingressVni);
  return COMPLETE;
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
