// Days enriched again of which a roll-up has nothing: the table has nothing afterwards either, so that no query finds a cell
// of nobody, or unelected traffic that there is not.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLog } from '../../service/log.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import { ScheduledRollup } from '../../storage/rollup/scheduled-rollup.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { ingest, LATE, numbered, PAST, recordDocuments } from '../../testing/data/reenrichment.ts';
import { reenrich } from './reenrich.ts';

const DAY_MS = 86_400_000;
const DAY = Math.floor(Date.now() / DAY_MS) * DAY_MS - 3 * DAY_MS;
const ELECTED = ['traffic_1m', 'traffic_5m', 'traffic_1h', 'pairs_5m', 'pairs_1h', 'cells_5m'];

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.close());

test.each([
  ['everything is elected', 'elected', ['unelected_5m']],
  ['nothing is elected', 'unelected', ELECTED],
])('where %s', async (_, database, without) => {
  const storage = server.connect(database);
  await migrate(storage, { retentionDays: 30, rollupRetentionDays: 800, durable: false });
  const log = createLog('test', 'error');
  // With the documents every record of the bridge that they name is elected, and without them none is.
  const isKnown = (address = '') => Number(address.split('.')[3]) <= 20;
  const rows = numbered(0, 200, n => DAY + n * 60_000).filter(
    ({ exporter, src, dst }) => exporter === '192.0.2.1' && isKnown(src) && isKnown(dst),
  );
  await ingest(storage, `flows.test.0.${'0'.repeat(32)}.0`, rows);
  await new ScheduledRollup({ storage, log }).run(Date.now() + 180_000);
  if (database === 'elected') await recordDocuments(storage, LATE);
  const signal = new AbortController().signal;
  const [report] = await reenrich(PAST, { fromMs: DAY, toMs: DAY + DAY_MS, dryRun: false }, { storage, log, signal });
  expect(report).toMatchObject({ outcome: 'done' });
  const count = async (table: string) => {
    const [row] = await storage.select<{ rows: string }>(`SELECT count() AS rows FROM ${table}`);
    return Number(row!.rows);
  };
  for (const table of [...ELECTED, 'unelected_5m'])
    expect([table, (await count(table)) > 0]).toEqual([table, !without.includes(table)]);
});
