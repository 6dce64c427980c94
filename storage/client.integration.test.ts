import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flowsArrow, startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { type ClickHouse, createStorage } from './client.ts';
import { migrate } from './migrations/migrate.ts';
import { insertFlows } from './tables/flows.ts';

const CONFIG = { retentionDays: 30, rollupRetentionDays: 800, durable: false };

let house: TestServer;
let databases = 0;
beforeAll(async () => {
  house = await startTestServer();
});
afterAll(() => house.close());

async function fresh(): Promise<ClickHouse> {
  const storage = house.connect(`client${databases++}`);
  await migrate(storage, CONFIG);
  return storage;
}

describe('the client', () => {
  test('keeps 64-bit integers and takes parameters longer than a URL', async () => {
    const storage = await fresh();
    expect(await storage.select('SELECT {n:UInt64} AS n', { n: 2n ** 64n - 1n })).toEqual([
      { n: '18446744073709551615' },
    ]);
    const keys = Array.from({ length: 100_000 }, (_, i) => 2n ** 60n + BigInt(i));
    expect(await storage.select('SELECT length({keys:Array(UInt64)}) AS n', { keys })).toEqual([{ n: '100000' }]);
  });

  test('ends a query that takes too long', async () => {
    const hasty = createStorage({ ...house.address, database: 'system', queryTimeoutMs: 1000 });
    await expect(hasty.select('SELECT max(sipHash64(number)) FROM numbers(100000000000)')).rejects.toMatchObject({
      failure: 'transient',
      clickhouseCode: 159,
    });
    await hasty.close();
  });

  test('the reading user reads every table and nothing else', async () => {
    const owner = await fresh();
    const { url, readUser, readPassword } = house.address;
    const reader = createStorage({
      url,
      user: readUser,
      password: readPassword,
      database: owner.database,
      queryTimeoutMs: 5000,
    });
    expect(await reader.select('SELECT count() AS n FROM flows')).toEqual([{ n: '0' }]);
    await expect(reader.command('DROP TABLE flows')).rejects.toMatchObject({ clickhouseCode: 497 });
    await expect(insertFlows(reader, flowsArrow('r', [{}]), 'r')).rejects.toMatchObject({
      clickhouseCode: 497,
    });
    await expect(reader.select("SELECT * FROM file('/etc/passwd', LineAsString)")).rejects.toMatchObject({
      clickhouseCode: 497,
    });
    await reader.close();
  });

  test('queries end at their limits, for the reading user and for one that may write', async () => {
    const { url, user, password, readUser, readPassword } = house.address;
    // 164: READONLY; 497: ACCESS_DENIED.
    for (const [who, refusal] of [
      [{ user, password }, 164],
      [{ user: readUser, password: readPassword }, 497],
    ] as const) {
      const limits = { rowsMax: 1000, memoryBytesMax: 64 * 1024 ** 2 };
      const reader = createStorage({ url, ...who, database: 'system', queryTimeoutMs: 5000, limits });
      expect(await reader.select('SELECT toUInt8(max(number) = 999) AS n FROM numbers(1000)')).toEqual([{ n: 1 }]);
      await expect(reader.select('SELECT max(number) FROM numbers(1001)')).rejects.toMatchObject({
        clickhouseCode: 158,
      });
      const large = "SELECT length(groupArray(repeat('x', 1000000))) AS n FROM numbers(1000)";
      await expect(reader.select(large)).rejects.toMatchObject({ clickhouseCode: 241 });
      await expect(reader.select('CREATE DATABASE by_a_question')).rejects.toMatchObject({
        clickhouseCode: refusal,
      });
      await reader.close();
    }
  });
});
