// The headers between IPv6 and its transport (RFC 8200 4), and the authentication header, which IPv4 may have too.
//
//   next header 1 | length 1, in units of 8 bytes after the first 8 | ...
//   fragment 44:        next header | 0 | offset 13 bits, 2, more 1 | identification 4;   always 8 bytes
//   authentication 51:  next header | length in units of 4 bytes, less 2 | ...             (RFC 4302)
//   segment routing is routing type 4 (RFC 8754): a routing header like any other here.

import type { DatagramContext } from '../context.ts';

const EXTENSION_HEADERS_MAX = 16;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
export const AUTHENTICATION = 51;
const NO_NEXT_HEADER = 59;
const DESTINATION_OPTIONS = 60;
const MOBILITY = 135;
const HOST_IDENTITY = 139;
const SHIM6 = 140;
const FRAGMENT_OFFSET = 0xfff8;

/** What the headers lead to. One for all, like the cursor. */
export const upper = {
  proto: 0,
  /** Of the transport header; 0 when it is not there: cut off, in another fragment or behind too many headers. */
  offset: 0,
};

export function isExtensionHeader(proto: number): boolean {
  switch (proto) {
    case HOP_BY_HOP:
    case ROUTING:
    case FRAGMENT:
    case AUTHENTICATION:
    case DESTINATION_OPTIONS:
    case MOBILITY:
    case HOST_IDENTITY:
    case SHIM6:
      return true;
    default:
      return false;
  }
}

/** Walks the headers from `start` on, the first of which is `first`, to the one that is none of them. */
export function walkExtensionHeaders(context: DatagramContext, first: number, start: number, end: number): void {
  const { view } = context;
  let proto = first;
  let offset = start;
  upper.proto = proto;
  upper.offset = 0;
  if (!context.mayTake(EXTENSION_HEADERS_MAX)) return;
  for (let i = 0; isExtensionHeader(proto); i++) {
    if (i === EXTENSION_HEADERS_MAX || offset + 8 > end) return;
    const next = view.getUint8(offset);
    // A mobility header, for one, that leads to nothing is itself what the packet carries.
    if (next === NO_NEXT_HEADER && proto >= MOBILITY) break;
    upper.proto = next;
    if (proto === FRAGMENT && (view.getUint16(offset + 2) & FRAGMENT_OFFSET) !== 0) return;
    const units = view.getUint8(offset + 1);
    offset += proto === FRAGMENT ? 8 : proto === AUTHENTICATION ? (units + 2) * 4 : (units + 1) * 8;
    proto = next;
  }
  upper.offset = offset;
}
