import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Tests that take longer than the others together: crashes, real exporters and brokers, benchmarks. The gate runs them
 * (HAIRPIN_TEST_REQUIRE=all), and so does whoever names a file; `npm test` leaves them out and says so.
 */
const SLOW = [
  'benchmarks/bench.integration.test.ts',
  'benchmarks/chaos.integration.test.ts',
  'benchmarks/estimator.test.ts',
  'commands/attacks.integration.test.ts',
  'commands/demo.integration.test.ts',
  'commands/failover.integration.test.ts',
  'commands/kafka.integration.test.ts',
  'commands/kill.integration.test.ts',
  'commands/moves.integration.test.ts',
  'commands/openvswitch*.integration.test.ts',
  'commands/poison.integration.test.ts',
  'commands/privacy.integration.test.ts',
  'commands/reenrich.integration.test.ts',
  'commands/running.integration.test.ts',
  'commands/secrets.integration.test.ts',
  'commands/sharded.integration.test.ts',
  'commands/simulation*.integration.test.ts',
  'commands/softflowd.integration.test.ts',
  'commands/templates.integration.test.ts',
  'enricher/erase.integration.test.ts',
  'enricher/privacy.integration.test.ts',
  'enricher/rebuild.integration.test.ts',
  'enricher/reenrich.integration.test.ts',
  'package.integration.test.ts',
  'query-api/previews.integration.test.ts',
  'query-api/sharded.integration.test.ts',
  'storage/pass-kill.integration.test.ts',
  'transport/kafka/kafka.integration.test.ts',
];

const wantsAll = process.env['HAIRPIN_TEST_REQUIRE'] === 'all';
const namesFiles = process.argv.slice(2).some(argument => /^(?!-).*[/.]/.test(argument));
const leavesSlow = !wantsAll && !namesFiles;
if (leavesSlow && process.env['VITEST_WORKER_ID'] === undefined)
  console.warn(`slow tests are left to the gate (HAIRPIN_TEST_REQUIRE=all npm test):\n  ${SLOW.join('\n  ')}`);

// Forked processes, because chdb crashes when a worker thread that loaded it exits.
export default defineConfig({
  test: {
    pool: 'forks',
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', ...(leavesSlow ? SLOW : [])],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // Many tests start Hairpin itself, which then need not be compiled each time.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/compiled') },
  },
});
