import { expect, test } from 'vitest';
import type { Inventory } from '../../schemas/inventory.ts';
import { enrichRows } from '../../testing/data/enrichment.ts';
import { NO_DOCUMENTS } from '../model/documents.ts';
import { compileSnapshot } from './snapshot.ts';

test('without any document every endpoint still has a name', () => {
  const [row] = enrichRows(NO_DOCUMENTS, [{ src: '10.1.2.3', dst: '203.0.113.9', srcPort: 51000, dstPort: 443 }]);
  expect(row).toMatchObject({
    srcApp: 'auto:10.1.2.0/24',
    dstApp: 'external',
    service: 'tcp/443',
    serverSide: 'dst',
    locality: 'external',
    countReason: 'unelected',
  });
});

test('100,000 VMs compile into one snapshot that finds each of them', () => {
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  const count = 100_000;
  const inventory: Inventory = {
    ...NO_DOCUMENTS.inventory,
    switches: Array.from({ length: 100 }, (_, i) => ({
      id: `sw${i}`,
      ports: Array.from({ length: 25 }, (_, port) => ({ ifIndex: port })),
    })),
    hosts: Array.from({ length: 2500 }, (_, i) => ({
      id: `h${i}`,
      status: 'running',
      addresses: [],
      pnics: [{ id: 'p', switch: `sw${i % 100}`, ifIndex: Math.floor(i / 100) }],
      vswitches: [
        { id: 'v', uplinks: ['p'], switching: 'veb', channels: [], distributedRouting: false, portGroups: [] },
      ],
      vmkernelNics: [],
    })),
    vms: Array.from({ length: count }, (_, i) => ({
      id: `vm${i}`,
      name: `vm-${i}`,
      host: `h${i % 2500}`,
      status: 'running',
      tags: [],
      vnics: [
        {
          mac: `02:00:00:${hex(i >> 16)}:${hex((i >> 8) & 255)}:${hex(i & 255)}`,
          addresses: [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, `fd00::${i >> 16}:${(i & 0xffff).toString(16)}`],
        },
      ],
    })),
  };
  const startedAt = performance.now();
  const snapshot = compileSnapshot({
    ...NO_DOCUMENTS,
    inventory,
    exporters: {
      exporters: [
        {
          address: '192.0.2.1',
          switch: 'sw0',
          metering: 'ingress',
          role: 'access',
          traffic: 'all',
          ports: [],
        },
      ],
    },
  });
  console.log(`100,000 VMs compiled in ${Math.round(performance.now() - startedAt)} ms`);
  expect(snapshot.topology.count).toBe(count + 2500);
  const rows = enrichRows(snapshot, [
    { src: '10.1.134.159', dst: 'fd00::0', direction: 'ingress', exporter: '192.0.2.1', inIf: 0 },
  ]);
  expect(rows[0]).toMatchObject({ srcVm: 'vm-99999', dstVm: 'vm-0' });
});
