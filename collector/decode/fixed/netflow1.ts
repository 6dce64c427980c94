// NetFlow version 1.
//
//   header, 16 bytes:  version 2 | count 2 | sysUptime 4 | unixSecs 4 | unixNsecs 4
//   record, 48 bytes:  srcaddr 4 | dstaddr 4 | nexthop 4 | input 2 | output 2 | dPkts 4 | dOctets 4 | first 4 | last 4 |
//                      srcport 2 | dstport 2 | pad 2 | prot 1 | tos 1 | tcp_flags 1 | pad 7
//
// The header has neither a sequence number nor an engine nor a sampling rate: loss cannot be seen, the domain is 0, the
// rate is unknown.

import { PROTOCOL } from '../../../schemas/codes.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import type { ExporterTable } from '../exporters/exporters.ts';
import type { Session } from '../exporters/session.ts';
import { decodeFixed, fixedDomain, NO_SEQUENCE, readFixedHeader } from './fixed-layout.ts';
import { flowRecords } from './flow-records.ts';

const HEADER_BYTES = 16;

const LAYOUT = flowRecords(48, 40);

export function decodeNetflow1(
  context: DatagramContext,
  exporters: ExporterTable,
  session: Session,
): Domain | undefined {
  if (!readFixedHeader(context, PROTOCOL.netflow1, HEADER_BYTES)) return undefined;
  const domain = fixedDomain(context, exporters, session, 0);
  if (domain) decodeFixed(context, domain, LAYOUT, HEADER_BYTES, NO_SEQUENCE);
  return domain;
}
