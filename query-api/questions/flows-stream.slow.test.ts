// Many records as one stream: the memory of the process does not grow with them. HAIRPIN_TEST_RECORDS=1000000 takes minutes.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';

const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
const web = node('application', 'web');
const SEED = 1000;
const RECORDS = Number(process.env['HAIRPIN_TEST_RECORDS'] ?? 150_000);
/** Of a record in each form, about. */
const BYTES = { csv: 330, arrow: 595, parquet: 30 };
const MiB = 1024 ** 2;

let server: TestServer;
let house: QueryHouse;
let url: string;

beforeAll(async () => {
  server = await startTestServer();
  const flows = Array.from({ length: SEED }, (_, i) =>
    flow({ srcApp: web.key, dstApp: web.key, srcAddr: '10.0.0.1', bytes: i, flowEnd: NOW - 60_000 - i }),
  );
  house = await createQueryHouse(server, 'stream', {
    nowMs: NOW,
    flows,
    nodes: [web],
    config: { http: '127.0.0.1:0' },
  });
  await house.storage.command(
    `INSERT INTO flows SELECT f.* REPLACE (f.receivedAt - toIntervalSecond(n.number) AS receivedAt, f.flowEnd - toIntervalSecond(n.number) AS flowEnd)
     FROM flows AS f CROSS JOIN numbers(1, ${RECORDS / SEED - 1}) AS n`,
  );
  ({ url } = await house.api.start());
  // Caches and compiled code have their size afterwards. The newest of the records do for that.
  const from = new Date(NOW - 90_000).toISOString();
  const warmed = await (await fetch(`${url}/api/v1/flows?from=${from}&all=true&format=jsonl`)).arrayBuffer();
  expect(warmed.byteLength).toBeGreaterThan(MiB);
}, 120_000);
afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

test.each(['csv', 'arrow', 'parquet'] as const)(
  'is constant: %s',
  async format => {
    const response = await fetch(`${url}/api/v1/flows?from=now-3h&all=true&format=${format}`, {
      headers: { 'accept-encoding': 'identity' },
    });
    let bytes = 0;
    let lines = 0;
    let early = 0;
    let late = 0;
    const total = BYTES[format] * RECORDS;
    for await (const chunk of response.body!) {
      bytes += chunk.length;
      if (format === 'csv') for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
      const rss = process.memoryUsage.rss();
      if (bytes < total / 5) early = Math.max(early, rss);
      else late = Math.max(late, rss);
    }
    console.log(format, {
      mebibytes: Math.round(bytes / MiB),
      early: Math.round(early / MiB),
      late: Math.round(late / MiB),
    });
    if (format === 'csv') expect(lines).toBe(RECORDS + 1);
    expect(early).toBeGreaterThan(0);
    // The whole table as one answer would be many times this.
    expect(late - early).toBeLessThan(120 * MiB);
  },
  400_000,
);
