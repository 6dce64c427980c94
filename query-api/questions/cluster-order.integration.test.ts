// Matrices in the order of clusters, of applications that were sent in blocks.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import type { MatrixAnswer } from './matrix.ts';

const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
const applications = Array.from({ length: 12 }, (_, i) => node('application', `app-${i}`));
const blockOf = (name: string) => Number(name.slice(4)) % 3;

let server: TestServer;
let house: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  const flows = applications.flatMap((src, i) =>
    applications.map((dst, j) =>
      flow({
        ...{ srcApp: src.key, dstApp: dst.key, flowEnd: NOW - 600_000 },
        // Larger applications exchange more with everybody, so that volume mixes the blocks.
        bytes: (i % 3 === j % 3 ? 1000 : 10) * (12 - i) * (12 - j) + (i === j ? 1e9 : 0),
      }),
    ),
  );
  house = await createQueryHouse(server, 'clusterorder', { nowMs: NOW, flows, nodes: applications });
});

afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

const changes = (names: readonly string[]) => names.map(blockOf).filter((block, i, all) => block !== all[i - 1]).length;

test('blocks stand together in rows and columns, and nothing else changes', async () => {
  const query = { by: 'app', limit: 200 };
  const byVolume = await house.answer<MatrixAnswer>('matrix', query);
  const clustered = await house.answer<MatrixAnswer>('matrix', { ...query, order: 'cluster' });
  const names = (nodes: readonly { name: string }[]) => nodes.map(({ name }) => name);
  expect(changes(names(byVolume.rows))).toBeGreaterThan(3);
  expect(changes(names(clustered.rows))).toBe(3);
  expect(names(clustered.columns)).toEqual(names(clustered.rows));
  expect(clustered.order).toBe('cluster');
  const byName = <N extends { name: string }>(nodes: readonly N[]) =>
    nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  expect(byName(clustered.rows)).toEqual(byName(byVolume.rows));
  expect(clustered.cells).toEqual(byVolume.cells);
  expect([clustered.total, clustered.rest]).toEqual([byVolume.total, byVolume.rest]);
});

test('the nodes listed are those of volume, on a page and where rows and columns differ', async () => {
  const page = { by: 'app', limit: 6, offset: 3, columnOffset: 0 };
  const keys = ({ rows, columns }: MatrixAnswer) => [rows, columns].map(nodes => nodes.map(({ key }) => key).sort());
  expect(keys(await house.answer('matrix', { ...page, order: 'cluster' }))).toEqual(
    keys(await house.answer('matrix', page)),
  );
  const ways = { rows: 'srcApp', columns: 'dstApp', limit: 200, order: 'cluster' };
  const answer = await house.answer<MatrixAnswer>('matrix', ways);
  expect([answer.rows, answer.columns].map(nodes => changes(nodes.map(({ name }) => name)))).toEqual([3, 3]);
});
