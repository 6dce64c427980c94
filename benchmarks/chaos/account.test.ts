// The bookkeeping of the chaos benchmark finds what it is there for: a number that nothing explains, and a counter that
// reports more or less than is missing.

import { expect, test } from 'vitest';
import { createRandom } from '../random.ts';
import { accountFor, type Window } from './account.ts';
import { createLedger } from './ledger.ts';
import { FAULTS, planRound } from './schedule.ts';

/** A datagram of three numbers every 100 ms: at 0 ms those of 0 to 2, at 100 ms those of 3 to 5 ... */
function ledgerOf(datagrams: number) {
  const ledger = createLedger();
  for (let i = 0; i < datagrams; i++) ledger.add([3 * i, 3 * i + 1, 3 * i + 2], 100 * i);
  return ledger;
}

const account = (missing: readonly number[], windows: readonly Window[], refusedRows = 0, droppedDatagrams = 0) =>
  accountFor({
    name: 'c',
    ledger: ledgerOf(100_000),
    missing: new Set(missing),
    windows,
    counted: { refusedRows, droppedDatagrams },
  });

const kill: Window = { loss: 'kill', fromMs: 1000, toMs: 2000, atMs: 1500 };
const refused: Window = { loss: 'refused', fromMs: 3000, toMs: 3500 };
const dropped: Window = { loss: 'dropped', fromMs: 5000, toMs: 6000 };

test('each missing number lies in the window of its sending time, and the counters agree', () => {
  const { rows, droppedDatagrams, oldestBeforeKillMs, unexplained, failures } = account(
    [33, 34, 59, 90, 91, 93, 150, 151, 152],
    [kill, refused, dropped],
    3,
    1,
  );
  expect(rows).toEqual({ kill: 3, restart: 0, refused: 3, dropped: 3 });
  expect({ droppedDatagrams, oldestBeforeKillMs, unexplained }).toEqual({
    droppedDatagrams: 1,
    oldestBeforeKillMs: 400,
    unexplained: 0,
  });
  expect(failures).toEqual([]);
});

test.each([
  ['outside every window', [299_999], [kill, refused, dropped], 0, 0, /1 missing numbers lie in no window/],
  ['a part of a datagram, which the kernel drops whole', [150], [dropped], 0, 0, /1 missing numbers lie in no window/],
  ['more than were counted as refused', [90, 91], [refused], 1, 0, /2 rows .* the counter reports 1/],
  ['fewer than were counted as refused', [90], [refused], 2, 0, /1 rows .* the counter reports 2/],
  ['more than the kernel dropped', [150, 151, 152], [dropped], 0, 0, /1 datagrams .* the counter reports 0/],
] as const)('%s is reported', (_, missing, windows, refusedRows, droppedDatagrams, failure) => {
  const { failures } = account(missing, windows, refusedRows, droppedDatagrams);
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatch(failure);
});

test('what a kill or the spool may have cost is distinguished from neither, and not counted twice', () => {
  const both = { ...refused, fromMs: 1000, toMs: 1200 };
  expect(account([30, 31], [kill, both], 2)).toMatchObject({ several: 2, rows: { kill: 0, refused: 0 }, failures: [] });
  expect(account([30, 31], [kill, both], 3).failures).toHaveLength(1);
});

test('a round has every fault once, and the same seed gives the same round', () => {
  const pauses = { fromMs: 1000, toMs: 2000 };
  const round = planRound(createRandom(5), pauses, true);
  expect(round.map(({ name }) => name).sort()).toEqual([...FAULTS, 'spools fill'].sort());
  expect(planRound(createRandom(5), pauses, true)).toEqual(round);
  expect(planRound(createRandom(6), pauses, true)).not.toEqual(round);
});
