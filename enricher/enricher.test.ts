import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, expect, test } from 'vitest';
import type { KnowledgeFeed } from '../inventory/snapshot/feed.ts';
import { History } from '../inventory/snapshot/history.ts';
import { createReceived } from '../inventory/snapshot/received.ts';
import { decodeArrow, encodeArrow, encodeTable } from '../schemas/arrow.ts';
import { createBatch, tokenOf } from '../schemas/batch.ts';
import { RULE } from '../schemas/codes.ts';
import { EXPORTER_COLUMNS } from '../schemas/exporter-minute.ts';
import { encodeFacts } from '../schemas/fact-batch.ts';
import { FACT_LIFE_MS, type FactRow } from '../schemas/facts.ts';
import { FLOW_COLUMNS } from '../schemas/flow.ts';
import { INTERFACE_COLUMNS } from '../schemas/interface-minute.ts';
import { inventoryChecker } from '../schemas/inventory.ts';
import { keyToBigint } from '../schemas/keys.ts';
import { openCounters } from '../service/counters.ts';
import { StorageError } from '../storage/storage.ts';
import { factRow, type StoredFact } from '../storage/tables/facts.ts';
import { batchOf, LIMITS, NOW, type Row } from '../testing/data/enrichment.ts';
import { createFakeSource, createFakeStorage, createSignal, decodedArrow } from '../testing/fakes.ts';
import { ENRICHER_COUNTERS } from './counters.ts';
import { Enricher } from './enricher.ts';
import { batchKey } from './flow-preparation.ts';

const enrichers: Enricher[] = [];
afterEach(async () => {
  await Promise.all(enrichers.splice(0).map(enricher => enricher.stop(100)));
});

const CONFIG = {
  inventory: '',
  applications: '',
  exporters: '',
  clock: '',
  inventorySources: [],
  inventoryStaleMs: 3_600_000,
  inventoryUnknownMs: 86_400_000,
  insertsMax: 2,
  insertTriesMax: 3,
  ...LIMITS,
};
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function begin(
  config: Partial<typeof CONFIG> = {},
  dependencies: { factsIntervalMs?: number; feed?: KnowledgeFeed } = {},
  facts: readonly StoredFact[] = [],
) {
  const signal = createSignal();
  const fakeSource = createFakeSource(signal);
  const fake = createFakeStorage(signal);
  const counters = openCounters(ENRICHER_COUNTERS);
  const enricher = new Enricher(
    { ...CONFIG, ...config },
    {
      source: fakeSource.source,
      storage: fake.storage,
      log: pino({ level: 'silent' }),
      counters,
      pauseMsMin: 1,
      documentPollMs: 20,
      ...dependencies,
    },
  );
  enrichers.push(enricher);
  void enricher.start(false, facts);
  const send = (sequence: number, rows: readonly Row[], options: Parameters<typeof fakeSource.deliver>[2] = {}) =>
    fakeSource.deliver(sequence, decodedArrow(batchOf(rows)), options);
  const settled = (count: number) =>
    signal.until(() => fakeSource.acknowledged.length + fakeSource.quarantined.length >= count);
  return { enricher, fake, fakeSource, counters, send, settled, signal };
}

const ROW: Row = { src: '10.0.0.1', dst: '10.0.1.1', bytes: 1500, packets: 2, samplingRate: 10 };
const transient = () => new StorageError('transient', 210, 'server away');
const permanent = () => new StorageError('permanent', 27, 'no such format');

test('a batch is enriched, stored under its token and acknowledged; the names of its nodes come first', async () => {
  const { fake, fakeSource, counters, send, settled } = begin();
  let nodesAtInsert = 0;
  fake.beforeInsert = async () => {
    nodesAtInsert = fake.nodes.length;
  };
  const identity = send(0, [ROW, { ...ROW, bytes: 500, samplingRate: 0 }]);
  await settled(1);
  expect(fakeSource.acknowledged).toEqual([0]);
  expect(fake.inserts[0]).toMatchObject({ table: 'flows', token: tokenOf(identity) });
  const { columns } = fake.flows(0);
  expect([columns.estBytes[0], columns.estBytes[2]]).toEqual([15_000, 500]);
  expect(columns.srcRule[0]).toBe(RULE['auto-prefix']);
  expect(keyToBigint({ low: columns.batch[0]!, high: columns.batch[1]! })).toBe(
    keyToBigint(batchKey(tokenOf(identity))),
  );
  expect(nodesAtInsert).toBe(fake.nodes.length);
  expect(fake.nodes.map(node => node.name)).toEqual(
    expect.arrayContaining(['auto:10.0.0.0/24', 'auto:10.0.1.0/24', 'tcp/443', 'other']),
  );
  expect(counters.get('rowsIn')).toBe(2);
  expect(counters.get('rowsStored')).toBe(2);
  expect(counters.get('flowsStored')).toBe(1);
  expect(counters.get('unknownRateRows')).toBe(1);
  expect(counters.get('nodesAnnounced')).toBe(fake.nodes.length);
});

test('a node is announced once', async () => {
  const { fake, send, settled } = begin();
  send(0, [ROW]);
  send(1, [ROW]);
  await settled(2);
  expect(new Set(fake.nodes.map(node => node.key)).size).toBe(fake.nodes.length);
});

test('a batch is not inserted while names of an earlier one are still on their way', async () => {
  const { fake, send, settled, signal } = begin();
  let open = () => {};
  const gate = new Promise<void>(resolve => (open = resolve));
  fake.beforeNodes = () => gate;
  send(0, [ROW]);
  send(1, [ROW]);
  await signal.until(() => true);
  await new Promise(resolve => setImmediate(resolve));
  expect(fake.tries).toEqual([]);
  open();
  await settled(2);
  expect(fake.tries).toHaveLength(2);
});

test('a transient failure is retried with the same bytes until it succeeds, whatever happens to the documents meanwhile', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-enricher-'));
  const file = join(folder, 'applications.json');
  writeFileSync(file, JSON.stringify({ applications: [{ id: 'one', servers: { prefixes: ['10.0.0.0/8'] } }] }));
  const { fake, fakeSource, counters, send, settled, signal } = begin({ applications: file });
  let away = true;
  fake.beforeInsert = async () => {
    if (away) throw transient();
  };
  send(0, [ROW]);
  await signal.until(() => fake.tries.length >= 4);
  writeFileSync(file, JSON.stringify({ applications: [{ id: 'another', servers: { prefixes: ['10.0.0.0/8'] } }] }));
  await signal.until(() => fake.documents.length === 2);
  expect(fakeSource.acknowledged).toEqual([]);
  away = false;
  await settled(1);
  for (const attempt of fake.tries) expect(attempt.arrow).toEqual(fake.tries[0]!.arrow);
  expect(fake.inserts).toHaveLength(1);
  expect(counters.get('retriesTransient')).toBe(fake.tries.length - 1);
  send(1, [ROW]);
  await settled(2);
  expect(fake.flows(1).columns.srcApp).not.toEqual(fake.flows(0).columns.srcApp);
  expect(fake.nodes.map(node => node.name)).toEqual(expect.arrayContaining(['one', 'another']));
  rmSync(folder, { recursive: true });
});

test('a permanent failure goes to quarantine after the configured tries, and the next batch goes on', async () => {
  const { fake, fakeSource, counters, send, settled } = begin();
  fake.beforeInsert = async ({ token }) => {
    if (token.endsWith('.0')) throw permanent();
  };
  send(0, [ROW]);
  send(1, [ROW]);
  await settled(2);
  expect(fakeSource.quarantined).toEqual([{ sequence: 0, reason: 'cannot be stored: no such format' }]);
  expect(fakeSource.acknowledged).toEqual([1]);
  expect(fake.tries.filter(attempt => attempt.token.endsWith('.0'))).toHaveLength(3);
  expect(counters.get('flowsQuarantined')).toBe(1);
  expect(counters.get('rowsStored')).toBe(1);
});

test('what cannot be decoded, and rows of another kind, go to quarantine without a try', async () => {
  const { fake, fakeSource, send, settled } = begin();
  fakeSource.deliver(0, Uint8Array.of(1, 2, 3));
  fakeSource.deliver(1, new Uint8Array(0), { kind: 'exporters' });
  send(2, [ROW], { kind: 'facts' });
  await settled(3);
  expect(fakeSource.quarantined.map(entry => entry.sequence)).toEqual([0, 1, 2]);
  expect(fake.tries).toEqual([]);
});

const FACT: FactRow = {
  receivedAtMs: Date.now(),
  exporter: '192.0.2.1',
  observationDomain: 0,
  protocol: 7,
  kind: 'station',
  index: 0,
  mac: 0x0200fe000001,
  stationId: 'ab'.repeat(16),
  name: 'web-01',
  hostId: '',
};
const FROM_WEB: Row = { ...ROW, srcMac: '02:00:fe:00:00:01' };

test('facts are stored and acknowledged, and their stations name the flows that come after them', async () => {
  const { fake, fakeSource, send, settled, counters } = begin({}, { factsIntervalMs: 0 });
  send(0, [FROM_WEB]);
  fakeSource.deliver(1, encodeFacts([FACT]).arrow, { kind: 'facts' });
  send(2, [FROM_WEB]);
  await settled(3);
  expect(fakeSource.acknowledged.toSorted()).toEqual([0, 1, 2]);
  expect(fake.facts).toEqual([factRow({ ...FACT, firstSeenMs: FACT.receivedAtMs })]);
  const rules = [fake.flows(0), fake.flows(1)].map(({ columns }) => columns.srcRule[0]);
  expect(rules).toEqual([RULE['auto-prefix'], RULE['auto-vm']]);
  expect(fake.nodes.map(node => node.name)).toEqual(expect.arrayContaining(['web-01', 'auto:web']));
  expect([counters.get('factsStored'), counters.get('facts')]).toEqual([1, 1]);
});

test('a fact that cannot be is left out and counted, the rest of its batch is stored', async () => {
  const { fake, fakeSource, settled, counters } = begin({}, { factsIntervalMs: 0 });
  const wrong = { ...FACT, stationId: 'cd'.repeat(16), index: 2 ** 32 };
  fakeSource.deliver(0, tableOf([wrong, FACT]), { kind: 'facts' });
  await settled(1);
  expect(fakeSource.acknowledged).toEqual([0]);
  expect(fake.facts.map(fact => fact.stationId)).toEqual([FACT.stationId]);
  expect([counters.get('factsStored'), counters.get('factsQuarantined'), counters.get('factsLeftOut')]).toEqual([
    1, 0, 1,
  ]);
});

/** As a collector of another version may write it: nothing is checked. */
function tableOf(facts: readonly (typeof FACT)[]): Uint8Array {
  const names = Object.keys(FACT) as (keyof typeof FACT)[];
  return encodeTable(
    names.map(name => ({
      name,
      kind: typeof FACT[name] === 'number' ? ('number' as const) : ('text' as const),
      values: facts.map(fact => fact[name]),
    })),
  );
}

test('changed facts come into force at intervals, not with each batch; what an earlier process stored at once', async () => {
  const stored = { ...FACT, firstSeenMs: FACT.receivedAtMs };
  const { fake, fakeSource, send, settled } = begin({}, { factsIntervalMs: HOUR_MS }, [stored]);
  fakeSource.deliver(0, encodeFacts([{ ...FACT, receivedAtMs: Date.now(), name: 'renamed' }]).arrow, { kind: 'facts' });
  send(1, [FROM_WEB]);
  await settled(2);
  expect(fake.facts.map(fact => fact.name)).toEqual(['renamed']);
  const names = fake.nodes.map(node => node.name);
  expect([names.includes('web-01'), names.includes('renamed')]).toEqual([true, false]);
});

test('facts that were not reported for a day are left out', async () => {
  const old = Date.now() - FACT_LIFE_MS - 1000;
  const { fake, send, settled } = begin({}, { factsIntervalMs: 0 }, [{ ...FACT, receivedAtMs: old, firstSeenMs: old }]);
  send(0, [FROM_WEB]);
  await settled(1);
  expect(fake.flows(0).columns.srcRule[0]).toBe(RULE['auto-prefix']);
});

test('exporter health is stored as it came; an empty batch is only acknowledged', async () => {
  const { fake, fakeSource, send, settled, counters } = begin();
  const batch = createBatch(EXPORTER_COLUMNS, 1);
  batch.rows = 1;
  batch.columns.datagrams[0] = 42;
  fakeSource.deliver(0, encodeArrow(batch), { kind: 'exporters' });
  send(1, []);
  await settled(2);
  expect(fake.inserts.map(insert => insert.table)).toEqual(['exporters']);
  expect(counters.get('exportersStored')).toBe(1);
  expect(fakeSource.acknowledged.toSorted()).toEqual([0, 1]);
});

test('counters of interfaces are stored as they came', async () => {
  const { fake, fakeSource, settled, counters } = begin();
  const batch = createBatch(INTERFACE_COLUMNS, 1);
  batch.rows = 1;
  batch.columns.inOctets[0] = 42;
  fakeSource.deliver(0, encodeArrow(batch), { kind: 'interfaces' });
  await settled(1);
  expect(fake.inserts.map(insert => insert.table)).toEqual(['interfaces']);
  expect(counters.get('interfacesStored')).toBe(1);
});

test('a column that is missing is zero, one that is unknown is left out; both are counted', async () => {
  const { fakeSource, fake, counters, settled } = begin();
  const batch = batchOf([ROW]);
  const list = batch.list.filter(column => column.stage === 'decoded' && column.name !== 'vni');
  const renamed = {
    ...batch,
    list: [...list, { ...list[0]!, name: 'colour' }],
    columns: { ...batch.columns, colour: new Uint32Array(2) },
  };
  fakeSource.deliver(0, encodeArrow(renamed));
  await settled(1);
  expect(counters.get('columnsMissing')).toBe(1);
  expect(counters.get('columnsUnknown')).toBe(1);
  expect(fake.flows(0).columns.bytes[0]).toBe(1500);
});

test('a redelivered batch is inserted again under its token while ClickHouse remembers it', async () => {
  const { fake, send, settled } = begin();
  send(0, [{ ...ROW, receivedAt: Date.now() }], { redelivered: true });
  await settled(1);
  expect(fake.lookups).toEqual([]);
  expect(fake.inserts).toHaveLength(1);
});

test('an old redelivered batch is looked up first, on every day it has rows of', async () => {
  const { fake, fakeSource, counters, send, settled } = begin();
  const received = NOW - (NOW % DAY_MS) - HOUR_MS;
  const acrossMidnight = [
    { ...ROW, receivedAt: received },
    { ...ROW, receivedAt: received + 2 * HOUR_MS },
  ];
  fake.has = () => true;
  const identity = send(0, acrossMidnight, { redelivered: true });
  await settled(1);
  expect(fake.lookups).toEqual(
    acrossMidnight.map(row => ({ batch: keyToBigint(batchKey(tokenOf(identity))), receivedAtMs: row.receivedAt })),
  );
  expect(fake.tries).toEqual([]);
  expect(counters.get('flowsRepeated')).toBe(1);
  fake.has = (_, receivedAtMs) => receivedAtMs === received;
  send(1, acrossMidnight, { redelivered: true });
  await settled(2);
  expect(fake.inserts).toHaveLength(1);
  expect(fakeSource.acknowledged).toEqual([0, 1]);
});

test('an old batch is looked up before its first try alone: what a try of ours left in the table is no answer', async () => {
  const { fake, counters, send, settled } = begin();
  fake.beforeInsert = async () => {
    // The table has it now, a roll-up may not.
    if (fake.tries.length < 3) {
      fake.has = () => true;
      throw transient();
    }
  };
  send(0, [{ ...ROW, receivedAt: NOW }], { redelivered: true });
  await settled(1);
  expect(fake.tries).toHaveLength(3);
  expect(fake.inserts).toHaveLength(1);
  expect(counters.get('flowsStored')).toBe(1);
  expect(counters.get('flowsRepeated')).toBe(0);
});

test('tokens are trusted for an hour, and no longer', async () => {
  const { fake, send, settled } = begin();
  send(0, [{ ...ROW, receivedAt: Date.now() - 50 * 60_000 }], { redelivered: true });
  await settled(1);
  expect(fake.lookups).toEqual([]);
  send(1, [{ ...ROW, receivedAt: Date.now() - 70 * 60_000 }], { redelivered: true });
  await settled(2);
  expect(fake.lookups).toHaveLength(1);
});

test('names that could not be stored are announced again with the next batch', async () => {
  const { fake, counters, send, settled } = begin();
  fake.beforeNodes = async () => {
    throw permanent();
  };
  send(0, [ROW]);
  await settled(1);
  expect(fake.nodes).toEqual([]);
  fake.beforeNodes = async () => {};
  send(1, [ROW]);
  await settled(2);
  expect(counters.get('nodesFailed')).toBe(fake.nodes.length);
  expect(fake.nodes.map(node => node.name)).toEqual(
    expect.arrayContaining(['auto:10.0.0.0/24', 'auto:10.0.1.0/24', 'tcp/443', 'other']),
  );
});

test('at most insertsMax inserts are on their way, one more batch stands ready, the rest stays with the transport', async () => {
  const { fake, fakeSource, send, settled, signal } = begin({ insertsMax: 2 });
  let open = () => {};
  const gate = new Promise<void>(resolve => (open = resolve));
  fake.beforeInsert = () => gate;
  for (let sequence = 0; sequence < 6; sequence++) send(sequence, [ROW]);
  await signal.until(() => fake.tries.length === 2);
  await new Promise(resolve => setImmediate(resolve));
  expect(fake.tries).toHaveLength(2);
  expect(fakeSource.taken).toBe(3);
  open();
  await settled(6);
  expect(fakeSource.acknowledged.toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
});

test('stop finishes what is on its way', async () => {
  const { enricher, fake, fakeSource, send, signal } = begin();
  let open = () => {};
  const gate = new Promise<void>(resolve => (open = resolve));
  fake.beforeInsert = () => gate;
  send(0, [ROW]);
  await signal.until(() => fake.tries.length === 1);
  const stopped = enricher.stop();
  open();
  await stopped;
  expect(fakeSource.acknowledged).toEqual([0]);
});

test('stop leaves unacknowledged what is not stored by the deadline', async () => {
  const { enricher, fake, fakeSource, send, signal } = begin();
  fake.beforeInsert = async () => {
    throw transient();
  };
  send(0, [ROW]);
  await signal.until(() => fake.tries.length > 1);
  await enricher.stop(20);
  const tries = fake.tries.length;
  send(1, [ROW]);
  await new Promise(resolve => setTimeout(resolve, 20));
  expect(fakeSource.acknowledged).toEqual([]);
  expect(fakeSource.quarantined).toEqual([]);
  expect(fake.tries).toHaveLength(tries);
});

test('what is stored after the deadline is not acknowledged: the transport may be closed', async () => {
  const { enricher, fake, fakeSource, send, signal } = begin();
  let open = () => {};
  const gate = new Promise<void>(resolve => (open = resolve));
  fake.beforeInsert = () => gate;
  send(0, [ROW]);
  await signal.until(() => fake.tries.length === 1);
  await enricher.stop(5);
  open();
  await signal.until(() => fake.inserts.length === 1);
  await new Promise(resolve => setImmediate(resolve));
  expect(fakeSource.acknowledged).toEqual([]);
});

test('a snapshot that comes while a batch waits for its states makes it ask again, and no row is joined with another time', async () => {
  const history = new History({ inventorySources: [], inventoryStaleMs: HOUR_MS, inventoryUnknownMs: DAY_MS });
  const put = (asOfMs: number, name: string) =>
    history.putInventory(
      inventoryChecker.check('inventory', {
        source: 'vc',
        asOf: new Date(asOfMs).toISOString(),
        complete: ['vms'],
        vms: [{ id: name, name, vnics: [{ addresses: ['10.0.0.1'] }] }],
      }),
    );
  const knowledge = createReceived();
  const hand = (moments: readonly number[]) =>
    knowledge.take({
      epochs: history.epochs(),
      snapshots: moments.map(ms => [history.nameAt(ms), history.compile(ms)]),
    });
  put(NOW - 50_000, 'first');
  // Only what holds long after every source fell silent is here.
  hand([NOW + 2 * DAY_MS]);
  const asked: (readonly number[])[] = [];
  const feed: KnowledgeFeed = {
    knowledge,
    start: async () => {},
    learnFacts() {},
    async need(moments) {
      if (asked.push(moments) === 1) put(NOW - 20_000, 'second');
      hand(moments);
    },
    stop: async () => {},
  };
  const { fake, send, settled } = begin({}, { feed });
  const at = (ms: number): Row => ({ ...ROW, flowStart: ms, flowEnd: ms, receivedAt: NOW });
  send(0, [at(NOW - 40_000), at(NOW - 10_000)]);
  await settled(1);
  expect(asked).toHaveLength(2);
  const { srcVm } = decodeArrow(FLOW_COLUMNS, fake.inserts[0]!.arrow).batch.columns;
  const [first, second] = [0, 1].map(row => keyToBigint({ low: srcVm[2 * row]!, high: srcVm[2 * row + 1]! }));
  expect([first, second]).not.toContain(0n);
  expect(first).not.toBe(second);
});

test('an error of the transport is counted and does not end the enricher', async () => {
  const { fakeSource, counters, send, settled } = begin();
  send(0, [ROW]);
  await settled(1);
  fakeSource.failures.push(new Error('disk'));
  send(1, [ROW]);
  send(2, [ROW]);
  await settled(3);
  expect(counters.get('sourceErrors')).toBe(1);
});

test('a refused document stops the start', async () => {
  const signal = createSignal();
  const enricher = new Enricher(
    { ...CONFIG, inventory: '/nowhere/inventory.json' },
    {
      source: createFakeSource(signal).source,
      storage: createFakeStorage(signal).storage,
      log: pino({ level: 'silent' }),
      counters: openCounters(ENRICHER_COUNTERS),
    },
  );
  await expect(enricher.start()).rejects.toThrow(/\/nowhere\/inventory\.json cannot be read/);
});
