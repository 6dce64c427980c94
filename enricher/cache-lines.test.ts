import { afterEach, expect, test, vi } from 'vitest';
import { wordsOnLines } from './cache-lines.ts';

afterEach(() => vi.unstubAllGlobals());

test.each([1, 16, 16_384, 16_385])('%i words are as many zeros, at the start of their memory', count => {
  const words = wordsOnLines(count);
  expect(words.length).toBe(count);
  expect(words.byteOffset).toBe(0);
  expect(words.every(word => word === 0)).toBe(true);
  expect(words.buffer.byteLength % 65_536).toBe(0);
});

test('where no more addresses can be had, words are an array of its own', () => {
  class Memory {
    constructor() {
      throw new RangeError('could not allocate memory');
    }
  }
  vi.stubGlobal('WebAssembly', { Memory });
  expect(wordsOnLines(100)).toEqual(new Uint32Array(100));
});
