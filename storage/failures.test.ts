import { ClickHouseError } from '@clickhouse/client';
import { expect, test } from 'vitest';
import { storageErrorOf } from './failures.ts';

const failureOf = (code: number, message = 'message') =>
  storageErrorOf(new ClickHouseError({ code: String(code), message, type: 'TYPE' })).failure;

test('a fault of the server is transient, a fault of the batch permanent', () => {
  for (const code of [60, 159, 202, 209, 210, 241, 242, 243, 252, 319, 497, 516, 999])
    expect(failureOf(code), `${code}`).toBe('transient');
  for (const code of [6, 27, 33, 36, 53, 70, 117, 349, 469]) expect(failureOf(code), `${code}`).toBe('permanent');
});

test('too many parts are transient, too many partitions in one insert permanent, though their code is the same', () => {
  expect(failureOf(252, 'Too many parts (3000 with average size of 1.00 MiB) in table')).toBe('transient');
  expect(failureOf(252, 'Too many partitions for single INSERT block (more than 100)')).toBe('permanent');
});

test('an insert into a fenced day fails transiently, one that violates another constraint permanently', () => {
  const violated = (name: string) =>
    `Constraint \`${name}\` for table t.flows is violated at row 1. Expression: (day != 20260131)`;
  expect(failureOf(469, violated('reenrich_0123456789abcdef'))).toBe('transient');
  expect(failureOf(469, violated('of_somebody_else'))).toBe('permanent');
});

test('a server out of file descriptors fails transiently, whatever it wanted one for', () => {
  expect(failureOf(573, 'Cannot open epoll descriptor: , errno: 24, strerror: Too many open files. ')).toBe(
    'transient',
  );
  expect(failureOf(298, 'Cannot create pipe: , errno: 23, strerror: Too many open files in system. ')).toBe(
    'transient',
  );
  expect(failureOf(573, 'Cannot open epoll descriptor: , errno: 9, strerror: Bad file descriptor')).toBe('permanent');
});

test('an error without an answer of the server is transient', () => {
  expect(storageErrorOf(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }))).toMatchObject({
    failure: 'transient',
    clickhouseCode: 0,
  });
});
