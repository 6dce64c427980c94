// NetFlow v5: fixed records, IPv4 only, no MAC addresses, 16-bit ifIndex.
//
//   header 24: version 2 | count 2 | sysUptime 4 | unix_secs 4 | unix_nsecs 4 | flow_sequence 4 | engine 2 | sampling 2
//   record 48: srcaddr 4 | dstaddr 4 | nexthop 4 | input 2 | output 2 | dPkts 4 | dOctets 4 | first 4 | last 4 |
//              srcport 2 | dstport 2 | pad 1 | tcp_flags 1 | prot 1 | tos 1 | src_as 2 | dst_as 2 | masks 2 | pad 2

import { TCP } from '../model/applications.ts';
import { DATAGRAM_BYTES_MAX, type ExporterContext, type FlowExporter } from './exporter.ts';
import { type Metered, meter } from './metering.ts';

const HEADER_BYTES = 24;
const RECORD_BYTES = 48;
const RECORDS_MAX = Math.floor((DATAGRAM_BYTES_MAX - HEADER_BYTES) / RECORD_BYTES);
/** Packet interval sampling in the top two bits of the sampling word; the interval 1 says that every packet counts. */
const SAMPLING_MODE = 1 << 14;

export function createNetflow5Exporter(context: ExporterContext): FlowExporter {
  const { bridge, conversations, random, bootMs } = context;
  const { address4 } = context.dataCentre.endpoints;
  const { src, dst, proto } = conversations;
  const metered: Metered = { bytes: 0, packets: 0 };
  let datagram: Uint8Array = new Uint8Array(DATAGRAM_BYTES_MAX);
  let view = new DataView(datagram.buffer);
  let records = 0;
  let sequence = 0;

  const flush = (exportMs: number) => {
    if (records === 0) return;
    view.setUint16(0, 5);
    view.setUint16(2, records);
    view.setUint32(4, exportMs - bootMs);
    view.setUint32(8, Math.floor(exportMs / 1000));
    view.setUint32(12, (exportMs % 1000) * 1e6);
    view.setUint32(16, sequence);
    view.setUint16(20, bridge.domain);
    view.setUint16(22, SAMPLING_MODE | bridge.sampling);
    sequence += records;
    const next = context.send(datagram, HEADER_BYTES + records * RECORD_BYTES, records);
    records = 0;
    if (next === datagram) return;
    datagram = next;
    view = new DataView(datagram.buffer, datagram.byteOffset);
  };

  return {
    observe(flows, row, inIf, outIf, exportMs) {
      meter(metered, random, flows, row, bridge.sampling);
      if (metered.packets === 0) return;
      const conversation = flows.conversation[row]!;
      const at = HEADER_BYTES + records * RECORD_BYTES;
      view.setUint32(at, address4[src[conversation]!]!);
      view.setUint32(at + 4, address4[dst[conversation]!]!);
      view.setUint32(at + 8, 0);
      view.setUint16(at + 12, inIf);
      view.setUint16(at + 14, outIf);
      view.setUint32(at + 16, metered.packets);
      view.setUint32(at + 20, metered.bytes);
      view.setUint32(at + 24, flows.startMs[row]! - bootMs);
      view.setUint32(at + 28, flows.endMs[row]! - bootMs);
      view.setUint16(at + 32, flows.srcPort[row]!);
      view.setUint16(at + 34, flows.dstPort[row]!);
      view.setUint16(at + 36, proto[conversation] === TCP ? 0x1b : 0);
      view.setUint8(at + 38, proto[conversation]!);
      if (++records === RECORDS_MAX) flush(exportMs);
    },
    flush,
  };
}
