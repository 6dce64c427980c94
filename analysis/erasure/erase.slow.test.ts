// An address is erased from a real ClickHouse: nothing reveals it any more, records and roll-ups keep answering the same,
// whatever comes in meanwhile and wherever it is killed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ENRICHER_SERVICE } from '../../enricher/configuration.ts';
import { parseAddress } from '../../schemas/address.ts';
import { LOCALITY, RULE } from '../../schemas/codes.ts';
import { createLog } from '../../service/log.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { fencesInPlace } from '../../storage/fence.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import type { Step } from '../../storage/rewrite/day.ts';
import { recoverFences } from '../../storage/rewrite/recovery.ts';
import { ScheduledRollup } from '../../storage/rollup/scheduled-rollup.ts';
import { StorageError } from '../../storage/storage.ts';
import { insertDocument } from '../../storage/tables/documents.ts';
import { insertLearned } from '../../storage/tables/learned-interfaces.ts';
import { recentStates } from '../../storage/tables/reenrichments.ts';
import { insertServices } from '../../storage/tables/services.ts';
import { startTestServer, type TestServer, withCommand } from '../../testing/clickhouse.ts';
import type { Row } from '../../testing/data/enrichment.ts';
import { faultsOf, ingest, LATE, numbered, PAST, recordDocuments, rollupOf } from '../../testing/data/reenrichment.ts';
import { type ReenrichDependencies, reenrich } from '../reenrichment/reenrich.ts';
import { ReenrichmentSupervisor } from '../reenrichment/reenrichments.ts';
import { countBeside, eraseBeside } from './erase.ts';

const log = createLog('test', 'error');
vi.setConfig({ testTimeout: 120_000 });

const DAY_MS = 86_400_000;
const LATER_MS = 10 * 60_000;
const TODAY = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const range = { fromMs: TODAY - DAY_MS, toMs: TODAY + DAY_MS };
/** A VM's, a stranger's within the internal prefixes, and one outside. */
const VM = '10.0.0.3';
const INSIDE = '10.0.0.23';
const OUTSIDE = '203.0.113.77';

let house: TestServer;
let databases = 0;
beforeAll(async () => {
  house = await startTestServer();
});
afterAll(() => house.close());

/** Every seventh record has an end outside, IPv4 or not; every record has MACs and a station. */
const given = (from: number, to: number, receivedAt: (n: number) => number): Row[] =>
  numbered(from, to, receivedAt).map((row, i) => ({
    ...row,
    etherType: 0x0800,
    srcMac: '02:00:00:00:00:aa',
    dstMac: '02:00:00:00:00:bb',
    ...(i % 7 === 0 && { dst: OUTSIDE }),
    ...(i % 7 === 1 && { src: OUTSIDE }),
  }));
const aroundMidnight = (n: number) => TODAY - 10_000 + (n % 200) * 100;
const BATCHES = [
  { token: 'a', rows: given(0, 1000, n => TODAY - DAY_MS / 2 + n * 100) },
  { token: 'b', rows: given(1000, 2000, aroundMidnight) },
  { token: 'c', rows: given(2000, 3000, n => TODAY + (n - 1999)) },
];
const NUMBERS = 3000;

async function filled(): Promise<ClickHouse> {
  const storage = house.connect(`erase${databases++}`);
  await migrate(storage, PAST_CONFIG);
  await recordDocuments(storage, LATE);
  for (const { token, rows } of BATCHES) await ingest(storage, token, rows, LATE);
  await storage.command('ALTER TABLE flows UPDATE storedAt = storedAt - 3600 WHERE 1 SETTINGS mutations_sync = 1');
  await new ScheduledRollup({ storage, log }).run(Date.now());
  return storage;
}
const PAST_CONFIG = { retentionDays: 30, rollupRetentionDays: 800, durable: false };

const run = (
  storage: ClickHouse,
  erase: string | undefined,
  more: Partial<ReenrichDependencies> = {},
  dryRun = false,
) =>
  reenrich(
    PAST,
    { ...range, dryRun, ...(erase !== undefined && { erase }) },
    { storage, log, signal: new AbortController().signal, ...more },
  );

const hit = (address: string) => `(srcAddr = toIPv6('${address}') OR dstAddr = toIPv6('${address}'))`;
async function count(storage: ClickHouse, where: string, from = 'flows'): Promise<number> {
  const [row] = await storage.select<{ n: string }>(`SELECT count() AS n FROM ${from} WHERE ${where}`);
  return Number(row!.n);
}
const pairsWith = (storage: ClickHouse, address: string) =>
  count(
    storage,
    `pair IN (SELECT cityHash64(srcAddr, toIPv6('${address}')) FROM flows UNION ALL SELECT cityHash64(toIPv6('${address}'), dstAddr) FROM flows)`,
    'unelected_5m',
  );
const ERASABLE = [
  'srcAddr',
  'dstAddr',
  'srcMac',
  'dstMac',
  'srcVm',
  'dstVm',
  'srcPlace',
  'dstPlace',
  'srcIdentity',
  'dstIdentity',
  'stationId',
];
/** What an erasure may not change, of all records, and everything of those that it does not concern. */
const untouched = async (storage: ClickHouse, numbers?: readonly unknown[]) => {
  const where = numbers ? `bytes NOT IN (${numbers.join(', ')})` : '1';
  return {
    kept: await storage.select(`SELECT * EXCEPT (revision, ${ERASABLE.join(', ')}) FROM flows ORDER BY bytes`),
    others: await storage.select(`SELECT * EXCEPT (revision) FROM flows WHERE ${where} ORDER BY bytes`),
  };
};
const numbersOf = async (storage: ClickHouse, address: string) =>
  (await storage.select<{ bytes: string }>(`SELECT bytes FROM flows WHERE ${hit(address)}`)).map(({ bytes }) => bytes);
const withOutside = (storage: ClickHouse) =>
  storage.select(`SELECT bytes FROM flows WHERE locality = ${LOCALITY.external} ORDER BY bytes`);

test.each([
  [VM, '10.0.0.0', 'the address of a VM that an application claims'],
  [INSIDE, '10.0.0.0', 'an address inside that is nobody’s'],
  [OUTSIDE, '3fff:eee::', 'an address outside'],
])('%s is %s afterwards: %s', async (address, becomes) => {
  const storage = await filled();
  const numbers = await numbersOf(storage, address);
  expect(numbers.length).toBeGreaterThan(100);
  // What a VM says is elected, so no pair of it is kept.
  if (address !== VM) expect(await pairsWith(storage, address)).toBeGreaterThan(0);
  const external = await withOutside(storage);
  expect(external.length).toBeGreaterThan(100);
  const before = await untouched(storage, numbers);
  const rollups = ['traffic_1m', 'traffic_5m', 'traffic_1h'] as const;
  const traffic = await Promise.all(rollups.map(table => rollupOf(storage, table)));

  const preview = await run(storage, address, {}, true);
  expect(preview.map(({ outcome }) => outcome)).toEqual(['previewed', 'previewed']);
  expect(preview.reduce((sum, { erased }) => sum + erased!, 0)).toBe(numbers.length);
  expect(await numbersOf(storage, address)).toHaveLength(numbers.length);

  const reports = await run(storage, address);
  expect(reports.map(({ outcome, records }) => [outcome, records])).toEqual([
    ['done', 1500],
    ['done', 1500],
  ]);
  expect(await count(storage, hit(address))).toBe(0);
  expect(await count(storage, hit(becomes))).toBe(numbers.length);
  const end = (side: string) =>
    `${side}Addr = toIPv6('${becomes}') AND (${side}Mac != 0 OR ${side}Vm != 0 OR ${side}Place != 0 OR ${side}Identity != 0)`;
  expect(await count(storage, `(${end('src')}) OR (${end('dst')})`)).toBe(0);
  // Nor by the hash of a pair, which can be tried out.
  expect(await pairsWith(storage, address)).toBe(0);
  expect(await untouched(storage, numbers)).toEqual(before);
  expect(await Promise.all(rollups.map(table => rollupOf(storage, table)))).toEqual(traffic);
  expect(await faultsOf(storage, NUMBERS)).toEqual([]);

  // A second time there is nothing to do; what comes again is recognised.
  expect((await run(storage, address)).map(({ outcome, records, erased }) => [outcome, records, erased])).toEqual([
    ['done', 0, 0],
    ['done', 0, 0],
  ]);
  for (const { token, rows } of BATCHES) {
    await ingest(storage, token, rows, LATE, true);
    await ingest(storage, token, rows, LATE);
  }
  expect(await count(storage, hit(address))).toBe(0);
  expect(await faultsOf(storage, NUMBERS)).toEqual([]);

  // Enriched again, nobody of ours is found there: an end outside stays outside, one inside in its network.
  await run(storage, undefined);
  const ruleOf = (side: string) => `SELECT ${side}Rule AS rule FROM flows WHERE ${side}Addr = toIPv6('${becomes}')`;
  const rules = await storage.select(`SELECT DISTINCT rule FROM (${ruleOf('src')} UNION ALL ${ruleOf('dst')})`);
  expect(rules).toEqual([{ rule: address === OUTSIDE ? RULE.external : RULE['auto-prefix'] }]);
  expect(await withOutside(storage)).toEqual(external);
  expect(await count(storage, hit(address))).toBe(0);
  expect(await faultsOf(storage, NUMBERS)).toEqual([]);
});

test('of a hidden address, whatever it was named by, no part of its hash is left', async () => {
  const storage = await filled();
  const hidden = '3fff:a1b:c3d4:e5f6::7';
  const where = `srcAddr = toIPv6('${VM}')`;
  const those = await count(storage, where);
  await storage.command(
    `ALTER TABLE flows UPDATE srcAddr = toIPv6('${hidden}'), srcVm = 0, srcRule = ${RULE.server} WHERE ${where} SETTINGS mutations_sync = 1`,
  );
  await run(storage, hidden);
  expect(await count(storage, hit('3fff:eee::'))).toBe(those);
});

test('a batch that comes at any step is stored once; of what came before the swap nothing reveals the address', async () => {
  const storage = await filled();
  let next = NUMBERS;
  const coming: Promise<number>[] = [];
  await run(storage, VM, {
    reached: async () => {
      const [from, to] = [next, next + 30];
      next = to;
      const arrived = ingest(storage, `straggler${from}`, numbered(from, to, aroundMidnight), LATE);
      coming.push(arrived);
      if ((await fencesInPlace(storage)).length === 0) await arrived;
    },
  });
  await Promise.all(coming);
  expect(await faultsOf(storage, next)).toEqual([]);
  expect(await count(storage, `${hit(VM)} AND revision > 0`)).toBe(0);
  // New traffic of that address is new; the same again takes it too.
  expect(await count(storage, hit(VM))).toBeGreaterThan(0);
  await run(storage, VM);
  await new ScheduledRollup({ storage, log }).run(Date.now() + LATER_MS);
  expect(await count(storage, hit(VM))).toBe(0);
  expect(await faultsOf(storage, next)).toEqual([]);
});

test('stopped, it is begun anew, and what it had staged is taken up by nobody', async () => {
  const storage = await filled();
  const stop = new AbortController();
  const [first] = await run(storage, VM, {
    signal: stop.signal,
    reached: step => (step === 'staged' ? stop.abort() : undefined),
  });
  expect(first).toMatchObject({ outcome: 'stopped', records: 1500 });
  expect((await run(storage, OUTSIDE)).map(({ records }) => records)).toEqual([1500, 1500]);
  expect(await count(storage, hit(VM))).toBeGreaterThan(0);
  await run(storage, VM);
  expect(await count(storage, `${hit(VM)} OR ${hit(OUTSIDE)}`)).toBe(0);
  expect(await faultsOf(storage, NUMBERS)).toEqual([]);
  const states = await storage.select<{ text: string }>('SELECT concat(knowledge, detail) AS text FROM reenrichments');
  expect(states.filter(({ text }) => text.includes(VM) || text.includes(OUTSIDE))).toEqual([]);
});

test.for(['staged', 'fenced', 'swapping', 'pairs_5m', 'swapped'] as const satisfies readonly Step[])(
  'killed at "%s" it loses nothing, and the same command again completes it',
  async killAt => {
    const storage = await filled();
    const { url, user, password } = house.address;
    const program = fileURLToPath(new URL('../../testing/data/reenrichment.ts', import.meta.url));
    const question = { url, user, password, database: storage.database, ...range, killAt, erase: VM };
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', program, JSON.stringify(question)],
      {
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
    expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
    // As if the lease had run out.
    await storage.command('CREATE TABLE aged AS reenrichments');
    await storage.command('INSERT INTO aged SELECT * REPLACE(at - INTERVAL 1 HOUR AS at) FROM reenrichments');
    await storage.command('EXCHANGE TABLES aged AND reenrichments');
    await storage.command('DROP TABLE aged SYNC');
    await recoverFences(storage);
    await ingest(storage, 'after', numbered(NUMBERS, NUMBERS + 100, aroundMidnight), LATE);
    expect(await faultsOf(storage, NUMBERS + 100)).toEqual([]);
    await run(storage, VM);
    expect(await count(storage, hit(VM))).toBe(0);
    await new ScheduledRollup({ storage, log }).run(Date.now() + LATER_MS);
    expect(await faultsOf(storage, NUMBERS + 100)).toEqual([]);
    const left = await count(
      storage,
      "database = currentDatabase() AND startsWith(name, 'reenrich_')",
      'system.tables',
    );
    expect(left).toBe(0);
  },
);

test('a day whose records have begun to expire is changed in place, and no mutation names the address', async () => {
  const storage = await filled();
  await storage.command('ALTER TABLE flows DELETE WHERE bytes % 5 = 0 SETTINGS mutations_sync = 1');
  const numbers = await numbersOf(storage, INSIDE);
  const either = await count(storage, `${hit(VM)} OR ${hit(INSIDE)}`);
  const before = await untouched(storage, [...numbers, ...(await numbersOf(storage, VM))]);
  const rollups = async () => Promise.all((['traffic_1h', 'pairs_5m'] as const).map(table => rollupOf(storage, table)));
  const sums = await rollups();
  for (const [i, address] of [VM, INSIDE].entries()) {
    const hits = await numbersOf(storage, address);
    const reports = await run(storage, address);
    expect(reports.map(({ outcome }) => outcome)).toEqual(['done', 'done']);
    expect(reports[0]!.detail).toMatch(/begun to expire/);
    expect(await count(storage, hit(address))).toBe(0);
    const revised = await storage.select<{ bytes: string }>(`SELECT bytes FROM flows WHERE revision = ${i + 1}`);
    expect(revised.map(({ bytes }) => bytes).sort()).toEqual(hits.sort());
    const states = (await recentStates(storage, 2)).map(({ state, revision, records }) => [state, revision, records]);
    expect(states).toEqual(reports.map(({ erased }) => ['done', i + 1, erased]).reverse());
  }
  expect(await count(storage, hit('10.0.0.0'))).toBe(either);
  const end = (side: string) =>
    `${side}Addr = toIPv6('10.0.0.0') AND (${side}Mac != 0 OR ${side}Vm != 0 OR ${side}Place != 0 OR ${side}Identity != 0)`;
  expect(await count(storage, `(${end('src')}) OR (${end('dst')})`)).toBe(0);
  expect(await untouched(storage, await numbersOf(storage, '10.0.0.0'))).toEqual(before);
  expect(await rollups()).toEqual(sums);
  await eraseBeside(storage, VM);
  expect(await count(storage, "database = currentDatabase() AND command LIKE '%10.0.0.%'", 'system.mutations')).toBe(0);
  expect(await count(storage, "database = currentDatabase() AND startsWith(name, 'erasing')", 'system.tables')).toBe(0);
});

test('a change in place that is given up is ended in the server, and a helper table in use is left alone', async () => {
  const storage = await filled();
  await storage.command('ALTER TABLE flows DELETE WHERE bytes % 5 = 0 SETTINGS mutations_sync = 1');
  const helpers = () =>
    storage.select<{ name: string; path: string }>(
      "SELECT name, metadata_path AS path FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'erasing_') ORDER BY name",
    );
  const unfinished = () => count(storage, 'database = currentDatabase() AND NOT is_done', 'system.mutations');
  /** Waits for no mutation, as if its time had run out. */
  const givingUp = withCommand(storage, async (sql, params, token) => {
    await storage.command(sql, params, token);
    if (sql.startsWith('ALTER TABLE flows UPDATE')) {
      expect(await unfinished()).toBe(1);
      throw new StorageError('permanent', 0, 'given up');
    }
  });
  await storage.command('SYSTEM STOP MERGES flows');
  await expect(run(givingUp, VM)).rejects.toThrow('given up');
  expect((await recentStates(storage, 1))[0]!.state).toBe('failed');
  expect(await unfinished()).toBe(0);
  expect(await helpers()).toEqual([]);

  // The same by a stop: nobody waits for what does not come to an end.
  const stop = new AbortController();
  const stopped = run(storage, VM, { signal: stop.signal });
  await vi.waitFor(async () => expect(await unfinished()).toBe(1), { timeout: 30_000 });
  stop.abort();
  await expect(stopped).rejects.toThrow('stopped while records were changed in place');
  expect((await recentStates(storage, 1))[0]).toMatchObject({ state: 'failed' });
  expect(await unfinished()).toBe(0);
  expect(await helpers()).toEqual([]);

  // And ended by somebody else: what is left is not called erased.
  const ended = run(storage, VM);
  ended.catch(() => {});
  await vi.waitFor(async () => expect(await unfinished()).toBe(1), { timeout: 30_000 });
  await storage.command('KILL MUTATION WHERE database = currentDatabase() SYNC');
  await expect(ended).rejects.toThrow('rows with the address are left');
  expect((await recentStates(storage, 1))[0]).toMatchObject({ state: 'failed' });
  expect(await helpers()).toEqual([]);

  // Of two that killed runs left, a mutation still needs the first.
  for (const name of ['erasing_aa', 'erasing_bb'])
    await storage.command(`CREATE TABLE ${name} (address IPv6) ENGINE = Memory`);
  await storage.command("INSERT INTO erasing_aa SELECT toIPv6('2001:db8::1') SETTINGS async_insert = 0");
  await storage.command(
    'ALTER TABLE flows UPDATE srcMac = 0 WHERE srcAddr IN (SELECT address FROM erasing_aa) SETTINGS mutations_sync = 0',
  );
  const hourAgo = new Date(Date.now() - 2 * 3_600_000);
  for (const { path } of await helpers()) utimesSync(join(house.folder, 'db', path), hourAgo, hourAgo);
  await eraseBeside(storage, VM);
  expect((await helpers()).map(({ name }) => name)).toEqual(['erasing_aa']);
  await storage.command('SYSTEM START MERGES flows');
  await vi.waitFor(async () => expect(await unfinished()).toBe(0), { timeout: 30_000 });
  await eraseBeside(storage, VM);
  expect(await helpers()).toEqual([]);
  await run(storage, VM);
  expect(await count(storage, hit(VM))).toBe(0);
});

test('what ClickHouse says of a failure repeats the address, and is neither reported nor recorded', async () => {
  const storage = await filled();
  const failing = withCommand(storage, (sql, params = {}, token) =>
    storage.command(sql, 'erased' in params ? { ...params, erased: [`${VM}.`] } : params, token),
  );
  await expect(run(failing, VM)).rejects.toThrow(VM);
  const [failed] = await storage.select<{ detail: string }>("SELECT detail FROM reenrichments WHERE state = 'failed'");
  expect(failed!.detail).toMatch(/^ClickHouse error [1-9]\d*; /);
  expect(failed!.detail).not.toContain(VM);

  // The thread, and a database without tables.
  await expect(countBeside(house.connect('nothing'), VM)).rejects.toThrow();
  const configuration = { ...ENRICHER_SERVICE.load({}), clickhouseDatabase: 'nothing' };
  const supervisor = new ReenrichmentSupervisor(configuration, { storage: house.address, log });
  supervisor.start({ ...range, dryRun: false, erase: VM });
  await vi.waitFor(() => expect(supervisor.state().running).toBe(false), { timeout: 30_000 });
  expect(supervisor.state().error).toMatch(/^ClickHouse error 81; /);
  await supervisor.close();
});

test('of what was learned of its interfaces nothing is left', async () => {
  const storage = await filled();
  const sourceOf = async (address: string) => {
    const [row] = await storage.select<{ source: string }>(
      'SELECT toString(any(u.source)) AS source FROM unelected_5m AS u WHERE u.source = cityHash64({address:IPv6})',
      { address: `::ffff:${address}` },
    );
    return row!.source;
  };
  const [gone, kept] = [await sourceOf(INSIDE), await sourceOf(OUTSIDE)];
  expect([gone, kept]).not.toContain('0');
  const row = { sinceS: 0, counted: ['1'], repeated: [] };
  await insertLearned(
    storage,
    [
      { ...row, source: gone },
      { ...row, source: kept },
    ],
    Date.now(),
  );
  await eraseBeside(storage, INSIDE);
  expect(await storage.select('SELECT toString(source) AS source FROM learned_interfaces')).toEqual([{ source: kept }]);
});

test('of a sender whose records have expired, its roll-ups keep the volume and no hash', async () => {
  const storage = await filled();
  const sender = `source = cityHash64(toIPv6('::ffff:${INSIDE}'))`;
  const days = 'SELECT uniqExact(day) AS days, sum(records) AS records, sum(bytes) AS bytes FROM unelected_5m';
  expect(await count(storage, `${sender} AND day < toYYYYMMDD(now('UTC'))`, 'unelected_5m')).toBeGreaterThan(0);
  const before = await storage.select(days);
  const others = await count(storage, `NOT ${sender} AND source != 0`, 'unelected_5m');
  await storage.command('TRUNCATE TABLE flows');
  await run(storage, INSIDE);
  await eraseBeside(storage, INSIDE);
  expect(await count(storage, sender, 'unelected_5m')).toBe(0);
  expect(await storage.select(days)).toEqual(before);
  expect(await count(storage, 'source != 0', 'unelected_5m')).toBe(others);
});

test.each(['learned_interfaces', 'unelected_5m'])('what somebody ended in %s is not called erased', async table => {
  const storage = await filled();
  const [row] = await storage.select<{ source: string }>(
    `SELECT toString(cityHash64(toIPv6('::ffff:${INSIDE}'))) AS source`,
  );
  await insertLearned(storage, [{ source: row!.source, sinceS: 0, counted: ['1'], repeated: [] }], Date.now());
  const ended = withCommand(storage, async (sql, params, token) => {
    if (!sql.startsWith(`ALTER TABLE ${table} `)) await storage.command(sql, params, token);
  });
  await expect(eraseBeside(ended, INSIDE)).rejects.toThrow('rows with the address are left');
  await eraseBeside(storage, INSIDE);
  expect(await count(storage, `source = ${row!.source}`, table)).toBe(0);
});

test('learned services of the address go; documents and exporters are counted and stay', async () => {
  const storage = await filled();
  const seen = (address: string) => ({
    address: parseAddress(address)!,
    vrf: 0,
    proto: 6,
    port: 45000,
    answered: true,
    firstSeenMs: TODAY,
    lastSeenMs: TODAY,
  });
  await insertServices(storage, [seen(VM), seen('10.0.0.30'), seen('2001:db8::7')]);
  expect(await countBeside(storage, VM)).toEqual({ services: 1, asExporter: 0, documents: 1 });
  expect(await countBeside(storage, '10.0.0.30')).toEqual({ services: 1, asExporter: 0, documents: 0 });
  const body = JSON.stringify({ vms: [{ addresses: ['2001:DB8::7'] }] });
  await insertDocument(storage, { kind: 'inventory', recordedAtMs: TODAY, asOfMs: TODAY, source: 'upper', body });
  expect(await countBeside(storage, '2001:db8::7')).toEqual({ services: 1, asExporter: 0, documents: 1 });
  expect(await countBeside(storage, '2001:db8::')).toMatchObject({ documents: 0 });
  await eraseBeside(storage, VM);
  await eraseBeside(storage, '2001:db8::7');
  expect(await countBeside(storage, VM)).toMatchObject({ services: 0, documents: 1 });
  expect(await count(storage, '1', 'services')).toBe(1);
});
