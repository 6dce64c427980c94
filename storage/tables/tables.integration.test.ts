import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeArrow } from '../../schemas/arrow.ts';
import { createBatch } from '../../schemas/batch.ts';
import { COUNT_REASON, PROTOCOL } from '../../schemas/codes.ts';
import { EXPORTER_COLUMNS } from '../../schemas/exporter-minute.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { INTERFACE_COLUMNS } from '../../schemas/interface-minute.ts';
import { keyToBigint, OTHER_SERVICE, serviceKey, serviceName } from '../../schemas/keys.ts';
import { batchKeyOf, type FlowRow, flowsArrow, startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { encodeReceiving } from '../../testing/data/stored-rows.ts';
import { type ClickHouse, createStorage } from '../client.ts';
import { DAY_MS } from '../days.ts';
import { migrate } from '../migrations/migrate.ts';
import { StorageError } from '../storage.ts';
import { COLLECTOR_MINUTES_SQL, insertCollectorMinutes } from './collectors.ts';
import { insertDocument } from './documents.ts';
import { insertExporterMinutes } from './exporters.ts';
import { insertFacts, recentFacts, type StoredFact } from './facts.ts';
import { hasBatch, insertFlows } from './flows.ts';
import { insertInterfaceMinutes } from './interfaces.ts';
import { insertNodes } from './nodes.ts';

const CONFIG = { retentionDays: 30, rollupRetentionDays: 800, durable: false };
const ROLLUPS = ['traffic_1m', 'traffic_5m', 'traffic_1h'];

let house: TestServer;
let databases = 0;
beforeAll(async () => {
  house = await startTestServer();
});
afterAll(() => house.close());

async function fresh(): Promise<ClickHouse> {
  const storage = house.connect(`tables${databases++}`);
  await migrate(storage, CONFIG);
  return storage;
}

const count = async (storage: ClickHouse, table: string) =>
  Number((await storage.select<{ n: string }>(`SELECT count() AS n FROM ${table}`))[0]?.n);
const sums = (storage: ClickHouse, table: string) =>
  storage.select<Record<string, string>>(
    `SELECT sum(bytes) AS bytes, sum(packets) AS packets, sum(samples) AS samples, sum(records) AS records FROM ${table}`,
  );

describe('an insert', () => {
  test('repeated with its token changes neither the table nor a roll-up, also when it spans days', async () => {
    const storage = await fresh();
    const now = Date.now();
    const rows: FlowRow[] = [0, 1, 2].map(days => ({
      receivedAt: now - days * DAY_MS,
      flowStart: now - days * DAY_MS - 400_000,
    }));
    const arrow = flowsArrow('once', rows);
    for (let i = 0; i < 3; i++) await insertFlows(storage, arrow, 'once');
    expect(await count(storage, 'flows')).toBe(3);
    for (const table of [...ROLLUPS, 'cells_5m'])
      expect(await sums(storage, table)).toEqual([{ bytes: '3000', packets: '30', samples: '0', records: '3' }]);
    await insertFlows(storage, arrow, 'another');
    expect(await count(storage, 'flows')).toBe(6);
    expect(
      await storage.select(
        'SELECT DISTINCT partition FROM system.parts WHERE database = currentDatabase() AND table = {t:String} AND active',
        { t: 'traffic_1h' },
      ),
    ).toHaveLength(3);
  });

  test('of exporter minutes is stored once too', async () => {
    const storage = await fresh();
    const batch = createBatch(EXPORTER_COLUMNS, 1);
    batch.rows = 1;
    batch.columns.protocol[0] = PROTOCOL.sflow5;
    const now = BigInt(Date.now());
    batch.columns.minute.set([Number(now & 0xffffffffn), Number(now >> 32n)]);
    batch.columns.lost[0] = 7;
    const arrow = encodeArrow(batch);
    for (let i = 0; i < 2; i++) await insertExporterMinutes(storage, arrow, 'e');
    expect(await storage.select('SELECT protocol, lost FROM exporters')).toEqual([
      { protocol: PROTOCOL.sflow5, lost: '7' },
    ]);
  });

  test('of minutes of interfaces is stored once too', async () => {
    const storage = await fresh();
    const batch = createBatch(INTERFACE_COLUMNS, 1);
    batch.rows = 1;
    const now = BigInt(Date.now());
    batch.columns.minute.set([Number(now & 0xffffffffn), Number(now >> 32n)]);
    batch.columns.ifIndex[0] = 7;
    batch.columns.inOctets.set([0, 1]);
    const arrow = encodeArrow(batch);
    for (let i = 0; i < 2; i++) await insertInterfaceMinutes(storage, arrow, 'i');
    expect(await storage.select('SELECT ifIndex, inOctets FROM interfaces')).toEqual([
      { ifIndex: 7, inOctets: '4294967296' },
    ]);
  });

  test('of minutes of collectors is stored once, and several of one minute become one', async () => {
    const storage = await fresh();
    const from = Math.floor(Date.now() / 60_000) * 60_000 - 120_000;
    const of = { collector: 'east-1' };
    const first = encodeReceiving(from + 10_000, from + 30_000, { datagrams: 5, droppedRecords: 1 });
    for (let i = 0; i < 2; i++) await insertCollectorMinutes(storage, first, 'c.0', of);
    const rest = encodeReceiving(from + 40_000, from + 65_000, { datagrams: 3, stoppedAt: from + 65_000 });
    await insertCollectorMinutes(storage, rest, 'c.1', of);
    const minutes = () =>
      storage.select(
        `SELECT toUnixTimestamp64Milli(minute) - {at:Int64} AS minute, collector, receivingMs, datagrams, droppedRecords,
          toUnixTimestamp64Milli(receivingFrom) - {at:Int64} AS from, toUnixTimestamp64Milli(receivingUntil) - {at:Int64} AS until
        FROM (${COLLECTOR_MINUTES_SQL}) ORDER BY minute`,
        { at: from, from: from / 1000, to: from / 1000 + 3600 },
      );
    const expected = [
      {
        ...{ minute: '0', collector: 'east-1', receivingMs: '40000', datagrams: '8', droppedRecords: '1' },
        ...{ from: '10000', until: '60000' },
      },
      {
        ...{ minute: '60000', collector: 'east-1', receivingMs: '5000', datagrams: '3', droppedRecords: '0' },
        ...{ from: '60000', until: '65000' },
      },
    ];
    expect(await minutes()).toEqual(expected);
    await storage.command('OPTIMIZE TABLE collectors FINAL');
    expect(await count(storage, 'collectors')).toBe(2);
    expect(await minutes()).toEqual(expected);
  });

  test('of minutes of collectors that came by several partitions counts once all of them are stored', async () => {
    const storage = await fresh();
    const from = Math.floor(Date.now() / 60_000) * 60_000 - 120_000;
    const insert = (sequence: number, index: number, until: number) =>
      insertCollectorMinutes(
        storage,
        encodeReceiving(from + 10_000 * sequence, from + until, { records: 7 }),
        `p.${sequence}`,
        { collector: 'east-1', share: { index, of: 3 } },
      );
    const minutes = () =>
      storage.select(`SELECT receivingMs, records FROM (${COLLECTOR_MINUTES_SQL})`, {
        from: from / 1000,
        to: from / 1000 + 60,
      });
    await insert(0, 0, 10_000);
    await insert(0, 2, 10_000);
    expect(await minutes()).toEqual([]);
    await insert(0, 1, 10_000);
    await insert(1, 1, 20_000);
    expect(await minutes()).toMatchObject([{ receivingMs: '10000' }]);
    await insert(1, 0, 20_000);
    await insert(1, 2, 20_000);
    expect(await minutes()).toEqual([{ receivingMs: '20000', records: '14' }]);
  });

  test('only records with weight reach the roll-ups, half ones by half', async () => {
    const storage = await fresh();
    const at = { receivedAt: Date.now() };
    await insertFlows(
      storage,
      flowsArrow('w', [
        { ...at, weight: 0.5, samplingRate: 100 },
        { ...at, weight: 0, countReason: COUNT_REASON['not-canonical'] },
        { ...at, weight: 1, srcApp: 5n },
      ]),
      'w',
    );
    expect(
      await storage.select('SELECT srcApp, bytes, packets, samples, records FROM traffic_1m ORDER BY srcApp'),
    ).toEqual([
      { srcApp: '0', bytes: '500', packets: '5', samples: '10', records: '1' },
      { srcApp: '5', bytes: '1000', packets: '10', samples: '0', records: '1' },
    ]);
  });

  test('has the packets of sampled records alone as its samples', async () => {
    const storage = await fresh();
    const at = { receivedAt: Date.now() };
    const rows = [
      { ...at, samplingRate: 1000, packets: 1, estPackets: 1000 },
      { ...at, samplingRate: 1, packets: 1000, estPackets: 1000 },
      { ...at, samplingRate: 0, packets: 500, estPackets: 500 },
    ];
    await insertFlows(storage, flowsArrow('mixed', rows), 'mixed');
    for (const table of ROLLUPS)
      expect(await sums(storage, table)).toMatchObject([{ packets: '2500', samples: '1', records: '3' }]);
  });

  test('spreads the samples of a flow over its buckets, to the last one', async () => {
    const storage = await fresh();
    const start = Math.floor(Date.now() / 60_000) * 60_000 - 600_000;
    const flow = {
      receivedAt: start + 200_000,
      flowStart: start,
      flowEnd: start + 180_000,
      samplingRate: 100,
      packets: 7,
    };
    await insertFlows(storage, flowsArrow('spread', [flow]), 'spread');
    expect(await storage.select('SELECT samples, records FROM traffic_1m ORDER BY bucket')).toEqual([
      { samples: '2', records: '0' },
      { samples: '2', records: '0' },
      { samples: '3', records: '1' },
    ]);
  });

  test('that can never be stored fails lastingly, one that meets no server passingly', async () => {
    const storage = await fresh();
    const failure = async (promise: Promise<unknown>) => {
      const error = await promise.then(
        () => undefined,
        error => error as StorageError,
      );
      expect(error).toBeInstanceOf(StorageError);
      return error;
    };
    expect(await failure(insertFlows(storage, new Uint8Array([1, 2, 3]), 'x'))).toMatchObject({
      failure: 'permanent',
      clickhouseCode: 33,
    });
    // 150 days in one batch.
    const days = Array.from({ length: 150 }, (_, i) => ({ receivedAt: Date.now() - i * DAY_MS }));
    expect(await failure(insertFlows(storage, flowsArrow('d', days), 'd'))).toMatchObject({
      failure: 'permanent',
      clickhouseCode: 252,
    });
    expect(await count(storage, 'flows')).toBe(0);
    const nowhere = createStorage({ ...house.address, url: 'http://127.0.0.1:1', database: 'x', queryTimeoutMs: 1000 });
    expect(await failure(insertFlows(nowhere, flowsArrow('n', [{}]), 'n'))).toMatchObject({
      failure: 'transient',
      clickhouseCode: 0,
    });
    await nowhere.close();
    const missing = house.connect('no_such_database');
    expect(await failure(insertFlows(missing, flowsArrow('n', [{}]), 'n'))).toMatchObject({
      failure: 'transient',
      clickhouseCode: 81,
    });
  });
});

describe('spreading a flow over its buckets', () => {
  /** The definition, in whole numbers: what floor(T x / D) gives to each minute. */
  function sharesOf(startMs: number, endMs: number, total: bigint): Map<number, bigint> {
    const span = BigInt(Math.max(endMs - startMs, 1));
    const shares = new Map<number, bigint>();
    for (let minute = Math.floor(startMs / 60_000); minute * 60_000 < startMs + Number(span); minute++) {
      const until = (ms: number) => (total * BigInt(Math.min(Math.max(ms - startMs, 0), Number(span)))) / span;
      shares.set(minute * 60, until((minute + 1) * 60_000) - until(minute * 60_000));
    }
    return shares;
  }

  test('gives each minute its share by cumulative floor, exactly, up to 2^63', async () => {
    const storage = await fresh();
    const base = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 7_200_000;
    const flow = fc.record({
      offset: fc.integer({ min: 0, max: 3_600_000 }),
      length: fc.oneof(fc.constant(0), fc.constant(60_000), fc.integer({ min: 1, max: 3_600_000 })),
      total: fc.oneof(fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }), fc.bigInt({ min: 0n, max: 5000n })),
    });
    const flows = fc.sample(flow, { numRuns: 200, seed: 1 });
    const rows = flows.map(({ offset, length, total }, i) => ({
      receivedAt: base + offset + length,
      flowStart: base + offset,
      flowEnd: base + offset + length,
      estBytes: total,
      estPackets: total / 100n,
      varBytes: 1000,
      samplingRate: 2,
      service: BigInt(i + 1),
    }));
    await insertFlows(storage, flowsArrow('s', rows), 's');
    const stored = new Map<string, string>();
    for (const { service, at, bytes } of await storage.select<{ service: string; at: number; bytes: string }>(
      'SELECT service, toUInt32(bucket) AS at, bytes FROM traffic_1m',
    ))
      stored.set(`${service} ${at}`, bytes);
    for (const [i, { offset, length, total }] of flows.entries()) {
      for (const [at, share] of sharesOf(base + offset, base + offset + length, total)) {
        expect(stored.get(`${i + 1} ${at}`), `${offset} ${length} ${total}`).toBe(String(share));
        stored.delete(`${i + 1} ${at}`);
      }
    }
    expect(stored.size).toBe(0);
    for (const table of ROLLUPS) {
      const wrong = await storage.select(
        `SELECT t.service FROM (SELECT service, sum(bytes) AS b, sum(packets) AS p, sum(varBytes) AS v, sum(samples) AS s, sum(records) AS r FROM ${table} GROUP BY service) AS t
         JOIN flows AS f ON f.service = t.service WHERE b != f.estBytes OR p != f.estPackets OR abs(v - 1000) > 1e-6 OR s != 10 OR r != 1`,
      );
      expect(wrong, table).toEqual([]);
    }
  });
});

describe('tables', () => {
  test('finds a batch by its key and day', async () => {
    const storage = await fresh();
    const now = Date.now();
    await insertFlows(storage, flowsArrow('b', [{ receivedAt: now }]), 'b');
    expect(await hasBatch(storage, batchKeyOf('b'), now)).toBe(true);
    expect(await hasBatch(storage, batchKeyOf('b'), now - DAY_MS)).toBe(false);
    expect(await hasBatch(storage, batchKeyOf('c'), now)).toBe(false);
  });

  test('has the newest name of a node, however often names are announced', async () => {
    const storage = await fresh();
    const shop = { key: (0x20n << 56n) + 1n, identity: 'shop' };
    for (const name of ['shop', 'store', 'store', 'shop']) await insertNodes(storage, [{ ...shop, name }]);
    await storage.command('OPTIMIZE TABLE nodes FINAL');
    expect(
      await storage.select('SELECT argMax(name, firstSeen) AS name, any(class) AS class, count() AS n FROM nodes'),
    ).toEqual([{ name: 'shop', class: 0x20, n: '2' }]);
  });

  test('keeps the last report of a fact, and reads back recent ones', async () => {
    const storage = await fresh();
    const now = Date.now();
    const fact = (given: Partial<StoredFact>): StoredFact => ({
      receivedAtMs: now,
      firstSeenMs: now - 1000,
      exporter: '192.0.2.1',
      observationDomain: 4_294_967_295,
      protocol: PROTOCOL.sflow5,
      kind: 'station',
      index: 7,
      mac: 0xfeffffffffff,
      stationId: 'ab'.repeat(16),
      name: "wéb '01'\\",
      hostId: 'cd'.repeat(16),
      ...given,
    });
    const port = fact({ exporter: '2001:db8::1', kind: 'interface', mac: 0, stationId: '', hostId: '' });
    await insertFacts(storage, [
      fact({}),
      { ...port, receivedAtMs: now - 1 },
      fact({ mac: 1, receivedAtMs: now - DAY_MS - 1 }),
    ]);
    await insertFacts(storage, [fact({ receivedAtMs: now + 1, name: 'renamed' })]);
    await insertFacts(storage, []);
    expect(await recentFacts(storage, now - DAY_MS, 10)).toEqual([
      fact({ receivedAtMs: now + 1, name: 'renamed' }),
      { ...port, receivedAtMs: now - 1 },
    ]);
    expect(await recentFacts(storage, now - DAY_MS, 1)).toHaveLength(1);
    expect(await count(storage, 'facts FINAL')).toBe(3);
  });

  test('records a document once until another version arrives', async () => {
    const storage = await fresh();
    const version = { kind: 'inventory' as const, asOfMs: 1_700_000_000_000, source: 'test', body: '{"a":1}' };
    await insertDocument(storage, { ...version, recordedAtMs: 1000 });
    await insertDocument(storage, { ...version, recordedAtMs: 2000 });
    await insertDocument(storage, { ...version, recordedAtMs: 3000, body: '{}' });
    await insertDocument(storage, { ...version, recordedAtMs: 4000 });
    expect(
      await storage.select(
        'SELECT toUnixTimestamp64Milli(recordedAt) AS at, toUnixTimestamp64Milli(asOf) AS asOf FROM documents ORDER BY at',
      ),
    ).toEqual(['1000', '3000', '4000'].map(at => ({ at, asOf: '1700000000000' })));
  });
});

describe('flows_named', () => {
  test('shows names of nodes, codes and services', async () => {
    const storage = await fresh();
    const app = (0x20n << 56n) + 3n;
    await insertNodes(storage, [{ key: app, name: 'shop', identity: 'shop' }]);
    const services = [
      serviceKey(6, 443, 443),
      serviceKey(17, 8000, 8100),
      serviceKey(47, 0, 0),
      serviceKey(1, 0, 0),
      OTHER_SERVICE,
    ];
    const rows: FlowRow[] = services.map((service, i) => ({
      receivedAt: Date.now() + i,
      srcApp: app,
      dstApp: 7n,
      service: keyToBigint(service),
      protocol: PROTOCOL.ipfix,
      srcMac: 0x0a0b0c0d0e0fn,
    }));
    await insertFlows(storage, flowsArrow('v', rows), 'v');
    const named = await storage.select<Record<string, unknown>>('SELECT * FROM flows_named ORDER BY receivedAt');
    expect(named.map(row => row['service'])).toEqual(services.map(serviceName));
    expect(named[0]).toMatchObject({
      srcApp: 'shop',
      dstApp: '07',
      srcVm: '',
      protocol: 'ipfix',
      countReason: 'elected',
      srcMac: '0A:0B:0C:0D:0E:0F',
    });
    expect(Object.keys(named[0]!)).toEqual([...FLOW_COLUMNS.map(column => column.name), 'storedAt']);
  });
});

test('the cost of an insert through the views, for information', async () => {
  const storage = await fresh();
  const [rows, batches] = [65_536, 3];
  const base = Date.now();
  // Arithmetic on a fixed seed: 60 applications, 5,000 VMs, flows of up to a minute.
  const numbers = createHash('sha256').update('seed').digest().readUInt32LE(0);
  const mixed = Array.from({ length: rows }, (_, i) => {
    const hash = Math.imul(i ^ numbers, 0x9e3779b1) >>> 0;
    return {
      receivedAt: base,
      flowStart: base - (hash % 60_000),
      srcApp: hash % 60,
      dstApp: (hash >>> 8) % 60,
      srcVm: hash % 5000,
      dstVm: (hash >>> 4) % 5000,
      service: 443,
      estBytes: hash,
    };
  });
  const arrow = flowsArrow('cost', mixed);
  const startedAt = performance.now();
  for (let i = 0; i < batches; i++) await insertFlows(storage, arrow, `cost${i}`);
  const elapsedMs = performance.now() - startedAt;
  console.info(
    `insert with views: ${((elapsedMs * 1000) / (rows * batches)).toFixed(2)} us a row, ${Math.round((rows * batches) / elapsedMs)} rows/ms`,
  );
  expect(await count(storage, 'flows')).toBe(rows * batches);
});
