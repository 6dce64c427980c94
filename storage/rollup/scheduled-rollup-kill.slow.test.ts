// Scheduled roll-ups by two processes at once, each killed again and again at moments drawn from a seed, while batches
// arrive. Whatever was half done, the roll-ups equal the records in the end, to the byte and each record once.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COUNT_REASON } from '../../schemas/codes.ts';
import { createLog } from '../../service/log.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import type { ClickHouse } from '../client.ts';
import { migrate } from '../migrations/migrate.ts';
import { minutesHalfDone } from '../tables/passes.ts';
import { LEADER_S, RollupLeader } from './rollup-leader.ts';
import { ScheduledRollup } from './scheduled-rollup.ts';

const CONFIG = { retentionDays: 30, rollupRetentionDays: 800, durable: false };
const SEED = Number(process.env['HAIRPIN_TEST_SEED'] ?? 20_260_131);
const ROUNDS = 12;
/** After the start of a roll-up: from its first statement to several minutes further on. */
const LIFE_MS_MAX = 1500;
/** Minutes of `storedAt` in the past, so that each roll-up has plenty to do. */
const MINUTES = 100;
const RECORDS_A_MINUTE = 3000;
const SUMS_SQL = 'sum(bytes) AS bytes, sum(packets) AS packets, sum(records) AS records';

let house: TestServer;
beforeAll(async () => {
  house = await startTestServer();
});
afterAll(() => house.close());

/** Of the mulberry32 family; one seed, one course of events. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ROLLUP_PROGRAM = `
  import { createStorage } from ${JSON.stringify(new URL('../client.ts', import.meta.url).href)};
  import { ScheduledRollup } from ${JSON.stringify(new URL('./scheduled-rollup.ts', import.meta.url).href)};
  import { createLog } from ${JSON.stringify(new URL('../../service/log.ts', import.meta.url).href)};
  const storage = createStorage(JSON.parse(process.argv[1]));
  const rollup = new ScheduledRollup({ storage, log: createLog('rollup', 'error') });
  process.stdout.write('begins');
  for (;;) await rollup.run(Date.now()).catch(() => {});
`;

function startRollup(storage: ClickHouse): ChildProcess {
  const { url, user, password } = house.address;
  const address = JSON.stringify({ url, user, password, database: storage.database, queryTimeoutMs: 20_000 });
  return spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', ROLLUP_PROGRAM, address],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
}

async function minutesDone(storage: ClickHouse): Promise<number> {
  const [row] = await storage.select<{ n: string }>("SELECT uniqExact(minute) AS n FROM passes WHERE state = 'done'");
  return Number(row!.n);
}

/** One minute of records, elected and unelected, stored `ago` minutes ago. */
const insertMinute = (storage: ClickHouse, ago: number) =>
  storage.command(
    `INSERT INTO flows (receivedAt, flowStart, flowEnd, weight, countReason, bytes, estBytes, estPackets, packets, srcVm, dstVm, srcAddr, dstAddr, etherType, inIf, storedAt)
     SELECT now64(3) - toIntervalMinute({ago:UInt32}) AS received, received - toIntervalSecond(number % 900), received, number % 2,
       if(number % 2 = 1, ${COUNT_REASON.elected}, ${COUNT_REASON.unelected}), {ago:UInt32} * ${RECORDS_A_MINUTE} + number AS volume,
       volume, 7, 7, number % 300, number % 171, toIPv6('::1'), toIPv6('::2'), 2048, number % 4,
       toStartOfMinute(now()) - toIntervalMinute({ago:UInt32}) + toIntervalSecond(number % 60)
     FROM numbers(${RECORDS_A_MINUTE})`,
    { ago },
  );

test('two at once, killed at random moments and started again, leave the roll-ups exact', async () => {
  const storage = house.connect('killed_rollups');
  await migrate(storage, CONFIG);
  const random = randomOf(SEED);
  for (let ago = MINUTES + 3; ago > 3; ago--) await insertMinute(storage, ago);
  let halves = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const processes = [startRollup(storage), startRollup(storage)];
    await Promise.all(
      processes.map(async child => {
        const lifeMs = random() ** 3 * LIFE_MS_MAX;
        await once(child.stdout!, 'data');
        await sleep(lifeMs);
        child.kill('SIGKILL');
        await once(child, 'exit');
      }),
    );
    halves += (await minutesHalfDone(storage)).length;
  }
  const left = Math.max(0, MINUTES - (await minutesDone(storage)));
  await new ScheduledRollup({ storage, log: createLog('test', 'error') }).run(Date.now());

  const of = async (where: string) =>
    (
      await storage.select(
        `SELECT sum(estBytes) AS bytes, sum(estPackets) AS packets, count() AS records FROM flows WHERE ${where}`,
      )
    )[0];
  const sums = async (table: string) => (await storage.select(`SELECT ${SUMS_SQL} FROM ${table}`))[0];
  const elected = await of('weight > 0');
  expect(elected).toMatchObject({ records: String((MINUTES * RECORDS_A_MINUTE) / 2) });
  for (const table of ['traffic_1m', 'pairs_5m', 'pairs_1h'])
    expect(await sums(table), `${table}, seed ${SEED}`).toEqual(elected);
  expect(await sums('unelected_5m'), `seed ${SEED}`).toEqual(await of(`countReason = ${COUNT_REASON.unelected}`));
  console.info(`${2 * ROUNDS} kills, ${halves} minutes left half done by both, ${left} left to the last roll-up`);
  expect(halves, 'kills that hit the middle of a minute').toBeGreaterThan(0);
}, 180_000);

test('of several candidates one is the leader; another takes over when it resigns or its heartbeats stop', async () => {
  const storage = house.connect('leaders');
  await migrate(storage, CONFIG);
  const worked: string[] = [];
  const [a, b, c] = ['a', 'b', 'c'].map(name => {
    const leader = new RollupLeader(storage, name);
    return { resign: () => leader.resign(), tries: () => leader.ifLeader(async () => void worked.push(name)) };
  });
  expect(await a!.tries()).toBe(true);
  expect(await b!.tries()).toBe(false);
  expect(await c!.tries()).toBe(false);
  expect(await a!.tries()).toBe(true);
  await a!.resign();
  expect(await c!.tries()).toBe(false);
  expect(await b!.tries()).toBe(true);
  // Its last heartbeat is older than the others wait.
  await storage.command(
    `INSERT INTO passers (candidate, since, lives, at) SELECT 'b', since, 1, now64(6) - ${LEADER_S + 1} FROM passers WHERE candidate = 'b' LIMIT 1`,
  );
  await storage.command(
    "ALTER TABLE passers DELETE WHERE candidate = 'b' AND at > now64(6) - 20 SETTINGS mutations_sync = 1",
  );
  expect(await c!.tries()).toBe(true);
  // Back again, it is the older one.
  expect(await b!.tries()).toBe(true);
  expect(await c!.tries()).toBe(false);
  expect(worked).toEqual(['a', 'a', 'b', 'c', 'b']);
});

test('a leader whose roll-up fails is followed by the next one, and leads again when that fails', async () => {
  const storage = house.connect('failing_leaders');
  await migrate(storage, CONFIG);
  const failing = new Set<string>();
  const [a, b] = ['a', 'b'].map(name => {
    const leader = new RollupLeader(storage, name);
    return () =>
      leader.ifLeader(async () => {
        if (failing.has(name)) throw new Error(`${name} cannot`);
      });
  });
  expect([await a!(), await b!()]).toEqual([true, false]);
  failing.add('a');
  await expect(a!()).rejects.toThrow('a cannot');
  expect([await a!(), await b!()]).toEqual([false, true]);
  failing.delete('a');
  failing.add('b');
  await expect(b!()).rejects.toThrow('b cannot');
  expect([await b!(), await a!()]).toEqual([false, true]);
});
