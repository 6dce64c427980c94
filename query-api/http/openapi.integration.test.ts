// The OpenAPI description against the running API: what is optional, which statuses and types of content occur.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLog } from '../../service/log.ts';
import { createMetrics } from '../../service/metrics.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import { QUERY_API_SERVICE } from '../configuration.ts';
import { createHealthApi } from '../health.ts';

interface Operation {
  readonly parameters?: readonly {
    name: string;
    in: string;
    required?: boolean;
    example?: unknown;
    schema: { default?: unknown };
  }[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, { content?: Readonly<Record<string, { schema: object }>> }>>;
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
const web = node('application', 'web');

let server: TestServer;
let house: QueryHouse;
let paths: Paths;

beforeAll(async () => {
  server = await startTestServer();
  house = await createQueryHouse(server, 'openapi', {
    nowMs: NOW,
    flows: [flow({ srcApp: web.key, dstApp: web.key, bytes: 10, l2Bytes: 28, flowEnd: NOW - 300_000 })],
    nodes: [web, ...['shop-web', 'shop-app', 'db'].map(name => node('application', name)), node('segment', 'vlan-10')],
    config: { http: '127.0.0.1:0' },
    dependencies: {
      reenrichments: {
        start: () => true,
        stop() {},
        state: () => ({ running: false, dryRun: false, days: [], error: '', erasing: false }),
      },
    },
  });
  paths = (JSON.parse((await house.get('/docs/json')).body) as { paths: Paths }).paths;
});

afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

const operations = () =>
  Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );

test('a parameter with a default is optional, and a request with what is required, as in the example, is answered', async () => {
  for (const { path, operation } of operations())
    for (const { name, required, schema } of operation.parameters ?? [])
      expect([path, name, required === true && schema.default !== undefined]).toEqual([path, name, false]);
  for (const { path, method, operation } of operations().filter(({ method }) => method === 'get')) {
    const { status, body } = await house.get(path, requiredOf(operation));
    expect(status, `${method} ${path} ${body.slice(0, 200)}`).toBe(200);
  }
});

/** Parameters without which a request is refused, with their examples. */
function requiredOf({ parameters = [] }: Operation): Record<string, string> {
  const required = parameters.filter(one => one.required === true && one.in === 'query');
  return Object.fromEntries(required.map(({ name, example }) => [name, String(example)]));
}

test('every request that docs/PLANNING.md shows is answered', async () => {
  const text = readFileSync(new URL('../../docs/PLANNING.md', import.meta.url), 'utf8');
  const requests = [...text.matchAll(/`GET (\/api\/\S+)`/g)].map(([, request]) => request!);
  expect(requests.length).toBeGreaterThan(4);
  for (const request of requests) {
    const { status, body } = await house.get(request);
    expect([request, status, status === 200 ? '' : body]).toEqual([request, 200, '']);
  }
});

/** Sends a request, and expects that the description lists its status with its type of content. */
async function expectListed(
  path: string,
  method: 'GET' | 'PUT' | 'POST' | 'DELETE',
  options: object = {},
): Promise<number> {
  const response = await house.api.app.inject({ method, url: path, headers: { host: 'localhost' }, ...options });
  const operation = paths[path.split('?')[0]!]![method.toLowerCase()]!;
  const listed = operation.responses[String(response.statusCode)];
  const type = String(response.headers['content-type']).split(';')[0]!;
  const what = `${method} ${path} ${response.statusCode} ${type}`;
  expect(Object.keys(operation.responses), what).toContain(String(response.statusCode));
  expect(Object.keys(listed!.content ?? {}), what).toContain(type);
  return response.statusCode;
}

// Every route several times, on as many cores as there are.
test('every status that a request meets is listed with its type of content', { timeout: 180_000 }, async () => {
  const met = new Set<number>();
  for (const { path, method, operation } of operations()) {
    const verb = method.toUpperCase() as 'GET';
    met.add(await expectListed(path, verb));
    met.add(await expectListed(`${path}?nobody=knows`, verb));
    met.add(await expectListed(path, verb, { headers: { host: 'elsewhere.example' } }));
    for (const { name } of operation.parameters ?? [])
      for (const value of ['%00', 'x'.repeat(5000), '-1', '2026-02-30T00:00:00Z'])
        met.add(await expectListed(`${path}?${name}=${value}`, verb));
    if (operation.requestBody === undefined) continue;
    for (const headers of [
      { 'content-type': 'application/json' },
      { 'content-type': 'text/html' },
      { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    ])
      for (const payload of ['{', '{}', '[]', '{"a":1}'])
        met.add(await expectListed(path, verb, { headers: { host: 'localhost', ...headers }, payload }));
  }
  for (const format of ['json', 'jsonl', 'csv', 'arrow', 'parquet'])
    for (const { path, method, operation } of operations().filter(({ operation }) =>
      operation.parameters?.some(({ name }) => name === 'format'),
    )) {
      const query = new URLSearchParams({ ...requiredOf(operation), format });
      met.add(await expectListed(`${path}?${query}`, method.toUpperCase() as 'GET'));
    }
  expect([...met].sort()).toEqual(expect.arrayContaining([200, 400, 403, 415, 422]));
});

test('everything that is not 2xx is a problem document, but what health reports', () => {
  for (const { path, operation } of operations())
    for (const [status, { content }] of Object.entries(operation.responses)) {
      if (Number(status) < 400 || (path === '/readyz' && status === '503')) continue;
      expect([path, status, Object.keys(content ?? {})]).toEqual([path, status, ['application/problem+json']]);
    }
});

test('a document is listed as the body of each route that takes one', () => {
  const taking = operations().filter(({ operation }) => operation.requestBody !== undefined);
  expect(taking.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([
    'post /api/v1/applications/adopt',
    'post /api/v1/applications/discover/adopt',
    'post /api/v1/applications/preview',
    'post /api/v1/erasures',
    'post /api/v1/reenrichments',
    'post /api/v1/what-if',
    'put /api/v1/alerts/rules',
    'put /api/v1/applications',
    'put /api/v1/exporters/registry',
    'put /api/v1/inventory/snapshots',
  ]);
});

/** What a server answers to bytes of our own. */
async function answerTo(url: string, request: string): Promise<{ status: number; type: string; body: unknown }> {
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(request);
  let text = '';
  socket.on('data', data => {
    text += String(data);
  });
  socket.on('error', () => undefined);
  await once(socket, 'close');
  const [head = '', body = ''] = text.split('\r\n\r\n');
  return {
    status: Number(head.split(' ')[1]),
    type: /content-type: (.*)/i.exec(head)?.[1] ?? '',
    body: JSON.parse(body),
  };
}

test.each(['query', 'health'])('requests that no route sees are problem documents of the %s API', async kind => {
  const log = createLog('test', 'error');
  const config = { ...QUERY_API_SERVICE.load({}), http: '127.0.0.1:0' };
  const api =
    kind === 'query' ? house.api : createHealthApi(config, { log, metrics: createMetrics(), ready: () => [] });
  const { url } = await api.start();
  const head = (path: string, more = '') =>
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${more}\r\n`;
  const type = 'application/problem+json; charset=utf-8';
  expect(await answerTo(url, head('/%zz'))).toMatchObject({
    status: 400,
    type,
    body: { status: 400, title: 'Bad Request' },
  });
  expect(await answerTo(url, head('/healthz', `X: ${'x'.repeat(20_000)}\r\n`))).toMatchObject({
    status: 431,
    type,
    body: { status: 431, title: 'Request Header Fields Too Large' },
  });
  expect(await answerTo(url, 'nonsense\r\n\r\n')).toMatchObject({ status: 400, type, body: { status: 400 } });
  expect(await answerTo(url, head('/nowhere'))).toMatchObject({ status: 404, type, body: { title: 'Not Found' } });
  if (kind === 'health') await api.stop();
});
