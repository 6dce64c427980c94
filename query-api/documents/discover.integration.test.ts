// Applications discovered and adopted over the API, against a real ClickHouse and the inventory recorded in it.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Advice } from '../../analysis/coverage/advice.ts';
import { hashedKey, serviceKey } from '../../schemas/keys.ts';
import { insertDocument } from '../../storage/tables/documents.ts';
import { insertHeartbeat } from '../../storage/tables/heartbeats.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { big, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import type { DiscoverAnswer } from './applications-schemas.ts';

const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
const HISTORY = { inventorySources: [], inventoryStaleMs: 1e9, inventoryUnknownMs: 1e9 };
const NAMES = ['shop-web-1', 'shop-web-2', 'shop-db-1', 'shop-db-2', 'hr-1', 'hr-2', 'lab-1', 'zeus'];
const [web, db] = ['shop-web', 'shop-db'].map(stem => ({ ...node('autoGroup', `auto:${stem}`), name: `auto:${stem}` }));
const postgres = big(serviceKey(6, 5432, 5432));

let server: TestServer;
let house: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  const content = {
    nowMs: NOW,
    nodes: [web!, db!],
    flows: [
      flow({ srcApp: web!.key, dstApp: db!.key, service: postgres, serverSide: 2, bytes: 700, flowEnd: NOW - 600_000 }),
      flow({ srcApp: db!.key, dstApp: web!.key, service: postgres, serverSide: 1, bytes: 300, flowEnd: NOW - 600_000 }),
    ],
  };
  const { storage } = await createQueryHouse(server, 'discover', content);
  const advice = new Advice(storage, HISTORY, () => NOW);
  house = await createQueryHouse(server, 'discover', {
    ...{ ...content, flows: [], nodes: [] },
    dependencies: {
      advisor: { request: question => advice.answer(question) },
      documents: {
        insert: version => insertDocument(storage, version),
        insertHeartbeat: heartbeat => insertHeartbeat(storage, heartbeat),
      },
    },
  });
  const document = (kind: 'inventory' | 'applications', asOfMs: number, body: object) =>
    insertDocument(storage, { kind, source: 'vc', recordedAtMs: NOW - 7_200_000, asOfMs, body: JSON.stringify(body) });
  await document('applications', 0, { applications: [{ id: 'hr', servers: { names: ['hr-*'] } }] });
  await document('inventory', NOW - 7_200_000, {
    ...{ source: 'vc', asOf: new Date(NOW - 7_200_000).toISOString(), complete: ['hosts', 'vms'] },
    hosts: [{ id: 'h', vswitches: [{ id: 'vs', portGroups: [{ id: 'pg', vlan: 10 }] }] }],
    vms: NAMES.map(name => ({ id: name, name, host: 'h', vnics: [{ vswitch: 'vs', portGroup: 'pg' }] })),
  });
});

afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

const discovered = () => house.answer<DiscoverAnswer>('applications/discover');
const active = async () => JSON.parse((await house.get('/api/v1/applications')).body);

async function adopt(body: unknown, query = '') {
  const response = await house.api.app.inject({
    method: 'POST',
    url: `/api/v1/applications/discover/adopt${query}`,
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify(body),
  });
  return { status: response.statusCode, answer: response.json() };
}

test('the VMs without application are suggested as one, with what speaks for it', async () => {
  const { suggestions, ...about } = await discovered();
  expect(about).toMatchObject({ vms: NAMES.length, unclaimed: 6, trafficCut: false, suggestionCount: 1 });
  expect(suggestions).toEqual([
    {
      id: 'shop',
      rule: { id: 'shop', servers: { names: ['shop-*'] }, ports: [], strict: false },
      vms: 4,
      members: ['shop-db-1', 'shop-db-2', 'shop-web-1', 'shop-web-2'],
      supports: ['names', 'traffic'],
      evidence: ['4 of 4 have a name that begins with "shop-"', '100 % of what they exchange stays among them'],
      services: ['tcp/5432'],
      bytes: 1000,
    },
  ]);
  expect(hashedKey('autoGroup', 'auto:shop-web').high >>> 24).toBe(Number(web!.key >> 56n));
});

test('one call adopts it as the last application, an older version undoes it, and what has an application keeps it', async () => {
  const before = await active();
  const adopted = await adopt({ suggestion: 'shop', name: 'The shop' }, `?replaces=${before.version}`);
  expect(adopted).toMatchObject({ status: 200, answer: { outcome: 'recorded', applications: 2 } });
  const after = await active();
  expect(after.source).toBe('api');
  expect(after.document.applications.map(({ id }: { id: string }) => id)).toEqual(['hr', 'shop']);
  expect(after.document.applications[1]).toMatchObject({ name: 'The shop', ports: [], strict: false });
  expect(after.document.applications[0]).toEqual(before.document.applications[0]);
  // What is adopted has an application.
  expect(await discovered()).toMatchObject({ unclaimed: 2, suggestions: [] });
  expect((await adopt({ suggestion: 'shop' })).status).toBe(422);
  const undone = await house.api.app.inject({
    method: 'PUT',
    url: `/api/v1/applications?replaces=${after.version}`,
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify(before.document),
  });
  expect([undone.statusCode, undone.json().outcome]).toEqual([200, 'recorded']);
  expect((await discovered()).suggestions.map(({ id }) => id)).toEqual(['shop']);
});

test('what cannot be adopted is refused, and nothing is recorded', async () => {
  const { versions } = await active();
  expect(await adopt({ suggestion: 'nothing' })).toMatchObject({
    status: 422,
    answer: { type: 'urn:hairpin:problem:no-rule', detail: expect.stringContaining('/api/v1/applications/discover') },
  });
  expect((await adopt({})).status).toBe(422);
  expect((await adopt({ suggestion: 'shop', id: 'hr' })).answer.faults[0].path).toBe('/applications/1/id');
  expect((await adopt({ suggestion: 'shop' }, '?replaces=2020-01-01T00:00:00.000Z')).status).toBe(409);
  expect((await active()).versions).toEqual(versions);
});

test('without inventory there is nothing to suggest, which is not the same as none', async () => {
  const bare = await createQueryHouse(server, 'discoverbare', { nowMs: NOW, flows: [], nodes: [] });
  expect(await bare.answer<DiscoverAnswer>('applications/discover')).toMatchObject({
    suggestions: [],
    vms: null,
    unclaimed: null,
    suggestionCount: null,
  });
  await bare.api.stop();
});
