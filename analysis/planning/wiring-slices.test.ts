import { expect, test } from 'vitest';
import { ApplicationTable, compileApplications } from '../../inventory/applications/applications.ts';
import { NO_DOCUMENTS } from '../../inventory/model/documents.ts';
import { History } from '../../inventory/snapshot/history.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import { wiringSlices } from './wiring-slices.ts';

const HOLDING = { inventorySources: [], inventoryStaleMs: 1e9, inventoryUnknownMs: 1e9 };
const MINUTE = 60_000;
const START = Date.parse('2026-01-01T00:00:00Z');
const APPLICATIONS = new ApplicationTable(compileApplications(NO_DOCUMENTS.applications));

/** Snapshots a minute apart, each with the port of the host and the host of the VM. */
function recorded(versions: readonly (readonly [port: number, host: string])[]) {
  const history = new History(HOLDING);
  versions.forEach(([port, host], i) => {
    history.putInventory(
      inventoryChecker.check('inventory', {
        ...{ source: 'vc', asOf: new Date(START + i * MINUTE).toISOString() },
        complete: ['switches', 'hosts', 'vms'],
        switches: [{ id: 'leaf', ports: [{ ifIndex: port, connectsTo: { host: 'h1' } }] }],
        hosts: [{ id: 'h1' }, { id: 'h2' }],
        vms: [{ id: 'v', name: 'v', host }],
      }),
    );
  });
  return { name: '', history, epochs: history.epochs(), applications: APPLICATIONS };
}

test('a window is cut where the wiring changes, not where a VM moves', () => {
  const all = recorded([
    [1, 'h1'],
    [1, 'h2'],
    [2, 'h2'],
    [2, 'h1'],
  ]);
  const { slices, found } = wiringSlices(all, START, START + 10 * MINUTE);
  expect([found, slices.map(({ fromMs, toMs }) => [fromMs - START, toMs - START])]).toEqual([
    2,
    [
      [0, 2 * MINUTE],
      [2 * MINUTE, 10 * MINUTE],
    ],
  ]);
  // The newest state of each first.
  const hostsOf = (at: number) => slices[at]!.states.map(({ inventory }) => inventory.vms[0]!.host);
  expect([hostsOf(0), hostsOf(1)]).toEqual([
    ['h2', 'h1'],
    ['h1', 'h2'],
  ]);
  expect(slices.map(({ states }) => states[0]!.inventory.switches[0]!.ports[0]!.ifIndex)).toEqual([1, 2]);
});

test('of more wirings than are examined, moments at equal distance stand for the window', () => {
  const all = recorded(Array.from({ length: 30 }, (_, i) => [i + 1, 'h1'] as const));
  const { slices, found } = wiringSlices(all, START, START + 30 * MINUTE);
  expect([found, slices.length]).toEqual([30, 12]);
  expect(slices.every(({ states }) => states.length === 1)).toBe(true);
  const one = wiringSlices(recorded([[1, 'h1']]), START - 60 * MINUTE, START + MINUTE);
  // Before the oldest inventory the oldest holds.
  expect([one.found, one.slices[0]!.states.length]).toEqual([1, 1]);
});

test('of many moves within a wiring the newest states are looked through', () => {
  const all = recorded(Array.from({ length: 100 }, (_, i) => [1, i % 2 === 0 ? 'h1' : 'h2'] as const));
  const { slices } = wiringSlices(all, START, START + 100 * MINUTE);
  expect(slices.map(({ states }) => states.length)).toEqual([32]);
});
