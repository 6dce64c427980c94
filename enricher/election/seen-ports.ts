// Ports as records name them, (exporter, ifIndex), with everything that stages want to know of one in half a cache line: who
// meters it (port-table.ts) and what stands behind it (exporter-context.ts). One is made when it is first seen, so that a record's
// port is one lookup instead of three; the table is bounded.

import { findPort, hashPort, PORT } from '../../inventory/lookup/port-table.ts';
import type { AccessTable } from '../../inventory/model/access.ts';
import { type ExporterContext, OWNER_BIT } from '../../inventory/model/exporter-context.ts';
import type { RowOffsets } from '../entries/row-offsets.ts';

/** Words of a seen port: those of PORT first. */
const WORDS = {
  ...PORT,
  /** Position of a host, or OWNER_BIT | owner; NOTHING_BEHIND unknown. */
  behind: 4,
  exporter: 5,
  ifIndex: 6,
  words: 8,
} as const;
export const SEEN = WORDS;

/** No host has this position. */
export const NOTHING_BEHIND = OWNER_BIT - 1;

export const SEEN_PORTS_MAX = 65_536;
const SLOTS_MIN = 1024;

interface Interfaces {
  readonly inIf: Uint32Array;
  readonly outIf: Uint32Array;
}

/** Keeps at most `portsMax` ports from one call to the next. */
export class SeenPorts {
  readonly #access: AccessTable;
  readonly #exporterContext: ExporterContext;
  readonly #portsMax: number;
  /** The first ones, by exporter number, hold where a record names no port. The registry's numbers end where sites do. */
  readonly #unnamed: number;
  readonly #port = new Uint32Array(2);
  #words: Uint32Array;
  #count: number;
  /** Hash table of offsets, 0 empty. */
  #index = new Uint32Array(SLOTS_MIN);

  constructor(
    { access, exporterContext }: { readonly access: AccessTable; readonly exporterContext: ExporterContext },
    portsMax = SEEN_PORTS_MAX,
  ) {
    this.#access = access;
    this.#exporterContext = exporterContext;
    this.#portsMax = portsMax;
    this.#unnamed = exporterContext.siteOf.length;
    this.#count = this.#unnamed;
    this.#words = new Uint32Array((this.#unnamed + SLOTS_MIN) * SEEN.words);
    for (let exporter = 0; exporter < this.#unnamed; exporter++)
      this.#describe(exporter * SEEN.words, exporter, 0, exporter * PORT.words, NOTHING_BEHIND);
  }

  /** Fills `inPorts` and `outPorts` of rows `from` to `to`: offsets into `words`, good until the next call. */
  resolve({ inIf, outIf }: Interfaces, from: number, to: number, offsets: RowOffsets): void {
    // Emptied between calls only, so that offsets handed out stay good for all rows of one.
    if (this.#count > this.#unnamed && this.size + 2 * (to - from) > this.#portsMax) {
      this.#count = this.#unnamed;
      this.#index = new Uint32Array(SLOTS_MIN);
    }
    this.#resolveIfs(inIf, from, to, offsets.exporters, offsets.inPorts);
    this.#resolveIfs(outIf, from, to, offsets.exporters, offsets.outPorts);
  }

  /** SEEN.words for each port. Grows as ports are seen: read it again for each block. */
  get words(): Uint32Array {
    return this.#words;
  }

  /** Ports that are kept. */
  get size(): number {
    return this.#count - this.#unnamed;
  }

  #resolveIfs(ifs: Uint32Array, from: number, to: number, exporters: Uint32Array, offsets: Uint32Array): void {
    for (let row = find(this.#index, this.#words, ifs, from, to, exporters, offsets); row < to; ) {
      offsets[row] = this.#add(exporters[row]!, ifs[row]!);
      row = find(this.#index, this.#words, ifs, row + 1, to, exporters, offsets);
    }
  }

  #add(exporter: number, ifIndex: number): number {
    const at = this.#count++ * SEEN.words;
    if (at === this.#words.length) {
      const grown = new Uint32Array(2 * this.#words.length);
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#port[0] = exporter;
    this.#port[1] = ifIndex;
    const behind = this.#exporterContext.behindPort.find(this.#port, 0);
    const metered = findPort(this.#access, exporter, ifIndex);
    this.#describe(at, exporter, ifIndex, metered, behind <= 0 ? NOTHING_BEHIND : behind);
    if (2 * this.size > this.#index.length) {
      this.#index = new Uint32Array(2 * this.#index.length);
      for (let known = this.#unnamed * SEEN.words; known < at; known += SEEN.words) this.#enter(known);
    }
    this.#enter(at);
    return at;
  }

  #describe(at: number, exporter: number, ifIndex: number, metered: number, behind: number): void {
    this.#words.set(this.#access.ports.subarray(metered, metered + PORT.words), at);
    this.#words[at + SEEN.behind] = behind;
    this.#words[at + SEEN.exporter] = exporter;
    this.#words[at + SEEN.ifIndex] = ifIndex;
  }

  #enter(at: number): void {
    const mask = this.#index.length - 1;
    let slot = hashPort(this.#words[at + SEEN.exporter]!, this.#words[at + SEEN.ifIndex]!) & mask;
    while (this.#index[slot] !== 0) slot = (slot + 1) & mask;
    this.#index[slot] = at;
  }
}

/** Writes offsets up to the first row whose port was not seen yet, and returns that row; `to` when there is none. */
function find(
  index: Uint32Array,
  words: Uint32Array,
  ifs: Uint32Array,
  row: number,
  to: number,
  exporterOf: Uint32Array,
  offsets: Uint32Array,
): number {
  const mask = index.length - 1;
  for (; row < to; row++) {
    const exporter = exporterOf[row]!;
    const ifIndex = ifs[row]!;
    let at = exporter * WORDS.words;
    if (exporter !== 0 && ifIndex !== 0) {
      let slot = hashPort(exporter, ifIndex) & mask;
      at = index[slot]!;
      while (at !== 0 && (words[at + WORDS.ifIndex] !== ifIndex || words[at + WORDS.exporter] !== exporter)) {
        slot = (slot + 1) & mask;
        at = index[slot]!;
      }
      if (at === 0) return row;
    }
    offsets[row] = at;
  }
  return to;
}
