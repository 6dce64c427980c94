// Mirrored frames in GRE (ERSPAN, draft-foschiano-erspan-03). Type I is a frame behind a plain GRE header.
//
//   type II, 8 bytes:   version 4 bits (1), VLAN 12 | COS 3, en 2, T 1, session 10 | reserved 12, index 20
//   type III, 12 bytes: version 4 bits (2), VLAN 12 | COS 3, BSO 2, T 1, session 10 | timestamp 32 | SGT 16 |
//                       P 1, frame type 5, hardware 6, D 1, granularity 2, O 1;   8 more bytes where O is set
//
// VLAN is that of the mirrored port; the frame itself usually has lost its tag. D is 0 for a frame that came in there,
// 1 for one that left.

import { DIRECTION } from '../../../schemas/codes.ts';
import { cursor, FRAME } from './cursor.ts';

const VERSION_2 = 1;
const VERSION_3 = 2;
const VLAN = 0xfff;
const SESSION = 0x3ff;

const DIRECTION_BIT = 0x0008;
const OPTIONAL_BIT = 0x0001;
const FRAME_TYPE = 0x7c00;

export function enterErspan2(view: DataView, start: number, end: number, frameEnd: number): void {
  if (start + 8 > end || view.getUint8(start) >>> 4 !== VERSION_2) return;
  cursor.lead(FRAME, start + 8, end, frameEnd);
  cursor.vlan = view.getUint16(start) & VLAN;
  cursor.session = view.getUint16(start + 2) & SESSION;
}

export function enterErspan3(view: DataView, start: number, end: number, frameEnd: number): void {
  if (start + 12 > end || view.getUint8(start) >>> 4 !== VERSION_3) return;
  const flags = view.getUint16(start + 10);
  // Frame type 0 is Ethernet.
  if ((flags & FRAME_TYPE) !== 0) return;
  cursor.lead(FRAME, start + ((flags & OPTIONAL_BIT) !== 0 ? 20 : 12), end, frameEnd);
  cursor.vlan = view.getUint16(start) & VLAN;
  cursor.session = view.getUint16(start + 2) & SESSION;
  cursor.direction = (flags & DIRECTION_BIT) !== 0 ? DIRECTION.egress : DIRECTION.ingress;
}
