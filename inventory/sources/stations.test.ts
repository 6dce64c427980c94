import { expect, test } from 'vitest';
import { Endpoints } from '../../enricher/endpoints/endpoints.ts';
import { LOCATION } from '../../enricher/endpoints/locations.ts';
import { createNodeNames } from '../../enricher/endpoints/node-names.ts';
import { ENTRY } from '../../enricher/entries/endpoint-table.ts';
import { RowOffsets } from '../../enricher/entries/row-offsets.ts';
import { parseMac } from '../../schemas/address.ts';
import { keyToBigint } from '../../schemas/keys.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';
import { batchOf, documentsOf, enrichRows, NOW, type Row } from '../../testing/data/enrichment.ts';
import { NO_DOCUMENTS } from '../model/documents.ts';
import { OWNER_KIND } from '../model/topology.ts';
import { compileSnapshot } from '../snapshot/snapshot.ts';

const uuid = (n: number) => n.toString(16).padStart(32, '0');
const HYPERVISOR = uuid(0xa1);

function fact({ macText, ...given }: Partial<StoredFact> & { macText?: string }): StoredFact {
  const words = macText === undefined ? undefined : parseMac(macText)!;
  return {
    receivedAtMs: NOW,
    firstSeenMs: NOW,
    exporter: '192.0.2.1',
    observationDomain: 0,
    protocol: 7,
    kind: 'station',
    index: 0,
    mac: words ? words.high * 2 ** 32 + words.low : 0,
    stationId: '',
    name: '',
    hostId: '',
    ...given,
  };
}

const WEB = '02:00:00:00:00:01';
const DB = '02:00:00:00:00:02';
const STATIONS = [
  fact({ kind: 'host', stationId: HYPERVISOR, name: 'kvm-1', macText: '02:00:00:00:00:aa' }),
  fact({ macText: WEB, stationId: uuid(1), name: 'web-01', hostId: HYPERVISOR }),
  fact({ macText: DB, stationId: uuid(2), name: 'db-01', hostId: HYPERVISOR }),
];
const ROW: Row = { src: '10.0.0.1', dst: '10.0.0.2', srcMac: WEB, dstMac: DB };

function enrich(facts: readonly StoredFact[], row: Row, documents = NO_DOCUMENTS) {
  return enrichRows(compileSnapshot(documents, facts), [row])[0]!;
}
const source = (facts: readonly StoredFact[], row: Row, documents = NO_DOCUMENTS) => {
  const { srcVm, srcHost, srcIdentity, srcApp } = enrich(facts, row, documents);
  return [srcVm, srcHost, srcIdentity, srcApp];
};

// proves: in-band
test('without any document, the MACs of reported stations are VMs with name, host and automatic node', () => {
  expect(enrich(STATIONS, ROW)).toMatchObject({
    srcVm: 'web-01',
    dstVm: 'db-01',
    srcHost: 'kvm-1',
    srcIdentity: 'in-band',
    dstIdentity: 'in-band',
    srcApp: 'auto:web',
    dstApp: 'auto:db',
    srcRule: 'auto-vm',
    locality: 'same-host',
  });
});

test('a station without a name is called by its UUID, one without a host has none, a host nobody named is its UUID', () => {
  expect(source([fact({ macText: WEB, stationId: uuid(1) })], ROW).slice(0, 2)).toEqual([
    '00000000-0000-0000-0000-000000000001',
    '',
  ]);
  expect(source([fact({ macText: WEB, name: 'web', hostId: HYPERVISOR })], ROW)[1]).toBe(
    '00000000-0000-0000-0000-0000000000a1',
  );
});

test('a station with neither name nor id, names of ports and MACs of hosts make no VM', () => {
  const facts = [
    fact({ macText: WEB }),
    fact({ kind: 'interface', macText: WEB, index: 1, name: 'eth0' }),
    fact({ kind: 'host', macText: WEB, stationId: HYPERVISOR, name: 'kvm-1' }),
  ];
  expect(source(facts, ROW)).toEqual(['', '', 'none', 'auto:10.0.0.0/24']);
});

test('vNICs reported under one UUID are one VM', () => {
  const second = '02:00:00:00:00:03';
  const facts = [...STATIONS, fact({ macText: second, stationId: uuid(1), name: 'web-01', hostId: HYPERVISOR })];
  expect(source(facts, { ...ROW, srcMac: second })).toEqual(['web-01', 'kvm-1', 'in-band', 'auto:web']);
  const { topology } = compileSnapshot(NO_DOCUMENTS, facts);
  // Three vNICs of two VMs, and the host's own address.
  expect([topology.count, new Set(topology.entity.filter((_, i) => topology.kind[i] === OWNER_KIND.vm)).size]).toEqual([
    4, 2,
  ]);
});

test('of two exporters that report a MAC the newest word counts, in whatever order it is read', () => {
  const moved = [
    fact({ macText: WEB, stationId: uuid(1), name: 'web-01', hostId: uuid(0xb1), receivedAtMs: NOW - 1000 }),
    fact({ macText: WEB, stationId: uuid(1), name: 'web-01', hostId: uuid(0xb2), exporter: '192.0.2.2' }),
  ];
  for (const facts of [moved, moved.toReversed()])
    expect(source(facts, ROW)[1]).toBe('00000000-0000-0000-0000-0000000000b2');
});

test('the keys of nodes depend on the station alone, not on what else was reported', () => {
  const keys = (facts: readonly StoredFact[]) => {
    const names = createNodeNames();
    const endpoints = new Endpoints(compileSnapshot(NO_DOCUMENTS, facts), names);
    const batch = batchOf([ROW]);
    const offsets = new RowOffsets(1);
    endpoints.resolve(batch.columns, 0, 1, offsets);
    const [src] = offsets.src;
    const { entries, locations } = endpoints;
    const vm = src! + ENTRY.vm;
    const host = entries[src! + ENTRY.location]! + LOCATION.host;
    return [
      keyToBigint({ low: entries[vm]!, high: entries[vm + 1]! }),
      keyToBigint({ low: locations[host]!, high: locations[host + 1]! }),
    ];
  };
  expect(keys(STATIONS.toReversed())).toEqual(keys(STATIONS));
  expect(keys([STATIONS[1]!])).toEqual(keys(STATIONS));
});

const DOCUMENTS = documentsOf({
  inventory: {
    racks: [{ id: 'r1', name: 'Rack 1' }],
    hosts: [
      { id: 'h1', name: 'esx-1', rack: 'r1' },
      { id: 'h2', name: 'KVM-1', rack: 'r1' },
    ],
    vms: [
      { id: '1', name: 'shop-01', host: 'h1', vnics: [{ mac: WEB, addresses: ['10.0.0.1'] }] },
      { id: '2', name: 'mail-01', uuid: uuid(9), host: 'h1', vnics: [{ addresses: ['10.0.0.9'] }] },
    ],
    endpoints: [{ id: 'gw', name: 'gw', kind: 'gateway', mac: '02:00:00:00:00:fe' }],
  },
});

// proves: in-band
test('a document wins: its MAC keeps its VM and its host', () => {
  expect(source(STATIONS, ROW, DOCUMENTS)).toEqual(['shop-01', 'esx-1', 'mac', 'auto:shop']);
});

test('a document wins: the owner of the address goes before the MAC of a reported station', () => {
  expect(source(STATIONS, { ...ROW, srcMac: DB }, DOCUMENTS)).toEqual(['shop-01', 'esx-1', 'address', 'auto:shop']);
});

test('a document wins: what a gateway forwards is not taken for a station that has its MAC', () => {
  const facts = [fact({ macText: '02:00:00:00:00:fe', stationId: uuid(7), name: 'router-01' })];
  expect(source(facts, { src: '10.0.0.77', srcMac: '02:00:00:00:00:fe' }, DOCUMENTS)[0]).toBe('');
});

test('a VM of the document gains the MACs that are reported under its UUID, and stays where the document has it', () => {
  const facts = [
    ...STATIONS,
    fact({ macText: '02:00:00:00:00:09', stationId: uuid(9), name: 'x', hostId: HYPERVISOR }),
  ];
  expect(source(facts, { src: '10.0.0.77', srcMac: '02:00:00:00:00:09' }, DOCUMENTS)).toEqual([
    'mail-01',
    'esx-1',
    'mac',
    'auto:mail',
  ]);
});

test('a reported host that the document has by name, or by UUID, is that host', () => {
  const row = { ...ROW, src: '10.0.0.77', srcMac: DB };
  expect(enrich(STATIONS, row, DOCUMENTS)).toMatchObject({ srcVm: 'db-01', srcHost: 'KVM-1', srcRack: 'Rack 1' });
  const byId = documentsOf({ inventory: { hosts: [{ id: '00000000-0000-0000-0000-0000000000A1', name: 'node-a' }] } });
  expect(source(STATIONS, row, byId)[1]).toBe('node-a');
  const twice = documentsOf({
    inventory: {
      hosts: [
        { id: 'h1', name: 'kvm-1' },
        { id: 'h2', name: 'kvm-1' },
      ],
    },
  });
  const snapshot = compileSnapshot(twice, STATIONS);
  expect(snapshot.topology.hostTexts.starts).toHaveLength(3 + 1);
});

test('applications claim reported stations by name like any VM', () => {
  const documents = documentsOf({
    applications: { applications: [{ id: 'shop', name: 'Shop', servers: { names: ['web-*'] } }] },
  });
  expect(enrich(STATIONS, ROW, documents).srcApp).toBe('Shop');
});

test('65,536 stations join 100,000 VMs', () => {
  const vms = Array.from({ length: 100_000 }, (_, i) => ({
    id: `vm${i}`,
    name: `vm-${i}`,
    status: 'running',
    tags: [],
    vnics: [{ mac: `02:00:01${(i + 0x1000000).toString(16).slice(1).replace(/../g, ':$&')}`, addresses: [] }],
  }));
  const documents = { ...NO_DOCUMENTS, inventory: { ...NO_DOCUMENTS.inventory, vms } };
  const facts = Array.from({ length: 65_536 }, (_, i) =>
    fact({
      mac: 0x020002000000 + i,
      stationId: uuid(0x10000 + i),
      name: `guest-${i}`,
      hostId: uuid(0x1000 + (i % 500)),
    }),
  );
  const startedAt = performance.now();
  const snapshot = compileSnapshot(documents, facts);
  console.log(`100,000 VMs and 65,536 stations compiled in ${Math.round(performance.now() - startedAt)} ms`);
  expect(snapshot.topology.count).toBe(165_536 + 500);
  const last = { src: '10.0.0.1', srcMac: '02:00:02:00:ff:ff' };
  expect(enrichRows(snapshot, [last])[0]).toMatchObject({ srcVm: 'guest-65535', srcIdentity: 'in-band' });
});

test('a station id in a record names the end that it describes', () => {
  const reported = (row: Partial<Row>, documents = NO_DOCUMENTS) => {
    const { srcVm, dstVm, srcIdentity, dstIdentity } = enrich(
      STATIONS,
      { src: '10.0.0.1', dst: '10.0.0.77', stationId: uuid(2), ...row },
      documents,
    );
    return [srcVm, srcIdentity, dstVm, dstIdentity];
  };
  expect(reported({ direction: 'ingress' })).toEqual(['db-01', 'station', '', 'none']);
  expect(reported({ direction: 'egress' })).toEqual(['', 'none', 'db-01', 'station']);
  // Not reported: the sender, unless the receiver is recognised as that station.
  expect(reported({})).toEqual(['db-01', 'station', '', 'none']);
  expect(reported({ dstMac: DB })).toEqual(['', 'none', 'db-01', 'in-band']);
  expect(reported({ stationId: uuid(0xdead) })).toEqual(['', 'none', '', 'none']);
  // What the station forwards is not its own, as with a MAC.
  expect(reported({ direction: 'ingress' }, DOCUMENTS)).toEqual(['shop-01', 'address', '', 'none']);
});

test('a station id names a VM of a document by its UUID, without any fact', () => {
  const row: Row = { src: '10.0.0.200', dst: '10.0.0.9', stationId: uuid(9), direction: 'ingress' };
  const [enriched] = enrichRows(compileSnapshot(DOCUMENTS), [row]);
  expect(enriched).toMatchObject({ srcVm: 'mail-01', srcHost: 'esx-1', srcIdentity: 'station' });
});
