// Layer 2: bytes of frames where every exporter behind an answer reports them, and a refusal with the share where one does
// not. The truth is a sum over the records of the test.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { COUNT_REASON } from '../../schemas/codes.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { type FlowObject, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import type { MatrixAnswer } from './matrix.ts';
import type { SeriesAnswer } from './series.ts';
import type { TopAnswer } from './top.ts';

const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
const [web, db, backup] = [node('application', 'web'), node('application', 'db'), node('application', 'backup')];

/** One sampled packet in a hundred: 4 of 1500 bytes, each in a frame of 1518. */
const sampled = flow({
  exporter: '192.0.2.1',
  srcApp: web.key,
  dstApp: db.key,
  samplingRate: 100,
  packets: 4,
  bytes: 6000,
  l2Bytes: 6072,
  estBytes: 600_000,
  estPackets: 400,
  varBytes: 4 * 100 * 99 * 1500 ** 2,
  flowStart: NOW - 900_000,
  flowEnd: NOW - 600_000,
});
/** Metered both ways: each packet is in two records that count half. */
const half = flow({
  exporter: '192.0.2.1',
  srcApp: db.key,
  dstApp: web.key,
  packets: 10,
  bytes: 1000,
  l2Bytes: 1180,
  weight: 0.5,
  flowEnd: NOW - 600_000,
});
const unelected = {
  weight: 0,
  countReason: COUNT_REASON.unelected,
  srcApp: web.key,
  dstApp: web.key,
  srcAddr: '10.0.0.1',
  dstAddr: '10.0.0.2',
};
const framed: FlowObject[] = [
  sampled,
  half,
  flow({ ...half, inIf: 2 }),
  flow({ ...unelected, exporter: '192.0.2.1', packets: 1, bytes: 82, l2Bytes: 100, flowEnd: NOW - 600_000 }),
  flow({ ...unelected, exporter: '192.0.2.2', packets: 1, bytes: 40, l2Bytes: 58, flowEnd: NOW - 600_000 }),
];
const FRAMES = 607_200 + 1180 + 100;
/** An exporter that reports IP bytes only: 201_691 of the bytes behind the answers. */
const bare = flow({
  exporter: '192.0.2.9',
  srcApp: backup.key,
  dstApp: db.key,
  packets: 200,
  bytes: 201_000,
  flowEnd: NOW - 600_000,
});

let server: TestServer;
let all: QueryHouse;
let mixed: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  const nodes = [web, db, backup];
  all = await createQueryHouse(server, 'framed', { nowMs: NOW, flows: framed, nodes });
  mixed = await createQueryHouse(server, 'mixed', { nowMs: NOW, flows: [...framed, bare], nodes });
});

afterAll(async () => {
  await all?.api.stop();
  await mixed?.api.stop();
  await server?.close();
});

test('layer 2 counts frames, by cell, over time and by group, scaled and weighted as IP bytes are', async () => {
  const matrix = await all.answer<MatrixAnswer>('matrix', { layer: 'l2' });
  expect(Object.fromEntries(matrix.cells.map(({ src, dst, value }) => [`${src.name} -> ${dst.name}`, value]))).toEqual({
    'web -> db': 607_200,
    'db -> web': 1180,
    'web -> web': 100,
  });
  expect([matrix.total.value, matrix.layer, matrix.table]).toEqual([FRAMES, 'l2', 'flows']);
  const top = await all.answer<TopAnswer>('top', { by: 'srcApp', layer: 'l2', metric: 'avgBps' });
  expect(top.total.value).toBeCloseTo((FRAMES * 8) / (top.total.value! > 0 ? seconds(top) : 1), 6);
  const series = await all.answer<SeriesAnswer>('series', { layer: 'l2', metric: 'bytes' });
  expect(series.series[0]!.total).toBe(FRAMES);
});

const seconds = ({ coveredFrom, coveredTo }: TopAnswer) => (Date.parse(coveredTo!) - Date.parse(coveredFrom!)) / 1000;

test('the interval of frames is that of their packets, relative to their sum', async () => {
  const filter = 'srcApp=web,dstApp=db';
  const [l3, l2] = await Promise.all(
    ['l3', 'l2'].map(async layer => (await all.answer<TopAnswer>('top', { layer, filter })).total),
  );
  expect(l2!.ciLow! / l2!.value!).toBeCloseTo(l3!.ciLow! / l3!.value!, 9);
  // What one sampled packet stands for is rounded up in either.
  expect(l2!.ciHigh! / l2!.value!).toBeCloseTo(l3!.ciHigh! / l3!.value!, 1);
  expect([l2!.method, l2!.samples]).toEqual(['approximate', 4]);
});

test('packets are the same on both layers', async () => {
  const total = async (layer: string) => (await all.answer<TopAnswer>('top', { layer, metric: 'packets' })).total.value;
  expect([await total('l2'), await total('l3')]).toEqual([411, 411]);
});

test('layer 2 is refused with the share of bytes without it, unless the filter leaves that out', async () => {
  const [truth] = await mixed.storage.select<{ share: number }>(
    "SELECT sumIf(estBytes, exporter = toIPv6('192.0.2.9')) / sum(estBytes) AS share FROM flows",
  );
  for (const question of ['matrix', 'top', 'series']) {
    const { status, body } = await mixed.get(`/api/v1/${question}`, { layer: 'l2' });
    expect(status).toBe(400);
    const [fault] = (JSON.parse(body) as { parameters: { parameter: string; reason: string }[] }).parameters;
    expect(fault!.parameter).toBe('layer');
    expect(fault!.reason).toContain(
      `1 of 3 exporters do not report the length of frames, for ${(truth!.share * 100).toPrecision(3)} % of the bytes`,
    );
  }
  expect((await mixed.answer<TopAnswer>('top', { layer: 'l2', filter: 'srcApp!=backup' })).total.value).toBe(FRAMES);
  expect((await mixed.get('/api/v1/top', { layer: 'l2', filter: 'exporter=192.0.2.9' })).status).toBe(400);
});

test('what does not count, and what lies outside the window, does not decide', async () => {
  const other = await createQueryHouse(server, 'elsewhere', {
    nowMs: NOW,
    flows: [
      ...framed,
      flow({ ...bare, weight: 0, countReason: COUNT_REASON['not-canonical'] }),
      flow({ ...bare, flowEnd: NOW - 7_200_000 }),
    ],
    nodes: [web, db, backup],
  });
  expect((await other.answer<TopAnswer>('top', { layer: 'l2' })).total.value).toBe(FRAMES);
  expect((await other.get('/api/v1/top', { layer: 'l2', from: 'now-3h' })).status).toBe(400);
  await other.api.stop();
});
