// Loads of links from the traffic of pairs: each pair's bytes on every link of its path, in the share that the link carries.
// Bytes of pairs without a known path are not lost: they are counted by the reason.

import type { Load, PairRow, PairSum, Placed, Unplaced, UnplacedReason } from '../../schemas/planning.ts';
import { PAIR_SUMS, UNPLACED_REASONS } from '../../schemas/planning.ts';
import type { Route } from './ends.ts';
import type { NetworkLink } from './network.ts';

/** Sums of a row as numbers; an unknown variance is infinite. */
export type Sums = Record<PairSum, number>;

export function sumsOf(row: PairRow): Sums {
  const of = (value: string | number | null) => (value === null ? Number.POSITIVE_INFINITY : Number(value));
  return {
    bytes: of(row.bytes),
    packets: of(row.packets),
    varBytes: of(row.varBytes),
    samples: of(row.samples),
    records: of(row.records),
    largestBytes: of(row.largestBytes),
    largestPackets: of(row.largestPackets),
    lessBytes: of(row.lessBytes),
    moreBytes: of(row.moreBytes),
    morePackets: of(row.morePackets),
    moreVariance: of(row.moreVariance),
    moreSamples: of(row.moreSamples),
    partlyBytes: of(row.partlyBytes),
    missedBytes: of(row.missedBytes),
    missedPackets: of(row.missedPackets),
    missedVariance: of(row.missedVariance),
  };
}

export function noSums(): Sums {
  return {
    ...{ bytes: 0, packets: 0, varBytes: 0, samples: 0, records: 0, largestBytes: 0, largestPackets: 0 },
    ...{ lessBytes: 0, moreBytes: 0, morePackets: 0, moreVariance: 0, moreSamples: 0, partlyBytes: 0 },
    ...{ missedBytes: 0, missedPackets: 0, missedVariance: 0 },
  };
}

/** A share of packets counts on the link that carries it; their error goes with its square. */
export function addSums(to: Sums, sums: Sums, share: number): void {
  to.bytes += sums.bytes * share;
  to.packets += sums.packets * share;
  to.varBytes += sums.varBytes * share * share;
  to.samples += sums.samples * share;
  to.records += sums.records * share;
  to.largestBytes = Math.max(to.largestBytes, sums.largestBytes);
  to.largestPackets = Math.max(to.largestPackets, sums.largestPackets);
  to.lessBytes += sums.lessBytes * share;
  to.moreBytes += sums.moreBytes * share;
  to.morePackets += sums.morePackets * share;
  to.moreVariance += sums.moreVariance * share * share;
  to.moreSamples += sums.moreSamples * share;
  to.partlyBytes += sums.partlyBytes * share;
  to.missedBytes += sums.missedBytes * share;
  to.missedPackets += sums.missedPackets * share;
  to.missedVariance += sums.missedVariance * share * share;
}

/** Infinity cannot be sent as JSON. */
export function loadOf(sums: Sums): Load {
  return Object.fromEntries(PAIR_SUMS.map(name => [name, Number.isFinite(sums[name]) ? sums[name] : null])) as Load;
}

/** One direction of a link over the window; links of several slices with one name are one. */
export interface DirectedLoad {
  readonly name: string;
  /** As in the newest slice that has it. */
  link: NetworkLink;
  readonly direction: 0 | 1;
  readonly sums: Sums;
  /** Bytes by applications, `srcApp dstApp`. */
  readonly cells: Map<string, number>;
  /** Pairs that take it, by their name, with the share of their packets. */
  readonly pairs: Map<string, number>;
  slices: number;
}

export class Loads {
  readonly links = new Map<string, DirectedLoad>();
  #bytes = 0;
  #inside = 0;
  #onLinks = 0;
  readonly #unplaced = new Map<UnplacedReason, { bytes: number; pairs: Set<string> }>();

  /** Every link of a slice, loaded or not; its loads by directed link. */
  addLinks(links: readonly NetworkLink[]): DirectedLoad[] {
    return links.flatMap(link => [this.#addDirection(link, 0), this.#addDirection(link, 1)]);
  }

  #addDirection(link: NetworkLink, direction: 0 | 1): DirectedLoad {
    const name = `${link.name} ${direction}`;
    const known = this.links.get(name);
    if (known) {
      known.link = link;
      known.slices++;
      return known;
    }
    const load = { name, link, direction, sums: noSums(), cells: new Map(), pairs: new Map(), slices: 1 };
    this.links.set(name, load);
    return load;
  }

  /** `loads`: those of the slice that the row is of. */
  add(row: PairRow, route: Route, loads: readonly DirectedLoad[]): void {
    const sums = sumsOf(row);
    this.#bytes += sums.bytes;
    if (typeof route === 'string') this.addUnplaced(route, sums.bytes, row.pair);
    else if (route.links.length === 0) this.#inside += sums.bytes;
    else {
      this.#onLinks += sums.bytes;
      const cell = `${row.srcApp} ${row.dstApp}`;
      route.links.forEach((number, i) => {
        const share = route.shares[i]!;
        const load = loads[number]!;
        addSums(load.sums, sums, share);
        load.cells.set(cell, (load.cells.get(cell) ?? 0) + sums.bytes * share);
        load.pairs.set(row.pair, share);
      });
    }
  }

  addUnplaced(reason: UnplacedReason, bytes: number, pair: string): void {
    const known = this.#unplaced.get(reason) ?? { bytes: 0, pairs: new Set<string>() };
    known.bytes += bytes;
    known.pairs.add(pair);
    this.#unplaced.set(reason, known);
  }

  /** What of `all` the rows did not hold is beyond the limit. */
  finish(all: {
    readonly bytes: number;
    readonly pairs: number;
    readonly rows: number;
  }): Pick<Placed, 'bytes' | 'onLinks' | 'inside' | 'unplaced'> {
    const missing = Math.max(0, all.pairs - all.rows);
    const unplaced = UNPLACED_REASONS.flatMap((reason): Unplaced[] => {
      if (reason === 'beyond-limit')
        return missing > 0 ? [{ reason, bytes: Math.max(0, all.bytes - this.#bytes), pairs: missing }] : [];
      const found = this.#unplaced.get(reason);
      return found ? [{ reason, bytes: found.bytes, pairs: found.pairs.size }] : [];
    });
    return { bytes: all.bytes, onLinks: this.#onLinks, inside: this.#inside, unplaced };
  }
}
