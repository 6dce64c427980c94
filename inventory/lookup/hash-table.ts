// Open addressing over typed arrays: a key of a fixed number of 32-bit words to a number. Keys are read straight from a
// column (`find(srcMac, 2 * row)`), so a lookup touches no object. Tables double while they are no more than half full,
// up to `entriesMax`; what happens then is the caller's decision. A finished table is its `words` alone, so that it can be
// built in one thread and read in another.

export interface Finder {
  /** The value stored for the key at `words[offset...]`, -1 when there is none. */
  find(words: Uint32Array, offset: number): number;
}

export interface HashTable extends Finder {
  /** Stores or replaces; false when the table holds `entriesMax` other keys already. Values are 0 to 2^31 - 1. */
  insert(words: Uint32Array, offset: number, value: number): boolean;
  readonly size: number;
  /** The slots: each is the key, then the value plus one; zero there marks an empty slot. */
  readonly words: Uint32Array;
  clear(): void;
}

const SLOTS_MIN = 16;

export function createHashTable(keyWords: number, entriesMax: number, entriesExpected = 0): HashTable {
  const stride = keyWords + 1;
  let slots = SLOTS_MIN;
  while (slots < 2 * entriesExpected) slots *= 2;
  let table = new Uint32Array(slots * stride);
  let size = 0;

  const grow = () => {
    const old = table;
    slots *= 2;
    table = new Uint32Array(slots * stride);
    for (let from = 0; from < old.length; from += stride) {
      if (old[from + keyWords] === 0) continue;
      table.set(old.subarray(from, from + stride), locate(table, slots, keyWords, old, from));
    }
  };

  return {
    find: (words, offset) => table[locate(table, slots, keyWords, words, offset) + keyWords]! - 1,
    insert(words, offset, value) {
      let at = locate(table, slots, keyWords, words, offset);
      if (table[at + keyWords] === 0) {
        if (size >= entriesMax) return false;
        if (2 * (size + 1) > slots) {
          grow();
          at = locate(table, slots, keyWords, words, offset);
        }
        for (let i = 0; i < keyWords; i++) table[at + i] = words[offset + i]!;
        size++;
      }
      table[at + keyWords] = value + 1;
      return true;
    },
    get size() {
      return size;
    },
    get words() {
      return table;
    },
    clear() {
      slots = SLOTS_MIN;
      table = new Uint32Array(slots * stride);
      size = 0;
    },
  };
}

/** A finished table, to be read only. */
export function openHashTable(keyWords: number, table: Uint32Array): Finder {
  const slots = table.length / (keyWords + 1);
  return { find: (words, offset) => table[locate(table, slots, keyWords, words, offset) + keyWords]! - 1 };
}

/** The position of the key's slot, or of the empty slot where it belongs. */
function locate(table: Uint32Array, slots: number, keyWords: number, words: Uint32Array, offset: number): number {
  let hash = 0;
  for (let i = 0; i < keyWords; i++) {
    // Addresses in network order differ in the upper bits of a word: each product is folded down before the next.
    hash = Math.imul(hash ^ words[offset + i]!, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  const stride = keyWords + 1;
  const mask = slots - 1;
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const at = slot * stride;
    if (table[at + keyWords] === 0) return at;
    let i = 0;
    while (i < keyWords && table[at + i] === words[offset + i]) i++;
    if (i === keyWords) return at;
  }
}
