import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { type Applications, applicationsChecker } from '../../schemas/applications.ts';
import type { Inventory } from '../../schemas/inventory.ts';
import { enrichRows } from '../../testing/data/enrichment.ts';
import { compileApplications } from '../applications/applications.ts';
import { NO_DOCUMENTS } from '../model/documents.ts';
import { mergedOf } from '../model/merge.ts';
import type { KnowledgeUpdate } from './follower.ts';
import { createReceived } from './received.ts';
import { share } from './share.ts';
import { compileSnapshotData } from './snapshot.ts';

const hex = (value: number) => value.toString(16).padStart(2, '0');

function inventoryOf(count: number): Inventory {
  return {
    ...NO_DOCUMENTS.inventory,
    vms: Array.from({ length: count }, (_, i) => ({
      id: `vm${i}`,
      name: `vm-${i}`,
      status: 'running',
      tags: ['prod'],
      vnics: [
        {
          mac: `02:00:00:${hex(i >> 16)}:${hex((i >> 8) & 255)}:${hex(i & 255)}`,
          addresses: [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`],
        },
      ],
    })),
  };
}

/** Rules with distinct prefixes each. */
function applicationsOf(count: number, prefixes: number): Applications {
  const applications = Array.from({ length: count }, (_, i) => ({
    id: `app${i}`,
    servers: {
      names: [`app${i}-*`],
      prefixes: Array.from({ length: prefixes }, (_, j) => `${20 + (i >> 8)}.${i & 255}.${j >> 1}.${128 * (j & 1)}/25`),
    },
    ports: ['tcp/443'],
  }));
  return applicationsChecker.restore(JSON.stringify({ applications }));
}

function updateOf(name: string, inventory: Inventory, applications?: Applications): KnowledgeUpdate {
  return {
    epochs: {
      starts: Float64Array.of(Number.NEGATIVE_INFINITY),
      asOfs: Float64Array.of(0),
      names: [name],
      moments: [Number.NEGATIVE_INFINITY],
    },
    snapshots: [[name, share(compileSnapshotData(mergedOf(inventory), NO_DOCUMENTS.exporters))]],
    ...(applications && { applications: share(compileApplications(applications)) }),
  };
}

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

test('100,000 VMs, 2,000 rules and a million prefixes cross threads without work that grows with them', () => {
  const inventory = inventoryOf(100_000);
  const applications = applicationsOf(2000, 500);
  let update: KnowledgeUpdate | undefined;
  const compileMs = cpuMs(() => {
    update = updateOf('large', inventory, applications);
  });
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(update);
  const received = createReceived();
  const takeMs = cpuMs(() => {
    received.take(receiveMessageOnPort(port2)!.message);
    received.snapshotAt(0);
  });
  port1.close();
  console.log(`compiled in ${Math.round(compileMs)} ms of CPU, taken in ${takeMs.toFixed(1)} ms`);
  expect(takeMs).toBeLessThan(compileMs / 10);
  const { topology } = received.snapshotAt(0);
  expect(topology.kind.buffer).toBeInstanceOf(SharedArrayBuffer);
  const [row] = enrichRows(received, [{ src: '10.1.134.159', dst: '27.207.200.1', dstPort: 443 }]);
  expect(row).toMatchObject({ srcVm: 'vm-99999', dstApp: 'app1999' });
});

test('an epoch whose state is not here takes the nearest, and is reported as missing until it comes', () => {
  const received = createReceived();
  const epochs = {
    starts: Float64Array.of(Number.NEGATIVE_INFINITY, 100, 200),
    asOfs: Float64Array.of(0, 100, 200),
    names: ['a', 'b', 'c'],
    moments: [0, 100, 200],
  };
  const [[, small]] = updateOf('', inventoryOf(1)).snapshots as [[string, KnowledgeUpdate['snapshots'][0][1]]];
  const [[, larger]] = updateOf('', inventoryOf(2)).snapshots as [[string, typeof small]];
  received.take({ epochs, snapshots: [['c', larger]] });
  expect(received.missing([0, 1, 2])).toEqual([0, 100]);
  expect(received.snapshotAt(0)).toBe(received.snapshotAt(2));
  received.take({ epochs, snapshots: [['b', small]] });
  expect(received.missing([0, 1, 2])).toEqual([0]);
  expect(received.snapshotAt(1).topology.count).toBe(1);
  expect(received.snapshotAt(0)).toBe(received.snapshotAt(1));
  expect(received.snapshotAt(2).topology.count).toBe(2);
});

test('the newest state of an update can be opened before it is taken, and is then the one in force', () => {
  const received = createReceived();
  const first = updateOf('a', inventoryOf(1), applicationsOf(1, 1));
  received.take(first);
  const [held, applications] = [
    received.snapshotAt(0),
    updateOf('', inventoryOf(0), applicationsOf(2, 1)).applications!,
  ];
  const second = { ...updateOf('b', inventoryOf(2)), applications };
  const opened = received.open(second);
  expect(opened!.topology.count).toBe(2);
  expect(received.snapshotAt(0)).toBe(held);
  received.take(second);
  expect(received.snapshotAt(0)).toBe(opened);

  // New rules alone make a new state of what is here; an older state alone leaves the newest as it is.
  const rules = { epochs: second.epochs, snapshots: [], applications };
  const ruled = received.open(rules);
  expect(ruled!.topology.count).toBe(2);
  expect(received.open({ epochs: second.epochs, snapshots: first.snapshots })).toBeUndefined();
  // What was opened of another update is not taken for this one's.
  received.take({ ...rules });
  expect(received.snapshotAt(0)).not.toBe(ruled);
});
