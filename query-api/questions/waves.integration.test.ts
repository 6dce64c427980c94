// Waves of applications, and what crosses after each of them, against arithmetic over the records of 24 buckets and over the
// hosts of the VMs.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Advice } from '../../analysis/coverage/advice.ts';
import { createRandom } from '../../benchmarks/random.ts';
import { explicitKey, hashedKey, keyToHex } from '../../schemas/keys.ts';
import { insertDocument } from '../../storage/tables/documents.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { big, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import { insertReceiving } from '../../testing/receiving.ts';
import type { WavesAnswer } from './waves.ts';

const BUCKET = 300_000;
const CLOSED = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
const NOW = CLOSED + 120_000;
const BUCKETS = 24;
const FIRST = CLOSED - BUCKETS * BUCKET;
const SECONDS = (NOW - FIRST) / 1000;
const WINDOW = { from: new Date(FIRST).toISOString(), to: new Date(NOW).toISOString() };
const HISTORY = { inventorySources: [], inventoryStaleMs: 1e9, inventoryUnknownMs: 1e9 };

/** VMs of each application by host; `idle` exchanges nothing. */
const VMS: Readonly<Record<string, readonly string[]>> = {
  'shop-web': ['h1', 'h2', 'h2'],
  'shop-app': ['h1', 'h2'],
  'shop-db': ['h2'],
  'hr-web': ['h1', 'h1'],
  'hr-db': ['h2'],
  monitor: ['h1'],
  idle: ['h1', 'h2'],
};
const names = Object.keys(VMS).filter(name => name !== 'idle');
const nodes = new Map(names.map(name => [name, node('application', name)]));
const external = big(explicitKey('external'));
/** Mean bytes of a bucket, from one to the other. */
const MEANS: readonly (readonly [src: string, dst: string, bytes: number])[] = [
  ['shop-web', 'shop-app', 9000],
  ['shop-app', 'shop-web', 30_000],
  ['shop-app', 'shop-db', 5000],
  ['shop-db', 'shop-app', 20_000],
  ['hr-web', 'hr-db', 3000],
  ['hr-db', 'hr-web', 8000],
  ['shop-app', 'hr-db', 400],
  ...names.filter(name => name !== 'monitor').map(name => ['monitor', name, 50] as const),
  ['external', 'shop-web', 1000],
  ['hr-web', 'external', 700],
  ['shop-db', 'shop-db', 5000],
];
const random = createRandom(8);
const sent = Array.from({ length: BUCKETS }, () =>
  MEANS.map(([src, dst, mean]) => ({ src, dst, bytes: Math.ceil(mean * 2 * random.unit()) })),
);

let server: TestServer;
let house: QueryHouse;
let bare: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  const keyOf = (name: string) => (name === 'external' ? external : nodes.get(name)!.key);
  const flows = sent.flatMap((records, i) =>
    records.map(({ src, dst, bytes }) => {
      const start = FIRST + i * BUCKET;
      return flow({ srcApp: keyOf(src), dstApp: keyOf(dst), flowStart: start, flowEnd: start + 1000, bytes });
    }),
  );
  const content = { nowMs: NOW, flows, nodes: [...nodes.values()], receives: false };
  bare = await createQueryHouse(server, 'wavesbare', content);
  const advice = new Advice(bare.storage, HISTORY, () => NOW);
  const advisor = { request: (question: Parameters<Advice['answer']>[0]) => advice.answer(question) };
  house = await createQueryHouse(server, 'wavesbare', {
    ...{ ...content, flows: [], nodes: [] },
    dependencies: { advisor },
  });
  await insertReceiving(bare.storage, FIRST, NOW);
  const document = (kind: 'inventory' | 'exporters' | 'applications', asOfMs: number, body: object) =>
    insertDocument(bare.storage, { kind, source: 'vc', recordedAtMs: FIRST, asOfMs, body: JSON.stringify(body) });
  await document('exporters', 0, { exporters: [{ address: '192.0.2.1', switch: 'leaf', metering: 'ingress' }] });
  await document('applications', 0, {
    applications: Object.keys(VMS).map(id => ({ id, servers: { names: [`${id}-*`] } })),
  });
  await document('inventory', FIRST - BUCKET, {
    ...{ source: 'vc', asOf: new Date(FIRST - BUCKET).toISOString(), complete: ['switches', 'hosts', 'vms'] },
    switches: [{ id: 'leaf', ports: [1, 2].map(ifIndex => ({ ifIndex, connectsTo: { host: `h${ifIndex}` } })) }],
    hosts: ['h1', 'h2'].map(id => ({ id, vswitches: [{ id: 'vs', portGroups: [{ id: 'pg', vlan: 10 }] }] })),
    vms: Object.entries(VMS).flatMap(([app, hosts]) =>
      hosts.map((host, i) => ({
        ...{ id: `${app}-${i}`, name: `${app}-${i}`, host },
        vnics: [{ vswitch: 'vs', portGroup: 'pg' }],
      })),
    ),
  });
});

afterAll(async () => {
  await Promise.all([house?.api.stop(), bare?.api.stop()]);
  await server?.close();
});

/** Bytes by bucket of the records that fit. */
const bucketsOf = (fits: (src: string, dst: string) => boolean) =>
  sent.map(records => records.reduce((sum, { src, dst, bytes }) => sum + (fits(src, dst) ? bytes : 0), 0));
const total = (buckets: readonly number[]) => buckets.reduce((sum, bytes) => sum + bytes, 0);
/** Nearest rank: ceil(0.95 x 24) = 23 of 24. */
const p95 = (buckets: readonly number[]) => (buckets.toSorted((a, b) => a - b)[22]! * 8) / 300;

/** What the answer says of each boundary is what its own waves make of the records. */
function expectBoundaries({ waves }: WavesAnswer): void {
  const moved = new Set<string>();
  for (const wave of waves) {
    for (const { name } of wave.applications) moved.add(name);
    const isPlanned = (name: string) => name !== 'external';
    const from = bucketsOf((src, dst) => moved.has(src) && isPlanned(dst) && !moved.has(dst));
    const to = bucketsOf((src, dst) => moved.has(dst) && isPlanned(src) && !moved.has(src));
    const elsewhere = bucketsOf((src, dst) => isPlanned(src) !== isPlanned(dst) && (moved.has(src) || moved.has(dst)));
    for (const [way, buckets] of [
      ['fromMoved', from],
      ['toMoved', to],
      ['elsewhere', elsewhere],
    ] as const) {
      expect(wave[way].average.value, way).toBeCloseTo((total(buckets) * 8) / SECONDS, 6);
      expect(wave[way].p95.value, way).toBeCloseTo(p95(buckets), 6);
    }
    expect(wave.bytes).toBe(total(from) + total(to));
  }
  expect([...moved].sort()).toEqual([...names].sort());
  expect(waves.at(-1)!.bytes).toBe(0);
}

const groups = ({ waves }: WavesAnswer) => waves.map(({ applications }) => applications.map(({ name }) => name).sort());

test('what talks moves together, and boundaries carry what their records sum to: average and p95 of the sum', async () => {
  const answer = await house.answer<WavesAnswer>('waves', { ...WINDOW, waves: 2, waveVms: 7 });
  expect(groups(answer)).toEqual([
    ['hr-db', 'hr-web'],
    ['monitor', 'shop-app', 'shop-db', 'shop-web'],
  ]);
  expectBoundaries(answer);
  expect(answer.cost).toBe(answer.waves[0]!.bytes);
  expect(answer.waves.map(({ vms }) => vms)).toEqual([3, 7]);
  expect([answer.waveVms, answer.silent]).toEqual([7, { applications: 1, vms: 2 }]);
  const applications = answer.waves.flatMap(wave => wave.applications);
  for (const { name, key, vms } of applications)
    expect([key, vms]).toEqual([keyToHex(hashedKey('application', name)), VMS[name]!.length]);
});

test('as many waves as the size needs, each boundary right, and the plan is the same each time', async () => {
  const query = { ...WINDOW, waveVms: 4 };
  const answer = await house.answer<WavesAnswer>('waves', query);
  expect(answer.waves.length).toBeGreaterThanOrEqual(3);
  for (const { vms } of answer.waves) expect(vms).toBeLessThanOrEqual(4);
  expectBoundaries(answer);
  expect(answer.cost).toBe(answer.waves.reduce((sum, { bytes }) => sum + bytes, 0));
  expect(groups(await house.answer<WavesAnswer>('waves', query))).toEqual(groups(answer));
});

test('coverage is that of the pairs of VMs across the boundary, and invisible ones are counted', async () => {
  const { waves } = await house.answer<WavesAnswer>('waves', { ...WINDOW, waves: 2, waveVms: 7 });
  const hosts = waves.map(({ applications }) => applications.flatMap(({ name }) => VMS[name]!));
  const [moved, rest] = hosts as [string[], string[]];
  const pairs = moved.flatMap(a => rest.map(b => a !== b));
  // What stays on one host passes no meter; both directions count.
  expect(waves[0]!.coverage).toBeCloseTo(pairs.filter(Boolean).length / pairs.length, 9);
  expect(waves[0]!.invisiblePairs).toBe(2 * pairs.filter(isSeen => !isSeen).length);
  expect(waves[1]).toMatchObject({ coverage: null, invisiblePairs: null });
});

test('an application is silent only in a window that is covered all the time', async () => {
  const earlier = new Date(FIRST - 600_000).toISOString();
  const partly = await house.answer<WavesAnswer>('waves', { ...WINDOW, from: earlier });
  expect([partly.silent, partly.total]).toEqual([null, expect.any(Number)]);
  expect(partly.warnings).toEqual([expect.stringContaining('not known which applications have no traffic')]);
  const nothing = await house.answer<WavesAnswer>('waves', { ...WINDOW, filter: 'srcApp=shop-web,dstApp=hr-db' });
  expect([nothing.total, nothing.silent, nothing.warnings]).toEqual([
    0,
    { applications: 7, vms: 12 },
    [expect.stringContaining('no two applications')],
  ]);
});

test('capacity, limit and filter', async () => {
  const narrow = await house.answer<WavesAnswer>('waves', { ...WINDOW, waves: 2, waveVms: 7, capacity: 1 });
  expect(narrow.waves.map(({ beyondCapacity }) => beyondCapacity)).toEqual([true, false]);
  const wide = await house.answer<WavesAnswer>('waves', { ...WINDOW, waves: 2, waveVms: 7, capacity: 1e12 });
  expect(wide.waves[0]!.beyondCapacity).toBe(false);
  const few = await house.answer<WavesAnswer>('waves', { ...WINDOW, limit: 3 });
  expect(groups(few).flat().sort()).toEqual(['shop-app', 'shop-db', 'shop-web']);
  const inside = (name: string) => name.startsWith('shop');
  expect(few.beyondLimit).toEqual({
    applications: 3,
    bytes: total(
      bucketsOf((src, dst) => src !== dst && src !== 'external' && dst !== 'external' && !(inside(src) && inside(dst))),
    ),
  });
  const shop = await house.answer<WavesAnswer>('waves', { ...WINDOW, filter: 'srcApp=shop-*,dstApp=shop-*' });
  expect(groups(shop).flat().sort()).toEqual(['shop-app', 'shop-db', 'shop-web']);
});

test('without inventory each application counts as one, and what nobody sees is not known', async () => {
  const answer = await bare.answer<WavesAnswer>('waves', { ...WINDOW, waves: 2 });
  expect(answer.waves.flatMap(({ applications }) => applications.map(({ vms }) => vms))).toEqual(Array(6).fill(null));
  expect(answer.waves[0]).toMatchObject({ vms: null, coverage: null, invisiblePairs: null });
  expect([answer.silent, answer.waveVms]).toEqual([null, null]);
  expectBoundaries(answer);
  expect(answer.warnings[0]).toContain('no inventory');
  const refused = await bare.get('/api/v1/waves', { ...WINDOW, waveVms: 5 });
  expect([refused.status, JSON.parse(refused.body).type]).toEqual([409, 'urn:hairpin:problem:inventory-missing']);
});

test('what no plan can keep is refused, and of time that nobody received there are no waves', async () => {
  for (const query of [{ waveVms: 2 }, { waves: 2, waveVms: 4 }]) {
    const { status, body } = await house.get('/api/v1/waves', { ...WINDOW, ...query });
    expect([status, JSON.parse(body).parameters[0].parameter]).toEqual([400, 'waveVms']);
  }
  const before = { from: new Date(FIRST - 7_200_000).toISOString(), to: new Date(FIRST - 3_600_000).toISOString() };
  const answer = await house.answer<WavesAnswer>('waves', before);
  expect([answer.waves, answer.total, answer.cost, answer.silent, answer.warnings]).toEqual([
    ...[[], null, null, null],
    [expect.stringContaining('traffic of the window is not known')],
  ]);
  const csv = await house.get('/api/v1/waves', { ...WINDOW, waves: 2, waveVms: 7, format: 'csv' });
  expect(csv.body.split('\r\n')).toHaveLength(1 + names.length + 1);
});
