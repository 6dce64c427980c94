// What exporters report beside their flows, on the whole way: datagrams as hsflowd and a router send them, decoded,
// enriched into a real ClickHouse, asked for.

import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COLLECTOR_SERVICE } from '../collector/configuration.ts';
import { Decoder } from '../collector/decode/decoder.ts';
import type { FlowBatch as DecodedBatch } from '../collector/decode/flow-batch.ts';
import { FactTable } from '../collector/reports/fact-table.ts';
import { ENRICHER_COUNTERS } from '../enricher/counters.ts';
import { Enricher } from '../enricher/enricher.ts';
import { encodeArrow } from '../schemas/arrow.ts';
import { createBatch } from '../schemas/batch.ts';
import { encodeFacts } from '../schemas/fact-batch.ts';
import { FACT_LIFE_MS } from '../schemas/facts.ts';
import { DECODED_COLUMNS } from '../schemas/flow.ts';
import { openCounters } from '../service/counters.ts';
import { createMetrics } from '../service/metrics.ts';
import type { ClickHouse } from '../storage/client.ts';
import { migrate } from '../storage/migrations/migrate.ts';
import { insertExporterMinutes } from '../storage/tables/exporters.ts';
import { recentFacts } from '../storage/tables/facts.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import {
  type Bytes,
  ethernet,
  flowSample,
  hex,
  ip4,
  ipfix,
  ipfixOptions,
  ipv4,
  sampledHeader,
  set,
  sflow,
  tcp,
  typed,
  u32,
  zeros,
} from '../testing/data/datagrams.ts';
import { LIMITS } from '../testing/data/enrichment.ts';
import { encodeExporters } from '../testing/data/stored-rows.ts';
import { createFakeSource, createSignal } from '../testing/fakes.ts';
import { insertReceiving } from '../testing/receiving.ts';
import { createQueryApi } from './app.ts';
import { QUERY_API_SERVICE } from './configuration.ts';
import type { ExportersAnswer } from './questions/exporters.ts';
import type { FlowsAnswer } from './questions/flows.ts';
import type { MatrixAnswer } from './questions/matrix.ts';

const config = QUERY_API_SERVICE.load({});
const log = pino({ level: 'silent' });
const AGENT = '192.0.2.10';
const ROUTER = '192.0.2.20';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const xdrText = (text: string): Bytes => {
  const bytes = [...Buffer.from(text)];
  return [...u32(bytes.length), ...bytes, ...zeros(-bytes.length & 3)];
};
const uuid = (last: string): Bytes => [...zeros(15), ...hex(last)];
const WEB_MAC = '52:54:00:00:00:01';
const DB_MAC = '52:54:00:00:00:02';

/** A counters sample of a data source with host_descr, host_adapters and host_parent, as hsflowd sends it. */
function hostSample(
  source: number,
  name: string,
  id: Bytes,
  adapter: Bytes,
  parent?: readonly [number, number],
): Bytes {
  const records = [
    typed(2000, xdrText(name), id, u32(2), u32(2), xdrText('6.1')),
    typed(2001, adapter),
    ...(parent ? [typed(2002, u32(parent[0]), u32(parent[1]))] : []),
  ];
  return typed(2, u32(1), u32(source), u32(records.length), ...records);
}
const oneMac = (ifIndex: number, mac: string): Bytes => [
  ...u32(1),
  ...u32(ifIndex),
  ...u32(1),
  ...hex(mac),
  ...zeros(2),
];

/** The hypervisor (class 2, index 1) and its two guests (class 3). */
const HOSTS = sflow(
  [
    hostSample(0x02000001, 'kvm-1', uuid('a1'), oneMac(2, '02:00:00:00:00:aa')),
    hostSample(0x03000065, 'web-01', uuid('01'), oneMac(101, WEB_MAC), [2, 1]),
    hostSample(0x03000066, 'db-01', uuid('02'), oneMac(102, DB_MAC), [2, 1]),
  ],
  { agent: ip4(AGENT) },
);
const frame = (source: string, destination: string): Bytes => [
  ...hex(destination),
  ...hex(source),
  ...ethernet(0x0800, ipv4(tcp())).slice(12),
];
const PACKETS = sflow(
  [
    flowSample([sampledHeader(frame(WEB_MAC, DB_MAC), 1500)], { rate: 100 }),
    flowSample([sampledHeader(frame(DB_MAC, WEB_MAC), 500)], { rate: 100 }),
  ],
  { agent: ip4(AGENT), sequence: 1 },
);
/** IPFIX interface-name options: scope ingressInterface (10), interfaceName (82) and interfaceDescription (83). */
const PORTS = ipfix(
  [
    set(3, ipfixOptions(256, [[10, 4]], [[82, 8]])),
    set(256, u32(1), [...Buffer.from('Gi0/0/1\0')], u32(2), [...Buffer.from('uplink\0\0')]),
  ],
  { domain: 5 },
);

const HOUR_MS = 3_600_000;

/** Decoder, fact table, enricher and API over one database. */
async function createHouse(database: string, inventory = '') {
  const storage: ClickHouse = server.connect(database);
  await migrate(storage, config);
  await insertReceiving(storage, Date.now() - HOUR_MS, Date.now() + HOUR_MS);
  const batch = createBatch(DECODED_COLUMNS, 256);
  const decoder = new Decoder({ batch: batch as unknown as DecodedBatch, flush() {} }, COLLECTOR_SERVICE.load());
  const facts = new FactTable();
  decoder.context.facts = facts;
  const signal = createSignal();
  const source = createFakeSource(signal);
  const enricher = new Enricher(
    {
      inventory,
      applications: '',
      exporters: '',
      inventorySources: [],
      inventoryStaleMs: 3_600_000,
      inventoryUnknownMs: 86_400_000,
      insertsMax: 2,
      insertTriesMax: 3,
      ...LIMITS,
    },
    { source: source.source, storage, log, counters: openCounters(ENRICHER_COUNTERS), factsIntervalMs: 0 },
  );
  await enricher.start(undefined, await recentFacts(storage, Date.now() - FACT_LIFE_MS, 1000));
  const api = createQueryApi(config, { storage, log, metrics: createMetrics(), ready: () => [] });
  await api.app.ready();
  let sequence = 0;
  const deliver = async (kind: 'flows' | 'facts', arrow: Uint8Array) => {
    source.deliver(sequence++, arrow, { kind });
    await signal.until(() => source.acknowledged.length === sequence);
  };
  return {
    storage,
    decode: (datagram: Uint8Array, address: string) => decoder.decode(datagram, address, 6343, Date.now()),
    handOverFacts: () => deliver('facts', encodeFacts(facts.take(Number.POSITIVE_INFINITY)).arrow),
    async handOverFlows() {
      await deliver('flows', encodeArrow(batch));
      batch.rows = 0;
    },
    async ask<T>(question: string): Promise<T> {
      const response = await api.app.inject(`/api/v1/${question}`);
      if (response.statusCode !== 200) throw new Error(response.body);
      return response.json<T>();
    },
    get: (question: string) => api.app.inject(`/api/v1/${question}`),
    async close() {
      await enricher.stop();
      await api.stop();
      expect(source.quarantined).toEqual([]);
    },
  };
}

const cellsOf = (matrix: MatrixAnswer) =>
  matrix.cells.map(({ src, dst, value }) => [src.name, dst.name, value]).toSorted();

// proves: counters-sample
test('sFlow host structures name VMs and their host without any document, and again after a start', async () => {
  const house = await createHouse('in_band');
  house.decode(HOSTS, AGENT);
  await house.handOverFacts();
  house.decode(PACKETS, AGENT);
  await house.handOverFlows();
  expect(cellsOf(await house.ask<MatrixAnswer>('matrix?by=vm'))).toEqual([
    ['db-01', 'web-01', 4000],
    ['web-01', 'db-01', 4000],
  ]);
  expect(cellsOf(await house.ask<MatrixAnswer>('matrix?by=host'))).toEqual([['kvm-1', 'kvm-1', 8000]]);
  expect(cellsOf(await house.ask<MatrixAnswer>('matrix?by=app'))).toEqual([
    ['auto:db', 'auto:web', 4000],
    ['auto:web', 'auto:db', 4000],
  ]);
  const { flows } = await house.ask<FlowsAnswer>('flows');
  expect(flows).toHaveLength(2);
  for (const flow of flows)
    expect(flow).toMatchObject({ locality: 'same-host', srcIdentity: 'in-band', dstIdentity: 'in-band' });
  await house.close();

  const again = await createHouse('in_band');
  again.decode(PACKETS, AGENT);
  await again.handOverFlows();
  expect(cellsOf(await again.ask<MatrixAnswer>('matrix?by=vm'))).toEqual([
    ['db-01', 'web-01', 8000],
    ['web-01', 'db-01', 8000],
  ]);
  await again.close();
});

test('an inventory document that names a MAC differently wins', async () => {
  const file = join(tmpdir(), `hairpin-in-band-${process.pid}.json`);
  const shop = { id: '1', name: 'shop-07', vnics: [{ mac: WEB_MAC }] };
  writeFileSync(file, JSON.stringify({ source: 'lab', asOf: '2026-01-02T00:00:00Z', vms: [shop] }));
  const house = await createHouse('in_band_document', file);
  house.decode(HOSTS, AGENT);
  await house.handOverFacts();
  house.decode(PACKETS, AGENT);
  await house.handOverFlows();
  expect(cellsOf(await house.ask<MatrixAnswer>('matrix?by=vm'))).toEqual([
    ['db-01', 'shop-07', 4000],
    ['shop-07', 'db-01', 4000],
  ]);
  await house.close();
  rmSync(file);
});

// proves: in-band
test('IPFIX interface names show beside the exporter, by ifIndex, also in its other domains', async () => {
  const house = await createHouse('in_band_ports');
  const minute = Math.floor(Date.now() / 60_000) * 60_000;
  const health = (exporter: string, observationDomain: number, protocol: number) => ({
    minute,
    exporter,
    observationDomain,
    protocol,
    lastSeen: Date.now(),
    datagrams: 1,
    records: 10 - observationDomain,
  });
  const rows = [health(ROUTER, 5, 6), health(ROUTER, 6, 6), health(AGENT, 9, 7)];
  await insertExporterMinutes(house.storage, encodeExporters(rows), `exporters.test.0.${'0'.repeat(32)}.0`);
  const ports = async (query = '') =>
    (await house.ask<ExportersAnswer>(`exporters${query}`)).exporters.map(row => [row.facts, row.interfaces]);
  expect(await ports()).toEqual([
    [0, []],
    [0, []],
    [0, []],
  ]);

  house.decode(PORTS, ROUTER);
  house.decode(HOSTS, AGENT);
  await house.handOverFacts();
  const names = [
    { ifIndex: 1, name: 'Gi0/0/1' },
    { ifIndex: 2, name: 'uplink' },
  ];
  expect(await ports()).toEqual([
    [2, names],
    [2, names],
    [3, []],
  ]);
  expect(await ports('?interfaces=1')).toEqual([
    [2, names.slice(0, 1)],
    [2, names.slice(0, 1)],
    [3, []],
  ]);

  // Another device behind the same address: its own domain distinguishes it; the first one keeps its names.
  const other = set(256, u32(1), [...Buffer.from('ge-0/0/1')]);
  house.decode(ipfix([set(3, ipfixOptions(256, [[10, 4]], [[82, 8]])), other], { domain: 6 }), ROUTER);
  await house.handOverFacts();
  expect(await ports()).toEqual([
    [3, names],
    [3, [{ ifIndex: 1, name: 'ge-0/0/1' }, names[1]]],
    [3, []],
  ]);
  const csv = (await house.get('exporters?format=csv')).body.split('\r\n');
  expect(csv[0]).toMatch(/,facts$/);
  await house.close();
});
