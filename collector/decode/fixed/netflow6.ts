// NetFlow version 6, an extension of version 5 for encapsulated packets that few releases of IOS ever sent.
//
//   header, 24 bytes:  as in version 5
//   record, 52 bytes:  as in version 5, the last 2 bytes of padding | in_encaps 1 | out_encaps 1 | peer_nexthop 4
//
// The bytes that it adds (sizes of the encapsulation, next hop inside it) fill no column. Cisco's own tables leave them
// as padding; the length of the record is what all descriptions agree on.

import { PROTOCOL } from '../../../schemas/codes.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import type { ExporterTable } from '../exporters/exporters.ts';
import type { Session } from '../exporters/session.ts';
import { flowRecords } from './flow-records.ts';
import { decodeByEngine } from './netflow5.ts';

const LAYOUT = flowRecords(52, 37);

export function decodeNetflow6(
  context: DatagramContext,
  exporters: ExporterTable,
  session: Session,
): Domain | undefined {
  return decodeByEngine(context, exporters, session, PROTOCOL.netflow6, LAYOUT);
}
