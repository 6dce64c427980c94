// The flows whose exporters report running totals, and what each had reported last. A hash table in typed arrays, of which
// entries are taken out again: a bucket has the first of its entries, each entry has the next. Keys are fingerprints, of
// which the first word is the hash. A flow costs ENTRY_WORDS and two buckets, 88 bytes, and no object.
//
// Bound: `flowsMax` flows. At the bound the flow that ended longest ago gives its entry to the next one; where none has
// ended, it is the one that was reported longest ago, and `evicted` remembers for its domain until when what began may have
// been counted. A flow that has ended is reused after ENDED_KEPT_S whether the table is full or not.

/** Flows that a receive worker follows; 92 MB when it is full. */
export const TOTAL_FLOWS_MAX = 1_048_576;

/** A flow that has ended is kept so long, for repeated and reordered reports of its end. */
export const ENDED_KEPT_S = 60;

/** Domains that had flows evicted and are remembered one by one; beyond that all of them are as the worst. */
export const EVICTED_DOMAINS_MAX = 16_384;

export const KEY_WORDS = 4;
const ENTRY_WORDS = 20;
const FLOWS_MIN = 1024;

/** Words of an entry; start and end are doubles, and so at even words. */
export const TOTALS = {
  key: 0,
  bytes: 4,
  packets: 6,
  l2Bytes: 8,
  start: 10,
  end: 12,
  /** Time of the export that had the last report, seconds, of the exporter's clock. */
  exportS: 14,
  /** Receipt of it, seconds. */
  receivedS: 15,
  domain: 16,
} as const;
const OLDER = 17;
const NEWER = 18;
const CHAIN = 19;

/** No entry; also the end of a chain. */
export const NONE = 0xffffffff;

/** Which list an entry is in: the top bit of its domain. */
const ENDED_BIT = 0x80000000;
const RUNNING = 0;
const ENDED = 1;

export class TotalsTable {
  /** The entries; another array after take(). */
  words = new Uint32Array(0);
  /** The same as doubles. */
  doubles = new Float64Array(0);
  readonly #flowsMax: number;
  #buckets = new Uint32Array(0);
  /** Entries handed out so far. */
  #used = 0;
  /** By list: the entry reported last, and the one reported longest ago. */
  readonly #newest = new Uint32Array([NONE, NONE]);
  readonly #oldest = new Uint32Array([NONE, NONE]);
  #domains = 0;
  /** By domain: the latest beginning among its flows that were evicted while they ran. */
  readonly #evictedUntil = new Map<number, number>();
  #allEvictedUntil = Number.NEGATIVE_INFINITY;
  /** Flows evicted while they ran. */
  evicted = 0;

  constructor(flowsMax = TOTAL_FLOWS_MAX) {
    this.#flowsMax = flowsMax;
  }

  /** Flows followed. */
  get size(): number {
    return this.#used;
  }

  /** A number for a domain, under which its flows are kept. */
  newDomain(): number {
    this.#domains = (this.#domains + 1) & ~ENDED_BIT;
    return this.#domains;
  }

  /** Offset of the entry with this key, NONE when there is none. */
  find(key: Uint32Array): number {
    if (this.#used === 0) return NONE;
    const { words } = this;
    let at = this.#buckets[this.#bucketOf(key[0]!)]!;
    while (at !== NONE && !isKey(words, at, key)) at = words[at + CHAIN]!;
    return at;
  }

  /** A fresh entry for a key that has none; all but its key is zero. */
  add(key: Uint32Array, domain: number, receivedS: number): number {
    const at = this.#room(receivedS);
    const { words } = this;
    words.fill(0, at, at + ENTRY_WORDS);
    words.set(key, at + TOTALS.key);
    words[at + TOTALS.domain] = domain;
    words[at + TOTALS.receivedS] = receivedS;
    const bucket = this.#bucketOf(key[0]!);
    words[at + CHAIN] = this.#buckets[bucket]!;
    this.#buckets[bucket] = at;
    this.#link(at, RUNNING);
    return at;
  }

  /** The flow was reported just now, for the last time when `isEnded`. */
  touch(at: number, receivedS: number, isEnded: boolean): void {
    this.words[at + TOTALS.receivedS] = receivedS;
    this.#unlink(at);
    this.#link(at, isEnded ? ENDED : RUNNING);
  }

  /** What began until then, by the exporter's clock, may be a flow of this domain that was evicted. */
  evictedUntil(domain: number): number {
    if (this.evicted === 0) return Number.NEGATIVE_INFINITY;
    return Math.max(this.#allEvictedUntil, this.#evictedUntil.get(domain) ?? Number.NEGATIVE_INFINITY);
  }

  /** Offset of an entry that is in no list and no chain. */
  #room(receivedS: number): number {
    const ended = this.#oldest[ENDED]!;
    if (ended !== NONE && receivedS - this.words[ended + TOTALS.receivedS]! > ENDED_KEPT_S) return this.#reuse(ended);
    if (this.#used < this.#flowsMax) {
      if (this.#used * ENTRY_WORDS === this.words.length) this.#grow();
      return this.#used++ * ENTRY_WORDS;
    }
    if (ended !== NONE) return this.#reuse(ended);
    const oldest = this.#oldest[RUNNING]!;
    this.#evict(oldest);
    return this.#reuse(oldest);
  }

  #reuse(at: number): number {
    this.#unlink(at);
    const { words } = this;
    const bucket = this.#bucketOf(words[at + TOTALS.key]!);
    const next = words[at + CHAIN]!;
    let before = this.#buckets[bucket]!;
    if (before === at) this.#buckets[bucket] = next;
    else {
      while (words[before + CHAIN] !== at) before = words[before + CHAIN]!;
      words[before + CHAIN] = next;
    }
    return at;
  }

  /** A beginning that lies after the report itself is none. */
  #evict(at: number): void {
    this.evicted++;
    const domain = this.words[at + TOTALS.domain]! & ~ENDED_BIT;
    const start = Math.min(this.doubles[(at + TOTALS.start) / 2]!, (this.words[at + TOTALS.exportS]! + 1) * 1000);
    this.#evictedUntil.set(domain, Math.max(start, this.evictedUntil(domain)));
    if (this.#evictedUntil.size <= EVICTED_DOMAINS_MAX) return;
    for (const until of this.#evictedUntil.values()) this.#allEvictedUntil = Math.max(this.#allEvictedUntil, until);
    this.#evictedUntil.clear();
  }

  #grow(): void {
    const flows = Math.min(this.#flowsMax, Math.max(FLOWS_MIN, 2 * this.#used));
    const words = new Uint32Array(flows * ENTRY_WORDS);
    words.set(this.words);
    this.words = words;
    this.doubles = new Float64Array(words.buffer);
    let buckets = FLOWS_MIN;
    while (buckets < 2 * flows) buckets *= 2;
    this.#buckets = new Uint32Array(buckets).fill(NONE);
    for (let at = 0; at < this.#used * ENTRY_WORDS; at += ENTRY_WORDS) {
      const bucket = this.#bucketOf(words[at + TOTALS.key]!);
      words[at + CHAIN] = this.#buckets[bucket]!;
      this.#buckets[bucket] = at;
    }
  }

  #bucketOf(word: number): number {
    return word & (this.#buckets.length - 1);
  }

  #link(at: number, list: number): void {
    const { words } = this;
    const newest = this.#newest[list]!;
    words[at + NEWER] = NONE;
    words[at + OLDER] = newest;
    if (newest === NONE) this.#oldest[list] = at;
    else words[newest + NEWER] = at;
    this.#newest[list] = at;
    const domain = words[at + TOTALS.domain]! & ~ENDED_BIT;
    words[at + TOTALS.domain] = list === ENDED ? domain | ENDED_BIT : domain;
  }

  #unlink(at: number): void {
    const { words } = this;
    const list = (words[at + TOTALS.domain]! & ENDED_BIT) === 0 ? RUNNING : ENDED;
    const newer = words[at + NEWER]!;
    const older = words[at + OLDER]!;
    if (newer === NONE) this.#newest[list] = older;
    else words[newer + OLDER] = older;
    if (older === NONE) this.#oldest[list] = newer;
    else words[older + NEWER] = newer;
  }
}

function isKey(words: Uint32Array, at: number, key: Uint32Array): boolean {
  return words[at] === key[0] && words[at + 1] === key[1] && words[at + 2] === key[2] && words[at + 3] === key[3];
}
