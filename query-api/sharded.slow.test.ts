// Two real ClickHouse servers that ask each other, beside one that has everything: the same numbered batches go to both,
// some of them several times, and every answer must be the same text.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COUNT_REASON, PROTOCOL } from '../schemas/codes.ts';
import { serviceKey } from '../schemas/keys.ts';
import { createLog } from '../service/log.ts';
import { createMetrics } from '../service/metrics.ts';
import type { ClickHouse } from '../storage/client.ts';
import { dayOf } from '../storage/days.ts';
import { Learning } from '../storage/learning/learning.ts';
import { migrate } from '../storage/migrations/migrate.ts';
import { ScheduledRollup } from '../storage/rollup/scheduled-rollup.ts';
import { shardsOf } from '../storage/storage.ts';
import { insertDocument } from '../storage/tables/documents.ts';
import { insertExporterMinutes } from '../storage/tables/exporters.ts';
import { hasBatch, insertFlows } from '../storage/tables/flows.ts';
import { insertNodes } from '../storage/tables/nodes.ts';
import { insertPlaces } from '../storage/tables/places.ts';
import {
  batchKeyOf,
  startTestServer,
  startTestShards,
  type TestServer,
  type TestShards,
} from '../testing/clickhouse.ts';
import { big, encodeExporters, encodeFlows, type FlowObject, flow, node } from '../testing/data/stored-rows.ts';
import { insertReceiving } from '../testing/receiving.ts';
import { createQueryApi } from './app.ts';
import { QUERY_API_SERVICE } from './configuration.ts';

const log = createLog('test', 'error');
const MINUTE = 60_000;
const DAY = 86_400_000;
/** Records of today and of yesterday, all in the past. */
const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 30 * MINUTE;
const BATCHES = 24;
const ROWS = 100;
const LATER_MS = 10 * MINUTE;
const ROLLUPS = ['traffic_1m', 'traffic_5m', 'traffic_1h', 'pairs_5m', 'pairs_1h', 'unelected_5m', 'cells_5m'];

const apps = Array.from({ length: 7 }, (_, i) => node('application', `app-${i}`));
const vms = Array.from({ length: 12 }, (_, i) => node('vm', `vm-${i}`));
const sites = Array.from({ length: 3 }, (_, i) => node('site', `site-${i}`));
const places = sites.map(({ key, name }) => ({
  ...{ key: node('place', name).key, site: key, tags: [] },
  ...{ vswitch: 0n, portGroup: 0n, segment: 0n, tier: 0n },
}));
const tokenOf = (batch: number) => `flows.test.0.${'0'.repeat(32)}.${batch}`;

/** Every record has its number as `bytes`. Sums are of whole numbers, and half of the datagrams are lost, so that no order of adding shows. */
function rowsOf(batch: number): FlowObject[] {
  return Array.from({ length: ROWS }, (_, i) => {
    const number = batch * ROWS + i;
    const receivedAt = NOW - (number % 2) * DAY - (number % 50) * MINUTE;
    const [src, dst] = [number % 5, (number * 7) % 11];
    return flow({
      receivedAt,
      flowStart: receivedAt - (number % 9) * 10_000,
      flowEnd: receivedAt,
      batch: batchKeyOf(tokenOf(batch)),
      bytes: 1_000_000 + number,
      estBytes: 1_000_000 + number,
      packets: 10,
      estPackets: 10,
      srcApp: apps[src % apps.length]!.key,
      dstApp: apps[dst % apps.length]!.key,
      srcVm: vms[src]!.key,
      dstVm: vms[dst]!.key,
      srcPlace: places[src % places.length]!.key,
      dstPlace: places[dst % places.length]!.key,
      srcAddr: `10.0.0.${src}`,
      dstAddr: `10.0.1.${dst}`,
      service: big(serviceKey(6, 443 + (number % 3), 443 + (number % 3))),
      serverSide: 2,
      inIf: number % 4,
      protocol: PROTOCOL.netflow9,
      ...(number % 4 === 3 ? { weight: 0, countReason: COUNT_REASON.unelected } : {}),
    });
  });
}

let one: TestServer;
let two: TestShards;
let single: ClickHouse;
let sharded: ClickHouse;
beforeAll(async () => {
  [one, two] = await Promise.all([startTestServer(), startTestShards(2)]);
  single = one.connect('whole');
  sharded = two.connect('parts');
  await migrate(single, QUERY_API_SERVICE.load({}));
  await migrate(sharded, { ...QUERY_API_SERVICE.load({}), ...two.form('parts') });
  for (const storage of [single, sharded]) {
    await insertNodes(storage, [...apps, ...vms, ...sites]);
    await insertPlaces(storage, places);
    const repeated: number[] = [];
    for (let batch = 0; batch < BATCHES; batch++) {
      const arrow = encodeFlows(rowsOf(batch));
      const days = [...new Set(rowsOf(batch).map(({ receivedAt }) => dayOf(Number(receivedAt))))];
      const again = { batch: batchKeyOf(tokenOf(batch)), fromMs: NOW - 2 * DAY, toMs: NOW, days };
      // A third comes again at once, and some of them much later.
      await insertFlows(storage, arrow, tokenOf(batch));
      if (batch % 3 === 0) await insertFlows(storage, arrow, tokenOf(batch), again);
      if (batch % 6 === 0) repeated.push(batch);
    }
    for (const batch of repeated) await insertFlows(storage, encodeFlows(rowsOf(batch)), tokenOf(batch));
    await insertReceiving(storage, NOW - 2 * DAY, NOW);
    for (const minute of [0, 1, 2])
      for (let tries = 0; tries < 2; tries++)
        await insertExporterMinutes(
          storage,
          encodeExporters([
            {
              minute: NOW - minute * MINUTE,
              exporter: '192.0.2.1',
              protocol: PROTOCOL.netflow9,
              datagrams: 90n,
              records: 900n,
              lost: 90n,
            },
          ]),
          `exporters.test.0.${'0'.repeat(32)}.${minute}`,
        );
  }
}, 120_000);
afterAll(async () => {
  await Promise.all([one?.close(), two?.close()]);
});

async function answersOf(storage: ClickHouse, questions: readonly string[]): Promise<Record<string, string>> {
  const api = createQueryApi(QUERY_API_SERVICE.load({}), {
    storage,
    log,
    metrics: createMetrics(),
    ready: () => [],
    nowMs: () => NOW,
  });
  await api.app.ready();
  const answers: Record<string, string> = {};
  for (const question of questions) {
    const { statusCode, body } = await api.app.inject({ method: 'GET', url: `/api/v1/${question}` });
    expect(statusCode, `${question}: ${body}`).toBe(200);
    answers[question] = body.replace(/"elapsedMs":[\d.]+/, '');
  }
  await api.stop();
  return answers;
}

const WINDOW = 'from=now-36h&to=now';
const QUESTIONS = [
  `matrix?${WINDOW}&by=site&filter=srcSite%3Dsite-0`,
  `matrix?${WINDOW}&rows=site&columns=vm&order=name&limit=3&offset=1`,
  `matrix?${WINDOW}&by=app`,
  `matrix?${WINDOW}&by=app&orientation=client`,
  `matrix?${WINDOW}&by=vm&limit=5`,
  `matrix?${WINDOW}&by=app&metric=p95Bps`,
  `matrix?${WINDOW}&by=app&filter=dstPort%3D0&metric=packets`,
  `matrix?from=now-20m&to=now&by=vm&metric=avgBps`,
  `series?${WINDOW}&by=app`,
  `top?${WINDOW}&by=service`,
  `exporters?${WINDOW}`,
];

/** What the pass has not reached is read from the records. */
const UNPASSED = QUESTIONS.slice(0, 5);

describe('two shards', () => {
  test('hold every number once, and each batch on one of them', async () => {
    const [row] = await sharded.select(
      'SELECT count() AS records, uniqExact(bytes) AS numbers, uniqExact(batch) AS batches FROM flows',
    );
    expect(row).toEqual({ records: String(BATCHES * ROWS), numbers: String(BATCHES * ROWS), batches: String(BATCHES) });
    const held = await Promise.all(
      shardsOf(sharded).map(shard => shard.select<{ batch: string }>('SELECT DISTINCT batch FROM flows')),
    );
    expect(held.map(batches => batches.length > BATCHES / 5)).toEqual([true, true]);
    expect(held.flat()).toHaveLength(BATCHES);
    expect(await sharded.select('SELECT sum(lost) AS lost FROM exporters')).toEqual([{ lost: '270' }]);
    expect(await hasBatch(sharded, batchKeyOf(tokenOf(7)), NOW)).toBe(true);
    expect(await hasBatch(sharded, batchKeyOf(tokenOf(BATCHES)), NOW)).toBe(false);
  });

  test('answer like one server, before the pass and after it, to the byte', async () => {
    const before = await answersOf(single, UNPASSED);
    expect(Object.values(before).every(body => body.length > 100)).toBe(true);
    expect(await answersOf(sharded, UNPASSED)).toEqual(before);
    for (const storage of [single, sharded])
      expect(await new ScheduledRollup({ storage, log }).run(Date.now() + LATER_MS)).toBeGreaterThan(0);
    const after = await answersOf(single, QUESTIONS);
    expect(await answersOf(sharded, QUESTIONS)).toEqual(after);
  }, 300_000);

  test('have roll-ups that equal their records, each shard for itself', async () => {
    for (const shard of shardsOf(sharded)) {
      const [elected, unelected] = await Promise.all(
        ['weight > 0', `countReason = ${COUNT_REASON.unelected}`].map(async where =>
          shard.select(
            `SELECT sum(estBytes) AS bytes, sum(estPackets) AS packets, count() AS records FROM flows WHERE ${where}`,
          ),
        ),
      );
      for (const table of ROLLUPS)
        expect(
          await shard.select(
            `SELECT sum(bytes) AS bytes, sum(packets) AS packets, sum(records) AS records FROM ${table}`,
          ),
          table,
        ).toEqual(table === 'unelected_5m' ? unelected : elected);
    }
  });

  test('change nothing when the pass is made again, by two at once', async () => {
    const sums = async () =>
      Promise.all(ROLLUPS.map(table => sharded.select(`SELECT sum(bytes) AS b, sum(records) AS r FROM ${table}`)));
    const before = await sums();
    for (const shard of shardsOf(sharded)) await shard.command('TRUNCATE TABLE passes');
    const at = Date.now() + LATER_MS;
    await Promise.all([
      new ScheduledRollup({ storage: sharded, log }).run(at),
      new ScheduledRollup({ storage: sharded, log }).run(at),
    ]);
    expect(await sums()).toEqual(before);
  });

  test('keep names, documents and what is learned as one server does', async () => {
    const version = { kind: 'inventory' as const, asOfMs: 1000, source: 'test', body: '{}' };
    await insertDocument(sharded, { ...version, recordedAtMs: 1000 });
    await insertDocument(sharded, { ...version, recordedAtMs: 2000 });
    expect(await sharded.select('SELECT count() AS n FROM documents')).toEqual([{ n: '1' }]);
    expect(
      await sharded.select('SELECT count() AS n FROM flows_named WHERE srcApp = {app:String}', { app: 'app-1' }),
    ).toEqual(
      await single.select('SELECT count() AS n FROM flows_named WHERE srcApp = {app:String}', { app: 'app-1' }),
    );
  });

  test('learn what one server learns, and answer alike after it', async () => {
    const learned = async (storage: ClickHouse) => {
      const learning = new Learning({ storage, log });
      // What no rule elects was received yesterday (every fourth number is odd).
      for (const minute of [-1, 0]) await learning.run(NOW - DAY + minute * MINUTE + 1);
      return storage.select<{ counted: string[] }>(
        'SELECT toString(l.source) AS source, l.since AS since, l.counted AS counted, l.repeated AS repeated FROM learned_interfaces AS l FINAL ORDER BY source',
      );
    };
    const rows = await learned(single);
    expect(rows.map(({ counted }) => counted.length)).toContain(1);
    expect(await learned(sharded)).toEqual(rows);
    const answers = await answersOf(single, QUESTIONS.slice(0, 4));
    expect(answers[QUESTIONS[0]!]).toContain('"largestPointShare":0,');
    expect(await answersOf(sharded, QUESTIONS.slice(0, 4))).toEqual(answers);
  }, 120_000);

  test('are prepared again without a change, and get a column that the schema has', async () => {
    const config = { ...QUERY_API_SERVICE.load({}), ...two.form('parts') };
    await sharded.command('ALTER TABLE flows DROP COLUMN tcpFlags');
    await sharded.command('ALTER TABLE parts.flows DROP COLUMN tcpFlags');
    await migrate(sharded, config);
    expect(await sharded.select('SELECT sum(tcpFlags) AS n FROM flows')).toEqual([{ n: '0' }]);
    expect(await sharded.select('SELECT count() AS n FROM flows')).toEqual([{ n: String(BATCHES * ROWS) }]);
  });
});
