import { expect, test } from 'vitest';
import { keyOf, Liveness, MOMENTS_MAX, type Transition } from './liveness.ts';

const A = { address: '192.0.2.1', protocol: 'ipfix' } as const;
const B = { address: '2001:DB8::1', domain: 7 } as const;
const of = (entry: Parameters<typeof keyOf>[0], atMs: number, state: Transition['state']): Transition => ({
  ...keyOf(entry),
  atMs,
  state,
});

test('who is silent follows from transitions and the moment, in whatever order they were read', () => {
  const transitions = [of(A, 100, 'silent'), of(B, 150, 'silent'), of(A, 200, 'live')];
  for (const given of [transitions, transitions.toReversed()]) {
    const liveness = new Liveness(given);
    const silent = (ms: number) => [liveness.isSilent(A, ms), liveness.isSilent(B, ms)];
    expect([99, 100, 150, 200].map(silent)).toEqual([
      [false, false],
      [true, false],
      [true, true],
      [false, true],
    ]);
    expect(liveness.boundaries()).toEqual([100, 150, 200]);
    expect(liveness.nameAt(99)).toBe('');
  }
});

test('an entry is its address in any form, its domain and its protocol; others of that address are not meant', () => {
  const liveness = new Liveness([of(B, 0, 'silent')]);
  expect(liveness.isSilent({ address: '2001:db8:0::1', domain: 7 }, 1)).toBe(true);
  expect(liveness.isSilent({ address: '2001:db8::1' }, 1)).toBe(false);
  expect(liveness.isSilent({ ...B, protocol: 'sflow5' }, 1)).toBe(false);
});

test('equal sets have equal names, also where transitions were read again', () => {
  const flapping = new Liveness([of(A, 1, 'silent'), of(A, 2, 'live'), of(A, 3, 'silent')]);
  expect(flapping.nameAt(3)).toBe(new Liveness([of(A, 1, 'silent')]).nameAt(1));
  expect(flapping.nameAt(2)).toBe('');
  expect(flapping.nameAt(3)).not.toBe(new Liveness([of(B, 1, 'silent')]).nameAt(1));
});

test('a state that is recorded again is no boundary', () => {
  expect(new Liveness([of(A, 1, 'silent'), of(A, 2, 'silent'), of(B, 3, 'live')]).boundaries()).toEqual([1]);
});

test('flapping exporters make no more moments than the bound; what holds now is right', () => {
  const transitions = Array.from({ length: MOMENTS_MAX + 51 }, (_, i) => of(A, i, i % 2 === 0 ? 'silent' : 'live'));
  const liveness = new Liveness([of(B, 10, 'silent'), ...transitions]);
  // What is folded is one moment.
  expect(liveness.folded).toBe(52);
  expect(liveness.boundaries().length).toBe(MOMENTS_MAX);
  expect(liveness.boundaries().slice(0, 2)).toEqual([0, 52]);
  // And who was silent at its end is silent in all of it: nobody would be, and a silent exporter be elected.
  expect([liveness.isSilent(B, 5), liveness.isSilent(A, 5)]).toEqual([true, false]);
  const last = MOMENTS_MAX + 50;
  expect([liveness.isSilent(A, last), liveness.isSilent(A, last - 1)]).toEqual([true, false]);
  // What fell silent before the oldest moment that is kept has not returned.
  expect(liveness.isSilent(B, last)).toBe(true);
});
