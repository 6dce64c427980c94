// Groups of nodes that talk to each other, found by merging: the two groups with the highest affinity become one, again and
// again. The affinity of two groups is the traffic between them by the geometric mean of their scales, so that a node that
// talks to everybody does not draw all others to itself, and a small block is found beside a large one. Two groups that do
// not talk are never merged. Pure.
//
// Equal input gives equal groups: of equal affinities the pair of the lowest nodes comes first. A step looks at each group
// once and again at those whose nearest group has changed, so that all steps take about the square of the nodes: 1000 nodes
// that all talk to each other take a tenth of a second (agglomeration.test.ts holds the bound).

/** Two matrices of so many nodes take 16 MB. */
export const NODES_MAX = 1000;

export interface Graph {
  readonly nodes: number;
  /** Traffic of both directions, row by row, symmetric; the diagonal is not read. */
  readonly weights: Float64Array;
}

export interface Merging {
  /** Of each node; that of a group is their sum. */
  readonly scales: ArrayLike<number>;
  /** Of each node, and of a group at most. */
  readonly sizes?: ArrayLike<number>;
  readonly sizeMax?: number;
}

/** Group `from` becomes part of group `into`; a group has the number of its lowest node. */
export interface Merge {
  readonly into: number;
  readonly from: number;
}

/** Of pairs of nodes that may occur in any order and more than once. */
export function graphOf(nodes: number, pairs: Iterable<readonly [a: number, b: number, weight: number]>): Graph {
  if (nodes > NODES_MAX) throw new RangeError(`${nodes} nodes are more than ${NODES_MAX}`);
  const weights = new Float64Array(nodes * nodes);
  for (const [a, b, weight] of pairs) {
    if (a === b) continue;
    weights[a * nodes + b]! += weight;
    weights[b * nodes + a]! += weight;
  }
  return { nodes, weights };
}

/** What each node exchanges with all others. */
export function degreesOf({ nodes, weights }: Graph): Float64Array {
  const degrees = new Float64Array(nodes);
  for (let a = 0; a < nodes; a++) for (let b = 0; b < nodes; b++) if (a !== b) degrees[a]! += weights[a * nodes + b]!;
  return degrees;
}

/** All merges in their order; groups that do not talk, or would be too large together, remain. */
export function agglomerate(graph: Graph, merging: Merging): Merge[] {
  const groups = new Groups(graph, merging);
  const merges: Merge[] = [];
  for (let next = groups.nearest(); next; next = groups.nearest()) {
    groups.merge(next);
    merges.push(next);
  }
  return merges;
}

/** The number of its group by node. */
export function groupsAfter(nodes: number, merges: readonly Merge[]): Int32Array {
  const group = Int32Array.from({ length: nodes }, (_, node) => node);
  for (const { into, from } of merges) group[from] = into;
  // A group absorbed earlier points to one that may have been absorbed since.
  for (let node = 0; node < nodes; node++) {
    let at = node;
    while (group[at] !== at) at = group[at]!;
    group[node] = at;
  }
  return group;
}

class Groups {
  readonly #nodes: number;
  readonly #weights: Float64Array;
  readonly #scales: Float64Array;
  readonly #sizes: Float64Array | undefined;
  readonly #sizeMax: number;
  readonly #left: Set<number>;
  /** By group: its nearest one and their affinity; -1 where it talks to none. */
  readonly #nearest: Int32Array;
  readonly #affinity: Float64Array;

  constructor({ nodes, weights }: Graph, { scales, sizes, sizeMax = Number.POSITIVE_INFINITY }: Merging) {
    this.#nodes = nodes;
    this.#weights = weights.slice();
    this.#scales = Float64Array.from(scales);
    this.#sizes = sizes && Float64Array.from(sizes);
    this.#sizeMax = sizeMax;
    this.#left = new Set(Array.from({ length: nodes }, (_, node) => node));
    this.#nearest = new Int32Array(nodes);
    this.#affinity = new Float64Array(nodes);
    for (const group of this.#left) this.#lookAround(group);
  }

  nearest(): Merge | undefined {
    let best = -1;
    for (const group of this.#left)
      if (this.#nearest[group]! >= 0 && (best < 0 || this.#affinity[group]! > this.#affinity[best]!)) best = group;
    if (best < 0) return undefined;
    const other = this.#nearest[best]!;
    return { into: Math.min(best, other), from: Math.max(best, other) };
  }

  merge({ into, from }: Merge): void {
    const n = this.#nodes;
    this.#left.delete(from);
    this.#scales[into]! += this.#scales[from]!;
    if (this.#sizes) this.#sizes[into]! += this.#sizes[from]!;
    for (const other of this.#left) {
      if (other === into) continue;
      const weight = this.#weights[into * n + other]! + this.#weights[from * n + other]!;
      this.#weights[into * n + other] = weight;
      this.#weights[other * n + into] = weight;
    }
    this.#lookAround(into);
    for (const other of this.#left) {
      if (other === into) continue;
      const nearest = this.#nearest[other]!;
      if (nearest === into || nearest === from) this.#lookAround(other);
      else this.#consider(other, into);
    }
  }

  #lookAround(group: number): void {
    this.#nearest[group] = -1;
    this.#affinity[group] = 0;
    for (const other of this.#left) if (other !== group) this.#consider(group, other);
  }

  #consider(group: number, other: number): void {
    const affinity = this.#affinityOf(group, other);
    const known = this.#affinity[group]!;
    if (affinity <= 0 || affinity < known || (affinity === known && other > this.#nearest[group]!)) return;
    this.#affinity[group] = affinity;
    this.#nearest[group] = other;
  }

  #affinityOf(a: number, b: number): number {
    const weight = this.#weights[a * this.#nodes + b]!;
    if (!(weight > 0)) return 0;
    if (this.#sizes && this.#sizes[a]! + this.#sizes[b]! > this.#sizeMax) return 0;
    return weight / Math.sqrt(this.#scales[a]! * this.#scales[b]!);
  }
}
