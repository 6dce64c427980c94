import { expect, test } from 'vitest';
import { createFactMap } from './fact-map.ts';

test('one exporter fills its share and nobody else’s', () => {
  const map = createFactMap<number>(10, 4);
  const kept = Array.from({ length: 100 }, (_, i) => map.put('192.0.2.66', `name ${i}`, i, 1000));
  expect(kept.filter(Boolean)).toHaveLength(4);
  expect(map.put('192.0.2.1', 'port 1', 7, 1000)).toBe(true);
  expect(map.size).toBe(5);
});

test('at the bound in all, what is known stays and is renewed, and new facts are refused until something is forgotten', () => {
  const map = createFactMap<string>(3, 3);
  map.put('a', '1', 'old', 1000);
  map.put('a', '2', 'old', 2000);
  map.put('b', '1', 'old', 3000);
  expect(map.put('c', '1', 'new', 4000)).toBe(false);
  expect(map.put('a', '1', 'renewed', 4000)).toBe(true);
  expect(map.get('a', '1')).toBe('renewed');
  expect(map.expire(3000)).toEqual(['old']);
  expect([map.get('a', '2'), map.size]).toEqual([undefined, 2]);
  expect(map.put('c', '1', 'new', 4000)).toBe(true);
  expect([...map.values()]).toEqual(['renewed', 'old', 'new']);
});

test('an exporter without a fact is forgotten with its last one', () => {
  const map = createFactMap<number>(2, 1);
  map.put('a', '1', 1, 1000);
  map.expire(1001);
  expect([map.size, map.put('a', '2', 2, 1001)]).toEqual([0, true]);
});
