import { expect, test } from 'vitest';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { IDENTITIES } from '../../schemas/codes.ts';
import { batchOf, documentsOf, enrichRows } from '../../testing/data/enrichment.ts';
import { ENTRY, identityIn } from '../entries/endpoint-table.ts';
import { RowOffsets } from '../entries/row-offsets.ts';
import { Endpoints } from './endpoints.ts';
import { createNodeNames } from './node-names.ts';

const inventory = {
  racks: [{ id: 'r1', name: 'Rack 1' }],
  segments: [
    { id: 'red', vlan: 10, vni: 5010 },
    { id: 'blue', vlan: 20, vni: 5020 },
  ],
  hosts: [
    {
      id: 'h1',
      name: 'esx-1',
      rack: 'r1',
      addresses: ['10.0.0.250'],
      vswitches: [{ id: 'v1', portGroups: [{ id: 'pg', vlan: 30 }] }],
      vmkernelNics: [{ id: 'vmk1', mac: '02:00:00:00:01:01', addresses: ['10.0.0.251'], purpose: 'vmotion' }],
    },
  ],
  vms: [
    { id: '1', name: 'web-01', host: 'h1', vnics: [{ mac: '02:00:00:00:00:01', addresses: ['10.0.0.1', 'fd00::1'] }] },
    { id: '2', name: 'router-01', host: 'h1', vnics: [{ mac: '02:00:00:00:00:02', addresses: ['10.0.0.2'] }] },
    { id: '3', name: 'dup-red', vnics: [{ mac: '02:00:00:00:00:03', addresses: ['10.5.0.1'], segment: 'red' }] },
    { id: '4', name: 'dup-blue', vnics: [{ mac: '02:00:00:00:00:04', addresses: ['10.5.0.1'], segment: 'blue' }] },
    { id: '5', name: 'dup-off', status: 'off', vnics: [{ addresses: ['10.0.0.1', '10.6.0.1'] }] },
    { id: '6', name: 'twonic-01', vnics: [{ addresses: ['10.7.0.1'] }, { addresses: ['10.7.0.1'] }] },
  ],
  endpoints: [
    { id: 'gw', name: 'core-gw', kind: 'gateway', mac: '02:00:00:00:ff:01', addresses: ['10.0.0.254'] },
    { id: 'nas', name: 'nas-1', kind: 'storage', mac: '02:00:00:00:ff:02', addresses: ['10.0.0.200'], rack: 'r1' },
    { id: 'vip1', name: 'shop-vip', kind: 'vip', addresses: ['10.0.0.100', '10.0.0.2'], port: 'tcp/443' },
    { id: 'vip2', name: 'mail-vip', kind: 'vip', addresses: ['10.0.0.100'], port: 'tcp/25' },
  ],
};
const snapshot = compileSnapshot(documentsOf({ inventory }));
const source = (row: Parameters<typeof batchOf>[0][0]) => {
  const [enriched] = enrichRows(snapshot, [row]);
  const { srcVm, srcApp, srcRule, srcIdentity } = enriched!;
  return [srcVm, srcIdentity, srcApp, srcRule];
};
const target = (row: Parameters<typeof batchOf>[0][0]) => {
  const [enriched] = enrichRows(snapshot, [row]);
  const { dstVm, dstApp, dstRule } = enriched!;
  return [dstVm, dstApp, dstRule];
};

test('a MAC decides where nobody else has the address', () => {
  expect(source({ srcMac: '02:00:00:00:00:01', src: '10.0.0.1' })).toEqual(['web-01', 'mac', 'auto:web', 'auto-vm']);
  expect(source({ srcMac: '02:00:00:00:00:01', src: '10.0.0.77' })).toEqual(['web-01', 'mac', 'auto:web', 'auto-vm']);
});

test('what a VM forwards is not its own: another owner of the address goes before the MAC', () => {
  expect(source({ srcMac: '02:00:00:00:00:02', src: '10.0.0.1' })).toEqual([
    'web-01',
    'address',
    'auto:web',
    'auto-vm',
  ]);
});

test('without a known MAC the address decides, IPv6 included', () => {
  expect(source({ src: '10.0.0.1' })).toEqual(['web-01', 'address', 'auto:web', 'auto-vm']);
  expect(source({ src: 'fd00::1', srcMac: '02:99:99:99:99:99' })).toEqual(['web-01', 'address', 'auto:web', 'auto-vm']);
});

test("a gateway's MAC never decides, its address does", () => {
  expect(source({ srcMac: '02:00:00:00:ff:01', src: '10.3.3.3' })).toEqual([
    '',
    'none',
    'auto:10.3.3.0/24',
    'auto-prefix',
  ]);
  expect(source({ src: '10.0.0.254' })).toEqual(['core-gw', 'address', 'auto:core-gw', 'auto-endpoint']);
});

test('an address in two segments is ambiguous until the record reports its segment or MAC', () => {
  expect(source({ src: '10.5.0.1' })).toEqual(['', 'ambiguous', 'ambiguous', 'ambiguous']);
  expect(source({ src: '10.5.0.1', vlan: 99 })).toEqual(['', 'ambiguous', 'ambiguous', 'ambiguous']);
  expect(source({ src: '10.5.0.1', vlan: 20 })).toEqual(['dup-blue', 'segment-address', 'auto:dup-blue', 'auto-vm']);
  expect(source({ src: '10.5.0.1', vni: 5010 })).toEqual(['dup-red', 'segment-address', 'auto:dup-red', 'auto-vm']);
  expect(source({ src: '10.5.0.1', srcMac: '02:00:00:00:00:03' })).toEqual([
    'dup-red',
    'mac',
    'auto:dup-red',
    'auto-vm',
  ]);
});

test('a machine that is off gives way to one that runs, and is found where it is the only owner', () => {
  expect(source({ src: '10.0.0.1' })[0]).toBe('web-01');
  expect(source({ src: '10.6.0.1' })[0]).toBe('dup-off');
});

test('two vNICs of one VM with one address are not ambiguous', () => {
  expect(source({ src: '10.7.0.1' })).toEqual(['twonic-01', 'address', 'auto:twonic', 'auto-vm']);
});

test('hosts speak for themselves, by purpose', () => {
  const [row] = enrichRows(snapshot, [{ src: '10.0.0.251', dst: '10.0.0.250' }]);
  expect(row).toMatchObject({
    srcVm: '',
    srcHost: 'esx-1',
    srcRack: 'Rack 1',
    srcApp: 'auto:vmkernel vmotion',
    dstApp: 'auto:vmkernel management',
    locality: 'same-host',
  });
});

test('other endpoints are nodes by name; a VIP gives way to whoever has its address, and VIPs of one address are one', () => {
  expect(source({ srcMac: '02:00:00:00:ff:02', src: '10.0.0.200' })).toEqual([
    'nas-1',
    'mac',
    'auto:nas-1',
    'auto-endpoint',
  ]);
  expect(source({ src: '10.0.0.100' })[0]).toBe('shop-vip');
  expect(source({ src: '10.0.0.2' })[0]).toBe('router-01');
});

test('what the inventory does not know is its prefix inside and `external` outside', () => {
  expect(source({ src: '10.1.2.3' })).toEqual(['', 'none', 'auto:10.1.2.0/24', 'auto-prefix']);
  expect(source({ src: 'fd00:1:2:3::9' })).toEqual(['', 'none', 'auto:fd00:1:2:3::/64', 'auto-prefix']);
  expect(source({ src: '203.0.113.7' })).toEqual(['', 'none', 'external', 'external']);
});

test('groups and broadcasts are multicast; the network itself is infrastructure', () => {
  expect(target({ dst: '239.1.2.3' })[1]).toBe('multicast');
  expect(target({ dst: '255.255.255.255' })[1]).toBe('multicast');
  expect(target({ dst: 'ff02::fb' })[1]).toBe('multicast');
  expect(target({ dst: '10.1.2.255', dstMac: 'ff:ff:ff:ff:ff:ff' })[1]).toBe('multicast');
  expect(target({ dstMac: '01:80:c2:00:00:0e', dst: '::' })[1]).toBe('multicast');
  expect(target({ dst: '10.1.2.9', dstMac: '03:bf:0a:01:02:09' })[1]).toBe('auto:10.1.2.0/24');
  expect(target({ dst: '::', dstMac: '02:99:00:00:00:01' })[1]).toBe('infrastructure');
  expect(source({ src: '0.0.0.0' })[2]).toBe('infrastructure');
  expect(source({ src: 'fe80::1' })[2]).toBe('infrastructure');
  expect(source({ src: 'fe80::1', srcMac: '02:00:00:00:00:01' })).toEqual(['web-01', 'mac', 'auto:web', 'auto-vm']);
});

test('at its bound the cache is emptied between batches, counted, and answers stay the same', () => {
  const names = createNodeNames();
  const endpoints = new Endpoints(snapshot, names, 64);
  const offsets = new RowOffsets(20);
  const { src, dst } = offsets;
  for (let round = 0; round < 10; round++) {
    const batch = batchOf(
      Array.from({ length: 20 }, (_, i) => ({
        src: `10.200.${round}.${i}`,
        dst: i % 2 === 0 ? '10.0.0.1' : `172.16.${round}.${i}`,
      })),
    );
    endpoints.resolve(batch.columns, 0, batch.rows, offsets);
    expect(IDENTITIES[identityIn(endpoints.entries[dst[0]! + ENTRY.identity]!)]).toBe('address');
    expect(endpoints.entries[src[19]! + ENTRY.auto]).toBe((10 * 2 ** 24 + 200 * 2 ** 16 + round * 256) >>> 0);
    expect(endpoints.entries[dst[19]! + ENTRY.auto]).toBe((172 * 2 ** 24 + 16 * 2 ** 16 + round * 256) >>> 0);
  }
  expect(endpoints.resets).toBeGreaterThan(2);
});

test('a batch with more endpoints than the cache holds is still answered in full', () => {
  const endpoints = new Endpoints(snapshot, createNodeNames(), 8);
  const batch = batchOf(Array.from({ length: 100 }, (_, i) => ({ src: `10.200.${i}.1`, dst: '10.0.0.1' })));
  const offsets = new RowOffsets(100);
  endpoints.resolve(batch.columns, 0, batch.rows, offsets);
  for (let i = 0; i < 100; i++)
    expect(endpoints.entries[offsets.src[i]! + ENTRY.auto]).toBe((10 * 2 ** 24 + 200 * 2 ** 16 + i * 256) >>> 0);
});

test('names are announced once, again when they change, and forgotten whole at the bound', () => {
  const names = createNodeNames(3);
  const announce = (low: number, name: string) => names.announce({ low, high: 1 }, name, name);
  for (const low of [1, 2, 1, 3]) announce(low, `n${low}`);
  announce(2, 'renamed');
  expect(names.take().map(node => node.name)).toEqual(['n1', 'n2', 'n3', 'renamed']);
  expect(names.take()).toEqual([]);
  announce(4, 'n4');
  expect(names.size).toBeLessThanOrEqual(3);
  expect(names.take().map(node => node.name)).toEqual(['n4']);
});

test('places are announced once, within the same bound', () => {
  const names = createNodeNames(3);
  const place = (key: bigint) => ({ key, site: 0n, vswitch: 0n, portGroup: 0n, segment: 0n, tier: 0n, tags: [] });
  for (const key of [1n, 2n, 1n, 3n]) names.announcePlace(place(key));
  expect(names.takePlaces().map(({ key }) => key)).toEqual([1n, 2n, 3n]);
  names.announcePlace(place(4n));
  expect(names.size).toBeLessThanOrEqual(3);
  names.announcePlace(place(1n));
  expect(names.takePlaces().map(({ key }) => key)).toEqual([4n, 1n]);
});
