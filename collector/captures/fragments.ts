// Puts the fragments of IPv4 (RFC 791 3.2) and IPv6 (RFC 8200 4.5) packets together again, in whatever order a capture has
// them: routers export datagrams longer than the MTU, and the kernel of a live collector hides that. What waits is a
// view of the capture, which is in memory anyhow. Bounded: PACKETS_MAX packets of FRAGMENTS_PER_PACKET_MAX fragments wait, for
// REASSEMBLY_MS_MAX; the oldest is given up first. A fragment that contradicts those before it begins a new packet, for 16 bits
// of identification are soon used again.

/** Packets that wait for the rest of their fragments. */
export const PACKETS_MAX = 4096;
/** 65,535 bytes in pieces of 576, the smallest MTU in use, are 119. */
export const FRAGMENTS_PER_PACKET_MAX = 256;
/** RFC 8200 4.5: from the first fragment that arrives. */
export const REASSEMBLY_MS_MAX = 60_000;
/** The largest payload of a packet. */
const PACKET_BYTES_MAX = 65_535;

export interface Fragment {
  /** What its packet is known by: addresses, identification, protocol. */
  readonly key: string;
  /** Where its bytes belong in the payload of the packet. */
  readonly offset: number;
  readonly isLast: boolean;
  readonly bytes: Uint8Array;
  readonly timeMs: number;
}

interface Waiting {
  readonly beganMs: number;
  readonly fragments: Fragment[];
  /** Bytes that are there. */
  held: number;
  /** Bytes of the whole payload, as long as the last fragment has come. */
  length: number;
}

const UNKNOWN = Number.POSITIVE_INFINITY;

export class Fragments {
  /** Oldest first. */
  readonly #packets = new Map<string, Waiting>();
  #leftOut = 0;

  /** Fragments of packets that are not whole, and those that came twice. */
  get leftOver(): number {
    let waiting = 0;
    for (const { fragments } of this.#packets.values()) waiting += fragments.length;
    return this.#leftOut + waiting;
  }

  /** The payload of the packet that this fragment completes. */
  add(fragment: Fragment): Uint8Array | undefined {
    const { key, timeMs } = fragment;
    this.#expire(timeMs);
    if (!isPossible(fragment)) {
      this.#leftOut++;
      return undefined;
    }
    const known = this.#packets.get(key);
    if (known?.fragments.some(other => isSame(other, fragment))) {
      this.#leftOut++;
      return undefined;
    }
    if (known && !fits(known, fragment)) this.#giveUp(key, known);
    const packet = this.#packets.get(key) ?? this.#begin(key, timeMs);
    packet.fragments.push(fragment);
    packet.held += fragment.bytes.length;
    if (fragment.isLast) packet.length = fragment.offset + fragment.bytes.length;
    // None lies over another, so what adds up to the length covers it.
    if (packet.held !== packet.length) return undefined;
    this.#packets.delete(key);
    return joined(packet);
  }

  #begin(key: string, beganMs: number): Waiting {
    const [oldest] = this.#packets;
    if (oldest && this.#packets.size >= PACKETS_MAX) this.#giveUp(...oldest);
    const packet = { beganMs, fragments: [], held: 0, length: UNKNOWN };
    this.#packets.set(key, packet);
    return packet;
  }

  #expire(nowMs: number): void {
    for (const [key, packet] of this.#packets) {
      if (nowMs - packet.beganMs <= REASSEMBLY_MS_MAX) return;
      this.#giveUp(key, packet);
    }
  }

  #giveUp(key: string, { fragments }: Waiting): void {
    this.#packets.delete(key);
    this.#leftOut += fragments.length;
  }
}

/** All but the last carry a multiple of 8 bytes. */
function isPossible({ offset, isLast, bytes }: Fragment): boolean {
  return bytes.length > 0 && offset + bytes.length <= PACKET_BYTES_MAX && (isLast || bytes.length % 8 === 0);
}

function isSame(one: Fragment, other: Fragment): boolean {
  return one.offset === other.offset && one.isLast === other.isLast && Buffer.compare(one.bytes, other.bytes) === 0;
}

function fits({ fragments, length }: Waiting, { offset, isLast, bytes }: Fragment): boolean {
  const end = offset + bytes.length;
  if (fragments.length >= FRAGMENTS_PER_PACKET_MAX || end > length || (isLast && length !== UNKNOWN)) return false;
  return fragments.every(other => {
    const otherEnd = other.offset + other.bytes.length;
    return (otherEnd <= offset || other.offset >= end) && !(isLast && otherEnd > end);
  });
}

function joined({ fragments, length }: Waiting): Uint8Array {
  const payload = new Uint8Array(length);
  for (const { offset, bytes } of fragments) payload.set(bytes, offset);
  return payload;
}
