// Suggestions in worlds whose applications are known: by names, tags, port groups, folders, and by what the VMs do.

import { expect, test } from 'vitest';
import { createRandom } from '../../benchmarks/random.ts';
import type { NodeTraffic } from '../../schemas/coverage.ts';
import { globMatches } from '../../schemas/glob.ts';
import { stemOf } from '../../schemas/stem.ts';
import { beginningsOf, type KnownVm } from './candidates.ts';
import { discover } from './discover.ts';

const LIMITS = { limit: 100, membersMax: 100, taken: new Set<string>() };

function vm(name: string, more: Partial<KnownVm> = {}): KnownVm {
  return { name, tags: [], portGroups: [], folder: '', node: stemOf(name), ...more };
}
const several = (stem: string, count: number, more: Partial<KnownVm> = {}) =>
  Array.from({ length: count }, (_, i) => vm(`${stem}-${i + 1}`, more));
const loners = Array.from({ length: 40 }, (_, i) => vm(`x${String.fromCharCode(97 + (i % 26))}${i}q`));
/** Both ends report it, as the statement does. */
const exchange = (client: string, server: string, service: string, bytes: number): NodeTraffic[] => [
  { node: client, peer: server, service, serves: false, bytes },
  { node: server, peer: client, service, serves: true, bytes },
];
const found = (vms: readonly KnownVm[], traffic: readonly NodeTraffic[] = [], limits = LIMITS) =>
  discover(vms, traffic, limits).suggestions;

test('tiers of one name, port group and tag are one application, not one each', () => {
  const shared = { portGroups: ['pg-shop'], tags: ['app:shop', 'prod'] };
  const shop = [...several('shop-web', 4, shared), ...several('shop-app', 3, shared), ...several('shop-db', 2, shared)];
  const others = several('hr-web', 3, { portGroups: ['pg-hr'], tags: ['prod'] });
  const [first, second, ...more] = found([...shop, ...others, ...loners]);
  expect(first).toMatchObject({
    id: 'shop',
    vms: 9,
    servers: { names: ['shop-*'] },
    supports: ['names', 'tag', 'portGroup'],
  });
  expect(first!.members).toEqual(shop.map(({ name }) => name).sort());
  expect(first!.evidence).toEqual([
    '9 of 9 have a name that begins with "shop-"',
    '9 of 9 have the tag "app:shop"',
    '9 of 9 are in the port group "pg-shop"',
  ]);
  expect(second).toMatchObject({ vms: 3, servers: { names: ['hr-*'] }, supports: ['names', 'portGroup'] });
  expect(more).toEqual([]);
});

test('what has an application is in no suggestion, and no selector names it', () => {
  const tags = ['app=shop'];
  const claimed = [vm('shop-old-1', { node: undefined, tags: [] }), vm('shop-old-2', { node: undefined })];
  const [byTag] = found([...several('shop-web', 3, { tags }), ...claimed, ...loners]);
  expect(byTag).toMatchObject({ vms: 3, servers: { names: ['shop-web-*'] } });
  const mixed = [...several('shop-web', 3, { tags }), ...several('shop-db', 2, { tags }), ...claimed, ...loners];
  const [tagged] = found(mixed);
  // `shop-*` would hold the two that have an application; the tag holds the others alone.
  expect(tagged).toMatchObject({ id: 'shop', vms: 5, servers: { tags } });
  const plain = found(mixed.map(one => ({ ...one, tags: [] })));
  expect(plain.flatMap(({ members }) => members)).not.toContain('shop-old-1');
  const clash = found(mixed, [], { ...LIMITS, taken: new Set(['shop', 'shop-2']) });
  expect(clash[0]!.id).toBe('shop-3');
});

test('machines without anything in common but what they do are found by it', () => {
  const pets = ['zeus', 'hera', 'ares'];
  const clients = ['one', 'two', 'six'];
  const traffic = [
    ...pets.flatMap((pet, i) =>
      clients.flatMap((client, j) => exchange(client, pet, 'postgres', 1000 + 100 * i + 10 * j)),
    ),
    // Everybody asks the same name server, which says nothing.
    ...[...pets, ...clients, ...loners.map(({ node }) => node!)].flatMap(name => exchange(name, 'dns', 'domain', 5000)),
  ];
  const suggestions = found([...[...pets, ...clients, 'dns'].map(name => vm(name)), ...loners], traffic);
  const sets = suggestions.map(({ members }) => members);
  expect(sets).toContainEqual(['ares', 'hera', 'zeus']);
  expect(sets).toContainEqual(['one', 'six', 'two']);
  const own = suggestions.find(({ members }) => members.includes('zeus'))!;
  expect(own).toMatchObject({
    supports: ['traffic'],
    servers: { names: ['ares', 'hera', 'zeus'] },
    services: ['postgres'],
  });
  expect(own.evidence[0]).toMatch(
    /^they exchange with the same peers on the same services \(likeness (0\.9\d|1\.00) of 1\)$/,
  );
});

test('traffic that stays inside speaks for tiers of one name, and is counted once', () => {
  const vms = [...several('crm-web', 2), ...several('crm-db', 2), ...several('other', 2), ...loners];
  const traffic = [...exchange('crm-web', 'crm-db', 'mysql', 900), ...exchange('other', 'crm-web', 'https', 100)];
  const [crm] = found(vms, traffic);
  expect(crm).toMatchObject({ id: 'crm', supports: ['names', 'traffic'], bytes: 1000, services: ['mysql', 'https'] });
  expect(crm!.evidence).toContain('90 % of what they exchange stays among them');
});

test('what half of all share speaks for nothing, and of nothing there is nothing', () => {
  const everybody = Array.from({ length: 60 }, (_, i) =>
    vm(`q${i}z`, { tags: ['prod'], portGroups: ['lan'], folder: '/vms' }),
  );
  expect(found(everybody)).toEqual([]);
  expect(discover([], [], LIMITS)).toEqual({ vms: 0, unclaimed: 0, suggestions: [], suggestionCount: 0 });
});

test('beginnings end at separators, or at the number', () => {
  expect(beginningsOf('Shop-web-01')).toEqual(['shop-', 'shop-web-']);
  expect(beginningsOf('web7')).toEqual(['web']);
  expect(beginningsOf('zeus')).toEqual([]);
  expect(beginningsOf('12')).toEqual([]);
});

test('whatever the world, members overlap nowhere, have no application, and are what the selector selects', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = createRandom(seed);
    const pick = (texts: readonly string[]) => texts[random.below(texts.length)]!;
    const vms = Array.from({ length: 80 }, (_, i) => {
      const name = `${pick(['a', 'b-', 'b-c-', 'web', 'web-', 'x_', ''])}${pick(['', 'q', '1', 'web-'])}${100 + i}`;
      const tags = random.below(3) === 0 ? [pick(['t:1', 't:2', 'u'])] : [];
      const node = random.below(6) === 0 ? undefined : stemOf(name);
      return vm(name, {
        tags,
        node,
        portGroups: [pick(['p', 'q', 'r', 's', 't'])],
        folder: pick(['', '/a', '/a/b', '/c']),
      });
    });
    const used = new Set<string>();
    for (const { servers, members, supports } of found(vms)) {
      expect(supports.length, `seed ${seed}`).toBeGreaterThan(0);
      for (const name of members) {
        expect(used.has(name), `seed ${seed} ${name}`).toBe(false);
        used.add(name);
        expect(vms.find(one => one.name === name)!.node, `seed ${seed}`).toBeDefined();
      }
      if (!servers) continue;
      const { names = [], tags = [], portGroups = [], folders = [] } = servers;
      const selected = vms.filter(
        one =>
          names.some(glob => globMatches(glob, one.name)) ||
          tags.some(tag => one.tags.includes(tag)) ||
          portGroups.some(group => one.portGroups.includes(group)) ||
          folders.some(folder => one.folder === folder || one.folder.startsWith(`${folder}/`)),
      );
      expect(selected.map(({ name }) => name).sort(), `seed ${seed} ${JSON.stringify(servers)}`).toEqual(members);
    }
  }
});

test('100,000 VMs and 50,000 rows of traffic take seconds', () => {
  const applications = 5000;
  const tiers = ['web', 'app', 'db', 'cache'];
  const vms = Array.from({ length: 100_000 }, (_, i) => {
    const app = i % applications;
    const name = `app${app}x-${tiers[Math.floor(i / applications) % 4]}-${Math.floor(i / applications)}`;
    return vm(name, {
      tags: [`app:${app}`, 'prod'],
      portGroups: [`pg-${app % 800}`],
      folder: `/site-${app % 8}/app${app}`,
    });
  });
  const traffic = Array.from({ length: 12_500 }, (_, i) => {
    const app = i % applications;
    const to = tiers[(Math.floor(i / applications) + 1) % 4]!;
    return exchange(`app${app}x-web`, `app${app}x-${to}`, 'https', 1000 + i);
  }).flat();
  const before = process.cpuUsage();
  const { suggestions, suggestionCount, unclaimed } = discover(vms, traffic, { ...LIMITS, limit: 200 });
  const { user, system } = process.cpuUsage(before);
  expect([unclaimed, suggestionCount]).toEqual([100_000, applications]);
  for (const { vms: count, supports } of suggestions) expect([count, supports.length]).toEqual([20, 4]);
  expect((user + system) / 1e6).toBeLessThan(15);
});
