// The record that NetFlow v1, v5, v6 and v7 share, up to what each puts at its end:
//
//   srcaddr 4 | dstaddr 4 | nexthop 4 | input 2 | output 2 | dPkts 4 | dOctets 4 | first 4 | last 4 | srcport 2 | dstport 2 |
//   2 bytes, of which the second is tcp_flags but in version 1 | prot 1 | tos 1 | ...
//
// It is copied record by record in one loop, where other layouts run a kernel a field: 1.6 times as fast for 29 records
// a datagram (bench decode netflow5), as only a layout that is known beforehand can be.

import type { DatagramContext } from '../context.ts';
import { MAPPED_WORD, TWO_32 } from '../kernels.ts';
import type { FixedLayout } from './fixed-layout.ts';

const FIELDS = 13;
const PROT_AT = 38;

/** A layout of such records, `recordBytes` long, with the TCP flags at `tcpFlagsAt`. */
export function flowRecords(recordBytes: number, tcpFlagsAt: number): FixedLayout {
  return {
    recordBytes,
    fieldCount: FIELDS,
    copy: (context, at, count) => copyFlows(context, at, count, recordBytes, tcpFlagsAt),
  };
}

function copyFlows(context: DatagramContext, at: number, count: number, stride: number, tcpFlagsAt: number): void {
  const { view, exportMs, uptimeMs } = context;
  const { columns, rows } = context.output.batch;
  const { srcAddr, dstAddr, inIf, outIf, packets, bytes, flowStart, flowEnd } = columns;
  const { srcPort, dstPort, tcpFlags, proto, tos } = columns;
  for (let i = rows; i < rows + count; i++, at += stride) {
    srcAddr[4 * i + 2] = MAPPED_WORD;
    srcAddr[4 * i + 3] = view.getUint32(at, true);
    dstAddr[4 * i + 2] = MAPPED_WORD;
    dstAddr[4 * i + 3] = view.getUint32(at + 4, true);
    inIf[i] = view.getUint16(at + 12);
    outIf[i] = view.getUint16(at + 14);
    packets[2 * i] = view.getUint32(at + 16);
    bytes[2 * i] = view.getUint32(at + 20);
    // As timeFromUptime does it, written out: a call in this loop costs a third. A typed array stores modulo 2^32.
    const start = Math.max(0, exportMs + ((view.getUint32(at + 24) - uptimeMs) | 0));
    flowStart[2 * i] = start;
    flowStart[2 * i + 1] = start / TWO_32;
    const end = Math.max(0, exportMs + ((view.getUint32(at + 28) - uptimeMs) | 0));
    flowEnd[2 * i] = end;
    flowEnd[2 * i + 1] = end / TWO_32;
    srcPort[i] = view.getUint16(at + 32);
    dstPort[i] = view.getUint16(at + 34);
    tcpFlags[i] = view.getUint8(at + tcpFlagsAt);
    proto[i] = view.getUint8(at + PROT_AT);
    tos[i] = view.getUint8(at + PROT_AT + 1);
  }
}
