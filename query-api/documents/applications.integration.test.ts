// The applications document by API, against a real ClickHouse: the whole way from automatic nodes to rules.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { previewRecorded } from '../../analysis/previews/preview.ts';
import type { PreviewRequest } from '../../schemas/applications-preview.ts';
import { prefix4Key, serviceKey } from '../../schemas/keys.ts';
import { createLog } from '../../service/log.ts';
import { createMetrics } from '../../service/metrics.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import { insertDocument } from '../../storage/tables/documents.ts';
import { insertFlows } from '../../storage/tables/flows.ts';
import { insertHeartbeat } from '../../storage/tables/heartbeats.ts';
import { insertNodes } from '../../storage/tables/nodes.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { big, encodeFlows, type FlowObject, flow, node } from '../../testing/data/stored-rows.ts';
import { insertReceivingOf } from '../../testing/receiving.ts';
import { standingStill } from '../../testing/standing-still.ts';
import { createQueryApi } from '../app.ts';
import { QUERY_API_SERVICE } from '../configuration.ts';

const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 30 * 60_000;
const config = QUERY_API_SERVICE.load({});
const lab = { ...node('autoGroup', 'auto:lab'), name: 'auto:lab' };
const mixed = { ...node('autoGroup', 'auto:web'), name: 'auto:web' };
const block = big(prefix4Key(0x0a090000, 24));
const twice = node('autoPrefixOfSegment', 'auto:10.8.0.0/24@east-10');
const shop = node('application', 'shop');
const [https, postgres, rare] = [443, 5432, 8080].map(port => big(serviceKey(6, port, port)));
const machines = ['lab-01', 'lab-02', 'web-1', 'web-2', 'web-shop'].map(name => node('vm', name));

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const at = { flowStart: NOW - 600_000, flowEnd: NOW - 590_000 };
const flows: FlowObject[] = [
  // 600 served by lab on 5432, 3 on 8080; 100 within itself.
  flow({ ...at, srcApp: shop.key, dstApp: lab.key, service: postgres!, serverSide: 2, bytes: 500 }),
  flow({ ...at, srcApp: lab.key, dstApp: lab.key, service: postgres!, serverSide: 1, bytes: 100 }),
  flow({ ...at, srcApp: lab.key, dstApp: shop.key, service: rare!, serverSide: 1, bytes: 3 }),
  // Clients alone.
  flow({ ...at, srcApp: mixed.key, dstApp: shop.key, service: https!, serverSide: 2, bytes: 200 }),
  flow({ ...at, srcApp: block, dstApp: mixed.key, service: https!, serverSide: 1, bytes: 191 }),
  flow({ ...at, srcApp: twice.key, dstApp: mixed.key, service: https!, serverSide: 1, bytes: 6 }),
];

async function house(database: string, preview?: (question: PreviewRequest) => Promise<never>, isReal = false) {
  const storage = server.connect(database);
  await migrate(storage, config);
  await insertFlows(storage, encodeFlows(flows), `flows.test.0.${'0'.repeat(32)}.0`);
  await insertReceivingOf(storage, flows, NOW);
  await insertNodes(storage, [lab, mixed, twice, shop, ...machines]);
  const { app } = createQueryApi(config, {
    storage,
    log: createLog('test', 'error'),
    metrics: createMetrics(),
    ready: () => [],
    documents: {
      insert: version => insertDocument(storage, version),
      insertHeartbeat: heartbeat => insertHeartbeat(storage, heartbeat),
    },
    ...(isReal && {
      previews: { request: (question: PreviewRequest) => previewRecorded(storage, question, config) },
    }),
    ...(preview && { previews: { request: preview } }),
    nowMs: () => NOW,
  });
  await app.ready();
  const call = async (method: 'GET' | 'PUT' | 'POST', path: string, body?: unknown) => {
    const response = await app.inject({
      method,
      url: `/api/v1/applications${path}`,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        payload: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    });
    return { status: response.statusCode, answer: response.json() };
  };
  return { call, app };
}

test('automatic nodes and services are ready-made rules, with their share of the bytes', async () => {
  const { call } = await house('suggestions');
  const { status, answer } = await call('GET', '/suggestions');
  expect(status).toBe(200);
  expect(answer.nodes).toEqual([
    {
      node: { key: expect.any(String), name: 'auto:lab' },
      bytes: 603,
      share: 0.603,
      rule: { id: 'lab', servers: { names: ['lab-*'] }, ports: ['tcp/5432'], strict: false },
      about: 'machines named lab-*',
    },
    {
      node: { key: expect.any(String), name: 'auto:web' },
      bytes: 397,
      share: 0.397,
      // `web-*` would hold web-shop, which has a node of its own.
      rule: { id: 'web', servers: { names: ['web-1', 'web-2'] }, ports: [], strict: false },
      about: 'machines named web-1, web-2',
    },
    {
      node: { key: expect.any(String), name: 'auto:10.9.0.0/24' },
      bytes: 191,
      share: 0.191,
      rule: { id: '10.9.0.0-24', servers: { prefixes: ['10.9.0.0/24'] }, ports: ['tcp/443'], strict: false },
      about: 'addresses of 10.9.0.0/24 that no inventory names',
    },
    {
      node: { key: expect.any(String), name: 'auto:10.8.0.0/24@east-10' },
      bytes: 6,
      share: 0.006,
      rule: { id: 'east-10', servers: { segments: ['east-10'] }, ports: ['tcp/443'], strict: false },
      about: 'all of the segment east-10, named or not; other segments use the same addresses',
    },
  ]);
  expect(
    answer.services.map(
      ({ node, bytes, rule }: { node: { name: string }; bytes: number; rule: { ports: string[] } }) => [
        node.name,
        bytes,
        rule.ports,
      ],
    ),
  ).toEqual([
    ['tcp/5432', 600, ['tcp/5432']],
    ['tcp/443', 197, ['tcp/443']],
    ['tcp/8080', 3, ['tcp/8080']],
  ]);
});

test('a document is taken whole as a version, read back, and refused when another was faster', async () => {
  const { call } = await house('versions');
  expect((await call('GET', '')).answer).toMatchObject({ version: null, versions: [], document: { applications: [] } });
  const first = { applications: [{ id: 'web', servers: { names: ['web-*'] }, ports: ['tcp/443'] }] };
  const put = await call('PUT', '', first);
  expect(put).toMatchObject({ status: 200, answer: { outcome: 'recorded', applications: 1, warnings: [] } });
  expect((await call('PUT', '', first)).answer).toEqual({ ...put.answer, outcome: 'unchanged' });
  const second = await call('PUT', `?replaces=${put.answer.version}`, { applications: [] });
  expect(second.answer.outcome).toBe('recorded');
  expect(await call('PUT', `?replaces=${put.answer.version}`, first)).toMatchObject({
    status: 409,
    answer: { type: 'urn:hairpin:problem:version-replaced', detail: expect.stringContaining(second.answer.version) },
  });
  const now = (await call('GET', '')).answer;
  expect(now.versions.map(({ version, applications }: Record<string, never>) => [version, applications])).toEqual([
    [second.answer.version, 0],
    [put.answer.version, 1],
  ]);
  expect((await call('GET', `?version=${put.answer.version}`)).answer.document.applications[0].id).toBe('web');
});

test('every fault of a document is reported with its path, and nothing of it is recorded', async () => {
  const { call } = await house('faults');
  const { status, answer } = await call('PUT', '', {
    applications: [
      { id: 'a', servers: { prefixes: ['10.0.0.0/40'] }, ports: ['tcp/99999'] },
      { id: 'a', servers: {} },
    ],
  });
  expect([status, answer.type]).toEqual([422, 'urn:hairpin:problem:document-invalid']);
  expect(answer.faults.map(({ path }: { path: string }) => path).sort()).toEqual([
    '/applications/0/ports/0',
    '/applications/0/servers/prefixes/0',
    '/applications/1/id',
    '/applications/1/servers',
  ]);
  expect((await call('PUT', '', '{"applications": [')).status).toBe(422);
  expect((await call('GET', '')).answer.versions).toEqual([]);
  expect((await call('POST', '/preview', {})).status).toBe(503);
});

test('one call turns an automatic node into the last application', async () => {
  const questions: PreviewRequest[] = [];
  const { call, app } = await house('adopt', question => {
    questions.push(question);
    return Promise.reject(new Error('reported by the enricher'));
  });
  await call('PUT', '', { applications: [{ id: 'first', servers: { tags: ['x'] } }] });
  await call('POST', '/adopt?preview=true', { node: 'auto:lab' });
  expect(
    questions.map(({ proposed }) => JSON.parse(proposed).applications.map(({ id }: { id: string }) => id)),
  ).toEqual([['first', 'lab']]);
  expect((await call('GET', '')).answer.document.applications).toHaveLength(1);
  expect((await call('POST', '/adopt', { node: 'auto:lab', id: 'laboratory', ports: [] })).status).toBe(200);
  expect((await call('GET', '')).answer.document.applications[1]).toMatchObject({
    id: 'laboratory',
    servers: { names: ['lab-*'] },
    ports: [],
  });
  expect((await call('POST', '/adopt', { node: 'auto:lab', id: 'laboratory' })).answer.faults[0].path).toBe(
    '/applications/2/id',
  );
  expect((await call('POST', '/adopt', { node: 'auto:nothing' })).status).toBe(400);
  expect((await call('POST', '/adopt', { node: big(serviceKey(6, 1, 1)).toString(16) })).status).toBe(422);
  const form = await app.inject({
    method: 'POST',
    url: '/api/v1/applications/adopt',
    headers: { 'content-type': 'text/plain' },
    payload: '{"node":"auto:lab"}',
  });
  expect(form.statusCode).toBe(415);
});

test('a preview reports what would move between the recorded document and the proposed one', async () => {
  const { call } = await house('preview', undefined, true);
  // The records have no addresses: infrastructure, whatever the document, until a prefix holds it.
  await call('PUT', '', { applications: [{ id: 'first', servers: { prefixes: ['10.0.0.0/8'] } }] });
  const proposed = {
    applications: [
      { id: 'all', servers: { prefixes: ['::/0'] } },
      { id: 'idle', servers: { tags: ['x'] } },
    ],
  };
  const { status, answer } = await call('PUT', '?preview=true', proposed);
  expect([status, answer.bytes, answer.examinedShare]).toEqual([200, 1000, 1]);
  expect(answer.applications.map(({ id, path }: Record<string, string>) => [id, path])).toEqual([
    ['first', null],
    ['all', '/applications/0'],
    ['idle', '/applications/1'],
  ]);
  expect(answer.warnings).toContainEqual({
    path: '/applications/1',
    message: 'no traffic of the window belongs to it',
  });
  expect((await call('GET', '')).answer.document.applications[0].id).toBe('first');
});

test('a document of 300,000 prefixes is taken, refused and read while the API goes on answering', async () => {
  const { call } = await house('large');
  const prefixes = Array.from({ length: 300_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`);
  const text = JSON.stringify({ applications: [{ id: 'all', servers: { prefixes } }] });
  const taken = await standingStill(() => call('PUT', '', text));
  expect(taken.answer).toMatchObject({ status: 200, answer: { outcome: 'recorded', applications: 1 } });
  const refused = await standingStill(() => call('PUT', '?preview=true', text.replaceAll('/32', '/33')));
  expect(refused.answer).toMatchObject({ status: 422 });
  expect((await call('GET', '')).answer.document.applications[0].servers.prefixes).toHaveLength(300_000);
  expect(taken.longestShare).toBeLessThan(1 / 3);
  expect(refused.longestShare).toBeLessThan(1 / 3);
}, 120_000);
