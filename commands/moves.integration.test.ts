// Moves of VMs and the links of segments over the real API, planner and advisor threads and ClickHouse, against sums over the
// records of the test: a VM that moves from one leaf to the other, and a segment that nobody uses.

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Advisor, createAdvisor } from '../analysis/coverage/advisor.ts';
import { createPlanner, type Planner } from '../analysis/planning/planner.ts';
import type { MovesAnswer } from '../query-api/questions/moves.ts';
import type { SegmentsAnswer } from '../query-api/questions/segments.ts';
import { PROTOCOL } from '../schemas/codes.ts';
import { inventoryChecker } from '../schemas/inventory.ts';
import { createLog } from '../service/log.ts';
import { insertDocument } from '../storage/tables/documents.ts';
import { insertEvents } from '../storage/tables/events.ts';
import { insertExporterMinutes } from '../storage/tables/exporters.ts';
import { insertPlaces } from '../storage/tables/places.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { encodeExporters, flow, node } from '../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../testing/query-house.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const HISTORY = { inventorySources: [], inventoryStaleMs: 48 * HOUR, inventoryUnknownMs: 96 * HOUR };
const NOW = Math.floor(Date.now() / HOUR) * HOUR;
const FROM = NOW - 4 * HOUR;
/** Within a bucket; flows show it two minutes before the inventory has it. */
const MOVED = FROM + 2 * HOUR + 3 * MINUTE;
const IN_INVENTORY = MOVED + 2 * MINUTE;
const iso = (ms: number) => new Date(ms).toISOString();

const names = ['web', 'db', 'cache'] as const;
type Name = (typeof names)[number];
const SEGMENT: Readonly<Record<Name, 'front' | 'back'>> = { web: 'front', db: 'back', cache: 'front' };
const VLAN = { front: 10, back: 20, unused: 30 };
const segments = ['front', 'back', 'unused'].map(name => node('segment', name));
const groups = ['pg-front', 'pg-back', 'pg-unused'].map(name => node('portGroup', name));
const places = segments.map(({ key }, i) => ({
  ...{ key: BigInt(100 + i), site: 0n, vswitch: 0n, portGroup: groups[i]!.key, segment: key, tier: 0n, tags: [] },
}));
const placeOf = (name: Name) => (SEGMENT[name] === 'front' ? 100n : 101n);
const vms = new Map(names.map(name => [name, { ...node('vm', `lab/${name}`), name }]));
const apps = new Map(names.map(name => [name, node('application', name)]));
const hosts = new Map(['h1', 'h2', 'h3', 'h4'].map(name => [name, node('host', name)]));
const hostOf = (name: Name, atMs: number) => (name === 'db' ? 'h2' : name === 'cache' || atMs >= MOVED ? 'h3' : 'h1');

interface Sent {
  readonly atMs: number;
  readonly src: Name;
  readonly dst: Name;
  readonly bytes: number;
}
/** Three conversations each minute; cache talks to web until it is its neighbour. */
const sent: readonly Sent[] = Array.from({ length: 240 }, (_, minute) => minute).flatMap(minute => {
  const atMs = FROM + minute * MINUTE + 1000;
  const own: Sent[] = [
    { atMs, src: 'web', dst: 'db', bytes: 100_000 + minute },
    { atMs, src: 'db', dst: 'web', bytes: 30_000 + minute },
  ];
  return atMs < MOVED ? [...own, { atMs, src: 'cache', dst: 'web', bytes: 7000 + minute }] : own;
});

const GROUPS: Readonly<Record<string, readonly (keyof typeof VLAN)[]>> = {
  ...{ h1: ['front'], h2: ['back'], h3: ['front', 'back'], h4: ['unused'] },
};
function inventoryAt(asOfMs: number, webOn: string) {
  return inventoryChecker.check('inventory', {
    ...{ source: 'lab', asOf: iso(asOfMs), complete: ['vms'] },
    segments: Object.entries(VLAN).map(([id, vlan]) => ({ id, vlan })),
    switches: [
      { id: 'leaf-1', ports: [{ ifIndex: 1 }, { ifIndex: 2 }, { ifIndex: 10, connectsTo: { switch: 'spine' } }] },
      { id: 'leaf-2', ports: [{ ifIndex: 1 }, { ifIndex: 2 }, { ifIndex: 10, connectsTo: { switch: 'spine' } }] },
      { id: 'spine', ports: [1, 2].map(i => ({ ifIndex: i, connectsTo: { switch: `leaf-${i}` } })) },
    ],
    hosts: [...hosts.keys()].map((id, i) => ({
      ...{ id, pnics: [{ id: 'p', switch: i < 2 ? 'leaf-1' : 'leaf-2', ifIndex: 1 + (i % 2) }] },
      vswitches: [
        {
          ...{ id: 'v', uplinks: ['p'], switching: 'vepa', reflectiveRelay: { configured: true, operational: true } },
          portGroups: GROUPS[id]!.map(segment => ({ id: `pg-${segment}`, segment })),
        },
      ],
    })),
    vms: names.map((name, i) => ({
      ...{ id: name, name, host: name === 'web' ? webOn : hostOf(name, FROM) },
      vnics: [{ mac: `02:00:00:00:00:0${i}`, addresses: [`10.0.0.${i + 1}`], portGroup: `pg-${SEGMENT[name]}` }],
    })),
  });
}

let server: TestServer;
let house: QueryHouse;
let planner: Planner;
let advisor: Advisor;
beforeAll(async () => {
  server = await startTestServer();
  const { url, user, password } = server.address;
  const log = createLog('test', 'error');
  const data = {
    storage: { url, user, password },
    database: 'moves',
    queryTimeoutMs: 20_000,
    history: HISTORY,
    clock: '',
  };
  planner = createPlanner(data, { log });
  advisor = createAdvisor(data, { log });
  house = await createQueryHouse(server, 'moves', {
    ...{ log, nowMs: NOW, dependencies: { planner, advisor } },
    nodes: [...vms.values(), ...apps.values(), ...hosts.values(), ...segments, ...groups],
    flows: sent.map(({ atMs, src, dst, bytes }) =>
      flow({
        ...{
          srcVm: vms.get(src)!.key,
          dstVm: vms.get(dst)!.key,
          srcApp: apps.get(src)!.key,
          dstApp: apps.get(dst)!.key,
        },
        ...{ srcHost: hosts.get(hostOf(src, atMs))!.key, dstHost: hosts.get(hostOf(dst, atMs))!.key },
        ...{ srcPlace: placeOf(src), dstPlace: placeOf(dst), vlan: VLAN[SEGMENT[src]], bytes },
        ...{ flowStart: atMs, flowEnd: atMs + 1000, receivedAt: atMs + 2000 },
      }),
    ),
  });
  const { storage } = house;
  await insertPlaces(storage, places);
  const record = (kind: 'inventory' | 'exporters', asOfMs: number, body: object) =>
    insertDocument(storage, { kind, source: 'lab', asOfMs, recordedAtMs: asOfMs, body: JSON.stringify(body) });
  await record('inventory', FROM - HOUR, inventoryAt(FROM - HOUR, 'h1'));
  await record('inventory', IN_INVENTORY, inventoryAt(IN_INVENTORY, 'h3'));
  const exporters = [1, 2].map(i => ({
    address: `192.0.2.${i}`,
    switch: `leaf-${i}`,
    metering: 'ingress',
    role: 'access',
  }));
  await record('exporters', FROM - HOUR, { exporters });
  const minutes = Array.from({ length: 240 }, (_, i) => FROM + i * MINUTE);
  const seen = minutes.flatMap(minute =>
    exporters.map(({ address }) => ({
      ...{ minute, exporter: address, protocol: PROTOCOL.ipfix, lastSeen: minute + 50_000, datagrams: 1, records: 1 },
    })),
  );
  await insertExporterMinutes(storage, encodeExporters(seen), `exporters.test.0.${'0'.repeat(32)}.0`);
  const event = (vm: Name, from: string, to: string, atMs: number) => ({
    ...{
      kind: 'move' as const,
      mac: names.indexOf(vm) + 1,
      atMs,
      lastSeenMs: atMs + 1000,
      detectedAtMs: atMs,
      confirmedAtMs: 0,
    },
    ...{
      vm: vms.get(vm)!.key,
      fromHost: hosts.get(from)!.key,
      toHost: hosts.get(to)!.key,
      fromExporter: '::',
      fromIfIndex: 0,
    },
    ...{ toExporter: '192.0.2.2', toIfIndex: 1 },
  });
  await insertEvents(storage, [event('web', 'h1', 'h3', MOVED), event('db', 'h2', 'h4', FROM + HOUR)]);
});
afterAll(async () => {
  await house?.api.stop();
  await Promise.all([planner?.stop(), advisor?.stop()]);
  await server?.close();
});

const window = { from: iso(FROM), to: iso(NOW) };

/** bit/s of a host's link in a span: what its VMs send, or receive. */
function rate(host: string, way: 'src' | 'dst', fromMs: number, toMs: number): number {
  const own = sent.filter(one => one.atMs >= fromMs && one.atMs < toMs && hostOf(one[way], one.atMs) === host);
  return (own.reduce((sum, { bytes }) => sum + bytes, 0) * 8000) / (toMs - fromMs);
}

test('a move has the loads of both hosts before and after, without the buckets in which it was', async () => {
  const { moves, moveCount, coverage, inventoryFrom } = await house.answer<MovesAnswer>('moves', window);
  expect([moveCount, coverage, inventoryFrom]).toEqual([2, 1, iso(FROM)]);
  expect(
    moves.map(({ vm, from, to, at, by, inventoryAt }) => [vm.name, from.name, to.name, at, by, inventoryAt]),
  ).toEqual([
    ['web', 'h1', 'h3', iso(MOVED), 'both', iso(IN_INVENTORY)],
    ['db', 'h2', 'h4', iso(FROM + HOUR), 'flows', null],
  ]);
  const [move] = moves;
  const before = [FROM + HOUR, FROM + 2 * HOUR] as const;
  const after = [before[1] + 5 * MINUTE, before[1] + 5 * MINUTE + HOUR] as const;
  expect([move!.before, move!.after]).toEqual([
    { from: iso(before[0]), to: iso(before[1]), coveredShare: 1 },
    { from: iso(after[0]), to: iso(after[1]), coveredShare: 1 },
  ]);
  const found = move!.links.map(link => [
    link.host,
    link.from.id,
    link.to.id,
    link.before.value,
    link.after.value,
    link.change,
  ]);
  const expected = (['h1', 'h3'] as const).flatMap((host, i) =>
    (['src', 'dst'] as const).map(way => {
      const [was, is] = [rate(host, way, ...before), rate(host, way, ...after)];
      const leaf = `leaf-${i + 1}`;
      return [i === 0 ? 'old' : 'new', ...(way === 'src' ? [host, leaf] : [leaf, host]), was, is, is - was];
    }),
  );
  expect(found.sort()).toEqual(expected.sort());
  // What the move did: everything of web left the old link.
  expect(expected.filter(([host]) => host === 'old').map(one => one[4])).toEqual([0, 0]);
});

test('what is not covered has no load, a limit cuts, and a span is checked', async () => {
  const early = await house.answer<MovesAnswer>('moves', { ...window, span: '3h', limit: 1 });
  expect(early.moves.map(({ before }) => before.coveredShare)).toEqual([2 / 3]);
  expect(early.moves[0]!.before.from).toBe(iso(FROM - HOUR));
  const { status, body } = await house.get('/api/v1/moves', { span: '8d' });
  expect([status, JSON.parse(body).parameters[0].parameter]).toEqual([400, 'span']);
  const csv = (await house.get('/api/v1/moves', { ...window, format: 'csv' })).body.trim().split('\r\n');
  expect(csv.length).toBe(1 + 2 * 4);
});

/** Bytes of the segment on a link, by the ends of the records. */
const bytesOn = (fits: (one: Sent & { srcHost: string; dstHost: string }) => boolean) =>
  sent
    .filter(one => fits({ ...one, srcHost: hostOf(one.src, one.atMs), dstHost: hostOf(one.dst, one.atMs) }))
    .reduce((sum, { bytes }) => sum + bytes, 0);
const ofFront = (name: Name) => SEGMENT[name] === 'front';
const linkNames = ({ links }: SegmentsAnswer) => links.map(({ from, to }) => [from.id, to.id].sort().join(' ')).sort();

test('a segment has its applications, and each link that carries it what went over it and since when nothing did', async () => {
  const answer = await house.answer<SegmentsAnswer>('segments', { ...window, of: 'front' });
  const ofApp = (name: Name) => bytesOn(({ src, dst }) => src === name || dst === name);
  const all = bytesOn(({ src, dst }) => ofFront(src) || ofFront(dst));
  expect(answer.applications.map(({ app, value, share }) => [app.name, value, share])).toEqual([
    ['web', ofApp('web'), ofApp('web') / all],
    ['cache', ofApp('cache'), ofApp('cache') / all],
  ]);
  expect([answer.total.value, answer.attached, answer.uplinksSeen, answer.warnings]).toEqual([all, 2, true, []]);
  expect(linkNames(answer)).toEqual(['h1 leaf-1', 'h3 leaf-2', 'leaf-1 spine', 'leaf-2 spine']);
  const link = (a: string, b: string) =>
    answer.links.find(({ from, to }) => [from.id, to.id].sort().join(' ') === `${a} ${b}`)!;
  const own = (host: string) =>
    bytesOn(one => (one.srcHost === host && ofFront(one.src)) || (one.dstHost === host && ofFront(one.dst)));
  expect(link('h1', 'leaf-1')).toMatchObject({ configured: true, bytes: own('h1'), idle: false });
  // The last record of web there began in the minute before it moved; the bucket is of five.
  const lastEnd = iso(Math.floor(MOVED / (5 * MINUTE)) * 5 * MINUTE + 5 * MINUTE);
  expect(link('h1', 'leaf-1')).toMatchObject({ lastTraffic: lastEnd, idleSince: lastEnd });
  expect(link('h3', 'leaf-2')).toMatchObject({ bytes: own('h3'), lastTraffic: iso(NOW), idle: false, idleSince: null });
  const between = bytesOn(({ srcHost, dstHost }) => (srcHost === 'h3') !== (dstHost === 'h3'));
  expect(link('leaf-1', 'spine').bytes).toBe(between);
});

test('a segment that nobody uses is idle, where all that could use it is seen', async () => {
  for (const query of [{ of: 'unused' }, { of: 'pg-unused', by: 'portgroup' }, { of: '30', by: 'vlan' }]) {
    const { links, applications, total } = await house.answer<SegmentsAnswer>('segments', { ...window, ...query });
    expect([applications, total.value]).toEqual([[], 0]);
    expect(links.map(({ from, to, ...link }) => [from.id, to.id, link])).toEqual([
      [
        'h4',
        'leaf-2',
        { kind: 'access', configured: true, bytes: 0, lastTraffic: null, idle: true, idleSince: iso(FROM) },
      ],
    ]);
  }
  // Before there was a collector nothing is known: not that it was idle, but since when.
  const early = await house.answer<SegmentsAnswer>('segments', { from: iso(FROM - HOUR), to: iso(NOW), of: 'unused' });
  expect(early.links.map(({ bytes, idle, idleSince }) => [bytes, idle, idleSince])).toEqual([[null, null, null]]);
  expect(early.warnings).toEqual([expect.stringContaining('not covered all the time')]);
});

test('a VLAN is that of the records, and a name or number that leads nowhere is refused', async () => {
  const { applications, attached } = await house.answer<SegmentsAnswer>('segments', {
    ...window,
    of: '20',
    by: 'vlan',
  });
  const fromDb = bytesOn(({ src }) => src === 'db');
  expect([applications.map(({ app, value }) => [app.name, value]).sort(), attached]).toEqual([
    [
      ['db', fromDb],
      ['web', fromDb],
    ],
    2,
  ]);
  for (const [of, by, reason] of [
    ['web', 'segment', 'no segment is named "web"'],
    ['front', 'portgroup', 'no port group is named "front"'],
    ['five', 'vlan', 'is a whole number'],
  ] as const) {
    const { status, body } = await house.get('/api/v1/segments', { of, by });
    expect([status, JSON.parse(body).parameters[0]]).toMatchObject([
      400,
      { parameter: 'of', reason: expect.stringContaining(reason) },
    ]);
  }
});
