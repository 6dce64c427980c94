// Which end of a record is the server: a listed port, of two the narrower range; then a service that was seen to answer
// (learned-services.ts); then the end whose port is not a client's; then the lower port. Pure and symmetric: the record
// of the other direction, with its ends exchanged, names the same end for the same reason.

import { parsePortSpan } from '../../schemas/applications.ts';
import { SERVER_SIDE, SERVER_SIDE_REASON } from '../../schemas/codes.ts';

const { unknown: UNKNOWN, src: SRC, dst: DST } = SERVER_SIDE;

/** A side and its reason in one number, so that deciding makes no object. */
const REASON_SHIFT = 2;
const decision = (side: number, reason: number) => (reason << REASON_SHIFT) | side;

export const UNDECIDED = decision(UNKNOWN, SERVER_SIDE_REASON.none);
const LISTED_SRC = decision(SRC, SERVER_SIDE_REASON.listed);
const LISTED_DST = decision(DST, SERVER_SIDE_REASON.listed);
const RANGE_SRC = decision(SRC, SERVER_SIDE_REASON.range);
const RANGE_DST = decision(DST, SERVER_SIDE_REASON.range);
export const LEARNED_SRC = decision(SRC, SERVER_SIDE_REASON.learned);
export const LEARNED_DST = decision(DST, SERVER_SIDE_REASON.learned);
const EPHEMERAL_SRC = decision(SRC, SERVER_SIDE_REASON.ephemeral);
const EPHEMERAL_DST = decision(DST, SERVER_SIDE_REASON.ephemeral);
const LOWER_SRC = decision(SRC, SERVER_SIDE_REASON['lower-port']);
const LOWER_DST = decision(DST, SERVER_SIDE_REASON['lower-port']);

const BY_LISTS = Uint8Array.of(RANGE_DST, RANGE_SRC, LISTED_DST, LISTED_SRC);
/** By whether the source's port is a client's, whether the destination's is, and whether the source's is the lower one. */
const BY_PORTS = Uint8Array.of(
  LOWER_DST,
  LOWER_SRC,
  EPHEMERAL_SRC,
  EPHEMERAL_SRC,
  EPHEMERAL_DST,
  EPHEMERAL_DST,
  LOWER_DST,
  LOWER_SRC,
);

export function sideIn(decided: number): number {
  return decided & ((1 << REASON_SHIFT) - 1);
}

export function reasonIn(decided: number): number {
  return decided >>> REASON_SHIFT;
}

/** IANA begins at 49152, Linux at 32768, Windows before 2008 has 1025 to 5000. */
export const EPHEMERAL_PORTS: readonly string[] = ['32768-65535'];

const PORT_BITS_WORDS = 65536 / 32;

/** One bit per port. */
export type PortBits = Uint32Array;

export function createPortBits(): PortBits {
  return new Uint32Array(PORT_BITS_WORDS);
}

export function hasPort(bits: PortBits, port: number): boolean {
  return ((bits[port >>> 5]! >>> (port & 31)) & 1) !== 0;
}

export function addPort(bits: PortBits, port: number): void {
  bits[port >>> 5]! |= 1 << (port & 31);
}

/** Bits of the ports that are taken for a client's: `32768-65535`, `5000`. */
export function ephemeralBits(spans: readonly string[] = EPHEMERAL_PORTS): PortBits {
  const bits = createPortBits();
  for (const text of spans) {
    const { from, to } = parsePortSpan(text)!;
    for (let port = from; port <= to; port++) addPort(bits, port);
  }
  return bits;
}

/**
 * What listed ports say: `srcWidth` and `dstWidth` are the number of ports in the listed range that each end's port falls
 * into, 0 when no application lists it.
 */
export function sideByLists(srcWidth: number, dstWidth: number): number {
  if (srcWidth === dstWidth) return UNDECIDED;
  // Which end it is changes from row to row at random, so the answer is looked up, not branched to. A width of 0 becomes
  // the largest of 17 bits.
  const src = (srcWidth - 1) & 0x1ffff;
  const dst = (dstWidth - 1) & 0x1ffff;
  const isSrc = (src - dst) >>> 31;
  const isOneListed = (src | dst) >>> 16;
  return BY_LISTS[(isOneListed << 1) | isSrc]!;
}

/** What the port numbers alone say. Protocols without ports pass 0 as both. */
export function sideByPorts(ephemeral: PortBits, srcPort: number, dstPort: number): number {
  if (srcPort === dstPort) return UNDECIDED;
  const isSrcClient = (ephemeral[srcPort >>> 5]! >>> (srcPort & 31)) & 1;
  const isDstClient = (ephemeral[dstPort >>> 5]! >>> (dstPort & 31)) & 1;
  const isSrcLower = (srcPort - dstPort) >>> 31;
  return BY_PORTS[(isSrcClient << 2) | (isDstClient << 1) | isSrcLower]!;
}

export function isByEphemeral(decided: number): boolean {
  return decided === EPHEMERAL_SRC || decided === EPHEMERAL_DST;
}
