// When exporters were seen, over the table itself.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROTOCOL } from '../../schemas/codes.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import { insertExporterMinutes } from '../../storage/tables/exporters.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { encodeExporters } from '../../testing/data/stored-rows.ts';
import { readSeen } from './seen-exporters.ts';

const MINUTE = 60_000;
const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000;
const ago = (minutes: number) => NOW - minutes * MINUTE;

let server: TestServer;
let storage: ClickHouse;
beforeAll(async () => {
  server = await startTestServer();
  storage = server.connect('seen');
  await migrate(storage, { retentionDays: 30, rollupRetentionDays: 800, durable: false });
  const minute = (exporter: string, minutesAgo: number, counters: object) => ({
    ...{ minute: ago(minutesAgo), lastSeen: ago(minutesAgo) + 30_000, exporter, protocol: PROTOCOL.ipfix },
    ...{ datagrams: 10, ...counters },
  });
  const rows = [
    // Records, again in two rows of one minute.
    ...[60, 59, 58].map(at => minute('192.0.2.1', at, { records: 5 })),
    minute('192.0.2.1', 51, { records: 5 }),
    { ...minute('192.0.2.1', 51, { records: 5 }), lastSeen: ago(51) + 50_000 },
    ...[60, 57, 54, 51].map(at => minute('192.0.2.2', at, { records: 1 })),
    // Only templates: it is there, and would report traffic.
    ...[60, 59].map(at => minute('192.0.2.3', at, { templates: 1 })),
    // Nothing that could be decoded, but for one minute.
    ...[60, 59, 57, 56].map(at => minute('192.0.2.4', at, { malformedSets: 10 })),
    minute('192.0.2.4', 58, { malformedSets: 10, records: 1 }),
    ...[60, 59].map(at => minute('192.0.2.5', at, { unknownTemplateSets: 10 })),
  ];
  await insertExporterMinutes(storage, encodeExporters(rows), 'exporters.seen');
});
afterAll(() => server.close());

test('an exporter was seen where it sent records, or datagrams without a fault', async () => {
  const { seen, fromMs, atMs } = await readSeen(storage, { fromMs: ago(70), toMs: ago(45) });
  expect(Object.fromEntries(seen.map(one => [one.address, one.lastSeenMs]))).toEqual({
    '192.0.2.1': ago(51) + 50_000,
    '192.0.2.2': ago(51) + 30_000,
    '192.0.2.3': ago(59) + 30_000,
    '192.0.2.4': ago(58) + 30_000,
  });
  // Nothing is known of the time before the first minute.
  expect([fromMs, atMs]).toEqual([ago(60), ago(45)]);
});

test('who was seen shortly before the window is known at its start', async () => {
  const { seen } = await readSeen(storage, { fromMs: ago(57), toMs: ago(53) });
  expect(seen.find(({ address }) => address === '192.0.2.1')!.lastSeenMs).toBe(ago(58) + 30_000);
});
