// Until when everything is stored, from what each collector and enricher last said.

import { expect, test } from 'vitest';
import { type CarrierRow, COLLECTOR_BEHIND_MS, storedUntilOf, waitingOf } from './stored-until.ts';

const AT = 1_000_000_000;
const collector = (name: string, atMs: number, more: Partial<CarrierRow> = {}): CarrierRow => ({
  ...{ kind: 'collector', name, shares: 1, value: String(atMs), stopped: '0' },
  ...more,
});
const enricher = (value: string): CarrierRow => ({ kind: 'enricher', name: value, shares: 0, value, stopped: '0' });

test.each<[string, CarrierRow[], number | undefined]>([
  ['no collector', [], undefined],
  ['one', [collector('a', AT)], AT],
  ['two: the one that is behind', [collector('a', AT), collector('b', AT - 5000)], AT - 5000],
  ['one that stopped is not waited for', [collector('a', AT), collector('b', AT - 5000, { stopped: String(AT) })], AT],
  ['one that is gone is not either', [collector('a', AT), collector('b', AT - COLLECTOR_BEHIND_MS - 1)], AT],
  ['one at the bound is', [collector('a', AT), collector('b', AT - COLLECTOR_BEHIND_MS)], AT - COLLECTOR_BEHIND_MS],
  ['all stopped: the newest', [100, 200].map(ms => collector(`${ms}`, AT - ms, { stopped: String(AT) })), AT - 100],
  [
    'what one copy has and another has not is not stored',
    [0, 9000].map(ms => collector('a', AT - ms, { shares: 2 })),
    AT - 9000,
  ],
  ['copies of which one has said nothing', [collector('a', AT, { shares: 2 })], undefined],
  [
    'after partitions were added, the newest whole set',
    [collector('a', AT - 9000), ...[0, 10].map(ms => collector('a', AT - ms, { shares: 2 }))],
    AT - 10,
  ],
])('%s', (_, rows, expected) => {
  expect(storedUntilOf(rows)).toBe(expected);
});

test('what waits is the sum over enrichers, and not known without any', () => {
  expect(waitingOf([collector('a', AT)])).toBeUndefined();
  expect(waitingOf([collector('a', AT), enricher('3'), enricher('0'), enricher('4')])).toBe(7);
});
