import fc from 'fast-check';
import { expect, test } from 'vitest';
import { globMatches } from '../../schemas/glob.ts';
import { compileGlobs, openGlobIndex } from './glob-index.ts';

test('finds what trying every glob finds, after a journey to another thread', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '-', '1'), maxLength: 8 });
  const glob = fc.string({ unit: fc.constantFrom('a', 'B', '-', '1', '*', '*', '?'), minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.array(glob, { maxLength: 30 }), fc.array(letters, { maxLength: 20 }), (globs, names) => {
      const index = openGlobIndex(structuredClone(compileGlobs(globs.map((text, i) => ({ text, value: i })))));
      for (const name of names) {
        const found: number[] = [];
        index.collect(name, found);
        const expected = globs.flatMap((text, i) => (globMatches(text, name) ? [i] : []));
        expect([...new Set(found)].sort((a, b) => a - b)).toEqual(expected);
      }
    }),
  );
});

test('one glob of two applications is filed under both', () => {
  const index = openGlobIndex(
    compileGlobs([
      { text: 'web-*', value: 1 },
      { text: 'WEB-*', value: 2 },
      { text: 'web-01', value: 3 },
    ]),
  );
  const found: number[] = [];
  index.collect('web-01', found);
  expect(found.sort()).toEqual([1, 2, 3]);
});
