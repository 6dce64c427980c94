// IPFIX (RFC 7011).
//
//   header, 16 bytes:  version 2 | length 2 | exportTime 4 | sequence 4 | observationDomainId 4
//   then sets:         setId 2 | length 2 | ...        setId 2 templates, 3 options templates, 256.. data
//
// A datagram may hold several messages one after the other. It carries its own end: a message whose length is wrong is a
// fault and costs nothing, as long as its sets are whole.

import { PROTOCOL } from '../../../schemas/codes.ts';
import { observeClock } from '../clock-correction.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import type { ExporterTable } from '../exporters/exporters.ts';
import { UNCOUNTED } from '../exporters/sequence.ts';
import type { Session } from '../exporters/session.ts';
import { FAULT } from '../faults.ts';
import { decodeSets, SET_HEADER_BYTES } from './sets.ts';

const HEADER_BYTES = 16;
const VERSION = 10;

export function decodeIpfix(context: DatagramContext, exporters: ExporterTable, session: Session): Domain | undefined {
  const { view, length } = context;
  context.protocol = PROTOCOL.ipfix;
  let domain: Domain | undefined;
  let offset = 0;
  while (offset < length) {
    const left = length - offset;
    if (left < HEADER_BYTES || view.getUint16(offset) !== VERSION) {
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
    observeClock(context, domain);
    const stated = offset + view.getUint16(offset + 2);
    const end = stated === length ? length : messageEnd(context, domain, offset, stated);
    const { unknownTemplateSets, malformedSets } = domain;
    const records = decodeSets(context, domain, offset + HEADER_BYTES, end);
    // Records of an unknown template or a broken set cannot be counted.
    const isCounted = domain.unknownTemplateSets === unknownTemplateSets && domain.malformedSets === malformedSets;
    domain.sequence.checkRecords(view.getUint32(offset + 8), isCounted ? records : UNCOUNTED);
    if (end !== stated) context.fault(FAULT['length-mismatch'], domain);
    offset = end;
  }
  return domain;
}

/**
 * Where a message ends whose length, up to `stated`, is not that of the datagram: where its whole sets end, when that is at
 * the end of the datagram or another message begins there; else where it states, when that is possible.
 */
function messageEnd(context: DatagramContext, domain: Domain, start: number, stated: number): number {
  const { view, length } = context;
  const isStatedPossible = stated >= start + HEADER_BYTES && stated <= length;
  let offset = start + HEADER_BYTES;
  while (length - offset >= SET_HEADER_BYTES && !isMessage(context, offset)) {
    const setLength = view.getUint16(offset + 2);
    if (setLength < SET_HEADER_BYTES || setLength > length - offset || !context.mayTake(1, domain))
      return isStatedPossible && (offset === stated || isMessage(context, stated)) ? stated : length;
    offset += setLength;
  }
  return length - offset < SET_HEADER_BYTES ? length : offset;
}

/** No set has the id that is the version word: ids 4 to 255 are reserved. */
function isMessage({ view, length }: DatagramContext, offset: number): boolean {
  return length - offset >= HEADER_BYTES && view.getUint16(offset) === VERSION;
}
