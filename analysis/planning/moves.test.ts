// Names of moves, and what a rack means, on a small inventory.

import { expect, test } from 'vitest';
import { mergedOf } from '../../inventory/model/merge.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import { hashedKey, keyToHex } from '../../schemas/keys.ts';
import type { Move } from '../../schemas/planning.ts';
import { applyMoves } from './moves.ts';
import { keyText, PairEnds } from './pair-ends.ts';
import { PlacementModel } from './placement-model.ts';

const merged = mergedOf(
  inventoryChecker.check('inventory', {
    ...{ source: 'vc', asOf: '2026-01-01T00:00:00Z' },
    racks: [{ id: 'r1', name: 'first' }, { id: 'r2' }, { id: 'r3' }],
    hosts: [
      { id: 'h1', name: 'alpha', rack: 'r1' },
      { id: 'h2', rack: 'r2' },
      { id: 'h3', rack: 'r2' },
      { id: 'h4', rack: 'r3', status: 'maintenance' },
    ],
    vms: [
      ['v1', 'web', 'h1'],
      ['v2', 'web', 'h1'],
      ['v3', 'db', 'h2'],
      ['v4', 'v1', 'h2'],
    ].map(([id, name, host]) => ({ id, name, host })),
  }),
);
const state = { inventory: merged, exporters: exporterRegistryChecker.check('exporters', {}) };
const model = new PlacementModel(new PairEnds([state]), []);
const shop = new Map([[keyToHex(hashedKey('application', 'shop')), new Set([0, 1, 2])]]);
const apply = (...moves: Move[]) => {
  const after = applyMoves(model, merged.racks, moves, () => shop);
  return 'faults' in after ? after.faults : after.map(host => host?.id);
};

test('VMs are named by id, by key and by a name that only one has', () => {
  expect(apply({ vm: 'v1', toHost: 'h3' })).toEqual(['h3', 'h1', 'h2', 'h2']);
  expect(apply({ vm: 'db', toHost: 'alpha' })).toEqual(['h1', 'h1', 'h1', 'h2']);
  const key = BigInt(keyText('vm', 'vc/v2')).toString(16);
  expect(apply({ vm: key.toUpperCase(), toHost: 'h3' })).toEqual(['h1', 'h3', 'h2', 'h2']);
  expect(apply({ vm: 'web', toHost: 'h3' })).toEqual([
    { at: 'moves/0/vm', reason: expect.stringContaining('2 VMs are called "web"') },
  ]);
});

test('VMs that move to a rack go to its emptiest running host, one after the other; those there stay', () => {
  // h2 has two VMs and h3 none: v1 and v2 go to h3.
  expect(apply({ app: 'shop', toRack: 'r2' })).toEqual(['h3', 'h3', 'h2', 'h2']);
  expect(apply({ host: 'h1', toRack: 'r2' }, { vm: 'db', toRack: 'first' })).toEqual(['h3', 'h3', 'h1', 'h2']);
  expect(apply({ app: 'shop', toRack: 'r3' })).toEqual([
    { at: 'moves/0/toRack', reason: 'rack "r3" has no running host' },
  ]);
});

test('a VM moved twice to one place moves once; to two places it is refused, wherever the second comes from', () => {
  expect(apply({ vm: 'db', toHost: 'h1' }, { vm: 'v3', toHost: 'h1' })).toEqual(['h1', 'h1', 'h1', 'h2']);
  expect(apply({ vm: 'db', toHost: 'h1' }, { app: 'shop', toHost: 'h3' })).toEqual([
    { at: 'moves/1', reason: 'VM "db" moves to host h1 by moves/0 already' },
  ]);
});

test('every fault is counted, a hundred are listed', () => {
  const moves = Array.from({ length: 250 }, (_, i) => ({ vm: `none-${i}`, toHost: 'h1' }));
  const after = applyMoves(model, merged.racks, moves, () => shop);
  expect('faults' in after && [after.faults.length, after.faultCount]).toEqual([100, 250]);
  for (const name of ['__proto__', 'constructor', '', '\u0000'])
    expect(apply({ vm: name, toHost: 'h1' })).toEqual([
      { at: 'moves/0/vm', reason: expect.stringContaining('has no VM') },
    ]);
});
