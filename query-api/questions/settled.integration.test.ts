// Answers of settled windows have a validator that changes with whatever can change the answer, and with nothing else.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Storage } from '../../storage/storage.ts';
import { insertFlows } from '../../storage/tables/flows.ts';
import { insertNodes } from '../../storage/tables/nodes.ts';
import { recordState } from '../../storage/tables/reenrichments.ts';
import { startTestServer, type TestServer, withCommand } from '../../testing/clickhouse.ts';
import { encodeFlows, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';

const HOUR = 3_600_000;
const NOW = Math.floor(Date.now() / HOUR) * HOUR - 1_800_000;
const iso = (ms: number) => new Date(ms).toISOString();
const web = node('application', 'web');
const ROLES = ['read', 'records', 'admin'] as const;

const folder = mkdtempSync(join(tmpdir(), 'hairpin-settled-'));
let server: TestServer;
let house: QueryHouse;
const statements: string[] = [];

beforeAll(async () => {
  server = await startTestServer();
  const tokens = join(folder, 'tokens.json');
  const entries = ROLES.map(role => ({ name: role, role, sha256: createHash('sha256').update(role).digest('hex') }));
  writeFileSync(tokens, JSON.stringify({ tokens: entries }));
  const inner = server.connect('settled');
  const storage: Storage = {
    ...withCommand(inner, () => Promise.reject(new Error('not used'))),
    select: (sql, params, options) => {
      statements.push(sql);
      return inner.select(sql, params, options);
    },
  };
  house = await createQueryHouse(server, 'settled', {
    nowMs: NOW,
    flows: Array.from({ length: 400 }, (_, i) =>
      flow({ srcApp: web.key, dstApp: web.key, bytes: 10, flowEnd: NOW - 60_000 - i * 60_000 }),
    ),
    nodes: [web],
    config: { tokens },
    dependencies: { storage },
  });
});
afterAll(async () => {
  await house?.api.stop();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const SETTLED = `from=${iso(NOW - 6 * HOUR)}&to=${iso(NOW - 3 * HOUR)}`;
const ask = (url: string, etag?: string, role: (typeof ROLES)[number] = 'admin') =>
  house.api.app.inject({
    url: `/api/v1/${url}`,
    headers: { authorization: `Bearer ${role}`, ...(etag !== undefined && { 'if-none-match': etag }) },
  });
const etagOf = async (url: string, role?: (typeof ROLES)[number]) =>
  String((await ask(url, undefined, role)).headers['etag']);

test.each(['matrix?by=app', 'top?by=app', 'series?split=app', 'flows?limit=10'])(
  '%s is not computed again for a client that has it',
  async question => {
    const first = await ask(`${question}&${SETTLED}`);
    expect([first.statusCode, first.headers['cache-control'], first.headers['vary']]).toEqual([
      200,
      'private, max-age=60',
      'authorization, accept-encoding',
    ]);
    const etag = String(first.headers['etag']);
    expect(etag).toMatch(/^W\/"[\w-]{27}"$/);
    statements.length = 0;
    const again = await ask(`${question}&${SETTLED}`, `"other", ${etag}`);
    expect([again.statusCode, again.body, again.headers['etag']]).toEqual([304, '', etag]);
    // What is stored is looked at, and nothing is read of it.
    expect(statements.length).toBeLessThan(4);
    expect(statements.filter(sql => /bytes|records/i.test(sql))).toEqual([]);
    // And in every other form of the answer it is another one.
    expect(await etagOf(`${question}&${SETTLED}&format=csv`)).not.toBe(etag);
  },
);

test('a role has a copy of its own, and no right by another one’s', async () => {
  const url = `flows?limit=10&${SETTLED}`;
  const [records, admin] = [await etagOf(url, 'records'), await etagOf(url, 'admin')];
  expect(records).not.toBe(admin);
  expect((await ask(url, records, 'read')).statusCode).toBe(403);
  expect((await ask(url, '*', 'read')).statusCode).toBe(403);
  expect((await ask(url, records, 'admin')).statusCode).toBe(200);
});

test.each([
  ['ends now', `matrix?from=${iso(NOW - HOUR)}&to=${iso(NOW)}`],
  ['ended so lately that records of it may come', `matrix?from=${iso(NOW - 6 * HOUR)}&to=${iso(NOW - HOUR)}`],
  ['moves', 'matrix?from=now-6h&to=now-4h'],
  ['is explained', `matrix?${SETTLED}&explain=true`],
  ['is wrong', `matrix?${SETTLED}&by=nothing`],
  ['is of exporters, as they are now', `exporters?${SETTLED}`],
])('an answer that %s is kept by nobody', async (_, url) => {
  const { headers } = await ask(url);
  expect([headers['etag'], headers['cache-control'] ?? 'no-store']).toEqual([undefined, 'no-store']);
});

test('what changes an answer changes its validator', async () => {
  const url = `matrix?by=app&${SETTLED}`;
  const seen = [await etagOf(url)];
  const run = { run: 'r', day: 20_260_101, revision: 1, knowledge: '' };
  const changes: readonly (() => Promise<void>)[] = [
    () => recordState(house.storage, run, 'swapped'),
    () => recordState(house.storage, run, 'done'),
    () => insertNodes(house.storage, [{ ...web, name: 'web-renamed' }]),
    () => house.storage.command('INSERT INTO learned_interfaces SELECT 1, now(), [], [], now64(3)'),
    () => house.storage.command("INSERT INTO passes (minute, state) SELECT toDateTime(0), 'audited'"),
  ];
  for (const change of changes) {
    await change();
    const { statusCode, headers } = await ask(url, seen.at(-1));
    expect(statusCode).toBe(200);
    seen.push(String(headers['etag']));
  }
  expect(new Set(seen).size).toBe(changes.length + 1);
  // Traffic of now, and heartbeats, change nothing of a window that is settled.
  await insertFlows(
    house.storage,
    encodeFlows([flow({ srcApp: web.key, dstApp: web.key, bytes: 1, flowEnd: NOW - 1000 })]),
    `flows.test.0.${'1'.repeat(32)}.1`,
  );
  await recordState(house.storage, { ...run, day: 0 }, 'alive');
  expect((await ask(url, seen.at(-1))).statusCode).toBe(304);
});
