// MPLS (RFC 3032): labels of 4 bytes up to the one with the bottom bit, then a packet whose kind no field names. The
// first four bits say which: 4 and 6 are IP, 0 is a control word (RFC 4385) before a frame, 1 an associated channel. Frames
// without a control word may begin with any of them, so a frame is believed where a type follows its addresses.
//
//   label 20 bits | class 3 | bottom 1 | TTL 8;   control word: 0 4 bits | flags 6, length 6 | sequence 16

import type { DatagramContext } from '../context.ts';
import { cursor, ETHERNET_BYTES, FRAME, IPV4, IPV6, MPLS, NOTHING } from './cursor.ts';
import { isVlanTag } from './tags.ts';

const LABELS_MAX = 16;
const BOTTOM = 0x01;
const CONTROL_WORD_BYTES = 4;
const ARP = 0x0806;

/** Leads the cursor behind the label stack it is at; false when what follows is not there or not known. */
export function enterMpls(context: DatagramContext): boolean {
  const { view } = context;
  const { end, frameEnd } = cursor;
  let { offset } = cursor;
  cursor.next = NOTHING;
  if (!context.mayTake(LABELS_MAX)) return false;
  let bottom = false;
  for (let i = 0; i < LABELS_MAX && !bottom; i++) {
    if (offset + 4 > end) return false;
    bottom = (view.getUint8(offset + 2) & BOTTOM) !== 0;
    offset += 4;
  }
  if (!bottom || offset >= end) return false;

  const first = view.getUint8(offset) >>> 4;
  const packet = first === 4 ? IPV4 : first === 6 ? IPV6 : NOTHING;
  if (packet !== NOTHING && (fits(view, packet, offset, end, frameEnd) || !looksLikeFrame(view, offset, end)))
    cursor.lead(packet, offset, end, frameEnd);
  else if (first === 0 && looksLikeFrame(view, offset + CONTROL_WORD_BYTES, end))
    cursor.lead(FRAME, offset + CONTROL_WORD_BYTES, end, frameEnd);
  else if (looksLikeFrame(view, offset, end)) cursor.lead(FRAME, offset, end, frameEnd);
  else return false;
  return true;
}

/** Whether the length a packet gives is one its frame has room for: the bytes of a MAC address seldom are. */
function fits(view: DataView, packet: number, offset: number, end: number, frameEnd: number): boolean {
  if (offset + 6 > end) return false;
  const bytes = packet === IPV4 ? view.getUint16(offset + 2) : view.getUint16(offset + 4) + 40;
  return offset + bytes <= frameEnd;
}

function looksLikeFrame(view: DataView, offset: number, end: number): boolean {
  const payload = offset + ETHERNET_BYTES;
  if (payload > end) return false;
  const type = view.getUint16(payload - 2);
  if (type === IPV4 || type === IPV6) return payload < end && view.getUint8(payload) >>> 4 === (type === IPV4 ? 4 : 6);
  return type === ARP || type === MPLS || isVlanTag(type);
}
