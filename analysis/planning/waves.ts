// Which applications move together, and in which order: waves of bounded size, so that little traffic crosses between what has
// moved and what has not. A pair of applications crosses at each boundary between their waves, so the cost of a plan is the sum
// over all pairs of their traffic times the waves that lie between them. Pure; equal input gives an equal plan.
//
// Finding the best plan is NP-hard. Groups that talk are merged (grouping/agglomeration.ts) and packed into waves; the best
// order of these waves is found among all orders; then single applications move, and two change places, while that saves
// anything. waves.test.ts compares it with the best of all plans of small graphs.

import { agglomerate, degreesOf, type Graph, groupsAfter } from '../grouping/agglomeration.ts';

/** All orders of so many waves are 65,536 sets of those that have moved. */
export const WAVES_MAX = 16;
/** Where no size is stated, a wave may be so much larger than the mean. */
const SLACK = 1.25;
const ROUNDS_MAX = 8;
const PASSES_MAX = 20;
/** What only rounding saves is no gain. */
const ROUNDING = 1e-9;

export interface WaveLimits {
  /** Waves at most. */
  readonly waves: number;
  /** Size of a wave at most; undefined: SLACK times the mean, or what the largest application takes. */
  readonly sizeMax?: number;
}

export interface WavePlan {
  /** By application, from 0. */
  readonly waveOf: Uint8Array;
  readonly waves: number;
  /** Sum over the boundaries of what crosses them. */
  readonly cost: number;
}

/** Undefined where the applications do not fit into so many waves of this size. */
export function planWaves(
  graph: Graph,
  sizes: ArrayLike<number>,
  { waves, sizeMax }: WaveLimits,
): WavePlan | undefined {
  const limit = sizeMax ?? sizeLimit(sizes, waves);
  const ones = new Float64Array(graph.nodes).fill(1);
  const degrees = degreesOf(graph).map(degree => Math.max(degree, Number.MIN_VALUE));
  const bySize = Float64Array.from(sizes, size => Math.max(1, size));
  const plans = [ones, bySize, degrees].flatMap(scales => {
    const packed = pack(graph, sizes, { waves, sizeMax: limit }, scales);
    return packed ? [improve(graph, sizes, packed, limit)] : [];
  });
  const [best] = plans.sort((a, b) => a.cost - b.cost);
  return best && { ...best, waveOf: smallestFirst(best, sizes) };
}

export function costOf({ nodes, weights }: Graph, waveOf: ArrayLike<number>): number {
  let cost = 0;
  for (let a = 0; a < nodes; a++)
    for (let b = a + 1; b < nodes; b++) cost += weights[a * nodes + b]! * Math.abs(waveOf[a]! - waveOf[b]!);
  return cost;
}

function sizeLimit(sizes: ArrayLike<number>, waves: number): number {
  const all = Array.from(sizes);
  const total = all.reduce((sum, size) => sum + size, 0);
  return Math.max(Math.ceil((SLACK * total) / waves), ...all);
}

/** Groups in waves, the largest first: each in the wave with room that it talks to most, or in a new one. */
function pack(
  graph: Graph,
  sizes: ArrayLike<number>,
  { waves, sizeMax }: Required<WaveLimits>,
  scales: Float64Array,
): Uint8Array | undefined {
  const { nodes } = graph;
  const merges = agglomerate(graph, { scales, sizes, sizeMax });
  // With so many merges left out there are as many groups as waves.
  const wanted = merges.slice(0, Math.max(0, nodes - waves));
  const groupOf = groupsAfter(nodes, wanted);
  const groups = [
    ...Map.groupBy(
      Array.from({ length: nodes }, (_, node) => node),
      node => groupOf[node]!,
    ).values(),
  ];
  const sizeOf = (group: readonly number[]) => group.reduce((sum, node) => sum + sizes[node]!, 0);
  groups.sort((a, b) => sizeOf(b) - sizeOf(a) || a[0]! - b[0]!);
  const packing = new Packing(graph, sizes, { waves, sizeMax });
  // A group that fits nowhere whole is taken apart.
  for (const group of groups)
    if (!packing.add(group))
      for (const node of group.toSorted((a, b) => sizes[b]! - sizes[a]! || a - b)) packing.add([node]);
  return packing.isWhole ? packing.waveOf : undefined;
}

class Packing {
  readonly #graph: Graph;
  readonly #sizes: ArrayLike<number>;
  readonly #limits: Required<WaveLimits>;
  readonly #filled: number[] = [];
  readonly waveOf: Uint8Array;
  #added = 0;

  constructor(graph: Graph, sizes: ArrayLike<number>, limits: Required<WaveLimits>) {
    this.#graph = graph;
    this.#sizes = sizes;
    this.#limits = limits;
    this.waveOf = new Uint8Array(graph.nodes).fill(NO_WAVE);
  }

  get isWhole(): boolean {
    return this.#added === this.#graph.nodes;
  }

  add(group: readonly number[]): boolean {
    const size = group.reduce((sum, node) => sum + this.#sizes[node]!, 0);
    const { waves, sizeMax } = this.#limits;
    const talks = this.#traffic(group);
    let best = -1;
    this.#filled.forEach((filled, wave) => {
      if (filled + size <= sizeMax && (best < 0 || talks[wave]! > talks[best]!)) best = wave;
    });
    const isOpen = this.#filled.length < waves && size <= sizeMax;
    if (best < 0 && !isOpen) return false;
    // As many waves as wanted: what is beside an empty one waits for none.
    if (isOpen) best = this.#filled.push(0) - 1;
    this.#filled[best]! += size;
    for (const node of group) this.waveOf[node] = best;
    this.#added += group.length;
    return true;
  }

  #traffic(group: readonly number[]): number[] {
    const { nodes, weights } = this.#graph;
    const talks = this.#filled.map(() => 0);
    for (const node of group)
      for (let other = 0; other < nodes; other++) {
        const wave = this.waveOf[other]!;
        if (wave !== NO_WAVE) talks[wave]! += weights[node * nodes + other]!;
      }
    return talks;
  }
}
const NO_WAVE = 255;

/** The best order of the waves and better places of single applications, in turn, until neither saves anything. */
function improve(graph: Graph, sizes: ArrayLike<number>, packed: Uint8Array, sizeMax: number): WavePlan {
  const waves = 1 + packed.reduce((most, wave) => Math.max(most, wave), 0);
  let waveOf = packed;
  let cost = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const ordered = inBestOrder(graph, waveOf, waves);
    new Places(graph, sizes, ordered, { waves, sizeMax }).improve();
    const now = costOf(graph, ordered);
    if (now >= cost * (1 - ROUNDING)) break;
    [waveOf, cost] = [ordered, now];
  }
  return { waveOf, waves, cost };
}

/** Of all orders of the waves one with the least cost; over the sets of those that have moved (Held and Karp). */
function inBestOrder({ nodes, weights }: Graph, waveOf: Uint8Array, waves: number): Uint8Array {
  const between = new Float64Array(waves * waves);
  for (let a = 0; a < nodes; a++)
    for (let b = 0; b < nodes; b++)
      if (waveOf[a] !== waveOf[b]) between[waveOf[a]! * waves + waveOf[b]!]! += weights[a * nodes + b]!;
  const sets = 1 << waves;
  const cut = new Float64Array(sets);
  const cost = new Float64Array(sets);
  const last = new Uint8Array(sets);
  for (let set = 1; set < sets; set++) {
    const lowest = 31 - Math.clz32(set & -set);
    let crossing = 0;
    for (let other = 0; other < waves; other++)
      if (other !== lowest) crossing += (set & (1 << other) ? -1 : 1) * between[lowest * waves + other]!;
    cut[set] = cut[set ^ (1 << lowest)]! + crossing;
    let best = Number.POSITIVE_INFINITY;
    for (let wave = 0; wave < waves; wave++) {
      const before = set ^ (1 << wave);
      if (!(set & (1 << wave)) || cost[before]! >= best) continue;
      best = cost[before]!;
      last[set] = wave;
    }
    cost[set] = best + cut[set]!;
  }
  const placeOf = new Uint8Array(waves);
  for (let set = sets - 1, place = waves - 1; place >= 0; place--) {
    placeOf[last[set]!] = place;
    set ^= 1 << last[set]!;
  }
  return waveOf.map(wave => placeOf[wave]!);
}

/** Places of applications, which move alone or change with another one while that saves anything. */
class Places {
  readonly #graph: Graph;
  readonly #sizes: ArrayLike<number>;
  readonly #waveOf: Uint8Array;
  readonly #limits: Required<WaveLimits>;
  readonly #filled: Float64Array;
  readonly #members: Uint16Array;
  /** What a node would cost in each wave, all others where they are: node by node, wave by wave. */
  readonly #costs: Float64Array;

  constructor(graph: Graph, sizes: ArrayLike<number>, waveOf: Uint8Array, limits: Required<WaveLimits>) {
    this.#graph = graph;
    this.#sizes = sizes;
    this.#waveOf = waveOf;
    this.#limits = limits;
    this.#filled = new Float64Array(limits.waves);
    this.#members = new Uint16Array(limits.waves);
    this.#costs = new Float64Array(graph.nodes * limits.waves);
    for (let node = 0; node < graph.nodes; node++) {
      this.#filled[waveOf[node]!]! += sizes[node]!;
      this.#members[waveOf[node]!]!++;
      for (let other = 0; other < graph.nodes; other++)
        if (other !== node) this.#addCost(node, graph.weights[node * graph.nodes + other]!, waveOf[other]!, 1);
    }
  }

  improve(): void {
    for (let pass = 0; pass < PASSES_MAX; pass++) {
      let saved = 0;
      for (let node = 0; node < this.#graph.nodes; node++) saved += this.#moveAlone(node) + this.#exchange(node);
      if (saved === 0) return;
    }
  }

  #moveAlone(node: number): number {
    const from = this.#waveOf[node]!;
    if (this.#members[from] === 1) return 0;
    let [best, to] = [0, from];
    for (let wave = 0; wave < this.#limits.waves; wave++) {
      if (wave === from || this.#filled[wave]! + this.#sizes[node]! > this.#limits.sizeMax) continue;
      const gain = this.#gain(node, wave);
      if (gain > best) [best, to] = [gain, wave];
    }
    if (to === from) return 0;
    this.#place(node, to);
    return best;
  }

  #exchange(node: number): number {
    const { nodes, weights } = this.#graph;
    const from = this.#waveOf[node]!;
    let [best, partner] = [0, -1];
    for (let other = 0; other < nodes; other++) {
      const to = this.#waveOf[other]!;
      if (to === from || !this.#fit(node, other)) continue;
      // Each of the two gains as if the other one stayed; the traffic between them stays as far apart.
      const between = 2 * weights[node * nodes + other]! * Math.abs(from - to);
      const gain = this.#gain(node, to) + this.#gain(other, from) - between;
      if (gain > best && gain > this.#least(node, other)) [best, partner] = [gain, other];
    }
    if (partner < 0) return 0;
    const to = this.#waveOf[partner]!;
    this.#place(node, to);
    this.#place(partner, from);
    return best;
  }

  #fit(node: number, other: number): boolean {
    const more = this.#sizes[node]! - this.#sizes[other]!;
    const { sizeMax } = this.#limits;
    return (
      this.#filled[this.#waveOf[other]!]! + more <= sizeMax && this.#filled[this.#waveOf[node]!]! - more <= sizeMax
    );
  }

  #gain(node: number, wave: number): number {
    const at = node * this.#limits.waves;
    const gain = this.#costs[at + this.#waveOf[node]!]! - this.#costs[at + wave]!;
    return gain > this.#least(node, node) ? gain : Math.min(gain, 0);
  }

  #least(node: number, other: number): number {
    const { waves } = this.#limits;
    return (
      ROUNDING * (this.#costs[node * waves + this.#waveOf[node]!]! + this.#costs[other * waves + this.#waveOf[other]!]!)
    );
  }

  #place(node: number, to: number): void {
    const { nodes, weights } = this.#graph;
    const from = this.#waveOf[node]!;
    this.#filled[from]! -= this.#sizes[node]!;
    this.#filled[to]! += this.#sizes[node]!;
    this.#members[from]!--;
    this.#members[to]!++;
    this.#waveOf[node] = to;
    for (let other = 0; other < nodes; other++) {
      const weight = weights[node * nodes + other]!;
      if (other === node || weight === 0) continue;
      this.#addCost(other, weight, from, -1);
      this.#addCost(other, weight, to, 1);
    }
  }

  #addCost(node: number, weight: number, wave: number, sign: 1 | -1): void {
    if (weight === 0) return;
    const { waves } = this.#limits;
    for (let at = 0; at < waves; at++) this.#costs[node * waves + at]! += sign * weight * Math.abs(at - wave);
  }
}

/** An order and its reverse cost the same: the smaller of the first and the last wave goes first, where mistakes cost least. */
function smallestFirst({ waveOf, waves }: WavePlan, sizes: ArrayLike<number>): Uint8Array {
  const sizeOf = (wave: number) => waveOf.reduce((sum, own, node) => sum + (own === wave ? sizes[node]! : 0), 0);
  const [first, last] = [sizeOf(0), sizeOf(waves - 1)];
  const isReversed = last < first || (last === first && waveOf.indexOf(waves - 1) < waveOf.indexOf(0));
  return isReversed ? waveOf.map(wave => waves - 1 - wave) : waveOf;
}
