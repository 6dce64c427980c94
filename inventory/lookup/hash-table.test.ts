import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createHashTable } from './hash-table.ts';

const word = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom(0xffffffff, 0x01000000, 0x02000000));

test('behaves as a map, whatever the keys and their order', () => {
  const operations = fc.array(fc.tuple(fc.tuple(word, word, word), fc.integer({ min: 0, max: 2 ** 31 - 1 })), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(operations, list => {
      const table = createHashTable(3, 1000);
      const model = new Map<string, number>();
      for (const [key, value] of list) {
        table.insert(Uint32Array.from(key), 0, value);
        model.set(String(key), value);
      }
      expect(table.size).toBe(model.size);
      for (const [key, value] of model) expect(table.find(Uint32Array.from(key.split(','), Number), 0)).toBe(value);
      expect(table.find(Uint32Array.of(9, 9, 9), 0)).toBe(-1);
    }),
  );
});

test('reads keys in the middle of a column and finds the key of nothing but zeros', () => {
  const table = createHashTable(2, 10);
  table.insert(Uint32Array.of(5, 6, 0, 0), 2, 11);
  table.insert(Uint32Array.of(5, 6, 0, 0), 0, 12);
  expect(table.find(new Uint32Array(2), 0)).toBe(11);
  expect(table.find(Uint32Array.of(5, 6), 0)).toBe(12);
});

test('refuses another key at the bound, still replaces a known one, and takes keys again once cleared', () => {
  const table = createHashTable(1, 1000);
  for (let i = 0; i < 1000; i++) expect(table.insert(Uint32Array.of(i), 0, i)).toBe(true);
  expect(table.insert(Uint32Array.of(1000), 0, 1)).toBe(false);
  expect(table.insert(Uint32Array.of(7), 0, 70)).toBe(true);
  expect(table.size).toBe(1000);
  expect(table.find(Uint32Array.of(7), 0)).toBe(70);
  expect(table.find(Uint32Array.of(1000), 0)).toBe(-1);
  table.clear();
  expect(table.find(Uint32Array.of(7), 0)).toBe(-1);
  expect(table.insert(Uint32Array.of(1000), 0, 1)).toBe(true);
});
