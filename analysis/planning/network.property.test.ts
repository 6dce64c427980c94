// Paths of small random networks against every path there is: walked one by one, without the counts and caches of the
// network itself.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import { directed, Network } from './network.ts';

const REGISTRY = exporterRegistryChecker.check('exporters', {});
const OTHER_COST = 1000;

interface Plan {
  readonly switches: number;
  /** Cables between switches; of several between two, all are one link. */
  readonly cables: readonly (readonly [a: number, b: number])[];
  /** Switches that state a port to the cloud. */
  readonly cloud: readonly number[];
  /** Switches that each host is cabled to, once for each pNIC. */
  readonly hosts: readonly (readonly number[])[];
}

const plans = fc
  .integer({ min: 1, max: 5 })
  .chain(switches => {
    const at = fc.integer({ min: 0, max: switches - 1 });
    return fc.record<Plan>({
      switches: fc.constant(switches),
      cables: fc.array(fc.tuple(at, at), { maxLength: 8 }),
      cloud: fc.uniqueArray(at, { maxLength: 3 }),
      hosts: fc.array(fc.array(at, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 4 }),
    });
  })
  .map(plan => ({ ...plan, cables: plan.cables.filter(([a, b]) => a !== b) }));

/** Ports count from 1 at each switch. */
function documentOf({ switches, cables, cloud, hosts }: Plan) {
  const ports: object[][] = Array.from({ length: switches }, () => []);
  const add = (at: number, connectsTo: object) => {
    ports[at]!.push({ ifIndex: ports[at]!.length + 1, speedBps: 10, connectsTo });
    return ports[at]!.length;
  };
  for (const [a, b] of cables) {
    add(a, { switch: `s${b}` });
    add(b, { switch: `s${a}` });
  }
  for (const at of cloud) add(at, { other: 'cloud' });
  const listed = hosts.map((uplinks, h) => ({
    id: `h${h}`,
    pnics: uplinks.map((at, p) => {
      const ifIndex = add(at, { host: `h${h}`, pnic: `p${p}` });
      return { id: `p${p}`, switch: `s${at}`, ifIndex };
    }),
  }));
  return inventoryChecker.check('inventory', {
    ...{ source: 'test', asOf: '2026-01-01T00:00:00Z' },
    switches: ports.map((own, s) => ({ id: `s${s}`, ports: own })),
    hosts: listed,
  });
}

/** Every path without a repeated switch, as names of what it crosses, and its cost. */
function everyPath(plan: Plan, from: number, to: number): { steps: string[]; cost: number }[] {
  const neighbours = new Map<string, Map<string, number>>();
  const join = (a: string, b: string, cost: number) => {
    for (const [x, y] of [
      [a, b],
      [b, a],
    ] as const)
      neighbours.set(x, (neighbours.get(x) ?? new Map()).set(y, cost));
  };
  for (const [a, b] of plan.cables) join(`s${a}`, `s${b}`, 1);
  for (const at of plan.cloud) join(`s${at}`, 'cloud', OTHER_COST);
  const found: { steps: string[]; cost: number }[] = [];
  const walk = (
    at: string,
    seen: readonly string[],
    steps: readonly string[],
    cost: number,
    end: string,
    last: string,
  ) => {
    if (at === end) found.push({ steps: [...steps, last], cost });
    for (const [next, more] of neighbours.get(at) ?? [])
      if (!seen.includes(next)) walk(next, [...seen, next], [...steps, `${at}>${next}`], cost + more, end, last);
  };
  plan.hosts[from]!.forEach((s, p) => {
    plan.hosts[to]!.forEach((t, q) => {
      walk(`s${s}`, [`s${s}`], [`h${from}.p${p}>`], 0, `s${t}`, `>h${to}.p${q}`);
    });
  });
  return found;
}

/** Shares by step, of the cheapest paths alike. */
function expectedShares(plan: Plan, from: number, to: number): Map<string, number> | undefined {
  const every = everyPath(plan, from, to);
  const least = Math.min(...every.map(({ cost }) => cost));
  const cheapest = every.filter(({ cost }) => cost === least);
  if (cheapest.length === 0) return undefined;
  const shares = new Map<string, number>();
  for (const { steps } of cheapest)
    for (const step of steps) shares.set(step, (shares.get(step) ?? 0) + 1 / cheapest.length);
  return shares;
}

/** The steps of a directed link, as the oracle writes them. */
function stepOf(network: Network, link: number): string {
  const { kind, ends } = network.links[link >> 1]!;
  const isBack = (link & 1) === 1;
  const [a, b] = ends;
  if (kind === 'access') return isBack ? `>${a.id}.${a.ports[0]!.name}` : `${a.id}.${a.ports[0]!.name}>`;
  return isBack ? `${b.id}>${a.id}` : `${a.id}>${b.id}`;
}

test('paths are the shortest ones, in equal shares, as walking every path gives them', () => {
  let paths = 0;
  fc.assert(
    fc.property(plans, fc.constantFrom(1, 100), (plan, kept) => {
      const document = documentOf(plan);
      // Whether or not paths that were found before are still kept.
      const network = new Network(document, REGISTRY, kept);
      const hangs = document.hosts.map(host => network.hangOfHost(host, undefined));
      hangs.forEach((from, a) => {
        hangs.forEach((to, b) => {
          const expected = expectedShares(plan, a, b);
          const path = network.path(from, to);
          if (!expected || !path) {
            expect([expected, path]).toEqual([undefined, undefined]);
            return;
          }
          const shares = new Map<string, number>();
          path.links.forEach((link, i) => {
            const step = stepOf(network, link);
            shares.set(step, (shares.get(step) ?? 0) + path.shares[i]!);
          });
          expect([...shares.keys()].sort()).toEqual([...expected.keys()].sort());
          for (const [step, share] of expected) expect(shares.get(step)).toBeCloseTo(share, 9);
          paths++;
        });
      });
    }),
    { numRuns: 500 },
  );
  expect(paths).toBeGreaterThan(1000);
});

test('each byte enters as many links as its path has: shares add up at every cut', () => {
  fc.assert(
    fc.property(plans, plan => {
      const document = documentOf(plan);
      const network = new Network(document, REGISTRY);
      const [from, to] = document.hosts.map(host => network.hangOfHost(host, undefined)) as [number, number];
      const path = network.path(from, to);
      if (!path) return;
      // What enters a switch leaves it.
      const balance = new Map<string, number>();
      path.links.forEach((link, i) => {
        const { ends } = network.links[link >> 1]!;
        const [a, b] = (link & 1) === 0 ? ends : ([ends[1], ends[0]] as const);
        balance.set(a.id, (balance.get(a.id) ?? 0) - path.shares[i]!);
        balance.set(b.id, (balance.get(b.id) ?? 0) + path.shares[i]!);
      });
      for (const [id, sum] of balance) expect(sum, id).toBeCloseTo(id === 'h0' ? -1 : id === 'h1' ? 1 : 0, 9);
    }),
    { numRuns: 500 },
  );
});

test('a LAG is one link with the speed of its members; a port that is external leads outside', () => {
  const document = inventoryChecker.check('inventory', {
    ...{ source: 'test', asOf: '2026-01-01T00:00:00Z' },
    switches: [
      {
        id: 'leaf',
        ports: [
          { ifIndex: 1, lag: 100, speedBps: 25e9, connectsTo: { host: 'h', pnic: 'a' } },
          { ifIndex: 2, lag: 100, speedBps: 25e9, connectsTo: { host: 'h', pnic: 'b' } },
          { ifIndex: 100 },
          { ifIndex: 3, speedBps: 40e9, connectsTo: { switch: 'spine' } },
          { ifIndex: 4, speedBps: 40e9, connectsTo: { switch: 'spine' } },
        ],
      },
      {
        id: 'spine',
        ports: [
          { ifIndex: 1, lag: 9, connectsTo: { switch: 'leaf' } },
          { ifIndex: 9, speedBps: 40e9 },
          { ifIndex: 7, connectsTo: { other: 'internet' } },
        ],
      },
    ],
    hosts: [{ id: 'h', pnics: [{ id: 'a' }, { id: 'b' }] }],
  });
  const registry = exporterRegistryChecker.check('exporters', {
    exporters: [{ address: '192.0.2.1', switch: 'spine', ports: [{ ifIndex: 7, role: 'external' }] }],
  });
  const network = new Network(document, registry);
  const host = network.hangOfHost(document.hosts[0]!, undefined);
  const names = network.links.map(({ name, kind, speedBps }) => `${kind} ${name} ${speedBps}`).sort();
  // Two cables of 40 Gbit/s at one end, a LAG of 40 Gbit/s at the other: it carries the lesser.
  expect(names).toEqual([
    'access host:h leaf/100 50000000000',
    'external outside:outside spine/7 null',
    'switch switch:leaf spine 40000000000',
  ]);
  const path = network.path(host, network.outside)!;
  expect(path.shares).toEqual([1, 1, 1]);
  const number = (kind: string) => network.links.findIndex(link => link.kind === kind);
  expect([...path.links].sort()).toEqual(
    [directed(number('access'), 0), directed(number('switch'), 0), directed(number('external'), 1)].sort(),
  );
});
