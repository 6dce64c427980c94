// The order of nodes in which those that talk to each other stand side by side: the order in which merges put them, each pair
// of groups turned so that the two nodes that meet talk most. Pure.

import { agglomerate, degreesOf, type Graph } from './agglomeration.ts';

/** All nodes; groups that do not talk to each other stand by what they carry, the largest first, then by their lowest node. */
export function leafOrder(graph: Graph): number[] {
  const degrees = degreesOf(graph);
  const orders = new Map(Array.from({ length: graph.nodes }, (_, node) => [node, [node]]));
  for (const { into, from } of agglomerate(graph, { scales: degrees })) {
    orders.set(into, joined(graph, orders.get(into)!, orders.get(from)!));
    orders.delete(from);
  }
  const carried = new Map([...orders].map(([group, order]) => [group, order.reduce((sum, i) => sum + degrees[i]!, 0)]));
  return [...orders.keys()]
    .sort((a, b) => carried.get(b)! - carried.get(a)! || a - b)
    .flatMap(group => orders.get(group)!);
}

function joined({ nodes, weights }: Graph, a: readonly number[], b: readonly number[]): number[] {
  const ways = [
    [a, b],
    [a, b.toReversed()],
    [a.toReversed(), b],
    [a.toReversed(), b.toReversed()],
  ] as const;
  const meeting = ([first, second]: (typeof ways)[number]) => weights[first.at(-1)! * nodes + second[0]!]!;
  const [first, second] = ways.reduce((best, way) => (meeting(way) > meeting(best) ? way : best));
  return [...first, ...second];
}
