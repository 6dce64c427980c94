import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DAYS_MAX, RETAINED_TABLES } from '../../schemas/retention.ts';
import { flowsArrow, startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { type ClickHouse, createStorage } from '../client.ts';
import { DAY_MS } from '../days.ts';
import { TABLES } from '../tables/all.ts';
import { insertFlows } from '../tables/flows.ts';
import { retainedDays } from '../tables/table.ts';
import { checkVersion, migrate } from './migrate.ts';

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
const sums = (storage: ClickHouse, table: string) =>
  storage.select<Record<string, string>>(
    `SELECT sum(bytes) AS bytes, sum(packets) AS packets, sum(samples) AS samples, sum(records) AS records FROM ${table}`,
  );

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
    ]);
    expect(before.length).toBeGreaterThan(14);
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
    // Candidates for the roll-up leader matter for seconds, and no configuration keeps them.
    expect(TABLES.filter(({ expiry }) => expiry).map(({ name }) => name)).toEqual([...RETAINED_TABLES, 'passers']);
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

  test('refuses a view of an earlier version, and creates it again when it is dropped', async () => {
    const storage = await fresh();
    await storage.command('DROP VIEW traffic_1m_view');
    await storage.command('CREATE MATERIALIZED VIEW traffic_1m_view TO traffic_1m AS SELECT 1 AS records FROM flows');
    const { database } = storage;
    await expect(migrate(storage, CONFIG)).rejects.toThrow(
      `SCHEMA_MISMATCH: ${database}.traffic_1m_view is of an earlier version; stop the collectors, let spools and Kafka run empty, stop everything else, drop it with DROP VIEW ${database}.traffic_1m_view on each server, and start again`,
    );
    await storage.command(`DROP VIEW ${database}.traffic_1m_view`);
    await migrate(storage, CONFIG);
    await insertFlows(storage, flowsArrow('v', [{ receivedAt: Date.now() }]), 'v');
    expect(await sums(storage, 'traffic_1h')).toMatchObject([{ records: '1' }]);
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
