import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maskWords, type Prefix, parseAddress, parsePrefix, type Words } from '../../schemas/address.ts';
import { createPrefixTable, layPrefixes, openPrefixTable } from './prefix-table.ts';

const tableOf = (...texts: string[]) =>
  createPrefixTable(texts.map((text, value) => ({ prefix: parsePrefix(text)!, value })));
const at = (text: string) => parseAddress(text)!;

test('the longest prefix wins, in IPv4 and IPv6', () => {
  const table = tableOf('10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', 'fd00::/8', 'fd00:1::/32', '10.1.2.3');
  expect(table.longest(at('10.9.9.9'))).toBe(0);
  expect(table.longest(at('10.1.9.9'))).toBe(1);
  expect(table.longest(at('10.1.2.4'))).toBe(2);
  expect(table.longest(at('10.1.2.3'))).toBe(5);
  expect(table.longest(at('fd00:1::1'))).toBe(4);
  expect(table.longest(at('11.0.0.1'))).toBe(-1);
  expect(table.all(at('10.1.2.3'))).toEqual([5, 2, 1, 0]);
});

test('0.0.0.0/0 holds IPv4 only, ::/0 holds everything', () => {
  const table = tableOf('0.0.0.0/0', '::/0');
  expect(table.all(at('8.8.8.8'))).toEqual([0, 1]);
  expect(table.all(at('2001:db8::1'))).toEqual([1]);
});

test('agrees with a walk over all prefixes', () => {
  const words = fc.tuple(
    fc.constantFrom(0, 0xfd000000),
    fc.constant(0),
    fc.constantFrom(0, 0xffff),
    fc.nat({ max: 15 }),
  ) as fc.Arbitrary<Words>;
  const prefix = fc
    .tuple(words, fc.integer({ min: 0, max: 128 }))
    .map(([address, length]): Prefix => ({ words: maskWords(address, length), length }));
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 20 }), words, (prefixes, address) => {
      const holding = prefixes
        .map((entry, value) => ({ ...entry, value }))
        .filter(entry => String(maskWords(address, entry.length)) === String(entry.words))
        .sort((a, b) => b.length - a.length || a.value - b.value)
        .map(entry => entry.value);
      const entries = prefixes.map((entry, value) => ({ prefix: entry, value }));
      // A large table knows which lengths a network has.
      for (const table of [createPrefixTable(entries), openPrefixTable(layPrefixes(entries, 2000))]) {
        expect(table.all(address)).toEqual(holding);
        expect(table.longest(address)).toBe(holding[0] ?? -1);
      }
    }),
  );
});
