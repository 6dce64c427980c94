import { expect, test } from 'vitest';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { documentsOf, enrichRows } from '../../testing/data/enrichment.ts';

const vm = (id: string, host: string | undefined, vswitch?: string) => ({
  id,
  name: id,
  ...(host && { host }),
  vnics: [{ addresses: [`10.0.0.${id}`], ...(vswitch && { vswitch }) }],
});
const snapshot = compileSnapshot(
  documentsOf({
    inventory: {
      sites: [{ id: 'east' }, { id: 'west' }],
      racks: [
        { id: 'r1', site: 'east' },
        { id: 'r2', site: 'east' },
        { id: 'r3', site: 'west' },
      ],
      hosts: [
        { id: 'h1', rack: 'r1', vswitches: [{ id: 'v1' }, { id: 'v2' }] },
        { id: 'h2', rack: 'r1', vswitches: [{ id: 'v1' }] },
        { id: 'h3', rack: 'r2', vswitches: [{ id: 'v1' }] },
        { id: 'h4', rack: 'r3', vswitches: [{ id: 'v1' }] },
        { id: 'h5' },
      ],
      vms: [
        vm('1', 'h1'),
        vm('2', 'h1', 'v1'),
        vm('3', 'h1', 'v2'),
        vm('4', 'h2'),
        vm('5', 'h3'),
        vm('6', 'h4'),
        vm('7', 'h5'),
        vm('8', undefined),
      ],
    },
  }),
);

test.each([
  ['10.0.0.2', 'same-vswitch'],
  ['10.0.0.3', 'same-host'],
  ['10.0.0.4', 'same-rack'],
  ['10.0.0.5', 'cross-rack'],
  ['10.0.0.6', 'cross-site'],
  ['10.0.0.7', 'unknown'],
  ['10.0.0.8', 'unknown'],
  ['10.77.0.1', 'unknown'],
  ['203.0.113.1', 'external'],
])('from 10.0.0.1 to %s is %s, in both directions', (address, expected) => {
  const rows = enrichRows(snapshot, [
    { src: '10.0.0.1', dst: address },
    { src: address, dst: '10.0.0.1' },
  ]);
  expect(rows.map(row => row.locality)).toEqual([expected, expected]);
});
