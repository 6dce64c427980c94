// NetFlow version 5, fixed layout.
//
//   header, 24 bytes:  version 2 | count 2 | sysUptime 4 | unixSecs 4 | unixNsecs 4 | flowSequence 4 |
//                      engineType 1 | engineId 1 | samplingMode 2 bits and interval 14 bits
//   record, 48 bytes:  srcaddr 4 | dstaddr 4 | nexthop 4 | input 2 | output 2 | dPkts 4 | dOctets 4 | first 4 | last 4 |
//                      srcport 2 | dstport 2 | pad 1 | tcp_flags 1 | prot 1 | tos 1 | src_as 2 | dst_as 2 | masks 2 | pad 2

import { PROTOCOL, RATE_SOURCE } from '../../schemas/codes.ts';
import type { DatagramContext } from './context.ts';
import type { Domain } from './domain.ts';
import type { ExporterTable, Session } from './exporters.ts';
import { FAULT } from './faults.ts';
import * as k from './kernels.ts';

const HEADER_BYTES = 24;
const RECORD_BYTES = 48;
const ETHERTYPE_IPV4 = 0x0800;

export function decodeNetflow5(
  context: DatagramContext,
  exporters: ExporterTable,
  session: Session,
): Domain | undefined {
  const { view, length } = context;
  context.protocol = PROTOCOL.netflow5;
  if (length < HEADER_BYTES) {
    context.fault(FAULT['too-short']);
    return undefined;
  }
  const domain = exporters.domain(session, PROTOCOL.netflow5, view.getUint16(20));
  if (!domain) {
    context.fault(FAULT['domain-limit']);
    return undefined;
  }
  context.uptimeMs = view.getUint32(4);
  context.exportMs = view.getUint32(8) * 1000 + Math.floor(view.getUint32(12) / 1000000);
  const announced = view.getUint16(2);
  const held = Math.floor((length - HEADER_BYTES) / RECORD_BYTES);
  if (announced > held) context.fault(FAULT['length-mismatch'], domain);
  else if (announced < held) context.fault(FAULT['count-mismatch'], domain);
  const count = Math.min(announced, held);
  // The sequence number counts flows.
  domain.checkSequence(view.getUint32(16), announced);
  const rate = view.getUint16(22) & 0x3fff;
  domain.setRate(rate, rate === 0 ? RATE_SOURCE.unknown : RATE_SOURCE.header);

  for (let done = 0; done < count; ) {
    const { batch } = context.output;
    const run = Math.min(count - done, batch.rowsMax - batch.rows);
    decodeRecords(context, domain, HEADER_BYTES + done * RECORD_BYTES, run);
    batch.rows += run;
    done += run;
    if (batch.rows === batch.rowsMax) context.output.flush();
  }
  context.records += count;
  domain.records += count;
  if (rate === 0) domain.unknownRateRecords += count;
  return domain;
}

function decodeRecords(context: DatagramContext, domain: Domain, at: number, count: number): void {
  const { view } = context;
  const { columns: c, rows: row } = context.output.batch;
  context.stamp(domain, row, count);
  k.copyAddress4(view, at, RECORD_BYTES, count, c.srcAddr, row);
  k.copyAddress4(view, at + 4, RECORD_BYTES, count, c.dstAddr, row);
  k.widenU16(view, at + 12, RECORD_BYTES, count, c.inIf, row);
  k.widenU16(view, at + 14, RECORD_BYTES, count, c.outIf, row);
  k.widenU32To64(view, at + 16, RECORD_BYTES, count, c.packets, row);
  k.widenU32To64(view, at + 20, RECORD_BYTES, count, c.bytes, row);
  k.timeFromUptime(view, at + 24, RECORD_BYTES, count, c.flowStart, row, context);
  k.timeFromUptime(view, at + 28, RECORD_BYTES, count, c.flowEnd, row, context);
  k.copyU16(view, at + 32, RECORD_BYTES, count, c.srcPort, row);
  k.copyU16(view, at + 34, RECORD_BYTES, count, c.dstPort, row);
  k.copyU8(view, at + 37, RECORD_BYTES, count, c.tcpFlags, row);
  k.copyU8(view, at + 38, RECORD_BYTES, count, c.proto, row);
  k.copyU8(view, at + 39, RECORD_BYTES, count, c.tos, row);
  c.etherType.fill(ETHERTYPE_IPV4, row, row + count);
  c.samplingRate.fill(domain.samplingRate, row, row + count);
  c.rateSource.fill(domain.rateSource, row, row + count);
}
