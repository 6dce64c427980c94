// The entries of endpoints, and the way from what a record reports of an end to its entry. An entry is one cache line: the
// key and everything that the stages want to know, so that an end costs one line from memory however many there are. An
// index of one word a slot, a few bits of the hash and the number of the entry, finds it without touching any other.
//
// Ends are resolved by blocks and in steps, of which two only load: words of the index, then the first word of every entry.
// No branch there depends on what is loaded, so that the processor fetches a dozen lines at once; with one end after the
// other it waited for each (bench enrich, 100,000 VMs: 170 ns an end).

import { wordsOnLines } from './cache-lines.ts';

/**
 * Words of an entry: the key, then what is known. Locations count from 1. Here they have a name that is not exported: V8 folds
 * such constants into the machine code, where it loads and checks those of modules.
 */
const WORDS = {
  /** As in the column. */
  address: 0,
  mac: 4,
  /** Segment and site, as far as they matter. */
  tag: 6,
  extra: 7,
  vm: 8,
  auto: 10,
  /** Offset of its location (locations.ts). */
  location: 12,
  set: 13,
  /** Attachment number, and the bits of FORWARDED. */
  access: 14,
  /** The code of IDENTITIES in the low byte, bits of ENTRY_FLAGS above it, from RULE_SHIFT the code of RULES of `auto`. */
  identity: 15,
  words: 16,
} as const;
export const ENTRY = WORDS;

export const KEY_WORDS = WORDS.vm;

export const ENTRY_FLAGS = {
  /** Recognised by facts of a source that has been silent for too long. */
  stale: 0x100,
  /** Its address is neither internal nor anybody's of the inventory (`isOutside`). */
  outside: 0x200,
} as const;
const RULE_SHIFT = 16;

/** Code of IDENTITIES: how the end was recognised. */
export function identityIn(word: number): number {
  return word & 0xff;
}

/** Code of RULES: the rule of the entry's automatic node. */
export function autoRuleIn(word: number): number {
  return word >>> RULE_SHIFT;
}

/** `identity` comes with its flags. */
export function identityWord(identity: number, autoRule: number): number {
  return identity | (autoRule << RULE_SHIFT);
}

/** The columns that keys are made of: words of `address` and `mac` by row, and a word of each of the others by row - `from`. */
export interface Ends {
  readonly address: Uint32Array;
  readonly mac: Uint32Array;
  readonly tags: Uint32Array;
  readonly extras: Uint32Array;
}

/**
 * The entries of both ends of a block, 32 KiB, stay in the first-level cache from stage to stage: blocks of half and of
 * twice as many rows took about a seventh longer (bench enrich).
 */
export const BLOCK_ROWS = 256;

/** Of a word of the index: the number of the entry, 0 none; above it the same bits of the hash. */
const NUMBER_BITS = 21;
const NUMBER_MASK = (1 << NUMBER_BITS) - 1;
export const ENTRIES_MAX = 1 << (NUMBER_BITS - 1);
const SLOTS_MIN = 1024;
/** No MAC has so many bits, and no station has this mark: the key of entry 0, which is none. */
const NO_MAC = 0xfffffffe;

/** A full table is emptied by its owner (endpoints.ts), between batches. */
export class EndpointTable {
  readonly #entriesMax: number;
  readonly #fill: (entries: Uint32Array, offset: number) => void;
  #slots = SLOTS_MIN;
  #index = new Uint32Array(SLOTS_MIN);
  #entries = wordsOnLines(SLOTS_MIN * WORDS.words);
  #count = 1;
  #size = 0;
  readonly #hashes = new Int32Array(BLOCK_ROWS);
  readonly #indexWords = new Uint32Array(BLOCK_ROWS);
  readonly #firstWords = new Uint32Array(BLOCK_ROWS);
  readonly #key = new Uint32Array(KEY_WORDS);

  /**
   * `fill` completes the entry at an offset, whose key is written. A table holds at most `entriesMax` of them, and those that
   * are made beyond last until it is cleared.
   */
  constructor(entriesMax: number, fill: (entries: Uint32Array, offset: number) => void) {
    if (entriesMax > ENTRIES_MAX) throw new RangeError(`${entriesMax} endpoints are more than ${ENTRIES_MAX}`);
    this.#entriesMax = entriesMax;
    this.#fill = fill;
    this.#entries[WORDS.mac + 1] = NO_MAC;
  }

  /** Writes the offset of each row's entry to `offsets`, for at most BLOCK_ROWS rows. */
  resolve(ends: Ends, from: number, to: number, offsets: Uint32Array): void {
    const firstWords = this.#firstWords;
    loadIndex(this.#index, ends, from, to, this.#hashes, this.#indexWords);
    findCandidates(this.#index, from, to, this.#hashes, this.#indexWords, offsets);
    loadEntries(this.#entries, from, to, offsets, firstWords);
    for (let row = nextMiss(this.#entries, ends, from, from, to, offsets, firstWords); row < to; ) {
      offsets[row] = this.#offsetOfRow(ends, row, from);
      row = nextMiss(this.#entries, ends, from, row + 1, to, offsets, firstWords);
    }
  }

  /** Offset of the entry with the key of KEY_WORDS words at `from`, made when there is none. */
  at(words: Uint32Array, from = 0): number {
    for (let i = 0; i < KEY_WORDS; i++) this.#key[i] = words[from + i]!;
    return this.#offsetOfKey();
  }

  /** At most `keysMax` keys, one after the other: those of the entries at these offsets, then the ones made last. */
  keys(offsets: readonly Uint32Array[], rows: number, keysMax: number): Uint32Array {
    const isTaken = new Uint8Array(this.#count);
    isTaken[0] = 1;
    const keys = new Uint32Array(Math.min(keysMax, this.#count - 1) * KEY_WORDS);
    let end = 0;
    const take = (number: number) => {
      if (isTaken[number] !== 0 || end === keys.length) return;
      isTaken[number] = 1;
      for (let i = 0; i < KEY_WORDS; i++) keys[end++] = this.#entries[number * WORDS.words + i]!;
    };
    for (const ends of offsets) for (let row = 0; row < rows; row++) take(ends[row]! / WORDS.words);
    for (let number = this.#count - 1; number > 0 && end < keys.length; number--) take(number);
    return keys;
  }

  /** Entries that are found again; others are made for one call, because the table is full. */
  get size(): number {
    return this.#size;
  }

  /** Grows while rows are resolved: read it again for each block. */
  get entries(): Uint32Array {
    return this.#entries;
  }

  clear(): void {
    this.#slots = SLOTS_MIN;
    this.#index = new Uint32Array(SLOTS_MIN);
    this.#count = 1;
    this.#size = 0;
  }

  #offsetOfRow({ address, mac, tags, extras }: Ends, row: number, from: number): number {
    const key = this.#key;
    for (let i = 0; i < 4; i++) key[WORDS.address + i] = address[4 * row + i]!;
    key[WORDS.mac] = mac[2 * row]!;
    key[WORDS.mac + 1] = mac[2 * row + 1]!;
    key[WORDS.tag] = tags[row - from]!;
    key[WORDS.extra] = extras[row - from]!;
    return this.#offsetOfKey();
  }

  /** Offset of the entry with the key in `#key`, made when there is none. */
  #offsetOfKey(): number {
    const key = this.#key;
    const index = this.#index;
    const entries = this.#entries;
    const hash = hashOf(key, 0);
    const mask = this.#slots - 1;
    for (let slot = hash & mask; index[slot] !== 0; slot = (slot + 1) & mask) {
      const word = index[slot]!;
      if (((word ^ hash) & ~NUMBER_MASK) !== 0) continue;
      const offset = (word & NUMBER_MASK) * WORDS.words;
      let i = 0;
      while (i < KEY_WORDS && entries[offset + i] === key[i]) i++;
      if (i === KEY_WORDS) return offset;
    }
    return this.#add();
  }

  #add(): number {
    const offset = this.#count * WORDS.words;
    if (offset === this.#entries.length) {
      const grown = wordsOnLines(2 * this.#entries.length);
      grown.set(this.#entries);
      this.#entries = grown;
    }
    this.#entries.set(this.#key, offset);
    const number = this.#count++;
    this.#fill(this.#entries, offset);
    if (this.#size >= this.#entriesMax) return offset;
    this.#size++;
    if (2 * this.#size > this.#slots) {
      this.#slots *= 2;
      this.#index = new Uint32Array(this.#slots);
      for (let i = 1; i < number; i++) this.#enter(i);
    }
    this.#enter(number);
    return offset;
  }

  /** Puts an entry, whose key is not in the index, into the first empty slot. */
  #enter(number: number): void {
    const mask = this.#slots - 1;
    const hash = hashOf(this.#entries, number * WORDS.words);
    let slot = hash & mask;
    while (this.#index[slot] !== 0) slot = (slot + 1) & mask;
    this.#index[slot] = ((hash & ~NUMBER_MASK) | number) >>> 0;
  }
}

const [C0, C1, C2, C3] = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f] as const;
const [C4, C5, C6, C7] = [0x165667b1, 0xd3a2646d, 0xfd7046c5, 0xb55a4f09] as const;

/**
 * Addresses in network order differ in the upper bits of a word, which products carry no further down: `mix` does. Sums
 * of products wait for nothing but the words, where a chain of them would take eight multiplications' time.
 */
function mix(sum: number): number {
  let hash = Math.imul(sum ^ (sum >>> 15), C1);
  hash = Math.imul(hash ^ (hash >>> 13), C2);
  return hash ^ (hash >>> 16);
}

/** Of the key at an offset: what `findCandidates` computes of columns. */
function hashOf(words: Uint32Array, at: number): number {
  return mix(
    (Math.imul(words[at]!, C0) +
      Math.imul(words[at + 1]!, C1) +
      Math.imul(words[at + 2]!, C2) +
      Math.imul(words[at + 3]!, C3) +
      Math.imul(words[at + 4]!, C4) +
      Math.imul(words[at + 5]!, C5) +
      Math.imul(words[at + 6]!, C6) +
      Math.imul(words[at + 7]!, C7)) |
      0,
  );
}

/** The hash of each row's key, and the word of the index where its search begins. */
function loadIndex(
  index: Uint32Array,
  { address, mac, tags, extras }: Ends,
  from: number,
  to: number,
  hashes: Int32Array,
  indexWords: Uint32Array,
): void {
  const mask = index.length - 1;
  for (let row = from; row < to; row++) {
    const hash = mix(
      (Math.imul(address[4 * row]!, C0) +
        Math.imul(address[4 * row + 1]!, C1) +
        Math.imul(address[4 * row + 2]!, C2) +
        Math.imul(address[4 * row + 3]!, C3) +
        Math.imul(mac[2 * row]!, C4) +
        Math.imul(mac[2 * row + 1]!, C5) +
        Math.imul(tags[row - from]!, C6) +
        Math.imul(extras[row - from]!, C7)) |
        0,
    );
    hashes[row - from] = hash;
    indexWords[row - from] = index[hash & mask]!;
  }
}

/** Offset of the first entry whose bits of the hash fit, by the index alone; 0 when there is none. */
function findCandidates(
  index: Uint32Array,
  from: number,
  to: number,
  hashes: Int32Array,
  indexWords: Uint32Array,
  offsets: Uint32Array,
): void {
  const mask = index.length - 1;
  for (let row = from; row < to; row++) {
    const hash = hashes[row - from]!;
    let word = indexWords[row - from]!;
    for (let slot = hash + 1; word !== 0 && ((word ^ hash) & ~NUMBER_MASK) !== 0; slot++) word = index[slot & mask]!;
    offsets[row] = (word & NUMBER_MASK) * WORDS.words;
  }
}

/** The word of each row's candidate that mostly shows whether it is the one. */
function loadEntries(
  entries: Uint32Array,
  from: number,
  to: number,
  offsets: Uint32Array,
  firstWords: Uint32Array,
): void {
  for (let row = from; row < to; row++) firstWords[row - from] = entries[offsets[row]! + WORDS.address + 3]!;
}

/** The first row from `row` on whose key is not that of its candidate; `to` when there is none. */
function nextMiss(
  entries: Uint32Array,
  { address, mac, tags, extras }: Ends,
  from: number,
  row: number,
  to: number,
  offsets: Uint32Array,
  firstWords: Uint32Array,
): number {
  for (; row < to; row++) {
    const at = offsets[row]!;
    if (
      firstWords[row - from] !== address[4 * row + 3] ||
      entries[at + WORDS.mac] !== mac[2 * row] ||
      entries[at + WORDS.mac + 1] !== mac[2 * row + 1] ||
      entries[at + WORDS.tag] !== tags[row - from] ||
      entries[at + WORDS.extra] !== extras[row - from] ||
      entries[at + WORDS.address] !== address[4 * row] ||
      entries[at + WORDS.address + 1] !== address[4 * row + 1] ||
      entries[at + WORDS.address + 2] !== address[4 * row + 2]
    )
      return row;
  }
  return to;
}
