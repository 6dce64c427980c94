// What automatic nodes do: with whom they exchange what, by which service, as its server or its client. Two nodes are alike
// where these are the same; what everybody does (name service, monitoring) counts for little. Pure.

import type { NodeTraffic } from '../../schemas/coverage.ts';

/** Nodes compared with each other, those with the most traffic. */
const NODES_MAX = 1000;
/** Cosine from which on two nodes are alike. */
export const ALIKE_MIN = 0.8;

export class Behaviours {
  readonly #traffic: ReadonlyMap<string, readonly NodeTraffic[]>;
  readonly #bytes = new Map<string, number>();
  /** By node: weights of what it does, of length 1. */
  readonly #does = new Map<string, ReadonlyMap<string, number>>();

  constructor(traffic: readonly NodeTraffic[]) {
    this.#traffic = Map.groupBy(traffic, ({ node }) => node);
    const doers = new Map<string, number>();
    for (const [node, rows] of this.#traffic) {
      this.#bytes.set(
        node,
        rows.reduce((sum, { bytes }) => sum + bytes, 0),
      );
      for (const act of new Set(rows.map(actOf))) doers.set(act, (doers.get(act) ?? 0) + 1);
    }
    const nodes = this.#traffic.size;
    for (const [node, rows] of this.#traffic) {
      const weights = new Map<string, number>();
      for (const row of rows) {
        const act = actOf(row);
        const rarity = Math.log((nodes + 1) / doers.get(act)!);
        weights.set(act, (weights.get(act) ?? 0) + Math.sqrt(row.bytes) * rarity);
      }
      this.#does.set(node, normalised(weights));
    }
  }

  /** Cosine of what two nodes do; 0 where nothing is known of one. */
  likeness(a: string, b: string): number {
    const [x, y] = [this.#does.get(a), this.#does.get(b)];
    if (!x || !y) return 0;
    const [few, many] = x.size <= y.size ? [x, y] : [y, x];
    let product = 0;
    for (const [act, weight] of few) product += weight * (many.get(act) ?? 0);
    return product;
  }

  /** Nodes that are alike, each with at least one other of its group. */
  alikeGroups(): string[][] {
    const nodes = [...this.#bytes]
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .slice(0, NODES_MAX)
      .map(([node]) => node);
    const groups: string[][] = [];
    for (const node of nodes) {
      // All of a group are like its largest: chains of nodes that resemble only their neighbours are no group.
      const group = groups.find(([first]) => this.likeness(first!, node) >= ALIKE_MIN);
      if (group) group.push(node);
      else groups.push([node]);
    }
    return groups.filter(({ length }) => length > 1);
  }

  /** Bytes that nodes exchange among themselves, and all they exchange. */
  insideOf(nodes: ReadonlySet<string>): { readonly inside: number; readonly all: number } {
    let [inside, all] = [0, 0];
    for (const node of nodes)
      for (const { peer, bytes } of this.#traffic.get(node) ?? []) {
        const isInside = nodes.has(peer);
        // Traffic between two nodes is listed at both of them, within one once.
        const counted = isInside && peer !== node ? bytes / 2 : bytes;
        all += counted;
        if (isInside) inside += counted;
      }
    return { inside, all };
  }

  /** Services that nodes serve, the largest first. */
  servicesOf(nodes: ReadonlySet<string>): { readonly service: string; readonly bytes: number }[] {
    const served = new Map<string, number>();
    for (const node of nodes)
      for (const { service, serves, bytes } of this.#traffic.get(node) ?? [])
        if (serves) served.set(service, (served.get(service) ?? 0) + bytes);
    return [...served]
      .map(([service, bytes]) => ({ service, bytes }))
      .sort((a, b) => b.bytes - a.bytes || (a.service < b.service ? -1 : 1));
  }
}

function actOf({ peer, service, serves }: NodeTraffic): string {
  return `${serves ? 'serves' : 'uses'} ${service} ${peer}`;
}

function normalised(weights: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const length = Math.sqrt([...weights.values()].reduce((sum, weight) => sum + weight * weight, 0));
  return length > 0 ? new Map([...weights].map(([act, weight]) => [act, weight / length])) : new Map();
}
