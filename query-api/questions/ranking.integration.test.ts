// p95 and maximum: what they are over, what they leave open, and when there is none. The truth is arithmetic over the
// records of the test, and of a simulation the packets before they were sampled.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { peakOf, seriesParameters } from '../../console/series-peak.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { type FlowObject, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import type { MatrixAnswer } from './matrix.ts';
import type { SeriesAnswer } from './series.ts';
import type { TopAnswer } from './top.ts';

const MINUTE = 60_000;
const BUCKET = 5 * MINUTE;
/** The end of a closed bucket; the tests ask two minutes later, in the open one. */
const CLOSED = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 30 * MINUTE;
const NOW = CLOSED + 2 * MINUTE;
const [web, db] = [node('application', 'web'), node('application', 'db')];

let server: TestServer;
const houses: QueryHouse[] = [];
let names = 0;

async function houseOf(flows: readonly FlowObject[], nodes = [web, db]): Promise<QueryHouse> {
  const house = await createQueryHouse(server, `ranking_${names++}`, { nowMs: NOW, flows, nodes });
  houses.push(house);
  return house;
}

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(async () => {
  for (const house of houses) await house.api.stop();
  await server?.close();
});

const between = { srcApp: web.key, dstApp: db.key };
/** A record of one second in the bucket that ended `back` buckets before CLOSED; 0 is the newest closed one, -1 the open. */
const inBucket = (back: number, fields: FlowObject) => {
  const start = CLOSED - (back + 1) * BUCKET;
  return flow({ ...between, flowStart: start, flowEnd: start + 1000, ...fields });
};
/** 1000, 2000 ... bytes in as many closed buckets, and a thousand times as much in the open one. */
const growing = (buckets: number) => [
  ...Array.from({ length: buckets }, (_, i) => inBucket(i, { bytes: 1000 * (buckets - i) })),
  inBucket(-1, { bytes: 1000 * buckets * 1000 }),
];
const perBucket = (bytes: number) => (bytes * 8) / 300;

test('below 20 closed buckets there is no p95, and the answer says so', async () => {
  const house = await houseOf(growing(19));
  for (const question of ['matrix', 'top']) {
    const { total, ranking } = await house.answer<TopAnswer>(question, { from: 'now-3h', metric: 'p95Bps' });
    expect(total).toMatchObject({ value: null, ciLow: null, ciHigh: null, method: 'none' });
    expect(ranking).toMatchObject({ tooFewBuckets: true, buckets: 19, bucketSec: 300 });
    expect(ranking!.warnings[0]).toContain('needs 20 closed buckets of five minutes, and the window has 19');
  }
  const { cells, rows, columns, interTotal } = await house.answer<MatrixAnswer>('matrix', {
    from: 'now-3h',
    metric: 'p95Bps',
  });
  for (const { value } of [...cells, ...rows, ...columns, interTotal]) expect(value).toBeNull();
  const csv = await house.get('/api/v1/top', { from: 'now-3h', metric: 'p95Bps', format: 'csv' });
  expect(csv.body.split('\r\n')[1]).toMatch(/,,,,0,none,/);
});

test('from 20 closed buckets on it is the nearest rank, and the open bucket has no part in it', async () => {
  const house = await houseOf(growing(20));
  const p95 = await house.answer<MatrixAnswer>('matrix', { from: 'now-3h', metric: 'p95Bps' });
  expect(p95.ranking).toMatchObject({ tooFewBuckets: false, buckets: 20, invalid: false, warnings: [] });
  // Nearest rank ceil(0.95 x 20) = 19 of 1000 to 20000.
  expect(p95.total).toMatchObject({ value: perBucket(19_000), ciLow: perBucket(19_000), method: 'exact' });
  const peak = await house.answer<MatrixAnswer>('matrix', { from: 'now-3h', metric: 'maxBps' });
  expect([peak.total.value, peak.cells[0]!.value]).toEqual([perBucket(20_000), perBucket(20_000)]);
});

test('metrics that add up have no ranking', async () => {
  const house = await houseOf(growing(2));
  for (const question of ['matrix', 'top'])
    expect((await house.answer<TopAnswer>(question, { metric: 'bytes' })).ranking).toBeNull();
});

test('without a closed bucket there is no maximum', async () => {
  const house = await houseOf([inBucket(-1, { bytes: 5000 })]);
  const { total, ranking } = await house.answer<TopAnswer>('top', { metric: 'maxBps' });
  expect([total.value, ranking!.tooFewBuckets, ranking!.buckets]).toEqual([null, true, 0]);
});

test('the first bucket divides by the seconds of it that were observed', async () => {
  // The first record begins in the fifth minute of the first bucket.
  const start = CLOSED - 2 * BUCKET + 4 * MINUTE;
  const house = await houseOf([
    flow({ ...between, bytes: 6000, flowStart: start, flowEnd: start + 30_000 }),
    inBucket(0, { bytes: 9000 }),
  ]);
  const peak = await house.answer<TopAnswer>('top', { metric: 'maxBps' });
  expect(peak.coveredFrom).toBe(new Date(start).toISOString());
  expect(peak.total.value).toBe((6000 * 8) / 60);
  const average = await house.answer<TopAnswer>('top', { metric: 'avgBps' });
  expect(average.total.value).toBeCloseTo((15_000 * 8) / (60 + 300 + 120), 9);
});

test('a record longer than a bucket makes a p95 and a maximum invalid', async () => {
  const lasting = (ms: number) =>
    flow({ ...between, bytes: 60_000, flowStart: CLOSED - 12 * BUCKET, flowEnd: CLOSED - 12 * BUCKET + ms });
  const within = await houseOf([...growing(25), lasting(BUCKET)]);
  const beyond = await houseOf([...growing(25), lasting(6 * BUCKET)]);
  const ask = async (house: QueryHouse, more: object = {}) =>
    (await house.answer<TopAnswer>('top', { from: 'now-3h', metric: 'p95Bps', ...more })).ranking!;
  expect(await ask(within)).toMatchObject({ invalid: false, longestRecordSec: 300, warnings: [] });
  expect(await ask(beyond)).toMatchObject({ invalid: true, longestRecordSec: 1800 });
  expect((await ask(beyond)).warnings[0]).toContain('records last up to 1800 s, longer than a bucket');
  // Records that the filter leaves out do not matter, and without a record nobody knows.
  expect(await ask(beyond, { filter: 'srcApp=db' })).toMatchObject({ invalid: null, longestRecordSec: null });
});

/** A generator with a seed: mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Packets sampled of `packets` with 1 in `rate`, by Poisson's law. */
function sampledOf(random: () => number, packets: number, rate: number): number {
  let [count, sum] = [0, -Math.log(random())];
  while (sum < packets / rate) {
    count++;
    sum -= Math.log(random());
  }
  return count;
}

const RATE = 100;
const LENGTH = 1000;
const sampledBucket = (back: number, samples: number, fields: FlowObject) =>
  inBucket(back, {
    packets: samples,
    bytes: samples * LENGTH,
    samplingRate: RATE,
    estBytes: samples * LENGTH * RATE,
    estPackets: samples * RATE,
    varBytes: samples * RATE * (RATE - 1) * LENGTH ** 2,
    ...fields,
  });

test('the interval of a sampled p95 and of a sampled maximum holds the truth in 19 of 20 cells', {
  timeout: 120_000,
}, async () => {
  const seed = 20261130;
  const random = randomOf(seed);
  const [cells, buckets] = [60, 100];
  const nodes = Array.from({ length: cells }, (_, i) => node('application', `app-${i}`));
  const truth = new Map<string, { p95: number; max: number }>();
  const flows: FlowObject[] = [];
  for (const { key, name } of nodes) {
    const sent = Array.from({ length: buckets }, () => Math.round(3000 + 4000 * random()));
    const sorted = [...sent].sort((a, b) => a - b);
    truth.set(name, { p95: perBucket(sorted[94]! * LENGTH), max: perBucket(sorted[99]! * LENGTH) });
    for (const [back, packets] of sent.entries()) {
      const samples = sampledOf(random, packets, RATE);
      if (samples > 0) flows.push(sampledBucket(back, samples, { srcApp: key, dstApp: db.key }));
    }
  }
  const house = await houseOf(flows, [...nodes, db]);
  for (const [metric, of] of [
    ['p95Bps', 'p95'],
    ['maxBps', 'max'],
  ] as const) {
    const answer = await house.answer<MatrixAnswer>('matrix', {
      from: new Date(CLOSED - buckets * BUCKET).toISOString(),
      to: new Date(CLOSED).toISOString(),
      metric,
      limit: 100,
    });
    expect(answer.cells.length).toBe(cells);
    const held = answer.cells.filter(
      ({ src, ciLow, ciHigh }) => ciLow! <= truth.get(src.name)![of] && truth.get(src.name)![of] <= ciHigh!,
    );
    expect(held.length, `${metric}, seed ${seed}`).toBeGreaterThanOrEqual(cells * 0.95);
    for (const { value, ciLow, ciHigh } of answer.cells) {
      expect(ciLow!).toBeLessThan(value!);
      expect(ciHigh!).toBeGreaterThan(value!);
    }
  }
});

test('noise that dominates is a warning; what is sampled often enough is not', async () => {
  // Flat traffic of 400 samples a bucket scatters by 5 %, of 25 by 20 %.
  const flat = (samples: number) => Array.from({ length: 30 }, (_, i) => sampledBucket(i, samples, {}));
  const [often, seldom] = [await houseOf(flat(400)), await houseOf(flat(25))];
  const ask = (house: QueryHouse) => house.answer<TopAnswer>('top', { from: 'now-3h', metric: 'p95Bps' });
  const good = await ask(often);
  expect([good.total.method, good.ranking!.noisy, good.ranking!.warnings]).toEqual(['order', false, []]);
  const bad = await ask(seldom);
  expect([bad.total.method, bad.ranking!.noisy]).toEqual(['noisy', true]);
  expect(bad.ranking!.warnings[0]).toContain('scatters by more than 10 %');
  // Garwood's interval of 25 events is 16.179 to 36.905 (tables of the Poisson distribution). Packets of 1,500 bytes, which a
  // larger sample would show, make the upper end that of 9.22 events of 1.638 samples, up to 17.37 such events.
  const perSample = perBucket(LENGTH * RATE);
  expect(bad.total.ciHigh! / perSample).toBeCloseTo(25 + (17.37 - 9.22) * 1.638, 1);
  expect(bad.total.ciLow! / perSample).toBeCloseTo(16.179, 0);
});

test("the console's peak of a selection and of its chart are over the same buckets", async () => {
  const open = inBucket(-1, { bytes: 9_000_000 });
  // The highest minute is not in the highest bucket, and the window begins within one.
  const minute = flow({
    ...between,
    bytes: 50_000,
    flowStart: CLOSED - 8 * BUCKET,
    flowEnd: CLOSED - 8 * BUCKET + 1000,
  });
  const even = flow({ ...between, bytes: 90_000, flowStart: CLOSED - 4 * BUCKET, flowEnd: CLOSED - 3 * BUCKET });
  const house = await houseOf([open, minute, even, inBucket(20, { bytes: 10 })]);
  const window = { from: new Date(CLOSED - 8 * BUCKET + 2 * MINUTE).toISOString(), to: 'now', by: 'app' };
  const matrix = await house.answer<MatrixAnswer>('matrix', { ...window, metric: 'maxBps' });
  const cell = matrix.cells[0]!;
  const series = await house.answer<SeriesAnswer>('series', {
    ...window,
    src: cell.src.key,
    dst: cell.dst.key,
    ...seriesParameters('maxBps'),
  });
  expect([cell.value, peakOf(series)]).toEqual([perBucket(90_000), perBucket(90_000)]);
  expect(seriesParameters('p95Bps')).toEqual({ metric: 'avgBps', step: 300 });
});
