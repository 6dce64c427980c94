// An outage is no zero: what answers say where no collector was receiving, and where what it received is not stored yet.
// Real spool, enricher, ClickHouse and API; the truth is arithmetic over the records of the test.

import { mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ENRICHER_COUNTERS } from '../enricher/counters.ts';
import { Enricher } from '../enricher/enricher.ts';
import type { CoverageAnswer } from '../query-api/questions/coverage.ts';
import type { ExportersAnswer } from '../query-api/questions/exporters.ts';
import type { MatrixAnswer } from '../query-api/questions/matrix.ts';
import type { SeriesAnswer } from '../query-api/questions/series.ts';
import type { TopAnswer } from '../query-api/questions/top.ts';
import { type BatchIdentity, type BatchKind, tokenOf } from '../schemas/batch.ts';
import { PROTOCOL } from '../schemas/codes.ts';
import { openCounters } from '../service/counters.ts';
import { insertExporterMinutes } from '../storage/tables/exporters.ts';
import { recordProgress } from '../storage/tables/progress.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { batchOf, LIMITS } from '../testing/data/enrichment.ts';
import { encodeExporters, encodeReceiving, type FlowObject, flow, node } from '../testing/data/stored-rows.ts';
import { decodedArrow } from '../testing/fakes.ts';
import { createQueryHouse, type QueryHouse } from '../testing/query-house.ts';
import { insertReceiving } from '../testing/receiving.ts';
import { BATCH_SUFFIX } from '../transport/batch-file.ts';
import { SpoolSink } from '../transport/spool/sink.ts';
import { SpoolSource } from '../transport/spool/source.ts';
import { openSpool } from '../transport/spool/spool.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A full hour, so that every bucket of a window that ends here is over. */
const NOW = Math.floor(Date.now() / HOUR) * HOUR - HOUR;
const at = (minutesAgo: number) => NOW - minutesAgo * MINUTE;
const iso = (ms: number) => new Date(ms).toISOString();
const [web, db] = [node('application', 'web'), node('application', 'db')];

let server: TestServer;
let names = 0;
const tidy: (() => unknown)[] = [];
beforeAll(async () => {
  server = await startTestServer();
});
afterEach(async () => {
  for (const step of tidy.splice(0).reverse()) await step();
});
afterAll(() => server?.close());

/** Without minutes of collectors: each test says itself who was receiving. */
async function houseOf(flows: readonly FlowObject[], nowMs = NOW): Promise<QueryHouse> {
  const house = await createQueryHouse(server, `received_${names++}`, {
    ...{ nowMs, flows, nodes: [web, db], receives: false },
  });
  tidy.push(() => house.api.stop());
  return house;
}

/** One record in each minute, of as many bytes as seconds it lasts, times eight: a rate of 64 bit/s. */
const steady = (fromMinutesAgo: number, toMinutesAgo: number) =>
  Array.from({ length: fromMinutesAgo - toMinutesAgo }, (_, i) => {
    const start = at(fromMinutesAgo - i);
    return flow({
      ...{ srcApp: web.key, dstApp: db.key, srcAddr: '10.0.0.1', dstAddr: '10.0.1.1' },
      ...{ bytes: 480, flowStart: start, flowEnd: start + 59_999 },
    });
  });

test('minutes in which no collector was receiving are null; rates and ranks are over the others', async () => {
  // Stopped 90 minutes ago for half an hour.
  const house = await houseOf([...steady(180, 90), ...steady(60, 0)]);
  await insertReceiving(house.storage, at(180), at(90), { stopped: true });
  await insertReceiving(house.storage, at(60), at(0));
  const window = { from: iso(at(180)), to: iso(at(0)) };

  const series = await house.answer<SeriesAnswer>('series', { ...window, step: 300 });
  expect(series.series[0]!.values).toEqual(
    Array.from({ length: 36 }, (_, i) => (i >= 18 && i < 24 ? null : expect.closeTo(64, 1))),
  );
  const average = await house.answer<MatrixAnswer>('matrix', { ...window, metric: 'avgBps' });
  expect(average).toMatchObject({
    ...{ coveredFrom: iso(at(180)), coveredTo: iso(at(0)), coveredSeconds: 150 * 60 },
    coveredShare: 150 / 180,
  });
  expect(average.total.value).toBeCloseTo(64, 6);
  for (const metric of ['p95Bps', 'maxBps']) {
    const peak = await house.answer<TopAnswer>('top', { ...window, metric });
    expect(peak.ranking!.buckets).toBe(30);
    expect(peak.ranking!.warnings).toEqual([expect.stringContaining('6 closed buckets since the first covered one')]);
    expect(peak.total.value).toBeCloseTo(64, 1);
  }
  const gap = await house.answer<MatrixAnswer>('matrix', { from: iso(at(85)), to: iso(at(65)) });
  expect(gap.total).toEqual({ value: null, ciLow: null, ciHigh: null, samples: 0, method: 'none' });
  expect(gap).toMatchObject({ coveredFrom: null, coveredTo: null, coveredSeconds: 0, coveredShare: 0, rest: null });
});

test('traffic of a covered window that is none is zero, and exact', async () => {
  const house = await houseOf(steady(180, 90));
  await insertReceiving(house.storage, at(180), at(0));
  const quiet = await house.answer<MatrixAnswer>('matrix', { from: iso(at(60)), to: iso(at(0)) });
  expect(quiet.total).toMatchObject({ value: 0, ciLow: 0, ciHigh: 0, method: 'exact' });
  expect(quiet).toMatchObject({ coveredSeconds: 3600, coveredShare: 1 });
});

test('a window in the future, and one before the first minute of a collector, are null', async () => {
  const house = await houseOf(steady(60, 0));
  await insertReceiving(house.storage, at(60), at(0));
  for (const window of [
    { from: iso(at(-60)), to: iso(at(-120)) },
    { from: iso(at(240)), to: iso(at(180)) },
  ]) {
    const matrix = await house.answer<MatrixAnswer>('matrix', window);
    expect([matrix.total.value, matrix.total.method, matrix.coveredSeconds]).toEqual([null, 'none', 0]);
    const series = await house.answer<SeriesAnswer>('series', window);
    expect(series.series[0]!.values.every(value => value === null)).toBe(true);
    const top = await house.answer<TopAnswer>('top', { ...window, metric: 'avgBps' });
    expect([top.total.value, top.rest]).toEqual([null, null]);
  }
});

test('a window with seconds of an outage in it has the rate of the rest', async () => {
  const house = await houseOf(steady(60, 0));
  await insertReceiving(house.storage, at(60), at(30) + 20_000);
  await insertReceiving(house.storage, at(30) + 40_000, at(0));
  const top = await house.answer<TopAnswer>('top', { from: iso(at(60)), to: iso(at(0)), metric: 'avgBps' });
  expect([top.coveredSeconds, top.coveredShare]).toEqual([3580, 3580 / 3600]);
  expect(top.total.value).toBeCloseTo((3600 * 64) / 3580, 6);
  // The record of that minute may have flowed in the covered two thirds of it: at least 320 of its 480 bytes.
  expect(top.total).toMatchObject({
    ciLow: expect.closeTo(64 - (160 * 8 - 20 * 64) / 3580, 6),
    method: 'partly-covered',
  });
});

test('bytes that flowed before a collector started make no rate that is too high and called exact', async () => {
  // In the middle of a record of a minute, of 64 bit/s as all others, that is received whole at its end.
  const house = await houseOf(steady(60, 0));
  await insertReceiving(house.storage, at(60) + 30_000, at(0));
  const window = { from: iso(at(60)), to: iso(at(58)) };
  const expected = { value: expect.closeTo((960 * 8) / 90, 6), ciLow: expect.closeTo(64, 6), method: 'partly-covered' };
  for (const question of ['top', 'matrix']) {
    const { total, rows } = await house.answer<TopAnswer>(question, { ...window, metric: 'avgBps' });
    expect([total, rows[0]]).toEqual([
      expect.objectContaining({ ...expected, ciHigh: total.value }),
      expect.objectContaining(expected),
    ]);
  }
  const { cells, lossAdjusted } = await house.answer<MatrixAnswer>('matrix', { ...window, metric: 'avgBps' });
  expect([cells[0], lossAdjusted]).toMatchObject([expected, { ciLow: expected.ciLow }]);
  const series = await house.answer<SeriesAnswer>('series', { ...window, step: 60 });
  expect(series.series[0]).toMatchObject({
    ...{
      values: [expect.closeTo(128, 6), expect.closeTo(64, 6)],
      ciLow: [expect.closeTo(64, 6), expect.closeTo(64, 6)],
    },
    ciHigh: [expect.closeTo(128, 6), expect.closeTo(64, 6)],
  });
  const peak = await house.answer<TopAnswer>('top', { from: iso(at(60)), to: iso(at(0)), metric: 'maxBps' });
  expect(peak.total).toMatchObject({
    ...{ value: expect.closeTo((2400 * 8) / 270, 6), ciLow: expect.closeTo(64, 6), method: 'partly-covered' },
  });
  // A window of whole buckets, and bytes of a window, are exact as ever.
  for (const [metric, value] of Object.entries({ avgBps: 64, maxBps: 64, bytes: 50 * 480 })) {
    const { total } = await house.answer<TopAnswer>('top', { from: iso(at(50)), to: iso(at(0)), metric });
    expect(total).toMatchObject({ value: expect.closeTo(value, 6), method: 'exact' });
    expect([total.ciLow, total.ciHigh]).toEqual([total.value, total.value]);
  }
});

test('in the first seconds of an installation the series has their rate, with bounds that hold', async () => {
  const seconds = (from: number, to: number, nowMs: number) =>
    houseOf(steady(60, 0), nowMs).then(async house => {
      await insertReceiving(house.storage, at(30) + from * 1000, at(30) + to * 1000);
      const { series } = await house.answer<SeriesAnswer>('series', {
        ...{ from: iso(at(40)), to: iso(at(20)), step: 60 },
      });
      return series[0]!;
    });
  // Six seconds of the minute from at(30), and two of the next.
  const young = await seconds(54, 60, at(30) + 62_000);
  expect(young.values.slice(10)).toEqual([expect.closeTo((480 * 8) / 6, 6), ...Array(9).fill(null)]);
  expect([young.ciLow[10], young.ciHigh[10]]).toEqual([expect.closeTo(64, 6), young.values[10]]);
  // Once a bucket is covered enough, a rate of a few seconds would only be noise beside it.
  const older = await seconds(54, 80, at(30) + 82_000);
  expect(older.values.slice(10, 12)).toEqual([null, expect.any(Number)]);
});

test('flows from before a collector ran are sums; rates are over the time in which it did', async () => {
  const house = await houseOf(steady(60, 0));
  await insertReceiving(house.storage, at(30), at(0));
  const window = { from: iso(at(60)), to: iso(at(0)) };
  const sum = await house.answer<TopAnswer>('top', window);
  expect(sum).toMatchObject({ total: { value: 60 * 480 }, coveredSeconds: 1800, coveredShare: 0.5 });
  for (const metric of ['avgBps', 'maxBps'])
    expect((await house.answer<TopAnswer>('top', { ...window, metric })).total.value).toBeCloseTo(64, 1);
  const before = { from: iso(at(50)), to: iso(at(40)) };
  const matrix = await house.answer<MatrixAnswer>('matrix', before);
  expect(matrix).toMatchObject({ total: { value: 10 * 480 }, coveredFrom: null, coveredShare: 0 });
  const all = await house.answer<MatrixAnswer>('matrix', { ...before, cells: 'all' });
  const unseen = all.cells.filter(({ method }) => method === 'none');
  expect(unseen.length).toBeGreaterThan(0);
  expect(unseen.map(({ value, ciHigh }) => [value, ciHigh])).toEqual(unseen.map(() => [null, null]));
  const rate = await house.answer<MatrixAnswer>('matrix', { ...before, metric: 'avgBps' });
  expect([rate.total.value, rate.total.method, rate.lossAdjusted]).toEqual([null, 'none', null]);
});

test('a backlog makes no exporter silent, and the answer says until when it speaks', async () => {
  const house = await houseOf(steady(60, 40));
  // Half an hour of what was received waits.
  await insertReceiving(house.storage, at(60), at(40));
  const seen = (minutesAgo: number, exporter: string) => ({
    ...{ exporter, protocol: PROTOCOL.ipfix, minute: at(minutesAgo + 1), lastSeen: at(minutesAgo) - 1000 },
    ...{ datagrams: 10, records: 100 },
  });
  const rows = [seen(40, '192.0.2.1'), seen(50, '192.0.2.2')];
  await insertExporterMinutes(house.storage, encodeExporters(rows), 'e');
  await recordProgress(house.storage, 'a', 17);
  const exporters = await house.answer<ExportersAnswer>('exporters');
  expect(exporters).toMatchObject({ live: 1, silent: 1, storedUntil: iso(at(40)), waiting: 17 });
  expect(exporters.exporters.map(({ exporter, silent }) => [exporter, silent]).sort()).toEqual([
    ['192.0.2.1', false],
    ['192.0.2.2', true],
  ]);
  const coverage = await house.answer<CoverageAnswer>('coverage', { from: iso(at(60)), to: iso(at(0)) });
  expect(coverage.exporters.silent).toEqual(['192.0.2.2 ipfix']);
  const matrix = await house.answer<MatrixAnswer>('matrix', { from: iso(at(60)), to: iso(at(0)) });
  expect(matrix).toMatchObject({ storedUntil: iso(at(40)), settledUntil: iso(at(41)), waiting: 17 });
  expect(matrix.quality.settledUntil).toBe(matrix.settledUntil);
});

test('of several collectors the slowest decides; one that stopped or is gone for ten minutes does not', async () => {
  const until = async (...others: readonly (readonly [name: string, minutesAgo: number, stopped?: boolean])[]) => {
    const house = await houseOf(steady(60, 0));
    await insertReceiving(house.storage, at(60), at(0), { collector: 'a' });
    for (const [collector, minutesAgo, stopped = false] of others)
      await insertReceiving(house.storage, at(60), at(minutesAgo), { collector, stopped });
    const { storedUntil } = await house.answer<MatrixAnswer>('matrix');
    return (NOW - Date.parse(storedUntil!)) / MINUTE;
  };
  expect(await until()).toBe(0);
  expect(await until(['b', 4], ['c', 1])).toBe(4);
  expect(await until(['b', 4, true], ['c', 1])).toBe(1);
  expect(await until(['b', 11])).toBe(0);
});

test('a database of an earlier version keeps its history: minutes with counters of exporters count as received', async () => {
  const house = await houseOf(steady(180, 0));
  const reported = [...Array.from({ length: 60 }, (_, i) => 120 - i), ...Array.from({ length: 20 }, (_, i) => 50 - i)];
  const rows = reported.map(minutesAgo => ({
    ...{ exporter: '192.0.2.1', protocol: PROTOCOL.ipfix, minute: at(minutesAgo), lastSeen: at(minutesAgo) },
    ...{ datagrams: 1, records: 1 },
  }));
  await insertExporterMinutes(house.storage, encodeExporters(rows), 'e');
  await insertReceiving(house.storage, at(30), at(0));
  const ask = async () => {
    const { series } = await house.answer<SeriesAnswer>('series', { from: iso(at(180)), to: iso(at(0)), step: 600 });
    return series[0]!.values.map(value => value !== null);
  };
  const tens = (from: number, to: number) => (minutesAgo: number) => minutesAgo <= from && minutesAgo > to;
  const starts = Array.from({ length: 18 }, (_, i) => 180 - 10 * i);
  // A database that was made with the table has no other evidence.
  expect(await ask()).toEqual(starts.map(tens(30, 0)));
  await house.storage.command(
    'INSERT INTO migrations (id, name, at) SELECT id, name, at - toIntervalDay(30) FROM migrations WHERE id = 1',
  );
  await house.storage.command(
    'ALTER TABLE migrations DELETE WHERE id = 1 AND at > now64(3) - toIntervalDay(1) SETTINGS mutations_sync = 1',
  );
  // Before the first counters of exporters, which expire sooner, everything from the first record on; then all but ten minutes.
  expect(await ask()).toEqual(starts.map(minutesAgo => !tens(60, 50)(minutesAgo)));
});

/** Collector, spool and enricher, with the enricher stopped and started by the test. */
function pipeline(house: QueryHouse) {
  const root = mkdtempSync(join(tmpdir(), 'hairpin-received-'));
  tidy.push(() => rmSync(root, { recursive: true, force: true }));
  for (const name of ['spool', 'quarantine']) mkdirSync(join(root, name));
  const { settings } = openSpool({
    ...{ folder: join(root, 'spool'), quarantine: join(root, 'quarantine'), durable: false },
    ...{ bytesMax: 1 << 28, quarantineBytesMax: 1 << 20 },
  });
  let source: SpoolSource | undefined;
  const sink = new SpoolSink({ ...settings, onStored: token => source?.announce(token) });
  let sequence = 0;
  const put = (kind: BatchKind, arrow: Uint8Array) => {
    const identity: BatchIdentity = {
      kind,
      collector: 'test',
      worker: 0,
      epoch: 'ab'.repeat(16),
      sequence: sequence++,
    };
    expect(sink.put(identity, arrow)).toBe('stored');
    // A second apart, as they would be: the order of the spool at a start is that of these times.
    const writtenS = NOW / 1000 - 3600 + sequence;
    utimesSync(join(settings.folder, tokenOf(identity) + BATCH_SUFFIX), writtenS, writtenS);
  };
  return {
    /** What is received in five minutes: records of 1000 bytes in all, then the word that all of it is handed over. */
    receive(minutesAgo: number) {
      for (let i = 0; i < 10; i++) {
        const time = { flowStart: at(minutesAgo) + 1000 * i, flowEnd: at(minutesAgo) + 1000 * i };
        const row = { src: '10.0.0.1', dst: '10.0.1.1', bytes: 100, packets: 1, samplingRate: 1, ...time };
        put('flows', decodedArrow(batchOf([{ ...row, receivedAt: time.flowEnd + 10 }])));
      }
      put('collectors', encodeReceiving(at(minutesAgo), at(minutesAgo - 5)));
    },
    /** Starts the enricher, and stops it when it has stored so many batches. */
    async store(batches: number) {
      const own = new SpoolSource(settings);
      source = own;
      const total = own.backlog().batches;
      let taken = 0;
      // One after the other: a batch behind a minute's word would not wait for it.
      const limited = {
        async next() {
          while (taken >= batches || own.backlog().batches > total - taken)
            await new Promise(done => setTimeout(done, 2));
          taken++;
          return own.next();
        },
        backlog: () => own.backlog(),
        close: () => own.close(),
      };
      const enricher = new Enricher(
        {
          ...{ inventory: '', applications: '', exporters: '', inventorySources: [] },
          ...{ inventoryStaleMs: HOUR, inventoryUnknownMs: 24 * HOUR, insertsMax: 2, insertTriesMax: 3 },
          ...LIMITS,
        },
        {
          source: limited,
          storage: house.storage,
          log: pino({ level: 'silent' }),
          counters: openCounters(ENRICHER_COUNTERS),
        },
      );
      await enricher.start();
      while (own.backlog().batches > total - batches) await new Promise(resolve => setTimeout(resolve, 5));
      await enricher.stop();
      source = undefined;
    },
  };
}

test('while batches wait a closed window is null; then it is exact, and the same ever after', async () => {
  const house = await houseOf([]);
  const lab = pipeline(house);
  for (const minutesAgo of [20, 15, 10, 5]) lab.receive(minutesAgo);
  const window = { from: iso(at(15)), to: iso(at(10)) };
  const asked = () => house.answer<TopAnswer>('top', window);
  const isSettled = ({ settledUntil }: TopAnswer) => settledUntil !== null && Date.parse(settledUntil) >= at(10);
  const answers: TopAnswer[] = [await asked()];
  // Eleven batches are five minutes with their word; the second stop is within those of the window.
  for (const batches of [11, 5, 6, 11, 11]) {
    await lab.store(batches);
    answers.push(await asked());
  }
  // Nothing of the window is known until all of it is stored, with its word.
  expect(answers.map(({ total, storedUntil }) => [total.value, storedUntil])).toEqual([
    [null, null],
    [null, iso(at(15))],
    [null, iso(at(15))],
    [1000, iso(at(10))],
    [1000, iso(at(5))],
    [1000, iso(at(0))],
  ]);
  const settled = answers.filter(isSettled);
  expect(settled).toHaveLength(2);
  for (const { total, coveredShare } of settled) {
    expect(total).toMatchObject({ value: 1000, ciLow: 1000, ciHigh: 1000, method: 'exact' });
    expect(coveredShare).toBe(1);
  }
});
