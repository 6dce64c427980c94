import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fixedKnowledge } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { MARKS } from '../../schemas/codes.ts';
import { BATCH_KEY, batchOf, documentsOf, enrichRows, LIMITS, type Row } from '../../testing/data/enrichment.ts';
import { createNodeNames } from '../endpoints/node-names.ts';
import { Enrichment } from './enrich.ts';

const inventory = {
  segments: [{ id: 'dmz', prefixes: ['10.9.0.0/16'] }],
  hosts: [{ id: 'h1', vswitches: [{ id: 'v1', portGroups: [{ id: 'pg-7', name: 'Blue' }] }] }],
  vms: [
    {
      id: '1',
      name: 'web-01',
      host: 'h1',
      folder: '/prod/shop',
      tags: ['tier:front'],
      vnics: [{ mac: '02:00:00:00:00:01', addresses: ['10.0.0.1'] }],
    },
    {
      id: '2',
      name: 'db-01',
      host: 'h1',
      vnics: [{ mac: '02:00:00:00:00:02', addresses: ['10.0.0.2'], portGroup: 'pg-7' }],
    },
    { id: '3', name: 'lab-07', host: 'h1', vnics: [{ addresses: ['10.0.0.3'] }] },
  ],
};
const rowsWith = (applications: object[], ...rows: Row[]) =>
  enrichRows(documentsOf({ inventory, applications: { applications } }), rows);
const WEB = { id: 'web', servers: { names: ['web-*'] }, ports: ['tcp/443', 'tcp/8000-8100'] };
const DB = { id: 'db', name: 'Database', servers: { names: ['db-?1'] }, ports: ['tcp/5432'] };

test('the server belongs to the application that lists its port, the client to the first it is a member of', () => {
  const [row] = rowsWith([WEB, DB], { src: '10.0.0.1', dst: '10.0.0.2', srcPort: 40001, dstPort: 5432 });
  expect(row).toMatchObject({
    srcApp: 'web',
    srcRule: 'client',
    dstApp: 'Database',
    dstRule: 'server-port',
    service: 'tcp/5432',
    serverSide: 'dst',
  });
});

test('a listed range is one service', () => {
  const [row] = rowsWith([WEB], { src: '10.0.0.1', dst: '10.0.0.2', srcPort: 8042, dstPort: 40001 });
  expect(row).toMatchObject({ srcApp: 'web', srcRule: 'server-port', service: 'tcp/8000-8100', serverSide: 'src' });
});

test('without a listed port the first member application takes it as `other`; a strict one does not', () => {
  const row = { src: '10.0.0.3', dst: '10.0.0.1', dstPort: 22 };
  expect(rowsWith([WEB], row)[0]).toMatchObject({ dstApp: 'web', dstRule: 'server', service: 'other' });
  expect(rowsWith([{ ...WEB, strict: true }], row)[0]).toMatchObject({
    dstApp: 'auto:web',
    dstRule: 'auto-vm',
    service: 'tcp/22',
  });
  expect(
    rowsWith(
      [
        { ...WEB, strict: true },
        { id: 'all', servers: { prefixes: ['10.0.0.0/8'] }, ports: ['udp/53'] },
      ],
      row,
    )[0],
  ).toMatchObject({ dstApp: 'all', dstRule: 'server' });
});

test('precedence: the first whose servers and port match goes before an earlier one that lists another port', () => {
  const all = { id: 'all', servers: { prefixes: ['10.0.0.0/8'] }, ports: ['tcp/1-65535'] };
  const row = { src: '10.0.0.3', dst: '10.0.0.1', dstPort: 22 };
  expect(rowsWith([WEB, all], row)[0]).toMatchObject({ dstApp: 'all', service: 'tcp/1-65535' });
  expect(rowsWith([WEB, all], { ...row, dstPort: 443 })[0]).toMatchObject({ dstApp: 'web', service: 'tcp/443' });
  expect(rowsWith([all, WEB], { ...row, dstPort: 443 })[0]).toMatchObject({ dstApp: 'all', service: 'tcp/1-65535' });
  expect(
    rowsWith([{ id: 'any', servers: { prefixes: ['10.0.0.0/8'] } }, WEB], { ...row, dstPort: 443 })[0],
  ).toMatchObject({ dstApp: 'any', dstRule: 'server-port', service: 'tcp/443' });
});

test.each([
  ['names', { names: ['WEB-*'] }],
  ['tags', { tags: ['tier:front'] }],
  ['folders', { folders: ['/prod'] }],
  ['addresses', { addresses: ['10.0.0.1'] }],
  ['prefixes', { prefixes: ['10.0.0.0/31'] }],
  ['macs', { macs: ['02-00-00-00-00-01'] }],
])('%s select members', (_, servers) => {
  const rows = rowsWith([{ id: 'it', servers }], { src: '10.0.0.1', dst: '10.0.0.3', srcPort: 80 });
  expect(rows[0]).toMatchObject({ srcApp: 'it', dstApp: 'auto:lab' });
});

test('port groups are selected by id or name, segments by membership or by prefix', () => {
  const row = { src: '10.0.0.2', dst: '10.9.1.1', srcPort: 80 };
  for (const portGroup of ['pg-7', 'Blue'])
    expect(rowsWith([{ id: 'it', servers: { portGroups: [portGroup] } }], row)[0]).toMatchObject({ srcApp: 'it' });
  expect(rowsWith([{ id: 'it', servers: { segments: ['dmz'] } }], row)[0]).toMatchObject({
    srcApp: 'auto:db',
    dstApp: 'it',
  });
});

test('a folder takes what is below it, not what begins alike', () => {
  const row = { src: '10.0.0.1', dst: '10.0.0.3', srcPort: 80 };
  expect(rowsWith([{ id: 'it', servers: { folders: ['/prod/shop/'] } }], row)[0]!.srcApp).toBe('it');
  expect(rowsWith([{ id: 'it', servers: { folders: ['/pro'] } }], row)[0]!.srcApp).toBe('auto:web');
});

test('a VIP takes its address on its port only, before other selectors', () => {
  const vip = { id: 'shop', servers: { vips: ['10.0.0.1 tcp/443'] } };
  const rows = rowsWith(
    [WEB, vip],
    { src: '10.0.0.3', dst: '10.0.0.1', dstPort: 443 },
    { src: '10.0.0.3', dst: '10.0.0.1', dstPort: 8000 },
    { src: '10.0.0.1', dst: '10.0.0.2', dstPort: 5432 },
  );
  expect(rows.map(row => [row.srcApp, row.dstApp])).toEqual([
    ['auto:lab', 'shop'],
    ['auto:lab', 'web'],
    ['web', 'auto:db'],
  ]);
});

test('a client port at the other end marks the server', () => {
  const dhcp = { id: 'dhcp', servers: { names: ['lab-*'] }, ports: ['udp/67'], clientPorts: ['udp/68'] };
  const [row] = rowsWith([dhcp], { src: '10.0.0.3', dst: '10.0.0.2', proto: 17, srcPort: 6700, dstPort: 68 });
  expect(row).toMatchObject({ serverSide: 'src', srcApp: 'dhcp', srcRule: 'server-port', service: 'udp/6700' });
});

test('services of what nobody lists: the server port, `other` from the ephemeral ones on, the protocol where there are no ports', () => {
  const rows = rowsWith(
    [],
    { src: '10.0.0.1', dst: '10.0.0.2', dstPort: 3306 },
    { src: '10.0.0.1', dst: '10.0.0.2', srcPort: 40000, dstPort: 50000 },
    { src: '10.0.0.1', dst: '10.0.0.2', proto: 17, srcPort: 123, dstPort: 123 },
    { src: '10.0.0.1', dst: '10.0.0.2', proto: 1, srcPort: 0, dstPort: 0x0800 },
    { src: '10.0.0.1', dst: '10.0.0.2', proto: 47, srcPort: 0, dstPort: 0 },
  );
  expect(rows.map(row => [row.service, row.serverSide])).toEqual([
    ['tcp/3306', 'dst'],
    ['other', 'src'],
    ['udp/123', 'unknown'],
    ['icmp', 'unknown'],
    ['proto/47', 'unknown'],
  ]);
});

test('where both ends use one listed port, both are servers of their application', () => {
  const ntp = { id: 'ntp', servers: { names: ['web-*'] }, ports: ['udp/123'] };
  const [row] = rowsWith(
    [
      { id: 'machines', servers: { prefixes: ['10.0.0.0/8'] }, ports: ['tcp/22'] },
      ntp,
      { ...ntp, id: 'time', servers: { names: ['db-*'] } },
    ],
    { src: '10.0.0.1', dst: '10.0.0.2', proto: 17, srcPort: 123, dstPort: 123 },
  );
  expect(row).toMatchObject({
    serverSide: 'unknown',
    srcApp: 'ntp',
    srcRule: 'server-port',
    dstApp: 'time',
    dstRule: 'server-port',
    service: 'udp/123',
  });
});

test('a listed protocol without ports marks the server too', () => {
  const [row] = rowsWith([{ id: 'ping', servers: { names: ['db-*'] }, ports: ['icmp'] }], {
    src: '10.0.0.2',
    dst: '10.0.0.1',
    proto: 1,
    srcPort: 0,
    dstPort: 0,
  });
  expect(row).toMatchObject({ serverSide: 'src', srcApp: 'ping', service: 'icmp' });
});

test('both directions of a conversation agree on applications, service and server', () => {
  const documents = documentsOf({
    inventory,
    applications: {
      applications: [
        { id: 'ntp', servers: { names: ['web-*', 'db-*'] }, ports: ['udp/123', 'tcp/100-200'], strict: true },
        { ...WEB, clientPorts: ['tcp/9000-9100'] },
        DB,
        { id: 'rest', servers: { prefixes: ['10.0.0.0/30'] } },
      ],
    },
  });
  const snapshot = compileSnapshot(documents);
  const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', '10.77.0.1', '8.8.8.8');
  const port = fc.oneof(
    fc.constantFrom(0, 22, 123, 150, 443, 8042, 9050, 5432, 32767, 32768, 40000),
    fc.nat({ max: 65535 }),
  );
  const mirrored: Record<string, string> = { src: 'dst', dst: 'src', unknown: 'unknown' };
  fc.assert(
    fc.property(address, address, fc.constantFrom(6, 17, 1, 47), port, port, (src, dst, proto, srcPort, dstPort) => {
      const [there, back] = enrichRows(snapshot, [
        { src, dst, proto, srcPort, dstPort },
        { src: dst, dst: src, proto, srcPort: dstPort, dstPort: srcPort },
      ]) as [ReturnType<typeof enrichRows>[0], ReturnType<typeof enrichRows>[0]];
      expect(back).toMatchObject({
        srcApp: there.dstApp,
        dstApp: there.srcApp,
        srcRule: there.dstRule,
        dstRule: there.srcRule,
        service: there.service,
      });
      expect(back.serverSide).toBe(mirrored[there.serverSide]);
    }),
    { numRuns: 300 },
  );
});

test('VIPs come before every other selector, by address and port, and both legs say so', () => {
  const documents = documentsOf({
    inventory: {
      ...inventory,
      endpoints: [
        { id: 'lb', name: 'balancer', kind: 'appliance', addresses: ['10.0.0.20'] },
        { id: 'vip', name: 'shop-vip', kind: 'vip', addresses: ['10.0.0.10'], port: 'tcp/443' },
      ],
    },
    applications: {
      applications: [
        { id: 'any', servers: { prefixes: ['10.0.0.0/8'] } },
        { id: 'shop', servers: { vips: ['10.0.0.10 tcp/443'] } },
        WEB,
      ],
    },
  });
  const rows = enrichRows(documents, [
    { src: '10.0.0.3', dst: '10.0.0.10', dstPort: 443 },
    { src: '10.0.0.10', dst: '10.0.0.3', srcPort: 443, dstPort: 40000 },
    { src: '10.0.0.20', dst: '10.0.0.1', dstPort: 8000 },
    { src: '10.0.0.3', dst: '10.0.0.1', dstPort: 8000 },
  ]);
  expect(rows.map(row => [row.srcApp, row.srcRule, row.dstApp, row.dstRule, (row.marks & MARKS.via) !== 0])).toEqual([
    ['any', 'client', 'shop', 'vip', true],
    ['shop', 'vip', 'any', 'client', true],
    ['any', 'client', 'any', 'server-port', true],
    ['any', 'client', 'any', 'server-port', false],
  ]);
});

test('a client that several applications claim belongs to the first, and the record is marked as shared', () => {
  const monitoring = { id: 'monitoring', servers: { tags: ['tier:front'] }, ports: ['tcp/9100'] };
  const calls: Row[] = [
    { src: '10.0.0.1', dst: '10.0.0.2', dstPort: 5432 },
    { src: '10.0.0.2', dst: '10.0.0.1', srcPort: 5432, dstPort: 40000 },
    { src: '10.0.0.2', dst: '10.0.0.1', dstPort: 9100 },
  ];
  const reported = (...order: object[]) =>
    rowsWith(order, ...calls).map(row => [row.srcApp, row.dstApp, (row.marks & MARKS.shared) !== 0]);
  expect(reported(WEB, DB, monitoring)).toEqual([
    ['web', 'Database', true],
    ['Database', 'web', true],
    // On the server's side the port distinguishes them: nothing is shared.
    ['Database', 'monitoring', false],
  ]);
  expect(reported(monitoring, DB, WEB)[0]).toEqual(['monitoring', 'Database', true]);
  expect(reported(WEB, DB)[0]).toEqual(['web', 'Database', false]);
});

test('both ends list their port: the narrower range is the server, and the reason says so', () => {
  const wide = { id: 'wide', servers: { names: ['lab-*'] }, ports: ['tcp/1024-65535'] };
  const [there, back] = rowsWith(
    [wide, DB],
    { src: '10.0.0.3', dst: '10.0.0.2', srcPort: 33000, dstPort: 5432 },
    { src: '10.0.0.2', dst: '10.0.0.3', srcPort: 5432, dstPort: 33000 },
  );
  expect(there).toMatchObject({ srcApp: 'wide', srcRule: 'client', dstApp: 'Database', service: 'tcp/5432' });
  expect([there!.serverSide, there!.serverSideReason]).toEqual(['dst', 'range']);
  expect([back!.serverSide, back!.serverSideReason]).toEqual(['src', 'range']);
});

test('marks of an earlier batch go', () => {
  const snapshot = compileSnapshot(
    documentsOf({ inventory, applications: { applications: [WEB, { ...WEB, id: 'again' }] } }),
  );
  const enrichment = new Enrichment(fixedKnowledge(snapshot), createNodeNames(), LIMITS);
  const batch = batchOf([{ src: '10.0.0.1', dst: '10.0.0.2', dstPort: 5432 }]);
  batch.columns.marks[0] = MARKS.stale | MARKS.via;
  enrichment.enrichBatch(batch, BATCH_KEY);
  expect(batch.columns.marks[0]).toBe(MARKS.shared);
});
