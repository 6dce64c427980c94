import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { SlowFirst } from './testing/slow-first.ts';

// The name of a file says to which project it belongs; no project lists a file. `npm test` runs all but `slow`.
/** Crashes, real exporters and brokers, simulations, benchmarks. */
const SLOW = '**/*.slow.test.ts';
/** Several parts of Hairpin together, on a real ClickHouse or in a real browser. */
const INTEGRATION = '**/*.integration.test.ts';
const EXCLUDED = ['**/node_modules/**', 'dist/**'];

// The cases of these files follow each other on one installation, whose start is what takes long.
const inOrder = { shuffle: { files: true, tests: false } };

// Forked processes, because chdb crashes when a worker thread that loaded it exits.
export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // A test that asserts nothing cannot fail, and one that needs another before it cannot be run alone.
    expect: { requireAssertions: true },
    sequence: { shuffle: true, sequencer: SlowFirst },
    // Many tests start Hairpin itself, which then need not be compiled each time.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/compiled') },
    projects: [
      {
        extends: true,
        test: { name: 'fast', include: ['**/*.test.ts'], exclude: [...EXCLUDED, SLOW, INTEGRATION] },
      },
      { extends: true, test: { name: 'integration', include: [INTEGRATION], exclude: EXCLUDED, sequence: inOrder } },
      { extends: true, test: { name: 'slow', include: [SLOW], exclude: EXCLUDED, sequence: inOrder } },
    ],
  },
});
