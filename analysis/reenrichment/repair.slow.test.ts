// Repairs on a real ClickHouse: a switch fell silent, and what its silence cost the live one is put right without a person,
// once, wherever the run is killed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Documents } from '../../inventory/model/documents.ts';
import { QUERY_API_SERVICE } from '../../query-api/configuration.ts';
import { createLog } from '../../service/log.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { dayOf } from '../../storage/days.ts';
import { fencesInPlace } from '../../storage/fence.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import type { Step } from '../../storage/rewrite/day.ts';
import { insertLiveness, type LivenessRow, unsettledLiveness } from '../../storage/tables/liveness.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { documentsOf } from '../../testing/data/enrichment.ts';
import { faultsOf, ingest, LATE, numbered, PAST, recordDocuments, recordsOf } from '../../testing/data/reenrichment.ts';
import { reenrich } from './reenrich.ts';
import { ReenrichmentSupervisor } from './reenrichments.ts';
import { repair, spansOf } from './repair.ts';
import { RepairSchedule } from './repairs.ts';

const log = createLog('test', 'error');
vi.setConfig({ testTimeout: 120_000 });
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Noon of yesterday, so that the day is over. */
const NOON = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS / 2;
const SILENT_AT = NOON + 10 * MINUTE_MS;
const NUMBERS = 3000;

/** Two exporters of one switch: the one that states the lower rate has fallen silent, the other one reports. */
const TWO_METERS: Documents = {
  ...LATE,
  exporters: documentsOf({
    exporters: [
      { address: '192.0.2.9', switch: 'sw1', samplingRate: 1 },
      { address: '192.0.2.1', switch: 'sw1' },
    ],
  }).exporters,
};

let house: TestServer;
let databases = 0;
beforeAll(async () => {
  house = await startTestServer();
});
afterAll(() => house.close());

const silence: LivenessRow = {
  exporter: '192.0.2.9',
  domain: -1,
  protocol: 0,
  atMs: SILENT_AT,
  state: 'silent',
  changedFromMs: SILENT_AT,
  changedUntilMs: SILENT_AT + 5 * MINUTE_MS,
};

/** Batches before, in and after the span that the silence concerns, elected as if nobody were silent. */
async function installation(): Promise<ClickHouse> {
  const storage = house.connect(`repair${databases++}`);
  await migrate(storage, { retentionDays: 30, rollupRetentionDays: 800, durable: false });
  await recordDocuments(storage, TWO_METERS);
  for (const [i, minute] of [0, 12, 30].entries())
    await ingest(
      storage,
      `batch${i}`,
      numbered(i * 1000, (i + 1) * 1000, n => NOON + minute * MINUTE_MS + (n % 1000)),
      TWO_METERS,
    );
  await storage.command('ALTER TABLE flows UPDATE storedAt = storedAt - 3600 WHERE 1 SETTINGS mutations_sync = 1');
  await insertLiveness(storage, [silence]);
  return storage;
}

const run = (storage: ClickHouse) => repair(PAST, { storage, log, signal: new AbortController().signal, decidedS: 0 });

/** Elected records of the live exporter, and rewritings, by batch. */
async function elected(storage: ClickHouse): Promise<string[]> {
  const rows = await storage.select<{ third: number; elected: string; revision: number }>(
    `SELECT toUInt8(intDiv(bytes - 1000000, 1000)) AS third, countIf(weight > 0) AS elected, max(revision) AS revision
     FROM flows GROUP BY third ORDER BY third`,
  );
  return rows.map(row => `${row.elected} in revision ${row.revision}`);
}

async function outcomes(storage: ClickHouse): Promise<unknown[]> {
  return storage.select('SELECT outcome FROM liveness_settled');
}

test('what was elected before the silence was known is put right once, and nothing else changes', async () => {
  const storage = await installation();
  expect(await elected(storage)).toEqual(['0 in revision 0', '0 in revision 0', '0 in revision 0']);
  const outside = `flowStart < fromUnixTimestamp64Milli(${SILENT_AT}) OR flowStart >= fromUnixTimestamp64Milli(${silence.changedUntilMs})`;
  const before = await recordsOf(storage, outside);
  const reports = await run(storage);
  expect(reports.map(({ outcome, records }) => [outcome, records])).toEqual([['done', NUMBERS]]);
  const [first, second, third] = await elected(storage);
  expect([first, third]).toEqual(['0 in revision 1', '0 in revision 1']);
  expect(Number(second!.split(' ')[0])).toBeGreaterThan(300);
  expect(await recordsOf(storage, outside)).toEqual(before);
  expect(await faultsOf(storage, NUMBERS)).toEqual([]);
  expect([await outcomes(storage), await unsettledLiveness(storage, 0)]).toEqual([[{ outcome: 'repaired' }], []]);
  expect(await run(storage)).toEqual([]);
  expect((await elected(storage))[1]).toBe(second);
});

test('a repair makes of the span what enriching the whole day again makes of it', async () => {
  const [repaired, reenriched] = [await installation(), await installation()];
  await run(repaired);
  const dependencies = { storage: reenriched, log, signal: new AbortController().signal };
  await reenrich(PAST, { fromMs: NOON, toMs: NOON + 1, dryRun: false }, dependencies);
  const span = `flowStart >= fromUnixTimestamp64Milli(${SILENT_AT}) AND flowStart < fromUnixTimestamp64Milli(${silence.changedUntilMs})`;
  expect(await recordsOf(repaired, span)).toEqual(await recordsOf(reenriched, span));
});

test.for(['staged', 'checked', 'flows', 'swapped'] as const)(
  'killed at "%s" it is done once in the end',
  async step => {
    const storage = await installation();
    await killedAt(storage, step);
    await age(storage, 'reenrichments', 'at');
    expect((await run(storage)).map(({ outcome }) => outcome)).toEqual(['done']);
    expect(await faultsOf(storage, NUMBERS)).toEqual([]);
    const [, second] = await elected(storage);
    expect(second).toMatch(/^[1-9]\d\d in revision 1$/);
    expect([await outcomes(storage), await fencesInPlace(storage)]).toEqual([[{ outcome: 'repaired' }], []]);
  },
);

test('a day whose records have begun to expire is refused, which is recorded and not tried again', async () => {
  const storage = await installation();
  await ingest(
    storage,
    'counted',
    numbered(NUMBERS, NUMBERS + 500, n => NOON + n),
    LATE,
  );
  await storage.command('ALTER TABLE flows DELETE WHERE bytes % 5 = 0 SETTINGS mutations_sync = 1');
  expect((await run(storage)).map(({ outcome }) => outcome)).toEqual(['refused']);
  expect(await outcomes(storage)).toEqual([{ outcome: 'refused' }]);
  expect(await run(storage)).toEqual([]);
});

test('a day without flows of the spans is not staged, and a refused day concerns its own decisions alone', async () => {
  const storage = await installation();
  const [before, atMidnight] = [NOON - DAY_MS, NOON + DAY_MS / 2];
  await ingest(
    storage,
    'day before',
    numbered(NUMBERS, NUMBERS + 500, n => before + 12 * MINUTE_MS + (n % 1000)),
    LATE,
  );
  await ingest(
    storage,
    'today',
    numbered(NUMBERS + 500, NUMBERS + 600, n => atMidnight + MINUTE_MS + (n % 1000)),
    TWO_METERS,
  );
  await storage.command('ALTER TABLE flows UPDATE storedAt = storedAt - 3600 WHERE 1 SETTINGS mutations_sync = 1');
  // Some records of the day before have expired.
  await storage.command(
    `ALTER TABLE flows DELETE WHERE bytes % 5 = 0 AND toYYYYMMDD(receivedAt) = ${dayOf(before)} SETTINGS mutations_sync = 1`,
  );
  const [fromMs, untilMs] = [silence.changedFromMs - DAY_MS, silence.changedUntilMs - DAY_MS];
  // Its span reaches over midnight, and nothing of today began in it.
  const last = { ...silence, atMs: atMidnight - 10 * MINUTE_MS };
  await insertLiveness(storage, [
    { ...silence, state: 'live', atMs: fromMs, changedFromMs: fromMs, changedUntilMs: untilMs },
    { ...last, changedFromMs: last.atMs, changedUntilMs: atMidnight },
  ]);
  const reports = await run(storage);
  expect(reports.map(({ outcome, records }) => [outcome, records])).toEqual([
    ['refused', expect.any(Number)],
    ['done', NUMBERS],
    ['done', 0],
  ]);
  const settled = await storage.select<{ atMs: string; outcome: string }>(
    'SELECT toString(toUnixTimestamp64Milli(at)) AS atMs, outcome FROM liveness_settled ORDER BY at',
  );
  expect(settled.map(({ atMs, outcome }) => [Number(atMs), outcome])).toEqual([
    [fromMs, 'refused'],
    [SILENT_AT, 'repaired'],
    [last.atMs, 'repaired'],
  ]);
});

test('a stopped repair settles nothing, and the next one does it', async () => {
  const storage = await installation();
  const stopped = new AbortController();
  stopped.abort();
  await repair(PAST, { storage, log, signal: stopped.signal, decidedS: 0 });
  expect(await outcomes(storage)).toEqual([]);
  await run(storage);
  expect(await outcomes(storage)).toEqual([{ outcome: 'repaired' }]);
});

test('spans that meet are one, and beyond the bound the nearest are joined', () => {
  const rows = [0, 10, 15, 100, 130, 200].map(changedFromMs => ({
    ...silence,
    decidedAt: '0',
    changedFromMs,
    changedUntilMs: changedFromMs + 8,
  }));
  const text = (max: number) => spansOf(rows, max).map(({ fromMs, untilMs }) => `${fromMs}-${untilMs}`);
  expect(text(9)).toEqual(['0-8', '10-23', '100-108', '130-138', '200-208']);
  expect(text(3)).toEqual(['0-23', '100-138', '200-208']);
});

async function killedAt(storage: ClickHouse, killAt: Step): Promise<void> {
  const { url, user, password } = house.address;
  const program = fileURLToPath(new URL('../../testing/data/reenrichment.ts', import.meta.url));
  const given = { url, user, password, database: storage.database, fromMs: 0, toMs: 0, killAt, repair: true };
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, JSON.stringify(given)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [, signal] = await once(child, 'exit');
  expect(signal, `killed at ${killAt}`).toBe('SIGKILL');
}

/** As if an hour had passed since the rows were written. */
async function age(storage: ClickHouse, table: string, column: string): Promise<void> {
  await storage.command(`CREATE TABLE aged AS ${table}`);
  await storage.command(`INSERT INTO aged SELECT * REPLACE(${column} - INTERVAL 1 HOUR AS ${column}) FROM ${table}`);
  await storage.command(`EXCHANGE TABLES aged AND ${table}`);
  await storage.command('DROP TABLE aged SYNC');
}

test('what a person starts stops a repair and goes first; the schedule starts it again, once', async () => {
  const storage = await installation();
  await age(storage, 'liveness', 'decidedAt');
  const { url, user, password } = house.address;
  const supervisor = new ReenrichmentSupervisor(
    { ...QUERY_API_SERVICE.load({}), ...PAST, clickhouseDatabase: storage.database },
    { storage: { url, user, password }, log },
  );
  const repairing = supervisor.repair();
  expect(supervisor.state().running).toBe(false);
  expect(supervisor.start({ fromMs: NOON, toMs: NOON + 1, dryRun: true })).toBe(true);
  expect(supervisor.start({ fromMs: NOON, toMs: NOON + 1, dryRun: true })).toBe(false);
  expect(await supervisor.repair()).toBe('');
  expect(await repairing).toBe('');
  await expect.poll(() => supervisor.state().running, { timeout: 30_000 }).toBe(false);
  expect(supervisor.state()).toMatchObject({ error: '', days: [{ outcome: 'previewed', records: NUMBERS }] });
  expect(await outcomes(storage)).toEqual([]);
  let repairs = 0;
  const schedule = new RepairSchedule({
    storage,
    log,
    intervalMs: 20,
    repair: () => {
      repairs++;
      return supervisor.repair();
    },
  });
  schedule.start();
  await expect.poll(() => outcomes(storage), { timeout: 30_000 }).toEqual([{ outcome: 'repaired' }]);
  await new Promise(resolve => setTimeout(resolve, 200));
  await schedule.stop();
  expect(repairs).toBe(1);
  await supervisor.close();
});
