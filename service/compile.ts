// Fills the compile cache with what the threads of Hairpin load, as `npm install` does at its end.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { COMPILE_ONLY, useCompileCache } from './compile-cache.ts';
import { inlineFurther } from './inlining.ts';

export const THREADS: readonly string[] = [
  'analysis/coverage/advisor-thread.ts',
  'analysis/previews/previews-thread.ts',
  'analysis/reenrichment/reenrich-thread.ts',
  'collector/encode/encoder-thread.ts',
  'collector/receive/receive-worker.ts',
  'enricher/enricher-thread.ts',
  'inventory/snapshot/follower-thread.ts',
  'query-api/documents/check-thread.ts',
];

/** In the folder NODE_COMPILE_CACHE, else in the one that hairpin.ts uses. */
async function compileThreads(): Promise<void> {
  // As hairpin.ts does: there is one cache for each setting of the engine, and for each user.
  inlineFurther();
  useCompileCache();
  for (const thread of THREADS) {
    const worker = new Worker(new URL(`../${thread}`, import.meta.url), { workerData: COMPILE_ONLY });
    await once(worker, 'exit');
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await compileThreads();
