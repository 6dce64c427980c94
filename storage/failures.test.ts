import { ClickHouseError } from '@clickhouse/client';
import { expect, test } from 'vitest';
import { storageErrorOf } from './failures.ts';

const failureOf = (code: number, message = 'message') =>
  storageErrorOf(new ClickHouseError({ code: String(code), message, type: 'TYPE' })).failure;

test('a fault of the server is passing, a fault of the batch lasting', () => {
  for (const code of [60, 159, 202, 209, 210, 241, 242, 243, 252, 319, 497, 516, 999])
    expect(failureOf(code), `${code}`).toBe('passing');
  for (const code of [6, 27, 33, 36, 53, 70, 117, 349, 469]) expect(failureOf(code), `${code}`).toBe('lasting');
});

test('too many parts are passing, too many partitions in one insert lasting, though their code is the same', () => {
  expect(failureOf(252, 'Too many parts (3000 with average size of 1.00 MiB) in table')).toBe('passing');
  expect(failureOf(252, 'Too many partitions for single INSERT block (more than 100)')).toBe('lasting');
});

test('an insert into a fenced day fails passingly, one that violates another constraint lastingly', () => {
  const violated = (name: string) =>
    `Constraint \`${name}\` for table t.flows is violated at row 1. Expression: (day != 20260131)`;
  expect(failureOf(469, violated('reenrich_0123456789abcdef'))).toBe('passing');
  expect(failureOf(469, violated('of_somebody_else'))).toBe('lasting');
});

test('an error without an answer of the server is passing', () => {
  expect(storageErrorOf(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }))).toMatchObject({
    failure: 'passing',
    clickhouseCode: 0,
  });
});
