// Alert rules on a real ClickHouse: rows of generated traffic, five minutes at a time, against states worked out by hand; over
// restarts; the webhook against a server that fails; and what each role sees.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROTOCOL } from '../../schemas/codes.ts';
import { createLog } from '../../service/log.ts';
import { createMetrics } from '../../service/metrics.ts';
import { type Storage, StorageError } from '../../storage/storage.ts';
import { insertAlertRules } from '../../storage/tables/alert-rules.ts';
import { insertAlerts, insertEvaluations } from '../../storage/tables/alerts.ts';
import { insertExporterMinutes } from '../../storage/tables/exporters.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { encodeExporters, type FlowObject, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import { insertReceiving } from '../../testing/receiving.ts';
import type { QueryApiConfiguration } from '../configuration.ts';
import { QUERY_API_SERVICE } from '../configuration.ts';
import { QUESTIONS } from '../questions/all.ts';
import { RecentSelects } from '../questions/recent-selects.ts';
import { AlertEvaluator } from './evaluator.ts';
import type { WebhookPayload } from './payload.ts';

const MINUTE = 60_000;
const BUCKET = 5 * MINUTE;
const START = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 6 * 3_600_000;
const HOSTILE = '"}],"status":"resolved" <script>{value}\u202e';

const [web, db, evil] = ['web', 'db', HOSTILE].map(name => node('application', name)) as [
  ...[ReturnType<typeof node>, ReturnType<typeof node>, ReturnType<typeof node>],
];

/** bit/s from web to db in each bucket; null: no collector was receiving. */
const RATES = [1200, 1300, 800, null, 400, 800, 1100, 900, 0, 2000] as const;
/** Of a rule that begins above 1000 for 5m and ends at 500. */
const STATES = ['pending', 'firing', 'firing', 'firing?', '', '', 'pending', '', '', 'pending'];
/** The exporter's last datagram before it falls silent, and its first after. */
const SILENT = { from: 2 * BUCKET, until: 5 * BUCKET };

function trafficOf(rates: readonly (number | null)[]): FlowObject[] {
  return rates.flatMap((bps, i) => {
    const at = { flowStart: START + i * BUCKET + MINUTE, flowEnd: START + i * BUCKET + 2 * MINUTE };
    const sent = bps ? [flow({ ...at, srcApp: web.key, dstApp: db.key, bytes: (bps * 300) / 8 })] : [];
    // In the last bucket alone: names and addresses of strangers.
    const strange = flow({
      ...at,
      srcApp: evil.key,
      dstApp: db.key,
      srcAddr: '10.9.8.7',
      dstAddr: '10.9.8.6',
      bytes: 999,
    });
    return i === RATES.length - 1 ? [...sent, strange] : sent;
  });
}

const cell = {
  ...{ name: 'web to db', question: 'matrix', parameters: { by: 'app', metric: 'avgBps' } },
  ...{ column: 'value', above: 1000, clear: 500, for: '5m', severity: 'critical' },
  annotations: { summary: '{src} sends {value} bit/s to {dst}' },
};
const silent = {
  ...{ name: 'silent', question: 'exporters', column: 'silent', is: true, window: '1h' },
  labels: { team: 'net' },
};
const covered = {
  ...{ name: 'gap', question: 'top', column: 'coveredShare', below: 0.9, window: '10m' },
  parameters: { by: 'app' },
};
const strangers = {
  ...{ name: 'strangers', question: 'matrix', column: 'value', above: 0 },
  parameters: { filter: 'addr in 10.9.8.0/24' },
};

let server: TestServer;
let house: QueryHouse;
let now = START;
const folder = mkdtempSync(join(tmpdir(), 'hairpin-alerts-'));
const config = QUERY_API_SERVICE.load({});

beforeAll(async () => {
  server = await startTestServer();
  const tokens = ['matrix', 'read', 'records', 'inventory', 'admin'].map(role => ({
    ...{ name: role, role, sha256: createHash('sha256').update(role).digest('hex') },
  }));
  writeFileSync(join(folder, 'tokens.json'), JSON.stringify({ tokens }));
  house = await createQueryHouse(server, 'alerts', {
    ...{ nowMs: START, flows: trafficOf(RATES), nodes: [web, db, evil, node('segment', 'web')], receives: false },
    config: { tokens: join(folder, 'tokens.json') },
    dependencies: {
      nowMs: () => now,
      alertRules: { insertRules: version => insertAlertRules(server.connect('alerts'), version) },
    },
  });
  const gap = START + RATES.indexOf(null) * BUCKET;
  await insertReceiving(house.storage, START - BUCKET, gap);
  await insertReceiving(house.storage, gap + BUCKET, START + (RATES.length + 2) * BUCKET);
  const minutes = Array.from({ length: (RATES.length * BUCKET) / MINUTE }, (_, i) => i * MINUTE)
    .filter(at => at < SILENT.from || at >= SILENT.until)
    .map(at => ({
      ...{ minute: START + at, exporter: '192.0.2.1', protocol: PROTOCOL.ipfix, lastSeen: START + at + 59_000 },
      ...{ datagrams: 60, records: 60 },
    }));
  await insertExporterMinutes(house.storage, encodeExporters(minutes), `exporters.test.0.${'0'.repeat(32)}.0`);
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await house?.api.stop();
  await server?.close();
});

async function send(
  method: 'GET' | 'PUT',
  url: string,
  { role = 'admin', body }: { role?: string; body?: object } = {},
) {
  const response = await house.api.app.inject({
    ...{
      method,
      url,
      headers: { authorization: `Bearer ${role}`, ...(body && { 'content-type': 'application/json' }) },
    },
    ...(body && { payload: JSON.stringify(body) }),
  });
  return { status: response.statusCode, json: response.json() };
}

function evaluator(
  more: Partial<QueryApiConfiguration> = {},
  metrics = createMetrics(),
  storage: Storage = house.storage,
): AlertEvaluator {
  return new AlertEvaluator({
    ...{ storage, config: { ...config, ...more }, nowMs: () => now, metrics },
    log: createLog('test', 'fatal' as 'error'),
    writer: {
      insert: rows => insertAlerts(house.storage, rows),
      insertEvaluations: rows => insertEvaluations(house.storage, rows),
    },
    webhookPauses: { pauseMsMin: 5, pauseMsMax: 20 },
    recent: new RecentSelects(0),
  });
}

interface Listed {
  readonly alerts: readonly {
    readonly rule: string;
    readonly state: string;
    readonly value: unknown;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly since: string;
    readonly firedAt: string | null;
    readonly resolvedAt: string | null;
    readonly unknownSince: string | null;
  }[];
  readonly count: number;
  readonly rules: readonly { readonly rule: string; readonly error: string; readonly rows: number }[];
}

async function alertsOf(query: string, role = 'admin'): Promise<Listed> {
  const { status, json } = await send('GET', `/api/v1/alerts${query}`, { role });
  expect(status, JSON.stringify(json)).toBe(200);
  return json;
}

/** An active timeout has passed behind the bucket. */
const settledAt = (bucket: number) => START + (bucket + 1) * BUCKET + MINUTE + config.batchAgeMsMax;

/** What is active of a rule once a bucket has settled. */
async function stateAfter(bucket: number, alerts: AlertEvaluator, rule: string): Promise<string> {
  now = settledAt(bucket);
  // Before the gap the collector has said nothing of the time behind the bucket: it settles when it is back.
  const settles = RATES[bucket + 1] !== null;
  expect(await alerts.look()).toBe(settles ? START + (bucket + 1) * BUCKET : undefined);
  const { alerts: found } = await alertsOf(`?rule=${encodeURIComponent(rule)}`);
  return found.map(({ state, unknownSince }) => `${state}${unknownSince ? '?' : ''}`).join(' ');
}

async function reset(): Promise<void> {
  for (const table of ['alerts', 'alert_evaluations']) await house.storage.command(`TRUNCATE TABLE ${table}`);
}

test.each(['one process', 'a process that starts anew for each bucket'])(
  'states of a cell follow its rates, in %s',
  async how => {
    await reset();
    await send('PUT', '/api/v1/alerts/rules', { body: { rules: [cell] } });
    const one = evaluator();
    const found: string[] = [];
    for (const [i] of RATES.entries())
      found.push(await stateAfter(i, how === 'one process' ? one : evaluator(), cell.name));
    expect(found).toEqual(STATES);
    const { alerts, count } = await alertsOf('?state=resolved');
    expect(count).toBe(1);
    const at = (bucket: number) => new Date(START + (bucket + 1) * BUCKET).toISOString();
    expect(alerts[0]).toMatchObject({
      ...{ rule: 'web to db', state: 'resolved', value: 400, ending: 'cleared', severity: 'critical' },
      labels: { alertname: 'web to db', severity: 'critical', src: 'web', dst: 'db' },
      ...{ since: at(0), firedAt: at(1), resolvedAt: at(4), unknownSince: null },
    });
  },
);

test('rules are evaluated once a bucket, and not before it has settled', async () => {
  await reset();
  const alerts = evaluator();
  now = settledAt(7) - 1;
  const looks = [await alerts.look(), await alerts.look()];
  now += 1;
  looks.push(await alerts.look(), await alerts.look());
  const at = (bucket: number) => START + (bucket + 1) * BUCKET;
  expect(looks).toEqual([at(6), undefined, at(7), undefined]);
});

test('a silent exporter, a gap in coverage and a cell, evaluated side by side', async () => {
  await reset();
  expect(await send('PUT', '/api/v1/alerts/rules', { body: { rules: [cell, silent, covered] } })).toMatchObject({
    ...{ status: 201, json: { outcome: 'recorded', rules: 3 } },
  });
  const alerts = evaluator();
  const states: Record<string, string[]> = { silent: [], gap: [] };
  for (const [i] of RATES.entries()) {
    states['silent']!.push(await stateAfter(i, alerts, 'silent'));
    states['gap']!.push((await alertsOf('?rule=gap')).alerts.map(({ state }) => state).join(' '));
  }
  // Its last datagram came a second before bucket 2, which settles after the gap; it sends again in bucket 5.
  expect(states['silent']).toEqual(['', '', '', 'firing', 'firing', '', '', '', '', '']);
  // Of the ten minutes that end in bucket 3 and 4 a half is not covered.
  expect(states['gap']).toEqual(['', '', '', 'firing', 'firing', '', '', '', '', '']);
  const { alerts: past, rules } = await alertsOf('?state=resolved&rule=silent');
  expect(past[0]?.labels).toMatchObject({ exporter: '192.0.2.1', protocol: 'ipfix', team: 'net', alertname: 'silent' });
  expect(rules).toEqual([expect.objectContaining({ rule: 'silent', rows: 1, error: '' })]);
});

test('the webhook is sent what Alertmanager sends, until it accepts it; hostile names are texts', async () => {
  await reset();
  const received: { body: string; headers: IncomingHttpHeaders }[] = [];
  const hook = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', piece => pieces.push(piece));
    request.on('end', () => {
      received.push({ body: Buffer.concat(pieces).toString(), headers: request.headers });
      response.writeHead(received.length < 3 ? 500 + received.length : 200).end('said');
    });
  });
  await new Promise<void>(resolve => hook.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`;
  const token = join(folder, 'token');
  writeFileSync(token, 'sesame\n');
  await send('PUT', '/api/v1/alerts/rules', { body: { rules: [{ ...cell, for: '0m', above: 0, clear: 0 }, silent] } });
  const metrics = createMetrics();
  const alerts = evaluator(
    { alertWebhook: url, alertWebhookToken: token, alertExternalUrl: 'https://h.example/x/' },
    metrics,
  );
  now = START + RATES.length * BUCKET + 2 * MINUTE;
  alerts.start();
  await expect.poll(() => received.length, { timeout: 20_000 }).toBe(3);
  await expect.poll(async () => (await metrics.registry.metrics()).match(/deliveries_total (\d)/)?.[1]).toBe('1');
  await alerts.stop();
  hook.close();
  expect(received.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill('Bearer sesame'));
  expect(new Set(received.map(({ body }) => body)).size).toBe(1);
  const payload = JSON.parse(received[2]!.body) as WebhookPayload;
  const firedAt = new Date(START + RATES.length * BUCKET).toISOString();
  expect(payload).toMatchObject({
    ...{ version: '4', status: 'firing', receiver: 'hairpin', truncatedAlerts: 0 },
    ...{ groupKey: '{}:{alertname="web to db"}', groupLabels: { alertname: 'web to db' } },
    commonLabels: { alertname: 'web to db', severity: 'critical', dst: 'db' },
    externalURL: 'https://h.example/x',
  });
  const [first, second] = payload.alerts.toSorted((a, b) =>
    a.labels['src'] === 'web' ? -1 : b.labels['src'] === 'web' ? 1 : 0,
  );
  expect([payload.alerts.length, first]).toEqual([
    2,
    {
      ...{ status: 'firing', startsAt: firedAt, endsAt: '0001-01-01T00:00:00Z' },
      labels: expect.objectContaining({ src: 'web', dst: 'db', alertname: 'web to db', severity: 'critical' }),
      annotations: { summary: 'web sends 2000 bit/s to db' },
      generatorURL: 'https://h.example/x/api/v1/alerts?rule=web%20to%20db',
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
    },
  ]);
  expect(second?.labels['src']).toBe(HOSTILE);
  expect(second?.annotations['summary']).toBe(`${HOSTILE} sends 26.64 bit/s to db`);
  const text = await metrics.registry.metrics();
  expect(text).toContain('hairpin_alerts{rule="web to db",state="firing"} 2');
  expect(text).toContain('hairpin_alert_webhook_failures_total 2');
  // That they were sent is stored, so that a process that starts anew does not send them again.
  const stored = 'SELECT notifiedState FROM alerts FINAL';
  expect(await house.storage.select(stored)).toEqual(Array(2).fill({ notifiedState: 'firing' }));
});

test('each role sees the alerts of rules whose answers it may see, and no address beyond them', async () => {
  await reset();
  const rules = [
    { ...cell, for: '0m', above: 0, clear: 0 },
    { ...strangers },
    { ...covered, below: 2 },
    { ...silent, is: false },
  ];
  expect((await send('PUT', '/api/v1/alerts/rules', { body: { rules } })).status).toBe(201);
  now = START + RATES.length * BUCKET + 2 * MINUTE;
  await evaluator().look();
  const seen = async (role: string) => {
    const { alerts, count, rules: evaluated } = await alertsOf('', role);
    expect(count).toBe(alerts.length);
    return [[...new Set(alerts.map(({ rule }) => rule))].sort(), evaluated.map(({ rule }) => rule)];
  };
  const [ofApps, all] = [
    ['gap', 'web to db'],
    ['gap', 'silent', 'strangers', 'web to db'],
  ];
  expect(await seen('matrix')).toEqual([ofApps, ofApps]);
  const ofRead = ['gap', 'silent', 'web to db'];
  expect(await seen('read')).toEqual([ofRead, ofRead]);
  expect(await seen('inventory')).toEqual([ofRead, ofRead]);
  expect(await seen('records')).toEqual([all, all]);
  expect(JSON.stringify((await send('GET', '/api/v1/alerts/rules', { role: 'read' })).json)).not.toContain('10.9.8');
  expect(JSON.stringify((await send('GET', '/api/v1/alerts/rules', { role: 'records' })).json)).toContain(
    '10.9.8.0/24',
  );
  for (const role of ['matrix', 'read', 'records'])
    expect((await send('PUT', '/api/v1/alerts/rules', { role, body: { rules: [] } })).status).toBe(403);
  expect((await send('GET', '/api/v1/alerts/rules', { role: 'matrix' })).status).toBe(403);
});

test('rules are a document: versions, undo by version, refused as a whole, paged alerts', async () => {
  await reset();
  const put = (rules: readonly object[], query = '') =>
    send('PUT', `/api/v1/alerts/rules${query}`, { body: { rules } });
  const first = (await put([{ ...cell, for: '0m', above: 0, clear: 0 }])).json.version as string;
  now += 1;
  expect((await put([silent])).json.outcome).toBe('recorded');
  expect((await put([silent])).json.outcome).toBe('unchanged');
  expect((await put([], `?replaces=${first}`)).status).toBe(409);
  const refused = await put([cell, { ...cell, column: 'valu' }]);
  expect([refused.status, refused.json.faults.map(({ path }: { path: string }) => path)]).toEqual([
    ...[422, ['/rules/1/name', '/rules/1/column']],
  ]);
  const compared = await house.api.app.inject({
    ...{ method: 'POST', url: '/api/v1/documents/check?kind=alerts', headers: { authorization: 'Bearer inventory' } },
    payload: { rules: [cell] },
  });
  expect(compared.json().differences).toMatchObject([{ kind: 'rules', added: 1, changed: 0, ended: 1 }]);
  const old = (await send('GET', `/api/v1/alerts/rules?version=${first}`)).json;
  expect((await put(old.document.rules)).json.outcome).toBe('recorded');
  expect((await send('GET', '/api/v1/alerts/rules')).json.document).toEqual(old.document);
  expect((await send('GET', '/api/v1/alerts/rules?version=2020-01-01T00:00:00Z')).status).toBe(400);
  now = START + RATES.length * BUCKET + 2 * MINUTE;
  await evaluator().look();
  const pages = await Promise.all([0, 1, 2].map(offset => alertsOf(`?limit=1&offset=${offset}`)));
  expect(pages.map(({ alerts, count }) => [alerts.length, count])).toEqual([
    [1, 2],
    [1, 2],
    [0, 2],
  ]);
  expect((await send('GET', '/api/v1/alerts?state=burning')).status).toBe(400);
});

test('a rule that fails keeps the states of its alerts, marks them and says why', async () => {
  await reset();
  const rule = { ...cell, for: '0m' };
  await send('PUT', '/api/v1/alerts/rules', { body: { rules: [rule] } });
  let isDown = false;
  const failing: Storage = Object.create(house.storage, {
    select: {
      value: (sql: string, ...rest: unknown[]) =>
        isDown && sql.includes('GROUPING SETS')
          ? Promise.reject(new StorageError('transient', 210, 'connection refused'))
          : (house.storage.select as (...all: unknown[]) => Promise<unknown>)(sql, ...rest),
    },
  });
  const alerts = evaluator({}, createMetrics(), failing);
  expect(await stateAfter(0, alerts, cell.name)).toBe('firing');
  isDown = true;
  expect(await stateAfter(1, alerts, cell.name)).toBe('firing?');
  expect((await alertsOf('')).rules).toEqual([
    expect.objectContaining({ rule: cell.name, error: expect.stringContaining('210') }),
  ]);
  isDown = false;
  // Behind the gap: the bucket before it does not settle.
  expect(await stateAfter(4, alerts, cell.name)).not.toContain('?');
  expect((await alertsOf('')).rules).toEqual([expect.objectContaining({ error: '' })]);
});

test('a rule of which this version knows a column no more marks its alerts, and one taken away is listed no more', async () => {
  await reset();
  await send('PUT', '/api/v1/alerts/rules', { body: { rules: [{ ...cell, for: '0m' }] } });
  const alerts = evaluator();
  expect(await stateAfter(0, alerts, cell.name)).toBe('firing');
  const body = JSON.stringify({ rules: [{ ...cell, for: '0m', column: 'gone' }] });
  await insertAlertRules(server.connect('alerts'), { recordedAtMs: Date.now() + 60_000, source: 'test', body });
  expect(await stateAfter(1, alerts, cell.name)).toBe('firing?');
  await insertAlertRules(server.connect('alerts'), {
    recordedAtMs: Date.now() + 120_000,
    source: 'test',
    body: '{"rules":[]}',
  });
  expect((await alertsOf('')).rules).toEqual([]);
  await house.storage.command('TRUNCATE TABLE alert_rules');
});

test('the table that each question states is the one that it answers with', async () => {
  now = START + RATES.length * BUCKET;
  const headers: Record<string, readonly [string, string]> = {};
  for (const { name, table, body, parameters } of QUESTIONS) {
    if (body || !table) continue;
    const defaults = Object.fromEntries(
      Object.entries(parameters.properties as Record<string, { default?: unknown }>).map(([key, one]) => [
        key,
        one.default,
      ]),
    );
    const { kinds, keys } = table(defaults as never);
    expect(Object.keys(kinds), name).toEqual(expect.arrayContaining([...keys]));
    const response = await house.api.app.inject({
      ...{ url: `/api/v1/${name}`, query: { ...exampleOf(parameters.properties), format: 'csv' } },
      headers: { authorization: 'Bearer admin' },
    });
    if (response.statusCode === 409) continue;
    headers[name] = [response.body.split('\r\n')[0]!, Object.keys(kinds).join(',')];
  }
  expect(Object.keys(headers).length).toBeGreaterThan(10);
  for (const [name, [sent, stated]] of Object.entries(headers)) expect(sent, name).toBe(stated);
});

/** What a question requires, which `web` names in every dimension that is asked for. */
function exampleOf(properties: Readonly<Record<string, object>>): Record<string, string> {
  const required = ['of', 'src', 'dst'].filter(name => name in properties);
  return Object.fromEntries(required.map(name => [name, 'web']));
}
