// Longest-prefix match over IPv4 and IPv6 at once, IPv4 in its mapped /96. One hash table of masked words and length,
// probed once per distinct length: documents use few lengths, and results are cached per address by endpoints.ts.

import { maskWords, type Prefix, type Words } from '../schemas/address.ts';
import { createHashTable } from './hash-table.ts';

export interface PrefixTable {
  /** The value of the longest prefix that holds the address, -1 when none does. Of equal prefixes the first counts. */
  longest(address: Words): number;
  /** The values of every prefix that holds the address, longest first. */
  all(address: Words): number[];
}

export interface PrefixEntry {
  readonly prefix: Prefix;
  /** 0 to 2^31 - 1. */
  readonly value: number;
}

export function createPrefixTable(entries: readonly PrefixEntry[]): PrefixTable {
  const table = createHashTable(5, entries.length, entries.length);
  const valuesOf: number[][] = [];
  const key = new Uint32Array(5);
  const setKey = (words: Words, length: number) => {
    key.set(maskWords(words, length));
    key[4] = length;
  };
  for (const { prefix, value } of entries) {
    setKey(prefix.words, prefix.length);
    const known = table.find(key, 0);
    if (known >= 0) valuesOf[known]!.push(value);
    else table.insert(key, 0, valuesOf.push([value]) - 1);
  }
  const lengths = [...new Set(entries.map(entry => entry.prefix.length))].sort((a, b) => b - a);

  return {
    longest(address) {
      for (const length of lengths) {
        setKey(address, length);
        const found = table.find(key, 0);
        if (found >= 0) return valuesOf[found]![0]!;
      }
      return -1;
    },
    all(address) {
      return lengths.flatMap(length => {
        setKey(address, length);
        const found = table.find(key, 0);
        return found < 0 ? [] : valuesOf[found]!;
      });
    },
  };
}
