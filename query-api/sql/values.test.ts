import { expect, test } from 'vitest';
import type { Storage } from '../../storage/storage.ts';
import { nodeResolver } from './values.ts';

/** A storage whose SELECT finds nodes of these names, numbered from 1. */
function named(...names: string[]): Storage {
  const rows = names.map((current, i) => ({ id: String(i + 1), current }));
  return { select: async () => rows } as unknown as Storage;
}

test('each name of a filter gets the nodes it stands for, in any case', async () => {
  const resolve = nodeResolver(named('web-1', 'Web-2', 'db.1'), 'filter');
  expect(await resolve(['web-*', 'WEB-1', 'db?1', 'd*x'])).toEqual(
    new Map([
      ['web-*', [1n, 2n]],
      ['WEB-1', [1n]],
      ['db?1', [3n]],
      ['d*x', []],
    ]),
  );
});

test('a glob made to backtrack does not keep the thread', async () => {
  const hostile = `${'*?'.repeat(30)}!`;
  const started = performance.now();
  expect((await nodeResolver(named('a'.repeat(255)), 'filter')([hostile])).get(hostile)).toEqual([]);
  expect(performance.now() - started).toBeLessThan(500);
});
