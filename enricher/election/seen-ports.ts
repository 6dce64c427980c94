// Ports as records name them, (exporter, ifIndex), with everything that stages want to know of one in half a cache line: who
// meters it (port-table.ts) and what stands behind it (exporter-context.ts). One is made when it is first seen, so that a record's
// port is one lookup instead of three; the table is bounded.

import { findPort, hashPort, PORT } from '../../inventory/lookup/port-table.ts';
import type { AccessTable } from '../../inventory/model/access.ts';
import { type ExporterContext, OWNER_BIT } from '../../inventory/model/exporter-context.ts';

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

export interface SeenPorts {
  /** Writes the offsets (into `words`) of the port that each row came in by and of that it left by, good until the next call. */
  resolve(
    ifs: { readonly inIf: Uint32Array; readonly outIf: Uint32Array },
    from: number,
    to: number,
    exporterOf: Uint32Array,
    inPorts: Uint32Array,
    outPorts: Uint32Array,
  ): void;
  /** SEEN.words for each port. Grows as ports are seen: read it again for each block. */
  readonly words: Uint32Array;
  /** Ports that are kept. */
  readonly size: number;
}

/** Keeps at most `portsMax` ports from one call to the next. */
export function createSeenPorts(
  { access, exporterContext }: { readonly access: AccessTable; readonly exporterContext: ExporterContext },
  portsMax = SEEN_PORTS_MAX,
): SeenPorts {
  // The first ones, by exporter number, hold where a record tells no port. The registry's numbers end where sites do.
  const unnamed = exporterContext.siteOf.length;
  const port = new Uint32Array(2);
  let words = new Uint32Array((unnamed + SLOTS_MIN) * SEEN.words);
  let count = unnamed;
  /** Hash table of offsets, 0 empty. */
  let index = new Uint32Array(SLOTS_MIN);

  const describe = (at: number, exporter: number, ifIndex: number, metered: number, behind: number) => {
    words.set(access.ports.subarray(metered, metered + PORT.words), at);
    words[at + SEEN.behind] = behind;
    words[at + SEEN.exporter] = exporter;
    words[at + SEEN.ifIndex] = ifIndex;
  };
  for (let exporter = 0; exporter < unnamed; exporter++)
    describe(exporter * SEEN.words, exporter, 0, exporter * PORT.words, NOTHING_BEHIND);

  const enter = (at: number) => {
    const mask = index.length - 1;
    let slot = hashPort(words[at + SEEN.exporter]!, words[at + SEEN.ifIndex]!) & mask;
    while (index[slot] !== 0) slot = (slot + 1) & mask;
    index[slot] = at;
  };

  const add = (exporter: number, ifIndex: number): number => {
    const at = count++ * SEEN.words;
    if (at === words.length) {
      const grown = new Uint32Array(2 * words.length);
      grown.set(words);
      words = grown;
    }
    port[0] = exporter;
    port[1] = ifIndex;
    const behind = exporterContext.behindPort.find(port, 0);
    describe(at, exporter, ifIndex, findPort(access, exporter, ifIndex), behind <= 0 ? NOTHING_BEHIND : behind);
    if (2 * (count - unnamed) > index.length) {
      index = new Uint32Array(2 * index.length);
      for (let known = unnamed * SEEN.words; known < at; known += SEEN.words) enter(known);
    }
    enter(at);
    return at;
  };

  const resolveIfs = (ifs: Uint32Array, from: number, to: number, exporterOf: Uint32Array, offsets: Uint32Array) => {
    for (let row = find(index, words, ifs, from, to, exporterOf, offsets); row < to; ) {
      offsets[row] = add(exporterOf[row]!, ifs[row]!);
      row = find(index, words, ifs, row + 1, to, exporterOf, offsets);
    }
  };

  return {
    resolve({ inIf, outIf }, from, to, exporterOf, inPorts, outPorts) {
      // Emptied between calls only, so that offsets handed out stay good for all rows of one.
      if (count > unnamed && count - unnamed + 2 * (to - from) > portsMax) {
        count = unnamed;
        index = new Uint32Array(SLOTS_MIN);
      }
      resolveIfs(inIf, from, to, exporterOf, inPorts);
      resolveIfs(outIf, from, to, exporterOf, outPorts);
    },
    get words() {
      return words;
    },
    get size() {
      return count - unnamed;
    },
  };
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
