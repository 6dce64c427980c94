import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COUNT_REASON, DIRECTION, PROTOCOL } from '../../schemas/codes.ts';
import { createLog } from '../../service/log.ts';
import { type FlowRow, flowsArrow, startTestServer, type TestServer, withCommand } from '../../testing/clickhouse.ts';
import type { ClickHouse } from '../client.ts';
import { migrate } from '../migrations/migrate.ts';
import { insertFlows } from '../tables/flows.ts';
import { ROLLED_UP_UNTIL_SQL } from '../tables/passes.ts';
import { ScheduledRollup } from './scheduled-rollup.ts';

const log = createLog('test', 'error');
const CONFIG = { retentionDays: 30, rollupRetentionDays: 800, durable: false };
/** Long enough ahead that everything stored now is ripe. */
const LATER_MS = 10 * 60_000;
const SUMS_SQL = 'sum(bytes) AS bytes, sum(packets) AS packets, sum(samples) AS samples, sum(records) AS records';

let house: TestServer;
let databases = 0;
beforeAll(async () => {
  house = await startTestServer();
});
afterAll(() => house.close());

async function fresh(): Promise<ClickHouse> {
  const storage = house.connect(`rollup${databases++}`);
  await migrate(storage, CONFIG);
  return storage;
}

const sums = async (storage: ClickHouse, table: string) =>
  (await storage.select(`SELECT ${SUMS_SQL} FROM ${table}`))[0];
const unelected: FlowRow = { weight: 0, countReason: COUNT_REASON.unelected };

/** Elected and unelected records of several VMs, points and lengths, received on three days. */
function mixedRows(): FlowRow[] {
  const now = Date.now();
  return Array.from({ length: 300 }, (_, i) => ({
    receivedAt: now - (i % 3) * 86_400_000,
    flowStart: now - (i % 3) * 86_400_000 - i * 4000,
    srcVm: BigInt(i % 7),
    dstVm: BigInt(i % 5),
    srcAddr: i % 11,
    dstAddr: i % 13,
    inIf: i % 4,
    estBytes: (1n << 55n) + BigInt(i),
    estPackets: 17 + i,
    samplingRate: i % 3,
    ...(i % 2 === 0 ? unelected : {}),
  }));
}

describe('the scheduled roll-up', () => {
  test('puts every elected and unelected record into its roll-up, to the byte, and hours follow', async () => {
    const storage = await fresh();
    await insertFlows(storage, flowsArrow('a', mixedRows()), 'a');
    expect(await new ScheduledRollup({ storage, log }).run(Date.now() + LATER_MS)).toBe(1);
    const of = async (where: string) =>
      (
        await storage.select(
          `SELECT sum(estBytes) AS bytes, sum(estPackets) AS packets, sumIf(f.packets, samplingRate > 1) AS samples, count() AS records FROM flows AS f WHERE ${where}`,
        )
      )[0];
    expect(await sums(storage, 'pairs_5m')).toEqual(await of('weight = 1'));
    expect(await sums(storage, 'pairs_1h')).toEqual(await of('weight = 1'));
    expect(await sums(storage, 'unelected_5m')).toEqual(await of('countReason = 0'));
    expect(await storage.select('SELECT uniqExact(day) AS days FROM pairs_5m')).toEqual([{ days: '3' }]);
  });

  test('leaves a minute alone until every insert that began in it has been cut off', async () => {
    const storage = await fresh();
    await insertFlows(storage, flowsArrow('a', mixedRows()), 'a');
    const rollup = new ScheduledRollup({ storage, log });
    expect(await rollup.run(Date.now())).toBe(0);
    expect(await sums(storage, 'pairs_5m')).toMatchObject({ records: '0' });
    const [{ stored, rolledUpUntil }] = (await storage.select<{ stored: number; rolledUpUntil: number }>(
      `SELECT (SELECT toUInt32(max(storedAt)) FROM flows) AS stored, (${ROLLED_UP_UNTIL_SQL}) AS rolledUpUntil`,
    )) as [{ stored: number; rolledUpUntil: number }];
    expect(rolledUpUntil).toBeLessThanOrEqual(stored);
  });

  test('waits for an insert whose client stalls', async () => {
    const storage = await fresh();
    const { url, user, password } = house.address;
    // The server begins once it has 256 KiB, the longest query it would accept.
    const arrow = flowsArrow('slow', Array.from({ length: 5 }, mixedRows).flat());
    const query = new URLSearchParams({
      database: storage.database,
      query: 'INSERT INTO flows FORMAT ArrowStream',
      async_insert: '0',
    });
    const slow = request(`${url}/?${query}`, { method: 'POST', auth: `${user}:${password}`, agent: false });
    slow.write(arrow.subarray(0, arrow.length - 1000));
    const inserting = "SELECT count() AS n FROM system.processes WHERE startsWith(query, 'INSERT INTO flows')";
    while ((await storage.select<{ n: string }>(inserting))[0]?.n !== '1') await sleep(5);
    const rollup = new ScheduledRollup({ storage, log });
    expect(await rollup.run(Date.now() + LATER_MS)).toBe(0);
    slow.end(arrow.subarray(arrow.length - 1000));
    const [response] = (await once(slow, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(200);
    expect(await rollup.run(Date.now() + LATER_MS)).toBe(1);
    expect(await sums(storage, 'pairs_5m')).toMatchObject({ records: '750' });
  });

  test('repeated, also by two processes at once, changes nothing', async () => {
    const storage = await fresh();
    await insertFlows(storage, flowsArrow('a', mixedRows()), 'a');
    const at = Date.now() + LATER_MS;
    await Promise.all([new ScheduledRollup({ storage, log }).run(at), new ScheduledRollup({ storage, log }).run(at)]);
    const before = [
      await sums(storage, 'pairs_5m'),
      await sums(storage, 'pairs_1h'),
      await sums(storage, 'unelected_5m'),
    ];
    expect(before[0]).toMatchObject({ records: '150' });
    await storage.command('TRUNCATE TABLE passes');
    expect(await new ScheduledRollup({ storage, log }).run(at)).toBe(1);
    expect([
      await sums(storage, 'pairs_5m'),
      await sums(storage, 'pairs_1h'),
      await sums(storage, 'unelected_5m'),
    ]).toEqual(before);
  });

  test('killed between its tables is completed by the next one, exactly', async () => {
    const storage = await fresh();
    await insertFlows(storage, flowsArrow('a', mixedRows()), 'a');
    const dying = withCommand(storage, (sql, params, token) =>
      token?.startsWith('unelected') ? Promise.reject(new Error('killed')) : storage.command(sql, params, token),
    );
    const at = Date.now() + LATER_MS;
    await expect(new ScheduledRollup({ storage: dying, log }).run(at)).rejects.toThrow('killed');
    expect(await storage.select('SELECT state FROM passes')).toEqual([{ state: 'started' }]);
    await new ScheduledRollup({ storage, log }).run(at);
    expect(await sums(storage, 'pairs_5m')).toMatchObject({ records: '150' });
    expect(await sums(storage, 'unelected_5m')).toMatchObject({ records: '150' });
    expect(
      await storage.select(
        "SELECT count() AS n FROM (SELECT minute FROM passes GROUP BY minute HAVING countIf(state = 'done') = 0)",
      ),
    ).toEqual([{ n: '0' }]);
  });

  test('catches up minute by minute and steps over empty stretches', async () => {
    const storage = await fresh();
    // Rows of other minutes of storedAt, as after a downtime.
    await storage.command(
      `INSERT INTO flows (receivedAt, flowStart, flowEnd, weight, countReason, estBytes, storedAt)
       SELECT now64(3), now64(3), now64(3), 1, ${COUNT_REASON.elected}, 100, now() - arrayJoin([86400, 86399, 43200, 7200, 3600])`,
    );
    const rollup = new ScheduledRollup({ storage, log });
    const minutes = await rollup.run(Date.now());
    expect([4, 5]).toContain(minutes);
    expect(await sums(storage, 'pairs_5m')).toMatchObject({ bytes: '500', records: '5' });
    expect((await storage.select('SELECT minute FROM passes')).length).toBeLessThanOrEqual(2 * minutes + 1);
    expect(await rollup.run(Date.now())).toBe(0);
  });
});

test('a clock of the server behind the last roll-up is reported, and no minute is rolled up twice', async () => {
  const storage = await fresh();
  const lines: string[] = [];
  const reporting = pino({ level: 'error' }, { write: line => lines.push(line) });
  await insertFlows(storage, flowsArrow('a', mixedRows()), 'a');
  const rollup = new ScheduledRollup({ storage, log: reporting });
  await rollup.run(Date.now() + LATER_MS);
  await rollup.run(Date.now() + LATER_MS - 50_000);
  expect(lines).toEqual([]);
  expect(await rollup.run(Date.now())).toBe(0);
  expect(lines).toEqual([expect.stringContaining('clock of ClickHouse is behind')]);
  expect(await sums(storage, 'pairs_5m')).toMatchObject({ records: '150' });
});

describe('points', () => {
  test('two exporters that saw one conversation are two points of one pair', async () => {
    const storage = await fresh();
    const seen: FlowRow = {
      ...unelected,
      receivedAt: Date.now(),
      srcAddr: 1,
      dstAddr: 2,
      protocol: PROTOCOL.ipfix,
      inIf: 1,
      outIf: 2,
    };
    const rows: FlowRow[] = [
      { ...seen, exporter: 100, estBytes: 1000 },
      { ...seen, exporter: 100, estBytes: 500 },
      { ...seen, exporter: 101, estBytes: 1490 },
      { ...seen, exporter: 101, direction: DIRECTION.egress, estBytes: 1480 },
      { ...seen, exporter: 101, direction: DIRECTION.egress, inIf: 9, estBytes: 10 },
    ];
    await insertFlows(storage, flowsArrow('a', rows), 'a');
    await new ScheduledRollup({ storage, log }).run(Date.now() + LATER_MS);
    const points = await storage.select<{ bytes: string }>(
      'SELECT sum(bytes) AS bytes FROM unelected_5m GROUP BY pair, point ORDER BY bytes',
    );
    expect(points.map(point => point.bytes)).toEqual(['1490', '1490', '1500']);
    expect(await storage.select('SELECT uniqExact(pair) AS pairs FROM unelected_5m')).toEqual([{ pairs: '1' }]);
  });

  test('frames that are neither IPv4 nor IPv6 are paired by MAC address', async () => {
    const storage = await fresh();
    const frame: FlowRow = { ...unelected, receivedAt: Date.now(), etherType: 0x0806, srcMac: 1, dstMac: 2 };
    const rows: FlowRow[] = [frame, { ...frame, srcAddr: 5 }, { ...frame, dstMac: 3 }];
    await insertFlows(storage, flowsArrow('a', rows), 'a');
    await new ScheduledRollup({ storage, log }).run(Date.now() + LATER_MS);
    expect(await storage.select('SELECT uniqExact(pair) AS pairs FROM unelected_5m')).toEqual([{ pairs: '2' }]);
  });
});
