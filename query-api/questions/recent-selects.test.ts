// What requests share of the statements that they all need.

import { expect, test } from 'vitest';
import { RECENT_MAX, RecentSelects } from './recent-selects.ts';

const statement = (sql: string, params = {}) => ({ sql, params });

test('requests at the same time share one statement, and others with its parameters alone', async () => {
  const recent = new RecentSelects();
  let runs = 0;
  const run = async () => [++runs];
  const asked = [{ to: 1 }, { to: 1 }, { to: 2 }].map(params =>
    recent.select(statement('SELECT', params), 60_000, run),
  );
  expect(await Promise.all(asked)).toEqual([[1], [1], [2]]);
});

test('rows older than a statement allows, or than all may be, are read anew', async () => {
  let runs = 0;
  const run = async () => [++runs];
  const recent = new RecentSelects();
  const sql = statement('SELECT 1');
  expect([await recent.select(sql, 60_000, run), await recent.select(sql, 0, run)]).toEqual([[1], [2]]);
  expect(await recent.select(sql, 60_000, run)).toEqual([2]);
  const none = new RecentSelects(0);
  expect([await none.select(sql, 60_000, run), await none.select(sql, 60_000, run)]).toEqual([[3], [4]]);
});

test('a failure is given to those who wait for it and to nobody else', async () => {
  const recent = new RecentSelects();
  const failing = () => Promise.reject(new Error('away'));
  const asked = [1, 2].map(() => recent.select(statement('SELECT'), 60_000, failing));
  expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await recent.select(statement('SELECT'), 60_000, async () => ['back'])).toEqual(['back']);
});

test('as many statements are kept as its bound, the newest ones', async () => {
  const recent = new RecentSelects();
  for (let i = 0; i < RECENT_MAX + 10; i++) await recent.select(statement(`SELECT ${i}`), 60_000, async () => [i]);
  expect(recent.size).toBe(RECENT_MAX);
  const again = async () => ['again'];
  expect(await recent.select(statement('SELECT 0'), 60_000, again)).toEqual(['again']);
  expect(await recent.select(statement(`SELECT ${RECENT_MAX + 9}`), 60_000, again)).toEqual([RECENT_MAX + 9]);
});
