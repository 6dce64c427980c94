// Coverage, loss and reconciliation over the real API, advisor thread and ClickHouse, each against sums of another make.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Advisor, createAdvisor } from '../analysis/coverage/advisor.ts';
import { createQueryApi, type QueryApi } from '../query-api/app.ts';
import { QUERY_API_SERVICE } from '../query-api/configuration.ts';
import type { CoverageAnswer } from '../query-api/questions/coverage.ts';
import type { MatrixAnswer } from '../query-api/questions/matrix.ts';
import type { SeriesAnswer } from '../query-api/questions/series.ts';
import { PROTOCOL } from '../schemas/codes.ts';
import { hashedKey, keyToBigint, keyToHex } from '../schemas/keys.ts';
import { createLog } from '../service/log.ts';
import { createMetrics } from '../service/metrics.ts';
import type { ClickHouse } from '../storage/client.ts';
import { migrate } from '../storage/migrations/migrate.ts';
import { insertDocument } from '../storage/tables/documents.ts';
import { insertExporterMinutes } from '../storage/tables/exporters.ts';
import { insertFlows } from '../storage/tables/flows.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { encodeExporters, encodeFlows, flow } from '../testing/data/stored-rows.ts';
import { insertReceiving } from '../testing/receiving.ts';

const HISTORY = { inventorySources: [], inventoryStaleMs: 3_600_000, inventoryUnknownMs: 86_400_000 };
const MINUTE = 60_000;
const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 30 * MINUTE;
const at = (minutesAgo: number) => NOW - minutesAgo * MINUTE;
const iso = (ms: number) => new Date(ms).toISOString();
const vmHex = (name: string) => keyToHex(hashedKey('vm', `test/${name}`));
const vmKey = (name: string) => keyToBigint(hashedKey('vm', `test/${name}`));
const ROUTER = '192.0.2.7';
const SWITCH = '192.0.2.1';

let server: TestServer;
let storage: ClickHouse;
let api: QueryApi;
let advisor: Advisor;

const ask = async <T>(question: string, params: Record<string, string | number>) => {
  const response = await api.app.inject({ url: `/api/v1/${question}`, query: params as Record<string, string> });
  expect({ status: response.statusCode, body: response.statusCode === 200 ? '' : response.body }).toEqual({
    status: 200,
    body: '',
  });
  return response.json() as T;
};

const inventory = (asOf: number, vmsOfH1: readonly string[]) => ({
  source: 'test',
  asOf: iso(asOf),
  switches: [{ id: 'leaf-1', ports: [1, 2].map(ifIndex => ({ ifIndex, connectsTo: { host: `h${ifIndex}` } })) }],
  hosts: ['h1', 'h2'].map(id => ({ id, vswitches: [{ id: 'vs0', portGroups: [{ id: 'pg', vlan: 10 }] }] })),
  vms: [...vmsOfH1.map(name => [name, 'h1'] as const), ['c', 'h2'] as const].map(([name, host]) => ({
    id: name,
    name,
    host,
    vnics: [{ vswitch: 'vs0', portGroup: 'pg' }],
  })),
});

/** 20,000 records of 100 to 999 bytes; the exporter loses 1 in 20, which its sequence numbers report. */
const sent = Array.from({ length: 20_000 }, (_, i) => ({ bytes: 100 + ((i * 7919) % 900), minutesAgo: 30 - (i % 20) }));
const arrived = sent.filter((_, i) => (Math.imul(i, 2_654_435_761) >>> 0) % 20 !== 0);

beforeAll(async () => {
  server = await startTestServer();
  storage = server.connect('coverage');
  const config = QUERY_API_SERVICE.load();
  await migrate(storage, config);
  const document = (kind: 'inventory' | 'exporters', recordedAtMs: number, body: object, asOfMs = 0) =>
    insertDocument(storage, { kind, recordedAtMs, asOfMs, source: 'test', body: JSON.stringify(body) });
  await document('exporters', at(600), { exporters: [{ address: SWITCH, switch: 'leaf-1', metering: 'ingress' }] });
  // a alone, then a and b side by side, which still holds.
  await document('inventory', at(300), inventory(at(300), ['a']), at(300));
  await document('inventory', at(200), inventory(at(200), ['a', 'b']), at(200));
  await document('inventory', at(100), inventory(at(100), ['a', 'b', 'd']), at(100));
  const flows = [
    ...arrived.map(({ bytes, minutesAgo }) =>
      flow({ exporter: ROUTER, srcVm: vmKey('a'), dstVm: vmKey('c'), bytes, flowEnd: at(minutesAgo) }),
    ),
    // sFlow of the access port: 100 sampled packets of 1,000 bytes, 1 in 100, frames of 1,018 bytes.
    ...Array.from({ length: 100 }, (_, i) =>
      flow({
        exporter: SWITCH,
        protocol: PROTOCOL.sflow5,
        direction: 1,
        inIf: 1,
        srcVm: vmKey('a'),
        dstVm: vmKey('b'),
        bytes: 1000,
        l2Bytes: 1018,
        samplingRate: 100,
        estBytes: 100_000,
        estPackets: 100,
        varBytes: 100 * 99 * 1e6,
        flowEnd: at(20 - (i % 10)) + 1000,
      }),
    ),
  ];
  await insertFlows(storage, encodeFlows(flows), `flows.test.0.${'0'.repeat(32)}.0`);
  await insertReceiving(storage, at(300), NOW);
  const minutes = Array.from({ length: 60 }, (_, i) => at(60 - i));
  const received = (minute: number) => arrived.filter(({ minutesAgo }) => at(minutesAgo) === minute).length;
  const all = (minute: number) => sent.filter(({ minutesAgo }) => at(minutesAgo) === minute).length;
  await insertExporterMinutes(
    storage,
    encodeExporters(
      minutes.flatMap(minute => [
        {
          minute,
          lastSeen: minute + 59_000,
          exporter: ROUTER,
          protocol: PROTOCOL.ipfix,
          samplingRate: 1,
          datagrams: 10,
          records: received(minute),
          lost: all(minute) - received(minute),
        },
        {
          minute,
          lastSeen: minute + 59_000,
          exporter: SWITCH,
          protocol: PROTOCOL.sflow5,
          samplingRate: 100,
          datagrams: 10,
          records: 10,
        },
      ]),
    ),
    'exporters.test',
  );
  await storage.command(
    `INSERT INTO interfaces (minute, exporter, observationDomain, protocol, ifIndex, coveredMs, inOctets)
     SELECT toDateTime64({from:Int64} / 1000, 3) + 60 * number, toIPv6({exporter:String}), 0, {protocol:UInt8}, 1, 60000, 1030000 FROM numbers(10)`,
    { from: at(20), exporter: SWITCH, protocol: PROTOCOL.sflow5 },
  );
  const log = createLog('test', 'error');
  advisor = createAdvisor(
    {
      storage: { url: server.address.url, user: server.address.user, password: server.address.password },
      database: 'coverage',
      queryTimeoutMs: 20_000,
      history: HISTORY,
      clock: '',
    },
    { log },
  );
  api = createQueryApi(config, { storage, advisor, log, metrics: createMetrics(), ready: () => [], nowMs: () => NOW });
  await api.app.ready();
});

afterAll(async () => {
  await advisor?.stop();
  await api?.stop();
  await server?.close();
});

test('a planner reads which VM pairs are invisible, since when, and what would help', async () => {
  const answer = await ask<CoverageAnswer>('coverage', { from: iso(at(60)), to: iso(NOW) });
  // Of a, b, d on one VEB, 6 ordered pairs; c is on another host.
  expect(answer).toMatchObject({
    vms: 4,
    pairs: 12,
    invisiblePairs: 6,
    coverage: 0.5,
    doubtful: true,
    spotCount: 1,
    inventoryAsOf: iso(at(100)),
  });
  expect(answer.invisible.map(({ src, dst }) => `${src}${dst}`).sort()).toEqual(['ab', 'ad', 'ba', 'bd', 'da', 'db']);
  expect(answer.spots[0]).toMatchObject({
    reason: 'veb',
    host: 'h1',
    segment: 'VLAN 10',
    pairs: 6,
    since: iso(at(200)),
    sinceOrEarlier: false,
  });
  expect(answer.spots[0]!.remedies.join()).toContain('port 1 of switch leaf-1');
  expect(answer.exporters).toMatchObject({
    silent: [],
    unseen: [],
    unregistered: [`${ROUTER} ipfix`],
    lossy: [`${ROUTER} ipfix`],
  });
});

test('an earlier window is answered from the inventory of its time', async () => {
  const answer = await ask<CoverageAnswer>('coverage', { from: iso(at(280)), to: iso(at(250)) });
  expect(answer).toMatchObject({ vms: 2, pairs: 2, inventoryAsOf: iso(at(300)) });
});

test('cells carry their coverage, and one of which nothing was seen the most that may have been', async () => {
  const answer = await ask<MatrixAnswer>('matrix', { from: iso(at(60)), to: iso(NOW), by: 'vm', cells: 'all' });
  const cell = (src: string, dst: string) =>
    answer.cells.find(one => BigInt(`0x${one.src.key}`) === vmKey(src) && BigInt(`0x${one.dst.key}`) === vmKey(dst))!;
  expect(answer.quality.coverage).toBe(0.5);
  expect(cell('a', 'c')).toMatchObject({ coverage: 1, method: 'exact' });
  expect(cell('a', 'b')).toMatchObject({ coverage: 0, method: 'poisson', samples: 100, value: 1e7 });
  expect(cell('c', 'a')).toMatchObject({ coverage: 1, value: 0, ciLow: 0, method: 'none' });
  // None of a Poisson count: with 97.5 % fewer than -ln 0.025 events, each of 100 packets of up to 1,500 bytes (an eighth more at most).
  const most = -Math.log(0.025) * 100 * 1500;
  expect(cell('c', 'a').ciHigh).toBeGreaterThanOrEqual(most);
  expect(cell('c', 'a').ciHigh).toBeLessThanOrEqual((most * 9) / 8);
  // Nobody sees b and a: what they sent each other is not known, and 0 would be a statement.
  expect(cell('b', 'a')).toMatchObject({ coverage: 0, value: null, ciLow: null, ciHigh: null, method: 'none' });
});

test('a series of a pair that nobody sees is null where nothing was counted; of one that is seen it is 0', async () => {
  const series = async (query: Record<string, string>) => {
    const window = { from: iso(at(60)), to: iso(NOW), step: '300', metric: 'bytes' };
    const answer = await ask<SeriesAnswer>('series', { ...window, ...query });
    return answer.series[0]!.values;
  };
  const invisible = await series({ filter: `srcVm=${vmHex('b')},dstVm=${vmHex('a')}` });
  expect(invisible.every(value => value === null)).toBe(true);
  expect(await series({ by: 'vm', src: vmHex('b'), dst: vmHex('a') })).toEqual(invisible);
  // Something of a to b was counted, at the uplink by mistake: that is no secret.
  const partly = await series({ by: 'vm', src: vmHex('a'), dst: vmHex('b') });
  expect([partly.some(value => value === null), partly.some(value => (value ?? 0) > 0)]).toEqual([true, true]);
  const seen = await series({ by: 'vm', src: vmHex('c'), dst: vmHex('a') });
  expect(new Set(seen)).toEqual(new Set([0]));
});

test('lossAdjusted is what was sent, within half a percent and its interval, where one record in twenty was lost', async () => {
  const answer = await ask<MatrixAnswer>('matrix', { from: iso(at(60)), to: iso(NOW), by: 'vm' });
  const truth = sent.reduce((sum, record) => sum + record.bytes, 0);
  const cell = answer.cells.find(({ method }) => method === 'exact')!;
  expect(cell.value).toBe(arrived.reduce((sum, record) => sum + record.bytes, 0));
  expect(cell.lossAdjusted! / truth).toBeGreaterThan(0.995);
  expect(cell.lossAdjusted! / truth).toBeLessThan(1.005);
  const sampled = answer.cells.find(({ method }) => method === 'poisson')!;
  expect(sampled.lossAdjusted).toBe(sampled.value);
  expect(answer.lossAdjusted!.ciLow).toBeLessThan(truth + 1e7);
  expect(answer.lossAdjusted!.ciHigh).toBeGreaterThan(truth + 1e7);
  expect(answer.lossAdjusted!.method).toBe('records');
  expect(answer.quality.lossRatio).toBeGreaterThan(0.04);
});

test('lossAdjusted adds what collectors dropped: queues to all, the kernel to those without numbers', async () => {
  const house = server.connect('dropped');
  const config = QUERY_API_SERVICE.load();
  await migrate(house, config);
  const minute = at(10);
  const sender = (exporter: string, protocol: number, name: string) => ({
    exporter,
    protocol,
    srcVm: vmKey(name),
    name,
  });
  const senders = [
    sender('192.0.2.1', PROTOCOL.netflow1, 'old'),
    sender('192.0.2.2', PROTOCOL.ipfix, 'numbered'),
    sender('192.0.2.3', PROTOCOL.sflow5, 'sampled'),
  ];
  const flows = senders.map(({ name: _, ...end }) =>
    flow({ ...end, dstVm: vmKey('z'), bytes: 1000, flowEnd: minute + 1000 }),
  );
  await insertFlows(house, encodeFlows(flows), `flows.test.0.${'1'.repeat(32)}.0`);
  const counted = senders.map(({ exporter, protocol }) => ({
    ...{ minute, lastSeen: minute + 59_000, exporter, protocol, samplingRate: 1, datagrams: 10, records: 80 },
    // The numbers of IPFIX show its own gap, whoever dropped it.
    lost: protocol === PROTOCOL.ipfix ? 20 : 0,
  }));
  await insertExporterMinutes(house, encodeExporters(counted), 'exporters.dropped');
  // Of 30 datagrams that came through the kernel dropped 15; of 240 records a quarter was decoded and dropped.
  const collected = (atMs: number, counts: string) =>
    house.command(
      `INSERT INTO collectors (minute, receivingFrom, receivingUntil, receivingMs, datagrams, records, droppedDatagrams, droppedRecords, collector, share, shares)
       SELECT toDateTime64({m:Int64} / 1000, 3) AS at, at, at + 60, 60000, ${counts}, 'c', 0, 1`,
      { m: atMs },
    );
  await collected(minute, '30, 240, 15, 60');
  // Everything until now is stored.
  await collected(NOW - MINUTE, '0, 0, 0, 0');
  const log = createLog('test', 'error');
  const dropped = createQueryApi(config, {
    storage: house,
    log,
    metrics: createMetrics(),
    ready: () => [],
    nowMs: () => NOW,
  });
  await dropped.app.ready();
  const response = await dropped.app.inject(`/api/v1/matrix?from=${iso(at(15))}&to=${iso(NOW)}&by=vm`);
  const { cells } = response.json<MatrixAnswer>();
  const adjusted = (name: string) =>
    cells.find(({ src }) => BigInt(`0x${src.key}`) === vmKey(name))!.lossAdjusted! / 1000;
  expect(adjusted('old')).toBeCloseTo((45 / 30) * (240 / 180), 9);
  expect(adjusted('numbered')).toBeCloseTo((100 / 80) * (240 / 180), 9);
  expect(adjusted('sampled')).toBeCloseTo(240 / 180, 9);
  await dropped.stop();
});

test('a port counts in frames what its interface counts, within five percent', async () => {
  const { ports } = await ask<CoverageAnswer>('coverage', { from: iso(at(60)), to: iso(NOW) });
  const [port] = ports!;
  // Ten samples of 100 x 1,018 bytes a minute against 1,030,000 octets.
  expect(ports).toHaveLength(1);
  expect(port).toMatchObject({
    exporter: SWITCH,
    ifIndex: 1,
    host: 'h1',
    direction: 'ingress',
    minutes: 10,
    countedBytes: 10_180_000,
    octets: 10_300_000,
    agrees: true,
  });
  expect(port!.ratio).toBeCloseTo(10_180_000 / 10_300_000, 9);
});

test('without an inventory coverage is null, and a question for one host is refused in words', async () => {
  const empty = server.connect('empty');
  const config = QUERY_API_SERVICE.load();
  await migrate(empty, config);
  const log = createLog('test', 'error');
  const other = createAdvisor(
    {
      storage: { url: server.address.url, user: server.address.user, password: server.address.password },
      database: 'empty',
      queryTimeoutMs: 20_000,
      history: HISTORY,
      clock: '',
    },
    { log },
  );
  const bare = createQueryApi(config, {
    storage: empty,
    advisor: other,
    log,
    metrics: createMetrics(),
    ready: () => [],
    nowMs: () => NOW,
  });
  await bare.app.ready();
  const answer = (await bare.app.inject('/api/v1/coverage')).json() as CoverageAnswer;
  expect(answer).toMatchObject({ coverage: null, vms: null, doubtful: false, spots: [] });
  const refused = await bare.app.inject('/api/v1/coverage?host=h1');
  expect(refused.statusCode).toBe(409);
  expect(refused.json()).toMatchObject({
    type: 'urn:hairpin:problem:inventory-missing',
    detail: expect.stringContaining('--inventory FILE'),
  });
  await other.stop();
  await bare.stop();
});
