// Re-enrichment on a real ClickHouse: the same tables as if the documents had been there from the beginning, whatever
// comes in meanwhile and wherever it is killed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { NO_DOCUMENTS } from '../../inventory/model/documents.ts';
import { createLog } from '../../service/log.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { fencesInPlace } from '../../storage/fence.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import type { Step } from '../../storage/rewrite/day.ts';
import { takeLease } from '../../storage/rewrite/lease.ts';
import { recoverFences, recoverRun } from '../../storage/rewrite/recovery.ts';
import { SWAPPED } from '../../storage/rewrite/staging.ts';
import { ScheduledRollup } from '../../storage/rollup/scheduled-rollup.ts';
import { createViewsSql } from '../../storage/tables/all.ts';
import { recentStates } from '../../storage/tables/reenrichments.ts';
import { startTestServer, type TestServer, withCommand } from '../../testing/clickhouse.ts';
import { documentsOf } from '../../testing/data/enrichment.ts';
import {
  BYTES_BASE,
  faultsOf,
  ingest,
  LATE,
  numbered,
  PAST,
  recordDocuments,
  recordsOf,
  rollupOf,
} from '../../testing/data/reenrichment.ts';
import { AnotherRun, type DayReport, type ReenrichDependencies, reenrich } from './reenrich.ts';

const log = createLog('test', 'error');
/** The machine may be busy with other tests; each of these takes a second or two alone. */
vi.setConfig({ testTimeout: 120_000 });

const CONFIG = { retentionDays: 30, rollupRetentionDays: 800, durable: false };
const LATER_MS = 10 * 60_000;
const DAY_MS = 86_400_000;
const ROLLUPS = SWAPPED.filter(table => table !== 'flows');
const ALL_STEPS: readonly Step[] = [
  'staged',
  'rolledUp',
  'fenced',
  'stragglers',
  'rollupFenced',
  'checked',
  'swapping',
  ...SWAPPED,
  'swapped',
];
const AFTER_SWAPPING = ALL_STEPS.slice(ALL_STEPS.indexOf('swapping'));

let house: TestServer;
let databases = 0;
beforeAll(async () => {
  house = await startTestServer();
});
afterAll(() => house.close());

async function fresh(): Promise<ClickHouse> {
  const storage = house.connect(`reenrich${databases++}`);
  await migrate(storage, CONFIG);
  return storage;
}

/** Noon of today and of yesterday, UTC; a batch around midnight has rows of both. */
const TODAY = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const range = { fromMs: TODAY - DAY_MS, toMs: TODAY + DAY_MS };
const received = (n: number) => TODAY - DAY_MS / 2 + n * 100;
const aroundMidnight = (n: number) => TODAY - 10_000 + (n % 200) * 100;

/** Three batches: yesterday, both days, today. Numbers 0 to 2999. */
const BATCHES = [
  { token: 'a', rows: numbered(0, 1000, received) },
  { token: 'b', rows: numbered(1000, 2000, aroundMidnight) },
  { token: 'c', rows: numbered(2000, 3000, n => TODAY + (n - 1999)) },
];
const NUMBERS = 3000;

async function fill(storage: ClickHouse, documents = NO_DOCUMENTS): Promise<void> {
  for (const { token, rows } of BATCHES) await ingest(storage, token, rows, documents);
  // Stored an hour ago, so that no insert of then can still be on its way.
  await storage.command('ALTER TABLE flows UPDATE storedAt = storedAt - 3600 WHERE 1 SETTINGS mutations_sync = 1');
}

const run = (storage: ClickHouse, more: Partial<ReenrichDependencies> = {}, dryRun = false): Promise<DayReport[]> =>
  reenrich(PAST, { ...range, dryRun }, { storage, log, signal: new AbortController().signal, ...more });

/** What is ripe now, which is what \`fill\` stored. */
const pass = (storage: ClickHouse) => new ScheduledRollup({ storage, log }).run(Date.now());
/** Everything: nothing may be stored afterwards. */
const passAll = (storage: ClickHouse) => new ScheduledRollup({ storage, log }).run(Date.now() + LATER_MS);

/** Tables of a run that are left, and fences. */
async function leftovers(storage: ClickHouse): Promise<string[]> {
  const rows = await storage.select<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND (startsWith(name, 'reenrich_') OR startsWith(name, 'reenriching'))",
  );
  return [...rows.map(({ name }) => name), ...(await fencesInPlace(storage)).map(({ run: holder }) => holder)];
}

describe('a re-enriched day', () => {
  test('has the records and roll-ups of one whose documents were there from the beginning', async () => {
    const [late, early] = [await fresh(), await fresh()];
    await fill(late);
    await pass(late);
    expect(await faultsOf(late, NUMBERS)).toEqual([]);
    const unnamed = await recordsOf(late);
    await recordDocuments(late, LATE);
    const reports = await run(late);
    expect(reports.map(({ outcome, records }) => [outcome, records])).toEqual([
      ['done', 1500],
      ['done', 1500],
    ]);
    await fill(early, LATE);
    await pass(early);
    expect(await recordsOf(late)).toEqual(await recordsOf(early));
    expect(await recordsOf(late)).not.toEqual(unnamed);
    for (const table of ROLLUPS) expect(await rollupOf(late, table), table).toEqual(await rollupOf(early, table));
    expect(await faultsOf(late, NUMBERS)).toEqual([]);
    expect(await late.select('SELECT DISTINCT revision FROM flows')).toEqual([{ revision: 1 }]);
    expect(await late.select("SELECT count() > 0 AS web FROM nodes WHERE name = 'web'")).toEqual([{ web: 1 }]);
    expect(await leftovers(late)).toEqual([]);
  });

  test('before any pass leaves pairs to the pass, which finds every record once', async () => {
    const [late, early] = [await fresh(), await fresh()];
    await fill(late);
    await recordDocuments(late, LATE);
    await run(late);
    expect(await rollupOf(late, 'pairs_5m')).toEqual([]);
    await pass(late);
    await fill(early, LATE);
    await pass(early);
    for (const table of ROLLUPS) expect(await rollupOf(late, table), table).toEqual(await rollupOf(early, table));
    expect(await faultsOf(late, NUMBERS)).toEqual([]);
  });

  test('whose documents were withdrawn empties roll-ups, and a second time numbers its revision', async () => {
    const storage = await fresh();
    await fill(storage, LATE);
    await pass(storage);
    await recordDocuments(storage, documentsOf({}));
    await run(storage);
    expect(await rollupOf(storage, 'traffic_1h')).toEqual([]);
    expect(await rollupOf(storage, 'pairs_5m')).toEqual([]);
    expect(await faultsOf(storage, NUMBERS)).toEqual([]);
    await recordDocuments(storage, LATE);
    await run(storage);
    expect(await storage.select('SELECT DISTINCT revision FROM flows')).toEqual([{ revision: 2 }]);
    expect(await faultsOf(storage, NUMBERS)).toEqual([]);
  });

  test('recognises every batch that comes again, also one whose first try had not reached the roll-ups', async () => {
    const storage = await fresh();
    await fill(storage, LATE);
    await storage.command('DROP VIEW traffic_1m_view');
    await ingest(storage, 'half', numbered(NUMBERS, NUMBERS + 100, aroundMidnight), LATE);
    await storage.command(createViewsSql()[0]!);
    await passAll(storage);
    await recordDocuments(storage, LATE);
    await run(storage);
    expect(await faultsOf(storage, NUMBERS + 100)).toEqual([]);
    for (const { token, rows } of BATCHES) await ingest(storage, token, rows, LATE, true);
    await ingest(storage, 'half', numbered(NUMBERS, NUMBERS + 100, aroundMidnight), LATE, true);
    expect(await faultsOf(storage, NUMBERS + 100)).toEqual([]);
    // Their tokens are kept as well, in the records and in the roll-ups.
    for (const { token, rows } of BATCHES) await ingest(storage, token, rows, LATE);
    await storage.command('TRUNCATE TABLE passes');
    await passAll(storage);
    expect(await faultsOf(storage, NUMBERS + 100)).toEqual([]);
  });

  test('is only reported by a dry run', async () => {
    const storage = await fresh();
    await fill(storage);
    await recordDocuments(storage, LATE);
    const before = await recordsOf(storage);
    const [yesterday, today] = await run(storage, {}, true);
    expect(await recordsOf(storage)).toEqual(before);
    expect(await leftovers(storage)).toEqual([]);
    expect([yesterday!.changes!.records, today!.changes!.records]).toEqual([1500, 1500]);
    await run(storage);
    const [counted] = await storage.select<{ recounted: string }>(
      'SELECT countIf(countReason != 0) AS recounted FROM flows',
    );
    expect(yesterday!.changes!.recounted + today!.changes!.recounted).toBe(Number(counted!.recounted));
    expect((await run(storage, {}, true)).map(({ changes }) => changes)).toEqual([
      { records: 1500, renamed: 0, recounted: 0, bytesMoved: 0 },
      { records: 1500, renamed: 0, recounted: 0, bytesMoved: 0 },
    ]);
  });

  test('is refused when retention has removed some of its records', async () => {
    const storage = await fresh();
    await fill(storage, LATE);
    await storage.command('ALTER TABLE flows DELETE WHERE bytes % 5 = 0 SETTINGS mutations_sync = 1');
    const before = await rollupOf(storage, 'traffic_1h');
    expect((await run(storage)).map(({ outcome }) => outcome)).toEqual(['refused', 'refused']);
    expect(await rollupOf(storage, 'traffic_1h')).toEqual(before);
    expect(await leftovers(storage)).toEqual([]);
  });
});

describe('meanwhile', () => {
  test('a batch that comes at any step, of either day or both, is stored once', async () => {
    const storage = await fresh();
    await fill(storage);
    await pass(storage);
    await recordDocuments(storage, LATE);
    let next = NUMBERS;
    const coming: Promise<number>[] = [];
    await run(storage, {
      reached: async () => {
        const [from, to] = [next, next + 30];
        next = to;
        const arrived = ingest(storage, `straggler${from}`, numbered(from, to, aroundMidnight));
        coming.push(arrived);
        // Behind the fence it waits; before and after it is stored at once.
        if ((await fencesInPlace(storage)).length === 0) await arrived;
      },
    });
    const waits = await Promise.all(coming);
    console.log(`${coming.length} batches came; the longest wait was ${Math.round(Math.max(...waits))} ms`);
    expect(await faultsOf(storage, next)).toEqual([]);
    await passAll(storage);
    expect(await faultsOf(storage, next)).toEqual([]);
  });

  test('the pass may run at every step, and may have died half way before', async () => {
    const storage = await fresh();
    await fill(storage, LATE);
    const dying = withCommand(storage, (sql, params, token) =>
      token?.startsWith('unelected') ? Promise.reject(new Error('killed')) : storage.command(sql, params, token),
    );
    await expect(new ScheduledRollup({ storage: dying, log }).run(Date.now() + LATER_MS)).rejects.toThrow('killed');
    await recordDocuments(storage, LATE);
    await run(storage, { reached: async () => void (await pass(storage).catch(() => {})) });
    await passAll(storage);
    expect(await faultsOf(storage, NUMBERS)).toEqual([]);
  });

  test('an insert that stands still makes the fence give way, and nothing is lost', async () => {
    const storage = await fresh();
    await fill(storage);
    await recordDocuments(storage, LATE);
    const slow = storage.command(
      `INSERT INTO flows (receivedAt, flowStart, flowEnd, countReason, bytes, batch)
       SELECT fromUnixTimestamp64Milli({at:Int64} + sleepEachRow(1)) AS at, at, at, 3, {bytes:UInt64} + number, 77 FROM numbers(12)
       SETTINGS function_sleep_max_microseconds_per_block = 60000000`,
      { at: TODAY + 1, bytes: BYTES_BASE + NUMBERS },
    );
    const inserting = "SELECT count() AS n FROM system.processes WHERE startsWith(query, 'INSERT INTO flows')";
    while ((await storage.select<{ n: string }>(inserting))[0]?.n === '0')
      await new Promise(done => setTimeout(done, 5));
    const reports = await run(storage, { fenceMsMax: 4000 });
    await slow;
    expect(reports.map(({ outcome }) => outcome)).toEqual(['done', 'done']);
    // The first day met the insert, gave way, and came after it.
    expect(reports[0]!.fencedMs).toBeGreaterThan(4000);
    expect(await faultsOf(storage, NUMBERS + 12)).toEqual([]);
  });

  test('there is one run at a time', async () => {
    const storage = await fresh();
    await fill(storage);
    expect(await takeLease(storage, 'aaaaaaaaaaaaaaaa')).toBeUndefined();
    await expect(run(storage)).rejects.toThrow(AnotherRun);
  });

  test('a stop between two groups leaves what is staged to the next run', async () => {
    const storage = await fresh();
    await fill(storage);
    await recordDocuments(storage, LATE);
    const stop = new AbortController();
    const [first] = await run(storage, {
      signal: stop.signal,
      reached: step => (step === 'staged' ? stop.abort() : undefined),
    });
    expect(first).toMatchObject({ outcome: 'stopped', records: 1500 });
    expect((await leftovers(storage)).length).toBe(1);
    const [again, today] = await run(storage);
    expect([again!.records, today!.records]).toEqual([0, 1500]);
    expect(await storage.select('SELECT DISTINCT revision FROM flows')).toEqual([{ revision: 1 }]);
    expect(await faultsOf(storage, NUMBERS)).toEqual([]);
    expect(await leftovers(storage)).toEqual([]);
  });

  test('what was staged under other documents is not taken up', async () => {
    const storage = await fresh();
    await fill(storage);
    const stop = new AbortController();
    await run(storage, { signal: stop.signal, onProgress: () => stop.abort() });
    await recordDocuments(storage, LATE);
    const [again] = await run(storage);
    expect(again!.records).toBe(1500);
    expect(await faultsOf(storage, NUMBERS)).toEqual([]);
  });
});

describe('a run that is killed', () => {
  async function killedAt(storage: ClickHouse, killAt: Step): Promise<void> {
    const { url, user, password } = house.address;
    const { database } = storage;
    const program = fileURLToPath(new URL('../../testing/data/reenrichment.ts', import.meta.url));
    const child = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        program,
        JSON.stringify({ url, user, password, database, ...range, killAt }),
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const [, signal] = await once(child, 'exit');
    expect(signal, `killed at ${killAt}`).toBe('SIGKILL');
  }

  test.for(ALL_STEPS.filter(step => step === 'flows' || step === 'pairs_5m' || !SWAPPED.includes(step as 'flows')))(
    'at "%s" loses nothing, and neither does what comes after it',
    async step => {
      const storage = await fresh();
      await fill(storage);
      await pass(storage);
      await recordDocuments(storage, LATE);
      await killedAt(storage, step);
      await passLease(storage);
      // What the enricher does whose inserts are refused.
      await recoverFences(storage);
      expect(await fencesInPlace(storage)).toEqual([]);
      await ingest(storage, 'after', numbered(NUMBERS, NUMBERS + 100, aroundMidnight));
      expect(await faultsOf(storage, NUMBERS + 100)).toEqual([]);
      await run(storage);
      await passAll(storage);
      expect(await faultsOf(storage, NUMBERS + 100)).toEqual([]);
      expect(await leftovers(storage)).toEqual([]);
      // Killed during its swap, yesterday was completed by whoever came next, and is now enriched a second time.
      const revisions = await storage.select<{ revision: number }>(
        'SELECT DISTINCT revision FROM flows WHERE receivedAt < fromUnixTimestamp64Milli({today:Int64}) ORDER BY revision',
        { today: TODAY },
      );
      expect(revisions).toEqual([{ revision: AFTER_SWAPPING.includes(step) ? 2 : 1 }]);
    },
  );

  /** As if the lease had run out: the rows of the run become an hour older. */
  async function passLease(storage: ClickHouse): Promise<void> {
    await storage.command('CREATE TABLE aged AS reenrichments');
    await storage.command('INSERT INTO aged SELECT * REPLACE(at - INTERVAL 1 HOUR AS at) FROM reenrichments');
    await storage.command('EXCHANGE TABLES aged AND reenrichments');
    await storage.command('DROP TABLE aged SYNC');
  }

  test('and only slept finds nothing that it could still swap', async () => {
    const storage = await fresh();
    await fill(storage);
    await recordDocuments(storage, LATE);
    let sleeper: string | undefined;
    const sleeping = run(storage, {
      reached: async step => {
        if (step !== 'checked' || sleeper !== undefined) return;
        sleeper = (await fencesInPlace(storage))[0]!.run;
        await recoverRun(storage, sleeper);
        await ingest(storage, 'woken', numbered(NUMBERS, NUMBERS + 100, aroundMidnight));
      },
    });
    await expect(sleeping).rejects.toThrow();
    expect(await faultsOf(storage, NUMBERS + 100)).toEqual([]);
    expect((await recentStates(storage, 10)).map(({ state }) => state)).toContain('left');
  });
});
