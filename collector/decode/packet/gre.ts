// GRE (RFC 2784, 2890, 1701), its version 1 for PPTP (RFC 2637), NVGRE (RFC 7637) and ERSPAN inside it.
//
//   C 1 bit, R 1, K 1, S 1, s 1, recursion 3, flags 5, version 3 | protocol type 2 |
//   checksum 2, offset 2 (C or R) | key 4 (K) | sequence 4 (S) | routing (R)
//   routing entry: address family 2 | offset 1 | length 1 | ...;   family 0 and length 0 end the list
//   version 1: K set, key = payload length 2, call 2 | sequence 4 (S) | acknowledgment 4 (A, 0x0080);  carries PPP

import type { DatagramContext } from '../context.ts';
import { cursor, FRAME, PPP } from './cursor.ts';
import { enterErspan2, enterErspan3 } from './erspan.ts';

const CHECKSUM = 0x8000;
const ROUTING = 0x4000;
const KEY = 0x2000;
const SEQUENCE = 0x1000;
const ACKNOWLEDGMENT = 0x0080;
const VERSION = 0x0007;
const VERSION_PPTP = 1;

const ERSPAN_1_2 = 0x88be;
const ERSPAN_3 = 0x22eb;
const ROUTING_ENTRIES_MAX = 8;

export function enterGre(context: DatagramContext, start: number, end: number, frameEnd: number): void {
  const { view } = context;
  if (start + 4 > end) return;
  const flags = view.getUint16(start);
  const type = view.getUint16(start + 2);
  const version = flags & VERSION;
  let offset = start + 4;
  if (version === VERSION_PPTP) {
    if (type !== PPP || (flags & KEY) === 0) return;
    offset += 4 + ((flags & SEQUENCE) !== 0 ? 4 : 0) + ((flags & ACKNOWLEDGMENT) !== 0 ? 4 : 0);
    cursor.lead(PPP, offset, end, frameEnd);
    return;
  }
  if (version !== 0) return;
  if ((flags & (CHECKSUM | ROUTING)) !== 0) offset += 4;
  const key = offset;
  if ((flags & KEY) !== 0) offset += 4;
  if ((flags & SEQUENCE) !== 0) offset += 4;
  if ((flags & ROUTING) !== 0) offset = skipRouting(context, offset, end);
  if (offset >= end) return;

  if (type === ERSPAN_3) enterErspan3(view, offset, end, frameEnd);
  else if (type !== ERSPAN_1_2) {
    cursor.lead(type, offset, end, frameEnd);
    // NVGRE: a key, neither checksum nor sequence; its low byte is a hash of the flow.
    if (type === FRAME && (flags & (CHECKSUM | ROUTING | KEY | SEQUENCE)) === KEY)
      cursor.vni = view.getUint32(key) >>> 8;
  } else if ((flags & SEQUENCE) !== 0) enterErspan2(view, offset, end, frameEnd);
  // ERSPAN type I has no header of its own.
  else cursor.lead(FRAME, offset, end, frameEnd);
}

/** Behind the routing entries; `end` when they do not end in time. */
function skipRouting(context: DatagramContext, start: number, end: number): number {
  if (!context.mayTake(ROUTING_ENTRIES_MAX)) return end;
  const { view } = context;
  let offset = start;
  for (let i = 0; i < ROUTING_ENTRIES_MAX && offset + 4 <= end; i++) {
    const family = view.getUint16(offset);
    const length = view.getUint8(offset + 3);
    offset += 4 + length;
    if (family === 0 && length === 0) return offset;
  }
  return end;
}
