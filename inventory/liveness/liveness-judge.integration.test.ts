// The judge in front of a real ClickHouse: what it records of stored minutes, and what it corrects.

import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROTOCOL } from '../../schemas/codes.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { createDatabase, migrate } from '../../storage/migrations/migrate.ts';
import { insertDocument } from '../../storage/tables/documents.ts';
import { insertExporterMinutes } from '../../storage/tables/exporters.ts';
import { insertLiveness, livenessSince, settleLiveness, unsettledLiveness } from '../../storage/tables/liveness.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { type ExporterObject, encodeExporters } from '../../testing/data/stored-rows.ts';
import { MOMENTS_MAX } from '../model/liveness.ts';
import { readLiveness } from '../sources/liveness-source.ts';
import { LivenessJudge } from './liveness-judge.ts';

const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 2, 10);
const at = (minute: number) => START + minute * MINUTE;
const log = pino({ level: 'silent' });

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

let databases = 0;
async function installation(exporters: readonly object[], registeredAt = at(-600)) {
  const storage: ClickHouse = server.connect(`judge_${databases++}`);
  await createDatabase(storage);
  await migrate(storage, { retentionDays: 3000, rollupRetentionDays: 10_000, durable: false });
  await insertDocument(storage, {
    kind: 'exporters',
    recordedAtMs: registeredAt,
    asOfMs: 0,
    source: 'test',
    body: JSON.stringify({ exporters }),
  });
  let now = START;
  const options = { storage, log, nowMs: () => now, spanMsMax: 3_600_000, confirmMs: 0 };
  let tokens = 0;
  const seen = (exporter: string, first: number, last: number, more: ExporterObject = {}) =>
    insertExporterMinutes(
      storage,
      encodeExporters(
        Array.from({ length: last - first + 1 }, (_, i) => ({
          minute: at(first + i),
          lastSeen: at(first + i) + 42_000,
          exporter,
          protocol: PROTOCOL.sflow5,
          datagrams: 6,
          records: 60,
          ...more,
        })),
      ),
      `token ${tokens++}`,
    );
  const recorded = async () =>
    (await livenessSince(storage, 0)).map(
      ({ exporter, atMs, state }) => `${exporter} ${(atMs - START) / 1000} ${state}`,
    );
  return {
    storage,
    options,
    judge: new LivenessJudge(options),
    seen,
    recorded,
    setNow: (minute: number) => {
      now = at(minute);
    },
  };
}

const ONE = { address: '192.0.2.1', protocol: 'sflow5' } as const;
const TWO = { address: '192.0.2.2', protocol: 'sflow5' } as const;

test('silence, undecodable data and return are recorded once each, and again for nobody', async () => {
  const { judge, seen, recorded, setNow, options } = await installation([ONE, TWO]);
  await seen('192.0.2.2', -100, 30);
  await seen('192.0.2.1', -100, 3);
  await seen('192.0.2.1', 4, 8, { records: 0, malformedSets: 9 });
  setNow(6);
  await seen('192.0.2.2', 0, 0);
  setNow(31);
  await judge.run();
  expect(await recorded()).toEqual(['192.0.2.1 220 silent']);
  await judge.run();
  await new LivenessJudge(options).run();
  expect(await recorded()).toEqual(['192.0.2.1 220 silent']);
  await seen('192.0.2.1', 31, 31);
  await seen('192.0.2.2', 31, 32);
  setNow(33);
  await judge.run();
  expect(await recorded()).toEqual(['192.0.2.1 220 silent', '192.0.2.1 1920 live']);
});

test('minutes that come late correct what was recorded, and what that changes is to be put right', async () => {
  const { judge, seen, recorded, setNow, storage } = await installation([ONE, TWO]);
  await seen('192.0.2.2', -20, 20);
  await seen('192.0.2.1', -20, 5);
  setNow(21);
  await judge.run();
  expect(await recorded()).toEqual(['192.0.2.1 340 silent']);
  const [first] = await unsettledLiveness(storage, 0);
  expect(first).toMatchObject({ changedFromMs: at(5) + 40_000, changedUntilMs: at(22) });
  await settleLiveness(storage, [first!], { outcome: 'repaired', detail: '' });
  expect(await unsettledLiveness(storage, 0)).toEqual([]);
  // The backlog of a second collector.
  await seen('192.0.2.1', 6, 12);
  await judge.run();
  expect(await recorded()).toEqual(['192.0.2.1 760 silent']);
  const again = await unsettledLiveness(storage, 0);
  expect(again.map(({ state }) => state).sort()).toEqual(['silent', 'void']);
  for (const row of again)
    expect(row).toMatchObject({ changedFromMs: at(5) + 40_000, changedUntilMs: at(12) + 40_000 });
});

test('what a decision was to put right is still to be when it is corrected before', async () => {
  const { judge, seen, setNow, storage } = await installation([ONE, TWO]);
  await seen('192.0.2.2', -20, 20);
  await seen('192.0.2.1', -20, 5);
  setNow(21);
  await judge.run();
  await seen('192.0.2.1', 6, 12);
  await judge.run();
  // Until minute 22 it was taken for live, and is silent from 12:40 on.
  const due = await unsettledLiveness(storage, 0);
  expect(Math.min(...due.map(row => row.changedFromMs))).toBe(at(5) + 40_000);
  expect(Math.max(...due.map(row => row.changedUntilMs))).toBe(at(22));
});

test('what holds until a moment is read without what came after it, however much that is', async () => {
  const { storage } = await installation([ONE, TWO]);
  const row = (second: number, state: 'live' | 'silent') => ({
    ...{ exporter: '192.0.2.1', domain: -1, protocol: PROTOCOL.sflow5, atMs: START + second * 1000, state },
    ...{ changedFromMs: START, changedUntilMs: START },
  });
  const later = Array.from({ length: 2 * MOMENTS_MAX }, (_, i) => row(1000 + i, i % 2 === 0 ? 'live' : 'silent'));
  await insertLiveness(storage, [row(0, 'silent'), ...later]);
  const past = await readLiveness(storage, START - MINUTE, START + 900_000);
  expect(past.boundaries()).toEqual([START]);
  expect(past.isSilent(ONE, START + 60_000)).toBe(true);
});

test('nobody is silent while no collector receives, and one who was never seen is silent from its registration on', async () => {
  const { judge, seen, recorded, setNow, options } = await installation([ONE, TWO], at(0));
  await seen('192.0.2.2', 0, 2);
  setNow(30);
  await judge.run();
  expect(await recorded()).toEqual([]);
  await seen('192.0.2.2', 28, 33);
  setNow(34);
  await judge.run();
  // Flows that are reported then may have begun as long before as the configuration allows.
  expect(await recorded()).toEqual([`192.0.2.1 ${-options.spanMsMax / 1000} silent`]);
});

test('where nobody was live before, the first return holds from its first stored flow on, also for a leader that begins later', async () => {
  const { judge, seen, recorded, setNow, storage, options } = await installation([ONE, TWO], at(0));
  await seen('192.0.2.9', -5, 14);
  await seen('192.0.2.1', 10, 14);
  await storage.insert({
    table: 'flows',
    rows: [
      ['192.0.2.1', 583, 601],
      ['192.0.2.1', 120, 599],
      ['192.0.2.9', 540, 602],
    ].map(([exporter, flowStart, receivedAt]) => ({
      exporter: `::ffff:${exporter}`,
      protocol: PROTOCOL.sflow5,
      flowStart: new Date(START + 1000 * Number(flowStart)).toISOString().replace('T', ' ').slice(0, -1),
      receivedAt: new Date(START + 1000 * Number(receivedAt)).toISOString().replace('T', ' ').slice(0, -1),
    })),
  });
  setNow(15);
  await judge.run();
  const expected = ['192.0.2.1 -3600 silent', '192.0.2.2 -3600 silent', '192.0.2.1 580 live'];
  expect((await recorded()).sort()).toEqual([...expected].sort());
  expect(await judge.run()).toEqual([]);
  expect(await new LivenessJudge(options).run()).toEqual([]);
});

test('the versions of documents are listed once, and again when one of the registry was recorded', async () => {
  const { seen, recorded, setNow, storage, options } = await installation([ONE]);
  let listed = 0;
  const counting = new Proxy(storage, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== 'function') return value;
      return (...given: unknown[]) => {
        if (String(given[0]).includes('FROM documents WHERE recordedAt')) listed++;
        return (value as (...all: unknown[]) => unknown).apply(target, given);
      };
    },
  });
  const judge = new LivenessJudge({ ...options, storage: counting });
  await seen('192.0.2.1', -20, 10);
  setNow(11);
  for (let run = 0; run < 3; run++) await judge.run();
  expect(listed).toBe(1);
  const body = JSON.stringify({ asOf: new Date(at(5)).toISOString(), exporters: [ONE, TWO] });
  await insertDocument(storage, { kind: 'exporters', recordedAtMs: at(11), asOfMs: at(5), source: 'test', body });
  for (let run = 0; run < 3; run++) await judge.run();
  expect(listed).toBe(2);
  expect(await recorded()).toEqual([`192.0.2.2 ${5 * 60 - 3600} silent`]);
});

test('a silence that lasts is found twice before it is recorded; a later leader looks back', async () => {
  const { seen, recorded, setNow, options } = await installation([ONE, TWO]);
  await seen('192.0.2.2', -20, 10);
  await seen('192.0.2.1', -20, 2);
  setNow(11);
  const judge = new LivenessJudge({ ...options, confirmMs: 30 });
  await judge.run();
  expect(await recorded()).toEqual([]);
  await new Promise(resolve => setTimeout(resolve, 40));
  await judge.run();
  expect(await recorded()).toEqual(['192.0.2.1 160 silent']);
  setNow(500);
  await seen('192.0.2.2', 490, 500);
  await new LivenessJudge(options).run();
  // Nobody received meanwhile, which makes nobody silent.
  expect(await recorded()).toEqual(['192.0.2.1 160 silent']);
});

test('a domain that is not stated stands for all; another entry of the address is judged by its own', async () => {
  const { judge, seen, recorded, setNow } = await installation([{ address: '192.0.2.1' }, { ...ONE, domain: 5 }, TWO]);
  await seen('192.0.2.2', -20, 10);
  await seen('192.0.2.1', -20, 2, { observationDomain: 5 });
  await seen('192.0.2.1', -20, 10, { observationDomain: 6, protocol: PROTOCOL.ipfix });
  setNow(11);
  await judge.run();
  expect(await recorded()).toEqual(['192.0.2.1 160 silent']);
});

test('where collectors report when they were receiving, that is the evidence, and an exporter alone can fall silent', async () => {
  const { judge, seen, recorded, setNow, storage } = await installation([ONE]);
  const received = (first: number, last: number) =>
    storage.insert({
      table: 'collectors',
      rows: Array.from({ length: last - first + 1 }, (_, i) => ({
        minute: new Date(at(first + i)).toISOString().replace('T', ' ').slice(0, -1),
        receivingMs: MINUTE,
        collector: 'c1',
        share: 0,
        shares: 1,
      })),
    });
  await seen('192.0.2.1', -20, 10);
  await received(-20, 12);
  setNow(14);
  await judge.run();
  expect(await recorded()).toEqual([]);
  await received(13, 13);
  await judge.run();
  expect(await recorded()).toEqual(['192.0.2.1 640 silent']);
});
