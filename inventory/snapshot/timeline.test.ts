import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Inventory, inventoryChecker } from '../../schemas/inventory.ts';
import { SourceTimeline } from './timeline.ts';

const HOUR = 3_600_000;
const SILENCE = { inventoryStaleMs: HOUR, inventoryUnknownMs: 24 * HOUR };
const MINUTE = 60_000;
const T0 = Date.UTC(2026, 0, 1);

function snapshot(atMs: number, vms: Record<string, string>, complete: string[] = []): Inventory {
  return inventoryChecker.check('inventory', {
    source: 'vc',
    asOf: new Date(atMs).toISOString(),
    complete,
    vms: Object.entries(vms).map(([id, name]) => ({ id, name })),
  });
}

const timeline = (snapshotsMax?: number) => new SourceTimeline('vc', SILENCE, snapshotsMax);
const namesAt = (told: ReturnType<typeof timeline>, ms: number) =>
  told
    .at(ms)
    ?.vms.map(vm => vm.name)
    .sort();

test('only a complete snapshot ends what it leaves out', () => {
  const told = timeline();
  told.put(snapshot(T0, { a: 'a1', b: 'b1' }, ['vms']));
  told.put(snapshot(T0 + MINUTE, { a: 'a2' }));
  told.put(snapshot(T0 + 2 * MINUTE, { c: 'c1' }, ['hosts']));
  told.put(snapshot(T0 + 3 * MINUTE, { c: 'c1' }, ['vms']));
  expect(namesAt(told, T0 - 1)).toBeUndefined();
  expect(namesAt(told, T0)).toEqual(['a1', 'b1']);
  expect(namesAt(told, T0 + MINUTE)).toEqual(['a2', 'b1']);
  expect(namesAt(told, T0 + 2 * MINUTE)).toEqual(['a2', 'b1', 'c1']);
  expect(namesAt(told, T0 + 3 * MINUTE)).toEqual(['c1']);
});

test('a snapshot that comes late takes its place by its asOf', () => {
  const told = timeline();
  told.put(snapshot(T0, { a: 'old' }, ['vms']));
  told.put(snapshot(T0 + 60 * MINUTE, { a: 'new' }, ['vms']));
  expect(namesAt(told, T0 + 40 * MINUTE)).toEqual(['old']);
  told.put(snapshot(T0 + 30 * MINUTE, { a: 'between' }, ['vms']));
  expect(namesAt(told, T0 + 29 * MINUTE)).toEqual(['old']);
  expect(namesAt(told, T0 + 40 * MINUTE)).toEqual(['between']);
  expect(namesAt(told, T0 + 60 * MINUTE)).toEqual(['new']);
});

test('of two snapshots of one asOf the one that came last counts, and telling it again changes nothing', () => {
  const told = timeline();
  expect(told.put(snapshot(T0, { a: 'wrong' }))).toBe(true);
  expect(told.put(snapshot(T0, { b: 'right' }))).toBe(true);
  expect(told.put(snapshot(T0, { b: 'right' }))).toBe(false);
  expect(namesAt(told, T0)).toEqual(['right']);
});

test('a source that falls silent becomes stale, then unknown; one that is heard does not', () => {
  const told = timeline();
  told.put(snapshot(T0, { a: 'a' }));
  const state = (ms: number) => told.at(ms) && (told.at(ms)!.isStale ? 'stale' : 'fresh');
  expect([state(T0 + HOUR - 1), state(T0 + HOUR), state(T0 + 24 * HOUR - 1), state(T0 + 24 * HOUR)]).toEqual([
    'fresh',
    'stale',
    'stale',
    undefined,
  ]);
  expect(told.boundaries()).toEqual([T0, T0 + HOUR, T0 + 24 * HOUR]);
  told.markSeen(T0 + 30 * HOUR);
  expect([state(T0 + 24 * HOUR), state(T0 + 31 * HOUR - 1), state(T0 + 31 * HOUR)]).toEqual([
    'fresh',
    'fresh',
    'stale',
  ]);
  // A late snapshot was heard of until the mark, what came before it only until it came.
  told.put(snapshot(T0 + 2 * HOUR, { a: 'a2' }));
  expect([state(T0 + 2 * HOUR - 1), state(T0 + 30 * HOUR)]).toEqual(['fresh', 'fresh']);
});

test('the same told again is no boundary and no other state', () => {
  const told = timeline();
  told.put(snapshot(T0, { a: 'a', b: 'b' }, ['vms']));
  told.put(snapshot(T0 + MINUTE, { a: 'a', b: 'b' }, ['vms']));
  told.put(snapshot(T0 + 2 * MINUTE, { b: 'b' }));
  told.put(snapshot(T0 + 3 * MINUTE, { b: 'B' }));
  expect(told.boundaries().filter(ms => ms < T0 + HOUR)).toEqual([T0, T0 + 3 * MINUTE]);
  expect(told.nameAt(T0)).toBe(told.nameAt(T0 + 2 * MINUTE));
  expect(told.nameAt(T0)).not.toBe(told.nameAt(T0 + 3 * MINUTE));
  expect(told.asOfAt(T0 + 2.5 * MINUTE)).toBe(T0 + 2 * MINUTE);
});

test('beyond the bound the oldest are folded into one, and what holds later stays the same', () => {
  const told = timeline(4);
  for (let i = 0; i < 10; i++) told.put(snapshot(T0 + i * MINUTE, { [`vm${i}`]: `name${i}` }));
  expect(told.size).toBe(4);
  expect(namesAt(told, T0 + 9 * MINUTE)).toHaveLength(10);
  expect(namesAt(told, T0 + 6 * MINUTE)).toHaveLength(7);
  // Older than what is kept: it cannot be placed any more.
  expect(told.put(snapshot(T0, { late: 'late' }))).toBe(false);
});

/** The definition, by brute force: walk all snapshots up to the moment in the order of asOf. */
function naive(snapshots: readonly Inventory[], ms: number): string[] | undefined {
  const latest = new Map<string, Inventory>();
  for (const entry of snapshots) latest.set(entry.asOf, entry);
  const ordered = [...latest.values()]
    .filter(entry => Date.parse(entry.asOf) <= ms)
    .sort((a, b) => Date.parse(a.asOf) - Date.parse(b.asOf));
  if (ordered.length === 0) return undefined;
  let state: Record<string, string> = {};
  for (const entry of ordered) {
    if (entry.complete.includes('vms')) state = {};
    for (const vm of entry.vms) state = { ...state, [vm.id]: vm.name };
  }
  return Object.values(state).sort();
}

test('agrees with a walk over all snapshots, in whatever order they come', () => {
  const entry = fc.record({
    minute: fc.nat({ max: 20 }),
    vms: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('x', 'y', 'z')),
    complete: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 14 }), entries => {
      const snapshots = entries.map(({ minute, vms, complete }) =>
        snapshot(T0 + minute * MINUTE, vms, complete ? ['vms'] : []),
      );
      const told = timeline();
      for (const given of snapshots) told.put(given);
      let before: string | undefined;
      const boundaries = new Set(told.boundaries());
      for (let minute = -1; minute <= 21; minute++) {
        const ms = T0 + minute * MINUTE;
        expect(namesAt(told, ms)).toEqual(naive(snapshots, ms));
        // What holds changes at boundaries alone.
        const now = JSON.stringify(told.at(ms)?.vms.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
        if (now !== before && minute >= 0) expect(boundaries.has(ms)).toBe(true);
        before = now;
      }
    }),
    { numRuns: 300 },
  );
});
