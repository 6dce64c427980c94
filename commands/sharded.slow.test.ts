// The whole program in front of two ClickHouse servers that have a part of the rows each: every flow has a number of its own,
// none is stored twice and none is missing, and /readyz names the server that is away.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { runLoad } from '../benchmarks/load/load.ts';
import { parseLoadOptions } from '../benchmarks/load/options.ts';
import type { ClickHouse } from '../storage/client.ts';
import { shardsOf } from '../storage/storage.ts';
import { startTestShards, type TestShards } from '../testing/clickhouse.ts';
import { type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';

const DATABASE = 'sharded';
const WAIT_MS_MAX = 60_000;

let two: TestShards;
let storage: ClickHouse;
let hairpin: RunningHairpin;
beforeAll(async () => {
  two = await startTestShards(2);
  storage = two.connect(DATABASE);
  const { url, user, password } = two.addresses[0]!;
  hairpin = await startHairpin({
    args: [
      ...['--clickhouse', url, '--clickhouse-user', user, '--clickhouse-password', password],
      ...['--clickhouse-form', 'sharded', '--clickhouse-shards', two.addresses.map(address => address.url).join(',')],
      ...['--clickhouse-database', DATABASE, '--batch-age-ms-max', '200'],
    ],
  });
}, 120_000);
afterAll(async () => {
  await hairpin?.kill();
  await two?.close();
});

test('flows are stored once, on both, and the matrix reports all', async () => {
  const to = `127.0.0.1:${hairpin.udpPort}`;
  const { flows } = await runLoad(
    parseLoadOptions({ to, scenario: 'numbered', protocol: 'netflow9', rate: 2000, seconds: 5 }),
  );
  const numbers = async () =>
    (await storage.select('SELECT count() AS records, uniqExact(bytes) AS numbers FROM flows'))[0];
  await until(async () => (await hairpin.metric('enricher_rows_stored_total')) >= flows, WAIT_MS_MAX, 'all stored');
  expect(await numbers()).toEqual({ records: String(flows), numbers: String(flows) });
  for (const shard of shardsOf(storage))
    expect((await shard.select<{ n: number }>('SELECT count() > 0 AS n FROM flows'))[0]).toMatchObject({ n: 1 });
  const matrix = await hairpin.matrix('from=now-1h&by=app');
  expect(matrix.quality.accounting!.accepted).toBe(flows);
}, 120_000);

test('a re-enrichment is refused, because its swap holds within one server', async () => {
  const url = `${hairpin.api}/api/v1/reenrichments`;
  const body = JSON.stringify({ from: 'now-1h', to: 'now', dryRun: false });
  await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  const errorOfRun = async () => (await hairpin.get<{ error: string }>('/api/v1/reenrichments')).error;
  await until(async () => (await errorOfRun()) !== '', WAIT_MS_MAX, 'the refusal');
  expect(await errorOfRun()).toContain('REENRICHMENT_REFUSED');
}, 90_000);

test('/readyz names the server that is away', async () => {
  await two.servers[1]!.stop();
  const answer = async () =>
    (await fetch(`${hairpin.api}/readyz`)).json() as Promise<{
      ok: boolean;
      dependencies: { name: string; ok: boolean; detail: string }[];
    }>;
  await until(async () => !(await answer()).ok, WAIT_MS_MAX, 'its absence noticed');
  const missing = (await answer()).dependencies.filter(({ ok }) => !ok);
  expect(missing).toMatchObject([
    { name: 'clickhouse', detail: expect.stringContaining(new URL(two.addresses[1]!.url).port) },
  ]);
}, 90_000);
