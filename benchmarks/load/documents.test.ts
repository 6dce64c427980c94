import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { applicationsChecker } from '../../schemas/applications.ts';
import type { DocumentError } from '../../schemas/documents.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import { documentsOf, writeDocuments } from './documents.ts';
import { buildDataCentre } from './model/data-centre.ts';
import { LOAD_OPTIONS, parseLoadOptions } from './options.ts';

test('written documents pass the checkers, and every VM stands behind an access port of a registered exporter', async () => {
  const dataCentre = buildDataCentre({
    seed: 1,
    bridges: 5,
    vms: 300,
    apps: 30,
    protocols: ['ipfix', 'netflow5'],
    sampling: 1,
  });
  const addresses = dataCentre.bridges.map(bridge => bridge.agentAddress);
  const folder = await mkdtemp(join(tmpdir(), 'hairpin-documents-'));
  try {
    const written = writeDocuments(folder, documentsOf(dataCentre, addresses, '2026-03-01T12:00:00Z'));
    expect(written).toEqual(['inventory', 'exporters', 'applications'].map(name => join(folder, `${name}.json`)));
    const text = (name: string) => readFile(join(folder, `${name}.json`), 'utf8');
    const inventory = inventoryChecker.parse('inventory', await text('inventory'));
    const registry = exporterRegistryChecker.parse('exporters', await text('exporters'));
    const applications = applicationsChecker.parse('applications', await text('applications'));
    expect(applications.applications).toHaveLength(30);
    expect(inventory.vms).toHaveLength(300);
    expect(new Set(registry.exporters.map(exporter => exporter.address)).size).toBe(5);
    for (const vm of inventory.vms) {
      const [pnic] = inventory.hosts.find(host => host.id === vm.host)!.pnics;
      const exporter = registry.exporters.find(candidate => candidate.switch === pnic!.switch)!;
      expect(exporter.ports.find(port => port.ifIndex === pnic!.ifIndex)?.role).toBe('access');
      const app = applications.applications.filter(({ servers }) =>
        servers.names.some(glob => vm.name.startsWith(glob.slice(0, -1))),
      );
      expect(app.map(({ id }) => id)).toEqual(vm.name.startsWith('lab-') ? [] : [vm.name.replace(/-\d+$/, '')]);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('options come as text or as values; every fault is reported at once', () => {
  const options = parseLoadOptions({ rate: '2500', protocol: 'ipfix,sflow5', exporters: '4', progress: true });
  expect(options).toMatchObject({ rate: 2500, protocol: ['ipfix', 'sflow5'], bridges: 4, progress: true, seed: 1 });
  expect(LOAD_OPTIONS.map(option => option.name)).toEqual(Object.keys(options).sort(byOrder));
  const faults = (values: Record<string, unknown>) => {
    try {
      parseLoadOptions(values);
    } catch (error) {
      return (error as DocumentError).faults.map(fault => fault.path);
    }
    return [];
  };
  expect(faults({ rate: 'fast', loss: '2', protocol: 'netflow6' }).sort()).toEqual(['/loss', '/protocol/0', '/rate']);
  expect(faults({ scenario: 'numbered', protocol: 'sflow5', sampling: '8' })).toEqual(['/protocol', '/sampling']);
  expect(faults({ vms: 5, apps: 5 })).toEqual(['/vms']);
  expect(faults({ speed: 5 })).toEqual(['/speed']);
  expect(faults({ bridges: 5, exporters: 5 })).toEqual(['/exporters']);
});

const byOrder = (a: string, b: string) =>
  LOAD_OPTIONS.findIndex(option => option.name === a) - LOAD_OPTIONS.findIndex(option => option.name === b);
