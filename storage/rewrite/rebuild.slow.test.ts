// Damaged roll-ups against their records: the audit finds each difference and the day is rebuilt.

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { COUNT_REASON } from '../../schemas/codes.ts';
import { createLog } from '../../service/log.ts';
import { batchKeyOf, type FlowRow, flowsArrow, startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import type { ClickHouse } from '../client.ts';
import { dayOf } from '../days.ts';
import { fencesInPlace } from '../fence.ts';
import { migrate } from '../migrations/migrate.ts';
import { compareDay } from '../rollup/audit.ts';
import { ScheduledRollup } from '../rollup/scheduled-rollup.ts';
import { insertFlows } from '../tables/flows.ts';
import { auditDays } from './rebuild.ts';
import { recoverRun } from './recovery.ts';

vi.setConfig({ testTimeout: 120_000 });
const log = createLog('test', 'error');
log.level = 'silent';
const CONFIG = { retentionDays: 30, rollupRetentionDays: 800, durable: false };
const DAY_MS = 86_400_000;
/** The day before yesterday, which is over whatever the hour. */
const RECEIVED = Math.floor(Date.now() / DAY_MS) * DAY_MS - 2 * DAY_MS + 3_600_000;
const DAY = dayOf(RECEIVED);
const ROLLUPS = ['traffic_1m', 'traffic_5m', 'traffic_1h', 'pairs_5m', 'pairs_1h', 'unelected_5m', 'cells_5m'];
const signal = new AbortController().signal;

let house: TestServer;
let databases = 0;
beforeAll(async () => {
  house = await startTestServer();
});
afterAll(() => house.close());

const rows = (from: number): FlowRow[] =>
  Array.from({ length: 200 }, (_, i) => ({
    receivedAt: RECEIVED + (from + i) * 1000,
    flowStart: RECEIVED + (from + i) * 1000 - 200_000,
    srcVm: BigInt(i % 7),
    dstVm: BigInt(i % 5),
    inIf: i % 3,
    estBytes: (1n << 40n) + BigInt(from + i),
    ...(i % 3 === 0 ? { weight: 0, countReason: COUNT_REASON.unelected } : i % 3 === 1 ? { weight: 0.5 } : {}),
  }));
const BATCHES = ['a', 'b', 'c'].map((token, i) => ({ token, arrow: flowsArrow(token, rows(i * 200)) }));

async function filled(): Promise<ClickHouse> {
  const storage = house.connect(`rebuild${databases++}`);
  await migrate(storage, CONFIG);
  for (const { token, arrow } of BATCHES) await insertFlows(storage, arrow, token);
  // Stored an hour ago, so that no insert of that time can still be under way.
  await storage.command('ALTER TABLE flows UPDATE storedAt = storedAt - 3600 WHERE 1 SETTINGS mutations_sync = 1');
  await new ScheduledRollup({ storage, log }).run(Date.now());
  return storage;
}

const sums = (storage: ClickHouse) =>
  Promise.all(
    ROLLUPS.map(table =>
      storage.select(
        `SELECT '${table}' AS name, sum(bytes) AS bytes, sum(packets) AS packets, sum(records) AS records, sum(samples) AS samples FROM ${table}`,
      ),
    ),
  );
const audit = (storage: ClickHouse, more = {}) => auditDays({ storage, log, signal, ...more }, Date.now());
/** As a day that was not compared yet. */
const forget = (storage: ClickHouse) =>
  storage.command("ALTER TABLE passes DELETE WHERE state = 'audited' SETTINGS mutations_sync = 1");

const DAMAGES = {
  'rows missing in a roll-up by view': 'ALTER TABLE traffic_5m DELETE WHERE srcApp = 0 SETTINGS mutations_sync = 1',
  'rows missing in one of the scheduled roll-up':
    'ALTER TABLE unelected_5m DELETE WHERE srcVm = 3 SETTINGS mutations_sync = 1',
  'rows there twice': 'INSERT INTO pairs_1h SELECT * FROM pairs_1h',
};

test('a day whose roll-ups equal its records is compared once and left as it is', async () => {
  const storage = await filled();
  const before = await sums(storage);
  const first = await audit(storage);
  expect(first.audited).toContain(DAY);
  expect(first.rebuilt).toEqual([]);
  expect(await audit(storage)).toEqual({ audited: [], rebuilt: [] });
  expect(await sums(storage)).toEqual(before);
});

test.each(Object.entries(DAMAGES))(
  '%s: the day is rebuilt, and batches that arrive again change nothing',
  async (_, damage) => {
    const storage = await filled();
    const before = await sums(storage);
    await storage.command(damage);
    expect(await compareDay(storage, storage, DAY)).toHaveLength(1);
    expect((await audit(storage)).rebuilt).toEqual([DAY]);
    expect(await compareDay(storage, storage, DAY)).toEqual([]);
    expect(await sums(storage)).toEqual(before);
    for (const { token, arrow } of BATCHES)
      await insertFlows(storage, arrow, token, {
        batch: batchKeyOf(token),
        fromMs: RECEIVED,
        toMs: RECEIVED + DAY_MS / 2,
        days: [DAY],
      });
    expect(await sums(storage)).toEqual(before);
    expect(await storage.select('SELECT count() AS n FROM flows')).toEqual([{ n: '600' }]);
  },
);

test('a rebuild that crashed starts again before its swap, and is completed in it', async () => {
  const storage = await filled();
  const before = await sums(storage);
  await storage.command(DAMAGES['rows there twice']);
  const crashAt = (step: string) => ({
    reached: async (reached: string) => {
      if (reached === step) throw new Error('killed');
    },
  });
  await expect(audit(storage, crashAt('checked'))).rejects.toThrow('killed');
  expect(await fencesInPlace(storage)).toEqual([]);
  await expect(audit(storage, crashAt('pairs_5m'))).rejects.toThrow('left to the next run or enricher');
  const [fence] = await fencesInPlace(storage);
  await recoverRun(storage, fence!.run);
  await storage.command('DROP TABLE reenriching SYNC');
  await forget(storage);
  expect(await audit(storage)).toMatchObject({ audited: expect.arrayContaining([DAY]), rebuilt: [] });
  expect(await sums(storage)).toEqual(before);
});

test.each(['some', 'all'])('where %s records are gone their roll-ups, all that is left of them, stay', async share => {
  const storage = await filled();
  const before = await sums(storage);
  const where = share === 'all' ? '1' : 'srcVm < 4';
  await storage.command(`ALTER TABLE flows DELETE WHERE ${where} SETTINGS mutations_sync = 1`);
  expect(await audit(storage)).toMatchObject({ audited: expect.arrayContaining([DAY]), rebuilt: [] });
  expect(await sums(storage)).toEqual(before);
  expect(await fencesInPlace(storage)).toEqual([]);
});

test('where a roll-up is kept for fewer days than are compared, only days that it has whole take part', async () => {
  const storage = await filled();
  await migrate(storage, { ...CONFIG, retention: ['traffic_1m=2'] });
  expect((await audit(storage)).audited).not.toContain(DAY);
});
