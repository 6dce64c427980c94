// sFlow v5: a flow_sample with the raw header of each sampled packet (Ethernet, 802.1Q, IPv4 or IPv6, TCP or UDP). Each
// port is a data source of its own (source_id class 0), with its own sequence and sample_pool.
//
//   datagram: version 4 | address type 4 | agent 4 | sub-agent 4 | sequence 4 | uptime 4 | samples 4
//   flow_sample: tag 4 | length 4 | sequence 4 | source_id 4 | sampling_rate 4 | sample_pool 4 | drops 4 | input 4 |
//                output 4 | records 4 | sampled_header: tag 4 | length 4 | protocol 4 | frame_length 4 | stripped 4 |
//                header length 4 | header, padded to 4

import { parseAddress } from '../../../schemas/address.ts';
import { TCP } from '../model/applications.ts';
import { EXTERNAL_IF_INDEX, VLAN } from '../model/data-centre.ts';
import type { FlowTable } from '../model/flow-table.ts';
import { DATAGRAM_BYTES_MAX, type ExporterContext, type FlowExporter } from './exporter.ts';
import { type Metered, meter } from './metering.ts';

const DATAGRAM_HEADER_BYTES = 28;
const SAMPLE_HEADER_BYTES = 40;
const RECORD_HEADER_BYTES = 24;
const HEADER_BYTES_MAX = 128;
const ETHERNET_BYTES = 18; // with the 802.1Q tag
const FCS_BYTES = 4;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;

export class Sflow5Exporter implements FlowExporter {
  readonly #context: ExporterContext;
  readonly #agentAddress: number;
  readonly #sampleSequence = new Uint32Array(EXTERNAL_IF_INDEX + 1);
  readonly #samplePool = new Uint32Array(EXTERNAL_IF_INDEX + 1);
  readonly #metered: Metered = { bytes: 0, packets: 0 };
  #datagram: Uint8Array = new Uint8Array(DATAGRAM_BYTES_MAX);
  #view = new DataView(this.#datagram.buffer);
  #datagramSequence = 0;
  #samples = 0;
  #end = DATAGRAM_HEADER_BYTES;

  constructor(context: ExporterContext) {
    this.#context = context;
    this.#agentAddress = parseAddress(context.bridge.agentAddress)![3];
  }

  observe(flows: FlowTable, row: number, inIf: number, outIf: number, exportMs: number): void {
    const metered = this.#metered;
    const samplePool = this.#samplePool;
    meter(metered, this.#context.random, flows, row, this.#context.bridge.sampling);
    const packets = flows.packets[row]!;
    const taken = metered.packets;
    const size = Math.floor(flows.bytes[row]! / packets);
    const bigger = metered.bytes - taken * size;
    samplePool[inIf]! += packets - taken;
    for (let i = 0; i < taken; i++) {
      const ipBytes = i < bigger ? size + 1 : size;
      samplePool[inIf]!++;
      if (this.#end + sampleBytesOf(ipBytes) > DATAGRAM_BYTES_MAX) this.flush(exportMs);
      this.#writeSample(flows, row, ipBytes, inIf, outIf);
    }
  }

  flush(exportMs: number): void {
    if (this.#samples === 0) return;
    const { bridge, bootMs, send } = this.#context;
    const view = this.#view;
    view.setUint32(0, 5);
    view.setUint32(4, 1); // IPv4
    view.setUint32(8, this.#agentAddress);
    view.setUint32(12, bridge.domain);
    view.setUint32(16, this.#datagramSequence++);
    view.setUint32(20, exportMs - bootMs);
    view.setUint32(24, this.#samples);
    const next = send(this.#datagram, this.#end, this.#samples);
    if (next !== this.#datagram) {
      this.#datagram = next;
      this.#view = new DataView(next.buffer, next.byteOffset);
    }
    this.#samples = 0;
    this.#end = DATAGRAM_HEADER_BYTES;
  }

  /** The datagram has room for it. */
  #writeSample(flows: FlowTable, row: number, ipBytes: number, inIf: number, outIf: number): void {
    const view = this.#view;
    const at = this.#end;
    const frameBytes = ETHERNET_BYTES + ipBytes;
    const headerBytes = headerBytesOf(ipBytes);
    const sampleBytes = sampleBytesOf(ipBytes);
    view.setUint32(at, 1); // flow_sample
    view.setUint32(at + 4, sampleBytes - 8);
    view.setUint32(at + 8, this.#sampleSequence[inIf]!++);
    view.setUint32(at + 12, inIf);
    view.setUint32(at + 16, this.#context.bridge.sampling);
    view.setUint32(at + 20, this.#samplePool[inIf]!);
    view.setUint32(at + 24, 0);
    view.setUint32(at + 28, inIf);
    view.setUint32(at + 32, outIf);
    view.setUint32(at + 36, 1);
    const record = at + SAMPLE_HEADER_BYTES;
    view.setUint32(record, 1); // sampled_header
    view.setUint32(record + 4, sampleBytes - SAMPLE_HEADER_BYTES - 8);
    view.setUint32(record + 8, 1); // Ethernet
    view.setUint32(record + 12, frameBytes + FCS_BYTES);
    view.setUint32(record + 16, FCS_BYTES);
    view.setUint32(record + 20, headerBytes);
    this.#writePacket(record + RECORD_HEADER_BYTES, flows, row, ipBytes);
    this.#end = at + sampleBytes;
    this.#samples++;
  }

  /** The first bytes of the frame. Checksums stay 0, and so does what is left of the payload. */
  #writePacket(at: number, flows: FlowTable, row: number, ipBytes: number): void {
    const { proto, isIPv6 } = this.#context.conversations;
    const view = this.#view;
    const conversation = flows.conversation[row]!;
    this.#datagram.fill(0, at + ETHERNET_BYTES, at + HEADER_BYTES_MAX);
    this.#writeEthernet(at, conversation);
    const ip = at + ETHERNET_BYTES;
    const ipHeaderBytes = isIPv6[conversation] === 1 ? IPV6_BYTES : IPV4_BYTES;
    if (ipHeaderBytes === IPV6_BYTES) this.#writeIPv6(ip, conversation, ipBytes);
    else this.#writeIPv4(ip, conversation, ipBytes);
    const transport = ip + ipHeaderBytes;
    view.setUint16(transport, flows.srcPort[row]!);
    view.setUint16(transport + 2, flows.dstPort[row]!);
    if (proto[conversation] === TCP)
      view.setUint16(transport + 12, 0x5018); // 20 bytes, PSH ACK
    else view.setUint16(transport + 4, ipBytes - ipHeaderBytes);
  }

  #writeEthernet(at: number, conversation: number): void {
    const { src, dst, isIPv6 } = this.#context.conversations;
    const { macHigh, macLow } = this.#context.dataCentre.endpoints;
    const view = this.#view;
    const from = src[conversation]!;
    const to = dst[conversation]!;
    view.setUint16(at, macHigh[to]!);
    view.setUint32(at + 2, macLow[to]!);
    view.setUint16(at + 6, macHigh[from]!);
    view.setUint32(at + 8, macLow[from]!);
    view.setUint32(at + 12, 0x81000000 | VLAN);
    view.setUint16(at + 16, isIPv6[conversation] === 1 ? 0x86dd : 0x0800);
  }

  #writeIPv4(at: number, conversation: number, ipBytes: number): void {
    const { src, dst, proto } = this.#context.conversations;
    const { address4 } = this.#context.dataCentre.endpoints;
    const view = this.#view;
    view.setUint8(at, 0x45);
    view.setUint16(at + 2, ipBytes);
    view.setUint8(at + 8, 64);
    view.setUint8(at + 9, proto[conversation]!);
    view.setUint32(at + 12, address4[src[conversation]!]!);
    view.setUint32(at + 16, address4[dst[conversation]!]!);
  }

  #writeIPv6(at: number, conversation: number, ipBytes: number): void {
    const { src, dst, proto } = this.#context.conversations;
    const { address6 } = this.#context.dataCentre.endpoints;
    const view = this.#view;
    const from = src[conversation]!;
    const to = dst[conversation]!;
    view.setUint8(at, 0x60);
    view.setUint16(at + 4, ipBytes - IPV6_BYTES);
    view.setUint8(at + 6, proto[conversation]!);
    view.setUint8(at + 7, 64);
    for (let word = 0; word < 4; word++) {
      view.setUint32(at + 8 + 4 * word, address6[4 * from + word]!);
      view.setUint32(at + 24 + 4 * word, address6[4 * to + word]!);
    }
  }
}

/** Of the sampled packet, what the sample carries. */
function headerBytesOf(ipBytes: number): number {
  return Math.min(HEADER_BYTES_MAX, ETHERNET_BYTES + ipBytes);
}

function sampleBytesOf(ipBytes: number): number {
  return SAMPLE_HEADER_BYTES + RECORD_HEADER_BYTES + ((headerBytesOf(ipBytes) + 3) & ~3);
}
