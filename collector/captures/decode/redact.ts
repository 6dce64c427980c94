// Rows that may be shown to others: of the ends of flows their /24 or /48 is left, of MACs the vendor, of stations
// nothing. Exporters stay as they are.

import { isMapped4, maskWords, swap32, wordsOfRow } from '../../../schemas/address.ts';
import type { FlowBatch } from '../../decode/flow-batch.ts';

const MAPPED_24 = 96 + 24;
const IPV6_48 = 48;
/** The lower word of a MAC holds four of its octets; the vendor is the first three of six. */
const VENDOR_MASK = 0xff000000;

export function redact({ columns, rows }: FlowBatch): void {
  const { srcAddr, dstAddr, srcMac, dstMac, stationId } = columns;
  for (const column of [srcAddr, dstAddr])
    for (let row = 0; row < rows; row++) {
      const words = wordsOfRow(column, row);
      column.set(maskWords(words, isMapped4(words) ? MAPPED_24 : IPV6_48).map(swap32), 4 * row);
    }
  for (const column of [srcMac, dstMac]) for (let row = 0; row < rows; row++) column[2 * row]! &= VENDOR_MASK;
  stationId.fill(0, 0, 4 * rows);
}
