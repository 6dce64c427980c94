// Addresses outside the data centre, made less telling before they are stored: cut to their network, or replaced by a
// keyed hash that is the same for the same address as long as the key is. An end counts as outside when it lies beyond the
// `internal` prefixes and nobody of the inventory owns it. Both ways may be applied again without changing anything more,
// so that re-enriched records stay as they are.

import { createHmac } from 'node:crypto';
import { RULE } from '../schemas/codes.ts';
import type { FlowColumns } from '../schemas/flow.ts';
import { ENTRY } from './endpoints.ts';
import { createHashTable } from './hash-table.ts';

export const PRIVACY_MODES = ['keep', 'truncate', 'anonymise'] as const;
export type PrivacyMode = (typeof PRIVACY_MODES)[number];

/** Hashes remembered; when there are more, all are forgotten. 10 MiB. */
export const HASHES_MAX = 262_144;

export interface Privacy {
  /** Rows `from` to `to`; `src` and `dst` are offsets of their endpoints in `entries`. */
  hide(columns: FlowColumns, from: number, to: number, src: Uint32Array, dst: Uint32Array, entries: Uint32Array): void;
}

/** Changes the address of one row in place. */
type Hide = (address: Uint32Array, at: number) => void;

/** Words of a column hold their bytes in network order; read as numbers they are little-endian. */
const MAPPED_WORD = 0xffff0000;
/** RFC 9637: 3fff::/20 is for documentation, so no packet comes from there. */
const HASHED_WORD = 0x0000ff3f;
const HASHED_MASK = 0x00f0ffff;

/** Undefined for `keep`. `key` is any text; only `anonymise` uses it. */
export function createPrivacy(mode: PrivacyMode, key: string, hashesMax = HASHES_MAX): Privacy | undefined {
  if (mode === 'keep') return undefined;
  const hide = mode === 'truncate' ? truncate : anonymiser(key, hashesMax);
  return {
    hide({ srcAddr, dstAddr }, from, to, src, dst, entries) {
      for (let row = from; row < to; row++) {
        if (entries[src[row]! + ENTRY.autoRule] === RULE.external) hide(srcAddr, 4 * row);
        if (entries[dst[row]! + ENTRY.autoRule] === RULE.external) hide(dstAddr, 4 * row);
      }
    },
  };
}

/** IPv4 to its /24, IPv6 to its /48. */
function truncate(address: Uint32Array, at: number): void {
  if (address[at] === 0 && address[at + 1] === 0 && address[at + 2] === MAPPED_WORD) {
    address[at + 3]! &= 0x00ffffff;
    return;
  }
  address[at + 1]! &= 0x0000ffff;
  address[at + 2] = 0;
  address[at + 3] = 0;
}

/** 108 bits of HMAC-SHA-256 behind 3fff:0::/20. */
function anonymiser(key: string, hashesMax: number): Hide {
  const places = createHashTable(4, hashesMax);
  let hashes = new Uint32Array(4 * 1024);

  const remember = (address: Uint32Array, at: number): number => {
    if (places.size >= hashesMax) places.clear();
    const place = 4 * places.size;
    if (place === hashes.length) {
      const grown = new Uint32Array(2 * hashes.length);
      grown.set(hashes);
      hashes = grown;
    }
    const digest = createHmac('sha256', key)
      .update(new Uint8Array(address.buffer, address.byteOffset + 4 * at, 16))
      .digest();
    for (let i = 0; i < 4; i++) hashes[place + i] = digest.readUInt32LE(4 * i);
    hashes[place] = ((hashes[place]! & ~HASHED_MASK) | HASHED_WORD) >>> 0;
    places.insert(address, at, place);
    return place;
  };

  return (address, at) => {
    if ((address[at]! & HASHED_MASK) >>> 0 === HASHED_WORD) return;
    const known = places.find(address, at);
    const place = known >= 0 ? known : remember(address, at);
    for (let i = 0; i < 4; i++) address[at + i] = hashes[place + i]!;
  };
}
