// The thresholds of the verdict, at and beyond each of them.

import { expect, test } from 'vitest';
import { type CheckName, checksOf, type Evidence, verdictOf } from './trust-checks.ts';

const sound: Evidence = {
  ...{ value: 100, ciLow: 95, ciHigh: 105, samples: 2000, method: 'normal', coveredShare: 1, coverage: 1, loss: 0 },
  ...{ inventoryAgeS: 60, staleShare: 0, reenrichedShare: 0, ratio: 1, ports: 2, comparedPorts: 2, provisional: [] },
};
const verdictsOf = (evidence: Partial<Evidence>) =>
  Object.fromEntries(checksOf({ ...sound, ...evidence }).map(({ check, verdict }) => [check, verdict]));

test('with nothing against it the verdict is sound', () => {
  expect(verdictOf(checksOf(sound))).toBe('sound');
});

test.each<[CheckName, Partial<Evidence>, string]>([
  ['covered', { coveredShare: 0.99 }, 'sound'],
  ['covered', { coveredShare: 0.989 }, 'usable'],
  ['covered', { coveredShare: 0.8 }, 'usable'],
  ['covered', { coveredShare: 0.799 }, 'doubtful'],
  ['covered', { coveredShare: 0 }, 'unknown'],
  ['covered', { coveredShare: null }, 'unknown'],
  ['interval', { ciLow: 90, ciHigh: 110 }, 'sound'],
  ['interval', { ciLow: 89, ciHigh: 111 }, 'usable'],
  ['interval', { ciLow: 50, ciHigh: 150 }, 'usable'],
  ['interval', { ciLow: 20, ciHigh: 170 }, 'doubtful'],
  ['interval', { ciLow: null, ciHigh: null }, 'unknown'],
  ['interval', { value: null }, 'unknown'],
  ['interval', { value: 0 }, 'usable'],
  ['interval', { value: 0, coverage: 0.99 }, 'unknown'],
  ['interval', { value: 0, coverage: null }, 'unknown'],
  ['method', { method: 'approximate' }, 'usable'],
  ['method', { method: 'largest-point' }, 'doubtful'],
  ['method', { method: 'noisy' }, 'doubtful'],
  ['method', { method: 'unknown' }, 'unknown'],
  ['coverage', { coverage: 0.98 }, 'usable'],
  ['coverage', { coverage: 0.94 }, 'doubtful'],
  ['coverage', { coverage: null }, 'usable'],
  ['loss', { loss: 0.01 }, 'sound'],
  ['loss', { loss: 0.05 }, 'usable'],
  ['loss', { loss: 0.051 }, 'doubtful'],
  ['loss', { loss: null }, 'usable'],
  ['inventory', { inventoryAgeS: 3601 }, 'usable'],
  ['inventory', { inventoryAgeS: 86_401 }, 'doubtful'],
  ['inventory', { inventoryAgeS: null }, 'usable'],
  ['stale', { staleShare: 0.05 }, 'usable'],
  ['stale', { staleShare: 0.11 }, 'doubtful'],
  ['re-enriched', { reenrichedShare: 1 }, 'sound'],
  ['counters', { ratio: 1.04 }, 'sound'],
  ['counters', { ratio: 1.2 }, 'usable'],
  ['counters', { ratio: 0.5 }, 'doubtful'],
  ['counters', { ratio: 0 }, 'doubtful'],
  ['counters', { ratio: null }, 'sound'],
  ['provisional', { provisional: [{ refused: false }] }, 'usable'],
  ['provisional', { provisional: [{ refused: false }, { refused: true }] }, 'doubtful'],
])('%s with %o is %s', (check, evidence, verdict) => {
  expect(verdictsOf(evidence)[check]).toBe(verdict);
});

test('the worst check is the verdict, and each has a sentence', () => {
  const checks = checksOf({ ...sound, loss: 0.02, coverage: 0.5, ratio: 1.1 });
  expect(verdictOf(checks)).toBe('doubtful');
  for (const { reason } of checks) expect(reason).toMatch(/^[A-Z\d].*\.$/);
  expect(checks.find(({ check }) => check === 'loss')!.reason).toBe(
    '2 % of it was lost on the way, by sequence numbers and drops.',
  );
});

test.each([
  [0.996, '99.6 %'],
  [0.99999, '99.9 %'],
  [1 - 1e-12, '99.9 %'],
  [1, '100 %'],
  [0.29, '29 %'],
  [0.8349, '83.4 %'],
])('a covered share of %d is written as %s', (coveredShare, text) => {
  const { reason } = checksOf({ ...sound, coveredShare }).find(({ check }) => check === 'covered')!;
  expect(reason).toBe(`${text} of the window is covered by a collector that was receiving.`);
});

test('where coverage is not known no cause is stated', () => {
  const { reason } = checksOf({ ...sound, coverage: null }).find(({ check }) => check === 'coverage')!;
  expect(reason).toBe('Which of its pairs of VMs an exporter sees is not known.');
});

test('the answer says where only a part of the ports was compared', () => {
  const reasonOf = (evidence: Partial<Evidence>) =>
    checksOf({ ...sound, ...evidence }).find(({ check }) => check === 'counters')!.reason;
  expect(reasonOf({ ports: 1500, comparedPorts: 1000 })).toMatch(/^At 1000 of the 1500 ports where it counts, /);
  expect(reasonOf({ ports: 2 })).toMatch(/^At the 2 ports where it counts, /);
});
