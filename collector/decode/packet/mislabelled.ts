// Headers whose protocol contradicts their bytes: agents that label packets without a link layer as Ethernet, or the other way
// round. Bytes are believed against their label where they are a valid IP header whose length fits the frame, and where
// what the label promises is not there.

import { IPV4, IPV6 } from './cursor.ts';
import { isIPv4, isIPv6 } from './ip.ts';
import { isTag } from './tags.ts';

const ETHERNET_BYTES = 14;
const TAG_BYTES = 4;
/** What a frame has around a packet: header, a tag, check sequence. */
const FRAME_OVERHEAD_MAX = 22;
/** Where the check sequence was taken off a length that did not count it. */
const CHECK_SEQUENCE_BYTES = 4;
/** Shorter frames are padded. */
const FRAME_BYTES_MIN = 64;

/** What follows an IPv6 header (IANA protocol numbers): extension headers, tunnels, transports, routing. */
const NEXT_HEADERS: ReadonlySet<number> = new Set([
  0, 4, 6, 17, 41, 43, 44, 46, 47, 50, 51, 58, 59, 60, 88, 89, 103, 112, 115, 132, 135, 136, 137, 139, 140, 143,
]);

/** The version of the packet that these bytes are, IPV4 or IPV6; 0 none. */
export function packetShown(view: DataView, start: number, end: number, frameBytes: number): number {
  if (isIPv4(view, start, end)) {
    const headerBytes = (view.getUint8(start) & 0xf) * 4;
    const bytes = view.getUint16(start + 2);
    const isValid = bytes >= headerBytes && fits(bytes, frameBytes) && hasChecksum(view, start, headerBytes, end);
    return isValid ? IPV4 : 0;
  }
  const isValid =
    isIPv6(view, start, end) &&
    NEXT_HEADERS.has(view.getUint8(start + 6)) &&
    fits(40 + view.getUint16(start + 4), frameBytes);
  return isValid ? IPV6 : 0;
}

/** Whether an Ethernet frame with a packet is at `start`. */
export function isFrameShown(view: DataView, start: number, end: number): boolean {
  let offset = start + ETHERNET_BYTES - 2;
  if (offset + 2 > end) return false;
  let type = view.getUint16(offset);
  for (let tags = 0; tags < 2 && isTag(type) && offset + TAG_BYTES + 2 <= end; tags++) {
    offset += TAG_BYTES;
    type = view.getUint16(offset);
  }
  return (type === IPV4 && isIPv4(view, offset + 2, end)) || (type === IPV6 && isIPv6(view, offset + 2, end));
}

function fits(bytes: number, frameBytes: number): boolean {
  const more = frameBytes - bytes;
  return more >= -CHECK_SEQUENCE_BYTES && (more <= FRAME_OVERHEAD_MAX || frameBytes <= FRAME_BYTES_MIN);
}

/** RFC 791 3.1; 0 where a network card writes it later, and as far as the header is there. */
function hasChecksum(view: DataView, start: number, headerBytes: number, end: number): boolean {
  if (view.getUint16(start + 10) === 0 || start + headerBytes > end) return true;
  let sum = 0;
  for (let at = start; at < start + headerBytes; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum === 0xffff;
}
