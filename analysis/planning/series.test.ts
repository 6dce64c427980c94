import { expect, test } from 'vitest';
import { SERIES_SQL } from '../../schemas/planning.ts';
import { SeriesPaths } from './series.ts';

test('pairs of one path share it; values are sent in parts that ClickHouse takes', () => {
  const paths = new SeriesPaths();
  const pairs = new Map(Array.from({ length: 9000 }, (_, i) => [String(2n ** 63n + BigInt(i)), 1] as const));
  expect(paths.add(0, pairs)).toBe(true);
  expect(paths.add(1, new Map([[String(2n ** 63n), 0.5]]))).toBe(true);
  const { sql, params } = paths.statement({ sql: `WITH ${SERIES_SQL} SELECT {a:UInt8}`, params: { a: 1 } });
  expect(sql).not.toContain(SERIES_SQL);
  expect(params).toMatchObject({ a: 1, path0: [0, 0, 1], series0: [0, 1, 0], share0: [1, 0.5, 1] });
  const sent = [0, 1, 2].map(i => params[`pair${i}`] as bigint[]);
  expect(sent.map(({ length }) => length)).toEqual([4000, 4000, 1000]);
  // Longer than http_max_field_value_size is refused.
  for (const part of sent) expect(part.join().length).toBeLessThan(128 * 1024);
  for (const name of Object.keys(params)) expect(sql).toContain(`{${name}:`);
});

test('series whose pairs are too many are left out whole', () => {
  const paths = new SeriesPaths(3);
  const some = (names: string) => new Map([...names].map(name => [name, 1] as const));
  expect([paths.add(0, some('12')), paths.add(1, some('345')), paths.add(2, some('6'))]).toEqual([true, false, true]);
  expect(paths.size).toBe(3);
  // Pairs that are sent already take no more room.
  expect(paths.add(3, some('126'))).toBe(true);
  expect(paths.size).toBe(3);
});
