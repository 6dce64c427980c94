// Documents by API against a real ClickHouse.

import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DIRECTION, IDENTITY, PROTOCOL, RULE } from '../../schemas/codes.ts';
import { createLog } from '../../service/log.ts';
import { createMetrics } from '../../service/metrics.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import { insertDocument } from '../../storage/tables/documents.ts';
import { insertFlows } from '../../storage/tables/flows.ts';
import { insertHeartbeat } from '../../storage/tables/heartbeats.ts';
import { insertNodes } from '../../storage/tables/nodes.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { encodeFlows, type FlowObject, flow } from '../../testing/data/stored-rows.ts';
import { standingStill } from '../../testing/standing-still.ts';
import { createQueryApi } from '../app.ts';
import { QUERY_API_SERVICE } from '../configuration.ts';

const config = { ...QUERY_API_SERVICE.load({}), snapshotBytesMax: 512 * 1024 };
const MINUTE = 60_000;
const NOW = Math.floor(Date.now() / MINUTE) * MINUTE;
const at = (minutesAgo: number) => new Date(NOW - minutesAgo * MINUTE).toISOString();

let server: TestServer;
let databases = 0;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

async function createHouse({
  writes = true,
  bytesMax = config.snapshotBytesMax,
  staleMs = config.inventoryStaleMs,
} = {}) {
  const storage = server.connect(`documents${databases++}`);
  await migrate(storage, config);
  const { app } = createQueryApi(
    { ...config, snapshotBytesMax: bytesMax, inventoryStaleMs: staleMs },
    {
      storage,
      log: createLog('test', 'error'),
      metrics: createMetrics(),
      ready: () => [],
      nowMs: () => NOW,
      ...(writes && {
        documents: {
          insert: version => insertDocument(storage, version),
          insertHeartbeat: heartbeat => insertHeartbeat(storage, heartbeat),
        },
      }),
    },
  );
  await app.ready();
  const send = async (method: 'PUT' | 'POST', path: string, document: unknown = '', headers = {}) => {
    const payload = Buffer.isBuffer(document) || typeof document === 'string' ? document : JSON.stringify(document);
    const response = await app.inject({
      method,
      url: `/api/v1/${path}`,
      payload,
      headers: { 'content-type': 'application/json', ...headers },
    });
    const answer: Record<string, unknown> = response.json();
    return { ...answer, status: response.statusCode } as Record<string, unknown>;
  };
  const ask = async <T>(path: string) => (await app.inject(`/api/v1/${path}`)).json<T>();
  const count = async (table: string) =>
    Number(
      (
        await storage.select<{ n: string }>(
          `SELECT toString(count()) AS n FROM ${table} FINAL`.replace('documents FINAL', 'documents'),
        )
      )[0]!.n,
    );
  const put = (document: unknown, query = '') => send('PUT', `inventory/snapshots${query}`, document);
  return { app, storage, send, put, ask, count };
}

const FULL = ['sites', 'racks', 'segments', 'switches', 'hosts', 'vms', 'endpoints'];
const vm = (id: string, host: string, mac: string) => ({ id, name: id, host, vnics: [{ mac, addresses: [] }] });
const snapshot = (minutesAgo: number, vms: readonly object[] = [], more: object = {}) => ({
  ...{ source: 'vc', asOf: at(minutesAgo), complete: FULL, hosts: [{ id: 'h1' }, { id: 'h2' }], vms },
  ...more,
});
const web = vm('web', 'h1', '02:00:00:00:00:01');
const db = vm('db', 'h2', '02:00:00:00:00:02');

describe('a snapshot', () => {
  test('is stale when the enricher takes it for stale: after inventoryStaleMs', async () => {
    for (const [minutes, stale] of [
      [10, true],
      [11, false],
    ] as const) {
      const { put, ask } = await createHouse({ staleMs: minutes * MINUTE });
      expect(await put(snapshot(10))).toMatchObject({ status: 201 });
      expect(await ask('inventory/snapshots')).toMatchObject({ sources: [{ source: 'vc', stale }] });
    }
  });

  test('is recorded with both its times; reported again unchanged it is a heartbeat, reported twice nothing', async () => {
    const { put, count, ask, storage } = await createHouse();
    expect(await put(snapshot(30, [web, db]))).toMatchObject({
      ...{ status: 201, outcome: 'recorded', source: 'vc', asOf: at(30), recordedAt: at(0) },
      counts: { hosts: 2, vms: 2, switches: 0 },
    });
    expect(await put(snapshot(30, [web, db]))).toMatchObject({ status: 200, outcome: 'known' });
    expect(await put(snapshot(20, [web, db]))).toMatchObject({ status: 200, outcome: 'confirmed' });
    expect(await put(snapshot(25, [web, db]))).toMatchObject({ status: 200, outcome: 'known' });
    expect([await count('documents'), await count('heartbeats')]).toEqual([1, 1]);
    expect(await put(snapshot(10, [web]))).toMatchObject({ status: 201, outcome: 'recorded' });
    expect([await count('documents'), await count('heartbeats')]).toEqual([2, 1]);
    const [row] = await storage.select<{ body: string }>('SELECT body FROM documents ORDER BY asOf LIMIT 1');
    expect(JSON.parse(row!.body)).toMatchObject({ source: 'vc', asOf: at(30), vms: [{ id: 'web' }, { id: 'db' }] });
    expect(await ask('inventory/snapshots')).toMatchObject({
      sources: [{ source: 'vc', confirmedUntil: at(10), stale: false, versions: [{ asOf: at(10) }, { asOf: at(30) }] }],
    });
  });

  test('of another source with the same content is a version of that source', async () => {
    const { put, count } = await createHouse();
    await put(snapshot(30, [web]));
    expect(await put(snapshot(30, [web], { source: 'kvm' }))).toMatchObject({ status: 201 });
    expect(await put(snapshot(20, [web]))).toMatchObject({ outcome: 'confirmed' });
    expect(await count('documents')).toBe(2);
  });

  test('that moves its source into the past is refused by path, and taken as a correction with what to do', async () => {
    const { put, count } = await createHouse();
    await put(snapshot(10, [web]));
    for (const minutesAgo of [10, 40]) {
      const refused = await put(snapshot(minutesAgo, [db]));
      expect(refused).toMatchObject({ status: 422, faults: [{ path: '/asOf' }] });
      expect(String(refused['detail'])).toContain('moves "vc" into the past');
    }
    expect(await put(snapshot(-6, [db]))).toMatchObject({ status: 422, faults: [{ path: '/asOf' }] });
    expect(await count('documents')).toBe(1);
    const taken = await put(snapshot(40, [db]), '?correction=true');
    expect(taken).toMatchObject({ status: 201, warnings: [{ path: '/asOf' }] });
    expect(JSON.stringify(taken['warnings'])).toContain(`hairpin reenrich --from ${at(40)}`);
  });

  test('with faults is refused whole, every fault with its path', async () => {
    const { put, count } = await createHouse();
    const refused = await put(
      snapshot(10, [web, { ...db, host: 'h9' }, vm('copy', 'h1', '02:00:00:00:00:01')], { colour: 'red' }),
    );
    // Every fault at once, those of the schema first.
    expect(refused).toMatchObject({
      status: 422,
      type: 'urn:hairpin:problem:document-invalid',
      faults: [
        { path: '/colour', message: expect.stringMatching(/^is not a known key; allowed are /) },
        { path: '/vms/1/host', message: '"h9" is no id of /hosts' },
        { path: '/vms/2/vnics/0/mac', message: '"02:00:00:00:00:01" is the MAC address of /vms/0/vnics/0/mac already' },
      ],
    });
    expect(await put('{"source": "vc", ')).toMatchObject({ status: 422 });
    expect(await count('documents')).toBe(0);
  });

  test('may come compressed or as YAML; what is too large, also unpacked, is refused', async () => {
    const { send, put, count } = await createHouse();
    const path = 'inventory/snapshots';
    const gzip = { 'content-encoding': 'gzip' };
    const packed = gzipSync(JSON.stringify(snapshot(30, [web])));
    expect(await send('PUT', path, packed, gzip)).toMatchObject({ status: 201 });
    expect(await put(`source: lab\nasOf: ${at(5)}\n`)).toMatchObject({ status: 201, source: 'lab' });
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(config.snapshotBytesMax);
    expect(await send('PUT', path, bomb, gzip)).toMatchObject({ status: 413 });
    expect(await put(' '.repeat(config.snapshotBytesMax + 1))).toMatchObject({ status: 413 });
    expect(await send('PUT', path, 'no gzip', gzip)).toMatchObject({ status: 400 });
    expect(await send('PUT', path, 'x', { 'content-encoding': 'br' })).toMatchObject({ status: 415 });
    expect(await count('documents')).toBe(2);
  });

  test('is JSON or YAML by its content type; what a form of a page could send is refused, and nothing recorded', async () => {
    const { app, count } = await createHouse();
    const text = JSON.stringify(snapshot(30, [web]));
    const putAs = (type: string | undefined, url = '/api/v1/inventory/snapshots') =>
      app.inject({
        method: 'PUT',
        url,
        payload: Buffer.from(text),
        headers: type === undefined ? {} : { 'content-type': type },
      });
    const refused = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/octet-stream',
      'application/jsonx',
      'application/json; charset=utf-16',
      undefined,
    ];
    for (const type of refused)
      for (const url of ['inventory/snapshots', 'exporters/registry', 'applications'].map(path => `/api/v1/${path}`)) {
        const response = await putAs(type, url);
        expect([response.statusCode, response.headers['content-type']], `${type} ${url}`).toEqual([
          415,
          'application/problem+json; charset=utf-8',
        ]);
        expect(response.json()).toMatchObject({ status: 415, detail: expect.stringContaining('application/yaml') });
      }
    for (const url of ['/api/v1/inventory/snapshots', '/api/v1/exporters/registry', '/api/v1/applications'])
      expect((await app.inject({ method: 'PUT', url })).statusCode, `${url} without a body`).toBe(422);
    expect(await count('documents')).toBe(0);
    expect((await putAs('Application/JSON; charset="UTF-8"')).statusCode).toBe(201);
    for (const type of ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml'])
      expect((await putAs(type)).statusCode, type).toBe(200);
  });

  test('of 100,000 VMs is taken while the API goes on answering', async () => {
    const { put, ask, count } = await createHouse({ bytesMax: 128 * 1024 * 1024 });
    const mac = (i: number) =>
      `02:00:00:${[16, 8, 0].map(bits => ((i >> bits) & 255).toString(16).padStart(2, '0')).join(':')}`;
    const vms = Array.from({ length: 100_000 }, (_, i) => vm(`vm-${i}`, i % 2 ? 'h1' : 'h2', mac(i)));
    const text = JSON.stringify(snapshot(10, vms));
    const { answer, longestShare } = await standingStill(() => put(text));
    expect(answer).toMatchObject({ status: 201, counts: { vms: 100_000 } });
    // Checked here, it would stand still for most of the time.
    expect(longestShare).toBeLessThan(1 / 3);
    expect(await put(text.replace(at(10), at(5)))).toMatchObject({ outcome: 'confirmed' });
    expect(await count('documents')).toBe(1);
    const found = await ask<{ entities: { entity: { id: string } }[]; more: boolean }>(
      'inventory?kind=vms&name=vm-9999*',
    );
    expect(found.entities.map(({ entity }) => entity.id)).toEqual([
      ...['vm-9999', 'vm-99990', 'vm-99991', 'vm-99992', 'vm-99993', 'vm-99994'],
      ...['vm-99995', 'vm-99996', 'vm-99997', 'vm-99998', 'vm-99999'],
    ]);
  }, 120_000);

  test('is refused from a page of another site, taken from one of its own', async () => {
    const { send } = await createHouse();
    const from = (origin: string) =>
      send('PUT', 'inventory/snapshots', snapshot(10), { origin, host: 'localhost:8080' });
    expect(await from('https://elsewhere.example')).toMatchObject({
      status: 403,
      type: 'urn:hairpin:problem:other-site',
    });
    expect(await from('null')).toMatchObject({ status: 403 });
    expect(await from('http://localhost:8080')).toMatchObject({ status: 201 });
  });

  test('is refused by an API that only reads', async () => {
    const { put, ask } = await createHouse({ writes: false });
    expect(await put(snapshot(10))).toMatchObject({ status: 503, type: 'urn:hairpin:problem:read-only' });
    expect(await ask('inventory/snapshots')).toEqual({ sources: [] });
  });
});

describe('the inventory', () => {
  test('is what held at the time asked for; a part adds and changes, and ends nothing', async () => {
    const { put, ask } = await createHouse();
    const counts = async (minutesAgo: number) =>
      (await ask<{ counts: object }>(`inventory?at=${at(minutesAgo)}`)).counts;
    const hostOf = async (minutesAgo: number) =>
      (
        await ask<{ entities: { entity: { id: string; host: string } }[] }>(`inventory?at=${at(minutesAgo)}&kind=vms`)
      ).entities.map(({ entity }) => `${entity.id}@${entity.host}`);
    await put(snapshot(50, [web, db]));
    await put(snapshot(30, [{ ...web, host: 'h2' }], { complete: [] }));
    await put(snapshot(10, [{ ...web, host: 'h2' }]));
    expect(await counts(60)).toMatchObject({ hosts: 0, vms: 0 });
    expect(await counts(40)).toMatchObject({ hosts: 2, vms: 2 });
    expect(await hostOf(40)).toEqual(['db@h2', 'web@h1']);
    expect(await hostOf(20)).toEqual(['db@h2', 'web@h2']);
    expect(await counts(20)).toMatchObject({ hosts: 2, vms: 2 });
    expect(await hostOf(0)).toEqual(['web@h2']);
  });

  test('is reported by name and host, at most as much as asked for', async () => {
    const { put, ask } = await createHouse();
    await put(snapshot(50, [web, db, vm('we%b', 'h1', '02:00:00:00:00:03'), vm('WEB2', 'h2', '02:00:00:00:00:04')]));
    const ids = async (query: string) => {
      const { entities, more } = await ask<{ entities: { entity: { id: string } }[]; more: boolean }>(
        `inventory?${query}`,
      );
      return [...entities.map(({ entity }) => entity.id), more];
    };
    expect(await ids('kind=vms&name=web*')).toEqual(['WEB2', 'web', false]);
    expect(await ids(`kind=vms&name=${encodeURIComponent('we%b')}`)).toEqual(['we%b', false]);
    expect(await ids('kind=vms&host=h2')).toEqual(['WEB2', 'db', false]);
    expect(await ids('kind=vms&limit=1')).toEqual(['WEB2', true]);
  });
});

const switches = [
  {
    id: 'leaf-1',
    ports: [
      { ifIndex: 1, connectsTo: { host: 'h1' } },
      { ifIndex: 2, connectsTo: { host: 'h2' }, lag: 100 },
      { ifIndex: 49, connectsTo: { switch: 'spine' } },
    ],
  },
  { id: 'spine', ports: [] },
];

describe('a document that is checked against the active ones', () => {
  interface Compared {
    readonly source: string;
    readonly activeSince: string | null;
    readonly differences: {
      kind: string;
      added: number;
      changed: number;
      ended: number;
      names: Record<string, string[]>;
    }[];
    readonly missing: { path: string; kind: string; id: string }[];
  }
  const changesOf = ({ differences }: Compared) =>
    Object.fromEntries(
      differences
        .filter(({ added, changed, ended }) => added + changed + ended > 0)
        .map(({ kind, names }) => [kind, names]),
    );
  const checking = (send: Awaited<ReturnType<typeof createHouse>>['send']) => async (kind: string, document: unknown) =>
    (await send('POST', `documents/check?kind=${kind}`, document)) as unknown as Compared & { status: number };

  test('shows what it would add, change and end within its source, and is stored nowhere', async () => {
    const { put, send, count } = await createHouse();
    const check = checking(send);
    const first = await check('inventory', snapshot(30, [web, db]));
    expect([first.status, first.source, first.activeSince]).toEqual([200, 'vc', null]);
    expect(changesOf(first)).toEqual({
      hosts: { added: ['h1', 'h2'], changed: [], ended: [] },
      vms: { added: ['web', 'db'], changed: [], ended: [] },
    });
    await put(snapshot(30, [web, db]));
    await put(snapshot(30, [vm('web', 'h1', '02:00:00:00:00:09')], { source: 'kvm' }));
    const full = snapshot(20, [{ ...web, host: 'h2' }, vm('new', 'h1', '02:00:00:00:00:03')]);
    const second = await check('inventory', full);
    expect(second.activeSince).toBe(at(30));
    expect(changesOf(second)).toEqual({ vms: { added: ['new'], changed: ['web'], ended: ['db'] } });
    // A part ends nothing; neither do other sources.
    expect(changesOf(await check('inventory', { ...full, complete: [] }))).toEqual({
      vms: { added: ['new'], changed: ['web'], ended: [] },
    });
    // The order of keys says nothing.
    const turned = (entity: object) => Object.fromEntries(Object.entries(entity).reverse());
    expect(changesOf(await check('inventory', snapshot(20, [turned(web), db])))).toEqual({});
    expect([await count('documents'), await count('heartbeats')]).toEqual([2, 0]);
    expect(await send('POST', 'documents/check?kind=inventory', { source: 'vc' })).toMatchObject({ status: 422 });
    expect(await send('POST', 'documents/check?kind=tokens', {})).toMatchObject({ status: 400 });
  });

  test('shows the references that lead nowhere once it is active, whoever has what they name', async () => {
    const { put, send } = await createHouse();
    const check = checking(send);
    await put({ source: 'dcim', asOf: at(30), complete: ['racks', 'switches'], racks: [{ id: 'r1' }], switches });
    const part = {
      ...{ source: 'vc', asOf: at(20) },
      hosts: [
        { id: 'h1', rack: 'r1', pnics: [{ id: 'p', switch: 'leaf-1', ifIndex: 1 }] },
        { id: 'h2', rack: 'r9', pnics: [{ id: 'p', switch: 'leaf-9', ifIndex: 1 }] },
      ],
      segments: [{ id: 's', site: 'nowhere' }],
      vms: [web, { ...db, vnics: [{ segment: 's' }] }],
    };
    expect((await check('inventory', part)).missing.map(({ path, kind, id }) => [path, kind, id])).toEqual([
      ['/segments/0/site', 'sites', 'nowhere'],
      ['/hosts/1/rack', 'racks', 'r9'],
      ['/hosts/1/pnics/0/switch', 'switches', 'leaf-9'],
    ]);
    // Racks that end with the document itself are no more there.
    const emptied = { source: 'dcim', asOf: at(20), complete: ['racks'], switches: [{ id: 'leaf-1', rack: 'r1' }] };
    expect(await check('inventory', emptied)).toMatchObject({ status: 422 });
    const exporters = [
      { address: '192.0.2.1', switch: 'leaf-1' },
      { address: '192.0.2.2', switch: 'leaf-9', site: 'east' },
    ];
    expect((await check('exporters', { exporters })).missing.map(({ path }) => path)).toEqual([
      '/exporters/1/site',
      '/exporters/1/switch',
    ]);
  });

  test('of exporters or applications shows the same; an application at another place is changed', async () => {
    const { send } = await createHouse();
    const check = checking(send);
    const exporters = (...addresses: string[]) => ({ exporters: addresses.map(address => ({ address })) });
    await send('PUT', 'exporters/registry', exporters('192.0.2.1', '2001:db8::1'));
    expect(changesOf(await check('exporters', exporters('2001:db8:0::1', '192.0.2.3')))).toEqual({
      exporters: { added: ['192.0.2.3'], changed: ['2001:db8::1'], ended: ['192.0.2.1'] },
    });
    const applications = (...ids: string[]) => ({ applications: ids.map(id => ({ id, servers: { names: [id] } })) });
    await send('PUT', 'applications', applications('a', 'b', 'c'));
    expect(changesOf(await check('applications', applications('new', 'c', 'b')))).toEqual({
      applications: { added: ['new'], changed: ['c', 'b'], ended: ['a'] },
    });
    expect(
      changesOf(await check('applications', { ...applications('a', 'b', 'c'), internal: ['10.0.0.0/8'] })),
    ).toEqual({ internal: { added: [], changed: [], ended: ['172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'] } });
  });
});

describe('the exporter registry', () => {
  const leaf = { address: '192.0.2.1', switch: 'leaf-1', ports: [{ ifIndex: 49, role: 'tunnel' }] };

  test('is recorded whole and reported as it is in force; an unknown switch is a warning', async () => {
    const { send, ask, count } = await createHouse();
    const path = 'exporters/registry';
    expect(await ask(path)).toEqual({ recordedAt: null, source: 'none', registry: { exporters: [] } });
    const put = await send('PUT', path, { exporters: [leaf] });
    expect(put).toMatchObject({ status: 201, outcome: 'recorded', exporters: 1, ports: 1 });
    expect(put['warnings']).toEqual([
      { path: '/exporters/0/switch', message: expect.stringContaining('"leaf-1" is no switch of the inventory') },
    ]);
    expect(await send('PUT', path, { exporters: [leaf] })).toMatchObject({ status: 200, outcome: 'known' });
    expect(await send('PUT', path, { exporters: [leaf, leaf] })).toMatchObject({
      status: 422,
      faults: [{ path: '/exporters/1' }],
    });
    expect(await ask(path)).toMatchObject({ recordedAt: at(0), source: 'api', registry: { exporters: [leaf] } });
    expect(await count('documents')).toBe(1);
  });

  test('of 120,000 exporters is taken, refused and read while the API goes on answering', async () => {
    const { send, app } = await createHouse({ bytesMax: 128 * 1024 * 1024 });
    const exporters = Array.from({ length: 120_000 }, (_, i) => ({
      address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
      name: `exporter-${i}`,
      switch: `leaf-${i}`,
    }));
    const text = JSON.stringify({ exporters });
    const put = (payload: string) => standingStill(() => send('PUT', 'exporters/registry', payload));
    const taken = await put(text);
    expect(taken.answer).toMatchObject({ status: 201, exporters: 120_000 });
    expect(taken.answer['warnings']).toHaveLength(1000);
    const refused = await put(text.replaceAll('"name"', '"nome"'));
    expect(refused.answer).toMatchObject({ status: 422 });
    expect(refused.answer['faults']).toHaveLength(1000);
    const read = await standingStill(() => app.inject('/api/v1/exporters/registry'));
    expect(read.answer.json<{ registry: { exporters: object[] } }>().registry.exporters).toHaveLength(120_000);
    expect(taken.longestShare).toBeLessThan(1 / 3);
    expect(refused.longestShare).toBeLessThan(1 / 3);
  }, 120_000);

  test('is filled by suggestions from cabling and MACs when they are confirmed', async () => {
    const { storage, put, send, ask } = await createHouse();
    await put(snapshot(30, [web, db], { switches }));
    await send('PUT', 'exporters/registry', { exporters: [leaf] });
    const hosts = ['h1', 'h2', 'h3'].map((id, i) => ({
      key: 0x1100000000000001n + BigInt(i),
      name: id,
      identity: `vc/${id}`,
    }));
    await insertNodes(storage, hosts);
    const seen = (exporter: string, inIf: number, host: number, mac: bigint, more: FlowObject = {}) =>
      flow({
        ...{ flowEnd: NOW - MINUTE, exporter, inIf, srcMac: mac, bytes: 1000, protocol: PROTOCOL.sflow5 },
        ...{ direction: DIRECTION.ingress, srcIdentity: IDENTITY.mac, srcHost: hosts[host]?.key ?? 0n, ...more },
      });
    const outside = { srcIdentity: IDENTITY.none, srcRule: RULE.external };
    const flows = [
      ...[0, 1, 2].map(host => seen('192.0.2.9', 7, host, 10n + BigInt(host))),
      seen('192.0.2.9', 1, 0, 1n),
      seen('192.0.2.9', 1, 0, 2n),
      seen('192.0.2.9', 2, 1, 3n),
      seen('192.0.2.9', 8, -1, 99n, outside),
      seen('192.0.2.9', 9, -1, 98n, { srcIdentity: IDENTITY.none }),
    ];
    await insertFlows(storage, encodeFlows(flows), 't');
    type Suggested = {
      document: { exporters: { address: string; ports: object[] }[] };
      evidence: Record<string, unknown>[];
    };
    const { document, evidence } = await ask<Suggested>('exporters/suggestions');
    expect(document.exporters).toMatchObject([
      {
        address: '192.0.2.1',
        ports: [
          { ifIndex: 49, role: 'tunnel' },
          { ifIndex: 1, role: 'access' },
          { ifIndex: 2, role: 'access' },
          { ifIndex: 100, role: 'access' },
        ],
      },
      {
        ...{ address: '192.0.2.9', protocol: 'sflow5', switch: 'leaf-1', metering: 'ingress' },
        ports: [
          ...[1, 2].map(ifIndex => ({ ifIndex, role: 'access' })),
          { ifIndex: 7, role: 'fabric' },
          { ifIndex: 8, role: 'external' },
          { ifIndex: 49, role: 'fabric' },
          { ifIndex: 100, role: 'access' },
        ],
      },
    ]);
    expect(evidence.filter(({ ifIndex }) => ifIndex === 49)).toEqual([
      {
        exporter: '192.0.2.1',
        ifIndex: 49,
        role: 'fabric',
        by: 'cabling',
        detail: 'cabled to switch spine',
        stated: 'tunnel',
      },
      { exporter: '192.0.2.9', ifIndex: 49, role: 'fabric', by: 'cabling', detail: 'cabled to switch spine' },
    ]);
    expect(evidence.find(({ ifIndex }) => ifIndex === 7)).toMatchObject({
      by: 'macs',
      detail: 'MACs of VMs on 3 hosts',
    });

    expect(await send('POST', 'exporters/suggestions/confirm?exporter=192.0.2.1')).toMatchObject({
      status: 201,
      exporters: 1,
      ports: 4,
    });
    expect(await send('POST', 'exporters/suggestions/confirm')).toMatchObject({ status: 201, exporters: 2, ports: 10 });
    expect(await send('POST', 'exporters/suggestions/confirm')).toMatchObject({ status: 200, outcome: 'known' });
    const { registry } = await ask<{ registry: { exporters: { address: string }[] } }>('exporters/registry');
    expect(registry.exporters.map(({ address }) => address)).toEqual(['192.0.2.1', '192.0.2.9']);
  });
});
