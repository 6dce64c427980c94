import { createServer } from 'node:net';
import pino from 'pino';
import { expect, test } from 'vitest';
import { documentSchema } from '../schemas/document-schemas.ts';
import { createLog } from '../service/log.ts';
import { createMetrics } from '../service/metrics.ts';
import { type Storage, StorageError } from '../storage/storage.ts';
import { createQueryApi } from './app.ts';
import { QUERY_API_SERVICE } from './configuration.ts';
import type { Dependency } from './health.ts';
import { COLUMN_NAMES, PAIR_NAMES } from './sql/dimensions.ts';

const config = { ...QUERY_API_SERVICE.load({}), http: '127.0.0.1:0' };

function create(options: { http?: string; ready?: () => readonly Dependency[]; select?: Storage['select'] } = {}) {
  const storage = { select: options.select ?? (async () => []) } as Partial<Storage> as Storage;
  return createQueryApi(
    { ...config, http: options.http ?? config.http },
    { storage, log: createLog('test', 'error'), metrics: createMetrics(), ready: options.ready ?? (() => []) },
  );
}

test('readyz names every dependency and is 503 while one is missing', async () => {
  let ok = false;
  const { app } = create({ ready: () => [{ name: 'clickhouse', ok, detail: ok ? 'answers' : 'does not answer' }] });
  const missing = await app.inject('/readyz');
  expect([missing.statusCode, missing.json()]).toEqual([
    503,
    { ok: false, dependencies: [{ name: 'clickhouse', ok: false, detail: 'does not answer' }] },
  ]);
  ok = true;
  expect((await app.inject('/readyz')).statusCode).toBe(200);
  expect((await app.inject('/healthz')).json()).toEqual({ ok: true, dependencies: [] });
});

test('metrics are Prometheus text', async () => {
  const response = await create().app.inject('/metrics');
  expect(response.headers['content-type']).toContain('text/plain');
  expect(response.body).toContain('process_cpu_seconds_total');
});

test('the documentation reports every question with its parameters', async () => {
  const { app } = create();
  const { paths } = (await app.inject('/docs/json')).json<{
    paths: Record<string, { get: { parameters: { name: string; description: string }[] } }>;
  }>();
  expect(Object.keys(paths).sort()).toEqual([
    '/api/v1/alerts',
    '/api/v1/alerts/rules',
    '/api/v1/applications',
    '/api/v1/applications/adopt',
    '/api/v1/applications/discover',
    '/api/v1/applications/discover/adopt',
    '/api/v1/applications/preview',
    '/api/v1/applications/suggestions',
    '/api/v1/coincidence',
    '/api/v1/coverage',
    '/api/v1/dependencies',
    '/api/v1/documents/check',
    '/api/v1/events',
    '/api/v1/exporters',
    '/api/v1/exporters/registry',
    '/api/v1/exporters/suggestions',
    '/api/v1/exporters/suggestions/confirm',
    '/api/v1/filters/check',
    '/api/v1/filters/complete',
    '/api/v1/flows',
    '/api/v1/growth',
    '/api/v1/inventory',
    '/api/v1/inventory/snapshots',
    '/api/v1/links',
    '/api/v1/locality',
    '/api/v1/matrix',
    '/api/v1/moves',
    '/api/v1/placement',
    '/api/v1/segments',
    '/api/v1/series',
    '/api/v1/services',
    '/api/v1/top',
    '/api/v1/trust',
    '/api/v1/unclassified',
    '/api/v1/waves',
    '/api/v1/what-if',
    '/healthz',
    '/metrics',
    '/readyz',
  ]);
  expect(paths['/api/v1/matrix']!.get.parameters.map(parameter => parameter.name)).toEqual([
    'from',
    'to',
    'calendar',
    'by',
    'rows',
    'columns',
    'metric',
    'percentile',
    'layer',
    'orientation',
    'cells',
    'filter',
    'limit',
    'order',
    'compare',
    'offset',
    'columnOffset',
    'format',
    'preamble',
    'explain',
  ]);
  expect((await app.inject('/docs')).statusCode).toBe(200);
});

test('dimensions are derived from the flow columns', () => {
  expect(PAIR_NAMES).toEqual([
    ...['app', 'rack', 'host', 'vm', 'mac', 'port', 'addr'],
    ...['interface', 'tier', 'segment', 'portgroup', 'vswitch', 'site'],
  ]);
  expect(COLUMN_NAMES).toEqual(expect.arrayContaining(['exporter', 'vlan', 'service', 'locality', 'countReason']));
  expect(COLUMN_NAMES).not.toContain('bytes');
});

test('the console is served with a policy that allows no inline script and nothing from elsewhere', async () => {
  const { app } = create();
  const page = await app.inject('/');
  expect(page.headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
  expect(page.body).not.toMatch(/<script>|\son\w+=|https?:/);
  const script = await app.inject('/console/main.ts');
  expect([script.headers['content-type'], script.body.includes('import type')]).toEqual([
    'text/javascript; charset=utf-8',
    false,
  ]);
  expect((await app.inject('/console/chart.ts')).body).toContain("from './uplot.js'");
  expect((await app.inject('/console/uplot.js')).statusCode).toBe(200);
  expect((await app.inject('/console/view-state.ts')).body).toContain("from '../query-api/answers/metric.ts'");
  expect((await app.inject('/query-api/answers/metric.ts')).body).toContain('export const METRICS');
  expect((await app.inject('/console/console.integration.test.ts')).statusCode).toBe(404);
});

test('the schemas of documents are there for editors, without a token', async () => {
  const { app } = create({ http: '0.0.0.0:8080' });
  const { json, headers } = await app.inject('/schemas/exporters.schema.json');
  expect(headers['content-type']).toMatch(/^application\/json/);
  expect(json()).toEqual(documentSchema('exporters'));
  expect((await app.inject('/schemas/anything.schema.json')).statusCode).toBe(404);
});

test('a metric that a question does not have is refused with those it has', async () => {
  const response = await create().app.inject('/api/v1/series?metric=p95Bps');
  expect([response.statusCode, response.json().parameters]).toEqual([
    400,
    [{ parameter: 'metric', reason: 'must be one of bytes, packets, avgBps' }],
  ]);
});

test('what is not there is a problem document too', async () => {
  const response = await create().app.inject('/api/v1/nothing');
  expect([response.statusCode, response.headers['content-type'], response.json()]).toEqual([
    404,
    'application/problem+json; charset=utf-8',
    expect.objectContaining({ status: 404, title: 'Not Found' }),
  ]);
});

test('another method of a route is 405 and names those that there are', async () => {
  const { app } = create();
  for (const [method, url, allow] of [
    ['DELETE', '/api/v1/matrix?by=app', 'GET, HEAD'],
    ['PATCH', '/api/v1/applications', 'GET, HEAD, PUT'],
    ['POST', '/healthz', 'GET, HEAD'],
  ] as const) {
    const response = await app.inject({ method, url });
    expect([response.statusCode, response.headers.allow, response.json().title]).toEqual([
      405,
      allow,
      'Method Not Allowed',
    ]);
  }
});

test.each([
  [new StorageError('transient', 0, 'connect ECONNREFUSED'), 503, 'try again'],
  [new StorageError('transient', 159, 'TIMEOUT_EXCEEDED'), 503, 'shorter window'],
  [new StorageError('permanent', 47, 'UNKNOWN_IDENTIFIER secret_table'), 503, 'the log has the reason'],
  [new TypeError('secret'), 500, 'the log has it'],
])('%s is reported without its inside', async (error, status, detail) => {
  const api = createQueryApi(config, {
    storage: { select: () => Promise.reject(error) } as Partial<Storage> as Storage,
    log: { warn: () => undefined, debug: () => undefined } as unknown as ReturnType<typeof createLog>,
    metrics: createMetrics(),
    ready: () => [],
  });
  const response = await api.app.inject('/api/v1/matrix');
  expect([response.statusCode, response.json().title, response.json().detail]).toEqual([
    status,
    status === 500 ? 'Internal Server Error' : 'Service Unavailable',
    expect.stringContaining(detail),
  ]);
  expect(response.body).not.toContain('secret');
});

test('a 503 is logged at the level info with the code of ClickHouse, and without the statement', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
  const select = () => Promise.reject(new StorageError('permanent', 49, 'ClickHouse error 49: SELECT srcApp = secret'));
  const api = createQueryApi(config, {
    storage: { select } as Partial<Storage> as Storage,
    log,
    metrics: createMetrics(),
    ready: () => [],
  });
  const response = await api.app.inject('/api/v1/matrix?filter=srcApp=secret');
  expect([response.statusCode, lines.length]).toEqual([503, 1]);
  expect(JSON.parse(lines[0]!)).toMatchObject({ clickhouseCode: 49, path: '/api/v1/matrix' });
  expect(lines[0]).not.toContain('secret');
});

test('a taken port is one clear error', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise(resolve => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  await expect(create({ http: `127.0.0.1:${port}` }).start()).rejects.toMatchObject({
    code: 'PORT_TAKEN',
    message: expect.stringContaining('--http HOST:PORT'),
  });
  other.close();
});

test('it listens where the configuration says and stops', async () => {
  const api = create();
  const { url } = await api.start();
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  await api.stop();
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
});
