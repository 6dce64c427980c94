// Node strips types with a WebAssembly module, in every thread that loads TypeScript, and the memory of that module grows:
// its old buffer is detached, and from then on V8 asks at each access to a typed array whether its buffer is (bench enrich:
// simple stages take a sixth longer). What is in the compile cache needs no stripping. `npm install` fills it
// (compile.ts); where it does not fit (another user, processor or version of Node), Node compiles as ever, and writes at
// its end what the next start finds, if it may write there.

import { enableCompileCache, findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { workerData } from 'node:worker_threads';

/** What compile.ts gives to a thread. */
export const COMPILE_ONLY = 'compile only';

/** For this process, its threads and its children; another folder by NODE_COMPILE_CACHE. */
export function useCompileCache(): void {
  process.env['NODE_COMPILE_CACHE'] ??= join(
    dirname(findPackageJSON(import.meta.url)!),
    'node_modules/.cache/compiled',
  );
  enableCompileCache(process.env['NODE_COMPILE_CACHE']);
}

/** What a thread was given, to be asked for before it does anything. */
export function threadData<T>(): T {
  if (workerData === COMPILE_ONLY) process.exit();
  return workerData as T;
}
