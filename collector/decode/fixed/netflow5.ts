// NetFlow version 5, as Cisco, H3C and Huawei (NetStream) send it.
//
//   header, 24 bytes:  version 2 | count 2 | sysUptime 4 | unixSecs 4 | unixNsecs 4 | flowSequence 4 |
//                      engineType 1 | engineId 1 | samplingMode 2 bits and interval 14 bits
//   record, 48 bytes:  srcaddr 4 | dstaddr 4 | nexthop 4 | input 2 | output 2 | dPkts 4 | dOctets 4 | first 4 | last 4 |
//                      srcport 2 | dstport 2 | pad 1 | tcp_flags 1 | prot 1 | tos 1 | src_as 2 | dst_as 2 | masks 2 | pad 2
//
// The domain is the engine, for each has a sequence of its own. An interval of 0 is an unknown rate, not an unsampled
// one: Huawei sends 0 although it samples. The mode does not matter, as exporters differ in whether they set it.

import { PROTOCOL, RATE_SOURCE } from '../../../schemas/codes.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import type { ExporterTable } from '../exporters/exporters.ts';
import type { Session } from '../exporters/session.ts';
import { decodeFixed, type FixedLayout, fixedDomain, readFixedHeader } from './fixed-layout.ts';
import { flowRecords } from './flow-records.ts';

const HEADER_BYTES = 24;
const INTERVAL_MASK = 0x3fff;

const LAYOUT = flowRecords(48, 37);

export function decodeNetflow5(
  context: DatagramContext,
  exporters: ExporterTable,
  session: Session,
): Domain | undefined {
  return decodeByEngine(context, exporters, session, PROTOCOL.netflow5, LAYOUT);
}

/** A datagram with the header of version 5, records as `layout` says. */
export function decodeByEngine(
  context: DatagramContext,
  exporters: ExporterTable,
  session: Session,
  protocol: number,
  layout: FixedLayout,
): Domain | undefined {
  if (!readFixedHeader(context, protocol, HEADER_BYTES)) return undefined;
  const { view } = context;
  const domain = fixedDomain(context, exporters, session, view.getUint16(20));
  if (!domain) return undefined;
  const rate = view.getUint16(22) & INTERVAL_MASK;
  domain.setRate(rate, rate === 0 ? RATE_SOURCE.unknown : RATE_SOURCE.header);
  decodeFixed(context, domain, layout, HEADER_BYTES, view.getUint32(16));
  return domain;
}
