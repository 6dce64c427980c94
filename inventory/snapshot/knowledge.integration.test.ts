// The knowledge thread against a real ClickHouse: what others record is followed, and what is compiled arrives without
// holding up the thread that enriches.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ENRICHER_SERVICE } from '../../enricher/configuration.ts';
import { ENRICHER_COUNTERS } from '../../enricher/counters.ts';
import { applicationsChecker } from '../../schemas/applications.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import { openCounters } from '../../service/counters.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { createDatabase, migrate } from '../../storage/migrations/migrate.ts';
import { insertDocument } from '../../storage/tables/documents.ts';
import { insertHeartbeat } from '../../storage/tables/heartbeats.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { enrichRows } from '../../testing/data/enrichment.ts';
import { createThreadFeed, type KnowledgeFeed } from './feed.ts';
import { loadKnowledge } from './load.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const OPTIONS = { inventorySources: [], inventoryStaleMs: HOUR, inventoryUnknownMs: 24 * HOUR };

let server: TestServer;
let feeds: KnowledgeFeed[] = [];
beforeAll(async () => {
  server = await startTestServer();
});
afterEach(async () => {
  await Promise.all(feeds.map(feed => feed.stop()));
  feeds = [];
});
afterAll(() => server.close());

async function database(name: string): Promise<ClickHouse> {
  const storage = server.connect(name);
  await createDatabase(storage);
  await migrate(storage, { retentionDays: 30, rollupRetentionDays: 800, durable: false });
  return storage;
}

async function follow(name: string, more: { clock?: string; inventory?: string } = {}): Promise<KnowledgeFeed> {
  const configuration = { ...ENRICHER_SERVICE.load({}), clickhouseDatabase: name, ...more };
  const feed = createThreadFeed({
    configuration,
    storage: server.address,
    counters: openCounters(ENRICHER_COUNTERS).buffer,
  });
  feeds.push(feed);
  await feed.start(false, []);
  return feed;
}

const at = (ms: number) => new Date(ms).toISOString();
function put(
  storage: ClickHouse,
  asOfMs: number,
  vms: object[],
  more: object = {},
  recordedAtMs = Date.now(),
): Promise<void> {
  const document = inventoryChecker.check('inventory', {
    source: 'vc',
    asOf: at(asOfMs),
    complete: ['vms'],
    vms,
    ...more,
  });
  return insertDocument(storage, {
    kind: 'inventory',
    recordedAtMs,
    asOfMs,
    source: document.source,
    body: JSON.stringify(document),
  });
}
const vm = (name: string) => ({ id: name, name, vnics: [{ addresses: ['10.0.0.1'] }] });
const ownersAt = (knowledge: Parameters<typeof enrichRows>[0], ...moments: number[]) =>
  enrichRows(
    knowledge,
    moments.map(ms => ({ src: '10.0.0.1', flowStart: ms, flowEnd: ms, receivedAt: ms })),
  ).map(row => row.srcVm);

test('snapshots, corrections, heartbeats and applications that others record are followed within 5 s', async () => {
  const storage = await database('follow');
  const now = Date.now();
  await put(storage, now - 90 * MINUTE, [vm('first')]);
  const feed = await follow('follow');
  const { knowledge } = feed;
  // More than an hour of silence.
  expect(enrichRows(knowledge, [{ src: '10.0.0.1', flowStart: now, flowEnd: now }])[0]).toMatchObject({
    srcVm: 'first',
    marks: 8,
  });

  const startedAt = performance.now();
  await insertHeartbeat(storage, { kind: 'inventory', source: 'vc', asOfMs: now - 40 * MINUTE, recordedAtMs: now });
  await put(storage, now - 30 * MINUTE, [vm('second')]);
  await expect.poll(() => ownersAt(knowledge, now), { timeout: 10_000 }).toEqual(['second']);
  console.log(`followed after ${Math.round(performance.now() - startedAt)} ms`);

  await put(storage, now - 60 * MINUTE, [vm('late')]);
  await insertDocument(storage, {
    kind: 'applications',
    recordedAtMs: Date.now(),
    asOfMs: 0,
    source: 'api',
    body: JSON.stringify(
      applicationsChecker.check('applications', { applications: [{ id: 'shop', servers: { names: ['*'] } }] }),
    ),
  });
  const apps = () =>
    enrichRows(knowledge, [{ src: '10.0.0.1', dst: '10.0.0.2', flowStart: now, flowEnd: now }]).map(row => row.srcApp);
  await expect.poll(apps, { timeout: 10_000 }).toEqual(['shop']);
  const moments = [now - 70 * MINUTE, now - 50 * MINUTE, now - 10 * MINUTE];
  await expect.poll(() => knowledge.starts.length, { timeout: 10_000 }).toBeGreaterThan(3);
  // States that are not here yet are compiled when a batch asks for them.
  const epochs = moments.map(ms => knowledge.starts.findLastIndex(start => start <= ms));
  await feed.need(knowledge.missing(epochs));
  expect(knowledge.missing(epochs)).toEqual([]);
  expect(ownersAt(knowledge, ...moments)).toEqual(['first', 'late', 'second']);

  // What is read again from the table alone says the same, and is fresh where a heartbeat or a snapshot was near.
  const loaded = await loadKnowledge(storage, { fromMs: now - 80 * MINUTE, toMs: now }, OPTIONS);
  expect(ownersAt(loaded, ...moments)).toEqual(['first', 'late', 'second']);
  await storage.close();
}, 60_000);

test('a second enricher starts from what is recorded, and what it is handed lies in shared memory', async () => {
  const storage = await database('restart');
  const now = Date.now();
  await put(storage, now - 30 * MINUTE, [vm('old')]);
  await put(storage, now - 20 * MINUTE, [{ id: 'other', name: 'other', vnics: [] }], { complete: [] });
  await put(storage, now - 10 * MINUTE, [vm('new')]);
  const { knowledge, need } = await follow('restart');
  expect(ownersAt(knowledge, now)).toEqual(['new']);
  await need([now - 15 * MINUTE]);
  expect(ownersAt(knowledge, now - 15 * MINUTE, now)).toEqual(['old', 'new']);
  const { topology } = knowledge.snapshotAt(knowledge.starts.length - 1);
  for (const column of [topology.kind, topology.entity, topology.vni])
    expect(column.buffer).toBeInstanceOf(SharedArrayBuffer);
  await storage.close();
}, 60_000);

test('in simulated time what held then is kept, followed, and heard from the file', async () => {
  const storage = await database('simulated');
  const start = Date.now() - 10 * 24 * HOUR;
  await put(storage, start - 3 * HOUR, [vm('first')], {}, start - 2 * HOUR);
  await put(storage, start - HOUR, [vm('second')], {}, start - HOUR);
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-knowledge-'));
  const inventory = join(folder, 'inventory.json');
  const own = { source: 'file', asOf: at(start - MINUTE), complete: [], vms: [] };
  writeFileSync(inventory, JSON.stringify(own));
  const { knowledge, need } = await follow('simulated', { clock: `${at(start)}*1@${at(Date.now())}`, inventory });
  const moments = [start - 2 * HOUR, start];
  const epochs = moments.map(ms => knowledge.starts.findLastIndex(begin => begin <= ms));
  await need(knowledge.missing(epochs));
  // Ten days ago by the wall, and so long before anything that is kept: both would be one.
  expect(ownersAt(knowledge, ...moments)).toEqual(['first', 'second']);

  // A document recorded in simulated time is new although its time is days before that of this process.
  await put(storage, start - 30 * MINUTE, [vm('third')], {}, start + 1000);
  await expect.poll(() => ownersAt(knowledge, start), { timeout: 10_000 }).toEqual(['third']);
  const [heartbeat] = await storage.select<{ ms: string }>(
    "SELECT toUnixTimestamp64Milli(max(recordedAt)) AS ms FROM heartbeats WHERE source = 'file'",
  );
  expect(Math.abs(Number(heartbeat!.ms) - start)).toBeLessThan(HOUR);
  await storage.close();
  rmSync(folder, { recursive: true });
}, 60_000);
