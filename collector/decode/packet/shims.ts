// What stands between a type and the packet or frame it is about without being one: PPPoE, PPP, label stacks, FabricPath
// and the service instance tag of provider backbone bridges. Each leads the cursor on.
//
//   FabricPath: destination and source switch 6 each | 0x8903 | forwarding tag 10 bits, TTL 6 | frame
//   I-TAG (802.1ah): 0x88e7 | PCP 3, DEI 1, UCA 1, 0 3, I-SID 24 | frame

import type { DatagramContext } from '../context.ts';
import { cursor, FRAME, MPLS, MPLS_UPSTREAM, PPP, PPPOE_SESSION } from './cursor.ts';
import { enterMpls } from './mpls.ts';
import { enterPpp, enterPppoe } from './ppp.ts';

const FABRICPATH = 0x8903;
const SERVICE_INSTANCE = 0x88e7;

/** Leads the cursor to the next packet or frame; false when something before it cannot be read. */
export function passShims(context: DatagramContext): boolean {
  const { view } = context;
  if (cursor.next === PPPOE_SESSION && !enterPppoe(view)) return false;
  if (cursor.next === PPP && !enterPpp(view)) return false;
  const { next, offset, end, frameEnd } = cursor;
  if (next === MPLS || next === MPLS_UPSTREAM) return enterMpls(context);
  if (next === FABRICPATH) cursor.lead(FRAME, offset + 2, end, frameEnd);
  else if (next === SERVICE_INSTANCE) {
    cursor.lead(FRAME, offset + 4, end, frameEnd);
    // The I-SID keeps customers apart whose VLANs and MAC addresses overlap, as a VNI does, and is as wide.
    if (offset + 4 <= end) cursor.vni = view.getUint32(offset) & 0xffffff;
  }
  return true;
}
