import { expect, test } from 'vitest';
import type { AlertRow } from '../../storage/tables/alerts.ts';
import { AlertBook } from './alert-book.ts';
import type { RowReading, RuleReading } from './read-rule.ts';

const HOUR = 3_600_000;
const moment = (atMs: number) => ({ atMs, windowMs: 300_000, forMs: 0 });
const NOTHING: RuleReading = { rows: new Map(), absent: { reading: 'unknown', value: null }, truncated: false };

function reading(rule: string, names: readonly string[], state: RowReading['reading'] = 'beyond'): RuleReading {
  const rows = names.map((name): [string, RowReading] => {
    const described = {
      ...{ fingerprint: name, rule, definition: 'd', requires: 'read', addresses: [], severity: 'warning' },
      ...{ labels: { name }, annotations: {} },
    };
    return [name, { described, value: 1, reading: state }];
  });
  return { ...NOTHING, rows: new Map(rows) };
}
const dueOf = (book: AlertBook, nowMs: number) =>
  book.due(nowMs, 4 * HOUR).map(({ rule, alerts }) => [rule, alerts.map(one => `${one.fingerprint} ${one.state}`)]);

test('beyond its bound no alert begins, and each that does not is counted', () => {
  const counted: string[] = [];
  const book = new AlertBook({ notifies: false, max: 3, count: what => counted.push(what) });
  book.apply('r', reading('r', ['a', 'b', 'c', 'd', 'e']), 'd', moment(1));
  expect([...book.active()].map(({ fingerprint }) => fingerprint)).toEqual(['a', 'b', 'c']);
  expect(counted).toEqual(['refused', 'refused']);
  book.apply('r', reading('r', ['a'], 'within'), 'd', moment(2));
  book.apply('r', reading('r', ['d']), 'd', moment(3));
  expect([...book.active()].map(({ fingerprint }) => fingerprint)).toEqual(['b', 'c', 'd']);
});

test('what has ended and was not sent has the same bound, and what is not stored twice that', () => {
  const counted: string[] = [];
  const book = new AlertBook({ notifies: true, max: 3, count: what => counted.push(what) });
  book.apply('r', reading('r', ['stays']), 'd', moment(0));
  for (let at = 1; at < 10; at += 2) {
    book.apply('r', reading('r', [`a${at}`]), 'd', moment(at));
    book.apply('r', reading('r', [`a${at}`], 'within'), 'd', moment(at + 1));
  }
  expect(dueOf(book, 10)).toEqual([['r', ['stays firing', 'a5 resolved', 'a7 resolved', 'a9 resolved']]]);
  expect(counted).toEqual(['dropped', 'dropped']);
  for (let at = 11; at < 20; at += 2) {
    book.apply('r', reading('r', [`a${at}`]), 'd', moment(at));
    book.apply('r', reading('r', [`a${at}`], 'within'), 'd', moment(at + 1));
  }
  // What is active is kept, and the newest of what has ended.
  const unstored = book.unstored().map(({ fingerprint }) => fingerprint);
  expect(unstored).toEqual(['stays', 'a11', 'a13', 'a15', 'a17', 'a19']);
});

test('the webhook is due when something changes, and when four hours have passed', () => {
  const book = new AlertBook({ notifies: true });
  const send = (nowMs: number) => {
    for (const { alerts } of book.due(nowMs, 4 * HOUR)) book.markNotified(alerts, nowMs);
  };
  book.apply('r', reading('r', ['a', 'b']), 'd', moment(1));
  expect(dueOf(book, 1)).toEqual([['r', ['a firing', 'b firing']]]);
  send(1);
  expect(dueOf(book, 2)).toEqual([]);
  expect(dueOf(book, 1 + 4 * HOUR)).toEqual([['r', ['a firing', 'b firing']]]);
  book.apply('r', reading('r', ['a'], 'within'), 'd', moment(5));
  // What changed comes first, and with it what goes on.
  expect(dueOf(book, 5)).toEqual([['r', ['a resolved', 'b firing']]]);
  send(5);
  expect(dueOf(book, 6)).toEqual([]);
});

test('an alert that ends while it is sent as firing is sent as resolved afterwards', () => {
  const book = new AlertBook({ notifies: true });
  book.apply('r', reading('r', ['a']), 'd', moment(1));
  const [group] = book.due(1, HOUR);
  book.apply('r', reading('r', ['a'], 'within'), 'd', moment(2));
  book.markNotified(group!.alerts, 3);
  expect(dueOf(book, 3)).toEqual([['r', ['a resolved']]]);
});

test('alerts of a rule that is gone or watches something else end, and say why', () => {
  const book = new AlertBook({ notifies: true });
  book.apply('r', reading('r', ['a']), 'd', moment(1));
  book.apply('s', reading('s', ['b']), 'd', moment(1));
  book.apply('r', NOTHING, 'other', moment(2));
  book.keepRules(new Set(['r']), 2);
  const ended = book.unstored().map(({ fingerprint, state, ending }) => [fingerprint, state, ending]);
  expect([[...book.active()], ended]).toEqual([
    [],
    [
      ['a', 'resolved', 'rule-changed'],
      ['b', 'resolved', 'rule-removed'],
    ],
  ]);
});

test('what is stored is not stored again unless it changed meanwhile', () => {
  const book = new AlertBook({ notifies: true });
  book.apply('r', reading('r', ['a', 'b']), 'd', moment(1));
  const rows: readonly AlertRow[] = book.unstored();
  book.markNotified([rows[0]!], 2);
  book.markStored(rows);
  expect(book.unstored().map(({ fingerprint, notifiedState }) => [fingerprint, notifiedState])).toEqual([
    ['a', 'firing'],
  ]);
});
