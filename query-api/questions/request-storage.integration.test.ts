// What every question shares: statements end with their client, are refused before they run, and are explained.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClickHouse } from '../../storage/client.ts';
import type { Storage } from '../../storage/storage.ts';
import { recordMinute } from '../../storage/tables/passes.ts';
import { startTestServer, type TestServer, withCommand } from '../../testing/clickhouse.ts';
import { flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse, type QueryHouseContent } from '../../testing/query-house.ts';
import { insertReceivingOf } from '../../testing/receiving.ts';
import { until } from '../../testing/spawned.ts';
import { ReadLimit } from './read-limit.ts';
import type { StatementReport } from './request-storage.ts';

const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
const web = node('application', 'web');
const FLOWS = Array.from({ length: 12_000 }, (_, i) =>
  flow({ srcApp: web.key, dstApp: web.key, bytes: 10, flowEnd: NOW - 300_000 - i * 60_000 }),
);
const ROLES = ['matrix', 'read', 'records', 'inventory', 'admin'] as const;

const folder = mkdtempSync(join(tmpdir(), 'hairpin-statements-'));
let server: TestServer;
const houses: QueryHouse[] = [];
let databases = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  for (const { api } of houses) await api.stop();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function createHouse(more: Partial<QueryHouseContent> = {}): Promise<QueryHouse> {
  const content = { nowMs: NOW, flows: FLOWS, nodes: [web], ...more };
  const house = await createQueryHouse(server, `statements${databases++}`, content);
  houses.push(house);
  return house;
}

/** Seconds that a statement has run, by the clock of the server; -1 where it does not run. */
async function secondsOf(storage: Storage, marker: string): Promise<number> {
  const sql =
    'SELECT if(count() = 0, -1, max(elapsed)) AS seconds FROM system.processes WHERE position(query, {marker:String}) > 0 AND position(query, {own:String}) = 0';
  const [row] = await storage.select<{ seconds: number }>(sql, { marker, own: 'system.processes' });
  return row!.seconds;
}

/** A storage whose statements of groups run for minutes on the server. */
function slowed(storage: ClickHouse, marker: string): Storage {
  const endless = `(SELECT max(sipHash64(number, '${marker}')) FROM numbers(100000000000))`;
  return through(storage, sql =>
    sql.includes('GROUPING SETS') ? `SELECT m.* FROM (${sql}) AS m CROSS JOIN ${endless} AS e` : sql,
  );
}

function through(storage: ClickHouse, changed: (sql: string) => string): Storage {
  return {
    ...withCommand(storage, () => Promise.reject(new Error('not used'))),
    select: (sql, params, options) => storage.select(changed(sql), params, options),
  };
}

describe('a client that goes away', () => {
  test.each(['matrix?from=now-6h', 'top?by=app&from=now-6h'])(
    'ends the statement of %s, and nothing is logged',
    async question => {
      const lines: { level: number; msg: string }[] = [];
      const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
      const marker = `endless ${question}`;
      const house = await createHouse({
        log,
        config: { http: '127.0.0.1:0' },
        dependencies: { storage: slowed(server.connect(`statements${databases}`), marker) },
      });
      const { port } = new URL((await house.api.start()).url);
      const socket = connect(Number(port), '127.0.0.1');
      await once(socket, 'connect');
      socket.write(`GET /api/v1/${question} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await until(async () => (await secondsOf(house.storage, marker)) >= 0, 10_000);
      socket.destroy();
      // On an idle machine this takes 0.1 to 0.3 s. A statement that nobody ends runs until its limit of 20 s.
      await until(async () => (await secondsOf(house.storage, marker)) < 0, 5000);
      expect(lines.filter(({ level }) => level >= 40)).toEqual([]);
      expect(server.server.restarts()).toBe(0);
    },
    30_000,
  );

  test('does not end the embedded server, whenever it goes', async () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => 2n ** 60n + BigInt(i));
    const storage = server.connect('system');
    let aborted = 0;
    const one = async (ms: number) => {
      const gone = new AbortController();
      setTimeout(() => gone.abort(), ms);
      const sql =
        'SELECT number, toString(sipHash64(number)) AS text FROM numbers(300000) WHERE length({keys:Array(UInt64)}) > 0';
      await storage.select(sql, { keys }, { signal: gone.signal }).catch(() => aborted++);
    };
    for (let i = 0; i < 40; i++) await Promise.all([i, i + 0.5, 3 * i, 5 * i].map(one));
    expect(aborted).toBeGreaterThan(80);
    expect(server.server.restarts()).toBe(0);
    expect(await storage.select('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  }, 60_000);
});

/** More than four days of FLOWS, and less than all. */
const ROWS_MAX = 8000;

describe('a question that would read too much', () => {
  const tooLarge = (detail: string) => ({
    type: 'urn:hairpin:problem:question-too-large',
    status: 422,
    detail: expect.stringContaining(detail),
  });

  test('is refused before it runs, with its rows, the limit and what would help', async () => {
    const asked: string[] = [];
    const storage = through(server.connect(`statements${databases}`), sql => {
      asked.push(sql);
      return sql;
    });
    const house = await createHouse({ config: { queryRowsMax: ROWS_MAX }, dependencies: { storage } });
    const { status, body } = await house.get('/api/v1/matrix', { from: 'now-8d', by: 'addr' });
    const problem = JSON.parse(body);
    expect([status, problem]).toEqual([422, expect.objectContaining(tooLarge('--query-rows-max'))]);
    // Every record of the two days: the independent count of the same table.
    const [{ n }] = (await house.storage.select<{ n: string }>('SELECT count() AS n FROM flows')) as [{ n: string }];
    expect(problem.reads.rowsMax).toBe(ROWS_MAX);
    expect(problem.reads.rows).toBeGreaterThanOrEqual(Number(n));
    expect(problem.remedies).toEqual([
      expect.stringMatching(/^choose a shorter window, about \d+[dhm]$/),
      expect.stringContaining('group and filter without srcAddr, dstAddr'),
      'have --query-rows-max raised',
    ]);
    // The estimate is the last thing asked: the statement itself never ran.
    expect(asked.at(-1)).toMatch(/^EXPLAIN ESTIMATE/);
  });

  test('runs once it follows a remedy', async () => {
    const house = await createHouse({ config: { queryRowsMax: ROWS_MAX }, receives: false });
    await insertReceivingOf(house.storage, FLOWS.slice(0, 180), NOW);
    await recordMinute(house.storage, Math.floor(Date.now() / 60_000) * 60, 'done');
    expect((await house.get('/api/v1/top', { from: 'now-8d', by: 'addr' })).status).toBe(422);
    const shorter = await house.get('/api/v1/top', { from: 'now-2h', by: 'addr' });
    expect([shorter.status, shorter.body]).toEqual([200, expect.stringContaining('"groups":1')]);
    // The newest of them are read in order, whatever the window.
    expect((await house.get('/api/v1/flows', { from: 'now-8d', limit: 10 })).status).toBe(200);
  });

  test('is not estimated where the tables are smaller than the limit', async () => {
    const asked: string[] = [];
    const sizes = [
      { name: 'flows', total: '100' },
      { name: 'traffic_1m', total: '7' },
    ];
    const storage = {
      async select(sql: string) {
        asked.push(sql);
        return sql.includes('system.tables') ? sizes : [{ table: 'flows', rows: '101' }];
      },
    } as unknown as Storage;
    const limit = new ReadLimit(storage, 100);
    const check = (sql: string) =>
      limit.refuseBeforeItRuns({ sql, params: {} }, () => ['wait'], new AbortController().signal);
    await check('SELECT 1 FROM flows');
    await check('SELECT 1 FROM flows_named');
    expect(asked).toEqual([expect.stringContaining('system.tables')]);
    await expect(check('SELECT 1 FROM flows UNION ALL SELECT 1 FROM flows')).rejects.toThrow(
      'about 101 rows of flows, and at most 100 are allowed; wait',
    );
    expect(asked.slice(1)).toEqual([expect.stringContaining('EXPLAIN ESTIMATE')]);
  });
});

describe('explain', () => {
  const QUESTIONS = ['matrix', 'series', 'top', 'flows', 'exporters', 'coverage', 'events'];

  let house: QueryHouse;
  beforeAll(async () => {
    house = await createHouse();
  });

  test.each(QUESTIONS)('gives the statements of %s with what each has read', async question => {
    const plain = await house.answer<{ explain?: unknown }>(question, { from: 'now-6h' });
    expect(plain.explain).toBeUndefined();
    const { explain } = await house.answer<{ explain: StatementReport[] }>(question, {
      from: 'now-6h',
      explain: 'true',
    });
    expect(explain.length).toBeGreaterThan(0);
    for (const { sql, tables } of explain)
      expect([sql.includes('SELECT'), tables.every(table => sql.includes(table))]).toEqual([true, true]);
  });

  test('counts what the server itself counted', async () => {
    const { explain } = await house.answer<{ explain: StatementReport[] }>('matrix', {
      from: 'now-6h',
      explain: 'true',
    });
    const main = explain.find(({ sql }) => sql.includes('GROUPING SETS'))!;
    expect(main.tables).toContain('traffic_1m');
    const [stored] = await house.storage.select<{ n: string }>('SELECT count() AS n FROM traffic_1m');
    expect(main.rowsRead).toBeGreaterThan(0);
    expect(main.rowsRead).toBeLessThanOrEqual(Number(stored!.n));
    expect(main.bytesRead).toBeGreaterThan(main.rowsRead);
    expect(Object.values(main.parameters)).toContain(String((NOW - 6 * 3_600_000) / 1000));
  });

  test('needs the role admin, and JSON', async () => {
    const file = join(folder, 'tokens.json');
    const tokens = ROLES.map(role => ({ name: role, role, sha256: createHash('sha256').update(role).digest('hex') }));
    writeFileSync(file, JSON.stringify({ tokens }));
    const { api } = await createHouse({ config: { tokens: file } });
    const ask = async (role: string, url: string) =>
      (await api.app.inject({ url: `/api/v1/${url}`, headers: { authorization: `Bearer ${role}` } })).statusCode;
    for (const question of QUESTIONS)
      for (const wish of ['explain=true', 'explain=1', 'explain=', 'explain=false&explain=true', 'explain=TRUE'])
        for (const role of ROLES.filter(role => role !== 'admin'))
          expect([question, wish, role, await ask(role, `${question}?${wish}`)]).toEqual([question, wish, role, 403]);
    expect(await ask('matrix', 'matrix?explain=false')).toBe(200);
    expect(await ask('admin', 'matrix?explain=true')).toBe(200);
    expect(await ask('admin', 'matrix?explain=true&format=csv')).toBe(400);
  });
});
