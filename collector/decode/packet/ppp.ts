// PPP (RFC 1661, 1662) and PPPoE sessions (RFC 2516).
//
//   PPPoE: version and type 0x11 | code 0 | session 2 | length 2 | PPP
//   PPP:   address and control FF 03 (optional) | protocol 2, or 1 where it is odd (compressed)

import { cursor, IPV4, IPV6, MPLS, MPLS_UPSTREAM, NOTHING, PPP } from './cursor.ts';

const SESSION_DATA = 0x1100;
const ADDRESS_CONTROL = 0xff03;

/** Leads the cursor to the PPP header of the session it is at; false when there is none. */
export function enterPppoe(view: DataView): boolean {
  const { offset, end, frameEnd } = cursor;
  cursor.next = NOTHING;
  if (offset + 6 > end || view.getUint16(offset) !== SESSION_DATA) return false;
  cursor.lead(PPP, offset + 6, end, frameEnd);
  return true;
}

/** Leads the cursor behind the PPP header it is at; false when that carries no packet. */
export function enterPpp(view: DataView): boolean {
  const { end, frameEnd } = cursor;
  let { offset } = cursor;
  cursor.next = NOTHING;
  if (offset + 2 <= end && view.getUint16(offset) === ADDRESS_CONTROL) offset += 2;
  if (offset >= end) return false;
  let protocol = view.getUint8(offset++);
  if ((protocol & 1) === 0) {
    if (offset >= end) return false;
    protocol = (protocol << 8) | view.getUint8(offset++);
  }
  const next = etherTypeOf(protocol);
  if (next === NOTHING) return false;
  cursor.lead(next, offset, end, frameEnd);
  return true;
}

function etherTypeOf(protocol: number): number {
  switch (protocol) {
    case 0x0021:
      return IPV4;
    case 0x0057:
      return IPV6;
    case 0x0281:
      return MPLS;
    case 0x0283:
      return MPLS_UPSTREAM;
    default:
      return NOTHING;
  }
}
