// The questions against a real ClickHouse. Truth is computed apart: by plain sums over the records, or by hand.

import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COUNT_REASON, PROTOCOL, RATE_SOURCE } from '../../schemas/codes.ts';
import { prefix4Key, serviceKey } from '../../schemas/keys.ts';
import { createLog } from '../../service/log.ts';
import { createMetrics } from '../../service/metrics.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import { ScheduledRollup } from '../../storage/rollup/scheduled-rollup.ts';
import { insertExporterMinutes } from '../../storage/tables/exporters.ts';
import { insertFlows } from '../../storage/tables/flows.ts';
import { insertNodes } from '../../storage/tables/nodes.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { big, encodeExporters, encodeFlows, type FlowObject, flow, node } from '../../testing/data/stored-rows.ts';
import { insertReceivingOf } from '../../testing/receiving.ts';
import { createQueryApi, type QueryApi } from '../app.ts';
import { QUERY_API_SERVICE } from '../configuration.ts';
import type { CoverageAnswer } from './coverage.ts';
import type { ExportersAnswer } from './exporters.ts';
import type { FlowsAnswer } from './flows.ts';
import type { MatrixAnswer } from './matrix.ts';
import type { SeriesAnswer } from './series.ts';
import type { TopAnswer } from './top.ts';

const MINUTE = 60_000;
/** Half past the last full hour but one: all times of the test lie in the past and within one day's retention. */
const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 30 * MINUTE;
const at = (minutesAgo: number) => NOW - minutesAgo * MINUTE;

const config = QUERY_API_SERVICE.load({});
const web = node('application', 'web');
const db = node('application', 'db, the large one');
const cache = node('application', 'cache');
const [web1, web2, db1] = [node('vm', 'web-1'), node('vm', 'web-2'), node('vm', 'db-1')];
const block = big(prefix4Key(0x0a090000, 24));
const https = big(serviceKey(6, 443, 443));
const postgres = big(serviceKey(6, 5432, 5432));

let server: TestServer;

interface House {
  readonly storage: ClickHouse;
  readonly api: QueryApi;
  ask<T>(question: string, params?: Record<string, string | number>): Promise<T>;
  problem(
    question: string,
    params?: Record<string, string | number>,
  ): Promise<{
    status: number;
    type: string;
    body: { detail: string; parameters: { parameter: string; reason: string }[] };
  }>;
}

async function createHouse(database: string, flows: readonly FlowObject[]): Promise<House> {
  const storage = server.connect(database);
  await migrate(storage, config);
  if (flows.length > 0) await insertFlows(storage, encodeFlows(flows), `flows.test.0.${'0'.repeat(32)}.0`);
  await insertReceivingOf(storage, flows, NOW);
  await insertNodes(storage, [web, db, cache, web1, web2, db1]);
  const api = createQueryApi(config, {
    storage,
    log: createLog('test', 'error'),
    metrics: createMetrics(),
    ready: () => [],
    nowMs: () => NOW,
    installation: {
      receiving: { udpPorts: [2055, 4739, 6343], udpHost: '::' },
      inventory: true,
      applications: false,
    },
  });
  await api.app.ready();
  const get = (question: string, params: Record<string, string | number>) =>
    api.app.inject({
      method: 'GET',
      url: `/api/v1/${question}`,
      query: Object.fromEntries(Object.entries(params).map(([name, value]) => [name, String(value)])),
    });
  return {
    storage,
    api,
    async ask<T>(question: string, params: Record<string, string | number> = {}) {
      const response = await get(question, params);
      if (response.statusCode !== 200) throw new Error(response.body);
      return response.json<T>();
    },
    async problem(question, params = {}) {
      const response = await get(question, params);
      return { status: response.statusCode, type: String(response.headers['content-type']), body: response.json() };
    },
  };
}

/** Rolls up everything stored so far: three minutes from now it is ripe. */
function pass(storage: ClickHouse): Promise<number> {
  return new ScheduledRollup({ storage, log: createLog('test', 'error') }).run(Date.now() + 180_000);
}

const elected: FlowObject[] = [
  flow({
    srcApp: web.key,
    dstApp: db.key,
    srcVm: web1.key,
    dstVm: db1.key,
    srcAddr: '10.0.0.1',
    dstAddr: '10.0.1.1',
    service: postgres,
    serverSide: 2,
    bytes: 1000,
    packets: 10,
    flowStart: at(20),
    flowEnd: at(17),
  }),
  flow({
    srcApp: db.key,
    dstApp: web.key,
    srcVm: db1.key,
    dstVm: web1.key,
    srcAddr: '10.0.1.1',
    dstAddr: '10.0.0.1',
    service: postgres,
    serverSide: 1,
    bytes: 9001,
    packets: 20,
    flowStart: at(20),
    flowEnd: at(16.5),
  }),
  flow({
    srcApp: web.key,
    dstApp: web.key,
    srcVm: web1.key,
    dstVm: web2.key,
    srcAddr: '10.0.0.1',
    dstAddr: '10.0.0.2',
    service: https,
    serverSide: 2,
    bytes: 500,
    packets: 5,
    flowEnd: at(10),
  }),
  flow({
    srcApp: web.key,
    dstApp: cache.key,
    srcVm: web2.key,
    srcAddr: '10.0.0.2',
    dstAddr: '10.0.2.1',
    service: https,
    serverSide: 2,
    bytes: 70,
    packets: 1,
    flowEnd: at(3),
  }),
  flow({
    srcApp: block,
    dstApp: web.key,
    srcAddr: '10.9.0.7',
    dstAddr: '10.0.0.1',
    service: https,
    serverSide: 2,
    bytes: 30,
    packets: 1,
    flowEnd: at(3),
  }),
];
/** Seen again by a point that is not the canonical one: stored, never counted. */
const notCounted = flow({
  ...elected[0],
  weight: 0,
  countReason: COUNT_REASON['not-canonical'],
  exporter: '192.0.2.9',
});

/** One conversation seen by three points in two buckets, and one seen by one point, all unelected. */
const unelectedBase = {
  weight: 0,
  countReason: COUNT_REASON.unelected,
  srcApp: web.key,
  dstApp: db.key,
  srcAddr: '10.0.0.1',
  dstAddr: '10.0.1.1',
  serverSide: 2,
  service: postgres,
};
const unelected: FlowObject[] = [
  flow({ ...unelectedBase, exporter: '192.0.2.1', bytes: 600, flowEnd: at(12) }),
  flow({ ...unelectedBase, exporter: '192.0.2.1', service: https, bytes: 50, flowEnd: at(12) }),
  flow({ ...unelectedBase, exporter: '192.0.2.2', bytes: 640, flowEnd: at(12) }),
  flow({ ...unelectedBase, exporter: '192.0.2.3', bytes: 10, flowEnd: at(12) }),
  flow({ ...unelectedBase, exporter: '192.0.2.2', bytes: 100, flowEnd: at(2) }),
  flow({ ...unelectedBase, exporter: '192.0.2.3', bytes: 99, flowEnd: at(2) }),
  flow({ ...unelectedBase, srcApp: cache.key, srcAddr: '10.0.2.1', bytes: 7, flowEnd: at(2) }),
];
/** Of the first pair the second exporter saw most (its 740 beat 650 and 109); the second pair has one point. */
const UNELECTED_TOTAL = 640 + 100 + 7;
/** What all exporters saw, were they all parallel. */
const UNELECTED_MOST = 600 + 50 + 640 + 10 + 100 + 99 + 7;

/** 20 buckets of a growing cell, and two cells sampled 1 in 100. */
const steady = Array.from({ length: 20 }, (_, i) =>
  flow({ srcApp: web.key, dstApp: db.key, bytes: 1000 * (i + 1), flowEnd: at(100 - 5 * i) }),
);
const sampled = (
  [
    [400, db.key],
    [4, web.key],
  ] as const
).map(([samples, dstApp]) =>
  flow({
    srcApp: cache.key,
    dstApp,
    packets: samples,
    bytes: samples * 1000,
    samplingRate: 100,
    estBytes: samples * 100_000,
    estPackets: samples * 100,
    varBytes: samples * 100 * 99 * 1e6,
    flowEnd: at(5),
  }),
);

/** More cells than one answer takes: 110 addresses to 100 others, the i-th sender i bytes to each. */
const wide = Array.from({ length: 11_000 }, (_, i) =>
  flow({
    srcApp: block,
    srcAddr: `10.9.0.${i % 110}`,
    dstAddr: `10.0.7.${Math.floor(i / 110)}`,
    bytes: i % 110,
    flowEnd: at(5),
  }),
);

/** A scan of more receivers than one answer takes, and one large node that only sends. */
const scan = [
  ...Array.from({ length: 10_400 }, (_, i) =>
    flow({ srcAddr: '10.8.0.1', dstAddr: `10.8.${1 + (i >> 8)}.${i & 255}`, bytes: 10, flowEnd: at(5) }),
  ),
  flow({ srcAddr: '10.8.0.2', dstAddr: '10.8.1.1', bytes: 1_000_000, flowEnd: at(5) }),
];

/**
 * cache to web: 3 MB of a known rate and 1 MB of an unknown one in the same minute; db to web: 2 MB scaled by a rate that
 * the exporter does not report; web to db: 4 MB unsampled.
 */
const unknownErrors = [
  flow({ srcApp: cache.key, dstApp: web.key, bytes: 3_000_000, flowEnd: at(5) }),
  flow({
    srcApp: cache.key,
    dstApp: web.key,
    srcAddr: '10.7.0.1',
    bytes: 1_000_000,
    samplingRate: 0,
    varBytes: Number.POSITIVE_INFINITY,
    flowEnd: at(5),
  }),
  flow({
    srcApp: db.key,
    dstApp: web.key,
    bytes: 2_000_000,
    samplingRate: 0,
    rateSource: RATE_SOURCE.prescaled,
    varBytes: Number.POSITIVE_INFINITY,
    flowStart: at(9),
    flowEnd: at(4),
  }),
  flow({ srcApp: web.key, dstApp: db.key, bytes: 4_000_000, flowEnd: at(5) }),
];

let plain: House;
let rateless: House;
let mixed: House;
let shapes: House;
let scanned: House;

beforeAll(async () => {
  server = await startTestServer();
  plain = await createHouse('plain', [...elected, notCounted]);
  rateless = await createHouse('rateless', unknownErrors);
  mixed = await createHouse('mixed', [...elected, ...unelected]);
  shapes = await createHouse('shapes', [...steady, ...sampled, ...wide]);
  scanned = await createHouse('scanned', scan);
});

afterAll(async () => {
  await plain?.api.stop();
  await rateless?.api.stop();
  await mixed?.api.stop();
  await shapes?.api.stop();
  await scanned?.api.stop();
  await server?.close();
});

const sum = (values: readonly { value: number | null }[]) => values.reduce((all, { value }) => all + value!, 0);
const cellsOf = (answer: MatrixAnswer) =>
  Object.fromEntries(answer.cells.map(cell => [`${cell.src.name} -> ${cell.dst.name}`, cell.value]));

test('the matrix counts elected traffic once, by sender and receiver, with exact totals', async () => {
  const answer = await plain.ask<MatrixAnswer>('matrix', { from: 'now-1h' });
  expect(cellsOf(answer)).toEqual({
    'web -> db, the large one': 1000,
    'db, the large one -> web': 9001,
    'web -> web': 500,
    'web -> cache': 70,
    'auto:10.9.0.0/24 -> web': 30,
  });
  const [truth] = await plain.storage.select<{ bytes: string }>(
    'SELECT sum(estBytes) AS bytes FROM flows WHERE countReason = 1',
  );
  expect(answer.total).toEqual({
    value: Number(truth!.bytes),
    ciLow: 10_601,
    ciHigh: 10_601,
    samples: 0,
    method: 'exact',
  });
  expect(answer.interTotal.value).toBe(10_101);
  expect(answer.rest).toBe(0);
  expect(Object.fromEntries(answer.rows.map(row => [row.name, row.value]))).toEqual({
    'db, the large one': 9001,
    web: 1570,
    'auto:10.9.0.0/24': 30,
    cache: 0,
  });
  expect(sum(answer.columns)).toBe(10_601);
  expect(answer).toMatchObject({ resolutionSec: 60, table: 'traffic_1m', unit: 'bytes', nodes: 4 });
  expect(answer.quality).toMatchObject({
    unelectedShare: 0,
    unclassifiedShare: 30 / 10_601,
    coverage: null,
    accounting: { accepted: 6, counted: 5, byReason: { unelected: 0, elected: 5, 'not-canonical': 1, discarded: 0 } },
  });
});

test('a flow is spread over the buckets it spans and the window cuts it at its edges', async () => {
  const half = await plain.ask<MatrixAnswer>('matrix', {
    from: new Date(at(20)).toISOString(),
    to: new Date(at(19)).toISOString(),
    filter: 'srcApp=web',
  });
  expect(half.total.value).toBe(333);
  const series = await plain.ask<SeriesAnswer>('series', {
    from: 'now-1h',
    src: 'web',
    dst: '"db, the large one"',
    metric: 'bytes',
    step: 60,
  });
  expect(series.series[0]!.values.filter(value => value !== null && value > 0)).toEqual([333, 333, 334]);
});

test('unelected traffic counts the largest exporter of each pair, and every answer agrees', async () => {
  const before = await mixed.ask<MatrixAnswer>('matrix', { from: 'now-1h' });
  await pass(mixed.storage);
  const after = await mixed.ask<MatrixAnswer>('matrix', { from: 'now-1h' });
  const total = 10_601 + UNELECTED_TOTAL;
  for (const answer of [before, after]) {
    expect(answer.total).toMatchObject({
      value: total,
      ciLow: total,
      ciHigh: 10_601 + UNELECTED_MOST,
      method: 'largest-point',
    });
    expect(cellsOf(answer)).toMatchObject({ 'web -> db, the large one': 1740, 'cache -> db, the large one': 7 });
    expect(answer).toMatchObject({ resolutionSec: 300, rest: 0 });
    expect(answer.quality.unelectedShare).toBeCloseTo(UNELECTED_TOTAL / total, 12);
    expect(answer.quality.largestPointShare).toBeCloseTo(UNELECTED_TOTAL / total, 12);
  }
  for (const by of ['service', 'vm', 'app', 'addr', 'exporter', 'srcApp,service']) {
    const top = await mixed.ask<TopAnswer>('top', { from: 'now-1h', by });
    expect([by, top.total.value, sum(top.rows)]).toEqual([by, total, total]);
  }
  for (const split of ['app', 'service', 'srcAddr']) {
    const series = await mixed.ask<SeriesAnswer>('series', { from: 'now-1h', split, metric: 'bytes', limit: 1 });
    expect([split, series.series.reduce((all, { total: own }) => all + own, 0)]).toEqual([split, total]);
    expect(series.series.at(-1)).toMatchObject({ rest: true, keys: [] });
  }
  for (const by of ['vm', 'addr', 'host'])
    expect((await mixed.ask<MatrixAnswer>('matrix', { from: 'now-1h', by })).total.value).toBe(total);
}, 90_000);

test('a question waits while a pass runs, and rows stored after the pass are in its answer at once', async () => {
  const house = await createHouse('passing', elected);
  const totalBy = async (by: string) => (await house.ask<TopAnswer>('top', { from: 'now-1h', by })).total.value;
  await house.storage.command("INSERT INTO passes (minute, state) SELECT toStartOfMinute(now()), 'started'");
  let answered = false;
  const waiting = totalBy('vm').finally(() => {
    answered = true;
  });
  expect([await totalBy('service'), answered]).toEqual([10_601, false]);
  await pass(house.storage);
  expect(await waiting).toBe(10_601);
  await house.storage.command(
    'INSERT INTO flows SELECT * REPLACE (now() + 600 AS storedAt, estBytes * 10 AS estBytes) FROM flows',
  );
  for (const by of ['vm', 'app', 'service', 'srcAddr']) expect([by, await totalBy(by)]).toEqual([by, 11 * 10_601]);
  await house.api.stop();
});

test('what is beyond the limit is an explicit rest', async () => {
  const answer = await plain.ask<MatrixAnswer>('matrix', { from: 'now-1h', limit: 2 });
  expect(answer.nodes).toBe(4);
  expect(answer.rows.map(row => row.name)).toEqual(['web', 'db, the large one']);
  expect([sum(answer.cells), answer.rest, answer.total.value]).toEqual([10_501, 100, 10_601]);
  const top = await plain.ask<TopAnswer>('top', { from: 'now-1h', by: 'app', limit: 1 });
  expect(top).toMatchObject({ groups: 5, rest: 1600, rows: [{ value: 9001, share: 9001 / 10_601 }] });
});

test('a matrix of more cells than are taken at once still adds up', async () => {
  const answer = await shapes.ask<MatrixAnswer>('matrix', {
    from: 'now-1h',
    by: 'addr',
    filter: 'srcAddr=10.9.0.0/24',
    limit: 102,
  });
  const total = 100 * ((109 * 110) / 2);
  expect([answer.nodes, answer.total.value, answer.total.value! - sum(answer.cells)]).toEqual([
    210,
    total,
    answer.rest,
  ]);
  // Every receiver has 5995 bytes; 50 senders have more, so they and 52 receivers are the largest.
  expect(answer.rows.slice(0, 2)).toMatchObject([
    { name: '10.9.0.109', value: 10_900 },
    { name: '10.9.0.108', value: 10_800 },
  ]);
  expect([answer.cells.length, sum(answer.cells)]).toEqual([50 * 52, 52 * 4225]);
});

test('more receivers than are taken at once do not hide the nodes that send most', async () => {
  const answer = await scanned.ask<MatrixAnswer>('matrix', { from: 'now-1h', by: 'addr', limit: 3 });
  expect(answer.nodes).toBe(10_402);
  expect(answer.rows.map(({ name, value }) => [name, value])).toEqual([
    ['10.8.1.1', 0],
    ['10.8.0.2', 1_000_000],
    ['10.8.0.1', 104_000],
  ]);
  expect([answer.total.value, sum(answer.cells), answer.rest]).toEqual([1_104_000, 1_000_010, 103_990]);
});

test('rates are over the observed part; a maximum ranks five-minute buckets', async () => {
  const average = await plain.ask<MatrixAnswer>('matrix', { from: 'now-1h', metric: 'avgBps' });
  expect(average.coveredFrom).toBe(new Date(at(20)).toISOString());
  expect(average.total.value).toBeCloseTo((10_601 * 8) / 1200, 9);
  const peak = await plain.ask<TopAnswer>('top', { from: 'now-20m', by: 'service', metric: 'maxBps' });
  expect(peak.rows.map(row => [row.keys[0]!.name, row.value])).toEqual([
    ['tcp/5432', (10_001 * 8) / 300],
    ['tcp/443', (500 * 8) / 300],
  ]);
});

test('p95 is the nearest rank: of 20 buckets the second largest', async () => {
  const answer = await shapes.ask<MatrixAnswer>('matrix', {
    from: new Date(at(100)).toISOString(),
    metric: 'p95Bps',
    filter: 'srcApp=web',
  });
  expect(answer.cells[0]!.value).toBeCloseTo((19_000 * 8) / 300, 9);
});

test('seen from clients a cell holds both directions', async () => {
  const answer = await plain.ask<MatrixAnswer>('matrix', { from: 'now-1h', orientation: 'client' });
  expect(answer.cells.find(cell => cell.dst.name === 'db, the large one')).toMatchObject({
    src: { name: 'web' },
    value: 10_001,
    toServer: 1000,
    toClient: 9001,
  });
  expect(answer.total.value).toBe(10_601);
});

test('sampled traffic carries its interval, wide where samples are few', async () => {
  const answer = await shapes.ask<MatrixAnswer>('matrix', { from: 'now-1h', filter: 'srcApp=cache' });
  const [many, few] = ['db, the large one', 'web'].map(name => answer.cells.find(cell => cell.dst.name === name)!);
  // One sampled packet stands for 150,000 bytes at most, rounded up to 163,840. The variance is that of 147.5 such packets,
  // or of 1.475, which reach up to 173.34 and 6.375 (half the quantiles of chi-square with 297.04 and 4.95 degrees of freedom).
  expect(many!.ciHigh! / many!.value!).toBeCloseTo(1 + ((173.34 - 147.52) * 163_840) / 4e7, 4);
  expect(few).toMatchObject({ samples: 4, ciLow: expect.closeTo(110_446, -1) });
  expect(few!.ciHigh).toBeCloseTo(4e5 + (6.375 - 1.475) * 163_840, -4);
  const packets = await shapes.ask<MatrixAnswer>('matrix', {
    from: 'now-1h',
    metric: 'packets',
    filter: 'srcApp=cache',
  });
  const [packetsMany] = packets.cells;
  // 400 samples of 1 in 100 reach up to 441.19; the rate is rounded up to 104.
  expect(packetsMany!.ciHigh! / packetsMany!.value!).toBeGreaterThan(441.19 / 400);
  expect(packetsMany!.ciHigh! / packetsMany!.value!).toBeLessThan(1 + (1.04 * (441.19 - 400)) / 400);
  const peak = await shapes.ask<MatrixAnswer>('matrix', { from: 'now-1h', metric: 'maxBps', filter: 'srcApp=cache' });
  // One bucket holds all of it, so its maximum has the interval of its volume.
  expect(peak.cells[0]!.ciHigh! / peak.cells[0]!.value!).toBeCloseTo(many!.ciHigh! / many!.value!, 3);
});

test('a sum of buckets beyond 64 bits is the sum, in every question', async () => {
  const half = 2n ** 63n;
  const ends = { srcApp: web.key, dstApp: db.key, srcAddr: '10.0.0.1', dstAddr: '10.0.0.2' };
  const house = await createHouse(
    'exabytes',
    [60, 40, 20].map(minutes => flow({ ...ends, bytes: half, packets: half, flowEnd: at(minutes) })),
  );
  const sum = Number(3n * half);
  for (const by of ['srcApp', 'srcAddr']) {
    const { total, rows } = await house.ask<TopAnswer>('top', { from: 'now-3h', by });
    expect([total.value, rows[0]!.value], by).toEqual([sum, sum]);
  }
  for (const metric of ['bytes', 'packets']) {
    const { total, cells } = await house.ask<MatrixAnswer>('matrix', { from: 'now-3h', metric });
    expect([total.value, cells[0]!.value], metric).toEqual([sum, sum]);
  }
  const { series } = await house.ask<SeriesAnswer>('series', { from: 'now-3h', metric: 'bytes', step: 10_800 });
  expect(series[0]!.total).toBe(sum);
  await house.api.stop();
});

test('samples are what was sampled, also of an exporter that multiplies by its rate itself', async () => {
  // 1 in 100, 6 packets of 1,000 bytes: once as they came, once multiplied.
  const as = { samplingRate: 100, estBytes: 600_000, estPackets: 600, varBytes: 6 * 100 * 99 * 1e6, flowEnd: at(5) };
  const house = await createHouse('prescaled', [
    flow({ ...as, srcApp: web.key, dstApp: db.key, bytes: 6000, packets: 6 }),
    flow({
      ...as,
      srcApp: db.key,
      dstApp: web.key,
      bytes: 600_000,
      packets: 600,
      rateSource: RATE_SOURCE.prescaled,
    }),
  ]);
  for (const by of ['app', 'vm', 'addr']) {
    const { total } = await house.ask<MatrixAnswer>('matrix', { from: 'now-1h', by });
    expect(total, by).toMatchObject({ value: 1_200_000, samples: 12 });
  }
  const { cells } = await house.ask<MatrixAnswer>('matrix', { from: 'now-1h' });
  expect(cells).toHaveLength(2);
  expect(cells[0]).toMatchObject({ ciLow: cells[1]!.ciLow, ciHigh: cells[1]!.ciHigh, samples: 6 });
  // What an empty bucket may have missed: a hundred full packets, rounded up, -ln(0.025) times.
  const { series, times } = await house.ask<SeriesAnswer>('series', {
    from: 'now-30m',
    metric: 'bytes',
    step: 60,
    filter: 'srcApp="db, the large one"',
  });
  const empty = times.findIndex(time => time * 1000 === at(3));
  expect([series[0]!.values[empty], series[0]!.ciHigh[empty]]).toEqual([
    0,
    expect.closeTo(-Math.log(0.025) * 163_840, 0),
  ]);
  await house.api.stop();
});

test('traffic of unknown sampling rate has an unknown error in every answer and every roll-up', async () => {
  await pass(rateless.storage);
  // Merged in the background, a roll-up says the same.
  for (const table of ['traffic_1m', 'traffic_5m', 'traffic_1h', 'pairs_5m'])
    await rateless.storage.command(`OPTIMIZE TABLE ${table} FINAL`);
  const unknown = { ciLow: null, ciHigh: null, method: 'unknown' };
  for (const by of ['app', 'vm', 'addr'])
    for (const metric of ['bytes', 'packets', 'avgBps', 'maxBps']) {
      const { cells, total } = await rateless.ask<MatrixAnswer>('matrix', { from: 'now-1h', by, metric });
      expect(total, `${by} ${metric}`).toMatchObject(unknown);
      if (by !== 'app') continue;
      const cell = (src: string, dst: string) =>
        cells.find(one => one.src.name.startsWith(src) && one.dst.name.startsWith(dst))!;
      expect(cell('cache', 'web')).toMatchObject(unknown);
      expect(cell('db', 'web')).toMatchObject(unknown);
      expect(cell('web', 'db')).toMatchObject({ method: 'exact', ciLow: cell('web', 'db').value });
    }
  const long = await rateless.ask<MatrixAnswer>('matrix', { from: 'now-60d' });
  expect(long).toMatchObject({ table: expect.stringContaining('traffic_1h'), total: unknown });
  expect(cellsOf(long)['db, the large one -> web']).toBe(2_000_000);
  const { quality } = await rateless.ask<MatrixAnswer>('matrix', { from: 'now-1h' });
  expect(quality).toMatchObject({ unknownErrorShare: 0.3, unknownRateShare: 0.25 });
  const series = await rateless.ask<SeriesAnswer>('series', { from: 'now-30m', src: 'cache', dst: 'web', step: 60 });
  const seen = series.series[0]!.values.findIndex(value => value !== null && value > 0);
  expect([series.series[0]!.ciLow[seen], series.series[0]!.ciHigh[seen]]).toEqual([null, null]);
  expect([series.series[0]!.values[seen + 1], series.series[0]!.ciHigh[seen + 1]]).toEqual([0, null]);
  const top = await rateless.ask<TopAnswer>('top', { from: 'now-1h', by: 'dstApp' });
  expect(top.rows.find(row => row.keys[0]!.name === 'web')).toMatchObject(unknown);
  const flows = await rateless.ask<FlowsAnswer>('flows', { from: 'now-1h' });
  expect(flows.flows.map(({ bytes, varBytes }) => [bytes, varBytes]).sort()).toEqual([
    [1_000_000, null],
    [2_000_000, null],
    [3_000_000, 0],
    [4_000_000, 0],
  ]);
  const csv = await rateless.api.app.inject('/api/v1/matrix?from=now-1h&format=csv');
  expect(csv.body).toContain(',cache,');
  expect(csv.body.split('\r\n').find(line => line.includes(',cache,'))).toMatch(/,4000000,,,0,unknown,/);
  const arrow = tableFromIPC((await rateless.api.app.inject('/api/v1/matrix?from=now-1h&format=arrow')).rawPayload);
  expect(arrow.toArray().find(row => row['src'] === 'cache')).toMatchObject({ value: 4_000_000, ...unknown });
});

test('coverage names the exporters whose rate nobody reports, by their records and not by their own reports', async () => {
  const answer = await rateless.ask<CoverageAnswer>('coverage', { from: 'now-1h' });
  expect(answer).toMatchObject({ unknownErrorShare: 0.3, unknownRateShare: 0.25 });
  // The one that scales its volumes itself reports no rate either, but is not without one.
  expect(answer.exporters.withoutRate).toHaveLength(1);
});

test('what is added for loss does not make an unknown error known', async () => {
  const lossy = {
    ...{ minute: at(5), exporter: '192.0.2.1', protocol: PROTOCOL.ipfix, lastSeen: at(5), samplingRate: 0 },
    ...{ datagrams: 10, datagramBytes: 1000, records: 60, lost: 20 },
  };
  await insertExporterMinutes(rateless.storage, encodeExporters([lossy]), 'exporters.rateless');
  for (const metric of ['bytes', 'packets', 'avgBps']) {
    const { total, lossAdjusted } = await rateless.ask<MatrixAnswer>('matrix', { from: 'now-1h', metric });
    expect(lossAdjusted!.value, metric).toBeGreaterThan(total.value!);
    expect(lossAdjusted, metric).toMatchObject({ ciLow: null, ciHigh: null, method: 'records' });
    const known = await rateless.ask<MatrixAnswer>('matrix', { from: 'now-1h', metric, filter: 'srcApp=web' });
    expect(known.lossAdjusted!.ciLow, metric).toBeLessThan(known.lossAdjusted!.value!);
  }
});

test('an empty bucket of sampled traffic may have missed the largest packets, one of unsampled traffic nothing', async () => {
  const { series, times } = await shapes.ask<SeriesAnswer>('series', {
    from: 'now-30m',
    metric: 'bytes',
    step: 300,
    filter: 'srcApp=cache',
  });
  const empty = times.findIndex(time => time * 1000 === at(20));
  // 1 in 100, packets of at most 1,500 bytes, rounded up.
  expect([series[0]!.values[empty], series[0]!.ciLow[empty], series[0]!.ciHigh[empty]]).toEqual([
    0,
    0,
    expect.closeTo(-Math.log(0.025) * 163_840, 0),
  ]);
  const { series: exact } = await shapes.ask<SeriesAnswer>('series', {
    from: 'now-30m',
    metric: 'bytes',
    step: 60,
    filter: 'srcApp=web',
  });
  expect(Math.max(...exact[0]!.ciHigh.map((high, i) => (exact[0]!.values[i] === 0 ? (high ?? 0) : 0)))).toBe(0);
});

test('before the first stored record a series is null, afterwards an empty bucket is zero', async () => {
  const { series, times, stepSec } = await plain.ask<SeriesAnswer>('series', {
    from: 'now-30m',
    metric: 'bytes',
    step: 300,
  });
  expect(stepSec).toBe(300);
  expect(times).toHaveLength(6);
  expect(series[0]!.values).toEqual([null, null, 10_001, 0, 500, 100]);
});

test('filters narrow every question, by name, glob, key, address and code', async () => {
  const total = async (filter: string) => (await plain.ask<TopAnswer>('top', { from: 'now-1h', filter })).total.value;
  expect(await total('srcApp=web')).toBe(1570);
  expect(await total('srcApp=WEB')).toBe(1570);
  expect(await total('vm=Web-?,service=tcp/443')).toBe(570);
  expect(await total('app="db, the large one"')).toBe(10_001);
  expect(await total('vm=web-*,service=tcp/443')).toBe(570);
  expect(await total(`srcApp=${block.toString(16)};dstApp=cache`)).toBe(100);
  expect(await total('srcAddr=10.0.0.0/24')).toBe(1570);
  expect(await total('serverSide=src')).toBe(9001);
  expect(await total('protocol=ipfix,inIf>=1')).toBe(10_601);
});

test('flows takes every kind of column as a filter', async () => {
  const count = async (filter: string) =>
    (await plain.ask<FlowsAnswer>('flows', { from: 'now-2h', limit: 10_000, filter })).flows.length;
  const all = await count('');
  expect(all).toBeGreaterThan(0);
  for (const [filter, opposite] of [
    ['addr=10.0.0.0/8', 'addr!=10.0.0.0/8'],
    ['dstPort>=443', 'dstPort<443'],
    ['srcMac=02:00:00:00:00:01', 'srcMac!=02:00:00:00:00:01'],
    ['protocol=ipfix', 'protocol!=ipfix'],
    ['service=tcp/443', 'service!=tcp/443'],
  ] as const)
    expect([filter, (await count(filter)) + (await count(opposite))]).toEqual([filter, all]);
});

test('flows reports the newest records in words', async () => {
  const answer = await plain.ask<FlowsAnswer>('flows', { from: 'now-1h', limit: 2, filter: 'srcApp=web' });
  expect(answer.flows).toHaveLength(2);
  expect(answer.flows[0]).toMatchObject({
    srcApp: 'web',
    dstApp: 'cache',
    srcAddr: '10.0.0.2',
    dstAddr: '10.0.2.1',
    service: 'tcp/443',
    protocol: 'ipfix',
    bytes: 70,
    countReason: 'elected',
    receivedAt: new Date(at(3)).toISOString(),
  });
});

test('exporters reports who is silent, what was lost and how fast records come', async () => {
  const minute = (minutesAgo: number, more: object) => ({
    minute: at(minutesAgo),
    exporter: '192.0.2.1',
    protocol: PROTOCOL.ipfix,
    lastSeen: at(minutesAgo),
    datagrams: 10,
    datagramBytes: 1000,
    records: 300,
    samplingRate: 1,
    ...more,
  });
  const rows = [
    minute(3, {}),
    minute(1, { lost: 100, restarts: 1, unknownRateRecords: 150 }),
    minute(60, { exporter: '192.0.2.2', protocol: PROTOCOL.sflow5, samplingRate: 0, lost: 10 }),
  ];
  await insertExporterMinutes(plain.storage, encodeExporters(rows), `exporters.test.0.${'0'.repeat(32)}.0`);
  const answer = await plain.ask<ExportersAnswer>('exporters');
  expect(answer).toMatchObject({
    live: 1,
    silent: 1,
    receiving: { udpPorts: [2055, 4739, 6343] },
    inventory: true,
    applications: false,
  });
  expect(answer.exporters).toMatchObject([
    {
      exporter: '192.0.2.1',
      protocol: 'ipfix',
      silent: false,
      records: 600,
      lost: 100,
      restarts: 1,
      unknownRateRecords: 150,
      lossRatio: 100 / 700,
      lostUnit: 'records',
      samplingRate: 1,
      recordsPerSecond: 600 / 180,
    },
    {
      exporter: '192.0.2.2',
      protocol: 'sflow5',
      silent: true,
      lossRatio: 0.5,
      lostUnit: 'datagrams',
      samplingRate: null,
    },
  ]);
  const { quality } = await plain.ask<MatrixAnswer>('matrix', { from: 'now-10m' });
  expect(quality.lossRatio).toBeCloseTo(100 / 700, 12);
  // What exporters report is not what is stored: the registry may report a rate that they do not.
  expect(quality.unknownRateShare).toBe(0);
});

test('an installation without a record answers with nothing, not with an error', async () => {
  const house = await createHouse('empty', []);
  const matrix = await house.ask<MatrixAnswer>('matrix');
  expect(matrix).toMatchObject({
    cells: [],
    rows: [],
    nodes: 0,
    coveredFrom: null,
    // Nobody knows: no collector has said that it was receiving.
    total: { value: null, method: 'none' },
    quality: { unelectedShare: null, settledUntil: null },
  });
  expect((await house.ask<SeriesAnswer>('series')).series[0]!.values.every(value => value === null)).toBe(true);
  expect((await house.ask<TopAnswer>('top')).rows).toEqual([]);
  expect((await house.ask<ExportersAnswer>('exporters')).exporters).toEqual([]);
  await house.api.stop();
});

test('CSV and Arrow hold the same rows as JSON', async () => {
  const csv = await plain.api.app.inject('/api/v1/matrix?from=now-1h&format=csv');
  expect(csv.headers['content-type']).toContain('text/csv');
  expect(csv.body.split('\r\n').slice(0, 2)).toEqual([
    'srcKey,src,dstKey,dst,value,ciLow,ciHigh,samples,method,lossAdjusted,coverage',
    expect.stringContaining(',"db, the large one",'),
  ]);
  const arrow = await plain.api.app.inject('/api/v1/top?from=now-1h&by=service&format=arrow');
  const table = tableFromIPC(arrow.rawPayload);
  expect(table.toArray().map(row => [row['service'], row['value']])).toEqual([
    ['tcp/5432', 10_001],
    ['tcp/443', 600],
  ]);
  for (const question of ['series?split=app', 'flows?', 'exporters?'])
    expect((await plain.api.app.inject(`/api/v1/${question}&format=arrow`)).statusCode).toBe(200);
});

const NAMED = ['NAME', 'GLOB', 'KEY'];

test.each<[string, Record<string, string | number>, string, string, object?]>([
  ['matrix', { metric: 'bits' }, 'metric', 'must be one of bytes, packets, avgBps, p50Bps, p95Bps, p99Bps, maxBps'],
  ['matrix', { form: 'now' }, 'form', 'is not a parameter here; known are from, to, calendar, by'],
  ['matrix', { by: 'service' }, 'by', 'has no sender and receiver; allowed are app'],
  ['matrix', { layer: 'l2' }, 'layer', '1 of 1 exporters do not report the length of frames, for 100 % of the bytes'],
  ['matrix', { limit: 1000 }, 'limit', 'must be <= 200'],
  ['matrix', { from: 'tomorrow' }, 'from', '"tomorrow" is no time'],
  [
    'matrix',
    { filter: 'srcApp=nobody' },
    'filter',
    'nothing is named "nobody"',
    { position: 7, length: 6, allowed: NAMED },
  ],
  ['series', { src: 'nobody' }, 'src', 'nothing is named "nobody"', { position: 0, length: 6, allowed: NAMED }],
  ['top', { by: 'bytes' }, 'by', '"bytes" is no dimension; allowed are'],
])('%s %j is a problem document that names the parameter', async (question, params, parameter, reason, place) => {
  const { status, type, body } = await plain.problem(question, params);
  expect([status, type]).toEqual([400, 'application/problem+json; charset=utf-8']);
  expect(body.parameters).toEqual([{ parameter, reason: expect.stringContaining(reason), ...place }]);
});
