// A registered switch that is silent does not take the election from a live one: stored minutes, the judge, the follower of
// an enricher that runs, and a repair, in front of a real ClickHouse.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LivenessJudge } from '../inventory/liveness/liveness-judge.ts';
import { PROTOCOL } from '../schemas/codes.ts';
import { openCounters } from '../service/counters.ts';
import type { ClickHouse } from '../storage/client.ts';
import { createDatabase, migrate } from '../storage/migrations/migrate.ts';
import { insertExporterMinutes } from '../storage/tables/exporters.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { batchOf, LIMITS, type Row } from '../testing/data/enrichment.ts';
import { type ExporterObject, encodeExporters } from '../testing/data/stored-rows.ts';
import { createFakeSource, createSignal, decodedArrow } from '../testing/fakes.ts';
import { ENRICHER_COUNTERS } from './counters.ts';
import { Enricher } from './enricher.ts';

const MINUTE = 60_000;
const log = pino({ level: 'silent' });
let server: TestServer;
let folder: string;
beforeAll(async () => {
  server = await startTestServer();
  folder = mkdtempSync(join(tmpdir(), 'hairpin-liveness-'));
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const inventory = {
  source: 'lab',
  asOf: '2026-01-02T00:00:00Z',
  switches: [{ id: 'sw1', ports: [{ ifIndex: 1 }, { ifIndex: 2 }] }],
  hosts: [1, 2].map(i => ({
    id: `h${i}`,
    pnics: [{ id: 'p', switch: 'sw1', ifIndex: i }],
    vswitches: [{ id: 'v', uplinks: ['p'] }],
  })),
  vms: [1, 2].map(i => ({ id: `vm${i}`, name: `vm${i}`, host: `h${i}`, vnics: [{ addresses: [`10.0.0.${i}`] }] })),
};
/** The first would count, by its stated rate; nobody states one of the second. */
const exporters = [
  { address: '192.0.2.1', switch: 'sw1', samplingRate: 1 },
  { address: '192.0.2.2', switch: 'sw1' },
];

let databases = 0;
async function installation(first: ExporterObject | undefined) {
  const storage: ClickHouse = server.connect(`silent_switch_${databases++}`);
  await createDatabase(storage);
  await migrate(storage, { retentionDays: 30, rollupRetentionDays: 800, durable: false });
  const files = { inventory: join(folder, 'inventory.json'), exporters: join(folder, 'exporters.json') };
  writeFileSync(files.inventory, JSON.stringify(inventory));
  writeFileSync(files.exporters, JSON.stringify({ exporters }));
  const started = Math.floor(Date.now() / MINUTE) * MINUTE;
  let now = started;
  const signal = createSignal();
  const source = createFakeSource(signal);
  const enricher = new Enricher(
    {
      ...files,
      applications: '',
      inventorySources: [],
      inventoryStaleMs: 1e12,
      inventoryUnknownMs: 1e12,
      insertsMax: 2,
      insertTriesMax: 3,
      ...LIMITS,
    },
    { source: source.source, storage, log, counters: openCounters(ENRICHER_COUNTERS), nowMs: () => now },
  );
  await enricher.start();
  const judge = new LivenessJudge({ storage, log, nowMs: () => now, spanMsMax: LIMITS.spanMsMax, confirmMs: 0 });
  const pass = async (minutes: number) => {
    const minute = (i: number) => ({ minute: now + i * MINUTE, lastSeen: now + i * MINUTE + 50_000, datagrams: 6 });
    const rows = Array.from({ length: minutes }, (_, i): ExporterObject[] => [
      { ...minute(i), exporter: '192.0.2.2', protocol: PROTOCOL.ipfix, records: 60 },
      ...(first ? [{ ...minute(i), exporter: '192.0.2.1', protocol: PROTOCOL.ipfix, ...first }] : []),
    ]).flat();
    await insertExporterMinutes(storage, encodeExporters(rows), `minutes ${now}`);
    now += minutes * MINUTE;
  };
  let batches = 0;
  /** A record of the live exporter a second ago; its reason. */
  const send = async () => {
    const row: Row = {
      src: '10.0.0.1',
      dst: '10.0.0.2',
      exporter: '192.0.2.2',
      inIf: 1,
      direction: 'ingress',
      bytes: 1000 + batches,
      flowStart: now - 1000,
      flowEnd: now - 1000,
      receivedAt: now,
    };
    source.deliver(batches++, decodedArrow(batchOf([row])));
    await signal.until(() => source.acknowledged.length === batches);
    const [found] = await storage.select<{ weight: number }>(
      'SELECT weight FROM flows WHERE bytes = {bytes:UInt32} LIMIT 1',
      { bytes: 999 + batches },
    );
    return found!.weight;
  };
  return { judge, pass, send, enricher };
}

test.each([
  ['was never seen', undefined],
  ['sends only what cannot be decoded', { records: 0, unknownTemplateSets: 5 }],
] as const)(
  'a switch with the lower stated rate that %s loses to a live one whose rate nobody states',
  async (_, first) => {
    const { judge, pass, send, enricher } = await installation(first);
    // Presumed live at first: that is what a repair puts right.
    expect(await send()).toBe(0);
    await pass(6);
    expect((await judge.run()).map(({ exporter, state }) => [exporter, state])).toEqual([['192.0.2.1', 'silent']]);
    await expect.poll(send, { timeout: 15_000, interval: 200 }).toBe(1);
    await enricher.stop();
  },
);
