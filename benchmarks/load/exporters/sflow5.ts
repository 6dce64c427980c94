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

export function createSflow5Exporter(context: ExporterContext): FlowExporter {
  const { bridge, conversations, random, bootMs } = context;
  const { address4, address6, macHigh, macLow } = context.dataCentre.endpoints;
  const { src, dst, proto, isIPv6 } = conversations;
  const agentAddress = parseAddress(bridge.agentAddress)![3];
  const sampleSequence = new Uint32Array(EXTERNAL_IF_INDEX + 1);
  const samplePool = new Uint32Array(EXTERNAL_IF_INDEX + 1);
  const metered: Metered = { bytes: 0, packets: 0 };
  let datagram: Uint8Array = new Uint8Array(DATAGRAM_BYTES_MAX);
  let view = new DataView(datagram.buffer);
  let datagramSequence = 0;
  let samples = 0;
  let end = DATAGRAM_HEADER_BYTES;

  const flush = (exportMs: number) => {
    if (samples === 0) return;
    view.setUint32(0, 5);
    view.setUint32(4, 1); // IPv4
    view.setUint32(8, agentAddress);
    view.setUint32(12, bridge.domain);
    view.setUint32(16, datagramSequence++);
    view.setUint32(20, exportMs - bootMs);
    view.setUint32(24, samples);
    const next = context.send(datagram, end, samples);
    if (next !== datagram) {
      datagram = next;
      view = new DataView(datagram.buffer, datagram.byteOffset);
    }
    samples = 0;
    end = DATAGRAM_HEADER_BYTES;
  };

  const sample = (flows: FlowTable, row: number, ipBytes: number, inIf: number, outIf: number, exportMs: number) => {
    const frameBytes = ETHERNET_BYTES + ipBytes;
    const headerBytes = Math.min(HEADER_BYTES_MAX, frameBytes);
    const paddedBytes = (headerBytes + 3) & ~3;
    if (end + SAMPLE_HEADER_BYTES + RECORD_HEADER_BYTES + paddedBytes > DATAGRAM_BYTES_MAX) flush(exportMs);
    view.setUint32(end, 1); // flow_sample
    view.setUint32(end + 4, SAMPLE_HEADER_BYTES - 8 + RECORD_HEADER_BYTES + paddedBytes);
    view.setUint32(end + 8, sampleSequence[inIf]!++);
    view.setUint32(end + 12, inIf);
    view.setUint32(end + 16, bridge.sampling);
    view.setUint32(end + 20, samplePool[inIf]!);
    view.setUint32(end + 24, 0);
    view.setUint32(end + 28, inIf);
    view.setUint32(end + 32, outIf);
    view.setUint32(end + 36, 1);
    const record = end + SAMPLE_HEADER_BYTES;
    view.setUint32(record, 1); // sampled_header
    view.setUint32(record + 4, RECORD_HEADER_BYTES - 8 + paddedBytes);
    view.setUint32(record + 8, 1); // Ethernet
    view.setUint32(record + 12, frameBytes + FCS_BYTES);
    view.setUint32(record + 16, FCS_BYTES);
    view.setUint32(record + 20, headerBytes);
    writePacket(record + RECORD_HEADER_BYTES, flows, row, ipBytes);
    end = record + RECORD_HEADER_BYTES + paddedBytes;
    samples++;
  };

  /** The first bytes of the frame. Checksums stay 0, and so does what is left of the payload. */
  const writePacket = (at: number, flows: FlowTable, row: number, ipBytes: number) => {
    const conversation = flows.conversation[row]!;
    const from = src[conversation]!;
    const to = dst[conversation]!;
    datagram.fill(0, at + ETHERNET_BYTES, at + HEADER_BYTES_MAX);
    view.setUint16(at, macHigh[to]!);
    view.setUint32(at + 2, macLow[to]!);
    view.setUint16(at + 6, macHigh[from]!);
    view.setUint32(at + 8, macLow[from]!);
    view.setUint32(at + 12, 0x81000000 | VLAN);
    view.setUint16(at + 16, isIPv6[conversation] === 1 ? 0x86dd : 0x0800);
    const ip = at + ETHERNET_BYTES;
    let transport = ip + 20;
    if (isIPv6[conversation] === 1) {
      transport = ip + 40;
      view.setUint8(ip, 0x60);
      view.setUint16(ip + 4, ipBytes - 40);
      view.setUint8(ip + 6, proto[conversation]!);
      view.setUint8(ip + 7, 64);
      for (let word = 0; word < 4; word++) {
        view.setUint32(ip + 8 + 4 * word, address6[4 * from + word]!);
        view.setUint32(ip + 24 + 4 * word, address6[4 * to + word]!);
      }
    } else {
      view.setUint8(ip, 0x45);
      view.setUint16(ip + 2, ipBytes);
      view.setUint8(ip + 8, 64);
      view.setUint8(ip + 9, proto[conversation]!);
      view.setUint32(ip + 12, address4[from]!);
      view.setUint32(ip + 16, address4[to]!);
    }
    view.setUint16(transport, flows.srcPort[row]!);
    view.setUint16(transport + 2, flows.dstPort[row]!);
    if (proto[conversation] === TCP)
      view.setUint16(transport + 12, 0x5018); // 20 bytes, PSH ACK
    else view.setUint16(transport + 4, transport === ip + 20 ? ipBytes - 20 : ipBytes - 40);
  };

  return {
    observe(flows, row, inIf, outIf, exportMs) {
      meter(metered, random, flows, row, bridge.sampling);
      const packets = flows.packets[row]!;
      const taken = metered.packets;
      const size = Math.floor(flows.bytes[row]! / packets);
      const bigger = metered.bytes - taken * size;
      samplePool[inIf]! += packets - taken;
      for (let i = 0; i < taken; i++) {
        samplePool[inIf]!++;
        sample(flows, row, i < bigger ? size + 1 : size, inIf, outIf, exportMs);
      }
    },
    flush,
  };
}
