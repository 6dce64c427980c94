// What the cluster form sends, read by the real engine. Replicated tables cannot be run without Keeper: their statements are
// parsed and written down by the engine (cluster.golden.sql, for people too), and without what makes them replicated they
// must be those of the form that runs.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { ServiceSchema } from '../service/configuration.ts';
import type { ClickHouse } from './client.ts';
import { CLICKHOUSE_KEYS, clickhouseFaults, type FormConfiguration, TABLE_KEYS } from './configuration.ts';
import { clusterStatements } from './migrate.ts';
import { SYNC_FLOWS_SQL } from './placement.ts';
import { startTestServer, type TestServer } from './testdata.ts';

let house: TestServer;
let storage: ClickHouse;
beforeAll(async () => {
  house = await startTestServer();
  storage = house.connect('system');
});
afterAll(() => house.close());

const SCHEMA = new ServiceSchema('storage', { ...CLICKHOUSE_KEYS, ...TABLE_KEYS }, clickhouseFaults);

const configuration = (form: FormConfiguration['clickhouseForm']) =>
  SCHEMA.load({
    flags: {
      clickhouse: 'http://a:8123',
      'clickhouse-form': form,
      'clickhouse-shards': 'http://a:8123,http://b:8123',
      'clickhouse-cluster': 'traffic',
    },
  });

async function formatted(statements: readonly string[]): Promise<string[]> {
  const rows = await storage.select<{ text: string }>(
    'SELECT formatQuery(arrayJoin({statements:Array(String)})) AS text',
    { statements },
  );
  return rows.map(({ text }) => text);
}

test('the statements of the cluster form are as the engine writes them down', async () => {
  const statements = await formatted([...clusterStatements(configuration('cluster')), SYNC_FLOWS_SQL]);
  await expect(`${statements.join(';\n\n')};\n`).toMatchFileSnapshot('cluster.golden.sql');
});

test('they differ from those that run on two servers in the replication and nothing else', async () => {
  const cluster = await formatted(clusterStatements(configuration('cluster')));
  const sharded = await formatted(clusterStatements(configuration('sharded')));
  const stripped = cluster.map(statement =>
    statement
      .replace(' ON CLUSTER traffic', '')
      .replace(/Replicated(\w*MergeTree)\('[^']+', '\{replica\}'(?:, )?([^\n]*)\)\n/, (_, family, parameters) =>
        parameters === '' ? `${family}\n` : `${family}(${parameters})\n`,
      )
      .replace(
        / replicated_(deduplication_window = \d+), replicated_deduplication_window_seconds = 604800/,
        ' non_replicated_$1',
      ),
  );
  expect(stripped).toEqual(sharded);
  // Every table of rows is replicated, and no path is that of another table.
  const paths = cluster.flatMap(statement => statement.match(/Replicated\w*MergeTree\('([^']+)'/)?.[1] ?? []);
  expect(paths).toHaveLength(cluster.filter(statement => /ENGINE = \w*MergeTree/.test(statement)).length);
  expect(new Set(paths).size).toBe(paths.length);
});

test('a form of several servers needs to know them', () => {
  expect(() => SCHEMA.load({ flags: { 'clickhouse-form': 'cluster' } })).toThrow(
    /needs --clickhouse and --clickhouse-shards/,
  );
  expect(() => SCHEMA.load({ flags: { 'clickhouse-shards': 'http://a:8123' } })).toThrow(/is of no use/);
  // URLs are logged; users and passwords are not.
  expect(() => SCHEMA.load({ flags: { 'clickhouse-shards': 'http://user:secret@a:8123' } })).toThrow(
    /--clickhouse-shards must match/,
  );
});
