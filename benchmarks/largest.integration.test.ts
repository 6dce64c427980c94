import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../storage/migrations/migrate.ts';
import { insertFlows } from '../storage/tables/flows.ts';
import { flowsArrow, startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { largestBytesOf } from './largest.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

test('what one sampled packet stands for is the rate times 1500, 9216 or 65535 bytes, in SQL and here', async () => {
  const storage = server.connect('largest');
  await migrate(storage, { retentionDays: 30, rollupRetentionDays: 800 });
  const records = [1, 2, 64, 100, 1023, 4096, 65_537].flatMap(samplingRate =>
    [
      { bytes: 64, packets: 1, packetBytesMax: 0 },
      { bytes: 15_000, packets: 10, packetBytesMax: 0 },
      { bytes: 15_001, packets: 10, packetBytesMax: 0 },
      { bytes: 15_000, packets: 10, packetBytesMax: 9000 },
      { bytes: 600_000, packets: 10, packetBytesMax: 0 },
      { bytes: 9000, packets: 0, packetBytesMax: 0 },
      { bytes: 0, packets: 0, packetBytesMax: 0 },
    ].map(sizes => ({ samplingRate, ...sizes })),
  );
  // Not rounded: 150,000 and 921,600 bytes of 1 in 100, 65535 of every packet.
  const of100 = records.filter(({ samplingRate }) => samplingRate === 100).map(largestBytesOf);
  expect(of100).toEqual([163_840, 163_840, 983_040, 983_040, 6_815_744, 983_040, 163_840]);
  for (const record of records) {
    const { samplingRate } = record;
    const least = samplingRate > 1 ? samplingRate * 1500 : 0;
    expect(largestBytesOf(record)).toBeGreaterThanOrEqual(least);
    expect(largestBytesOf(record)).toBeLessThanOrEqual(samplingRate * 65_535 * 1.125);
  }
  const rows = records.map((record, i) => ({ ...record, receivedAt: Date.now(), service: BigInt(i + 1) }));
  await insertFlows(storage, flowsArrow('largest', rows), 'largest');
  const stored = await storage.select<{ largest: string }>(
    'SELECT toString(largestBytes) AS largest FROM traffic_1m ORDER BY service',
  );
  expect(stored.map(({ largest }) => Number(largest))).toEqual(records.map(largestBytesOf));
});
