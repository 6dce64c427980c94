// Services of an application, their clients and which are new, against sums over the records of the test.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom } from '../../benchmarks/random.ts';
import { SERVER_SIDE } from '../../schemas/codes.ts';
import { serviceKey } from '../../schemas/keys.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { big, type FlowObject, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import { insertReceiving } from '../../testing/receiving.ts';
import type { ServicesAnswer } from './services.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Math.floor(Date.now() / DAY) * DAY + 10 * HOUR;
const START = NOW - 30 * DAY;
/** Of the ten days before this one nothing was received. */
const GAP = NOW - 12 * DAY;
const names = ['shop', 'web', 'batch', 'probe'];
const apps = names.map(name => node('application', name));

interface Sent {
  readonly atMs: number;
  readonly client: number;
  readonly server: number | undefined;
  readonly port: number;
  readonly isAnswer: boolean;
  readonly bytes: number;
}
const random = createRandom(5, 9);
/** 443 from the start, 8443 since five days, 25 within the gap's shadow: since eleven days. */
const SINCE = { 443: START, 8443: NOW - 5 * DAY, 25: NOW - 11 * DAY };
const sent: readonly Sent[] = Array.from({ length: 600 }, (_, i) => {
  const port = ([443, 8443, 25] as const)[random.below(3)]!;
  const [fromMs, client] = [i < 3 ? SINCE[port] : Math.max(SINCE[port], NOW - 4 * DAY), 1 + random.below(3)];
  const atMs = fromMs + random.below(Math.floor((NOW - HOUR - fromMs) / 1000)) * 1000;
  return { atMs, client, server: i % 50 === 0 ? undefined : 0, port, isAnswer: i % 3 === 0, bytes: 1000 + i };
});
const all: readonly Sent[] = [
  ...sent,
  ...Object.entries(SINCE).map(([port, atMs]) => ({
    ...{ atMs: atMs + 1000, client: 1, server: 0, port: Number(port), isAnswer: false, bytes: 5 },
  })),
];

function asFlow({ atMs, client, server, port, isAnswer, bytes }: Sent): FlowObject {
  const [src, dst] = isAnswer ? [0, client] : [client, 0];
  const side = server === undefined ? SERVER_SIDE.unknown : isAnswer ? SERVER_SIDE.src : SERVER_SIDE.dst;
  return flow({
    ...{ srcApp: apps[src]!.key, dstApp: apps[dst]!.key, service: big(serviceKey(6, port, port)), serverSide: side },
    ...{ bytes, flowStart: atMs, flowEnd: atMs + 500, receivedAt: atMs + 600 },
  });
}

let server: TestServer;
let house: QueryHouse;
beforeAll(async () => {
  server = await startTestServer();
  // What shop itself asks of others is no service of it.
  const asks = flow({
    srcApp: apps[0]!.key,
    dstApp: apps[1]!.key,
    service: big(serviceKey(6, 22, 22)),
    serverSide: 2,
    bytes: 9,
    flowEnd: NOW - HOUR,
  });
  house = await createQueryHouse(server, 'services', {
    ...{ nowMs: NOW, flows: [...all.map(asFlow), asks], nodes: apps, receives: false },
    config: { retentionDays: 3000, rollupRetentionDays: 10_000 },
  });
  await insertReceiving(house.storage, START, GAP - 10 * DAY, { stopped: true });
  await insertReceiving(house.storage, GAP, NOW);
});
afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

const iso = (ms: number) => new Date(ms).toISOString();
const window = { from: iso(NOW - 4 * DAY), to: iso(NOW), of: 'shop' };
const within = all.filter(({ atMs }) => atMs >= NOW - 4 * DAY);
const sumOf = (list: readonly Sent[]) => list.reduce((sum, { bytes }) => sum + bytes, 0);
const served = within.filter(one => one.server === 0);

test('services have the bytes of both ways and the clients of the records, and pages hold each once', async () => {
  const truth = [...Map.groupBy(served, ({ port }) => port)]
    .map(([port, list]) => [`tcp/${port}`, sumOf(list), new Set(list.map(({ client }) => client)).size] as const)
    .sort(([, a], [, b]) => b - a);
  const answer = await house.answer<ServicesAnswer>('services', window);
  expect(answer.services.map(({ service, value, clients }) => [service.name, value, clients])).toEqual(truth);
  expect(answer.services.map(({ share }) => share)).toEqual(truth.map(([, bytes]) => bytes / sumOf(served)));
  expect(answer).toMatchObject({
    serviceCount: 3,
    rest: 0,
    baseline: null,
    total: { value: sumOf(served), method: 'exact' },
  });
  expect(answer.unknownSide.value).toBe(sumOf(within.filter(one => one.server === undefined)));
  const pages = await Promise.all(
    [0, 1, 2, 3].map(offset => house.answer<ServicesAnswer>('services', { ...window, limit: 1, offset })),
  );
  expect(pages.map(({ services }) => services[0]?.service.name)).toEqual([...truth.map(([name]) => name), undefined]);
  expect(pages.map(({ serviceCount, rest }) => [serviceCount, rest])).toEqual([
    ...truth.map(([, bytes]) => [3, sumOf(served) - bytes]),
    [3, sumOf(served)],
  ]);
});

const newSince = async (since: string, more = {}) => {
  const { services, baseline } = await house.answer<ServicesAnswer>('services', { ...window, since, ...more });
  return [Object.fromEntries(services.map(one => [one.service.name, one.new])), baseline?.reaches];
};

test('new is what was not seen before, where the days before are covered', async () => {
  const days = (count: number) => iso(NOW - count * DAY);
  expect(await newSince(days(5), { baselineDays: 6 })).toEqual([
    { 'tcp/443': false, 'tcp/8443': true, 'tcp/25': false },
    true,
  ]);
  // Of these 21 days ten lie in the gap: what is not seen before them may have been there.
  expect(await newSince(days(5), { baselineDays: 21 })).toEqual([
    { 'tcp/443': false, 'tcp/8443': null, 'tcp/25': false },
    false,
  ]);
  expect(await newSince(days(11.5))).toEqual([{ 'tcp/443': false, 'tcp/8443': null, 'tcp/25': null }, false]);
  // Before everything, there is no history that could say so.
  expect(await newSince(days(31))).toEqual([{ 'tcp/443': null, 'tcp/8443': null, 'tcp/25': null }, false]);
  // The minute in which it was seen first: before or after is not known.
  expect((await newSince(iso(SINCE[8443] + 500), { baselineDays: 6 }))[0]).toMatchObject({ 'tcp/8443': null });
});

test('a date in the future is refused, and a table says what is new', async () => {
  const { status, body } = await house.get('/api/v1/services', { ...window, since: iso(NOW + HOUR) });
  expect([status, JSON.parse(body).parameters]).toEqual([400, [{ parameter: 'since', reason: 'lies in the future' }]]);
  const csv = (
    await house.get('/api/v1/services', { ...window, since: iso(NOW - 5 * DAY), baselineDays: 6, format: 'csv' })
  ).body;
  const lines = csv
    .trim()
    .split('\r\n')
    .map(line => line.split(','));
  const column = lines[0]!.indexOf('new');
  expect(Object.fromEntries(lines.slice(1).map(line => [line[1], line[column]]))).toEqual({
    'tcp/443': 'false',
    'tcp/8443': 'true',
    'tcp/25': 'false',
  });
});
