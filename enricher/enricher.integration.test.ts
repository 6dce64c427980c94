// The enricher in front of a real ClickHouse: what is stored is what was enriched, once, and its names are reported.

import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tokenOf } from '../schemas/batch.ts';
import { keyToBigint } from '../schemas/keys.ts';
import { openCounters } from '../service/counters.ts';
import type { ClickHouse } from '../storage/client.ts';
import { createDatabase, migrate } from '../storage/migrations/migrate.ts';
import { hasBatch } from '../storage/tables/flows.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { batchOf, LIMITS, type Row } from '../testing/data/enrichment.ts';
import { createFakeSource, createSignal, decodedArrow } from '../testing/fakes.ts';
import { ENRICHER_COUNTERS } from './counters.ts';
import { Enricher } from './enricher.ts';
import { batchKey } from './flow-preparation.ts';

let server: TestServer;
let storage: ClickHouse;
beforeAll(async () => {
  server = await startTestServer();
  storage = server.connect('enricher_test');
  await createDatabase(storage);
  await migrate(storage, { retentionDays: 30, rollupRetentionDays: 800, durable: false });
});
afterAll(() => server.close());

const inventory = {
  source: 'lab',
  asOf: '2026-01-02T00:00:00Z',
  switches: [{ id: 'sw1', ports: [{ ifIndex: 1 }] }],
  hosts: [
    {
      id: 'h1',
      name: 'esx-1',
      pnics: [{ id: 'p', switch: 'sw1', ifIndex: 1 }],
      vswitches: [{ id: 'v', uplinks: ['p'] }],
    },
  ],
  // Enough machines for a document of several megabytes.
  vms: Array.from({ length: 20_000 }, (_, i) => ({
    id: `vm${i}`,
    name: `web-${i}`,
    host: 'h1',
    vnics: [{ addresses: [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`] }],
  })),
};

test('batches, names and documents arrive; totals are equal, also after everything is delivered again', async () => {
  const file = join(tmpdir(), `hairpin-inventory-${process.pid}.json`);
  writeFileSync(file, JSON.stringify(inventory));
  const rows: Row[] = Array.from({ length: 500 }, (_, i) => ({
    src: `10.0.0.${(i % 200) + 1}`,
    dst: i % 5 === 0 ? '203.0.113.1' : '10.0.1.1',
    bytes: 1000 + i,
    packets: 2,
    samplingRate: 10,
    inIf: 1 + (i % 2),
    direction: 'ingress',
    receivedAt: Date.now(),
  }));
  const arrow = decodedArrow(batchOf(rows));
  const runOnce = async (redelivered: boolean) => {
    const signal = createSignal();
    const source = createFakeSource(signal);
    const counters = openCounters(ENRICHER_COUNTERS);
    const registry = `${file}.exporters`;
    writeFileSync(registry, JSON.stringify({ exporters: [{ address: '192.0.2.1', switch: 'sw1' }] }));
    const enricher = new Enricher(
      {
        inventory: file,
        applications: '',
        exporters: registry,
        inventorySources: [],
        inventoryStaleMs: 3_600_000,
        inventoryUnknownMs: 86_400_000,
        insertsMax: 2,
        insertTriesMax: 3,
        ...LIMITS,
      },
      { source: source.source, storage, log: pino({ level: 'silent' }), counters },
    );
    await enricher.start();
    const identities = [0, 1, 2].map(sequence => source.deliver(sequence, arrow, { redelivered }));
    await signal.until(() => source.acknowledged.length === 3);
    await enricher.stop();
    rmSync(registry);
    expect(source.quarantined).toEqual([]);
    expect([counters.get('retriesTransient'), counters.get('retriesPermanent')]).toEqual([0, 0]);
    return identities;
  };

  const [identity] = await runOnce(false);
  const bytes = rows.reduce((sum, row) => sum + row.bytes!, 0);
  const totals = () =>
    storage.select(`SELECT toUInt32(count()) AS rows, toString(sum(bytes)) AS bytes, toString(sum(estBytes)) AS estBytes, toString(sum(estPackets)) AS estPackets,
      toUInt32(countIf(weight = 1)) AS elected, toUInt32(countIf(weight = 0)) AS open FROM flows`);
  const expected = [
    {
      rows: 1500,
      bytes: String(3 * bytes),
      estBytes: String(30 * bytes),
      estPackets: String(3 * 500 * 20),
      elected: 750,
      open: 750,
    },
  ];
  expect(await totals()).toEqual(expected);
  expect(await hasBatch(storage, keyToBigint(batchKey(tokenOf(identity!))), rows[0]!.receivedAt!)).toBe(true);
  const pairs = await storage.select<{ src: string; dst: string; host: string }>(
    `SELECT DISTINCT s.name AS src, d.name AS dst, h.name AS host FROM flows
      LEFT JOIN nodes AS s ON s.key = srcApp LEFT JOIN nodes AS d ON d.key = dstApp LEFT JOIN nodes AS h ON h.key = srcHost ORDER BY dst`,
  );
  expect(pairs).toEqual([
    { src: 'auto:web', dst: 'auto:web', host: 'esx-1' },
    { src: 'auto:web', dst: 'external', host: 'esx-1' },
  ]);
  expect(
    await storage.select(
      "SELECT kind, source, toString(asOf) AS asOf, toUInt32(JSONLength(body, 'vms')) AS vms FROM documents WHERE kind = 'inventory'",
    ),
  ).toEqual([{ kind: 'inventory', source: 'lab', asOf: '2026-01-02 00:00:00.000', vms: 20_000 }]);

  // Every batch again, as after a crash between insert and acknowledgement: nothing changes, no version is added.
  await runOnce(true);
  expect(await totals()).toEqual(expected);
  expect(await storage.select("SELECT toUInt32(count()) AS versions FROM documents WHERE kind = 'inventory'")).toEqual([
    { versions: 1 },
  ]);
  rmSync(file);
});
