import { expect, test } from 'vitest';
import { keyOf, Liveness } from '../../inventory/model/liveness.ts';
import { mergedOf } from '../../inventory/model/merge.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { PROTOCOL } from '../../schemas/codes.ts';
import type { CoverageReport, CoverageRequest, SeenExporter } from '../../schemas/coverage.ts';
import { hashedKey, keyToHex } from '../../schemas/keys.ts';
import { documentsOf } from '../../testing/data/enrichment.ts';
import {
  answerCoverage,
  countAll,
  countCells,
  findSpots,
  type Known,
  silenceAt,
  type View,
  viewOf,
} from './coverage.ts';
import { LastSeen } from './liveness.ts';

const AT = Date.UTC(2026, 0, 2);
const SINCE = { ms: Date.UTC(2026, 0, 1), orEarlier: false };

function knownOf(documents: Parameters<typeof documentsOf>[0]): Known {
  const found = documentsOf(documents);
  const { exporters } = found;
  return { documents: { inventory: mergedOf(found.inventory), exporters }, snapshot: compileSnapshot(found) };
}

const seen = (address: string, agoMs = 10_000): SeenExporter => ({
  address,
  domain: 0,
  protocol: PROTOCOL.sflow5,
  lastSeenMs: AT - agoMs,
});

/** An exporter that was recorded as silent a minute ago. */
const silent = (address: string) => ({ ...keyOf({ address }), atMs: AT - 60_000, state: 'silent' as const });

function look(known: Known, exporters: readonly SeenExporter[], recorded: ReturnType<typeof silent>[] = []): View {
  return viewOf(known, silenceAt(new Liveness(recorded), new LastSeen(exporters), AT));
}

function report(
  known: Known,
  exporters: readonly SeenExporter[],
  recorded: ReturnType<typeof silent>[] = [],
  question: Partial<CoverageRequest> = {},
): Omit<CoverageReport, 'share' | 'states'> {
  const asked: CoverageRequest = {
    request: 'coverage',
    seen: exporters,
    fromMs: AT - 3_600_000,
    atMs: AT,
    host: '',
    vm: '',
    spotsMax: 100,
    pairsMax: 100,
    ...question,
  };
  return answerCoverage(asked, look(known, exporters, recorded), () => SINCE);
}

const leafOf = (hosts: number) => ({
  id: 'leaf-1',
  ports: Array.from({ length: hosts }, (_, i) => ({
    ifIndex: i + 1,
    name: `xe-0/0/${i + 1}`,
    connectsTo: { host: `h${i + 1}` },
  })),
});
const sflow = { address: '192.0.2.1', switch: 'leaf-1', metering: 'ingress' };
const vswitch = (more: object) => ({
  id: 'vs0',
  uplinks: [],
  portGroups: [
    { id: 'pg10', vlan: 10 },
    { id: 'pg20', vlan: 20 },
  ],
  ...more,
});
const vm = (name: string, host: string, portGroup = 'pg10', more: object = {}) => ({
  id: name,
  name,
  host,
  vnics: [{ vswitch: 'vs0', portGroup, ...more }],
});

/** The article's figure 8: two VMs on one VEB, and a third elsewhere; h2 is a VEPA. */
const figure8 = {
  inventory: {
    switches: [leafOf(2)],
    hosts: [
      { id: 'h1', name: 'esx-1', vswitches: [vswitch({ switching: 'veb' })] },
      {
        id: 'h2',
        name: 'esx-2',
        vswitches: [vswitch({ switching: 'vepa', reflectiveRelay: { configured: true, operational: true } })],
      },
    ],
    vms: [
      vm('a', 'h1'),
      vm('b', 'h1'),
      vm('c', 'h1', 'pg20'),
      vm('d', 'h2'),
      vm('e', 'h2'),
      { ...vm('f', 'h1'), status: 'off' },
    ],
  },
  exporters: [sflow],
};

test('two VMs of one VEB and VLAN are invisible to each other, and nobody else is', () => {
  const answer = report(knownOf(figure8), [seen('192.0.2.1')]);
  // 5 running VMs; a and b share h1 and VLAN 10, c is in another VLAN and leaves by the uplink.
  expect(answer).toMatchObject({ vms: 5, pairs: 20, invisiblePairs: 2, spotCount: 1 });
  expect(answer.byReason).toMatchObject({ veb: 2, 'relay-not-operational': 0, 'not-metered': 0 });
  expect(answer.invisible.map(({ src, dst }) => `${src} ${dst}`)).toEqual(['a b', 'b a']);
  expect(answer.spots[0]).toMatchObject({
    reason: 'veb',
    host: 'esx-1',
    vswitch: 'vs0',
    segment: 'VLAN 10',
    vms: 2,
    pairs: 2,
    sinceMs: SINCE.ms,
  });
  expect(answer.spots[0]!.remedies[0]).toBe(
    'turn vSwitch vs0 from VEB to VEPA and enable reflective relay on port xe-0/0/1 (ifIndex 1) of switch leaf-1, where the switch must meter what arrives',
  );
});

test('a VEPA whose switch does not turn frames back is blind, one whose relay works is not', () => {
  const known = knownOf({
    ...figure8,
    inventory: {
      ...figure8.inventory,
      hosts: [
        figure8.inventory.hosts[0],
        {
          id: 'h2',
          vswitches: [vswitch({ switching: 'vepa', reflectiveRelay: { configured: true, operational: false } })],
        },
      ],
    },
  });
  const answer = report(known, [seen('192.0.2.1')]);
  expect(answer.invisiblePairs).toBe(4);
  expect(answer.byReason).toMatchObject({ veb: 2, 'relay-not-operational': 2 });
});

test('a vSwitch that exports makes its inside visible, while its exporter is seen', () => {
  const known = knownOf({
    inventory: {
      ...figure8.inventory,
      hosts: [
        { id: 'h1', vswitches: [vswitch({ switching: 'veb', exporter: { address: '192.0.2.9' } })] },
        figure8.inventory.hosts[1],
      ],
    },
    exporters: [sflow, { address: '192.0.2.9', traffic: 'host-internal' }],
  });
  expect(report(known, [seen('192.0.2.1'), seen('192.0.2.9')]).invisiblePairs).toBe(0);
  const once = report(known, [seen('192.0.2.1'), seen('192.0.2.9', 181_000)], [silent('192.0.2.9')]);
  expect(once).toMatchObject({ invisiblePairs: 2, unseen: ['192.0.2.9'] });
  expect(once.byReason['vswitch-not-metered']).toBe(2);
});

test('an exporter that is silent or not registered covers nothing, and the reason says which', () => {
  const others = [seen('192.0.2.1', 200_000), seen('192.0.2.77')];
  const once = report(knownOf(figure8), others, [silent('192.0.2.1')]);
  expect(once.spots.find(({ reason }) => reason === 'exporter-silent')!.sinceMs).toBe(AT - 200_000);
  expect(once).toMatchObject({ invisiblePairs: 20, unseen: ['192.0.2.1'], unregistered: ['192.0.2.77 sflow5'] });
  // a and b to each other, and d and e, whose VEPA needs the switch; everyone else to everyone.
  expect(once.byReason).toMatchObject({ veb: 2, 'exporter-silent': 18, 'not-metered': 0 });
  const unregistered = report(knownOf({ ...figure8, exporters: [] }), [seen('192.0.2.1')]);
  expect(unregistered.byReason).toMatchObject({ veb: 2, 'not-metered': 18 });
});

test('host and VM narrow the list, not the counts; lists end at their bounds', () => {
  const known = knownOf({ ...figure8, exporters: [] });
  const all = report(known, []);
  expect(report(known, [], [], { host: 'esx-2' }).spots.map(spot => spot.host)).toEqual(['esx-2', 'esx-2']);
  const one = report(known, [], [], { vm: 'a' });
  expect(one.invisiblePairs).toBe(20);
  expect(one.invisible).toHaveLength(8);
  expect(one.invisible.every(({ src, dst }) => src === 'a' || dst === 'a')).toBe(true);
  expect(report(known, [], [], { pairsMax: 3, spotsMax: 1 })).toMatchObject({
    spotCount: all.spotCount,
    spots: [{}],
    invisible: [{}, {}, {}],
  });
});

test('a cell is the share of its pairs, a node of one VM has none with itself', () => {
  const known = knownOf({
    ...figure8,
    applications: {
      applications: [
        { id: 'web', servers: { names: ['a', 'b', 'c'] } },
        { id: 'db', servers: { names: ['c', 'd'] } },
      ],
    },
  });
  const app = (id: string) => keyToHex(hashedKey('application', id));
  const exporters = [seen('192.0.2.1')];
  const view = look(known, exporters);
  const shares = (by: 'app' | 'vm' | 'host', cells: [string, string][]) =>
    countCells({ request: 'cells', seen: exporters, fromMs: AT, atMs: AT, by, cells }, view).map(
      ({ pairs, invisible }) => (pairs > 0 ? 1 - invisible / pairs : null),
    );
  expect(
    shares('app', [
      [app('web'), app('web')],
      [app('web'), app('db')],
      [app('web'), 'nobody'],
    ]),
  ).toEqual([1 - 2 / 6, 1, null]);
  expect(countAll(view)).toEqual({ pairs: 20, invisible: 2 });
  const vmKey = (name: string) => keyToHex(hashedKey('vm', `test/${name}`));
  expect(
    shares('vm', [
      [vmKey('a'), vmKey('b')],
      [vmKey('a'), vmKey('c')],
      [vmKey('a'), vmKey('a')],
    ]),
  ).toEqual([0, 1, null]);
});

/** Numbers below a limit, by a seed (mulberry32). */
function belowOf(seed: number): (limit: number) => number {
  let state = seed;
  return limit => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((((mixed ^ (mixed >>> 14)) >>> 0) * limit) / 2 ** 32) | 0;
  };
}

test('counts by class equal a walk over all pairs, in 60 random data centres', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const below = belowOf(seed);
    const pick = <T>(values: readonly T[]) => values[below(values.length)]!;
    const hosts = [1, 2, 3].map(i => ({
      id: `h${i}`,
      vswitches: [
        vswitch({
          switching: pick(['veb', 'vepa']),
          distributedRouting: below(4) === 0,
          reflectiveRelay: { configured: true, operational: below(2) === 0 },
          ...(below(4) === 0 && { exporter: { address: `192.0.2.${10 + i}` } }),
        }),
      ],
    }));
    const vms = Array.from({ length: 14 }, (_, i) => {
      const host = pick(hosts);
      const one = vm(`vm-${i}`, host.id, pick(['pg10', 'pg20']));
      return below(5) === 0 ? { ...one, vnics: [...one.vnics, { vswitch: 'vs0', portGroup: 'pg20' }] } : one;
    });
    const metered = [1, 2, 3].filter(() => below(2) === 0);
    const exporters = [
      { ...sflow, metering: 'none', ports: metered.map(ifIndex => ({ ifIndex, metering: 'ingress' })) },
      { address: '192.0.2.11', traffic: 'host-internal' },
    ];
    const live = [seen('192.0.2.1'), seen('192.0.2.11')];
    const known = knownOf({ inventory: { switches: [leafOf(3)], hosts, vms }, exporters });

    // The rules in words, pair by pair: nothing of the classes.
    const isVisible = (a: (typeof vms)[number], b: (typeof vms)[number]): boolean => {
      const home = hosts.find(host => host.id === a.host)!;
      const bridge = home.vswitches[0] as unknown as {
        switching: string;
        distributedRouting: boolean;
        reflectiveRelay: { operational: boolean };
        exporter?: { address: string };
      };
      const meets = metered.includes(Number(a.host.slice(1)));
      const shares =
        a.host === b.host &&
        (bridge.distributedRouting || a.vnics.some(one => b.vnics.some(two => one.portGroup === two.portGroup)));
      if (!shares) return meets;
      if (bridge.exporter?.address === '192.0.2.11') return true;
      return bridge.switching === 'vepa' && bridge.reflectiveRelay.operational && meets;
    };
    const expected = vms.flatMap(a => vms.filter(b => a !== b && !isVisible(a, b)).map(b => `${a.name} ${b.name}`));

    const answer = report(known, live, [], { pairsMax: 1000 });
    expect({ seed, pairs: answer.pairs, invisible: answer.invisiblePairs }).toEqual({
      seed,
      pairs: 14 * 13,
      invisible: expected.length,
    });
    expect(answer.invisible.map(({ src, dst }) => `${src} ${dst}`).sort()).toEqual(expected.sort());
    expect(Object.values(answer.byReason).reduce((sum, count) => sum + count, 0)).toBe(expected.length);
    const hostKey = (id: string) => keyToHex(hashedKey('host', id));
    const cells = hosts.flatMap(a => hosts.map(b => [a.id, b.id] as const));
    const keys = cells.map(([a, b]) => [hostKey(a), hostKey(b)] as const);
    const asked = { request: 'cells', seen: live, fromMs: AT, atMs: AT, by: 'host', cells: keys } as const;
    const reported = countCells(asked, look(known, live)).map(({ pairs, invisible }) => 1 - invisible / pairs);
    cells.forEach(([a, b], i) => {
      const pairs = vms.flatMap(src =>
        vms.filter(dst => src !== dst && src.host === a && dst.host === b).map(dst => isVisible(src, dst)),
      );
      if (pairs.length > 0) expect(reported[i]).toBeCloseTo(pairs.filter(Boolean).length / pairs.length, 12);
    });
  }
});

test('40,000 VMs on 2,000 hosts take a second or two, not an hour', () => {
  const count = 2000;
  const hosts = Array.from({ length: count }, (_, i) => ({
    id: `h${i}`,
    vswitches: [vswitch({ switching: i % 2 ? 'veb' : 'vepa', reflectiveRelay: { operational: true } })],
  }));
  const ports = hosts.map(({ id }, i) => ({ ifIndex: i + 1, connectsTo: { host: id } }));
  const vms = Array.from({ length: 20 * count }, (_, i) =>
    vm(`vm-${i}`, `h${i % count}`, i < 10 * count ? 'pg10' : 'pg20'),
  );
  const known = knownOf({ inventory: { switches: [{ id: 'leaf-1', ports }], hosts, vms }, exporters: [sflow] });
  const started = performance.now();
  const view = look(known, [seen('192.0.2.1')]);
  // 1,000 VEB hosts with two VLANs of ten VMs each.
  expect([...findSpots(view).values()].reduce((sum, spot) => sum + spot.pairs, 0)).toBe(1000 * 2 * 90);
  console.log(`40,000 VMs: ${Math.round(performance.now() - started)} ms`);
  expect(performance.now() - started).toBeLessThan(10_000);
});

test('120,000 registered exporters and 10,000 others that are seen take a few times what a tenth of them takes', () => {
  const address = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
  const timeOf = (registered: number, others: number) => {
    const exporters = Array.from({ length: registered }, (_, i) => ({ address: address(i) }));
    const known = knownOf({ ...figure8, exporters });
    const live = Array.from({ length: others }, (_, i) => seen(address(registered + i - 10)));
    const started = performance.now();
    const answer = report(
      known,
      live,
      exporters.slice(0, -10).map(({ address: silentOne }) => silent(silentOne)),
    );
    expect([answer.unseen.length, answer.unregistered.length]).toEqual([registered - 10, others - 10]);
    return performance.now() - started;
  };
  const tenthMs = timeOf(12_000, 1000);
  // Ten times as many exporters beside ten times as many others: a walk over all pairs takes a hundred times as long.
  expect(timeOf(120_000, 10_000)).toBeLessThan(40 * tenthMs + 1000);
});
