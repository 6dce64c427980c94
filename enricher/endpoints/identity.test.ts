import { expect, test } from 'vitest';
import { NO_DOCUMENTS } from '../../inventory/model/documents.ts';
import { History } from '../../inventory/snapshot/history.ts';
import { knowledgeOf } from '../../inventory/snapshot/load.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';
import { documentsOf, enrichRows, NOW, type Row } from '../../testing/data/enrichment.ts';

const MAC = '02:00:00:00:00:01';

/** Two sites with one subnet and one VLAN id; a switch at each, registered. */
const SITES = {
  sites: [{ id: 'east' }, { id: 'west' }],
  racks: [
    { id: 're', site: 'east' },
    { id: 'rw', site: 'west' },
  ],
  segments: [
    { id: 'east-10', site: 'east', vlan: 10, prefixes: ['10.1.0.0/16'] },
    { id: 'west-10', site: 'west', vlan: 10, prefixes: ['10.1.0.0/16'] },
    { id: 'west-20', site: 'west', vlan: 20, vrf: 'red', prefixes: ['10.1.0.0/16'] },
  ],
  switches: [
    { id: 'swe', rack: 're', ports: [{ ifIndex: 1 }] },
    { id: 'sww', rack: 'rw', ports: [{ ifIndex: 1 }, { ifIndex: 2 }] },
  ],
  hosts: [
    { id: 'he', rack: 're', pnics: [{ id: 'p', switch: 'swe', ifIndex: 1 }] },
    { id: 'hw', rack: 'rw', pnics: [{ id: 'p', switch: 'sww', ifIndex: 1 }] },
  ],
  vms: [
    { id: '1', name: 'east-a', host: 'he', vnics: [{ mac: MAC, addresses: ['10.1.0.1'], segment: 'east-10' }] },
    { id: '2', name: 'west-a', host: 'hw', vnics: [{ addresses: ['10.1.0.1'], segment: 'west-10' }] },
    { id: '3', name: 'west-b', host: 'hw', vnics: [{ addresses: ['10.1.0.1', '10.1.0.2'], segment: 'west-20' }] },
  ],
};
const EXPORTERS = [
  { address: '192.0.2.1', switch: 'swe' },
  { address: '192.0.2.2', switch: 'sww' },
  { address: '192.0.2.3', site: 'east' },
];
const VRF: StoredFact = {
  receivedAtMs: NOW,
  firstSeenMs: NOW,
  exporter: '192.0.2.2',
  observationDomain: 0,
  protocol: 6,
  kind: 'vrf',
  index: 7,
  mac: 0,
  stationId: '',
  name: 'red',
  hostId: '',
};
const snapshot = compileSnapshot(documentsOf({ inventory: SITES, exporters: EXPORTERS }), [VRF]);
const source = (row: Row) => {
  const [enriched] = enrichRows(snapshot, [row]);
  return [enriched!.srcVm, enriched!.srcIdentity];
};
const EAST = { exporter: '192.0.2.1' };
const WEST = { exporter: '192.0.2.2' };

test('the VLAN means the segment of the exporter’s site: one subnet at two sites does not mix', () => {
  expect(source({ src: '10.1.0.1', vlan: 10, ...EAST })).toEqual(['east-a', 'segment-address']);
  expect(source({ src: '10.1.0.1', vlan: 10, ...WEST })).toEqual(['west-a', 'segment-address']);
  expect(source({ src: '10.1.0.1', vlan: 20, ...WEST })).toEqual(['west-b', 'segment-address']);
  // An exporter nobody registered stands anywhere.
  expect(source({ src: '10.1.0.1', vlan: 10, exporter: '192.0.2.99' })).toEqual(['', 'ambiguous']);
});

test('without a VLAN the site alone decides, where it has one owner of the address', () => {
  expect(source({ src: '10.1.0.1', ...EAST })).toEqual(['east-a', 'address']);
  expect(source({ src: '10.1.0.1', exporter: '192.0.2.3' })).toEqual(['east-a', 'address']);
  expect(source({ src: '10.1.0.1', ...WEST })).toEqual(['', 'ambiguous']);
});

test('hosts that nobody knows, in a subnet of two sites, are a node each: by the segment that site, VLAN or VNI reports', () => {
  const { sites, racks, switches } = SITES;
  const overlay = (id: string, vni: number) => ({ id, vni, prefixes: ['10.3.0.0/24'] });
  const inventory = {
    sites,
    racks,
    switches,
    segments: [
      ...SITES.segments,
      overlay('tenant-a', 5001),
      overlay('tenant-b', 5002),
      { id: 'campus', site: 'east', prefixes: ['10.4.0.0/16'] },
      { id: 'campus-lab', site: 'east', vlan: 44, prefixes: ['10.4.4.0/24'] },
      { id: 'west-lab', site: 'west', vlan: 45, prefixes: ['10.4.5.0/24'] },
    ],
  };
  const known = compileSnapshot(documentsOf({ inventory, exporters: EXPORTERS }));
  const node = (row: Row) => enrichRows(known, [row])[0]!.srcApp;
  expect(node({ src: '10.1.7.7', vlan: 10, ...EAST })).toBe('auto:10.1.7.0/24@east-10');
  expect(node({ src: '10.1.7.8', ...EAST })).toBe('auto:10.1.7.0/24@east-10');
  expect(node({ src: '10.1.7.7', vlan: 10, ...WEST })).toBe('auto:10.1.7.0/24@west-10');
  expect(node({ src: '10.1.7.7', vlan: 20, ...WEST })).toBe('auto:10.1.7.0/24@west-20');
  expect(node({ src: '10.3.0.7', vni: 5001, ...EAST })).toBe('auto:10.3.0.0/24@tenant-a');
  expect(node({ src: '10.3.0.7', vni: 5002, ...WEST })).toBe('auto:10.3.0.0/24@tenant-b');
  // Two segments at its site, and nothing reports which; an exporter that stands anywhere.
  expect(node({ src: '10.1.7.7', ...WEST })).toBe('auto:10.1.7.0/24');
  expect(node({ src: '10.1.7.7', vlan: 10, exporter: '192.0.2.99' })).toBe('auto:10.1.7.0/24');
  expect(node({ src: '10.4.5.7', vlan: 45, ...WEST })).toBe('auto:10.4.5.0/24');
  expect(node({ src: '10.4.5.7', ...EAST })).toBe('auto:10.4.5.0/24');
  // One site alone has it, whoever sees it; a segment inside another one is no other place.
  expect(node({ src: '10.4.4.7', vlan: 44, ...EAST })).toBe('auto:10.4.4.0/24');
  expect(node({ src: '10.4.4.7', ...WEST })).toBe('auto:10.4.4.0/24');
});

test('of segments within each other the inner one has its hosts, whatever VLAN a routed record bears', () => {
  const segments = [
    { id: 'servers', site: 'east', vlan: 10, prefixes: ['10.4.0.0/16'] },
    { id: 'lab', site: 'east', vlan: 44, prefixes: ['10.4.4.0/24'] },
    { id: 'stretched-e', site: 'east', vni: 5001, prefixes: ['10.5.0.0/24'] },
    { id: 'stretched-w', site: 'west', vni: 5001, prefixes: ['10.5.0.0/24'] },
  ];
  const applications = ['servers', 'lab'].map(id => ({ id, servers: { segments: [id] }, ports: ['tcp/443'] }));
  const inventory = { ...SITES, segments: [...SITES.segments, ...segments] };
  const known = compileSnapshot(documentsOf({ inventory, exporters: EXPORTERS, applications: { applications } }));
  const server = (row: Row) => enrichRows(known, [{ src: '10.4.1.1', dstPort: 443, ...row }])[0]!.dstApp;
  expect(server({ dst: '10.4.4.7', vlan: 10, ...EAST })).toBe('lab');
  expect(server({ dst: '10.4.4.7', ...WEST })).toBe('lab');
  expect(server({ dst: '10.4.5.7', vlan: 44, ...EAST })).toBe('servers');
  // One VNI at two sites may be one segment or two.
  expect(server({ dst: '10.5.0.7', vni: 5001, ...EAST })).toBe('auto:10.5.0.0/24');
});

test('an application by segment has its own site of a subnet that two use', () => {
  const applications = [
    { id: 'ours', servers: { segments: ['west-20'] }, ports: ['tcp/443'] },
    { id: 'theirs', servers: { segments: ['west-10'] }, ports: ['tcp/443'] },
  ];
  const known = compileSnapshot(
    documentsOf({ inventory: SITES, exporters: EXPORTERS, applications: { applications } }),
  );
  const server = (row: Row) =>
    enrichRows(known, [{ src: '10.9.9.9', dst: '10.1.7.7', dstPort: 443, ...row }])[0]!.dstApp;
  expect(server({ vlan: 20, ...WEST })).toBe('ours');
  expect(server({ vlan: 10, ...WEST })).toBe('theirs');
  expect(server({ vlan: 10, ...EAST })).toBe('auto:10.1.7.0/24@east-10');
});

test('the VRF of the exporter, known by its name, distinguishes two owners', () => {
  expect(source({ src: '10.1.0.1', vrf: 7, ...WEST })).toEqual(['west-b', 'vrf-address']);
  expect(source({ src: '10.1.0.1', vrf: 8, ...WEST })).toEqual(['', 'ambiguous']);
  expect(source({ src: '10.1.0.1', vrf: 7, exporter: '192.0.2.99' })).toEqual(['', 'ambiguous']);
});

test('a MAC is better evidence in its segment, and best at the port that the inventory has for it', () => {
  const own = { src: '10.1.0.1', srcMac: MAC };
  expect(source(own)).toEqual(['east-a', 'mac']);
  expect(source({ ...own, vlan: 10, ...EAST })).toEqual(['east-a', 'segment-mac']);
  expect(source({ ...own, vlan: 10, inIf: 1, ...EAST })).toEqual(['east-a', 'port-mac']);
  expect(source({ ...own, vlan: 10, inIf: 2, ...EAST })).toEqual(['east-a', 'segment-mac']);
});

test('the port towards an end is that of its direction', () => {
  const [row] = enrichRows(snapshot, [{ src: '10.9.9.9', dst: '10.1.0.1', dstMac: MAC, outIf: 1, inIf: 5, ...EAST }]);
  expect([row!.dstVm, row!.dstIdentity]).toEqual(['east-a', 'port-mac']);
});

test('a MAC of two sources is ambiguous unless port, segment or address decides', () => {
  const history = new History({
    inventorySources: [],
    inventoryStaleMs: 3_600_000,
    inventoryUnknownMs: 86_400_000,
  });
  const put = (document: object) => history.putInventory(inventoryChecker.check('inventory', document));
  const asOf = new Date(NOW).toISOString();
  const { sites, racks, segments, switches, hosts } = SITES;
  put({ source: 'fabric', asOf, sites, racks, segments, switches, hosts });
  const clone = (id: string, name: string, host: string, segment: string, address: string) => ({
    id,
    name,
    host,
    vnics: [{ mac: MAC, segment, addresses: [address] }],
  });
  put({ source: 'vc-east', asOf, vms: [clone('vm-1', 'east-clone', 'he', 'east-10', '10.1.0.8')] });
  put({ source: 'vc-west', asOf, vms: [clone('vm-1', 'west-clone', 'hw', 'west-20', '10.1.0.9')] });
  history.putRegistry(documentsOf({ exporters: EXPORTERS }).exporters);
  const knowledge = knowledgeOf(history, NO_DOCUMENTS.applications);
  const from = (row: Row) => {
    const [enriched] = enrichRows(knowledge, [{ srcMac: MAC, ...row }]);
    return [enriched!.srcVm, enriched!.srcIdentity];
  };
  expect(from({})).toEqual(['', 'ambiguous']);
  expect(from({ inIf: 1, ...EAST })).toEqual(['east-clone', 'port-mac']);
  expect(from({ inIf: 1, ...WEST })).toEqual(['west-clone', 'port-mac']);
  expect(from({ vlan: 20, inIf: 2, ...WEST })).toEqual(['west-clone', 'segment-mac']);
  expect(from({ src: '10.1.0.9' })).toEqual(['west-clone', 'address']);
});

test('a VM with listed addresses passes on what comes from outside; one without is taken at its MAC', () => {
  const documents = documentsOf({
    inventory: {
      vms: [
        { id: '1', name: 'router', vnics: [{ mac: MAC, addresses: ['10.0.0.1'] }] },
        { id: '2', name: 'unlisted', vnics: [{ mac: '02:00:00:00:00:02', addresses: [] }] },
      ],
      segments: [{ id: 'public', prefixes: ['198.51.100.0/24'] }],
    },
  });
  const from = (row: Row) => {
    const [enriched] = enrichRows(documents, [row]);
    return [enriched!.srcVm, enriched!.srcIdentity, enriched!.srcApp];
  };
  expect(from({ srcMac: MAC, src: '203.0.113.5' })).toEqual(['', 'none', 'external']);
  expect(from({ srcMac: '02:00:00:00:00:02', src: '203.0.113.5' })).toEqual(['unlisted', 'mac', 'auto:unlisted']);
  // Inside, and in a segment of the inventory, the list of addresses may be old.
  expect(from({ srcMac: MAC, src: '10.0.0.77' })[0]).toBe('router');
  expect(from({ srcMac: MAC, src: '198.51.100.7' })[0]).toBe('router');
  // Addresses of IPv6 are not listed for it.
  expect(from({ srcMac: MAC, src: '2001:db8::7' })[0]).toBe('router');
});
