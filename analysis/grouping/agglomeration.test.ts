// Merges and the order of nodes, against blocks that were planted and against a search among all pairs of groups.

import { expect, test } from 'vitest';
import { createRandom } from '../../benchmarks/random.ts';
import { agglomerate, degreesOf, type Graph, graphOf, groupsAfter, type Merge, NODES_MAX } from './agglomeration.ts';
import { leafOrder } from './leaf-order.ts';

type Pair = readonly [a: number, b: number, weight: number];

/** Every pair of a block exchanges much, every other pair a little. */
function planted(nodes: number, blockOf: (node: number) => number, seed: number): Pair[] {
  const random = createRandom(seed);
  const pairs: Pair[] = [];
  for (let a = 0; a < nodes; a++)
    for (let b = a + 1; b < nodes; b++)
      pairs.push([a, b, (blockOf(a) === blockOf(b) ? 1000 : 1) * (1 + random.below(100))]);
  return pairs;
}

/** The same rule, by looking at all pairs of groups anew each time. */
function slowly(
  { nodes, weights }: Graph,
  scales: ArrayLike<number>,
  sizes: readonly number[],
  sizeMax: number,
): Merge[] {
  const groups = new Map(Array.from({ length: nodes }, (_, node) => [node, [node]]));
  const sum = (group: readonly number[], of: ArrayLike<number>) => group.reduce((all, node) => all + of[node]!, 0);
  const merges: Merge[] = [];
  for (;;) {
    let best: (Merge & { affinity: number }) | undefined;
    for (const [into, a] of groups)
      for (const [from, b] of groups) {
        if (from <= into || sum(a, sizes) + sum(b, sizes) > sizeMax) continue;
        const weight = a.reduce((all, x) => all + b.reduce((each, y) => each + weights[x * nodes + y]!, 0), 0);
        const affinity = weight / Math.sqrt(sum(a, scales) * sum(b, scales));
        if (weight > 0 && (!best || affinity > best.affinity)) best = { into, from, affinity };
      }
    if (!best) return merges;
    merges.push({ into: best.into, from: best.from });
    groups.set(best.into, [...groups.get(best.into)!, ...groups.get(best.from)!]);
    groups.delete(best.from);
  }
}

test('each merge is that of the highest affinity of all pairs of groups, and none grows too large', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = createRandom(seed);
    const nodes = 2 + random.below(9);
    const pairs = Array.from({ length: random.below(30) }, (): Pair => {
      // Whole numbers: sums do not depend on their order.
      return [random.below(nodes), random.below(nodes), 1 + random.below(1000)];
    });
    const graph = graphOf(nodes, pairs);
    const sizes = Array.from({ length: nodes }, () => 1 + random.below(4));
    const sizeMax = seed % 2 === 0 ? Number.POSITIVE_INFINITY : 6;
    expect(agglomerate(graph, { scales: degreesOf(graph), sizes, sizeMax }), `seed ${seed}`).toEqual(
      slowly(graph, degreesOf(graph), sizes, sizeMax),
    );
  }
});

test('groups of nodes follow the merges', () => {
  const merges = [
    { into: 2, from: 4 },
    { into: 0, from: 2 },
    { into: 1, from: 3 },
  ];
  expect([...groupsAfter(6, merges)]).toEqual([0, 1, 0, 1, 0, 5]);
});

test('blocks that were planted stand together, whatever their size and the order of the input', () => {
  // A hub that talks to everybody a little, and one block that carries a thousand times what the others do.
  const blockOf = (node: number) => (node === 0 ? -1 : node % 5);
  const pairs = planted(60, blockOf, 7).map(
    ([a, b, weight]): Pair => [a, b, blockOf(a) === 3 && blockOf(b) === 3 ? weight * 1000 : weight],
  );
  const order = leafOrder(graphOf(60, pairs));
  expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, node) => node));
  const blocks = order.filter(node => node !== 0).map(blockOf);
  expect(blocks.filter((block, i) => i === 0 || block !== blocks[i - 1])).toHaveLength(5);
  expect(
    leafOrder(
      graphOf(
        60,
        pairs.toReversed().map(([a, b, weight]): Pair => [b, a, weight]),
      ),
    ),
  ).toEqual(order);
});

test('what does not talk stands last, and neighbours are those that talk most', () => {
  expect(
    leafOrder(
      graphOf(6, [
        [1, 3, 10],
        [3, 5, 9],
      ]),
    ),
  ).toEqual([1, 3, 5, 0, 2, 4]);
});

test(`${NODES_MAX} nodes that all talk to each other are ordered within a second, and more are refused`, () => {
  const graph = graphOf(
    NODES_MAX,
    planted(NODES_MAX, node => node % 20, 3),
  );
  const before = process.cpuUsage();
  const order = leafOrder(graph);
  const { user, system } = process.cpuUsage(before);
  const blocks = order.map(node => node % 20);
  expect(blocks.filter((block, i) => i === 0 || block !== blocks[i - 1])).toHaveLength(20);
  expect((user + system) / 1e6).toBeLessThan(1);
  expect(() => graphOf(NODES_MAX + 1, [])).toThrow(RangeError);
});
