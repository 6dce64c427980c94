// Percentiles beyond the reach of five-minute roll-ups, ranked from the roll-up by cell. The truth is arithmetic over the
// records, and the same question while both tables reach.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { dayOf } from '../../storage/days.ts';
import { compareDay } from '../../storage/rollup/audit.ts';
import { insertFlows } from '../../storage/tables/flows.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { encodeFlows, type FlowObject, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import type { GrowthAnswer } from '../questions/growth.ts';
import type { MatrixAnswer } from '../questions/matrix.ts';
import type { TopAnswer } from '../questions/top.ts';

const BUCKET = 300_000;
const DAY = 86_400_000;
const DAYS = 3;
const TODAY = Math.floor(Date.now() / DAY) * DAY;
const [FROM, TO] = [TODAY - 10 * DAY, TODAY - (10 - DAYS) * DAY];
const NOW = TODAY + 10 * 3_600_000;
const nodes = ['web', 'db', 'api'].map(name => node('application', name));
const [web, db, api] = nodes.map(({ key }) => key) as [bigint, bigint, bigint];

/** Bytes by cell and bucket, of several records each; api sends in one bucket of three. */
const sent = Array.from({ length: (DAYS * DAY) / BUCKET }, (_, i) => ({
  at: FROM + i * BUCKET,
  toDb: 10_000 + 977 * ((i * 37) % 601),
  toApi: 3000 + 13 * ((i * 53) % 401),
  fromApi: i % 3 === 0 ? 20_000 + 7 * ((i * 11) % 301) : 0,
}));
const record = (at: number, srcApp: bigint, dstApp: bigint, bytes: number, fields: FlowObject = {}) =>
  flow({ srcApp, dstApp, bytes, dstPort: 443, flowStart: at, flowEnd: at + 1000, receivedAt: at + 2000, ...fields });
const flows = sent.flatMap(({ at, toDb, toApi, fromApi }) => [
  record(at, web, db, toDb - 4000),
  record(at + 60_000, web, db, 4000, { dstPort: 80 }),
  record(at, web, api, toApi),
  ...(fromApi > 0 ? [record(at, api, db, fromApi)] : []),
]);
type Bucket = (typeof sent)[number];
const percentileOf = (percentile: number, bytesOf: (bucket: Bucket) => number) => {
  const rates = sent.map(bucket => (bytesOf(bucket) * 8) / 300).sort((a, b) => a - b);
  return rates[Math.ceil((percentile * rates.length) / 100) - 1]!;
};
const all = ({ toDb, toApi, fromApi }: Bucket) => toDb + toApi + fromApi;

let server: TestServer;
let house: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  const config = { rollupRetentionDays: 800 };
  house = await createQueryHouse(server, 'cells', { nowMs: NOW, flows, nodes, config });
});
afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

const window = { from: new Date(FROM).toISOString(), to: new Date(TO).toISOString() };
const PERCENTILES = [50, 95, 97.5, 99, 100];
const dropFine = async () => {
  for (const table of ['flows', 'traffic_1m', 'traffic_5m'])
    for (let day = FROM; day < TO; day += DAY)
      await house.storage.command(`ALTER TABLE ${table} DROP PARTITION ${dayOf(day)}`);
  // Newer days are there: the older ones are lost, not empty.
  await insertFlows(house.storage, encodeFlows([record(TODAY, web, db, 1)]), `flows.test.0.${'1'.repeat(32)}.1`);
};
const answers = () =>
  Promise.all(PERCENTILES.map(percentile => house.answer<MatrixAnswer>('matrix', { ...window, percentile })));
const figures = ({ cells, rows, columns, total, interTotal, ranking }: MatrixAnswer) => ({
  ...{ cells, rows, columns, total, interTotal, buckets: ranking!.buckets },
});

test('the roll-up holds what the records add up to, once, and the audit compares it', async () => {
  await insertFlows(house.storage, encodeFlows(flows), `flows.test.0.${'0'.repeat(32)}.0`);
  const [row] = await house.storage.select<{ bytes: string; records: string }>(
    'SELECT sum(bytes) AS bytes, sum(records) AS records FROM cells_5m',
  );
  const bytes = sent.reduce((sum, bucket) => sum + all(bucket), 0);
  expect([Number(row!.bytes), Number(row!.records)]).toEqual([bytes, flows.length]);
  const of = (found: Awaited<ReturnType<typeof compareDay>>) => found.filter(({ table }) => table === 'cells_5m');
  expect(of(await compareDay(house.storage, house.storage, dayOf(FROM)))).toEqual([]);
  await house.storage.command(
    `INSERT INTO cells_5m (day, bucket, bytes, records) SELECT ${dayOf(FROM)}, toDateTime(${FROM / 1000}), 5, 1`,
  );
  expect(of(await compareDay(house.storage, house.storage, dayOf(FROM)))).toMatchObject([{ table: 'cells_5m' }]);
  await house.storage.command('ALTER TABLE cells_5m DELETE WHERE srcApp = 0 SETTINGS mutations_sync = 1');
});

test('percentiles of lost days are those that they were, and arithmetic', async () => {
  const before = await answers();
  expect(before.map(({ table }) => table)).toEqual(PERCENTILES.map(() => 'traffic_5m'));
  await dropFine();
  const after = await answers();
  expect(after.map(({ table }) => table)).toEqual(PERCENTILES.map(() => 'cells_5m'));
  expect(after.map(figures)).toEqual(before.map(figures));
  for (const [i, percentile] of PERCENTILES.entries()) {
    const { total, cells, rows, columns, coveredShare } = after[i]!;
    expect(coveredShare).toBe(1);
    expect(total.value).toBeCloseTo(percentileOf(percentile, all), 6);
    const cell = cells.find(({ src, dst }) => src.name === 'api' && dst.name === 'db')!;
    expect(cell.value).toBeCloseTo(
      percentileOf(percentile, ({ fromApi }) => fromApi),
      6,
    );
    // No percentile of a row or column follows from those of its cells.
    const row = rows.find(({ name }) => name === 'web')!;
    expect(row.value).toBeCloseTo(
      percentileOf(percentile, ({ toDb, toApi }) => toDb + toApi),
      6,
    );
    const column = columns.find(({ name }) => name === 'db')!;
    expect(column.value).toBeCloseTo(
      percentileOf(percentile, ({ toDb, fromApi }) => toDb + fromApi),
      6,
    );
  }
});

test('they take a filter and hours of applications, and weeks of growth', async () => {
  const filter = 'src.app=web,dst.app=db';
  const hours = { ...window, by: 'srcApp', filter, percentile: 95, calendar: '08:05-18:00' };
  const office = sent.filter(({ at }) => at % DAY >= 8 * 3_600_000 + BUCKET && at % DAY < 18 * 3_600_000);
  const rates = office.map(({ toDb }) => (toDb * 8) / 300).sort((a, b) => a - b);
  const { total, table } = await house.answer<TopAnswer>('top', hours);
  expect([table, total.value]).toEqual(['cells_5m', rates[Math.ceil(0.95 * rates.length) - 1]]);
  const { weeks } = await house.answer<GrowthAnswer>('growth', { from: 'now-4w', filter });
  expect(Math.max(...weeks.map(({ value }) => value ?? 0))).toBeGreaterThan(0);
});

test('what cells do not have is not known beyond the other tables', async () => {
  for (const query of [{ by: 'service' }, { by: 'srcApp', filter: 'service=https' }]) {
    const { total, coveredSeconds } = await house.answer<TopAnswer>('top', { ...window, ...query, percentile: 95 });
    expect([total.value, coveredSeconds]).toEqual([null, 0]);
  }
});

test('a table that a later version made does not say that nothing flowed before', async () => {
  await house.storage.command(
    `INSERT INTO migrations (id, name, at) SELECT 1, 'tables and views', now64(3) - toIntervalDay(30)`,
  );
  const { total, coveredSeconds } = await house.answer<MatrixAnswer>('matrix', { ...window, percentile: 95 });
  expect([total.value, coveredSeconds]).toEqual([null, 0]);
});
