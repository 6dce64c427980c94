import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DAYS_MAX, RETAINED_TABLES } from '../../schemas/retention.ts';
import {
  type FlowRow,
  flowsArrow,
  startTestServer,
  startTestShards,
  type TestServer,
  withCommand,
} from '../../testing/clickhouse.ts';
import { insertReceiving } from '../../testing/receiving.ts';
import { type ClickHouse, createStorage } from '../client.ts';
import { DAY_MS, dayOf } from '../days.ts';
import { addFence, fencesInPlace } from '../fence.ts';
import { HERE, localPlacement } from '../placement.ts';
import { leaseHolder } from '../rewrite/lease.ts';
import { recoverFences } from '../rewrite/recovery.ts';
import { fillEmpty, SWAPPED, stagedName } from '../rewrite/staging.ts';
import { type Storage, shardsOf } from '../storage.ts';
import { type AlertRow, insertAlerts } from '../tables/alerts.ts';
import { TABLES, VIEWS } from '../tables/all.ts';
import { insertFlows } from '../tables/flows.ts';
import { recentStates, recordHeartbeat, recordState } from '../tables/reenrichments.ts';
import { createTableSql, retainedDays } from '../tables/table.ts';
import { alignColumns } from './columns.ts';
import { checkVersion, migrate } from './migrate.ts';
import { alignUnderLease } from './swapped-tables.ts';
import { renewViews } from './views.ts';

const CONFIG = { retentionDays: 30, rollupRetentionDays: 800, durable: false };

let house: TestServer;
let databases = 0;
beforeAll(async () => {
  house = await startTestServer();
});
afterAll(() => house.close());

async function fresh(): Promise<ClickHouse> {
  const storage = house.connect(`migrated${databases++}`);
  await migrate(storage, CONFIG);
  return storage;
}

const count = async (storage: ClickHouse, table: string) =>
  Number((await storage.select<{ n: string }>(`SELECT count() AS n FROM ${table}`))[0]?.n);
describe('migration', () => {
  test('of a database of a newer version is refused with the remedy, and changes nothing', async () => {
    const storage = await fresh();
    await storage.command("INSERT INTO migrations (id, name) VALUES (9999, 'of the future')", {});
    await storage.command('DROP TABLE passers', {});
    await expect(migrate(storage, CONFIG)).rejects.toThrow(
      /STORAGE_TOO_NEW: .*newer Hairpin \(migration 9999, this version knows \d+\); start that version.*--clickhouse-database/,
    );
    expect(
      await storage.select("SELECT name FROM system.tables WHERE database = currentDatabase() AND name = 'passers'"),
    ).toEqual([]);
  });

  test('run twice, and by two processes at once, leaves the same tables', async () => {
    const database = `migrated${databases++}`;
    await Promise.all([migrate(house.connect(database), CONFIG), migrate(house.connect(database), CONFIG)]);
    const storage = house.connect(database);
    const state = () =>
      storage.select(
        'SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name',
      );
    const before = await state();
    await migrate(storage, CONFIG);
    expect(await state()).toEqual(before);
    expect(await storage.select('SELECT DISTINCT id FROM migrations ORDER BY id')).toEqual([
      { id: 1 },
      { id: 2 },
      { id: 3 },
      { id: 5 },
      { id: 6 },
      { id: 7 },
      { id: 8 },
      { id: 9 },
      { id: 10 },
      { id: 11 },
      { id: 12 },
      { id: 13 },
      { id: 14 },
    ]);
    expect(before.length).toBeGreaterThan(14);
  });

  test('keeps when collectors were receiving, of which the table has a partition a month', async () => {
    const storage = await fresh();
    const now = Math.floor(Date.now() / 60_000) * 60_000;
    await insertReceiving(storage, now - 2 * 3_600_000, now);
    await migrate(storage, CONFIG);
    expect(await storage.select('SELECT toUInt32(sum(receivingMs)) AS ms FROM collectors')).toEqual([
      { ms: 7_200_000 },
    ]);
  });

  test('follows changed retention and durability, and keeps rows', async () => {
    const storage = await fresh();
    await insertFlows(storage, flowsArrow('m', [{ receivedAt: Date.now() }]), 'm');
    const query = async () =>
      (
        await storage.select<{ q: string }>(
          "SELECT create_table_query AS q FROM system.tables WHERE database = currentDatabase() AND name = 'flows'",
        )
      )[0]?.q;
    await migrate(storage, { retentionDays: 7, rollupRetentionDays: 800, durable: true });
    expect(await query()).toMatch(/toIntervalDay\(7\).*fsync_after_insert = 1, fsync_part_directory = 1/s);
    await migrate(storage, CONFIG);
    expect(await query()).toMatch(/toIntervalDay\(30\).*fsync_after_insert = 0, fsync_part_directory = 0/s);
    expect(await count(storage, 'flows')).toBe(1);
  });

  test('keeps each table as long as it is configured to, from the start on, and moves no column of a large part for it', async () => {
    const storage = await fresh();
    // By days, because the clock may cross midnight in between.
    const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    const ages = [0, 5, 20, 28];
    // A file for each column, as parts beyond a gigabyte have.
    await storage.command('ALTER TABLE flows MODIFY SETTING min_bytes_for_wide_part = 0, min_rows_for_wide_part = 0');
    for (const age of ages)
      await insertFlows(storage, flowsArrow(`age ${age}`, [{ receivedAt: today - age * DAY_MS }]), `${age}`);
    const days = async (table: string) =>
      (
        await storage.select<{ age: number }>(
          `SELECT DISTINCT toUInt32(toDate('${new Date(today).toISOString().slice(0, 10)}') - YYYYMMDDToDate(toUInt32(partition))) AS age
           FROM system.parts WHERE database = currentDatabase() AND table = {table:String} AND active ORDER BY age`,
          { table },
        )
      ).map(({ age }) => age);
    const mutated = async () => {
      while (await count(storage, 'system.mutations WHERE database = currentDatabase() AND NOT is_done'))
        await new Promise(done => setTimeout(done, 10));
    };
    /** Of each active part of `flows`: the file of a column, and until when it stays. */
    const parts = async () => {
      await mutated();
      const rows = await storage.select<{ partition: string; path: string; until: string }>(
        `SELECT partition, path, toString(toUInt32(delete_ttl_info_max)) AS until FROM system.parts
         WHERE database = currentDatabase() AND table = 'flows' AND active ORDER BY partition DESC`,
      );
      return rows.map(({ partition, path, until }) => ({
        partition,
        inode: statSync(join(path, 'bytes.bin')).ino,
        days: Math.round((Number(until) * 1000 - today) / DAY_MS),
      }));
    };
    expect([await days('flows'), await days('traffic_1h'), await days('traffic_1m')]).toEqual([ages, ages, ages]);
    const before = await parts();
    expect(before.map(({ days: left }) => left)).toEqual([30, 25, 10, 2]);

    // Longer: everything stays where it is, for longer.
    await migrate(storage, { ...CONFIG, retention: ['flows=60', 'events=9'] });
    const longer = await parts();
    expect(longer.map(({ days: left }) => left)).toEqual([60, 55, 40, 32]);
    expect(longer.map(({ inode }) => inode)).toEqual(before.map(({ inode }) => inode));

    // Shorter: whole days are gone at once, of the tables that were named.
    const shorter = { ...CONFIG, retention: ['flows=10', 'traffic_1m=25'] };
    await migrate(storage, shorter);
    expect([await days('flows'), await days('traffic_1h'), await days('traffic_1m')]).toEqual([
      [0, 5],
      ages,
      [0, 5, 20],
    ]);
    expect((await parts()).map(({ inode, days: left }) => [inode, left])).toEqual([
      [before[0]!.inode, 10],
      [before[1]!.inode, 5],
    ]);
    expect(await count(storage, 'flows')).toBe(2);

    const state = () =>
      storage.select(
        `SELECT t.name AS name, create_table_query, (SELECT count() FROM system.mutations WHERE database = currentDatabase()) AS mutations
         FROM system.tables AS t WHERE database = currentDatabase() ORDER BY name`,
      );
    const settled = await state();
    await migrate(storage, shorter);
    expect(await state()).toEqual(settled);
    // Late records of an expired day are stored like any other, and expire with it.
    await insertFlows(storage, flowsArrow('late', [{ receivedAt: today - 20 * DAY_MS }]), 'late');
    await migrate(storage, shorter);
    expect(await days('flows')).toEqual([0, 5]);
  });

  test('lets alerts that never fired expire within two days, in an existing database too', async () => {
    const storage = await fresh();
    await storage.command('ALTER TABLE alerts MODIFY TTL toDateTime(evaluatedAt) + toIntervalDay(400)');
    const alert = (state: AlertRow['state'], age: number): AlertRow => ({
      ...{
        fingerprint: `${state} ${age}`,
        rule: 'r',
        definition: '',
        requires: 'read',
        addresses: [],
        severity: 'warning',
      },
      ...{ state, ending: '', notifiedState: '', heldMs: 0, value: 1, labels: {}, annotations: {} },
      ...{ sinceMs: 1, firedAtMs: 0, endedAtMs: 0, unknownSinceMs: 0, notifiedAtMs: 0 },
      evaluatedAtMs: Date.now() - age * DAY_MS,
    });
    const states = ['pending', 'firing', 'resolved', 'inactive'] as const;
    await insertAlerts(
      storage,
      states.flatMap(state => [0, 1.5, 3].map(age => alert(state, age))),
    );
    await migrate(storage, CONFIG);
    const unfinished = 'SELECT count() AS n FROM system.mutations WHERE database = currentDatabase() AND NOT is_done';
    await expect.poll(() => storage.select(unfinished), { timeout: 20_000 }).toEqual([{ n: '0' }]);
    await storage.command('OPTIMIZE TABLE alerts FINAL');
    const left = await storage.select<{ fingerprint: string }>('SELECT fingerprint FROM alerts ORDER BY fingerprint');
    expect(left.map(({ fingerprint }) => fingerprint)).toEqual([
      ...['firing 0', 'firing 1.5', 'firing 3', 'inactive 0', 'inactive 1.5', 'pending 0'],
      ...['resolved 0', 'resolved 1.5', 'resolved 3'],
    ]);
    const mutations =
      "SELECT count() AS n FROM system.mutations WHERE database = currentDatabase() AND table = 'alerts'";
    const before = await storage.select(mutations);
    await migrate(storage, CONFIG);
    expect(await storage.select(mutations)).toEqual(before);
  });

  test('keeps everything under the longest retention there may be, and a reader leaves retention alone', async () => {
    const storage = await fresh();
    await insertFlows(storage, flowsArrow('kept', [{ receivedAt: Date.now() }]), 'kept');
    const longest = { ...CONFIG, retentionDays: 3650, rollupRetentionDays: DAYS_MAX };
    for (let starts = 0; starts < 2; starts++) await migrate(storage, longest);
    await storage.command('OPTIMIZE TABLE traffic_1h FINAL');
    expect(await storage.select('SELECT sum(records) AS n FROM traffic_1h')).toEqual([{ n: '1' }]);
    const age = () =>
      storage.select(
        "SELECT extract(create_table_query, 'TTL .*') AS ttl FROM system.tables WHERE database = currentDatabase() AND name = 'flows'",
      );
    const before = await age();
    await migrate(storage, CONFIG, { keepsAges: true });
    expect(await age()).toEqual(before);
  });

  test('has an age for each table that the configuration may name, and for no other', () => {
    // Candidates for the roll-up leader and what waits matter for seconds, and no configuration keeps them.
    expect(TABLES.filter(({ expiry }) => expiry).map(({ name }) => name)).toEqual([
      ...RETAINED_TABLES,
      'passers',
      'progress',
    ]);
    const [flows] = TABLES;
    expect(retainedDays(flows!, CONFIG)).toBe(30);
    expect(retainedDays(flows!, { ...CONFIG, retention: ['events=3', 'flows=4'] })).toBe(4);
  });

  test('adds the table of facts to a database that was made before it', async () => {
    const storage = await fresh();
    await storage.command('DROP TABLE facts');
    await storage.command('ALTER TABLE migrations DELETE WHERE id = 2 SETTINGS mutations_sync = 1');
    await migrate(storage, CONFIG);
    expect(await count(storage, 'facts')).toBe(0);
  });

  test('adds a column the schema has and the table lacks; a wrong type is refused by name', async () => {
    const storage = await fresh();
    await storage.command('ALTER TABLE flows DROP COLUMN tcpFlags');
    await migrate(storage, CONFIG);
    await insertFlows(storage, flowsArrow('c', [{ receivedAt: Date.now(), tcpFlags: 18 }]), 'c');
    expect(await storage.select('SELECT tcpFlags FROM flows')).toEqual([{ tcpFlags: 18 }]);
    await storage.command('ALTER TABLE flows MODIFY COLUMN tcpFlags UInt32');
    await expect(migrate(storage, CONFIG)).rejects.toThrow(
      /^SCHEMA_MISMATCH: flows.tcpFlags is UInt32, expected UInt8/,
    );
  });

  test('refuses a server that is too old, and says when there is none', async () => {
    expect(() => checkVersion('24.12.1.1')).toThrow(/^STORAGE_TOO_OLD: the ClickHouse server is 24.12.1.1/);
    expect(() => checkVersion('25.8.0.1')).not.toThrow();
    expect(() => checkVersion('26.1')).not.toThrow();
    const nowhere = createStorage({ ...house.address, url: 'http://127.0.0.1:1', database: 'x', queryTimeoutMs: 1000 });
    await expect(migrate(nowhere, CONFIG)).rejects.toThrow(/^STORAGE_UNREACHABLE/);
    await nowhere.close();
  });
});

const ROLLUPS = TABLES.filter(({ columns }) => columns.some(({ name }) => name === 'largestBytes'));

/** The columns that each earlier version lacked. */
const LACKED = { sampled: /largest\w+|(?:src|dst)Place/, places: /(?:src|dst)Place/ };

/** Roll-ups and views as they were before they kept what one sampled packet stands for, or places. */
async function makeOlder(storage: Storage, lacked = LACKED.sampled): Promise<void> {
  for (const { name } of VIEWS) await storage.command(`DROP VIEW ${name} SYNC`);
  await storage.command('ALTER TABLE flows DROP COLUMN srcPlace, DROP COLUMN dstPlace');
  for (const table of ROLLUPS) {
    const order = table.order.replaceAll(new RegExp(`, (?:${lacked.source})`, 'g'), '');
    const { primaryKey, ...older } = { ...table, order, columns: olderColumns(table, lacked) };
    await storage.command(`DROP TABLE ${table.name} SYNC`);
    await storage.command(createTableSql(order === primaryKey ? older : { ...older, primaryKey: primaryKey! }, CONFIG));
  }
  for (const { name, source, to, sql } of VIEWS) {
    const columns = olderColumns(ROLLUPS.find(table => table.name === to)!, lacked).map(column => column.name);
    const keys = columns.filter(column => !SUMMED.includes(column)).join(', ');
    const narrow = sql('')
      .replaceAll(new RegExp(`(, f\\.(${lacked.source}) AS \\2|, (?:${lacked.source}))(?=, |\\n|$)`, 'g'), '')
      .replaceAll('largest', lacked === LACKED.sampled ? 'most' : 'largest');
    expect(narrow).toContain(source);
    const select = narrow === sql('') ? narrow : `SELECT ${keys}, ${SUMMED.join(', ')} FROM (${narrow})`;
    await storage.command(`CREATE MATERIALIZED VIEW ${name} TO ${to} AS ${select}`);
  }
}

const SUMMED = ['bytes', 'packets', 'varBytes', 'samples', 'records'];
const olderColumns = ({ columns }: (typeof TABLES)[number], lacked: RegExp) =>
  columns.filter(({ name }) => !lacked.test(name));

/** Tables and views as the server describes them, whatever the order of their columns and the name of the database. */
async function layoutOf(storage: ClickHouse): Promise<unknown[]> {
  const rows = await storage.select<{ name: string; sql: string }>(
    `SELECT name, sorting_key, primary_key, replaceAll(as_select, currentDatabase(), '') AS sql,
       arraySort((SELECT groupArray((c.table, c.name, c.type)) FROM system.columns AS c WHERE database = currentDatabase())) AS columns
     FROM system.tables AS t WHERE database = currentDatabase() ORDER BY name`,
  );
  expect(rows.length).toBeGreaterThan(20);
  return rows;
}

describe('roll-ups of a version that lacked columns', () => {
  // Two packets of 1 in 100 in one record, and one of 1 in 3 that counts half.
  const rows: FlowRow[] = [
    { receivedAt: Date.now(), samplingRate: 100, packets: 2, bytes: 1000, estBytes: 100_000, varBytes: 1e9 },
    { receivedAt: Date.now(), samplingRate: 3, packets: 1, bytes: 4000, estBytes: 12_000, varBytes: 1e8, weight: 0.5 },
  ];
  /** Of rows that were there; 1.5 and 1.5 x 9,216; 100 and 150,000: rounded up to four binary digits. */
  const KEPT = [
    { largestPackets: '0', largestBytes: '0', n: '2' },
    { largestPackets: '2', largestBytes: '14336', n: '1' },
    { largestPackets: '104', largestBytes: '163840', n: '1' },
  ];
  const KEPT_BEFORE = [
    { largestPackets: '2', largestBytes: '14336', n: '2' },
    { largestPackets: '104', largestBytes: '163840', n: '2' },
  ];
  const store = (storage: Storage, token: string) => insertFlows(storage, flowsArrow(token, rows), token);
  const recordsOf = (storage: Storage) =>
    Promise.all(
      ['traffic_1m', 'traffic_5m', 'traffic_1h'].map(
        async table => (await storage.select<{ n: string }>(`SELECT sum(records) AS n FROM ${table}`))[0]!.n,
      ),
    );

  test.each([
    ['what one sampled packet stands for', LACKED.sampled, KEPT],
    ['places', LACKED.places, KEPT_BEFORE],
  ])('(%s) are then as in a new database, and batches from before still count once', async (_, lacked, expected) => {
    const storage = await fresh();
    const other = await fresh();
    await makeOlder(storage, lacked);
    expect(await layoutOf(storage)).not.toEqual(await layoutOf(other));
    await store(storage, 'before');
    await Promise.all([migrate(storage, CONFIG), migrate(house.connect(storage.database), CONFIG)]);
    expect(await layoutOf(storage)).toEqual(await layoutOf(other));
    await store(storage, 'before');
    expect(await recordsOf(storage)).toEqual(['2', '2', '2']);
    await store(storage, 'after');
    await store(storage, 'after');
    for (const table of ['traffic_1m', 'traffic_5m', 'traffic_1h']) {
      await storage.command(`OPTIMIZE TABLE ${table} FINAL`);
      const kept = await storage.select(
        `SELECT largestPackets, largestBytes, sum(records) AS n FROM ${table} GROUP BY ALL ORDER BY largestBytes`,
      );
      expect(kept, table).toEqual(expected);
    }
  });

  test('are completed after a migration that crashed with inserts refused and a view detached', async () => {
    const storage = await fresh();
    await makeOlder(storage);
    await store(storage, 'before');
    const crashing = withCommand(storage, async (sql, params) => {
      if (sql.startsWith('ATTACH')) throw new Error('crash');
      await storage.command(sql, params);
    });
    await alignColumns(storage, HERE, storage.database);
    await expect(renewViews(crashing, HERE)).rejects.toThrow('crash');
    await expect(store(storage, 'between')).rejects.toMatchObject({ failure: 'transient' });
    await renewViews(storage, HERE, 200);
    for (const token of ['before', 'between']) await store(storage, token);
    expect(await recordsOf(storage)).toEqual(['4', '4', '4']);
    expect(await layoutOf(storage)).toEqual(await layoutOf(await fresh()));
  });

  test('are completed after one that crashed between its two constraints, with inserts into both tables refused', async () => {
    const storage = await fresh();
    await makeOlder(storage);
    const crashing = withCommand(storage, async (sql, params) => {
      if (sql.startsWith('ALTER TABLE pairs_5m')) throw new Error('crash');
      await storage.command(sql, params);
    });
    await alignColumns(storage, HERE, storage.database);
    await expect(renewViews(crashing, HERE)).rejects.toThrow('crash');
    const pair = (day: number) => storage.command('INSERT INTO pairs_5m (day) SELECT {day:UInt32}', { day });
    const outcomes: string[] = [];
    const watched = withCommand(storage, async (sql, params) => {
      await storage.command(sql, params);
      if (!sql.startsWith('DETACH')) return;
      outcomes.push(
        await pair(20260101).then(
          () => 'inserted while a view was detached',
          error => (error as Error).message,
        ),
      );
    });
    await renewViews(watched, HERE, 200);
    expect(outcomes).toHaveLength(VIEWS.length);
    for (const outcome of outcomes) expect(outcome).toMatch(/VIOLATED_CONSTRAINT|is violated/i);
    await pair(20260102);
    expect(await count(storage, 'pairs_1h')).toBe(await count(storage, 'pairs_5m'));
    expect(await layoutOf(storage)).toEqual(await layoutOf(await fresh()));
  });

  test('are changed by one process alone while it waits for an insert that runs for longer than the others wait', async () => {
    const storage = await fresh();
    await makeOlder(storage);
    await alignColumns(storage, HERE, storage.database);
    const inserting = house
      .connect(storage.database)
      .command(
        'INSERT INTO flows (bytes) SELECT number FROM numbers(60) WHERE sleepEachRow(0.1) SETTINGS max_block_size = 1',
      );
    await expect
      .poll(() => storage.select("SELECT 1 FROM system.processes WHERE startsWith(query, 'INSERT INTO flows (bytes)')"))
      .toHaveLength(1);
    const sent: string[][] = [[], []];
    const [first, second] = sent.map(list =>
      withCommand(house.connect(storage.database), async (sql, params) => {
        list.push(sql);
        await storage.command(sql, params);
      }),
    );
    const renewing = renewViews(first!, HERE, 60_000);
    await expect.poll(() => sent[0]!.length).toBeGreaterThan(0);
    await Promise.all([inserting, renewing, renewViews(second!, HERE, 3000)]);
    const changes = sent.map(list => list.filter(sql => /MODIFY|DETACH|ATTACH/.test(sql)).length);
    expect(changes).toEqual([3 * VIEWS.length, 0]);
    expect(await layoutOf(storage)).toEqual(await layoutOf(await fresh()));
  }, 30_000);

  const RUN = 'aaaaaaaaaaaaaaaa';
  /** As a run of the older version leaves it that was killed between the partitions of its swap, some time ago. */
  async function leaveSwap(storage: ClickHouse, day: number, heartbeatAgeS: number): Promise<void> {
    await storage.command(`CREATE TABLE reenriching (run String) ENGINE = Memory COMMENT '${RUN}'`);
    for (const table of SWAPPED) {
      await storage.command(`CREATE TABLE ${stagedName(RUN, table)} AS ${table}`);
      const changed = table === 'flows' ? 'revision + 1 AS revision' : 'records + 100 AS records';
      await storage.command(`INSERT INTO ${stagedName(RUN, table)} SELECT * REPLACE (${changed}) FROM ${table}`);
    }
    await fillEmpty(storage, RUN, day);
    await addFence(storage, { run: RUN, day }, ['flows', 'pairs_5m', 'unelected_5m']);
    await recordState(storage, { run: RUN, day, revision: 1, knowledge: '' }, 'swapping');
    await storage.command(`ALTER TABLE flows REPLACE PARTITION ${day} FROM ${stagedName(RUN, 'flows')}`);
    await storage.command(
      "INSERT INTO reenrichments (run, state, at) SELECT {run:String}, 'alive', now64(6) - toIntervalSecond({age:UInt32})",
      { run: RUN, age: heartbeatAgeS },
    );
  }

  test('are changed after a swap of that version has been completed, and its day is open again', async () => {
    const storage = await fresh();
    await makeOlder(storage);
    await store(storage, 'before');
    const day = dayOf(Number(rows[0]!.receivedAt));
    await leaveSwap(storage, day, 3600);
    await Promise.all([migrate(storage, CONFIG), migrate(house.connect(storage.database), CONFIG)]);
    expect([await recoverFences(storage), await fencesInPlace(storage)]).toEqual([0, []]);
    expect(await leaseHolder(storage)).toBeUndefined();
    expect((await recentStates(storage, 10)).map(({ run, state }) => [run, state])).toEqual([[RUN, 'done']]);
    const stored = 'SELECT revision, count() AS n FROM flows GROUP BY revision';
    expect(await storage.select(stored)).toEqual([{ revision: 1, n: '2' }]);
    const [minutes] = await recordsOf(storage);
    expect(Number(minutes)).toBeGreaterThan(100);
    await store(storage, 'after');
    expect(Number((await recordsOf(storage))[0])).toBe(Number(minutes) + 2);
    expect(await layoutOf(storage)).toEqual(await layoutOf(await fresh()));
  });

  test('are left as they are while a run of that version sends heartbeats, with the remedy', async () => {
    const storage = await fresh();
    await makeOlder(storage);
    await store(storage, 'before');
    const before = await layoutOf(storage);
    await recordHeartbeat(storage, RUN);
    await storage.command(`CREATE TABLE reenriching (run String) ENGINE = Memory COMMENT '${RUN}'`);
    await expect(alignUnderLease(storage, storage.database, 300)).rejects.toThrow(
      /^STORAGE_BUSY: run aaaaaaaaaaaaaaaa .* wait until .* has ended, or stop the processes of the older version/,
    );
    expect(await leaseHolder(storage)).toBe(RUN);
    await storage.command('DROP TABLE reenriching SYNC');
    expect(await layoutOf(storage)).toEqual(before);
    await alignUnderLease(storage, storage.database, 300);
    expect(await leaseHolder(storage)).toBeUndefined();
    // A database that lacks nothing waits for no run.
    await storage.command(`CREATE TABLE reenriching (run String) ENGINE = Memory COMMENT '${RUN}'`);
    await alignUnderLease(storage, storage.database, 0);
  });

  test('are changed on every server of a cluster by the statements of one server, sent to all', async () => {
    const storage = await fresh();
    await makeOlder(storage);
    const sent: string[] = [];
    const place = localPlacement({
      clickhouseForm: 'cluster',
      clickhouseCluster: 'traffic',
      clickhouseShards: [],
      clickhouseDatabase: 'hairpin',
    });
    const recording = withCommand(storage, async (sql, params) => {
      sent.push(sql);
      await storage.command(sql.replaceAll(' ON CLUSTER traffic', '').replaceAll('hairpin_local.', ''), params);
    });
    await alignColumns(recording, place, storage.database);
    await renewViews(recording, place);
    expect(await layoutOf(storage)).toEqual(await layoutOf(await fresh()));
    for (const sql of sent)
      expect(sql).toMatch(/^(ALTER|DETACH|ATTACH) TABLE (IF NOT EXISTS )?hairpin_local\.\w+ ON CLUSTER traffic/);
    const [parsed] = await storage.select<{ n: string }>(
      "SELECT countIf(text LIKE '%ON CLUSTER traffic%') AS n FROM (SELECT formatQuery(arrayJoin({sent:Array(String)})) AS text)",
      { sent },
    );
    expect(Number(parsed!.n)).toBe(sent.length);
  });

  test('are changed on each shard, and the tables in front show them', async () => {
    const shards = await startTestShards(2);
    try {
      const config = { ...CONFIG, ...shards.form('older') };
      const storage = shards.connect('older');
      await migrate(storage, config);
      for (const shard of shardsOf(storage)) await makeOlder(shard);
      const [home] = shardsOf(storage);
      for (const { name } of ROLLUPS)
        await home.command(`ALTER TABLE older.${name} DROP COLUMN largestBytes, DROP COLUMN largestPackets`);
      await migrate(storage, config);
      const expected = await layoutOf(await fresh());
      for (const shard of shardsOf(storage)) expect(await layoutOf(shard as ClickHouse)).toEqual(expected);
      for (let i = 0; i < 4; i++) await store(storage, `batch ${i}`);
      expect(await storage.select('SELECT max(largestBytes) AS most, sum(records) AS n FROM traffic_1h')).toEqual([
        { most: '163840', n: '8' },
      ]);
    } finally {
      await shards.close();
    }
  }, 60_000);
});
