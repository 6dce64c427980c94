import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// A file named *.slow.test.ts belongs to the project `slow`: crashes, real exporters and brokers, simulations, benchmarks.
// Everything else is `fast`, which is what `npm test` runs. Neither project lists a file.
const SLOW = '**/*.slow.test.ts';

// Forked processes, because chdb crashes when a worker thread that loaded it exits.
export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // A test that asserts nothing cannot fail, and one that needs another before it cannot be run alone.
    expect: { requireAssertions: true },
    sequence: { shuffle: true },
    // Many tests start Hairpin itself, which then need not be compiled each time.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/compiled') },
    projects: [
      { extends: true, test: { name: 'fast', include: ['**/*.test.ts'], exclude: ['**/node_modules/**', SLOW] } },
      {
        extends: true,
        // The cases of a slow file follow each other on one installation, whose start is what takes long.
        test: {
          name: 'slow',
          include: [SLOW],
          exclude: ['**/node_modules/**'],
          sequence: { shuffle: { tests: false } },
        },
      },
    ],
  },
});
