// Peers, services and what crosses a boundary, against sums over the records of the test; when they were seen first and last,
// where fine tables have lost the days.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom } from '../../benchmarks/random.ts';
import { LOCALITIES, LOCALITY, SERVER_SIDE } from '../../schemas/codes.ts';
import { serviceKey } from '../../schemas/keys.ts';
import { dayOf } from '../../storage/days.ts';
import { insertPlaces } from '../../storage/tables/places.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { big, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import type { DependenciesAnswer } from './dependencies-answer.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TODAY = Math.floor(Date.now() / DAY) * DAY;
const NOW = TODAY + 10 * HOUR;
const [OLD, RECENT] = [TODAY - 20 * DAY, TODAY - 2 * DAY];
const names = ['web', 'db', 'cache', 'mail', 'log', 'dns'];
const apps = new Map(names.map(name => [name, node('application', name)]));
const vms = new Map(names.map(name => [name, node('vm', name)]));
const segments = [node('segment', 'front'), node('segment', 'back')];
const places = segments.map((segment, i) => ({
  ...{ key: BigInt(i + 1), site: 0n, vswitch: 0n, portGroup: 0n, segment: segment.key, tier: 0n, tags: [] },
}));
/** Front: web, cache, dns. */
const placeOf = (name: string) => (names.indexOf(name) % 2 === 0 ? 1n : 2n);

interface Sent {
  readonly atMs: number;
  readonly src: string;
  readonly dst: string;
  readonly port: number;
  readonly isServerSrc: boolean;
  readonly locality: (typeof LOCALITIES)[number];
  readonly bytes: number;
}
const random = createRandom(7, 11);
const SIZES: Readonly<Record<string, number>> = { web: 40_000, db: 100_000, cache: 9000, mail: 900, log: 500, dns: 10 };
const recent: readonly Sent[] = Array.from({ length: 900 }, (_, i) => {
  const [src, dst] = [names[random.below(6)]!, names[random.below(6)]!];
  return {
    ...{ src, dst, atMs: RECENT + random.below(40 * HOUR), port: [443, 5432, 53][random.below(3)]! },
    ...{ isServerSrc: random.below(2) === 0, locality: LOCALITIES[random.below(7)]! },
    bytes: SIZES[src === 'web' ? dst : src]! + i,
  };
});
/** Before the fine tables begin: web and db, at a quarter past nine. */
const old: Sent = { ...recent[0]!, src: 'db', dst: 'web', port: 5432, atMs: OLD + 9.25 * HOUR, bytes: 77 };
const asFlow = ({ atMs, src, dst, port, isServerSrc, locality, bytes }: Sent) =>
  flow({
    ...{ srcApp: apps.get(src)!.key, dstApp: apps.get(dst)!.key, srcVm: vms.get(src)!.key, dstVm: vms.get(dst)!.key },
    ...{ srcPlace: placeOf(src), dstPlace: placeOf(dst), service: big(serviceKey(6, port, port)) },
    ...{ serverSide: isServerSrc ? SERVER_SIDE.src : SERVER_SIDE.dst, locality: LOCALITY[locality], bytes },
    ...{ flowStart: atMs, flowEnd: atMs + 1000, receivedAt: atMs + 2000 },
  });

let server: TestServer;
let house: QueryHouse;
beforeAll(async () => {
  server = await startTestServer();
  house = await createQueryHouse(server, 'dependencies', {
    ...{ nowMs: NOW, flows: [old, ...recent].map(asFlow), nodes: [...apps.values(), ...vms.values(), ...segments] },
    config: { retentionDays: 3000, rollupRetentionDays: 10_000 },
  });
  await insertPlaces(house.storage, places);
  for (const table of ['traffic_1m', 'traffic_5m'])
    await house.storage.command(`ALTER TABLE ${table} DROP PARTITION ${dayOf(OLD)}`);
});
afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

const sumOf = (list: readonly Sent[]) => list.reduce((sum, { bytes }) => sum + bytes, 0);
const peerOf = ({ src, dst }: Sent) => (src === 'web' ? dst : src);
const own = recent.filter(({ src, dst }) => (src === 'web') !== (dst === 'web'));
const total = sumOf(own);
const iso = (ms: number) => new Date(ms).toISOString();
const floor = (ms: number, stepS: number) => iso(Math.floor(ms / 1000 / stepS) * stepS * 1000);
const window = { from: iso(RECENT), to: iso(TODAY) };

/** What of the rows stays inside a host, a rack, a site, by plain sums. */
const inside = (list: readonly Sent[]) => {
  const upTo = (...places: string[]) => sumOf(list.filter(({ locality }) => places.includes(locality)));
  return {
    host: upTo('same-vswitch', 'same-host'),
    rack: upTo('same-vswitch', 'same-host', 'same-rack'),
    site: upTo('same-vswitch', 'same-host', 'same-rack', 'cross-rack'),
    unknown: upTo('unknown'),
  };
};

test.each(['app', 'vm'])('by %s: peers above the share, and everything else as one rest', async by => {
  const answer = await house.answer<DependenciesAnswer>('dependencies', { ...window, of: 'web', by });
  const byPeer = Map.groupBy(own, peerOf);
  const listed = [...byPeer]
    .filter(([, list]) => sumOf(list) >= 0.01 * total)
    .sort(([, a], [, b]) => sumOf(b) - sumOf(a));
  expect(listed.map(([name]) => name)).toEqual(['db', 'cache']);
  expect(answer.peers.map(({ peer, value }) => [peer.name, value])).toEqual(
    listed.map(([name, list]) => [name, sumOf(list)]),
  );
  for (const [i, [name, list]] of listed.entries()) {
    const sent = list.filter(({ src }) => src === 'web');
    const { to, from, share, moves, direction } = answer.peers[i]!;
    expect([to.value, from.value, share, direction], name).toEqual([
      ...[sumOf(sent), sumOf(list) - sumOf(sent), sumOf(list) / total, 'both'],
    ]);
    const segment = by === 'app' ? null : sumOf(list.filter(({ src, dst }) => placeOf(src) === placeOf(dst)));
    expect(moves).toEqual({ ...inside(list), segment });
  }
  const others = own.filter(one => !listed.some(([name]) => name === peerOf(one)));
  expect(answer.rest).toMatchObject({ value: sumOf(others), share: sumOf(others) / total, moves: inside(others) });
  expect(answer).toMatchObject({ peerCount: 5, total: { value: total, method: 'exact' }, moves: inside(own) });
  expect(answer.within.value).toBe(sumOf(recent.filter(({ src, dst }) => src === 'web' && dst === 'web')));
});

test('services of a peer say who serves, and limits cut both', async () => {
  const query = { ...window, of: 'web', share: 0, limit: 1, services: 2 };
  const { peers, rest } = await house.answer<DependenciesAnswer>('dependencies', query);
  const withDb = own.filter(one => peerOf(one) === 'db');
  const groups = Map.groupBy(
    withDb,
    ({ port, src, isServerSrc }) => `tcp/${port} ${(src === 'web') === isServerSrc ? 'of' : 'peer'}`,
  );
  const largest = [...groups].map(([name, list]) => [name, sumOf(list)] as const).sort(([, a], [, b]) => b - a);
  expect(peers[0]!.services.map(({ name, server, bytes }) => [`${name} ${server}`, bytes])).toEqual(
    largest.slice(0, 2),
  );
  expect(peers[0]!.serviceCount).toBe(6);
  expect(
    peers[0]!.services.map(
      ({ name, title }) => ({ 'tcp/443': 'https', 'tcp/5432': 'postgresql', 'tcp/53': 'domain' })[name] === title,
    ),
  ).toEqual([true, true]);
  expect([peers.length, rest.value]).toEqual([1, total - sumOf(withDb)]);
});

test('seen first and last: as fine as what is kept has it', async () => {
  const { peers, historySince } = await house.answer<DependenciesAnswer>('dependencies', { ...window, of: 'web' });
  const last = (name: string) => Math.max(...own.filter(one => peerOf(one) === name).map(({ atMs }) => atMs));
  const first = (name: string) => Math.min(...own.filter(one => peerOf(one) === name).map(({ atMs }) => atMs));
  expect(peers.map(({ seen }) => seen)).toEqual([
    { first: floor(old.atMs, 3600), firstSec: 3600, firstOrEarlier: true, last: floor(last('db'), 60), lastSec: 60 },
    {
      first: floor(first('cache'), 60),
      firstSec: 60,
      firstOrEarlier: false,
      last: floor(last('cache'), 60),
      lastSec: 60,
    },
  ]);
  expect(historySince).toBe(floor(old.atMs, 3600));
  const byVm = await house.answer<DependenciesAnswer>('dependencies', { ...window, of: 'web', by: 'vm' });
  expect(byVm.peers[1]!.seen).toMatchObject({ first: floor(first('cache'), 300), firstSec: 300 });
});

test('a table has the rest as a row, several names are one, and what nothing covers is null', async () => {
  const { body } = await house.get('/api/v1/dependencies', { ...window, of: 'web', format: 'csv' });
  const lines = body
    .trim()
    .split('\r\n')
    .map(line => line.split(','));
  expect(lines.map(([, name]) => name)).toEqual(['peer', 'db', 'cache', 'rest']);
  const both = await house.answer<DependenciesAnswer>('dependencies', { ...window, of: 'WEB|d*' });
  const team = ['web', 'db', 'dns'];
  const outward = recent.filter(({ src, dst }) => team.includes(src) !== team.includes(dst));
  expect([both.ofCount, both.total.value]).toEqual([3, sumOf(outward)]);
  const before = await house.answer<DependenciesAnswer>('dependencies', {
    of: 'web',
    from: iso(OLD - 5 * DAY),
    to: iso(OLD - 4 * DAY),
  });
  expect([before.total.value, before.rest.value, before.moves.host, before.peers]).toEqual([null, null, null, []]);
});

test('a name that no application has is refused, with what has it', async () => {
  for (const [of, by, reason] of [
    ['nobody', 'app', 'no application is named "nobody"'],
    ['front', 'vm', 'something else has this name'],
    ['web|', 'app', 'lacks a value'],
  ]) {
    const { status, body } = await house.get('/api/v1/dependencies', { of: of!, by: by! });
    expect([status, JSON.parse(body).parameters[0]]).toEqual([
      400,
      { parameter: 'of', reason: expect.stringContaining(reason!) },
    ]);
  }
});
