// Data frames of wireless LANs (IEEE 802.11-2020 9.3.2), which sFlow's wireless agents send. Frames without data,
// encrypted ones and all others count by volume.
//
//   frame control 2, low byte first: version 2 bits, type 2 (2 data), subtype 4 (8 QoS, 4 no data) |
//     to DS 1, from DS 2, ..., protected 0x40, order 0x80 | duration 2 | address 1, 2 and 3, 6 each | sequence 2 |
//   address 4, 6 (to and from DS) | QoS 2 | HT control 4 (order, in QoS frames) | LLC

import type { DatagramContext } from '../context.ts';
import { decodePacket } from './ip.ts';
import { LLC_SNAP_BYTES, llcEtherType } from './llc.ts';

const TYPE = 0x0c;
const DATA = 0x08;
const NO_DATA = 0x40;
const QOS = 0x80;
const TO_DS = 0x01;
const FROM_DS = 0x02;
const PROTECTED = 0x40;
const ORDER = 0x80;
const HEADER_BYTES = 24;

/** False when not even the addresses are there. The cursor is where a packet inside leads it. */
export function decode80211(
  context: DatagramContext,
  row: number,
  start: number,
  end: number,
  frameEnd: number,
): boolean {
  const { view } = context;
  const { columns } = context.output.batch;
  if (end - start < HEADER_BYTES) return false;
  const control = view.getUint8(start);
  const flags = view.getUint8(start + 1);
  columns.bytes[2 * row] = Math.max(0, frameEnd - start);
  if ((control & TYPE) !== DATA) return true;
  const toDs = (flags & TO_DS) !== 0;
  const fromDs = (flags & FROM_DS) !== 0;
  let offset = start + HEADER_BYTES + (toDs && fromDs ? 6 : 0);
  if (offset > end) return false;
  const destination = start + (toDs ? 16 : 4);
  const source = toDs && fromDs ? start + HEADER_BYTES : start + (fromDs ? 16 : 10);
  columns.dstMac[2 * row] = view.getUint32(destination + 2);
  columns.dstMac[2 * row + 1] = view.getUint16(destination);
  columns.srcMac[2 * row] = view.getUint32(source + 2);
  columns.srcMac[2 * row + 1] = view.getUint16(source);
  if ((control & QOS) !== 0) offset += (flags & ORDER) !== 0 ? 6 : 2;
  columns.bytes[2 * row] = Math.max(0, frameEnd - offset);
  if ((control & NO_DATA) !== 0 || (flags & PROTECTED) !== 0) return true;
  const type = llcEtherType(view, offset, end);
  if (type === 0) return true;
  offset += LLC_SNAP_BYTES;
  columns.etherType[row] = type;
  columns.bytes[2 * row] = Math.max(0, frameEnd - offset);
  decodePacket(context, columns, row, type, offset, end, frameEnd, false);
  return true;
}
