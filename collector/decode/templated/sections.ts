// The start of a packet as a field of a record (PSAMP, RFC 5477; NetFlow v9 of Cisco): its headers fill the columns that
// the record's own elements do not fill. One such record without counters is one packet.

import type { FlowColumnName } from '../../../schemas/flow.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import { FAULT } from '../faults.ts';
import { readUint } from '../kernels.ts';
import { decodePacketHeader, HEADER_PROTOCOL } from '../packet/header.ts';
import type { FieldIndex, Place } from './field.ts';
import { lengthOf, offsetOf } from './record-fields.ts';
import type { RecordRun } from './record-run.ts';

/** Element of the section and, as header_protocol of sFlow counts them, what it begins with. */
const SECTIONS: readonly (readonly [element: number, protocol: number])[] = [
  [315, HEADER_PROTOCOL.ethernet], // dataLinkFrameSection
  [104, HEADER_PROTOCOL.ethernet], // layer2packetSectionData
  [313, HEADER_PROTOCOL.ip], // ipHeaderPacketSection
  [316, HEADER_PROTOCOL.mpls], // mplsLabelStackSection
  [317, HEADER_PROTOCOL.ip], // mplsPayloadPacketSection
];

/** 408 dataLinkFrameType says otherwise. */
const FRAME_80211 = 2;

export interface Section extends Place {
  readonly protocol: number;
  /** 312 dataLinkFrameSize or 103 layer2packetSectionSize: length of the whole frame. */
  readonly size: Place | undefined;
  /** 410 sectionExportedOctets: how much of the section is packet, the rest is padding. */
  readonly exported: Place | undefined;
  /** 409 sectionOffset or 102 layer2packetSectionOffset: where in the packet the section begins. */
  readonly begin: Place | undefined;
  readonly frameType: Place | undefined;
  readonly countsPacket: boolean;
  readonly fillsL2Bytes: boolean;
}

/** The section of a template's records, undefined when they have none. */
export function sectionOf(index: FieldIndex, columns: ReadonlySet<FlowColumnName>): Section | undefined {
  const found = SECTIONS.find(([element]) => index.find(element) >= 0);
  if (!found) return undefined;
  const [element, protocol] = found;
  const frame = protocol === HEADER_PROTOCOL.ethernet;
  return {
    ...index.place(index.find(element)),
    protocol,
    size: frame ? index.placeOf(312, 103) : undefined,
    exported: index.placeOf(410),
    begin: index.placeOf(409, 102),
    frameType: frame ? index.placeOf(408) : undefined,
    countsPacket: !columns.has('packets'),
    fillsL2Bytes: !columns.has('l2Bytes'),
  };
}

/** Decodes the sections of records, before the kernels of the plan write what the records say themselves. */
export function decodeSections(
  context: DatagramContext,
  domain: Domain,
  section: Section,
  { row, count, start, stride }: Readonly<RecordRun>,
): void {
  const { view } = context;
  const { columns } = context.output.batch;
  for (let i = 0, at = start; i < count; i++, at += stride) {
    if (section.countsPacket) columns.packets[2 * (row + i)] = 1;
    const offset = offsetOf(section, at);
    const length = lengthOf(section, at);
    const size = numberAt(view, section.size, at, 0);
    if (section.fillsL2Bytes) columns.l2Bytes[2 * (row + i)] = size;
    if (numberAt(view, section.begin, at, 0) !== 0) continue;
    const held = Math.min(length, numberAt(view, section.exported, at, length), size || length);
    const wireless = numberAt(view, section.frameType, at, 0) === FRAME_80211;
    const protocol = wireless ? HEADER_PROTOCOL.ieee80211 : section.protocol;
    if (!decodePacketHeader(context, row + i, protocol, offset, offset + held, size || held)) {
      context.fault(FAULT['header-malformed'], domain);
    }
  }
}

function numberAt(view: DataView, place: Place | undefined, at: number, missing: number): number {
  if (!place) return missing;
  const length = lengthOf(place, at);
  return length >= 1 && length <= 4 ? readUint(view, offsetOf(place, at), length) : missing;
}
