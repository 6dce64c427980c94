// Addresses outside the data centre, made less revealing before they are stored: cut to their network, or replaced by a
// keyed hash (docs/decisions/0005-privacy.md). It is the last that is done with a record, when identity, application and
// locality are decided. Both ways may be applied again without changing anything more, and what they give is still outside:
// a record that is enriched again stays as it is.

import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createHashTable } from '../../inventory/lookup/hash-table.ts';
import { swap32, type Words, wordsOfRow } from '../../schemas/address.ts';
import { HairpinError } from '../../service/errors.ts';
import type { EnrichmentConfiguration } from '../configuration.ts';

/** Changes the address at `column[at...]` in place. */
export type Hide = (column: Uint32Array, at: number) => void;

export interface Privacy {
  /** The same where the same is stored: of the key it reveals nothing. */
  readonly id: string;
  /** How an address is hidden among those of one inventory, which says who is outside. */
  beside(isOutside: (address: Words) => boolean): Hide;
}

/** Hashes remembered; when there are more, all are forgotten. 14 MiB: a table of 10, and the hashes. */
export const HASHES_MAX = 262_144;
/** Networks of one inventory remembered as outside or not; the same. */
const NETWORKS_MAX = 65_536;

/** Columns hold bytes in network order; read as numbers on this machine, they are swapped. */
const MAPPED_WORD = swap32(0x0000ffff);
/** RFC 9637: 3fff::/20 is for documentation, so no packet comes from there. */
const RESERVED_WORD = swap32(0x3fff0000);
const RESERVED_MASK = swap32(0xfffff000);
/** Where networks stand whose own address is somebody's: 3fff:fff::/32. */
const STAND_IN_WORD = swap32(0x3fff0fff);
const FIRST_24 = swap32(0xffffff00);
const FIRST_16 = swap32(0xffff0000);

const KEY_BYTES_MIN = 32;

/** Undefined for `off`. Throws PRIVACY_KEY_UNUSABLE; what the key is, no message says. */
export function openPrivacy(config: Pick<EnrichmentConfiguration, 'privacy' | 'privacyKey'>): Privacy | undefined {
  if (config.privacy === 'truncate') return createTruncation();
  return config.privacy === 'anonymise' ? createAnonymisation(readKey(config.privacyKey)) : undefined;
}

function readKey(file: string): Buffer {
  const remedy = 'make one with: openssl rand -hex 32 > FILE, and give the same to every enricher';
  let key: Buffer;
  try {
    key = readFileSync(file);
  } catch (error) {
    const { code = 'UNKNOWN' } = error as NodeJS.ErrnoException;
    throw new HairpinError('PRIVACY_KEY_UNUSABLE', `--privacy-key ${file} cannot be read (${code}); ${remedy}`);
  }
  // A line break at the end belongs to the editor, not to the key.
  const bare = Buffer.from(key.toString('latin1').trim(), 'latin1');
  if (bare.length < KEY_BYTES_MIN)
    throw new HairpinError(
      'PRIVACY_KEY_UNUSABLE',
      `--privacy-key ${file} holds ${bare.length} bytes, at least ${KEY_BYTES_MIN} are needed; ${remedy}`,
    );
  return bare;
}

/** IPv4 to its /24, IPv6 to its /48. */
export function createTruncation(): Privacy {
  return {
    id: 'truncate',
    beside(isOutside) {
      const networks = createHashTable(4, NETWORKS_MAX);
      return (column, at) => {
        if (isReserved(column[at]!)) return;
        truncate(column, at);
        let outside = networks.find(column, at);
        if (outside < 0) {
          outside = isOutside(wordsOfRow(column.subarray(at, at + 4), 0)) ? 1 : 0;
          if (networks.size >= NETWORKS_MAX) networks.clear();
          networks.insert(column, at, outside);
        }
        if (outside === 0) standIn(column, at);
      };
    },
  };
}

function truncate(column: Uint32Array, at: number): void {
  if (isMapped(column, at)) {
    column[at + 3]! &= FIRST_24;
    return;
  }
  column[at + 1]! &= FIRST_16;
  column[at + 2] = 0;
  column[at + 3] = 0;
}

/** The first address of the network is that of a machine or a segment of ours: the network is written elsewhere. */
function standIn(column: Uint32Array, at: number): void {
  if (isMapped(column, at)) {
    column[at + 1] = 0;
    column[at + 2] = 0;
  } else {
    column[at + 2] = column[at + 1]!;
    column[at + 1] = column[at]!;
    column[at + 3] = 0;
  }
  column[at] = STAND_IN_WORD;
}

/** 108 bits of HMAC-SHA-256 behind 3fff:0::/20, the same for the same address as long as the key is. */
export function createAnonymisation(key: Uint8Array, hashesMax = HASHES_MAX): Privacy {
  const places = createHashTable(4, hashesMax);
  let hashes = new Uint32Array(4 * 1024);

  const remember = (column: Uint32Array, at: number): number => {
    if (places.size >= hashesMax) places.clear();
    const place = 4 * places.size;
    if (place === hashes.length) {
      const grown = new Uint32Array(2 * hashes.length);
      grown.set(hashes);
      hashes = grown;
    }
    const digest = createHmac('sha256', key)
      .update(new Uint8Array(column.buffer, column.byteOffset + 4 * at, 16))
      .digest();
    for (let i = 0; i < 4; i++) hashes[place + i] = digest.readUInt32LE(4 * i);
    hashes[place] = ((hashes[place]! & ~RESERVED_MASK) | RESERVED_WORD) >>> 0;
    places.insert(column, at, place);
    return place;
  };

  const hide: Hide = (column, at) => {
    if (isReserved(column[at]!)) return;
    const known = places.find(column, at);
    const place = known >= 0 ? known : remember(column, at);
    for (let i = 0; i < 4; i++) column[at + i] = hashes[place + i]!;
  };
  const fingerprint = createHmac('sha256', key).update('hairpin privacy').digest('hex').slice(0, 8);
  return { id: `anonymise ${fingerprint}`, beside: () => hide };
}

function isMapped(column: Uint32Array, at: number): boolean {
  return column[at] === 0 && column[at + 1] === 0 && column[at + 2] === MAPPED_WORD;
}

/** What was hidden before. */
function isReserved(first: number): boolean {
  return (first & RESERVED_MASK) >>> 0 === RESERVED_WORD;
}
