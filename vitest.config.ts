import { defineConfig } from 'vitest/config';

// Forked processes, because chdb crashes when a worker thread that loaded it exits.
export default defineConfig({
  test: {
    pool: 'forks',
    include: ['**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
