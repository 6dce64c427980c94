// Parquet of the API, read back by ClickHouse and compared with the same answer as JSON and CSV.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';

const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
const names = ['web', 'db, the "large" one', 'käse', '=1+1'];
const applications = names.map(name => node('application', name));

let server: TestServer;
let house: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  const flows = Array.from({ length: 300 }, (_, i) =>
    flow({
      srcApp: applications[i % 4]!.key,
      dstApp: applications[(i * 7) % 3]!.key,
      bytes: i * 1000 + 1,
      flowEnd: NOW - 300_000 - i * 10_000,
    }),
  );
  house = await createQueryHouse(server, 'parquet', { nowMs: NOW, flows, nodes: applications });
});
afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

let files = 0;
async function readBack(url: string): Promise<{ rows: Record<string, unknown>[]; types: Record<string, string> }> {
  const { rawPayload, headers, statusCode } = await house.api.app.inject(url);
  expect([statusCode, headers['content-type']]).toEqual([200, 'application/vnd.apache.parquet']);
  const file = join(server.folder, `answer-${files++}.parquet`);
  writeFileSync(file, rawPayload);
  const rows = await house.storage.select<Record<string, unknown>>(`SELECT * FROM file('${file}', Parquet)`);
  const described = await house.storage.select<{ name: string; type: string }>(`DESCRIBE file('${file}', Parquet)`);
  return { rows, types: Object.fromEntries(described.map(({ name, type }) => [name, type])) };
}

const WINDOW = 'from=now-2h&to=now-1m';

test.each([
  `matrix?by=app&${WINDOW}`,
  `top?by=app,service&${WINDOW}`,
  `series?split=app&step=600&${WINDOW}`,
  `flows?limit=250&${WINDOW}`,
  `flows?all=true&${WINDOW}`,
  `top?by=app&filter=srcApp=web&from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z`,
])('%s is the same table to ClickHouse as in JSON lines', async question => {
  const { rows } = await readBack(`/api/v1/${question}&format=parquet`);
  const { body } = await house.get(`/api/v1/${question}&format=jsonl`);
  const expected = body.split('\n').filter(line => line !== '');
  expect(rows).toEqual(expected.map(line => JSON.parse(line)));
});

test('numbers are numbers, texts are texts, both may be missing', async () => {
  const { types, rows } = await readBack(`/api/v1/flows?limit=5&${WINDOW}&format=parquet`);
  expect([types['bytes'], types['srcApp'], types['receivedAt'], types['varBytes']]).toEqual([
    'Nullable(Float64)',
    'Nullable(String)',
    'Nullable(String)',
    'Nullable(Float64)',
  ]);
  expect(rows).toHaveLength(5);
  const matrix = await readBack(`/api/v1/matrix?by=app&${WINDOW}&format=parquet`);
  // Without an inventory it is not known what is covered.
  expect(matrix.rows.every(row => row['coverage'] === null && typeof row['value'] === 'number')).toBe(true);
  // A formula is a text here; only CSV has to defuse it.
  expect(matrix.rows.map(row => row['src'])).toContain('=1+1');
});

test('every table says in its header what its unit, window and quality are', async () => {
  const answer = await house.answer<{ unit: string; coveredShare: number; quality: { lossRatio: null } }>('matrix', {
    from: 'now-2h',
  });
  for (const format of ['jsonl', 'csv', 'arrow', 'parquet']) {
    const { headers } = await house.api.app.inject(`/api/v1/matrix?from=now-2h&format=${format}`);
    expect(JSON.parse(String(headers['hairpin-about'])), format).toMatchObject({
      metric: 'bytes',
      unit: answer.unit,
      coveredShare: answer.coveredShare,
      lossRatio: answer.quality.lossRatio,
    });
  }
  const { body } = await house.get('/api/v1/matrix', { from: 'now-2h', format: 'csv', preamble: 'true' });
  expect(body).toMatch(/^# metric: bytes\r\n# layer: l3\r\n# unit: bytes\r\n# from: .*\r\n/);
  expect(body).toContain('\r\nsrcKey,src,dstKey,dst,value,');
});
