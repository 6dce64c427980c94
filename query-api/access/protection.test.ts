import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import { DocumentError } from '../../schemas/documents.ts';
import { createLog, type Log } from '../../service/log.ts';
import { createMetrics } from '../../service/metrics.ts';
import type { Storage } from '../../storage/storage.ts';
import { createQueryApi } from '../app.ts';
import { QUERY_API_SERVICE } from '../configuration.ts';
import { COLUMN_NAMES, PAIR_NAMES } from '../sql/dimensions.ts';
import { rightForColumns } from './rights.ts';

const folder = mkdtempSync(join(tmpdir(), 'hairpin-tokens-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hash = (text: string) => createHash('sha256').update(text).digest('hex');
let files = 0;

/** A file with a token a role, each named as its secret. */
function tokensFile(entries: readonly object[] = []): string {
  const file = join(folder, `tokens-${files++}.json`);
  const roles = ['matrix', 'read', 'records', 'inventory', 'admin'];
  const tokens = [...roles.map(role => ({ name: role, role, sha256: hash(`secret-${role}`) })), ...entries];
  writeFileSync(file, JSON.stringify({ tokens }));
  return file;
}

function create(
  more: Readonly<Record<string, unknown>> = {},
  nowMs?: () => number,
  log: Log = createLog('test', 'error'),
) {
  const asked: string[] = [];
  const storage = {
    async select(sql: string) {
      asked.push(sql);
      return [];
    },
  } as Partial<Storage> as Storage;
  const config = { ...QUERY_API_SERVICE.load({}), http: '127.0.0.1:0', ...more };
  const api = createQueryApi(config, {
    storage,
    log,
    metrics: createMetrics(),
    ready: () => [],
    reenrichments: {
      start: () => true,
      stop() {},
      state: () => ({ running: true, dryRun: false, days: [], error: '', erasing: true }),
    },
    ...(nowMs && { nowMs }),
  });
  const ask = async (url: string, role?: string, method: 'GET' | 'PUT' = 'GET') =>
    (await api.app.inject({ method, url, headers: role ? { authorization: `Bearer secret-${role}` } : {} })).statusCode;
  return { ...api, ask, asked };
}

describe('with tokens', () => {
  test('nobody unknown asks, whatever the header holds; health stays open', async () => {
    const { app, asked } = create({ tokens: tokensFile() });
    for (const authorization of [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      'Bearer wrong',
      'Basic c2VjcmV0LWFkbWlu',
      `Bearer ${hash('secret-admin')}`,
      `Bearer ${'a'.repeat(4000)}`,
      'Bearer secret-admin secret-admin',
    ]) {
      const response = await app.inject({
        url: '/api/v1/matrix',
        headers: authorization === undefined ? {} : { authorization },
      });
      expect([response.statusCode, response.headers['www-authenticate']], String(authorization)).toEqual([
        401,
        'Bearer realm="hairpin"',
      ]);
      expect(response.json().type).toBe('urn:hairpin:problem:unknown-caller');
    }
    expect((await app.inject('/metrics')).statusCode).toBe(401);
    expect((await app.inject('/readyz')).statusCode).toBe(200);
    expect((await app.inject('/')).statusCode).toBe(200);
    expect(asked).toEqual([]);
  });

  test('a role sees what it may and no more', async () => {
    const { ask, app } = create({ tokens: tokensFile() });
    const status = async (url: string) =>
      Object.fromEntries(
        await Promise.all(
          ['matrix', 'read', 'records', 'inventory', 'admin'].map(
            async role => [role, (await ask(url, role)) === 403] as const,
          ),
        ),
      );
    const refused = (...roles: string[]) =>
      Object.fromEntries(['matrix', 'read', 'records', 'inventory', 'admin'].map(role => [role, roles.includes(role)]));
    expect(await status('/api/v1/matrix?by=app')).toEqual(refused());
    expect(await status('/api/v1/top?by=service,locality')).toEqual(refused());
    expect(await status('/api/v1/matrix?by=vm')).toEqual(refused('matrix'));
    expect(await status('/api/v1/matrix?by=app&filter=srcVm=web-1')).toEqual(refused('matrix'));
    expect(await status('/api/v1/series?split=srcHost')).toEqual(refused('matrix'));
    expect(await status('/api/v1/matrix?by=addr')).toEqual(refused('matrix', 'read', 'inventory'));
    expect(await status('/api/v1/top?by=app,mac')).toEqual(refused('matrix', 'read', 'inventory'));
    expect(await status('/api/v1/matrix?by=app&filter=addr=10.0.0.1')).toEqual(refused('matrix', 'read', 'inventory'));
    expect(await status('/api/v1/flows')).toEqual(refused('matrix', 'read', 'inventory'));
    expect(await status('/api/v1/locality')).toEqual(refused());
    expect(await status('/api/v1/locality?by=host')).toEqual(refused('matrix'));
    expect(await status('/api/v1/locality?by=addr')).toEqual(refused('matrix', 'read', 'inventory'));
    for (const route of ['dependencies?of=web', 'services?of=web', 'trust?src=web&dst=db']) {
      expect(await status(`/api/v1/${route}`)).toEqual(refused());
      expect(await status(`/api/v1/${route}&by=vm`)).toEqual(refused('matrix'));
    }
    expect(await status('/api/v1/trust?src=10.0.0.1&dst=db&by=addr')).toEqual(refused('matrix', 'read', 'inventory'));
    for (const route of ['links', 'placement', 'unclassified', 'moves', 'segments?of=front'])
      expect(await status(`/api/v1/${route}`)).toEqual(refused('matrix'));
    for (const role of ['matrix', 'read', 'records', 'inventory', 'admin']) {
      const headers = { authorization: `Bearer secret-${role}` };
      const { statusCode } = await app.inject({ method: 'POST', url: '/api/v1/what-if', headers, payload: {} });
      expect([role, statusCode]).toEqual([role, role === 'matrix' ? 403 : 400]);
    }
    expect(await status('/api/v1/coincidence?series=srcVm=web-1')).toEqual(refused('matrix'));
    expect(await status('/api/v1/waves?filter=srcVm=web-1')).toEqual(refused('matrix'));
    expect(await status('/api/v1/applications/discover')).toEqual(refused('matrix'));
    for (const role of ['inventory', 'admin']) {
      const headers = { authorization: `Bearer secret-${role}`, 'content-type': 'application/json' };
      const url = '/api/v1/applications/discover/adopt';
      const { statusCode } = await app.inject({ method: 'POST', url, headers, payload: {} });
      expect([role, statusCode]).toEqual([role, role === 'admin' ? 422 : 403]);
    }
    expect(await status('/metrics')).toEqual(refused('matrix'));
  });

  test('the role matrix has nothing asked of ClickHouse but applications, whatever it groups or filters by', async () => {
    const { app, asked } = create({ tokens: tokensFile(), apiRequestsPerMinute: 1000 });
    const get = (url: string) => app.inject({ url, headers: { authorization: 'Bearer secret-matrix' } });
    const names = [...PAIR_NAMES, ...COLUMN_NAMES];
    const questions = [
      ...names.map(name => `top?by=${name}`),
      ...names.map(name => `top?by=app,${name}`),
      ...names.map(name => `series?split=${name}`),
      ...PAIR_NAMES.map(name => `matrix?by=${name}`),
      ...[
        'addr=10.0.0.1',
        'srcAddr=10.0.0.0/8',
        'srcApp=a;dstMac=02:00:00:00:00:01',
        'vm=web-*',
        'exporter=192.0.2.1',
      ].map(filter => `matrix?filter=${encodeURIComponent(filter)}`),
      'flows',
      'matrix?by=app&by=addr',
      'matrix?filter=srcApp%3Da&filter=srcAddr%3D10.0.0.1',
      'exporters',
      'events',
      'coverage',
      'unclassified',
      'moves',
      'segments?of=front',
      ...['dependencies?of=external', 'services?of=external', 'trust?src=external&dst=external'],
    ];
    let refused = 0;
    for (const question of questions) {
      const { statusCode } = await get(`/api/v1/${question}`);
      if (statusCode === 403) refused++;
      expect([403, 400, 200, 503, 500], question).toContain(statusCode);
    }
    expect(refused).toBeGreaterThan(names.length);
    expect(asked.length).toBeGreaterThan(0);
    // Exporters are asked for their health, records for their accounting; nobody's address is.
    for (const sql of asked) expect(sql).not.toMatch(/(src|dst)(Addr|Mac|Vm|Host|Rack|Place|Port)/);
  });

  test('questions about addresses, and changes, are reported in the log, with who asked and no longer than a line', async () => {
    const lines: Record<string, unknown>[] = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const { app } = create({ tokens: tokensFile() }, undefined, log);
    const ask = (role: string, method: 'GET' | 'POST', url: string, payload?: object) =>
      app.inject({ method, url, headers: { authorization: `Bearer secret-${role}` }, ...(payload && { payload }) });
    await ask('matrix', 'GET', '/api/v1/matrix?by=app');
    await ask('read', 'GET', '/api/v1/matrix?by=vm');
    await ask('matrix', 'GET', '/api/v1/flows?filter=addr%3D203.0.113.9');
    expect(lines.filter(({ msg }) => msg === 'audited request')).toEqual([]);
    await ask('records', 'GET', '/api/v1/flows?filter=addr%3D10.0.0.1');
    const { statusCode } = await ask('admin', 'POST', '/api/v1/erasures', { address: '203.0.113.7' });
    expect(statusCode).toBe(202);
    expect((await ask('admin', 'POST', '/api/v1/erasures', { address: '203.0.113.0/24' })).statusCode).toBe(400);
    expect((await ask('inventory', 'POST', '/api/v1/erasures', { address: '203.0.113.7' })).statusCode).toBe(403);
    await ask('records', 'GET', `/api/v1/matrix?by=addr&filter=${'x'.repeat(8000)}`);
    const audit = lines.filter(({ msg }) => msg === 'audited request');
    expect(audit.map(({ caller, role, right, method, url }) => [caller, role, right, method, url])).toEqual([
      ['records', 'records', 'records', 'GET', '/api/v1/flows?filter=addr%3D10.0.0.1'],
      ['admin', 'admin', 'admin', 'POST', '/api/v1/erasures'],
      ['admin', 'admin', 'admin', 'POST', '/api/v1/erasures'],
      ['records', 'records', 'records', 'GET', expect.stringMatching(/^\/api\/v1\/matrix\?by=addr&filter=x+\.\.\.$/)],
    ]);
    expect((audit[3]!['url'] as string).length).toBe(2048 + 3);
    // Neither a secret nor what a body or a refused question held.
    expect(JSON.stringify(lines)).not.toMatch(/secret-|203\.0\.113/);
  });

  test('a token that has expired is unknown', async () => {
    const expires = '2026-06-01T00:00:00Z';
    let now = Date.parse(expires) - 1;
    const { ask } = create(
      { tokens: tokensFile([{ name: 'guest', role: 'read', sha256: hash('secret-guest'), expires }]) },
      () => now,
    );
    expect(await ask('/api/v1/matrix', 'guest')).not.toBe(401);
    now++;
    expect(await ask('/api/v1/matrix', 'guest')).toBe(401);
  });

  test('a file that changes is read again; a bad one leaves the tokens before in force', async () => {
    const file = tokensFile();
    let now = Date.now();
    const { ask } = create({ tokens: file }, () => now);
    writeFileSync(file, JSON.stringify({ tokens: [{ name: 'new', role: 'admin', sha256: hash('secret-new') }] }));
    now += 10_000;
    expect(await ask('/api/v1/matrix', 'admin')).toBe(401);
    expect(await ask('/api/v1/matrix', 'new')).not.toBe(401);
    writeFileSync(file, '{ "tokens": [] }');
    now += 10_000;
    expect(await ask('/api/v1/matrix', 'new')).not.toBe(401);
  });

  test('a file that is missing or refused stops the start, with its faults', () => {
    expect(() => create({ tokens: join(folder, 'nothing.json') })).toThrow(DocumentError);
    const file = join(folder, 'twice.json');
    const entry = { name: 'a', role: 'read', sha256: hash('x') };
    writeFileSync(file, JSON.stringify({ tokens: [entry, { ...entry, role: 'king' }, { name: 'b' }] }));
    expect(() => create({ tokens: file })).toThrow(/tokens\/1\/role/);
  });
});

test('without tokens the API listens on loopback only', async () => {
  await expect(create({ http: '0.0.0.0:0' }).start()).rejects.toThrow(/API_UNPROTECTED.*--tokens/s);
  await expect(create({ http: '[::]:0' }).start()).rejects.toThrow(/API_UNPROTECTED/);
  for (const options of [{ http: '[::1]:0' }, { http: '0.0.0.0:0', tokens: tokensFile() }]) {
    const api = create(options);
    await api.start();
    await api.stop();
  }
});

test('without tokens a name that points to this machine is not enough, nor is a page of another site', async () => {
  const { app } = create();
  const status = async (headers: object, method: 'GET' | 'POST' = 'GET') =>
    (await app.inject({ method, url: '/healthz', headers: { ...headers } })).statusCode;
  for (const host of ['localhost', 'localhost:8080', '127.0.0.1:8080', '[::1]:8080', 'LOCALHOST'])
    expect(await status({ host }), host).toBe(200);
  for (const host of ['evil.example', 'localhost.evil.example:8080', '127.0.0.1.evil.example', '10.0.0.1'])
    expect(await status({ host }), host).toBe(403);
  expect(await status({ host: 'localhost:1', origin: 'http://localhost:1' }, 'POST')).toBe(405);
  expect(await status({ host: 'localhost:1', origin: 'http://localhost:2' }, 'POST')).toBe(403);
});

test('requests beyond the limit of a minute are answered 429; another token is not held back by them', async () => {
  const { ask } = create({ tokens: tokensFile(), apiRequestsPerMinute: 3 });
  const answers = [];
  for (let i = 0; i < 4; i++) answers.push(await ask('/api/v1/exporters', 'read'));
  expect(answers.slice(0, 3)).not.toContain(429);
  expect(answers[3]).toBe(429);
  expect(await ask('/api/v1/exporters', 'admin')).not.toBe(429);
});

test('answers ask a browser to take them for what they are', async () => {
  const { headers } = await create().app.inject('/api/v1/exporters');
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'SAMEORIGIN',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
  });
});

test('every route states the right it needs; one that does not is closed to all but an administrator', async () => {
  const { app, ask } = create({ tokens: tokensFile() });
  const stated: [string, string, unknown][] = [];
  // The documentation states its rights once, for all that its plugin registers.
  app.addHook('onRoute', ({ method, url, config }) => {
    if (!url.startsWith('/docs')) stated.push([String(method), url, config?.right]);
  });
  app.get('/api/v1/anything', () => 'seen');
  await app.ready();
  expect(stated.filter(([, , right]) => right === undefined)).toEqual([
    ['GET', '/api/v1/anything', undefined],
    ['HEAD', '/api/v1/anything', undefined],
  ]);
  const rights = (wanted: unknown) =>
    new Set(
      stated.flatMap(([method, url, right]) => (right === wanted && method !== 'HEAD' ? [`${method} ${url}`] : [])),
    );
  const maintenance = ['reenrichments', 'erasures'].flatMap(name =>
    ['POST', 'GET', 'DELETE'].map(m => `${m} /api/v1/${name}`),
  );
  expect(rights('admin')).toEqual(new Set([...maintenance, 'POST /api/v1/applications/discover/adopt']));
  expect(rights('records')).toEqual(new Set(['GET /api/v1/flows']));
  expect(rights(rightForColumns)).toEqual(
    new Set(
      [
        ...['matrix', 'series', 'top', 'growth', 'coincidence', 'waves', 'locality', 'filters/check'],
        ...['dependencies', 'services', 'trust'],
      ].map(name => `GET /api/v1/${name}`),
    ),
  );
  for (const route of rights('nothing')) expect(route).not.toContain('/api/v1/');
  // A question that takes a body changes nothing.
  for (const [method, url, right] of stated.filter(([method]) => !['GET', 'HEAD'].includes(method)))
    expect(right, `${method} ${url}`).toBe(
      /reenrichments|erasures|discover/.test(url) ? 'admin' : url.endsWith('/what-if') ? 'read' : 'inventory',
    );
  expect(await ask('/docs/json')).toBe(200);
  expect(await ask('/api/v1/anything', 'inventory')).toBe(403);
  expect(await ask('/api/v1/anything', 'admin')).toBe(200);
});

test('1,000 clients that send their request by the byte do not hold up one that does not', async () => {
  const api = create({ apiConnectionsMax: 2000 });
  const { url } = await api.start();
  const { port, hostname } = new URL(url);
  const slow = Array.from({ length: 1000 }, () => {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    socket.write('GET /api/v1/matrix HTTP/1.1\r\nhost: x\r\n');
    return socket;
  });
  try {
    await Promise.race([
      Promise.all(slow.map(socket => new Promise(resolve => socket.once('connect', resolve)))),
      sleep(10_000),
    ]);
    const started = performance.now();
    const response = await fetch(`${url}/healthz`);
    expect(response.status).toBe(200);
    expect(performance.now() - started).toBeLessThan(5000);
  } finally {
    for (const socket of slow) socket.destroy();
    await api.stop();
  }
});
