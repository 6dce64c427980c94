// Privacy in front of a real ClickHouse: whatever comes by, no table holds an address outside as it was, and enriching
// what is stored again changes nothing.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reenrich } from '../../analysis/reenrichment/reenrich.ts';
import { createLocalFeed } from '../../inventory/snapshot/feed.ts';
import { formatAddress, parseAddress } from '../../schemas/address.ts';
import { openCounters } from '../../service/counters.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import { ScheduledRollup } from '../../storage/rollup/scheduled-rollup.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { batchOf, LIMITS, type Row } from '../../testing/data/enrichment.ts';
import { createFakeSource, createSignal, decodedArrow } from '../../testing/fakes.ts';
import { ENRICHER_SERVICE } from '../configuration.ts';
import { ENRICHER_COUNTERS } from '../counters.ts';
import { isOutside } from '../endpoints/entry-filler.ts';
import { Enricher } from '../enricher.ts';
import { createServicesExchange } from '../services-exchange.ts';
import { LearnedServices } from './learned-services.ts';
import { openPrivacy } from './privacy.ts';
import { ephemeralBits } from './server-side.ts';

let server: TestServer;
const folder = mkdtempSync(join(tmpdir(), 'hairpin-privacy-'));
beforeAll(async () => {
  writeFileSync(join(folder, 'key'), 'f00dcafe'.repeat(8));
  server = await startTestServer();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const LATER_MS = 10 * 60_000;
const NOW = Date.now();
const inventory = {
  source: 'lab',
  asOf: new Date(NOW - 3_600_000).toISOString(),
  switches: [{ id: 'sw1', ports: [{ ifIndex: 1 }] }],
  hosts: [
    {
      id: 'h1',
      name: 'esx-1',
      pnics: [{ id: 'p', switch: 'sw1', ifIndex: 1 }],
      vswitches: [{ id: 'v', uplinks: ['p'] }],
    },
  ],
  vms: [
    {
      id: 'a',
      name: 'web-1',
      host: 'h1',
      vnics: [{ mac: '02:00:00:00:00:01', addresses: ['10.0.0.1', '192.0.2.80'] }],
    },
    { id: 'b', name: 'vpn-1', host: 'h1', vnics: [{ mac: '02:00:00:00:00:02' }] },
  ],
};
/** None of these may be found anywhere. */
const OUTSIDE = ['203.0.113.77', '203.0.113.78', '198.51.100.9', '2001:db8:7:8::9', '2001:db8:7:8::a'];
const row = (n: number): Row => {
  const end = OUTSIDE[n % OUTSIDE.length]!;
  const inside = n % 3 === 0 ? '192.0.2.80' : end.includes(':') ? 'fd00::1' : '10.0.0.1';
  const shared = {
    bytes: 1000 + n,
    packets: 1,
    inIf: 1,
    direction: 'ingress',
    receivedAt: NOW,
    proto: 6,
    etherType: end.includes(':') ? 0x86dd : 0x0800,
  } as const;
  // Some come by the MAC of a VM whose addresses nobody lists; some say which end answers, on a port like a client's.
  return n % 2 === 0
    ? { ...shared, src: end, dst: inside, srcPort: 45000, dstPort: 2000, tcpFlags: 0x12, srcMac: '02:00:00:00:00:02' }
    : {
        ...shared,
        src: inside,
        dst: end,
        srcPort: 50000 + n,
        dstPort: 443,
        exporter: n % 5 === 0 ? '192.0.2.2' : '192.0.2.1',
      };
};

/** Values of every column of every table that reveal one of the addresses: as an address or within a text. */
async function foundIn(storage: ClickHouse, addresses: readonly string[]): Promise<string[]> {
  const columns = await storage.select<{ table: string; name: string; type: string }>(
    `SELECT table, name, type FROM system.columns WHERE database = currentDatabase() AND (type LIKE '%IPv6%' OR type LIKE '%String%')
     AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')`,
  );
  const reported: string[] = [];
  for (const { table, name, type } of columns) {
    const text = type.includes('IPv6') ? `replaceOne(toString(${name}), '::ffff:', '')` : `toString(${name})`;
    const [hits] = await storage.select<{ n: string }>(
      `SELECT count() AS n FROM ${table} WHERE ${type.includes('IPv6') ? `${text} IN {addresses:Array(String)}` : `multiSearchAny(${text}, {addresses:Array(String)})`}`,
      { addresses },
    );
    if (hits?.n !== '0') reported.push(`${table}.${name}`);
  }
  return reported;
}

/** The same, and pairs of which one end is such an address: a hash of both can be tried out. */
async function found(storage: ClickHouse, addresses: readonly string[]): Promise<string[]> {
  const reported = await foundIn(storage, addresses);
  const [pairs] = await storage.select<{ n: string }>(
    `SELECT count() AS n FROM unelected_5m WHERE pair IN (
       SELECT cityHash64(a, b) FROM (SELECT toIPv6(arrayJoin({addresses:Array(String)})) AS a) AS l CROSS JOIN (SELECT toIPv6(arrayJoin({inside:Array(String)})) AS b) AS r
       UNION ALL SELECT cityHash64(b, a) FROM (SELECT toIPv6(arrayJoin({addresses:Array(String)})) AS a) AS l CROSS JOIN (SELECT toIPv6(arrayJoin({inside:Array(String)})) AS b) AS r)`,
    { addresses, inside: ['192.0.2.80', 'fd00::1', '10.0.0.1'] },
  );
  if (pairs?.n !== '0') reported.push('unelected_5m.pair');
  return reported;
}

async function run(database: string, more: Readonly<Record<string, string>>) {
  const storage = server.connect(database);
  const documents = join(folder, `${database}.json`);
  writeFileSync(documents, JSON.stringify(inventory));
  const exporters = join(folder, `${database}-exporters.json`);
  writeFileSync(exporters, JSON.stringify({ exporters: [{ address: '192.0.2.1', switch: 'sw1' }] }));
  const config = {
    ...ENRICHER_SERVICE.load({}),
    ...LIMITS,
    ...more,
    inventory: documents,
    exporters,
    insertTriesMax: 3,
  } as ReturnType<typeof ENRICHER_SERVICE.load>;
  await migrate(storage, config);
  let logged = '';
  const log = pino(
    { level: 'info' },
    new Writable({
      write(chunk, _, done) {
        logged += chunk;
        done();
      },
    }),
  );
  const counters = openCounters(ENRICHER_COUNTERS);
  const signal = createSignal();
  const source = createFakeSource(signal);
  const services = new LearnedServices({ ephemeral: ephemeralBits() });
  const feed = createLocalFeed(config, { storage, log, counters, signal: new AbortController().signal });
  const privacy = openPrivacy(config);
  const enricher = new Enricher(config, { source: source.source, storage, log, counters, services, feed, privacy });
  await enricher.start();
  const exchange = createServicesExchange({
    services,
    storage,
    log,
    counters,
    ...(privacy && {
      mayStore: address => !isOutside(feed.knowledge.snapshotAt(feed.knowledge.starts.length - 1), address),
    }),
  });
  await exchange.start();
  source.deliver(0, decodedArrow(batchOf(Array.from({ length: 60 }, (_, n) => row(n)))));
  await signal.until(() => source.acknowledged.length === 1);
  await exchange.stop();
  await enricher.stop();
  await new ScheduledRollup({ storage, log }).run(Date.now() + LATER_MS);
  const again = async () =>
    reenrich(
      config,
      { fromMs: NOW, toMs: NOW + 1, dryRun: false },
      { storage, log, signal: new AbortController().signal },
    );
  return { storage, services, again, config, log, logged: () => logged };
}

const records = (storage: ClickHouse) =>
  storage.select(
    'SELECT * EXCEPT (storedAt, revision, batch, serverSide, serverSideReason, service) FROM flows ORDER BY bytes',
  );
const volumes = (storage: ClickHouse) =>
  storage.select(
    `SELECT (SELECT (sum(t.bytes), sum(t.records)) FROM pairs_5m AS t) AS pairs, (SELECT (sum(t.bytes), sum(t.records)) FROM traffic_1h AS t) AS traffic,
       (SELECT (sum(t.bytes), sum(t.records)) FROM unelected_5m AS t) AS unelected, (SELECT (sum(f.bytes), count()) FROM flows AS f) AS records`,
  );

test('with privacy off all of this finds what is there', async () => {
  const { storage, services } = await run('plain', {});
  expect((await found(storage, OUTSIDE)).sort()).toEqual([
    'flows.dstAddr',
    'flows.srcAddr',
    'services.address',
    'unelected_5m.pair',
  ]);
  expect(services.size).toBeGreaterThan(0);
  // The VM's own, though it lies outside the internal prefixes.
  expect(await found(storage, ['192.0.2.80'])).toContain('flows.srcAddr');
});

describe.each([
  ['truncate', { privacy: 'truncate' }],
  ['anonymise', { privacy: 'anonymise', privacyKey: join(folder, 'key') }],
])('%s', (mode, more) => {
  test('leaves no address outside in any table, nor the key, and what is stored can be enriched again', async () => {
    const plain = await run(`plain_${mode}`, {});
    const { storage, services, again, logged } = await run(`hidden_${mode}`, more);
    expect(await found(storage, OUTSIDE)).toEqual([]);
    expect(await foundIn(storage, ['f00dcafe'])).toEqual([]);
    expect(logged()).not.toMatch(/f00dcafe|203\.0\.113\.|2001:db8:7/);
    // Learned all the same, for the enricher alone.
    expect(services.size).toBe(plain.services.size);
    expect(await found(storage, ['192.0.2.80'])).toContain('flows.srcAddr');
    // What was decided was decided by the whole address.
    const withoutAddresses = (rows: unknown[]) => (rows as object[]).map(all => ({ ...all, srcAddr: 0, dstAddr: 0 }));
    const stored = await records(storage);
    expect(withoutAddresses(stored)).toEqual(withoutAddresses(await records(plain.storage)));
    expect(await volumes(storage)).toEqual(await volumes(plain.storage));
    const ends = await storage.select<{ address: string }>(
      "SELECT DISTINCT replaceOne(toString(dstAddr), '::ffff:', '') AS address FROM flows WHERE bytes % 2 = 1 ORDER BY address",
    );
    if (mode === 'truncate')
      expect(ends).toEqual(['198.51.100.0', '2001:db8:7::', '203.0.113.0'].map(address => ({ address })));
    else {
      expect(ends).toHaveLength(OUTSIDE.length);
      for (const { address } of ends) expect(parseAddress(address)![0] >>> 12).toBe(0x3fff0);
    }

    const reports = await again();
    expect(reports.map(({ outcome }) => outcome)).toEqual(['done']);
    expect(await records(storage)).toEqual(stored);
    expect(await volumes(storage)).toEqual(await volumes(plain.storage));
    expect(await found(storage, OUTSIDE)).toEqual([]);
  });

  test('hides what was stored before it was asked for, when that is enriched again', async () => {
    const { storage, config, log } = await run(`late_${mode}`, {});
    const later = { ...config, ...more } as typeof config;
    // One that was stopped before had staged whole addresses.
    const stop = new AbortController();
    const request = { fromMs: NOW, toMs: NOW + 1, dryRun: false };
    await reenrich(config, request, { storage, log, signal: stop.signal, reached: () => stop.abort() });
    await reenrich(
      later,
      { fromMs: NOW, toMs: NOW + 1, dryRun: false },
      { storage, log, signal: new AbortController().signal },
    );
    expect((await found(storage, OUTSIDE)).filter(name => name !== 'services.address')).toEqual([]);
    expect(formatAddress(parseAddress(OUTSIDE[0]!)!)).toBe(OUTSIDE[0]);
  });
});

test('anonymised, an address can be erased as long as the key is; of a network nobody can say whose it was', async () => {
  const keyed = { privacy: 'anonymise', privacyKey: join(folder, 'key') };
  const { storage, config, log } = await run('erased', keyed);
  const ends = async () =>
    Number(
      (
        await storage.select<{ n: string }>(
          "SELECT uniqExact(dstAddr) AS n FROM flows WHERE bytes % 2 = 1 AND startsWith(toString(dstAddr), '3fff:')",
        )
      )[0]!.n,
    );
  const before = await volumes(storage);
  expect(await ends()).toBe(OUTSIDE.length);
  const erase = (privacy: Partial<typeof config>) =>
    reenrich(
      { ...config, ...privacy },
      { fromMs: NOW, toMs: NOW + 1, dryRun: false, erase: OUTSIDE[0]! },
      { storage, log, signal: new AbortController().signal },
    );
  expect((await erase({ privacy: 'truncate' })).map(({ erased }) => erased)).toEqual([0]);
  // Every fifth record has it.
  expect((await erase({})).map(({ erased }) => erased)).toEqual([12]);
  expect((await erase({})).map(({ erased }) => erased)).toEqual([0]);
  expect(await ends()).toBe(OUTSIDE.length);
  expect(
    await storage.select(
      "SELECT count() AS n FROM flows WHERE dstAddr = toIPv6('3fff:eee::') OR srcAddr = toIPv6('3fff:eee::')",
    ),
  ).toEqual([{ n: '12' }]);
  expect(await volumes(storage)).toEqual(before);
});
