// NetFlow version 9 (RFC 3954).
//
//   header, 20 bytes:  version 2 | count 2 | sysUptime 4 | unixSecs 4 | sequence 4 | sourceId 4
//   then flow sets:    setId 2 | length 2 | ...        setId 0 templates, 1 options templates, 256.. data
//
// Sets are walked by their lengths; the header's count is compared afterwards only, because exporters disagree whether
// it counts records, templates among them (RFC 3954 5.1), or sets. A count that is neither costs nothing but a fault.

import { PROTOCOL } from '../../../schemas/codes.ts';
import { observeClock } from '../clock-correction.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import type { ExporterTable } from '../exporters/exporters.ts';
import type { Session } from '../exporters/session.ts';
import { FAULT } from '../faults.ts';
import { decodeSets } from './sets.ts';

const HEADER_BYTES = 20;

export function decodeNetflow9(
  context: DatagramContext,
  exporters: ExporterTable,
  session: Session,
): Domain | undefined {
  const { view, length } = context;
  context.protocol = PROTOCOL.netflow9;
  if (length < HEADER_BYTES) {
    context.fault(FAULT['too-short']);
    return undefined;
  }
  const domain = exporters.domain(session, PROTOCOL.netflow9, view.getUint32(16));
  if (!domain) {
    context.fault(FAULT['domain-limit']);
    return undefined;
  }
  context.uptimeMs = view.getUint32(4);
  context.exportMs = view.getUint32(8) * 1000;
  observeClock(context, domain);
  // The sequence number counts datagrams.
  domain.checkSequence(view.getUint32(12), 1, context.uptimeMs);
  const { unknownTemplateSets, malformedSets } = domain;
  context.templated.sets = 0;
  context.templated.templates = 0;
  const records = decodeSets(context, domain, HEADER_BYTES, length);
  const count = view.getUint16(2);
  if (count !== context.templated.sets && count !== records + context.templated.templates) {
    // Records of an unknown template or a broken set cannot be counted.
    const isCounted = domain.unknownTemplateSets === unknownTemplateSets && domain.malformedSets === malformedSets;
    if (isCounted) context.fault(FAULT['count-mismatch']);
  }
  return domain;
}
