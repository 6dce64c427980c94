// The advice about documents recorded in simulated time, against a real ClickHouse.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AdvisorRequest } from '../../schemas/coverage.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import { insertDocument } from '../../storage/tables/documents.ts';
import { insertHeartbeat } from '../../storage/tables/heartbeats.ts';
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
    ...{ request: 'coverage', seen: [], atMs: now, host: '', vm: '' },
    ...{ spotsMax: 1, pairsMax: 0 },
  };
  const vmsReported = async () => ((await advice.answer(question)) as { vms: number } | undefined)?.vms;
  // Silent for longer than its facts hold.
  expect((await vmsReported()) ?? 0).toBe(0);
  await insertHeartbeat(storage, { ...at, asOfMs: now - MINUTE, recordedAtMs: now });
  expect(await vmsReported()).toBe(2);
});
