// Counters that no network can have counted: an exporter's -1 (2^64 - 1), a difference taken the wrong way round, a
// corrupt field. One such record would be larger than everything true beside it, and sums of them leave 64 bits. So they
// are marked, counted and stored, and the election counts none of them.
//
// A record is implausible when its bytes do not fit into its packets, or when what it stands for does not fit through any
// port in the time of the flow. Both bounds are wide: a port four times as fast as the fastest Ethernet (IEEE 802.3dj,
// 1.6 Tbit/s), and REPORT_S_MAX beside the duration, because exporters report flows without times, or with those of the
// report.
//
// Roll-ups sum in 64 bits, and 12,800 records of an instant at that bound would leave them. So a record that brings more than
// BUCKET_MAX into an hour counts with an infinite variance: every sum with it has an unknown error and is never called exact.
// Of records below, 65,536 in one hour and cell are needed, which is 41 Pbit/s. Queries add up buckets in 128 bits.

import { MARKS } from '../../schemas/codes.ts';
import type { FlowColumns } from '../../schemas/flow.ts';
import { timeAt } from './times.ts';

const WORD = 2 ** 32;
/** The longest IP packet (RFC 791), and 64 bytes of link layer and tags before it. */
const PACKET_BYTES_MAX = 65_535 + 64;
const PACKET_BYTES_MIN = 64;
const PORT_BYTES_PER_S = 8e11;
const PORT_PACKETS_PER_S = PORT_BYTES_PER_S / PACKET_BYTES_MIN;
/** The longest active timeout that exporters have by default. */
const REPORT_S_MAX = 1800;
/** Bytes, or packets, of one record in a bucket of an hour, the longest one: 625 Gbit/s. */
const BUCKET_MAX = 2 ** 48;
const HOUR_S = 3600;

/**
 * Sets the mark `implausible` of rows `from` to `to`, whose times are normalised and whose volume is estimated, and the
 * infinite variance of those that sums may not hold; returns how many are implausible.
 */
export function markImplausible(columns: FlowColumns, from: number, to: number): number {
  const { bytes, packets, estBytes, estPackets, varBytes, flowStart, flowEnd, samplingRate, marks } = columns;
  let count = 0;
  for (let row = from; row < to; row++) {
    const reported = bytes[2 * row]! + bytes[2 * row + 1]! * WORD;
    const reportedPackets = packets[2 * row]! + packets[2 * row + 1]! * WORD;
    const estimated = estBytes[2 * row]! + estBytes[2 * row + 1]! * WORD;
    const estimatedPackets = estPackets[2 * row]! + estPackets[2 * row + 1]! * WORD;
    const duration = (timeAt(flowEnd, row) - timeAt(flowStart, row)) / 1000;
    const seconds = REPORT_S_MAX + duration;
    // One sampled packet stands for so many, however short the flow.
    const packetsMax = seconds * PORT_PACKETS_PER_S + samplingRate[row]!;
    const bytesMax = seconds * PORT_BYTES_PER_S + samplingRate[row]! * PACKET_BYTES_MAX;
    if (Math.max(estimated, estimatedPackets) > BUCKET_MAX * Math.max(1, duration / HOUR_S))
      varBytes[row] = Number.POSITIVE_INFINITY;
    const fits = reportedPackets === 0 || reported <= reportedPackets * PACKET_BYTES_MAX;
    if (fits && estimated <= bytesMax && estimatedPackets <= packetsMax) continue;
    marks[row]! |= MARKS.implausible;
    count++;
  }
  return count;
}
