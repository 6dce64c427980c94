// Ethernet frames: destination 6 | source 6 | tags | type 2, or in 802.3 form length 2 and LLC | payload. The frame's
// columns are written when it is clear what it holds, and those of an inner frame only when it can be read: a frame in
// a tunnel that is cut off before its addresses leaves the outer packet's columns as they are. A frame whose type promises
// a packet that is not there is a fault; its volume counts.

import type { DecodedColumns } from '../../../schemas/flow.ts';
import type { DatagramContext } from '../context.ts';
import { FAULT } from '../faults.ts';
import { cursor, ETHERNET_BYTES, FRAME, IPV4, IPV6, NOTHING } from './cursor.ts';
import { clearPacket, decodePacket } from './ip.ts';
import { LLC_SNAP_BYTES, llcEtherType } from './llc.ts';
import { passShims } from './shims.ts';
import { isTag, tags, VID, VLAN, walkTags } from './tags.ts';

const ETHERTYPE_MIN = 0x0600;

/**
 * Decodes the frame from `start` on and leaves the cursor at what it carries inside its packet; false, and nothing
 * written, when it cannot be read. `vlan` is its VLAN where it has no tag.
 */
export function decodeFrame(
  context: DatagramContext,
  row: number,
  start: number,
  end: number,
  frameEnd: number,
  vlan: number,
  inner: boolean,
): boolean {
  if (end - start < ETHERNET_BYTES) return false;
  const { view } = context;
  const { columns } = context.output.batch;
  const type = view.getUint16(start + 12);
  const offset = start + ETHERNET_BYTES;
  cursor.next = NOTHING;
  if (type !== IPV4 && type !== IPV6) {
    if (!decodeBehindTags(context, columns, row, type, offset, end, frameEnd, vlan, inner)) return false;
  } else {
    if (!decodePacket(context, columns, row, type, offset, end, frameEnd, inner)) {
      if (inner) return false;
      context.fault(FAULT['header-malformed']);
      writeVolume(columns, row, type, frameEnd - offset);
    }
    if (inner) columns.vlan[row] = vlan;
  }
  const { dstMac, srcMac } = columns;
  const word = 2 * row;
  dstMac[word] = view.getUint32(start + 2);
  dstMac[word + 1] = view.getUint16(start);
  srcMac[word] = view.getUint32(start + 8);
  srcMac[word + 1] = view.getUint16(start + 6);
  return true;
}

function decodeBehindTags(
  context: DatagramContext,
  columns: DecodedColumns,
  row: number,
  first: number,
  start: number,
  end: number,
  frameEnd: number,
  vlan: number,
  inner: boolean,
): boolean {
  const { view } = context;
  if (first === VLAN && start + 4 <= end) {
    // One plain tag and a packet: too common for the walk.
    const type = view.getUint16(start + 2);
    if (decodePacket(context, columns, row, type, start + 4, end, frameEnd, inner)) {
      const vid = view.getUint16(start) & VID;
      columns.vlan[row] = vid !== 0 ? vid : vlan;
      return true;
    }
  }
  walkTags(context, first, start, end);
  const cVlan = tags.vlan !== 0 ? tags.vlan : vlan;
  const { sVlan, ecid } = tags;
  let { etherType: type, offset } = tags;
  let next = type;
  let at = offset;
  let readable = true;
  if (type !== IPV4 && type !== IPV6) {
    readable = !isTag(type);
    if (type < ETHERTYPE_MIN) {
      type = llcEtherType(view, offset, end);
      if (type !== 0) offset += LLC_SNAP_BYTES;
    }
    cursor.lead(type, offset, end, frameEnd);
    readable = passShims(context) && readable;
    next = cursor.next;
    at = cursor.offset;
    if (next !== FRAME) cursor.next = NOTHING;
  }
  if (!decodePacket(context, columns, row, next, at, end, frameEnd, inner)) {
    if (inner) {
      if (!readable || next === IPV4 || next === IPV6) return false;
      clearPacket(columns, row);
    } else if (next === IPV4 || next === IPV6) context.fault(FAULT['header-malformed']);
    writeVolume(columns, row, type, frameEnd - offset);
  }
  columns.vlan[row] = cVlan;
  // Of a frame in a tunnel the outer tags say where it was seen, as long as it has none of its own.
  if (sVlan !== 0) columns.sVlan[row] = sVlan;
  if (ecid !== 0) columns.ecid[row] = ecid;
  return true;
}

/** What is known of a frame without a packet that can be read. */
function writeVolume(columns: DecodedColumns, row: number, etherType: number, bytes: number): void {
  columns.etherType[row] = etherType;
  columns.bytes[2 * row] = Math.max(0, bytes);
}
