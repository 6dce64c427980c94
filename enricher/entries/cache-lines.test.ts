import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { wordsOnLines } from './cache-lines.ts';

test.each([1, 16, 16_384, 16_385])('%i words are as many zeros, at the start of their memory', count => {
  const words = wordsOnLines(count);
  expect(words.length).toBe(count);
  expect(words.byteOffset).toBe(0);
  expect(words.every(word => word === 0)).toBe(true);
  expect(words.buffer.byteLength % 65_536).toBe(0);
});

/** Two memories of WebAssembly and no third, in KiB. */
const ADDRESSES_MAX = 20_000_000;

test('where no more addresses can be had, words are an array of its own', () => {
  const program = `
    import { wordsOnLines } from ${JSON.stringify(new URL('./cache-lines.ts', import.meta.url).href)};
    const tables = Array.from({ length: 5 }, () => wordsOnLines(100));
    console.log(JSON.stringify(tables.map(({ length, buffer }) => [length, buffer.byteLength])));`;
  const shell = `ulimit -v ${ADDRESSES_MAX} && exec "$0" --disable-warning=ExperimentalWarning --input-type=module --eval "$1"`;
  const made = JSON.parse(execFileSync('sh', ['-c', shell, process.execPath, program], { encoding: 'utf8' }));
  expect(made.at(-1)).toEqual([100, 400]);
  expect(made[0]).toEqual([100, 65_536]);
});
