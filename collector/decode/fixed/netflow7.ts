// NetFlow version 7, which Catalyst switches send for what they switch past their router.
//
//   header, 24 bytes:  version 2 | count 2 | sysUptime 4 | unixSecs 4 | unixNsecs 4 | flowSequence 4 | reserved 4
//   record, 52 bytes:  the 46 bytes of version 5 up to the masks | flags 2 | router_sc 4
//
// There is no engine and no sampling rate: one domain, 0, and an unknown rate. A switch that caches flows by destination,
// or by source and destination, sends zeros for what it leaves out and says so in `flags`; zero is what these columns
// hold for what is not exported, so the flags are not needed. router_sc, the router passed by, fills no column.

import { PROTOCOL } from '../../../schemas/codes.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import type { ExporterTable } from '../exporters/exporters.ts';
import type { Session } from '../exporters/session.ts';
import { decodeFixed, fixedDomain, readFixedHeader } from './fixed-layout.ts';
import { flowRecords } from './flow-records.ts';

const HEADER_BYTES = 24;

const LAYOUT = flowRecords(52, 37);

export function decodeNetflow7(
  context: DatagramContext,
  exporters: ExporterTable,
  session: Session,
): Domain | undefined {
  if (!readFixedHeader(context, PROTOCOL.netflow7, HEADER_BYTES)) return undefined;
  const domain = fixedDomain(context, exporters, session, 0);
  if (domain) decodeFixed(context, domain, LAYOUT, HEADER_BYTES, context.view.getUint32(16));
  return domain;
}
