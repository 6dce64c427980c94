// Plans of waves against the best of all plans of small graphs, and against groups that were planted in large ones.

import { expect, test } from 'vitest';
import { createRandom } from '../../benchmarks/random.ts';
import { type Graph, graphOf } from '../grouping/agglomeration.ts';
import { costOf, planWaves, WAVES_MAX } from './waves.ts';

function drawn(seed: number, nodes: number): { graph: Graph; sizes: number[] } {
  const random = createRandom(seed);
  const pairs = Array.from({ length: nodes * 3 }, () => {
    // Heavy tails, as traffic has them.
    return [random.below(nodes), random.below(nodes), Math.ceil(1 / (1e-4 + random.unit()))] as const;
  });
  return { graph: graphOf(nodes, pairs), sizes: Array.from({ length: nodes }, () => 1 + random.below(5)) };
}

/** The least cost of all plans with exactly so many waves, none beyond the size. */
function bestOfAll({ graph, sizes }: ReturnType<typeof drawn>, waves: number, sizeMax: number): number {
  let best = Number.POSITIVE_INFINITY;
  const waveOf = new Uint8Array(graph.nodes);
  for (let plan = 0; plan < waves ** graph.nodes; plan++) {
    const filled = new Float64Array(waves);
    for (let node = 0, rest = plan; node < graph.nodes; node++) {
      waveOf[node] = rest % waves;
      filled[rest % waves]! += sizes[node]!;
      rest = Math.floor(rest / waves);
    }
    if (filled.every(size => size > 0 && size <= sizeMax)) best = Math.min(best, costOf(graph, waveOf));
  }
  return best;
}

test('a plan keeps its limits, costs what it says, and is the best of all or nearly so', () => {
  let [best, found, exact] = [0, 0, 0];
  const plans = 120;
  for (let seed = 1; seed <= plans; seed++) {
    const world = drawn(seed, 7);
    const { graph, sizes } = world;
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const sizeMax = Math.max(...sizes, Math.ceil(total / 2));
    const plan = planWaves(graph, sizes, { waves: 3, sizeMax })!;
    expect(plan.waves, `seed ${seed}`).toBe(3);
    const filled = [0, 1, 2].map(wave =>
      sizes.reduce((sum, size, node) => sum + (plan.waveOf[node] === wave ? size : 0), 0),
    );
    expect(Math.max(...filled), `seed ${seed}`).toBeLessThanOrEqual(sizeMax);
    expect(plan.cost).toBeCloseTo(costOf(graph, plan.waveOf), 6);
    const least = bestOfAll(world, 3, sizeMax);
    expect(plan.cost, `seed ${seed}`).toBeGreaterThanOrEqual(least - 1e-6);
    [best, found] = [best + least, found + plan.cost];
    if (plan.cost <= least + 1e-6) exact++;
  }
  expect(exact / plans).toBeGreaterThan(0.8);
  expect(found / best).toBeLessThan(1.1);
});

test('groups that were planted move together, and a chain of them in its order', () => {
  const random = createRandom(4);
  const groups = 8;
  const groupOf = (node: number) => node % groups;
  const pairs = Array.from({ length: 80 }, (_, a) =>
    Array.from({ length: a }, (_, b) => {
      const apart = Math.abs(groupOf(a) - groupOf(b));
      return [a, b, (apart === 0 ? 1000 : apart === 1 ? 20 : 0) * (1 + random.unit())] as const;
    }),
  ).flat();
  const plan = planWaves(graphOf(80, pairs), new Array(80).fill(2), { waves: groups, sizeMax: 20 })!;
  for (let node = 0; node < 80; node++) expect(plan.waveOf[node]).toBe(plan.waveOf[groupOf(node)]);
  const order = Array.from({ length: groups }, (_, group) => plan.waveOf[group]!);
  expect([order, order.toReversed()]).toContainEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test('the smaller end of the order goes first, and equal input gives an equal plan', () => {
  const graph = graphOf(3, [
    [0, 1, 10],
    [1, 2, 10],
  ]);
  const plan = planWaves(graph, [5, 1, 2], { waves: 3, sizeMax: 5 })!;
  expect([...plan.waveOf]).toEqual([2, 1, 0]);
  const { graph: large, sizes } = drawn(9, 60);
  expect(planWaves(large, sizes, { waves: 6 })).toEqual(planWaves(large, sizes, { waves: 6 }));
});

test('without a size waves are at most a quarter larger than the mean, or hold the largest application', () => {
  const { graph, sizes } = drawn(3, 40);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const plan = planWaves(graph, sizes, { waves: 5 })!;
  const filled = Array.from({ length: 5 }, (_, wave) =>
    sizes.reduce((sum, size, i) => sum + (plan.waveOf[i] === wave ? size : 0), 0),
  );
  expect(Math.max(...filled)).toBeLessThanOrEqual(Math.ceil((1.25 * total) / 5));
  expect(planWaves(graphOf(3, []), [9, 1, 1], { waves: 3 })!.waves).toBe(3);
});

test('what does not fit has no plan, and fewer applications than waves have one each', () => {
  expect(planWaves(graphOf(3, []), [3, 3, 3], { waves: 2, sizeMax: 4 })).toBeUndefined();
  expect(planWaves(graphOf(2, [[0, 1, 1]]), [1, 1], { waves: 9 })!.waves).toBe(2);
});

test(`300 applications in ${WAVES_MAX} waves are planned within two seconds`, () => {
  const { graph, sizes } = drawn(11, 300);
  const before = process.cpuUsage();
  expect(planWaves(graph, sizes, { waves: WAVES_MAX })!.waves).toBe(WAVES_MAX);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1e6).toBeLessThan(2);
});
