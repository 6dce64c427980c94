// A run beside others has the answers that it has alone, learned by rounds over the stored records.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { createQueryHouse } from '../../testing/query-house.ts';
import { CASES } from './truth-cases.ts';
import { measureAlone, measureRuns, type Outcome } from './truth-runs.ts';

const NOW = Date.now();
/** The order in which a server sums floating-point numbers is not fixed. */
const rounded = (outcome: Outcome): unknown =>
  JSON.parse(JSON.stringify(outcome), (_, value) =>
    typeof value === 'number' ? Number(value.toPrecision(12)) : value,
  );
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.close());

test.each(['3 in series, 5 times the packets, 1:100', '4 in parallel behind a leaf, 1:1000'])(
  '%s: a run measured beside others is what it is alone',
  { timeout: 120_000 },
  async name => {
    const given = CASES.find(one => one.name === name)!;
    const house = await createQueryHouse(server, `runs${name.length}`, { nowMs: NOW, flows: [], nodes: [] });
    const runs = [0, 1].map(place => ({ seed: 1000 + place, place }));
    const together = await measureRuns(house, given, runs, NOW);
    expect(new Set(together.map(({ truth }) => truth)).size).toBe(2);
    for (const [i, run] of runs.entries())
      expect(rounded(await measureAlone(house, given, run, NOW))).toEqual(rounded(together[i]!));
    await house.api.stop();
  },
);
