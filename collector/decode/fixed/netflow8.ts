// NetFlow version 8: what an aggregation cache of the exporter sums up. H3C and Huawei NetStream send it too, with Cisco's
// numbers (their modes are 1 to 5 and 9 to 14).
//
//   header, 28 bytes:  version 2 | count 2 | sysUptime 4 | unixSecs 4 | unixNsecs 4 | flowSequence 4 |
//                      engineType 1 | engineId 1 | aggregation 1 | aggVersion 1 | reserved 4
//   record:            as the aggregation scheme says, see SCHEMES; a row each
//
// A record is a sum: only what its scheme keeps is exported, and the rest stays zero (:: for an address, 0 for protocol, port
// and interface). A scheme by prefix exports the network: its address is in srcAddr or dstAddr, and the length of its
// mask has no column. Neither have the number of flows summed up, autonomous systems, and what the schemes of Catalyst
// switches (6 to 8) say of packets beyond a contract. Cisco's tables have first and last "in seconds"; like every other
// reader this one takes them for milliseconds, as the header's uptime is.
//
// Each cache of each engine numbers its records on its own, so engine and scheme together are the domain: engineType << 16
// | engineId << 8 | aggregation. An exporter with several caches, or one that sends version 5 as well, reports the same
// traffic several times. The header has no sampling rate: it is unknown.

import { PROTOCOL } from '../../../schemas/codes.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import type { ExporterTable } from '../exporters/exporters.ts';
import type { Session } from '../exporters/session.ts';
import { FAULT } from '../faults.ts';
import * as k from '../kernels.ts';
import {
  decodeFixed,
  type FixedField,
  type FixedLayout,
  fixedDomain,
  layoutOf,
  readFixedHeader,
} from './fixed-layout.ts';

const HEADER_BYTES = 28;

/** Counters and times from `at` on, in the order in which every scheme has them. */
function sums(at: number): readonly FixedField[] {
  return [
    [k.widenU32To64, 'packets', at],
    [k.widenU32To64, 'bytes', at + 4],
    [k.timeFromUptime, 'flowStart', at + 8],
    [k.timeFromUptime, 'flowEnd', at + 12],
  ];
}

/** flows 4 | dPkts 4 | dOctets 4 | first 4 | last 4, then what the flows have in common. */
const routerScheme = (recordBytes: number, ...key: readonly FixedField[]) =>
  layoutOf(recordBytes, [...sums(4), ...key]);

/** By number of the aggregation; what is left out of a record's description is padding. */
const SCHEMES: readonly (FixedLayout | undefined)[] = [
  undefined,
  // 1 AS: src_as 2 | dst_as 2 | input 2 | output 2
  routerScheme(28, [k.widenU16, 'inIf', 24], [k.widenU16, 'outIf', 26]),
  // 2 protocol-port: prot 1 | pad 3 | srcport 2 | dstport 2
  routerScheme(28, [k.copyU8, 'proto', 20], [k.copyU16, 'srcPort', 24], [k.copyU16, 'dstPort', 26]),
  // 3 source-prefix: src_prefix 4 | src_mask 1 | pad 1 | src_as 2 | input 2 | pad 2
  routerScheme(32, [k.copyAddress4, 'srcAddr', 20], [k.widenU16, 'inIf', 28]),
  // 4 destination-prefix: dst_prefix 4 | dst_mask 1 | pad 1 | dst_as 2 | output 2 | pad 2
  routerScheme(32, [k.copyAddress4, 'dstAddr', 20], [k.widenU16, 'outIf', 28]),
  // 5 prefix: src_prefix 4 | dst_prefix 4 | dst_mask 1 | src_mask 1 | pad 2 | src_as 2 | dst_as 2 | input 2 | output 2
  routerScheme(
    40,
    [k.copyAddress4, 'srcAddr', 20],
    [k.copyAddress4, 'dstAddr', 24],
    [k.widenU16, 'inIf', 36],
    [k.widenU16, 'outIf', 38],
  ),
  // 6 destination only, no flows: dstaddr 4 | dPkts 4 | dOctets 4 | first 4 | last 4 | output 2 | tos 1 | marked_tos 1 |
  //   extraPkts 4 | router_sc 4
  layoutOf(32, [[k.copyAddress4, 'dstAddr', 0], ...sums(4), [k.widenU16, 'outIf', 20], [k.copyU8, 'tos', 22]]),
  // 7 source and destination: dstaddr 4 | srcaddr 4 | dPkts 4 | dOctets 4 | first 4 | last 4 | output 2 | input 2 | tos 1 |
  //   marked_tos 1 | pad 2 | extraPkts 4 | router_sc 4
  layoutOf(40, [
    [k.copyAddress4, 'dstAddr', 0],
    [k.copyAddress4, 'srcAddr', 4],
    ...sums(8),
    [k.widenU16, 'outIf', 24],
    [k.widenU16, 'inIf', 26],
    [k.copyU8, 'tos', 28],
  ]),
  // 8 full flow: dstaddr 4 | srcaddr 4 | dstport 2 | srcport 2 | dPkts 4 | dOctets 4 | first 4 | last 4 | output 2 |
  //   input 2 | tos 1 | prot 1 | marked_tos 1 | pad 1 | extraPkts 4 | router_sc 4
  layoutOf(44, [
    [k.copyAddress4, 'dstAddr', 0],
    [k.copyAddress4, 'srcAddr', 4],
    [k.copyU16, 'dstPort', 8],
    [k.copyU16, 'srcPort', 10],
    ...sums(12),
    [k.widenU16, 'outIf', 28],
    [k.widenU16, 'inIf', 30],
    [k.copyU8, 'tos', 32],
    [k.copyU8, 'proto', 33],
  ]),
  // 9 AS-ToS: as 1, then tos 1 | pad 3
  routerScheme(32, [k.widenU16, 'inIf', 24], [k.widenU16, 'outIf', 26], [k.copyU8, 'tos', 28]),
  // 10 protocol-port-ToS: prot 1 | tos 1 | pad 2 | srcport 2 | dstport 2 | input 2 | output 2
  routerScheme(
    32,
    [k.copyU8, 'proto', 20],
    [k.copyU8, 'tos', 21],
    [k.copyU16, 'srcPort', 24],
    [k.copyU16, 'dstPort', 26],
    [k.widenU16, 'inIf', 28],
    [k.widenU16, 'outIf', 30],
  ),
  // 11 source-prefix-ToS: as 3, with tos for the first padding
  routerScheme(32, [k.copyAddress4, 'srcAddr', 20], [k.copyU8, 'tos', 25], [k.widenU16, 'inIf', 28]),
  // 12 destination-prefix-ToS: as 4, with tos for the first padding
  routerScheme(32, [k.copyAddress4, 'dstAddr', 20], [k.copyU8, 'tos', 25], [k.widenU16, 'outIf', 28]),
  // 13 prefix-ToS: as 5, with tos for the first byte of padding
  routerScheme(
    40,
    [k.copyAddress4, 'srcAddr', 20],
    [k.copyAddress4, 'dstAddr', 24],
    [k.copyU8, 'tos', 30],
    [k.widenU16, 'inIf', 36],
    [k.widenU16, 'outIf', 38],
  ),
  // 14 prefix-port: src_prefix 4 | dst_prefix 4 | dst_mask 1 | src_mask 1 | tos 1 | prot 1 | srcport 2 | dstport 2 |
  //   input 2 | output 2
  routerScheme(
    40,
    [k.copyAddress4, 'srcAddr', 20],
    [k.copyAddress4, 'dstAddr', 24],
    [k.copyU8, 'tos', 30],
    [k.copyU8, 'proto', 31],
    [k.copyU16, 'srcPort', 32],
    [k.copyU16, 'dstPort', 34],
    [k.widenU16, 'inIf', 36],
    [k.widenU16, 'outIf', 38],
  ),
];

export function decodeNetflow8(
  context: DatagramContext,
  exporters: ExporterTable,
  session: Session,
): Domain | undefined {
  if (!readFixedHeader(context, PROTOCOL.netflow8, HEADER_BYTES)) return undefined;
  const { view } = context;
  const domain = fixedDomain(context, exporters, session, view.getUint32(20) >>> 8);
  if (!domain) return undefined;
  const layout = SCHEMES[view.getUint8(22)];
  if (layout) decodeFixed(context, domain, layout, HEADER_BYTES, view.getUint32(16));
  else context.fault(FAULT['unknown-aggregation'], domain);
  return domain;
}
