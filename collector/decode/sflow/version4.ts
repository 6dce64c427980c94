// The samples of sFlow version 2 and version 4 (RFC 3176). Nothing in them has a length, so all of it is read in order,
// and what is not known costs the rest of the datagram.
//
//   sample:          type 1 flow_sample, 2 counters_sample
//   flow_sample:     sequence | source_id class 1 byte, index 3 | sampling_rate | sample_pool | drops | input | output |
//                    packet_data | number of extended_data | extended_data
//   packet_data:     1 header: protocol | frame_length | header length | header
//                    2 IPv4, 3 IPv6: as sampled_ipv4 and sampled_ipv6 of version 5
//   extended_data:   1 switch: src_vlan | src_priority | dst_vlan | dst_priority
//                    2 router: next hop | source mask | destination mask
//                    3 gateway: AS | source AS | source peer AS | AS path | communities | local preference;
//                      in version 2 the AS path is a plain list and the last
//                    4 user: source | destination          5 url: direction | URL
//   counters_sample: sequence | source_id | interval | counters of a type, 1 to 7

import { PROTOCOL } from '../../../schemas/codes.ts';
import { type DatagramContext, RECORDS_PER_DATAGRAM_MAX } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import { FAULT } from '../faults.ts';
import type { SflowAgent } from './agent.ts';
import { writeSwitchVlan } from './flow-records.ts';
import { finishSample, seeSource, VERSION4 } from './flow-sample.ts';
import {
  CHECK_SEQUENCE_BYTES,
  COMPLETE,
  decodeHeader,
  decodePacketRecord,
  SAMPLED_IPV4,
  SAMPLED_IPV4_BYTES,
  SAMPLED_IPV6,
  SAMPLED_IPV6_BYTES,
} from './packet-records.ts';
import { walkSteps } from './structure-walk.ts';

const FLOW_SAMPLE = 1;
const COUNTERS_SAMPLE = 2;

const PACKET_HEADER = 1;
const PACKET_IPV4 = 2;
const PACKET_IPV6 = 3;

const HEAD_BYTES = 32;

const EXTENDED_SWITCH = 1;
const EXTENDED_ROUTER = 2;
const EXTENDED_GATEWAY = 3;
const EXTENDED_USER = 4;
const EXTENDED_URL = 5;

const ADDRESS_IPV6 = 2;

const HEADER_ETHERNET = 1;
/** Bytes of each type of counters: generic, Ethernet, token ring, FDDI, 100BaseVG, WAN, VLAN. */
const COUNTERS_BYTES: Readonly<Record<number, number>> = { 1: 88, 2: 140, 3: 160, 4: 88, 5: 168, 6: 88, 7: 28 };

/** What ends behind the datagram, or is not known. */
const LOST = -1;

export function decodeSamples4(
  context: DatagramContext,
  domain: Domain,
  agent: SflowAgent,
  samples: number,
  first: number,
): void {
  const { view, length } = context;
  if (!context.mayTake(walkSteps(samples, length - first), domain)) return;
  let offset = first;
  for (let i = 0; i < samples; i++) {
    if (offset + 4 > length) {
      context.fault(FAULT['sample-malformed'], domain);
      return;
    }
    const type = view.getUint32(offset);
    if (type === FLOW_SAMPLE) {
      if (context.records >= RECORDS_PER_DATAGRAM_MAX) {
        context.fault(FAULT['output-budget'], domain);
        return;
      }
      offset = decodeFlowSample(context, domain, agent, offset + 4);
    } else if (type === COUNTERS_SAMPLE) offset = skipCounters(view, offset + 4, length);
    else {
      context.fault(FAULT['sample-unknown']);
      return;
    }
    if (offset === LOST) {
      context.fault(FAULT['sample-malformed'], domain);
      return;
    }
  }
}

/** Returns where the sample ends. */
function decodeFlowSample(context: DatagramContext, domain: Domain, agent: SflowAgent, start: number): number {
  const { view, length, output } = context;
  const packet = start + HEAD_BYTES;
  if (packet > length) return LOST;
  const source = seeSource(context, domain, agent, VERSION4, start);
  const type = view.getUint32(packet - 4);
  const extended = skipPacket(view, type, packet, length);
  const end = skipExtended(context, domain, extended);
  if (end === LOST) return LOST;
  const { rows } = output.batch;
  const state = decodePacket(context, rows, type, packet);
  if (state === COMPLETE && switchAt !== 0) writeSwitchVlan(context, rows, switchAt);
  finishSample(context, domain, source, VERSION4, start, state);
  return end;
}

function decodePacket(context: DatagramContext, row: number, type: number, start: number): number {
  if (type === PACKET_IPV4) return decodePacketRecord(context, row, SAMPLED_IPV4, start);
  if (type === PACKET_IPV6) return decodePacketRecord(context, row, SAMPLED_IPV6, start);
  const { view } = context;
  const protocol = view.getUint32(start);
  const frameLength = view.getUint32(start + 4);
  const header = start + 12;
  const frameBytes = protocol === HEADER_ETHERNET ? Math.max(0, frameLength - CHECK_SEQUENCE_BYTES) : frameLength;
  context.output.batch.columns.l2Bytes[2 * row] = frameLength;
  return decodeHeader(context, row, protocol, header, header + view.getUint32(start + 8), frameBytes);
}

function skipPacket(view: DataView, type: number, start: number, limit: number): number {
  switch (type) {
    case PACKET_HEADER:
      return start + 8 > limit ? LOST : skipString(view, start + 8, limit);
    case PACKET_IPV4:
      return within(start + SAMPLED_IPV4_BYTES, limit);
    case PACKET_IPV6:
      return within(start + SAMPLED_IPV6_BYTES, limit);
    default:
      return LOST;
  }
}

/** Where the extended_switch of the sample at hand is, 0 not there. */
let switchAt = 0;

function skipExtended(context: DatagramContext, domain: Domain, start: number): number {
  const { view, length } = context;
  switchAt = 0;
  if (start === LOST || start + 4 > length) return LOST;
  const count = view.getUint32(start);
  if (!context.mayTake(walkSteps(count, length - start), domain)) return LOST;
  let offset = start + 4;
  for (let i = 0; i < count; i++) {
    if (offset + 4 > length) return LOST;
    const type = view.getUint32(offset);
    if (type === EXTENDED_SWITCH) switchAt = offset + 4;
    offset = skipOne(context, domain, type, offset + 4);
    if (offset === LOST) return LOST;
  }
  return offset;
}

function skipOne(context: DatagramContext, domain: Domain, type: number, start: number): number {
  const { view, length } = context;
  switch (type) {
    case EXTENDED_SWITCH:
      return within(start + 16, length);
    case EXTENDED_ROUTER: {
      const isV6 = start + 4 <= length && view.getUint32(start) === ADDRESS_IPV6;
      return within(start + (isV6 ? 28 : 16), length);
    }
    case EXTENDED_GATEWAY:
      return context.protocol === PROTOCOL.sflow2
        ? skipWords(view, start + 12, length)
        : skipGateway4(context, domain, start + 12);
    case EXTENDED_USER:
      return skipString(view, skipString(view, start, length), length);
    case EXTENDED_URL:
      return skipString(view, start + 4, length);
    default:
      return LOST;
  }
}

function skipGateway4(context: DatagramContext, domain: Domain, start: number): number {
  const { view, length } = context;
  if (start + 4 > length) return LOST;
  const segments = view.getUint32(start);
  if (!context.mayTake(walkSteps(segments, length - start), domain)) return LOST;
  let offset = start + 4;
  for (let i = 0; i < segments; i++) {
    offset = skipWords(view, offset + 4, length);
    if (offset === LOST) return LOST;
  }
  const localPreference = skipWords(view, offset, length);
  return localPreference === LOST ? LOST : within(localPreference + 4, length);
}

function skipCounters(view: DataView, start: number, limit: number): number {
  if (start + 16 > limit) return LOST;
  const bytes = COUNTERS_BYTES[view.getUint32(start + 12)];
  return bytes === undefined ? LOST : within(start + 16 + bytes, limit);
}

/** Number of words, then the words. */
function skipWords(view: DataView, start: number, limit: number): number {
  return start + 4 > limit ? LOST : within(start + 4 + 4 * view.getUint32(start), limit);
}

/** Length, then bytes padded to 4; a datagram may end before the padding. */
function skipString(view: DataView, start: number, limit: number): number {
  if (start === LOST || start + 4 > limit) return LOST;
  const length = view.getUint32(start);
  if (length > limit - start - 4) return LOST;
  return Math.min(start + 4 + length + (-length & 3), limit);
}

function within(end: number, limit: number): number {
  return end <= limit ? end : LOST;
}
