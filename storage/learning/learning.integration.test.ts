// Rounds of learning over records in a real ClickHouse: when a choice is stored, when it stays, when it is replaced.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom, samplePackets } from '../../benchmarks/random.ts';
import { COUNT_REASON } from '../../schemas/codes.ts';
import { createLog } from '../../service/log.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { encodeFlows, type FlowObject, flow } from '../../testing/data/stored-rows.ts';
import type { ClickHouse } from '../client.ts';
import { migrate } from '../migrations/migrate.ts';
import type { QueryParams, Storage } from '../storage.ts';
import { INTERFACE_SQL } from '../tables/elections.ts';
import { insertFlows } from '../tables/flows.ts';
import { EVERY_SOURCE } from '../tables/learned-interfaces.ts';
import { readEvidence } from './evidence.ts';
import { LEARNING_BOUNDS, Learning, type LearningBounds, ROUNDS_AGAINST } from './learning.ts';

const log = createLog('test', 'error');
const CONFIG = { retentionDays: 30, rollupRetentionDays: 800, durable: false };
const MINUTE = 60_000;
const START = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 3_600_000;
const at = (minute: number) => START + minute * MINUTE;

let server: TestServer;
let databases = 0;
let batches = 0;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

async function fresh(): Promise<ClickHouse> {
  const storage = server.connect(`learning${databases++}`);
  await migrate(storage, CONFIG);
  return storage;
}

interface Sent {
  readonly minutes: readonly number[];
  readonly exporters: readonly number[];
  readonly senders?: number;
  /** The keys of a sender that an exporter sees; all when left out. */
  readonly sees?: (exporter: number, key: number) => boolean;
}

/** Ten packets a minute of each of eight keys, past exporters that see them all, unsampled. */
function send(storage: ClickHouse, { minutes, exporters, senders = 1, sees = () => true }: Sent): Promise<void> {
  const rows: FlowObject[] = [];
  for (const minute of minutes)
    for (const exporter of exporters)
      for (let sender = 0; sender < senders; sender++)
        for (let key = 0; key < 8; key++)
          if (sees(exporter, key))
            rows.push(
              flow({
                weight: 0,
                countReason: COUNT_REASON.unelected,
                exporter: `192.0.2.${exporter}`,
                srcAddr: `10.0.0.${sender + 1}`,
                dstAddr: '10.1.0.1',
                srcPort: 40_000 + key,
                dstPort: 443,
                packets: 10,
                bytes: 1000 * (senders - sender),
                receivedAt: at(minute) + 30_000,
                flowStart: at(minute),
                flowEnd: at(minute) + 20_000,
              }),
            );
  return insertFlows(storage, encodeFlows(rows), `flows.learning.0.${'0'.repeat(32)}.${batches++}`);
}

interface LearnedRow {
  readonly source: string;
  readonly sinceS: number;
  readonly counted: readonly string[];
  readonly repeated: readonly string[];
}
const learnedRows = (storage: ClickHouse, ofAll: boolean) =>
  storage.select<LearnedRow>(
    `SELECT toString(l.source) AS source, toUInt32(l.since) AS sinceS, arrayMap(id -> toString(id), l.counted) AS counted, arrayMap(id -> toString(id), l.repeated) AS repeated
     FROM learned_interfaces AS l FINAL WHERE l.source ${ofAll ? '=' : '!='} ${EVERY_SOURCE} ORDER BY l.source, l.since`,
  );
const minutesOf = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

test('what two rounds agree on is learned within ten minutes, for the sender and for all, and written once', async () => {
  const storage = await fresh();
  await send(storage, { minutes: minutesOf(0, 30), exporters: [1, 2] });
  const learning = new Learning({ storage, log });
  const stored: number[] = [];
  for (let minute = 1; minute <= 12; minute++) stored.push(await learning.run(at(minute)));
  expect(stored.reduce((all, n) => all + n)).toBe(2);
  expect(stored.findIndex(n => n > 0)).toBe(7);
  for (const ofAll of [false, true]) {
    const [row, ...others] = await learnedRows(storage, ofAll);
    expect(others).toEqual([]);
    expect([row!.sinceS, row!.counted.length, row!.repeated.length]).toEqual([0, 1, 1]);
  }
});

test('a choice outlives rounds that say otherwise, and is replaced when they go on', async () => {
  const storage = await fresh();
  await send(storage, { minutes: minutesOf(0, 12), exporters: [1, 2] });
  const learning = new Learning({ storage, log });
  for (let minute = 7; minute <= 10; minute++) await learning.run(at(minute));
  const [before] = await learnedRows(storage, false);
  // The exporter that counts falls silent; the other one goes on.
  const [counts] = await storage.select<{ silent: number }>(
    `SELECT DISTINCT endsWith(IPv6NumToString(exporter), '.1') ? 1 : 2 AS silent FROM flows WHERE ${INTERFACE_SQL} = ${before!.counted[0]}`,
  );
  const { silent } = counts!;
  await send(storage, { minutes: minutesOf(12, 30), exporters: [3 - silent] });
  let replacedAt = 0;
  const rounds: boolean[] = [];
  for (let minute = 12; minute <= 26 && replacedAt === 0; minute++) {
    await learning.run(at(minute));
    const rows = await learnedRows(storage, false);
    rounds.push(rows.length > 1);
    if (rows.length > 1) replacedAt = minute;
  }
  expect(replacedAt).toBeGreaterThanOrEqual(12 + ROUNDS_AGAINST);
  // Once the window holds nothing of it, at the latest.
  expect(replacedAt).toBeLessThanOrEqual(22);
  const [first, second] = await learnedRows(storage, false);
  expect(first).toEqual(before);
  expect([second!.counted, second!.repeated]).toEqual([before!.repeated, []]);
  // From when on the old one was silent, to the window of a round.
  expect(Math.abs(second!.sinceS - at(12) / 1000)).toBeLessThanOrEqual(600);
});

test('an exporter that appears is judged beside a choice that stays', async () => {
  const storage = await fresh();
  await send(storage, { minutes: minutesOf(0, 20), exporters: [1], sees: (_, key) => key < 4 });
  await send(storage, { minutes: minutesOf(10, 20), exporters: [2], sees: (_, key) => key >= 4 });
  await send(storage, { minutes: minutesOf(10, 20), exporters: [3] });
  const learning = new Learning({ storage, log });
  for (let minute = 7; minute <= 9; minute++) await learning.run(at(minute));
  const [before] = await learnedRows(storage, false);
  expect([before!.counted.length, before!.repeated.length]).toEqual([1, 0]);
  for (let minute = 12; minute <= 20; minute++) await learning.run(at(minute));
  const [after, ...others] = await learnedRows(storage, false);
  expect(others).toEqual([]);
  // The second one sees other keys. The third one sees those of both.
  expect([after!.counted.length, after!.repeated.length]).toEqual([2, 1]);
  expect(after!.counted[0]).toBe(before!.counted[0]);
});

test.each<[string, Partial<LearningBounds>, number]>([
  ['senders of a round', { sourcesMax: 3 }, 3],
  ['senders that are stored', { learnedMax: 4 }, 3],
])('the bound of %s holds; the largest are learned, and all together', async (_, bounds, senders) => {
  const storage = await fresh();
  await send(storage, { minutes: minutesOf(0, 12), exporters: [1, 2], senders: 6 });
  const learning = new Learning({ storage, log, bounds: { ...LEARNING_BOUNDS, ...bounds } });
  for (let minute = 7; minute <= 12; minute++) await learning.run(at(minute));
  const rows = await learnedRows(storage, false);
  const largest = await storage.select<{ source: string }>(
    `SELECT toString(cityHash64(srcAddr)) AS source FROM flows GROUP BY source ORDER BY sum(estBytes) DESC LIMIT ${senders}`,
  );
  expect(rows.map(({ source }) => source).sort()).toEqual(largest.map(({ source }) => source).sort());
  expect(await learnedRows(storage, true)).toHaveLength(1);
});

test('beyond the bounds of records a round reads fewer minutes and compares one key in so many', async () => {
  const storage = await fresh();
  await send(storage, { minutes: minutesOf(0, 12), exporters: [1, 2], senders: 20 });
  const statements: QueryParams[] = [];
  const watched: Storage = {
    select: (sql, params = {}) => {
      if (params['oneIn'] !== undefined) statements.push(params);
      return storage.select(sql, params);
    },
    selectArrow: (sql, params) => storage.selectArrow(sql, params),
    command: (sql, params, token) => storage.command(sql, params, token),
    insert: insert => storage.insert(insert),
    replicated: false,
    shards: [],
  };
  // 3200 records in the window of ten minutes.
  const bounds = { ...LEARNING_BOUNDS, recordsMax: 2400, comparedMax: 600 };
  const learning = new Learning({ storage: watched, log, bounds });
  for (const minute of [10, 11]) await learning.run(at(minute));
  expect(statements.map(({ oneIn, from, to }) => [oneIn, Number(to) - Number(from)])).toEqual([
    [4, 7.5 * MINUTE],
    [4, 7.5 * MINUTE],
  ]);
  expect(await learnedRows(storage, true)).toHaveLength(1);
});

test('beyond the bound of interfaces the largest of a sender are compared, and no other two', async () => {
  const storage = await fresh();
  // The fourth sees all eight keys, each other one seven; all have keys in common.
  const sees = (exporter: number, key: number) => exporter === 4 || key !== exporter;
  await send(storage, { minutes: minutesOf(0, 10), exporters: [1, 2, 3, 4], sees });
  const read = async (interfacesMax: number) => {
    const window = { fromMs: at(0), toMs: at(10), spanMsMin: MINUTE };
    const found = await readEvidence(storage, window, { ...LEARNING_BOUNDS, interfacesMax });
    return found!.evidence.map(({ interfaces, overlaps }) => ({
      ids: interfaces.map(({ id }) => id),
      compared: overlaps.map(({ of }) => of),
      overlaps: overlaps.length,
    }));
  };
  for (const [interfacesMax, overlaps] of [
    [4, 12],
    [3, 6],
    [2, 2],
    [1, 0],
  ] as const)
    for (const scope of await read(interfacesMax)) {
      expect([scope.ids.length, scope.overlaps]).toEqual([interfacesMax, overlaps]);
      expect(scope.ids).toEqual(expect.arrayContaining(scope.compared));
    }
});

test('shares of sampled interfaces are what arithmetic makes of their samples, either way', async () => {
  const storage = await fresh();
  const random = createRandom(5);
  // Samples of each key: 1 in 10 and 1 in 4, of the first ten keys the second one sees none.
  const rates = [10, 4] as const;
  const samples = rates.map((rate, i) =>
    Array.from({ length: 30 }, (_, key) => (i === 1 && key < 10 ? 0 : samplePackets(random, 25, rate))),
  );
  const rows = samples.flatMap((ofKeys, i) =>
    ofKeys.flatMap((count, key) =>
      Array.from({ length: count }, (_, n) =>
        flow({
          weight: 0,
          countReason: COUNT_REASON.unelected,
          exporter: `192.0.2.${i + 1}`,
          samplingRate: rates[i]!,
          srcAddr: '10.0.0.1',
          dstAddr: '10.1.0.1',
          srcPort: 40_000 + key,
          packets: 1,
          estPackets: rates[i]!,
          receivedAt: at(n % 10),
          flowStart: at(n % 10),
          flowEnd: at(n % 10),
        }),
      ),
    ),
  );
  await insertFlows(storage, encodeFlows(rows), `flows.learning.0.${'0'.repeat(32)}.${batches++}`);
  const found = await readEvidence(storage, { fromMs: at(0), toMs: at(10), spanMsMin: 0 }, LEARNING_BOUNDS);
  const idOf = await storage.select<{ id: string; n: number }>(
    `SELECT DISTINCT toString(${INTERFACE_SQL}) AS id, toUInt32(endsWith(IPv6NumToString(exporter), '.2')) AS n FROM flows`,
  );
  const ids = [0, 1].map(n => idOf.find(one => one.n === n)!.id);
  const weighted = samples.map((ofKeys, i) =>
    ofKeys.map(count => count * rates[i]! - (count === 1 ? rates[i]! - 1 : 0)),
  );
  const sum = (of: (key: number) => number) => Array.from({ length: 30 }, (_, key) => of(key)).reduce((a, b) => a + b);
  expect(found!.evidence).toHaveLength(2);
  for (const { interfaces, overlaps } of found!.evidence)
    for (const [a, b] of [
      [0, 1],
      [1, 0],
    ] as const) {
      expect(interfaces.find(({ id }) => id === ids[a])).toMatchObject({
        packets: sum(key => weighted[a]![key]!),
        packetsSquare: sum(key => weighted[a]![key]! ** 2),
        rate: rates[a],
      });
      const seen = (key: number) => (samples[a]![key]! > 0 ? samples[b]![key]! * rates[b] : 0);
      expect(overlaps.find(({ of, by }) => of === ids[a] && by === ids[b])).toMatchObject({
        packets: sum(seen),
        packetsSquare: sum(key => seen(key) ** 2),
        product: sum(key => seen(key) * weighted[a]![key]!),
      });
    }
});
