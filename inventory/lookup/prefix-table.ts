// Longest-prefix match over IPv4 and IPv6 at once, IPv4 in its mapped /96. One hash table of masked words and length,
// probed once per distinct length: documents use few lengths, and results are cached per address by endpoints.ts. A
// compiled table is typed arrays alone, so that a million prefixes can be laid out in another thread.

import { isMapped4, type Prefix, type Words } from '../../schemas/address.ts';
import { createHashTable, openHashTable } from './hash-table.ts';

export interface PrefixTable {
  /** The value of the longest prefix that holds the address, -1 when none does. Of equal prefixes the first counts. */
  longest(address: Words): number;
  /** The values of every prefix that holds the address, longest first. */
  all(address: Words): number[];
  /** The same, the values of each prefix together. */
  byPrefix(address: Words): number[][];
}

export interface PrefixEntry {
  readonly prefix: Prefix;
  /** 0 to 2^31 - 1. */
  readonly value: number;
}

/** Typed arrays only: distinct prefixes as a hash table, and the values of prefix n from starts[n] to starts[n + 1]. */
export interface PrefixData {
  readonly slots: Uint32Array;
  /** Distinct lengths, the longest first. */
  readonly lengths: Uint8Array;
  readonly starts: Uint32Array;
  readonly values: Uint32Array;
  /**
   * By the first 16 bits of an IPv4 address, which lengths beyond them its prefixes have: bit n for /(n + 17). Empty in a
   * small table. A million prefixes lie in few networks, and each length that need not be probed saves a cache miss.
   */
  readonly lengthsOf: Uint16Array;
}

const KEY_WORDS = 5;
/** Length of an IPv4 /17 here. */
const BEHIND_NETWORK = 96 + 17;
const NETWORKS = 65_536;
const SMALL_TABLE_MAX = 1000;
const EVERY_LENGTH = 0xffff;

export function compilePrefixes(entries: readonly PrefixEntry[]): PrefixData {
  return layPrefixes(entries, entries.length);
}

/** The same for at most `countMax` entries that are made one at a time: a million of them need not exist at once. */
export function layPrefixes(entries: Iterable<PrefixEntry>, countMax: number): PrefixData {
  const table = createHashTable(KEY_WORDS, countMax, countMax);
  const key = new Uint32Array(KEY_WORDS);
  const numbers = new Uint32Array(countMax);
  const given = new Uint32Array(countMax);
  const counts = new Uint32Array(countMax);
  const hasLength = new Uint8Array(129);
  const lengthsOf = new Uint16Array(countMax > SMALL_TABLE_MAX ? NETWORKS : 0);
  let count = 0;
  let distinct = 0;
  for (const { prefix, value } of entries) {
    setKey(key, prefix.words, prefix.length);
    hasLength[prefix.length] = 1;
    if (lengthsOf.length > 0 && prefix.length >= BEHIND_NETWORK && isMapped4(prefix.words))
      lengthsOf[prefix.words[3] >>> 16]! |= 1 << (prefix.length - BEHIND_NETWORK);
    let number = table.find(key, 0);
    if (number < 0) {
      number = distinct++;
      table.insert(key, 0, number);
    }
    numbers[count] = number;
    given[count++] = value;
    counts[number]!++;
  }
  const starts = new Uint32Array(distinct + 1);
  for (let n = 0; n < distinct; n++) starts[n + 1] = starts[n]! + counts[n]!;
  const next = starts.slice(0, distinct);
  const values = new Uint32Array(count);
  for (let i = 0; i < count; i++) values[next[numbers[i]!]!++] = given[i]!;
  const lengths = Uint8Array.from([...hasLength.keys()].filter(length => hasLength[length] === 1)).reverse();
  return { slots: table.words, lengths, starts, values, lengthsOf };
}

export function openPrefixTable({ slots, lengths, starts, values, lengthsOf }: PrefixData): PrefixTable {
  const table = openHashTable(KEY_WORDS, slots);
  const key = new Uint32Array(KEY_WORDS);
  const bitsOf = (address: Words): number =>
    lengthsOf.length > 0 && isMapped4(address) ? lengthsOf[address[3] >>> 16]! : EVERY_LENGTH;
  const isAbsent = (bits: number, length: number): boolean =>
    length >= BEHIND_NETWORK && ((bits >>> (length - BEHIND_NETWORK)) & 1) === 0;
  const byPrefix = (address: Words): number[][] => {
    const found: number[][] = [];
    const bits = bitsOf(address);
    for (const length of lengths) {
      if (isAbsent(bits, length)) continue;
      setKey(key, address, length);
      const number = table.find(key, 0);
      if (number >= 0) found.push(Array.from(values.subarray(starts[number]!, starts[number + 1]!)));
    }
    return found;
  };
  return {
    byPrefix,
    all: address => byPrefix(address).flat(),
    longest(address) {
      const bits = bitsOf(address);
      for (const length of lengths) {
        if (isAbsent(bits, length)) continue;
        setKey(key, address, length);
        const found = table.find(key, 0);
        if (found >= 0) return values[starts[found]!]!;
      }
      return -1;
    },
  };
}

export function createPrefixTable(entries: readonly PrefixEntry[]): PrefixTable {
  return openPrefixTable(compilePrefixes(entries));
}

/** Bits behind the length are cleared. */
function setKey(key: Uint32Array, words: Words, length: number): void {
  for (let i = 0; i < 4; i++) {
    const bits = Math.min(32, Math.max(0, length - 32 * i));
    key[i] = bits === 0 ? 0 : words[i]! & (0xffffffff << (32 - bits));
  }
  key[4] = length;
}
