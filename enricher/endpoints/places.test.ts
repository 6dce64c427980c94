import { expect, test } from 'vitest';
import { fixedKnowledge } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { keyToBigint } from '../../schemas/keys.ts';
import { BATCH_KEY, batchOf, documentsOf, enrichRows, LIMITS, type Row } from '../../testing/data/enrichment.ts';
import { Enrichment } from '../stages/enrich.ts';
import { TAGS_MAX } from './locations.ts';
import { createNodeNames } from './node-names.ts';

const vswitch = (id: string, group: string, segment?: string) => ({
  id,
  uplinks: ['p'],
  switching: 'vepa',
  reflectiveRelay: { configured: true, operational: true },
  portGroups: [{ id: group, name: `PG ${group}`, ...(segment !== undefined && { segment }) }],
});
const inventory = {
  sites: [{ id: 'east', name: 'East' }, { id: 'west' }],
  racks: [
    { id: 'r1', site: 'east' },
    { id: 'r2', site: 'west' },
  ],
  segments: [
    { id: 'front', vlan: 10, prefixes: ['10.1.0.0/24'] },
    { id: 'lab', site: 'west', prefixes: ['10.9.0.0/24'] },
    { id: 'twin-1', vni: 1, prefixes: ['10.8.0.0/24'] },
    { id: 'twin-2', vni: 2, prefixes: ['10.8.0.0/24'] },
  ],
  switches: [
    { id: 's1', rack: 'r1', ports: [{ ifIndex: 1 }] },
    { id: 's2', rack: 'r2', ports: [{ ifIndex: 1 }, { ifIndex: 2 }] },
  ],
  hosts: [
    {
      id: 'h1',
      name: 'esx-1',
      rack: 'r1',
      addresses: ['10.0.0.1'],
      pnics: [{ id: 'p', switch: 's1', ifIndex: 1 }],
      vswitches: [vswitch('v', 'front', 'front')],
    },
    {
      id: 'h2',
      rack: 'r2',
      pnics: [{ id: 'p', switch: 's2', ifIndex: 1 }],
      vswitches: [vswitch('v', 'back')],
    },
  ],
  vms: [
    {
      id: '1',
      name: 'web-1',
      host: 'h1',
      tags: ['prod', 'Tier: front'],
      vnics: [{ mac: '02:00:00:00:00:01', addresses: ['10.1.0.1'], portGroup: 'front' }],
    },
    { id: '2', name: 'db-1', host: 'h2', tags: ['tier=data'], vnics: [{ addresses: ['10.9.0.2'], portGroup: 'back' }] },
    { id: '3', name: 'bare', vnics: [{ addresses: ['10.7.0.1'] }] },
    { id: '4', name: 'many', tags: Array.from({ length: 99 }, (_, i) => `a${100 + i}`).concat('tier:z', 'tier:y') },
  ].map(vm => ('vnics' in vm ? vm : { ...vm, vnics: [{ addresses: ['10.7.0.4'] }] })),
  endpoints: [{ id: 'nas', name: 'nas', kind: 'storage', addresses: ['10.7.0.9'], rack: 'r2', segment: 'lab' }],
};
const exporters = ['s1', 's2'].map((id, i) => ({
  address: `192.0.2.${i + 1}`,
  switch: id,
  metering: 'ingress',
}));
const snapshot = compileSnapshot(documentsOf({ inventory, exporters }));
const NOTHING = { site: '', vswitch: '', portGroup: '', segment: '', tier: '', tags: [] };
const placeOf = (row: Row) => enrichRows(snapshot, [row])[0]!.srcPlace;

test('the place of a VM is what the inventory says of its attachment', () => {
  expect(placeOf({ src: '10.1.0.1' })).toEqual({
    site: 'East',
    vswitch: 'esx-1/v',
    portGroup: 'PG front',
    segment: 'front',
    tier: 'front',
    tags: ['Tier: front', 'prod'],
  });
});

test('a vSwitch is of its host, however many have one of that name', () => {
  expect(placeOf({ src: '10.9.0.2' })).toMatchObject({
    site: 'west',
    vswitch: 'h2/v',
    portGroup: 'PG back',
    tier: 'data',
  });
});

test('a machine in no segment, and one that the inventory does not have, are in that of their address', () => {
  expect(placeOf({ src: '10.9.0.2' })?.segment).toBe('lab');
  expect(placeOf({ src: '10.9.0.77' })).toEqual({ ...NOTHING, site: 'west', segment: 'lab' });
  expect(placeOf({ src: '10.7.0.9' })).toEqual({ ...NOTHING, site: 'west', segment: 'lab' });
});

test('of two segments of one prefix that may be meant none is, unless the record states its VNI', () => {
  expect(placeOf({ src: '10.8.0.1' })).toBeUndefined();
  expect(placeOf({ src: '10.8.0.1', vni: 2 })?.segment).toBe('twin-2');
});

test('of an attachment of which nothing is said there is no place', () => {
  for (const src of ['10.7.0.1', '203.0.113.1', '239.0.0.1']) expect(placeOf({ src })).toBeUndefined();
});

test('a host that speaks for itself has the site of its rack', () => {
  expect(placeOf({ src: '10.0.0.1' })).toEqual({ ...NOTHING, site: 'East' });
});

test('at their bound tags are cut, and the first tier by name is kept', () => {
  const place = placeOf({ src: '10.7.0.4' });
  expect(place?.tier).toBe('y');
  expect(place?.tags).toHaveLength(TAGS_MAX);
});

test('what moved takes port group, segment and tags along, and its vSwitch is not known', () => {
  const moved = { src: '10.1.0.1', srcMac: '02:00:00:00:00:01', exporter: '192.0.2.2', direction: 'ingress' } as const;
  const [row] = enrichRows(snapshot, [{ ...moved, inIf: 1 }]);
  expect([row!.srcHost, row!.srcPlace]).toEqual(['h2', { ...placeOf({ src: '10.1.0.1' }), site: 'west', vswitch: '' }]);
});

test('the key depends on what is said alone, not on names, positions or the order of tags', () => {
  const keysOf = (changed: object) => {
    const documents = documentsOf({ inventory: { ...inventory, ...changed }, exporters });
    const batch = batchOf([{ src: '10.1.0.1' }]);
    const names = createNodeNames();
    new Enrichment(fixedKnowledge(compileSnapshot(documents)), names, LIMITS).enrichBatch(batch, BATCH_KEY);
    const { srcPlace } = batch.columns;
    const key = keyToBigint({ low: srcPlace[0]!, high: srcPlace[1]! });
    expect(names.takePlaces().map(place => place.key)).toEqual([key]);
    return key;
  };
  const [web, ...others] = inventory.vms;
  const as = (change: object) => keysOf({ vms: [...others, { ...web, ...change }] });
  const key = keysOf({});
  expect(as({ name: 'renamed', tags: ['Tier: front', 'prod', 'prod'] })).toBe(key);
  expect(keysOf({ sites: [{ id: 'west' }, { id: 'east', name: 'Eastern' }] })).toBe(key);
  expect(as({ tags: ['prod'] })).not.toBe(key);
  expect(keysOf({ racks: [{ id: 'r1', site: 'west' }, inventory.racks[1]!] })).not.toBe(key);
});
