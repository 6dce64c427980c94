// A change of the inventory meets caches that were filled before it came into force, and gives what empty ones give.

import { expect, test } from 'vitest';
import type { Knowledge } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshot, type Snapshot } from '../../inventory/snapshot/snapshot.ts';
import { arrayOf } from '../../schemas/batch.ts';
import { BATCH_KEY, batchOf, documentsOf, LIMITS, NOW, type Row } from '../../testing/data/enrichment.ts';
import { createNodeNames } from '../endpoints/node-names.ts';
import { Enrichment } from './enrich.ts';

const HOSTS = 40;
const UUID = '5030aa00-0000-4000-8000-00000000';

/** VMs in an order of its own, so that every position is another one; some move, and one goes. */
function snapshotOf(isLater: boolean): Snapshot {
  const vms = Array.from({ length: 200 }, (_, i) => ({
    id: `vm-${i}`,
    name: `web-${i}`,
    uuid: `${UUID}${i.toString(16).padStart(4, '0')}`,
    host: `h${(isLater ? 7 * i : i) % HOSTS}`,
    vnics: [{ mac: `02:00:00:00:00:${i.toString(16).padStart(2, '0')}`, addresses: [`10.0.0.${i}`] }],
  }));
  const inventory = {
    hosts: Array.from({ length: HOSTS }, (_, i) => ({ id: `h${i}`, name: `esx-${i}`, vswitches: [{ id: 'v' }] })),
    vms: isLater ? vms.slice(1).reverse() : vms,
  };
  const applications = {
    applications: [{ id: isLater ? 'shop' : 'store', servers: { names: ['web-1*'] }, ports: ['tcp/443'] }],
  };
  return compileSnapshot(documentsOf({ inventory, applications }));
}

/** Calls `read` each time what is reported of an owner is read, which is when an end is looked up. */
function watched(snapshot: Snapshot, read: () => void): Snapshot {
  const { topology } = snapshot;
  const textOf = (owner: number) => {
    read();
    return topology.textOf(owner);
  };
  return { ...snapshot, topology: { ...topology, textOf } };
}

/** By MAC, by address alone, by station, and with somebody outside. */
const rows = (startMs: (i: number) => number): Row[] =>
  Array.from({ length: 200 }, (_, i) => ({
    ...{ src: `10.0.0.${i}`, dst: `10.0.0.${(i + 1) % 200}`, dstPort: 443, srcPort: 50_000 },
    ...(i % 4 === 0 && { srcMac: `02:00:00:00:00:${i.toString(16).padStart(2, '0')}` }),
    ...(i % 4 === 1 && { stationId: `${UUID}${i.toString(16).padStart(4, '0')}`.replaceAll('-', '') }),
    ...(i % 4 === 2 && { dst: `198.51.100.${i}` }),
    ...{ flowStart: startMs(i), flowEnd: startMs(i), receivedAt: NOW },
  }));

const EARLIER = NOW - 60_000;
const CHANGE = NOW - 30_000;
const LATE = () => NOW - 10_000;

/** Two epochs, with one snapshot or two, until `change` makes them three. */
function changing(oldest: Snapshot, before: Snapshot, after: Snapshot): Knowledge & { change(): void } {
  const snapshots = [oldest, before];
  return {
    get starts() {
      return Float64Array.from([Number.NEGATIVE_INFINITY, EARLIER, CHANGE].slice(0, snapshots.length));
    },
    get asOfs() {
      return Float64Array.from(snapshots.keys());
    },
    snapshotAt: epoch => snapshots[epoch]!,
    change() {
      snapshots.push(after);
    },
  };
}

test.each([
  // Stations are known by numbers that another snapshot gives to others: those 50 ends are looked up when they come.
  ['of one time', () => CHANGE - 10_000, 0.2],
  ['of two times, the later of which counts', (i: number) => EARLIER + (i < 100 ? -1000 : 1000), 0.6],
] as const)('after batches %s, ends are looked up before the change and not after it', async (_, startMs, shareMax) => {
  let reads = 0;
  const counted = watched(snapshotOf(true), () => reads++);
  const knowledge = changing(snapshotOf(false), snapshotOf(false), counted);
  const enrichment = new Enrichment(knowledge, createNodeNames(), LIMITS);
  enrichment.enrichBatch(batchOf(rows(startMs)), BATCH_KEY);

  const preparing = enrichment.prepare(counted);
  // A batch that comes meanwhile is joined with what is in force.
  await new Promise(resolve => setImmediate(resolve));
  const meanwhile = batchOf(rows(startMs));
  enrichment.enrichBatch(meanwhile, BATCH_KEY);
  expect(meanwhile.columns.inventoryAsOf[2 * 199]).toBe(1);
  await preparing;
  expect(reads).toBeGreaterThan(0);

  knowledge.change();
  reads = 0;
  const batch = batchOf(rows(LATE));
  enrichment.enrichBatch(batch, BATCH_KEY);
  expect(batch.columns.inventoryAsOf[0]).toBe(2);
  const readsAfter = reads;

  reads = 0;
  const fresh = batchOf(rows(LATE));
  new Enrichment(knowledge, createNodeNames(), LIMITS).enrichBatch(fresh, BATCH_KEY);
  expect(readsAfter / reads).toBeLessThan(shareMax);
  for (const { name } of batch.list) expect(arrayOf(batch, name), name).toEqual(arrayOf(fresh, name));
});

test('stopped, it leaves the rest to the batch, which is the same', async () => {
  const after = snapshotOf(true);
  let reads = 0;
  const before = snapshotOf(false);
  const counted = watched(after, () => reads++);
  const knowledge = changing(before, before, counted);
  const enrichment = new Enrichment(knowledge, createNodeNames(), LIMITS);
  enrichment.enrichBatch(batchOf(rows(() => CHANGE - 10_000)), BATCH_KEY);
  await enrichment.prepare(counted, () => true);
  expect(reads).toBe(0);
  knowledge.change();
  const batch = batchOf(rows(LATE));
  enrichment.enrichBatch(batch, BATCH_KEY);
  const fresh = batchOf(rows(LATE));
  new Enrichment(knowledge, createNodeNames(), LIMITS).enrichBatch(fresh, BATCH_KEY);
  for (const { name } of batch.list) expect(arrayOf(batch, name), name).toEqual(arrayOf(fresh, name));
});

test('the endpoints of many states of the inventory share a bound, and rows of each are joined as before', () => {
  const states = 12;
  const snapshots = Array.from({ length: states }, (_, i) => snapshotOf(i % 2 === 1));
  const startOf = (state: number) => NOW - 60_000 + 1000 * state;
  const knowledge = {
    starts: Float64Array.from({ length: states }, (_, i) => (i === 0 ? Number.NEGATIVE_INFINITY : startOf(i))),
    asOfs: Float64Array.from({ length: states }, (_, i) => i),
    snapshotAt: (epoch: number) => snapshots[epoch]!,
  };
  // All ends of a batch, and no more.
  const endpointsMax = 450;
  const enrichment = new Enrichment(knowledge, createNodeNames(), { ...LIMITS, endpointsMax });
  const kept: number[] = [];
  for (let round = 0; round < 2; round++) {
    for (let state = 0; state < states; state++) {
      const batch = batchOf(rows(() => startOf(state) + 500));
      kept.push(enrichment.enrichBatch(batch, BATCH_KEY).endpoints);
      const fresh = batchOf(rows(() => startOf(state) + 500));
      new Enrichment(knowledge, createNodeNames(), { ...LIMITS, endpointsMax }).enrichBatch(fresh, BATCH_KEY);
      for (const { name } of batch.list) expect(arrayOf(batch, name), name).toEqual(arrayOf(fresh, name));
    }
  }
  // Of one batch more than the bound, which is counted before its ends are looked up.
  const ofOne = kept[0]!;
  expect(ofOne).toBeGreaterThan(200);
  expect(Math.max(...kept)).toBeLessThanOrEqual(2 * endpointsMax + ofOne);
  expect(Math.max(...kept)).toBeGreaterThan(ofOne);
});
