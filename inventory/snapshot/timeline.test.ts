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
const namesAt = (reported: ReturnType<typeof timeline>, ms: number) =>
  reported
    .at(ms)
    ?.vms.map(vm => vm.name)
    .sort();

test('only a complete snapshot ends what it leaves out', () => {
  const reported = timeline();
  reported.put(snapshot(T0, { a: 'a1', b: 'b1' }, ['vms']));
  reported.put(snapshot(T0 + MINUTE, { a: 'a2' }));
  reported.put(snapshot(T0 + 2 * MINUTE, { c: 'c1' }, ['hosts']));
  reported.put(snapshot(T0 + 3 * MINUTE, { c: 'c1' }, ['vms']));
  expect(namesAt(reported, T0 - 1)).toBeUndefined();
  expect(namesAt(reported, T0)).toEqual(['a1', 'b1']);
  expect(namesAt(reported, T0 + MINUTE)).toEqual(['a2', 'b1']);
  expect(namesAt(reported, T0 + 2 * MINUTE)).toEqual(['a2', 'b1', 'c1']);
  expect(namesAt(reported, T0 + 3 * MINUTE)).toEqual(['c1']);
});

test('a snapshot that comes late takes its place by its asOf', () => {
  const reported = timeline();
  reported.put(snapshot(T0, { a: 'old' }, ['vms']));
  reported.put(snapshot(T0 + 60 * MINUTE, { a: 'new' }, ['vms']));
  expect(namesAt(reported, T0 + 40 * MINUTE)).toEqual(['old']);
  reported.put(snapshot(T0 + 30 * MINUTE, { a: 'between' }, ['vms']));
  expect(namesAt(reported, T0 + 29 * MINUTE)).toEqual(['old']);
  expect(namesAt(reported, T0 + 40 * MINUTE)).toEqual(['between']);
  expect(namesAt(reported, T0 + 60 * MINUTE)).toEqual(['new']);
});

test('of two snapshots of one asOf the one that came last counts, and reporting it again changes nothing', () => {
  const reported = timeline();
  expect(reported.put(snapshot(T0, { a: 'wrong' }))).toBe(true);
  expect(reported.put(snapshot(T0, { b: 'right' }))).toBe(true);
  expect(reported.put(snapshot(T0, { b: 'right' }))).toBe(false);
  expect(namesAt(reported, T0)).toEqual(['right']);
});

test('a source that falls silent becomes stale, then unknown; one that is heard does not', () => {
  const reported = timeline();
  reported.put(snapshot(T0, { a: 'a' }));
  const state = (ms: number) => reported.at(ms) && (reported.at(ms)!.isStale ? 'stale' : 'fresh');
  expect([state(T0 + HOUR - 1), state(T0 + HOUR), state(T0 + 24 * HOUR - 1), state(T0 + 24 * HOUR)]).toEqual([
    'fresh',
    'stale',
    'stale',
    undefined,
  ]);
  expect(reported.boundaries()).toEqual([T0, T0 + HOUR, T0 + 24 * HOUR]);
  reported.markSeen(T0 + 30 * HOUR);
  expect([state(T0 + 24 * HOUR), state(T0 + 31 * HOUR - 1), state(T0 + 31 * HOUR)]).toEqual([
    'fresh',
    'fresh',
    'stale',
  ]);
  // A late snapshot was heard of until the mark, what came before it only until it came.
  reported.put(snapshot(T0 + 2 * HOUR, { a: 'a2' }));
  expect([state(T0 + 2 * HOUR - 1), state(T0 + 30 * HOUR)]).toEqual(['fresh', 'fresh']);
});

test('the same reported again is no boundary and no other state', () => {
  const reported = timeline();
  reported.put(snapshot(T0, { a: 'a', b: 'b' }, ['vms']));
  reported.put(snapshot(T0 + MINUTE, { a: 'a', b: 'b' }, ['vms']));
  reported.put(snapshot(T0 + 2 * MINUTE, { b: 'b' }));
  reported.put(snapshot(T0 + 3 * MINUTE, { b: 'B' }));
  expect(reported.boundaries().filter(ms => ms < T0 + HOUR)).toEqual([T0, T0 + 3 * MINUTE]);
  expect(reported.nameAt(T0)).toBe(reported.nameAt(T0 + 2 * MINUTE));
  expect(reported.nameAt(T0)).not.toBe(reported.nameAt(T0 + 3 * MINUTE));
  expect(reported.asOfAt(T0 + 2.5 * MINUTE)).toBe(T0 + 2 * MINUTE);
});

test('beyond the bound the oldest are folded into one, and what holds later stays the same', () => {
  const reported = timeline(4);
  for (let i = 0; i < 10; i++) reported.put(snapshot(T0 + i * MINUTE, { [`vm${i}`]: `name${i}` }));
  expect(reported.size).toBe(4);
  expect(namesAt(reported, T0 + 9 * MINUTE)).toHaveLength(10);
  expect(namesAt(reported, T0 + 6 * MINUTE)).toHaveLength(7);
  // Older than what is kept: it cannot be placed any more.
  expect(reported.put(snapshot(T0, { late: 'late' }))).toBe(false);
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
      const reported = timeline();
      for (const given of snapshots) reported.put(given);
      let before: string | undefined;
      const boundaries = new Set(reported.boundaries());
      for (let minute = -1; minute <= 21; minute++) {
        const ms = T0 + minute * MINUTE;
        expect(namesAt(reported, ms)).toEqual(naive(snapshots, ms));
        // What holds changes at boundaries alone.
        const now = JSON.stringify(reported.at(ms)?.vms.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
        if (now !== before && minute >= 0) expect(boundaries.has(ms)).toBe(true);
        before = now;
      }
    }),
    { numRuns: 300 },
  );
});
