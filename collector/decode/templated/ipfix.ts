// IPFIX (RFC 7011).
//
//   header, 16 bytes:  version 2 | length 2 | exportTime 4 | sequence 4 | observationDomainId 4
//   then sets:         setId 2 | length 2 | ...        setId 2 templates, 3 options templates, 256.. data
//
// A datagram may hold several messages one after the other.

import { PROTOCOL } from '../../../schemas/codes.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import type { ExporterTable, Session } from '../exporters/exporters.ts';
import { UNCOUNTED } from '../exporters/sequence.ts';
import { FAULT } from '../faults.ts';
import { decodeSets } from './sets.ts';

const HEADER_BYTES = 16;
const VERSION = 10;

export function decodeIpfix(context: DatagramContext, exporters: ExporterTable, session: Session): Domain | undefined {
  const { view, length } = context;
  context.protocol = PROTOCOL.ipfix;
  let domain: Domain | undefined;
  let offset = 0;
  while (offset < length) {
    const left = length - offset;
    const messageLength = left < HEADER_BYTES ? 0 : view.getUint16(offset + 2);
    if (messageLength < HEADER_BYTES || messageLength > left || view.getUint16(offset) !== VERSION) {
      context.fault(offset === 0 && left < HEADER_BYTES ? FAULT['too-short'] : FAULT['length-mismatch'], domain);
      return domain;
    }
    domain = exporters.domain(session, PROTOCOL.ipfix, view.getUint32(offset + 12));
    if (!domain) {
      context.fault(FAULT['domain-limit']);
      return undefined;
    }
    context.exportMs = view.getUint32(offset + 4) * 1000;
    context.uptimeMs = (context.exportMs - domain.systemInitMs) >>> 0;
    const { unknownTemplateSets, malformedSets } = domain;
    const records = decodeSets(context, domain, offset + HEADER_BYTES, offset + messageLength);
    // Records of an unknown template or a broken set cannot be counted.
    const isCounted = domain.unknownTemplateSets === unknownTemplateSets && domain.malformedSets === malformedSets;
    domain.sequence.checkRecords(view.getUint32(offset + 8), isCounted ? records : UNCOUNTED);
    offset += messageLength;
  }
  return domain;
}
