// What counts of traffic for which no rule names an observation point: the truth is the sum of the packets that were sent,
// by hand.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom, samplePackets } from '../../benchmarks/random.ts';
import { COUNT_REASON, DIRECTION, PROTOCOL } from '../../schemas/codes.ts';
import { createLog } from '../../service/log.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import { ScheduledRollup } from '../../storage/rollup/scheduled-rollup.ts';
import { INTERFACE_SQL, SOURCE_SQL } from '../../storage/tables/elections.ts';
import { EVERY_SOURCE, insertLearned } from '../../storage/tables/learned-interfaces.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { type FlowObject, flow } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import { QUERY_API_SERVICE } from '../configuration.ts';
import type { MatrixAnswer } from './matrix.ts';
import type { SeriesAnswer } from './series.ts';
import type { TopAnswer } from './top.ts';

const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 60_000;
const AGO = NOW - 20 * 60_000;
const base: FlowObject = {
  weight: 0,
  countReason: COUNT_REASON.unelected,
  srcAddr: '10.0.0.1',
  dstAddr: '10.0.0.2',
  flowEnd: AGO,
};
const seen = (fields: FlowObject) => flow({ ...base, ...fields });

let server: TestServer;
let databases = 0;
const houses: QueryHouse[] = [];
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  for (const house of houses) await house.api.stop();
  await server?.close();
});

async function houseWith(flows: readonly FlowObject[]): Promise<QueryHouse> {
  const house = await createQueryHouse(server, `unelected${databases++}`, { nowMs: NOW, flows, nodes: [] });
  houses.push(house);
  return house;
}
const totalOf = async (house: QueryHouse, query = {}) =>
  (await house.answer<TopAnswer>('top', { from: 'now-1h', ...query })).total;
const rollUp = (house: QueryHouse) =>
  new ScheduledRollup({ storage: house.storage, log: createLog('test', 'error') }).run(Date.now() + 600_000);

const clocks = [0, 1].flatMap(exporter =>
  // 900 bytes of each of ten packets, two minutes apart, by a clock that is 35 s ahead at the second bridge.
  Array.from({ length: 10 }, (_, i) =>
    seen({ exporter: `192.0.2.${exporter + 1}`, bytes: 90_000, flowEnd: AGO + 120_000 * i - 5000 + 35_000 * exporter }),
  ),
);

test.each<[string, FlowObject[], { value: number; ciLow: number; ciHigh: number }]>([
  [
    'two member ports of one switch',
    [seen({ inIf: 1, bytes: 400_000 }), seen({ inIf: 2, bytes: 400_000 })],
    { value: 800_000, ciLow: 400_000, ciHigh: 800_000 },
  ],
  [
    'the same addresses in two VLANs',
    [
      seen({ vlan: 10, srcMac: 1, dstMac: 2, bytes: 500_000 }),
      seen({ vlan: 20, srcMac: 3, dstMac: 4, bytes: 300_000 }),
    ],
    { value: 800_000, ciLow: 500_000, ciHigh: 800_000 },
  ],
  ['two bridges whose clocks differ', clocks, { value: 900_000, ciLow: 900_000, ciHigh: 1_800_000 }],
  [
    'a router with one arm',
    [seen({ inIf: 1, srcMac: 1, dstMac: 9, bytes: 700_000 }), seen({ inIf: 2, srcMac: 9, dstMac: 2, bytes: 700_000 })],
    { value: 700_000, ciLow: 700_000, ciHigh: 1_400_000 },
  ],
  [
    'both directions of one exporter',
    [
      seen({ inIf: 1, direction: DIRECTION.ingress, bytes: 600_000 }),
      seen({ outIf: 2, direction: DIRECTION.egress, bytes: 600_000 }),
    ],
    { value: 600_000, ciLow: 600_000, ciHigh: 1_200_000 },
  ],
  [
    'sFlow and NetFlow of one switch',
    [seen({ protocol: PROTOCOL.sflow5, bytes: 500_000 }), seen({ protocol: PROTOCOL.netflow9, bytes: 480_000 })],
    { value: 500_000, ciLow: 500_000, ciHigh: 980_000 },
  ],
])('%s: the sum of an exporter, between what one interface and what all of them saw', async (_, flows, expected) => {
  const house = await houseWith(flows);
  expect(await totalOf(house)).toEqual({ ...expected, samples: 0, method: 'largest-point' });
  await rollUp(house);
  expect(await totalOf(house)).toEqual({ ...expected, samples: 0, method: 'largest-point' });
  // From the records, by minute, by exporter, as a rate: the same choice.
  expect(await totalOf(house, { by: 'srcAddr' })).toMatchObject(expected);
  const { rows } = await house.answer<TopAnswer>('top', { from: 'now-1h', by: 'exporter' });
  expect(rows.reduce((sum, { value }) => sum + value!, 0)).toBe(expected.value);
  const series = await house.answer<SeriesAnswer>('series', { from: 'now-1h', metric: 'bytes' });
  expect(series.series[0]!.total).toBe(expected.value);
  const matrix = await house.answer<MatrixAnswer>('matrix', { from: 'now-1h' });
  expect(matrix.total).toMatchObject(expected);
  expect([matrix.quality.unelectedShare, matrix.quality.largestPointShare]).toEqual([1, 1]);
});

test('what one interface alone saw, unsampled, is counted as it is', async () => {
  const house = await houseWith([
    seen({ bytes: 1000 }),
    seen({ srcAddr: '10.0.0.7', exporter: '192.0.2.2', bytes: 50 }),
  ]);
  expect(await totalOf(house)).toEqual({ value: 1050, ciLow: 1050, ciHigh: 1050, samples: 0, method: 'exact' });
});

test('packets are bounded as bytes are', async () => {
  const house = await houseWith([
    seen({ exporter: '192.0.2.1', packets: 10, bytes: 1000 }),
    seen({ exporter: '192.0.2.2', packets: 9, bytes: 900 }),
  ]);
  expect(await totalOf(house, { metric: 'packets' })).toMatchObject({ value: 10, ciLow: 10, ciHigh: 19 });
  const rate = await totalOf(house, { metric: 'maxBps' });
  expect(rate).toMatchObject({ method: 'largest-point' });
  expect(rate.ciHigh! / rate.value!).toBeCloseTo(1.9, 9);
});

test('many pairs of few samples past three bridges: the largest is too much, and its bounds hold the truth', async () => {
  // 300 pairs of 100 packets of 1000 bytes, 1 in 100: one sample of each at each bridge on average, by a fixed pattern of
  // 0, 1 and 2 samples.
  const flows: FlowObject[] = [];
  for (let pair = 0; pair < 300; pair++)
    for (let bridge = 0; bridge < 3; bridge++) {
      const samples = (pair + bridge) % 3;
      if (samples > 0)
        flows.push(
          seen({
            exporter: `192.0.2.${bridge + 1}`,
            srcAddr: `10.1.${pair >> 8}.${pair & 255}`,
            samplingRate: 100,
            packets: samples,
            bytes: 1000 * samples,
            estPackets: 100 * samples,
            estBytes: 100_000 * samples,
            varBytes: 100 * 99 * samples * 1e6,
          }),
        );
    }
  const total = await totalOf(await houseWith(flows));
  expect(total).toMatchObject({ value: 60_000_000, method: 'largest-point' });
  expect(total.ciLow).toBeLessThan(30_000_000);
  expect(total.ciHigh).toBeGreaterThan(90_000_000);
});

test('where the network was learned, the learned interfaces count, for all that is stored, until more was learned', async () => {
  const flows = [1, 2, 3].flatMap(exporter => [
    seen({ exporter: `192.0.2.${exporter}`, bytes: 1000 * exporter }),
    seen({ exporter: `192.0.2.${exporter}`, bytes: 1000 * exporter, flowEnd: AGO + 600_000 }),
  ]);
  const house = await houseWith(flows);
  await rollUp(house);
  const interfaces = await house.storage.select<{ source: string; id: string }>(
    'SELECT toString(u.source) AS source, toString(u.interface) AS id FROM unelected_5m AS u GROUP BY source, id ORDER BY min(u.bytes)',
  );
  const [first, second, third] = interfaces.map(({ id }) => id) as [string, string, string];
  const source = interfaces[0]!.source;
  const learn = (row: object, at: number) =>
    insertLearned(house.storage, [{ source, sinceS: 0, counted: [], repeated: [], ...row }], at);
  await learn({ counted: [first], repeated: [second] }, NOW);
  // The third one is not known: it may hold what nobody else saw.
  expect(await totalOf(house)).toEqual({
    value: 2000,
    ciLow: 2000,
    ciHigh: 8000,
    samples: 0,
    method: 'largest-point',
  });
  await learn({ counted: [first, second], repeated: [third] }, NOW + 1);
  const sum = { value: 6000, ciLow: 6000, ciHigh: 6000, samples: 0, method: 'exact' };
  expect(await totalOf(house)).toEqual(sum);
  const matrix = await house.answer<MatrixAnswer>('matrix', { from: 'now-1h' });
  expect([matrix.quality.unelectedShare, matrix.quality.largestPointShare]).toEqual([1, 0]);
  // From ten minutes before the end on, the third interface counts alone.
  await learn({ counted: [third], repeated: [first, second], sinceS: AGO / 1000 + 300 }, NOW + 2);
  expect(await totalOf(house)).toEqual({ ...sum, value: 3000 + 3000, ciLow: 6000, ciHigh: 6000 });
  expect(await totalOf(house, { to: 'now-15m' })).toMatchObject({ value: 3000 });
});

/** The hashes of the interfaces, by exporter, and of the first sender. */
async function hashesOf(house: QueryHouse): Promise<{ interfaces: string[]; source: string }> {
  const rows = await house.storage.select<{ id: string; source: string }>(
    `SELECT toString(${INTERFACE_SQL}) AS id, toString(${SOURCE_SQL}) AS source FROM flows ORDER BY exporter, srcAddr`,
  );
  return { interfaces: [...new Set(rows.map(({ id }) => id))], source: rows[0]!.source };
}
const A = { exporter: '192.0.2.1' };
const B = { exporter: '192.0.2.2' };
const C = { exporter: '192.0.2.3' };
const BOTH_ON_B = { srcAddr: '10.0.0.8', dstAddr: '10.0.0.9' };

test.each(['every sender', 'the sender itself'])(
  'what an interface that repeats others saw alone is counted, by the choice of %s',
  async of => {
    // Switches in series: B sees 8000 bytes that pass A too, and 2000 between two of its own hosts.
    const local = of === 'every sender' ? BOTH_ON_B : { dstAddr: '10.0.0.9' };
    const house = await houseWith([
      seen({ ...A, bytes: 8000 }),
      seen({ ...B, bytes: 8000 }),
      seen({ ...B, ...local, bytes: 2000, packets: 1 }),
    ]);
    const { interfaces, source } = await hashesOf(house);
    const learned = { sinceS: 0, counted: [interfaces[0]!], repeated: [interfaces[1]!] };
    await insertLearned(house.storage, [{ source: of === 'every sender' ? EVERY_SOURCE : source, ...learned }], NOW);
    const expected = { value: 10_000, ciLow: 10_000, ciHigh: 10_000, samples: 0, method: 'exact' };
    expect(await totalOf(house)).toEqual(expected);
    await rollUp(house);
    expect(await totalOf(house)).toEqual(expected);
    const matrix = await house.answer<MatrixAnswer>('matrix', { from: 'now-1h' });
    expect([matrix.quality.unelectedShare, matrix.quality.largestPointShare]).toEqual([1, 0.2]);
  },
);

test('where two that repeat others saw a pair alone, it has the bounds of one that was not learned', async () => {
  const house = await houseWith([
    seen({ ...A, bytes: 8000 }),
    seen({ ...B, ...BOTH_ON_B, bytes: 2000 }),
    seen({ ...C, ...BOTH_ON_B, bytes: 1500 }),
  ]);
  const [a, ...others] = (await hashesOf(house)).interfaces;
  await insertLearned(house.storage, [{ source: EVERY_SOURCE, sinceS: 0, counted: [a!], repeated: others }], NOW);
  expect(await totalOf(house)).toMatchObject({ value: 10_000, ciLow: 10_000, ciHigh: 11_500, method: 'largest-point' });
});

/** 1000 bytes of each packet, sampled 1 in 100. */
const sampled = (fields: FlowObject, samples: number) =>
  seen({
    ...fields,
    samplingRate: 100,
    packets: samples,
    bytes: 1000 * samples,
    estPackets: 100 * samples,
    estBytes: 100_000 * samples,
    varBytes: 100 * 99 * samples * 1e6,
  });
const pairOf = (net: number, i: number) => ({ srcAddr: `10.${net}.${i >> 8}.${i & 255}`, dstAddr: `10.9.0.1` });
async function learnInSeries(house: QueryHouse): Promise<void> {
  const [a, b] = (await hashesOf(house)).interfaces;
  await insertLearned(house.storage, [{ source: EVERY_SOURCE, sinceS: 0, counted: [a!], repeated: [b!] }], NOW);
}

test('what few samples of each pair show at a repeating interface alone is within the bounds', async () => {
  // 200 pairs pass A and B. 100 of six samples pass B alone: of each, chance may have left none at A, of all it has not.
  const house = await houseWith([
    ...[A, B].flatMap(at => Array.from({ length: 200 }, (_, i) => sampled({ ...at, ...pairOf(1, i) }, 5))),
    ...Array.from({ length: 100 }, (_, i) => sampled({ ...B, ...pairOf(2, i) }, 6)),
  ]);
  await learnInSeries(house);
  const total = await totalOf(house);
  expect(total).toMatchObject({ value: 1000 * 100_000, method: 'largest-point' });
  expect(total.ciHigh! / 100_000).toBeGreaterThan(1600);
  expect(total.ciHigh! / 100_000).toBeLessThan(1900);
  const peak = await totalOf(house, { metric: 'maxBps' });
  expect(peak.ciHigh! / peak.value!).toBeGreaterThan(1.6);
  const packets = { metric: 'packets', by: 'srcAddr', filter: 'srcAddr=10.2.0.0/16', limit: 500 };
  const { total: alone, rows } = await house.answer<TopAnswer>('top', { from: 'now-1h', ...packets });
  expect(alone).toMatchObject({ value: 0, ciLow: 0, method: 'largest-point' });
  expect(alone.ciHigh! / 100).toBeGreaterThan(600);
  expect(rows).toHaveLength(100);
  expect(rows[7]).toMatchObject({ value: 0, ciLow: 0, method: 'largest-point' });
  expect(rows[7]!.ciHigh! / 100).toBeGreaterThan(6);
});

test('what chance leaves to a repeating interface adds nothing but its own error', async () => {
  const random = createRandom(7);
  let truth = 0;
  const flows: FlowObject[] = [];
  for (let i = 0; i < 2000; i++) {
    const packets = 50 + random.below(400);
    truth += 1000 * packets;
    for (const at of [A, B]) {
      const samples = samplePackets(random, packets, 100);
      if (samples > 0) flows.push(sampled({ ...at, ...pairOf(1, i) }, samples));
    }
  }
  const house = await houseWith(flows);
  await learnInSeries(house);
  const total = await totalOf(house);
  const samples = total.value! / 100_000;
  const noise = 1.96 * Math.sqrt(samples) * 100_000;
  // Sizes of several packets in a record are not reported.
  expect(total.method).toBe('approximate');
  expect([total.ciLow! < truth, truth < total.ciHigh!]).toEqual([true, true]);
  expect((total.value! - total.ciLow!) / noise).toBeCloseTo(1, 1);
  expect((total.ciHigh! - total.value!) / noise).toBeGreaterThan(1.1);
  expect((total.ciHigh! - total.value!) / noise).toBeLessThan(2);
});

test('of a pair that is sampled a few times chance may leave none at the interface that counts, of many it does not', async () => {
  const house = await houseWith([
    sampled(A, 100),
    sampled(B, 100),
    // 300 pairs of one sample each, half of them at either bridge: A alone says what they are together.
    ...Array.from({ length: 300 }, (_, i) => sampled({ ...(i % 2 ? A : B), srcAddr: `10.1.${i >> 8}.${i & 255}` }, 1)),
    sampled({ ...B, ...BOTH_ON_B }, 40),
  ]);
  await learnInSeries(house);
  expect(await totalOf(house)).toMatchObject({ value: 100_000 * (100 + 150 + 40) });
});

test('rows that an earlier version rolled up are bounded by their observation points', async () => {
  const house = await houseWith([seen({ inIf: 1, bytes: 400_000 }), seen({ inIf: 2, bytes: 300_000 })]);
  await rollUp(house);
  const columns = ['source', 'meter', 'interface', 'fromMac', 'toMac'].map(name => `DROP COLUMN ${name}`);
  await house.storage.command(`ALTER TABLE unelected_5m ${columns.join(', ')}`);
  await migrate(house.storage, QUERY_API_SERVICE.load({}));
  // What is learned speaks of interfaces that these rows do not name.
  const row = { sinceS: 0, counted: ['7'], repeated: [] };
  await insertLearned(house.storage, [{ ...row, source: EVERY_SOURCE }], NOW);
  expect(await totalOf(house)).toEqual({
    value: 400_000,
    ciLow: 400_000,
    ciHigh: 700_000,
    samples: 0,
    method: 'largest-point',
  });
});
