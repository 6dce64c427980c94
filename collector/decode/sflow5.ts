// sFlow version 5 (sflow.org, sFlow Version 5, July 2004). All words are 4 bytes, everything is padded to 4.
//
//   datagram:  version | agent address type 1 IPv4, 2 IPv6 | agent address 4 or 16 bytes | sub_agent_id | sequence |
//              uptime ms | number of samples
//   sample:    enterprise << 12 | format | length | ...
//   flow_sample 1:  sequence | source_id class 1 byte, index 3 | sampling_rate | sample_pool | drops | input | output |
//                   number of records;   expanded 3: class, index and each interface's format and value as own words
//   record:    enterprise << 12 | format | length | ...
//   sampled_header 1:  protocol | frame_length | stripped | header length | header
//
// A fault costs its sample, never the datagram.

import { arrayOf } from '../../schemas/batch.ts';
import { DIRECTION, PROTOCOL, RATE_SOURCE } from '../../schemas/codes.ts';
import { KINDS } from '../../schemas/columns.ts';
import { type DatagramContext, RECORDS_PER_DATAGRAM_MAX } from './context.ts';
import type { Domain } from './domain.ts';
import type { ExporterTable, Session } from './exporters.ts';
import { FAULT } from './faults.ts';
import { fillTime, MAPPED_WORD } from './kernels.ts';
import { decodeEthernet, decodeIPv4, decodeIPv6 } from './packet-header.ts';

const FLOW_SAMPLE = 1;
const FLOW_SAMPLE_EXPANDED = 3;
/** counters_sample, its expanded form and discarded packets (5): not traffic. */
const OTHER_SAMPLES: ReadonlySet<number> = new Set([2, 4, 5]);

const SAMPLED_HEADER = 1;
const SAMPLED_ETHERNET = 2;
const SAMPLED_IPV6 = 4;
const EXTENDED_SWITCH = 1001;

const HEADER_ETHERNET = 1;
const HEADER_IPV4 = 11;
const HEADER_IPV6 = 12;

/** Format of an interface: an ifIndex, a reason for a discard, or a number of interfaces. */
const FORMAT_IFINDEX = 0;
const FORMAT_DISCARDED = 1;
/** RFC 7270 4.12: dropped. */
const FORWARDING_DROPPED = 0x80;
const VALUE_BITS = 0x3fffffff;

const agent = new Uint32Array(4);

export function decodeSflow5(context: DatagramContext, exporters: ExporterTable, session: Session): Domain | undefined {
  const { view, length } = context;
  context.protocol = PROTOCOL.sflow5;
  if (length < 28) {
    context.fault(FAULT['too-short']);
    return undefined;
  }
  const family = view.getUint32(4);
  if ((family !== 1 && family !== 2) || (family === 2 && length < 40)) {
    context.fault(FAULT['address-family']);
    return undefined;
  }
  let offset = 8;
  for (let i = 0; i < 4; i++) agent[i] = family === 2 ? view.getUint32(offset + 4 * i, true) : 0;
  if (family === 1) {
    agent[2] = MAPPED_WORD;
    agent[3] = view.getUint32(offset, true);
  }
  offset += family === 1 ? 4 : 16;
  const domain = exporters.agent(session, agent, PROTOCOL.sflow5, view.getUint32(offset), context.receivedAtMs);
  context.exporter.set(agent);
  domain.checkSequence(view.getUint32(offset + 4), 1);
  const samples = view.getUint32(offset + 12);
  offset += 16;
  for (let i = 0; i < samples; i++) {
    if (offset + 8 > length) {
      context.fault(FAULT['sample-malformed'], domain);
      return domain;
    }
    const type = view.getUint32(offset);
    const start = offset + 8;
    const end = start + view.getUint32(offset + 4);
    if (end > length) {
      context.fault(FAULT['sample-malformed'], domain);
      return domain;
    }
    if (type === FLOW_SAMPLE || type === FLOW_SAMPLE_EXPANDED) {
      if (context.records >= RECORDS_PER_DATAGRAM_MAX) {
        context.fault(FAULT['output-budget'], domain);
        return domain;
      }
      decodeFlowSample(context, domain, type === FLOW_SAMPLE_EXPANDED, start, end);
    } else if (!OTHER_SAMPLES.has(type)) context.fault(FAULT['sample-unknown']);
    offset = end;
  }
  return domain;
}

function decodeFlowSample(
  context: DatagramContext,
  domain: Domain,
  expanded: boolean,
  start: number,
  end: number,
): void {
  const { view, output } = context;
  const headBytes = expanded ? 44 : 32;
  if (end - start < headBytes) {
    context.fault(FAULT['sample-malformed'], domain);
    return;
  }
  const { batch } = output;
  const row = batch.rows;
  const state = decodeRecords(context, row, view.getUint32(start + headBytes - 4), start + headBytes, end);
  if (state === MALFORMED) context.fault(FAULT['sample-malformed'], domain);
  if (state === NO_PACKET) context.fault(FAULT['sample-unknown']);
  if (state === HEADER_BAD) context.fault(FAULT['header-malformed'], domain);
  if (state !== COMPLETE) {
    clearRow(context, row);
    return;
  }

  writeInterfaces(context, expanded, start, row);
  const { columns } = batch;
  const rate = view.getUint32(start + (expanded ? 12 : 8));
  if (domain.samplingRate !== rate) domain.setRate(rate, RATE_SOURCE.sample);
  columns.samplingRate[row] = rate;
  columns.rateSource[row] = rate === 0 ? RATE_SOURCE.unknown : RATE_SOURCE.sample;
  if (rate === 0) domain.unknownRateRecords++;
  columns.packets[2 * row] = 1;
  context.stamp(domain, row, 1);
  fillTime(columns.flowStart, row, 1, context.receivedAtMs);
  fillTime(columns.flowEnd, row, 1, context.receivedAtMs);
  domain.records++;
  context.records++;
  batch.rows = row + 1;
  if (batch.rows === batch.rowsMax) output.flush();
}

function writeInterfaces(context: DatagramContext, expanded: boolean, start: number, row: number): void {
  const { view } = context;
  const { columns } = context.output.batch;
  const word = (index: number) => view.getUint32(start + 4 * index);
  let sourceClass: number;
  let source: number;
  let inFormat: number;
  let input: number;
  let outFormat: number;
  let output: number;
  if (expanded) {
    sourceClass = word(1);
    source = word(2);
    inFormat = word(6);
    input = word(7);
    outFormat = word(8);
    output = word(9);
  } else {
    sourceClass = word(1) >>> 24;
    source = word(1) & 0xffffff;
    inFormat = word(5) >>> 30;
    input = word(5) & VALUE_BITS;
    outFormat = word(6) >>> 30;
    output = word(6) & VALUE_BITS;
  }
  if (inFormat === FORMAT_IFINDEX) columns.inIf[row] = input;
  if (outFormat === FORMAT_IFINDEX) columns.outIf[row] = output;
  else if (outFormat === FORMAT_DISCARDED) columns.forwardingStatus[row] = FORWARDING_DROPPED;
  columns.direction[row] = directionOf(sourceClass, source, columns.inIf[row]!, columns.outIf[row]!);
}

/** A data source that is no interface gives each packet one chance as it arrives. */
function directionOf(sourceClass: number, source: number, inIf: number, outIf: number): number {
  if (sourceClass !== 0) return DIRECTION.ingress;
  if (source === inIf && source !== outIf) return DIRECTION.ingress;
  if (source === outIf && source !== inIf) return DIRECTION.egress;
  return DIRECTION.unknown;
}

/** What the records of a sample came to. */
const COMPLETE = 0;
const NO_PACKET = 1;
const MALFORMED = 2;
const HEADER_BAD = 3;

function decodeRecords(context: DatagramContext, row: number, count: number, start: number, end: number): number {
  const { view } = context;
  let state = NO_PACKET;
  let packet = 0;
  let offset = start;
  for (let i = 0; i < count; i++) {
    if (offset + 8 > end) return MALFORMED;
    const type = view.getUint32(offset);
    const recordStart = offset + 8;
    const recordEnd = recordStart + view.getUint32(offset + 4);
    if (recordEnd > end) return MALFORMED;
    // One packet a sample; sampled_ethernet leaves room for what another form says of layer 3.
    if (type >= SAMPLED_HEADER && type <= SAMPLED_IPV6 && (packet === 0 || packet === SAMPLED_ETHERNET)) {
      packet = type;
      state = decodePacket(context, row, type, recordStart, recordEnd);
    } else if (type === EXTENDED_SWITCH && recordEnd - recordStart >= 16) writeSwitchVlan(context, row, recordStart);
    offset = recordEnd;
  }
  return state;
}

function decodePacket(context: DatagramContext, row: number, type: number, start: number, end: number): number {
  if (type === SAMPLED_HEADER) return decodeSampledHeader(context, row, start, end);
  const { view } = context;
  const { columns } = context.output.batch;
  if (type === SAMPLED_ETHERNET) {
    // length 4 | source MAC 6, padded to 8 | destination MAC 6, padded to 8 | type 4
    if (end - start < 24) return MALFORMED;
    const frameBytes = view.getUint32(start);
    columns.l2Bytes[2 * row] = frameBytes;
    columns.bytes[2 * row] = Math.max(0, frameBytes - 14);
    columns.srcMac[2 * row] = view.getUint32(start + 6);
    columns.srcMac[2 * row + 1] = view.getUint16(start + 4);
    columns.dstMac[2 * row] = view.getUint32(start + 14);
    columns.dstMac[2 * row + 1] = view.getUint16(start + 12);
    columns.etherType[row] = view.getUint32(start + 20);
    return COMPLETE;
  }
  const v6 = type === SAMPLED_IPV6;
  const addressBytes = v6 ? 16 : 4;
  // length 4 | protocol 4 | source | destination | source port 4 | destination port 4 | TCP flags 4 | TOS or priority 4
  if (end - start < 24 + 2 * addressBytes) return MALFORMED;
  columns.bytes[2 * row] = view.getUint32(start);
  columns.proto[row] = view.getUint32(start + 4);
  for (let i = 0; i < 4; i++) {
    columns.srcAddr[4 * row + i] = v6
      ? view.getUint32(start + 8 + 4 * i, true)
      : i === 2
        ? MAPPED_WORD
        : i === 3
          ? view.getUint32(start + 8, true)
          : 0;
    columns.dstAddr[4 * row + i] = v6
      ? view.getUint32(start + 24 + 4 * i, true)
      : i === 2
        ? MAPPED_WORD
        : i === 3
          ? view.getUint32(start + 12, true)
          : 0;
  }
  const ports = start + 8 + 2 * addressBytes;
  columns.etherType[row] = v6 ? 0x86dd : 0x0800;
  columns.srcPort[row] = view.getUint32(ports);
  columns.dstPort[row] = view.getUint32(ports + 4);
  columns.tcpFlags[row] = view.getUint32(ports + 8);
  columns.tos[row] = view.getUint32(ports + 12);
  return COMPLETE;
}

function decodeSampledHeader(context: DatagramContext, row: number, start: number, end: number): number {
  const { view } = context;
  const { columns } = context.output.batch;
  if (end - start < 16) return MALFORMED;
  const protocol = view.getUint32(start);
  const frameLength = view.getUint32(start + 4);
  const headerLength = view.getUint32(start + 12);
  const headerStart = start + 16;
  if (headerLength > end - headerStart) return MALFORMED;
  const headerEnd = headerStart + headerLength;
  // What the agent stripped, such as the check sequence, is part of frame_length.
  const frameBytes = Math.max(0, frameLength - view.getUint32(start + 8));
  columns.l2Bytes[2 * row] = frameLength;
  if (protocol === HEADER_ETHERNET)
    return decodeEthernet(context, row, headerStart, headerEnd, frameBytes) ? COMPLETE : HEADER_BAD;
  if (protocol === HEADER_IPV4)
    return decodeIPv4(context, row, headerStart, headerEnd, frameBytes) ? COMPLETE : HEADER_BAD;
  if (protocol === HEADER_IPV6)
    return decodeIPv6(context, row, headerStart, headerEnd, frameBytes) ? COMPLETE : HEADER_BAD;
  // Another link layer: its volume counts, its ends are unknown.
  columns.bytes[2 * row] = frameBytes;
  return COMPLETE;
}

/** src_vlan where the header itself had no tag: the bridge may have taken it off. 0xffffffff is unknown. */
function writeSwitchVlan(context: DatagramContext, row: number, start: number): void {
  const { columns } = context.output.batch;
  const vlan = context.view.getUint32(start);
  if (columns.vlan[row] === 0 && vlan <= 4095) columns.vlan[row] = vlan;
}

function clearRow(context: DatagramContext, row: number): void {
  const { batch } = context.output;
  for (const column of batch.list) {
    const { wordsPerRow } = KINDS[column.kind];
    arrayOf(batch, column.name).fill(0, row * wordsPerRow, (row + 1) * wordsPerRow);
  }
}
