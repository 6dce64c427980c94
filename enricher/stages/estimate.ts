// What a record stands for: bytes and packets times the sampling rate, and the variance of the bytes.
//
// N packets stand behind each sampled one, so Var = N(N-1) sum b^2 over the sampled packets (independent sampling,
// Horvitz-Thompson). One sampled packet of b bytes gives b^2. A flow record of k packets and S bytes reports sum b^2 where it
// carries octetDeltaSumOfSquares (198), which counts as long as S and k allow it: S^2/k <= sum b^2 <= S^2. Otherwise sum b^2
// is bounded by min(S^2, S x Lmax): never less than the truth. Lmax is the longest packet where the record reports it
// (maximumIpTotalLength, 26), else the smallest of 1500, 9216 and 65535 bytes (MTU, jumbo frame, super-frame of a software
// bridge) that the mean size S/k does not exceed; where k is not reported either, the largest. Records with such a bound are
// marked `approximate`.
// An exporter that multiplies by N itself sends N S, N k and N sum b^2, as Open vSwitch does; they are divided for the
// variance and otherwise left alone.
// Where it does not report N, as VMware and Open vSwitch do not, the volume stands; an unknown rate otherwise leaves bytes as
// reported, and is counted. How far either may be off is not known: the variance is infinite, and so is that of every
// sum with such a record in it, in roll-ups and answers alike.

import { type ExporterTable, PRESCALED } from '../../inventory/model/exporter-table.ts';
import { MARKS, RATE_SOURCE } from '../../schemas/codes.ts';
import type { FlowColumns } from '../../schemas/flow.ts';

const WORD = 2 ** 32;
const EXACT_MAX = Number.MAX_SAFE_INTEGER;
const PACKET_BYTES_MAX = [1500, 9216, 65535] as const;
/** Relative; the numbers come as doubles. */
const ROUNDING = 1e-9;

/** Fills estBytes, estPackets, varBytes and the mark `approximate`; returns how many rows have no known sampling rate. */
export function estimate(
  columns: FlowColumns,
  from: number,
  to: number,
  exporterOf: Uint32Array,
  exporters: ExporterTable,
): number {
  const { samplingRate, rateSource, bytes, packets, bytesSumOfSquares, packetBytesMax } = columns;
  const { estBytes, estPackets, varBytes, marks } = columns;
  let unknownRows = 0;
  for (let row = from; row < to; row++) {
    const exporter = exporterOf[row]!;
    const override = exporters.samplingRate[exporter]!;
    if (override !== 0) {
      samplingRate[row] = override;
      if (rateSource[row] !== RATE_SOURCE.prescaled) rateSource[row] = RATE_SOURCE.override;
    }
    const scaling = exporters.prescaled[exporter]!;
    if (scaling === PRESCALED.yes) rateSource[row] = RATE_SOURCE.prescaled;
    else if (scaling === PRESCALED.no && rateSource[row] === RATE_SOURCE.prescaled)
      rateSource[row] = samplingRate[row] === 0 ? RATE_SOURCE.unknown : RATE_SOURCE.override;
    const rate = samplingRate[row]!;
    const prescaled = rateSource[row] === RATE_SOURCE.prescaled;
    if (rate === 0 && !prescaled) unknownRows++;
    const factor = prescaled || rate === 0 ? 1 : rate;
    multiply(bytes, estBytes, row, factor);
    multiply(packets, estPackets, row, factor);
    const reported = numberAt(bytes, row);
    const reportedPackets = numberAt(packets, row);
    if (rate > 1) {
      const scale = prescaled ? rate : 1;
      const sampled = reported / scale;
      const sampledPackets = reportedPackets / scale;
      const squares = numberAt(bytesSumOfSquares, row) / scale;
      const longest = longestPacket(sampled, sampledPackets, packetBytesMax[row]!);
      const exact =
        sampledPackets === 1 ||
        arePossible(squares, sampled, sampledPackets, packetBytesMax[row]! > 0 ? longest : sampled);
      if (!exact) marks[row]! |= MARKS.approximate;
      const sumOfSquares =
        sampledPackets === 1 ? sampled * sampled : exact ? squares : Math.min(sampled * sampled, sampled * longest);
      varBytes[row] = rate * (rate - 1) * sumOfSquares;
    } else varBytes[row] = rate === 1 || (reported === 0 && reportedPackets === 0) ? 0 : Number.POSITIVE_INFINITY;
  }
  return unknownRows;
}

function numberAt(words: Uint32Array, row: number): number {
  return words[2 * row]! + words[2 * row + 1]! * WORD;
}

/** Exact product of a 64-bit and a 32-bit number, at most 2^64 - 1. */
export function multiply(from: Uint32Array, to: Uint32Array, row: number, factor: number): void {
  const low = from[2 * row]!;
  const high = from[2 * row + 1]!;
  const product = low * factor;
  if (high === 0 && product <= EXACT_MAX) {
    to[2 * row] = product;
    to[2 * row + 1] = product / WORD;
    return;
  }
  // low x factor in two steps of 16 bits of the factor, each exact in a double.
  const upper = low * (factor >>> 16);
  const lower = low * (factor & 0xffff) + (upper % 65536) * 65536;
  const productHigh = high * factor + Math.floor(upper / 65536) + Math.floor(lower / WORD);
  const saturated = productHigh >= WORD;
  to[2 * row] = saturated ? 0xffffffff : lower;
  to[2 * row + 1] = saturated ? 0xffffffff : productHigh;
}

/** Whether `packets` packets of `bytes` bytes together, none beyond `longest`, can have this sum of squared lengths. */
function arePossible(sumOfSquares: number, bytes: number, packets: number, longest: number): boolean {
  const square = bytes * bytes;
  return (
    sumOfSquares > 0 &&
    sumOfSquares <= Math.min(square, bytes * longest) * (1 + ROUNDING) &&
    sumOfSquares >= (packets === 0 ? bytes : square / packets) * (1 - ROUNDING)
  );
}

/** Bytes that no packet behind a record exceeds; `reported`: what the record says, 0 nothing. */
function longestPacket(bytes: number, packets: number, reported: number): number {
  const mean = packets === 0 ? Number.POSITIVE_INFINITY : bytes / packets;
  if (reported > 0 && (packets === 0 || reported >= mean)) return reported;
  if (mean <= PACKET_BYTES_MAX[0]) return PACKET_BYTES_MAX[0];
  return mean <= PACKET_BYTES_MAX[1] ? PACKET_BYTES_MAX[1] : PACKET_BYTES_MAX[2];
}
