// Which roles see addresses, MACs and prefixes in documents and events, over every route that holds them; and that each access
// is audited. The documents are sent over the API and hold addresses of every kind in every place that has one.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DIRECTION, IDENTITY, PROTOCOL } from '../../schemas/codes.ts';
import { prefix4Key } from '../../schemas/keys.ts';
import { insertDocument } from '../../storage/tables/documents.ts';
import { insertEvents, type NoticedEvent } from '../../storage/tables/events.ts';
import { insertHeartbeat } from '../../storage/tables/heartbeats.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { big, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';

const NOW = Math.floor(Date.now() / 60_000) * 60_000;
const ROLES = ['matrix', 'read', 'records', 'inventory', 'admin'] as const;
type Role = (typeof ROLES)[number];

/** Every address, MAC and prefix that the test stores; none may be part of what `read` sees. */
const SECRETS = {
  vm: '10.77.1.5',
  vm6: 'fd77::5',
  vmMac: '02:77:00:00:00:05',
  endpoint: '10.77.9.9',
  host: '10.77.2.1',
  prefix: '10.77.0.0/16',
  rule: '10.77.3.0/24',
  exporter: '192.0.2.77',
  automatic: '10.77.8.0/24',
};
const inventory = {
  source: 'lab',
  asOf: new Date(NOW - 3_600_000).toISOString(),
  complete: ['segments', 'switches', 'hosts', 'vms', 'endpoints'],
  segments: [{ id: 's', vlan: 7, prefixes: [SECRETS.prefix] }],
  switches: [{ id: 'leaf', ports: [{ ifIndex: 1 }] }],
  hosts: [{ id: 'h', name: 'esx', addresses: [SECRETS.host], pnics: [{ id: 'p', switch: 'leaf', ifIndex: 1 }] }],
  vms: [{ id: 'v', name: 'web-1', host: 'h', vnics: [{ mac: SECRETS.vmMac, addresses: [SECRETS.vm, SECRETS.vm6] }] }],
  endpoints: [{ id: 'e', name: 'nas', kind: 'storage', addresses: [SECRETS.endpoint] }],
};
const applications = {
  internal: [SECRETS.prefix],
  applications: [{ id: 'web', name: 'web', servers: { prefixes: [SECRETS.rule] } }],
};
const registry = { exporters: [{ address: SECRETS.exporter, switch: 'leaf', metering: 'ingress', ports: [] }] };

const automatic = big(prefix4Key(0x0a4d0800, 24));
const web = node('application', 'web');

const EVENT: NoticedEvent = {
  ...{
    kind: 'move' as const,
    mac: 0x027700000005,
    atMs: NOW - 600_000,
    lastSeenMs: NOW - 500_000,
    detectedAtMs: NOW - 590_000,
  },
  ...{ confirmedAtMs: 0, vm: 0n, fromHost: 0n, toHost: 0n, fromExporter: '192.0.2.77', fromIfIndex: 1 },
  ...{ toExporter: SECRETS.exporter, toIfIndex: 3 },
};

const ROUTES = [
  ...['', '?kind=segments', '?kind=hosts', '?kind=vms', '?kind=endpoints', '?kind=switches'].map(
    more => `/api/v1/inventory${more}`,
  ),
  '/api/v1/inventory/snapshots',
  '/api/v1/applications',
  '/api/v1/applications/suggestions?from=now-1h',
  '/api/v1/exporters/registry',
  '/api/v1/exporters/suggestions',
  '/api/v1/events',
  '/api/v1/events?format=csv',
  '/api/v1/events?format=arrow',
];

const folder = mkdtempSync(join(tmpdir(), 'hairpin-addresses-'));
const lines: Record<string, unknown>[] = [];
let server: TestServer;
let house: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  const tokens = join(folder, 'tokens.json');
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  writeFileSync(tokens, JSON.stringify({ tokens: ROLES.map(role => ({ name: role, role, sha256: sha256(role) })) }));
  const storage = server.connect('addresses');
  house = await createQueryHouse(server, 'addresses', {
    nowMs: NOW,
    flows: [
      flow({
        ...{ srcApp: automatic, dstApp: web.key, serverSide: 1, service: 0, bytes: 100, flowEnd: NOW - 300_000 },
        ...{ srcAddr: '10.77.8.1', dstAddr: SECRETS.vm, srcMac: 0x027700000001n, exporter: SECRETS.exporter },
        ...{ protocol: PROTOCOL.ipfix, direction: DIRECTION.ingress, srcIdentity: IDENTITY.mac },
      }),
    ],
    nodes: [web],
    config: { tokens },
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    dependencies: {
      documents: {
        insert: version => insertDocument(storage, version),
        insertHeartbeat: heartbeat => insertHeartbeat(storage, heartbeat),
      },
    },
  });
  await insertEvents(house.storage, [EVENT]);
  for (const [path, document] of [
    ['inventory/snapshots', inventory],
    ['applications', applications],
    ['exporters/registry', registry],
  ] as const) {
    const response = await send('admin', 'PUT', `/api/v1/${path}`, document);
    expect([200, 201], response.body).toContain(response.statusCode);
  }
});

afterAll(async () => {
  await house?.api.stop();
  await server?.close();
  rmSync(folder, { recursive: true });
});

function send(role: Role, method: 'GET' | 'PUT' | 'HEAD', url: string, document?: object) {
  return house.api.app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${role}`, 'content-type': 'application/json' },
    ...(document && { payload: JSON.stringify(document) }),
  });
}

/** The secrets that a text holds. */
const secretsIn = (text: string) =>
  Object.values({ ...SECRETS, vmMacPlain: SECRETS.vmMac.replaceAll(':', '') }).filter(secret =>
    text.toLowerCase().includes(secret.replace(/\/\d+$/, '')),
  );

test.each(ROUTES)('%s shows the role read no address, MAC or prefix', async url => {
  const response = await send('read', 'GET', url);
  expect(response.statusCode, response.body).toBe(200);
  expect(secretsIn(response.body)).toEqual([]);
  expect((await send('matrix', 'GET', url)).statusCode).toBe(403);
});

test('what is hidden is said to be, and everything else stays', async () => {
  const { entities } = (await send('read', 'GET', '/api/v1/inventory?kind=vms')).json<{
    entities: { entity: object }[];
  }>();
  expect(entities[0]!.entity).toMatchObject({
    id: 'v',
    name: 'web-1',
    vnics: [{ mac: '[hidden]', addresses: ['[hidden]', '[hidden]'] }],
  });
  const { events } = (await send('read', 'GET', '/api/v1/events')).json<{ events: object[] }>();
  expect(events).toMatchObject([{ kind: 'move', mac: '[hidden]', toIfIndex: 3 }]);
});

test('whoever hands in documents reads them whole, and whoever sees records sees events whole', async () => {
  const seen = async (role: Role) => {
    const all = await Promise.all(ROUTES.map(async url => secretsIn((await send(role, 'GET', url)).body)));
    return new Set(all.flat());
  };
  for (const role of ['records', 'inventory', 'admin'] as const)
    expect([...(await seen(role))].sort(), role).toEqual(expect.arrayContaining(Object.values(SECRETS).sort()));
  const macOf = async (role: Role) => (await send(role, 'GET', '/api/v1/events')).json().events[0].mac;
  expect(await Promise.all(['records', 'admin', 'inventory', 'read'].map(role => macOf(role as Role)))).toEqual([
    '02:77:00:00:00:05',
    '02:77:00:00:00:05',
    '[hidden]',
    '[hidden]',
  ]);
});

test('each access to inventory, documents, events and records is audited, once', async () => {
  for (const role of ['read', 'records', 'inventory', 'admin'] as const)
    for (const url of [...ROUTES, '/api/v1/flows'])
      for (const method of ['GET', 'HEAD'] as const) {
        lines.length = 0;
        const { statusCode } = await send(role, method, url);
        const audited = lines.filter(({ msg }) => msg === 'audited request');
        const isAllowed = statusCode !== 403;
        expect(
          audited.map(({ caller, url: asked }) => [caller, asked]),
          `${role} ${method} ${url}`,
        ).toEqual(isAllowed ? [[role, url]] : []);
      }
  lines.length = 0;
  await send('read', 'GET', '/api/v1/matrix?by=vm');
  await send('read', 'GET', '/api/v1/exporters');
  expect(lines).toEqual([]);
});
