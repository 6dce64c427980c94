// Threads that find themselves in the compile cache load no WebAssembly and so keep fast access to typed arrays. V8 tells
// when it gives that up, thread by thread.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { THREADS } from './compile.ts';

const ROOT = join(import.meta.dirname, '..');
const NODE = join(ROOT, 'node_modules/.bin/node');

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'hairpin-test-compiled-'));
});
afterEach(() => rmSync(cache, { recursive: true }));

/** How many threads of a program gave it up. */
function slowed(args: readonly string[], env: NodeJS.ProcessEnv = {}): number {
  const output = execFileSync(
    NODE,
    ['--trace-protector-invalidation', '--disable-warning=ExperimentalWarning', ...args],
    {
      encoding: 'utf8',
      env: { ...process.env, NODE_COMPILE_CACHE: cache, ...env },
    },
  );
  return output.split('ArrayBufferDetaching').length - 1;
}

/** Starts every thread, in a program that is no TypeScript itself. */
const START_ALL = `
  const { Worker } = require('node:worker_threads');
  require('node:v8').setFlagsFromString('--max-inlined-bytecode-size=2000');
  require('node:v8').setFlagsFromString('--max-inlined-bytecode-size-cumulative=4000');
  for (const thread of ${JSON.stringify(THREADS)}) new Worker(require('node:path').join(${JSON.stringify(ROOT)}, thread), { workerData: 'compile only' });`;

test('once compiled, no thread is slowed; otherwise each is', () => {
  expect(slowed(['--eval', START_ALL], { NODE_DISABLE_COMPILE_CACHE: '1' })).toBe(THREADS.length);
  expect(slowed([join(ROOT, 'service/compile.ts')])).toBeGreaterThan(0);
  expect(slowed(['--eval', START_ALL])).toBe(0);
});

test('every thread that asks for its data is compiled', () => {
  const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter(
    name => name.endsWith('.ts') && !name.startsWith('node_modules') && !name.startsWith('service'),
  );
  const threads = files.filter(name => readFileSync(join(ROOT, name), 'utf8').includes('threadData<'));
  expect(threads.sort()).toEqual(THREADS);
});
