// A question beside the same of another window. The truth is arithmetic over the records, whose local days Intl.DateTimeFormat
// gives: summer time begins between the windows, a collector was away in one of them, and some nodes are in one alone.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import { insertReceiving } from '../../testing/receiving.ts';
import type { MatrixAnswer } from './matrix.ts';
import type { SeriesAnswer } from './series.ts';
import type { TopAnswer } from './top.ts';

const HOUR = 3_600_000;
const ZONE = 'Europe/Berlin';
/** Clocks go forward on Sunday 29 March 2026 at 2:00. */
const [FROM, TO] = [Date.parse('2026-03-22T23:00:00Z'), Date.parse('2026-04-01T22:00:00Z')];
const NOW = TO + 12 * HOUR;
/** No collector was receiving on Tuesday 24 March. */
const GAP = [Date.parse('2026-03-24T05:00:00Z'), Date.parse('2026-03-24T09:00:00Z')] as const;
const nodes = ['web', 'db', 'api', 'gone', 'come', 'sampled'].map(name => node('application', name));
const keyOf = Object.fromEntries(nodes.map(({ name, key }) => [name, key]));
const local = new Intl.DateTimeFormat('sv-SE', { timeZone: ZONE, dateStyle: 'short' });

interface Sent {
  readonly at: number;
  readonly src: string;
  readonly dst: string;
  readonly bytes: number;
}
const records: Sent[] = [];
for (let at = FROM, i = 0; at < TO; at += HOUR, i++) {
  if (at >= GAP[0] && at < GAP[1]) continue;
  const day = local.format(at);
  const isLater = day >= '2026-03-29';
  records.push({ at, src: 'web', dst: 'db', bytes: 10_000 + 31 * ((i * 37) % 101) });
  // What changes is who gets it: the total of api stays.
  records.push({ at, src: 'api', dst: isLater ? 'come' : 'gone', bytes: 50_000 });
  if (day === '2026-03-23') records.push({ at, src: 'web', dst: 'api', bytes: 7000 });
}
const sumOf = (days: readonly string[], isOf: (record: Sent) => boolean = () => true) =>
  records.filter(r => days.includes(local.format(r.at)) && isOf(r)).reduce((sum, { bytes }) => sum + bytes, 0);
const cellOf = (src: string, dst: string) => (r: Sent) => r.src === src && r.dst === dst;

let server: TestServer;
let house: QueryHouse;
const folder = mkdtempSync(join(tmpdir(), 'hairpin-compare-'));

beforeAll(async () => {
  server = await startTestServer();
  const tokens = join(folder, 'tokens.json');
  const entry = { name: 'admin', role: 'admin', sha256: createHash('sha256').update('admin').digest('hex') };
  writeFileSync(tokens, JSON.stringify({ tokens: [entry] }));
  const sampled = [
    // Samples of 1 in 100 packets of 1000 bytes: chance explains 20 and 25 of one day, and not 20 and 80.
    { at: Date.parse('2026-03-23T12:00:00Z'), dst: 'web', packets: 20 },
    { at: Date.parse('2026-03-30T12:00:00Z'), dst: 'web', packets: 25 },
    { at: Date.parse('2026-03-23T12:00:00Z'), dst: 'db', packets: 20 },
    { at: Date.parse('2026-03-30T12:00:00Z'), dst: 'db', packets: 80 },
  ].flatMap(({ at, dst, packets }) =>
    Array.from({ length: packets }, (_, i) =>
      flow({
        ...{ srcApp: keyOf['sampled']!, dstApp: keyOf[dst]!, samplingRate: 100, bytes: 1000, packets: 1 },
        ...{ estBytes: 100_000, estPackets: 100, varBytes: 100 * 100 * 1000 * 1000, packetBytesMax: 1000 },
        ...{ flowStart: at + i * 1000, flowEnd: at + i * 1000, receivedAt: at + i * 1000 },
      }),
    ),
  );
  const flows = records.map(({ at, src, dst, bytes }) =>
    flow({ srcApp: keyOf[src]!, dstApp: keyOf[dst]!, bytes, flowStart: at, flowEnd: at + 1000, receivedAt: at + 2000 }),
  );
  const config = { retentionDays: 1000, rollupRetentionDays: 5000, tokens };
  house = await createQueryHouse(server, 'compare', {
    nowMs: NOW,
    flows: [...flows, ...sampled],
    nodes,
    config,
    receives: false,
  });
  await insertReceiving(house.storage, FROM, GAP[0], { stopped: true, collector: 'a' });
  await insertReceiving(house.storage, GAP[1], NOW, { collector: 'b' });
});

afterAll(async () => {
  await house?.api.stop();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const answer = async <T>(question: string, query: Readonly<Record<string, string | number>>): Promise<T> => {
  const { statusCode, body } = await ask(question, query);
  if (statusCode !== 200) throw new Error(`${question} ${JSON.stringify(query)}: ${statusCode} ${body}`);
  return JSON.parse(body) as T;
};
const ask = (question: string, query: Readonly<Record<string, string | number>>, etag = '') =>
  house.api.app.inject({
    url: `/api/v1/${question}?${new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))}`,
    headers: { authorization: 'Bearer admin', ...(etag && { 'if-none-match': etag }) },
  });

const unsampled = 'src.app != sampled';
const MONDAY = { from: '2026-03-30', to: '2026-03-31', calendar: ZONE, filter: unsampled };
const DAYS = [['2026-03-30'], ['2026-03-23']] as const;

describe('a matrix beside that of the Monday before summer time', () => {
  test('has each cell of either window, with its change', async () => {
    const found = await answer<MatrixAnswer>('matrix', { ...MONDAY, compare: '1w' });
    expect(found.compared).toMatchObject({
      from: '2026-03-22T23:00:00.000Z',
      to: '2026-03-23T23:00:00.000Z',
      coveredShare: 1,
      comparable: true,
      warnings: [],
      steady: true,
    });
    const pairs = [
      ['api', 'come'],
      ['web', 'db'],
      ['api', 'gone'],
      ['web', 'api'],
    ] as const;
    expect(found.cells.map(({ src, dst }) => [src.name, dst.name])).toEqual(pairs);
    for (const [i, [src, dst]] of pairs.entries()) {
      const [now, then] = DAYS.map(days => sumOf(days, cellOf(src, dst))) as [number, number];
      expect(found.cells[i]).toMatchObject({ value: now, ciLow: now, ciHigh: now });
      expect(found.cells[i]!.compared).toMatchObject({
        ...{ value: then, ciLow: then, ciHigh: then, change: now - then, changeLow: now - then },
        ...{ changeShare: then > 0 ? (now - then) / then : null, differs: now !== then },
      });
    }
    const [now, then] = DAYS.map(days => sumOf(days)) as [number, number];
    expect(found.total).toMatchObject({ value: now, compared: { value: then, change: now - then } });
    const rowOf = (name: string) => found.rows.find(row => row.name === name)!;
    expect(rowOf('api').compared).toMatchObject({ value: 24 * 50_000, change: 0, differs: false });
    expect(found.columns.map(({ name }) => name).sort()).toEqual(['api', 'come', 'db', 'gone']);
    const column = found.columns.find(({ name }) => name === 'gone');
    expect(column).toMatchObject({ value: 0, compared: { value: 24 * 50_000, change: -24 * 50_000 } });
    expect(found.nodes).toBe(5);
  });

  test('by change lists the nodes of the cells that changed most, on pages too', async () => {
    const query = { ...MONDAY, compare: '1w', order: 'change' };
    const all = await answer<MatrixAnswer>('matrix', query);
    const sizes = all.cells.map(({ compared }) => Math.abs(compared!.change!));
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    expect(sizes[0]).toBe(24 * 50_000);
    const first = await answer<MatrixAnswer>('matrix', { ...query, limit: 3 });
    // The total of api did not change, but two of its cells did.
    expect(first.rows.map(({ name }) => name).sort()).toEqual(['api', 'come', 'gone']);
    const second = await answer<MatrixAnswer>('matrix', { ...query, limit: 3, offset: 3 });
    expect(second.rows.map(({ name }) => name).sort()).toEqual(['db', 'web']);
  });

  test.each(['bytes', 'packets', 'avgBps', 'p95Bps', 'maxBps'])(
    'says of %s what the question says of each window',
    async metric => {
      const { filter: _, ...all } = MONDAY;
      const both = await answer<MatrixAnswer>('matrix', { ...all, metric, compare: '1w' });
      const then = await answer<MatrixAnswer>('matrix', { ...all, metric, from: '2026-03-23', to: '2026-03-24' });
      const now = await answer<MatrixAnswer>('matrix', { ...all, metric });
      const estimate = ({ value, ciLow, ciHigh, samples, method }: MatrixAnswer['total']) => ({
        value,
        ciLow,
        ciHigh,
        samples,
        method,
      });
      expect(both.total).toMatchObject(estimate(now.total));
      expect(both.total.compared).toMatchObject(estimate(then.total));
      for (const cell of then.cells) {
        const same = both.cells.find(({ src, dst }) => src.key === cell.src.key && dst.key === cell.dst.key)!;
        expect(same.compared).toMatchObject(estimate(cell));
      }
      for (const cell of now.cells) {
        const same = both.cells.find(({ src, dst }) => src.key === cell.src.key && dst.key === cell.dst.key)!;
        expect(same).toMatchObject(estimate(cell));
      }
    },
  );

  test('says whether chance explains a sampled change', async () => {
    const { filter: _, ...all } = MONDAY;
    const { cells } = await answer<MatrixAnswer>('matrix', { ...all, filter: 'src.app = sampled', compare: '1w' });
    const [toDb, toWeb] = ['db', 'web'].map(name => cells.find(({ dst }) => dst.name === name)!);
    expect(toWeb).toMatchObject({ value: 2_500_000, compared: { value: 2_000_000, change: 500_000, differs: false } });
    expect(toDb).toMatchObject({ value: 8_000_000, compared: { value: 2_000_000, differs: true } });
    for (const cell of [toDb!, toWeb!]) {
      const { value, ciLow, ciHigh, changeLow, changeHigh } = cell.compared!;
      const change = cell.value! - value!;
      expect(changeLow).toBeCloseTo(change - Math.hypot(cell.value! - cell.ciLow!, ciHigh! - value!), 6);
      expect(changeHigh).toBeCloseTo(change + Math.hypot(cell.ciHigh! - cell.value!, value! - ciLow!), 6);
    }
  });
});

test('top by change has the groups of both windows, the largest change first', async () => {
  const query = { ...MONDAY, by: 'dstApp', compare: '1w', order: 'change' };
  const found = await answer<TopAnswer>('top', query);
  const truth = ['db', 'come', 'gone', 'api'].map(name => {
    const [now, then] = DAYS.map(days => sumOf(days, ({ dst }) => dst === name)) as [number, number];
    return { name, now, then, size: Math.abs(now - then) };
  });
  expect(found.rows.map(({ compared }) => Math.abs(compared!.change!))).toEqual(
    truth.map(({ size }) => size).sort((a, b) => b - a),
  );
  for (const { keys, value, compared } of found.rows) {
    const { now, then } = truth.find(({ name }) => name === keys[0]!.name)!;
    expect([value, compared!.value, compared!.change]).toEqual([now, then, now - then]);
  }
  expect(found.groups).toBe(4);
  expect((await answer<TopAnswer>('top', { ...query, limit: 1, offset: 3 })).rows[0]!.keys[0]!.name).toBe(
    found.rows[3]!.keys[0]!.name,
  );
  // To order by change alone compares with the window before.
  const { compare: _, ...alone } = query;
  expect((await answer<TopAnswer>('top', alone)).compared!.from).toBe('2026-03-28T22:00:00.000Z');
});

test('a series has the bucket of the same local hour beside each of its own', async () => {
  const query = { ...MONDAY, metric: 'bytes', step: 3600, split: 'dstApp' };
  const { times, series, compared } = await answer<SeriesAnswer>('series', { ...query, compare: '1w' });
  expect([times.length, compared!.from]).toEqual([24, '2026-03-22T23:00:00.000Z']);
  const thenOf = (at: number) => at * 1000 - 7 * 24 * HOUR + HOUR;
  expect(series.map(({ keys }) => keys[0]!.name).sort()).toEqual(['api', 'come', 'db', 'gone']);
  for (const { keys, values, compared: then } of series)
    for (const [i, at] of times.entries()) {
      const bytesAt = (ms: number) =>
        records.filter(r => r.at === ms && r.dst === keys[0]!.name).reduce((sum, { bytes }) => sum + bytes, 0);
      const [own, other] = [bytesAt(at * 1000), bytesAt(thenOf(at))];
      expect([values[i], then!.values[i], then!.change[i]]).toEqual([own, other, own - other]);
      expect(then!.differs[i]).toBe(own !== other);
    }
});

describe('of a window with a gap', () => {
  const TUESDAY = { ...MONDAY, from: '2026-03-31', to: '2026-04-01', compare: '1w' };
  const COVERED_S = 20 * 3600;

  test('sums have a change and no verdict, rates have both', async () => {
    const sums = await answer<TopAnswer>('top', { ...TUESDAY, by: 'srcApp' });
    expect(sums.compared).toMatchObject({ coveredSeconds: COVERED_S, comparable: false });
    expect(sums.compared!.warnings[0]).toContain('not covered as a whole');
    const [now, then] = [sumOf(['2026-03-31']), sumOf(['2026-03-24'])];
    expect(sums.total.compared).toMatchObject({ value: then, change: now - then, changeLow: null, differs: null });
    const rates = await answer<TopAnswer>('top', { ...TUESDAY, by: 'srcApp', metric: 'avgBps' });
    expect(rates.compared!.comparable).toBe(true);
    expect(rates.total.compared!.value).toBeCloseTo((then * 8) / COVERED_S, 6);
    expect(rates.total.compared!.change).toBeCloseTo((now * 8) / 86_400 - (then * 8) / COVERED_S, 6);
    expect(rates.total.compared!.differs).toBe(true);
  });

  test('buckets in it have no compared value and no change', async () => {
    const { times, series } = await answer<SeriesAnswer>('series', { ...TUESDAY, metric: 'bytes', step: 3600 });
    const then = series[0]!.compared!;
    for (const [i, at] of times.entries()) {
      const other = at * 1000 - 7 * 24 * HOUR + HOUR;
      const isGap = other >= GAP[0] && other < GAP[1];
      expect([then.values[i] === null, then.change[i] === null, then.differs[i] === null]).toEqual([
        isGap,
        isGap,
        isGap,
      ]);
    }
  });

  test('that it has nothing of, a node is not known to have sent nothing', async () => {
    const query = { ...MONDAY, compare: '2026-01-01/2026-01-02' };
    const { rows, total, compared } = await answer<TopAnswer>('top', { ...query, by: 'dstApp' });
    expect([compared!.coveredSeconds, compared!.coveredFrom]).toEqual([0, null]);
    for (const { compared: then } of [...rows, total])
      expect(then).toMatchObject({ value: null, change: null, changeShare: null, differs: null });
    const cells = (await answer<MatrixAnswer>('matrix', query)).cells.map(cell => cell.compared!.value);
    expect([...new Set(cells)]).toEqual([null]);
  });
});

test('windows of different length say so', async () => {
  const sunday = { ...MONDAY, from: '2026-03-29', to: '2026-03-30', compare: '1d' };
  const { total, compared } = await answer<TopAnswer>('top', { ...sunday, by: 'srcApp' });
  expect(compared!.warnings).toEqual([
    `the windows are ${23 * 3600} s and ${24 * 3600} s long, and sums grow with time: compare metric=avgBps`,
  ]);
  expect(total.compared!.change).toBe(sumOf(['2026-03-29']) - sumOf(['2026-03-28']));
});

test('tables have the columns, and only where something is compared', async () => {
  for (const question of ['matrix', 'top', 'series']) {
    const csv = await ask(question, { ...MONDAY, compare: '1w', format: 'csv' });
    const [names, first] = csv.body.split('\r\n');
    expect(names).toMatch(/,compared,comparedLow,comparedHigh,change,changeLow,changeHigh,changeShare,differs$/);
    expect(first).toMatch(/,(true|false)$/);
    expect(JSON.parse(String(csv.headers['hairpin-about']))).toMatchObject({
      comparedFrom: '2026-03-22T23:00:00.000Z',
      comparedComparable: true,
    });
    expect((await ask(question, { ...MONDAY, format: 'csv' })).body.split('\r\n')[0]).not.toContain('compared');
    const line = JSON.parse((await ask(question, { ...MONDAY, compare: '1w', format: 'jsonl' })).body.split('\n')[0]!);
    expect(typeof line.differs).toBe('boolean');
  }
  for (const format of ['arrow', 'parquet'])
    expect((await ask('top', { ...MONDAY, compare: '1w', format })).statusCode).toBe(200);
});

test('an answer may be kept where both windows are settled', async () => {
  const settled = { from: '2026-03-25T00:00:00Z', to: '2026-03-26T00:00:00Z', filter: unsampled };
  const first = await ask('top', { ...settled, compare: '1d' });
  const etag = String(first.headers['etag']);
  expect(etag).toMatch(/^W\//);
  expect((await ask('top', { ...settled, compare: '1d' }, etag)).statusCode).toBe(304);
  expect((await ask('top', { ...settled, compare: '1w' })).headers['etag']).not.toBe(etag);
  const lately = `${new Date(NOW - 2 * HOUR).toISOString()}/${new Date(NOW - HOUR).toISOString()}`;
  for (const compare of [lately, 'now-40h/now-39h'])
    expect((await ask('top', { ...settled, compare })).headers['etag']).toBeUndefined();
});
