// The advice about documents recorded in simulated time, against a real ClickHouse.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom, type Random } from '../../benchmarks/random.ts';
import { attachmentVisibility } from '../../enricher/election/election-rule.ts';
import { decide } from '../../inventory/liveness/decision.ts';
import type { SeenSpan } from '../../inventory/liveness/transitions.ts';
import { keyOf } from '../../inventory/model/liveness.ts';
import { epochAt } from '../../inventory/snapshot/knowledge.ts';
import { loadKnowledge } from '../../inventory/snapshot/load.ts';
import { PROTOCOL } from '../../schemas/codes.ts';
import type {
  AdvisorRequest,
  CellsReport,
  CellsRequest,
  CoverageReport,
  SeenExporter,
} from '../../schemas/coverage.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import { hashedKey, keyToHex } from '../../schemas/keys.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import { insertDocument } from '../../storage/tables/documents.ts';
import { insertHeartbeat } from '../../storage/tables/heartbeats.ts';
import { insertLiveness, type LivenessRow } from '../../storage/tables/liveness.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { Advice } from './advice.ts';

const MINUTE = 60_000;
const HISTORY = { inventorySources: [], inventoryStaleMs: 10 * MINUTE, inventoryUnknownMs: 30 * MINUTE };

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

test('what a source confirmed is seen, days ago by the wall clock', async () => {
  const storage = server.connect('advice');
  await migrate(storage, { retentionDays: 30, rollupRetentionDays: 800, durable: false });
  const now = Date.now() - 10 * 86_400_000;
  const inventory = inventoryChecker.check('inventory', {
    ...{ source: 'vc', asOf: new Date(now - 90 * MINUTE).toISOString(), complete: ['hosts', 'vms'] },
    hosts: [{ id: 'h', name: 'h' }],
    vms: [1, 2].map(i => ({ id: `v${i}`, name: `v${i}`, host: 'h', vnics: [{ addresses: [`10.0.0.${i}`] }] })),
  });
  const at = { kind: 'inventory', source: 'vc', recordedAtMs: now - 60 * MINUTE } as const;
  await insertDocument(storage, { ...at, asOfMs: now - 90 * MINUTE, body: JSON.stringify(inventory) });
  const advice = new Advice(storage, HISTORY, () => now);
  const question: AdvisorRequest = {
    ...{ request: 'coverage', seen: [], fromMs: now - MINUTE, atMs: now, host: '', vm: '' },
    ...{ spotsMax: 1, pairsMax: 0 },
  };
  const vmsReported = async () => ((await advice.answer(question)) as { vms: number } | undefined)?.vms;
  // Silent for longer than its facts hold.
  expect((await vmsReported()) ?? 0).toBe(0);
  await insertHeartbeat(storage, { ...at, asOfMs: now - MINUTE, recordedAtMs: now });
  expect(await vmsReported()).toBe(2);
});

const NOW = Math.floor(Date.now() / MINUTE) * MINUTE;
const ago = (minutes: number) => NOW - minutes * MINUTE;
const HOLDING = { inventorySources: [], inventoryStaleMs: 1e9, inventoryUnknownMs: 1e9 };
/** Two hosts on one switch; `a` and `b` are on different hosts until `b` moves to that of `a`, whose bridge exports nothing. */
const inventoryOf = (asOfMs: number, hostOfB: string) => ({
  ...{ source: 'vc', asOf: new Date(asOfMs).toISOString(), complete: ['switches', 'hosts', 'vms'] },
  switches: [{ id: 'leaf', ports: [1, 2].map(ifIndex => ({ ifIndex, connectsTo: { host: `h${ifIndex}` } })) }],
  hosts: ['h1', 'h2'].map(id => ({ id, vswitches: [{ id: 'vs', portGroups: [{ id: 'pg', vlan: 10 }] }] })),
  vms: [
    ['a', 'h1'],
    ['b', hostOfB],
  ].map(([name, host]) => ({ id: name, name, host, vnics: [{ vswitch: 'vs', portGroup: 'pg' }] })),
});
const KEY = keyOf({ address: '192.0.2.1' });
const SEEN: SeenExporter[] = [{ address: '192.0.2.1', domain: 0, protocol: PROTOCOL.sflow5, lastSeenMs: ago(33) }];
/** What is recorded of the leaf: minutes ago, beginning with a silence. */
const changes = (...minutesAgo: number[]): LivenessRow[] =>
  minutesAgo.map((minutes, i) => ({
    ...{ ...KEY, atMs: ago(minutes), state: i % 2 === 0 ? 'silent' : 'live' },
    ...{ changedFromMs: ago(minutes), changedUntilMs: ago(minutes) },
  }));

async function adviceOf(
  database: string,
  versions: readonly (readonly [minutesAgo: number, hostOfB: string])[],
  recorded: readonly LivenessRow[] = [],
) {
  const storage = server.connect(database);
  await migrate(storage, { retentionDays: 30, rollupRetentionDays: 800, durable: false });
  const document = (kind: 'inventory' | 'exporters', asOfMs: number, body: object) =>
    insertDocument(storage, { kind, source: 'vc', recordedAtMs: NOW, asOfMs, body: JSON.stringify(body) });
  await document('exporters', 0, { exporters: [{ address: '192.0.2.1', switch: 'leaf', metering: 'ingress' }] });
  for (const [minutesAgo, hostOfB] of versions)
    await document('inventory', ago(minutesAgo), inventoryOf(ago(minutesAgo), hostOfB));
  await insertLiveness(storage, recorded);
  const advice = new Advice(storage, HOLDING, () => NOW);
  const vm = (name: string) => keyToHex(hashedKey('vm', `vc/${name}`));
  const cells = async (from: number, to = 0) => {
    const window = { seen: SEEN, fromMs: ago(from), atMs: ago(to) };
    const asked: CellsRequest = { request: 'cells', ...window, by: 'vm', cells: [[vm('a'), vm('b')]] };
    return (await advice.answer(asked)) as CellsReport;
  };
  const coverage = async (from: number, to = 0) => {
    const window = { seen: SEEN, fromMs: ago(from), atMs: ago(to) };
    const asked: AdvisorRequest = { request: 'coverage', ...window, host: '', vm: '', spotsMax: 10, pairsMax: 10 };
    return (await advice.answer(asked)) as CoverageReport;
  };
  return { storage, cells, coverage };
}

test('coverage is of the window: a pair that was seen before a move and not after it was seen for that share of the time', async () => {
  const { cells, coverage } = await adviceOf('moved', [
    [90, 'h2'],
    [15, 'h1'],
  ]);
  expect(await cells(60)).toMatchObject({ overall: 0.75, cells: [0.75], states: { found: 2, examined: 2 } });
  expect((await cells(60)).slices.map(({ cells: shares }) => shares)).toEqual([[1], [0]]);
  // What holds at the end is reported as well: the pair is invisible now.
  expect(await coverage(60)).toMatchObject({ share: 0.75, pairs: 2, invisiblePairs: 2 });
  expect(await coverage(60, 30)).toMatchObject({ share: 1, invisiblePairs: 0, states: { found: 1 } });
  // Before the oldest inventory the oldest holds.
  expect(await cells(120, 100)).toMatchObject({ overall: 1 });
});

test('an exporter covers what it is not recorded as silent for, in whatever part of the window that is', async () => {
  const once = await adviceOf('silent', [[90, 'h2']], changes(30));
  expect(await once.cells(60)).toMatchObject({ overall: 0.5, states: { found: 2 } });
  expect(await once.coverage(60)).toMatchObject({ invisiblePairs: 2, unseen: ['192.0.2.1'] });
  expect((await once.coverage(60)).spots[0]).toMatchObject({ reason: 'exporter-silent', sinceMs: ago(33) });
  // Silent and back: nothing is invisible at the end.
  const back = await adviceOf('back', [[90, 'h2']], changes(45, 15));
  expect(await back.cells(60)).toMatchObject({ overall: 0.5, states: { found: 3 } });
  expect(await back.coverage(60)).toMatchObject({ invisiblePairs: 0, unseen: [] });
  // What holds at the start was recorded before.
  expect(await back.cells(40, 10)).toMatchObject({ states: { found: 2 } });
  expect((await back.cells(40, 10)).overall).toBeCloseTo(1 / 6, 12);
});

test('of more states than are examined, moments at equal distance stand for the window', async () => {
  const flapping = changes(...Array.from({ length: 30 }, (_, i) => 118 - 4 * i));
  const { cells } = await adviceOf('many', [[90, 'h2']], flapping);
  const { overall, states } = await cells(120);
  expect(states).toEqual({ found: 31, examined: 12 });
  expect(overall).toBeGreaterThan(0.2);
  expect(overall).toBeLessThan(0.8);
});

const SCHEDULES = 20;
const SCHEDULE_MIN = 90;
const PART_MIN = 15;
const STEP_MS = 10_000;

/** What is decided of a random schedule: seen, silent, undecodable, registered at some time. */
function decidedOf(random: Random): LivenessRow[] {
  const entry = exporterRegistryChecker.check('exporter registry', { exporters: [{ address: '192.0.2.1' }] })
    .exporters[0]!;
  const spans: SeenSpan[] = [];
  for (let minute = random.below(20); minute < SCHEDULE_MIN; ) {
    const last = Math.min(SCHEDULE_MIN - 1, minute + random.below(25));
    const [firstMs, lastMs] = [ago(SCHEDULE_MIN - minute), ago(SCHEDULE_MIN - last)];
    // Some begin with templates alone, some end with what cannot be decoded.
    const recordsMs = random.below(4) === 0 && last > minute ? firstMs + MINUTE : firstMs;
    spans.push({
      firstMs,
      lastMs,
      recordsMs,
      lastSeenMs: lastMs + random.below(60_000),
      isLastMixed: random.below(2) === 0,
    });
    minute = last + 2 + random.below(12);
  }
  const examined = {
    fromMs: ago(2 * SCHEDULE_MIN),
    receiving: Array.from({ length: SCHEDULE_MIN }, (_, i) => ago(SCHEDULE_MIN - i)),
  };
  const activity = new Map([[KEY.exporter, [{ ...KEY, domain: 0, protocol: PROTOCOL.netflow9, spans }]]]);
  return decide(
    { key: KEY, entry, sinceMs: ago(SCHEDULE_MIN - random.below(30)) },
    {
      ...examined,
      nowMs: NOW,
      activity,
      recorded: new Map(),
      liveMs: random.below(2) === 0 ? 0 : NOW,
      firstFlows: (_, ms) => ms - 30_000,
    },
    { spanMsMax: 3_600_000, speed: 1 },
    () => true,
  );
}

test(`coverage and the election agree at every moment of ${SCHEDULES} random schedules of silence and return`, async () => {
  let [silent, live] = [0, 0];
  const { storage, cells } = await adviceOf('agree', [[90, 'h2']]);
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    await storage.command('TRUNCATE TABLE liveness');
    await insertLiveness(storage, decidedOf(createRandom(seed, 5)));
    const knowledge = await loadKnowledge(storage, { fromMs: ago(SCHEDULE_MIN), toMs: NOW }, HOLDING);
    for (let from = SCHEDULE_MIN; from > 0; from -= PART_MIN) {
      const { slices, states } = await cells(from, from - PART_MIN);
      expect(states.examined).toBe(states.found);
      for (const { fromMs, toMs, cells: shares } of slices) {
        for (let ms = Math.ceil(fromMs / STEP_MS) * STEP_MS; ms < toMs; ms += STEP_MS) {
          const { access, topology } = knowledge.snapshotAt(epochAt(knowledge.starts, ms));
          const [a, b] = [0, 1].map(vm => access.idOf[topology.entity.indexOf(vm)]!);
          const { covered } = attachmentVisibility(access, a!, b!);
          expect({ seed, at: new Date(ms).toISOString(), share: shares[0] }).toEqual({
            ...{ seed, at: new Date(ms).toISOString(), share: covered ? 1 : 0 },
          });
          if (covered) live++;
          else silent++;
        }
      }
    }
  }
  expect(Math.min(silent, live)).toBeGreaterThan(1000);
}, 120_000);
