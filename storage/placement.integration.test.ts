// What the cluster form sends, parsed by the real engine. Replicated tables cannot run without Keeper: the engine parses
// their statements and writes them in its own form, and without what makes them replicated they must be those of the form
// that runs. docs/SCALING.md shows two of them.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ServiceSchema } from '../service/configuration.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import type { ClickHouse } from './client.ts';
import type { FormConfiguration } from './configuration.ts';
import { CLICKHOUSE_KEYS, clickhouseFaults, TABLE_KEYS } from './configuration.ts';
import { clusterStatements } from './migrations/migrate.ts';
import { SYNC_FLOWS_SQL } from './placement.ts';
import { createViewsSql, TABLES } from './tables/all.ts';
import { type Table, TOKENS_MAX } from './tables/table.ts';
import { createViewsForPeopleSql } from './tables/views-for-people.ts';

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

describe('the statements of the cluster form', () => {
  let statements: string[];
  beforeAll(async () => {
    statements = await formatted(clusterStatements(configuration('cluster')));
  });
  const creating = (database: string, { name }: Table) => {
    const found = statements.filter(statement =>
      statement.startsWith(`CREATE TABLE IF NOT EXISTS ${database}.${name} ON CLUSTER traffic\n`),
    );
    expect(found, name).toHaveLength(1);
    return found[0]!;
  };

  test('run on every server, and nothing else is sent', () => {
    for (const statement of statements) expect(statement.split('\n')[0]).toMatch(/^CREATE .* ON CLUSTER traffic\b/);
    // Two databases, each table twice, the views that fill roll-ups, and those for people twice.
    const views = createViewsSql().length + 2 * createViewsForPeopleSql().length;
    expect(statements).toHaveLength(2 + 2 * TABLES.length + views);
  });

  test.each(TABLES.map(table => [table.name, table] as const))(
    'replicate %s, and query all shards of it',
    (name, table) => {
      const local = creating('hairpin_local', table);
      const [family, parameters] = /^(\w+)(?:\((.*)\))?$/.exec(table.engine)!.slice(1);
      expect(local).toContain(
        `ENGINE = Replicated${family}('/clickhouse/tables/{shard}/hairpin_local/${name}', '{replica}'${parameters ? `, ${parameters}` : ''})`,
      );
      // Replicas remember tokens in Keeper, by number and by age.
      const isDeduplicated = table.settings?.some(setting => setting.includes('deduplication_window')) ?? false;
      const windows = `SETTINGS replicated_deduplication_window = ${TOKENS_MAX}, replicated_deduplication_window_seconds = 604800`;
      expect(local.includes(windows)).toBe(isDeduplicated);
      expect(local).not.toContain('non_replicated');

      const front = creating('hairpin', table);
      expect(front.endsWith(`)\nENGINE = Distributed(traffic, hairpin_local, ${name}, 0)`)).toBe(true);
      for (const column of table.columns) expect(front).toContain(`    \`${column.name}\` `);
    },
  );

  test('name the database of every table that a view reads or fills', () => {
    const views = statements.filter(statement => statement.startsWith('CREATE MATERIALIZED VIEW'));
    expect(views).toHaveLength(createViewsSql().length);
    for (const view of views) {
      expect(view).toMatch(/ TO hairpin_local\.\w+/);
      expect(view.match(/FROM (?!\()\S+/g)).toEqual([expect.stringMatching(/^FROM hairpin_local\.\w+$/)]);
    }
  });

  test.each(['hairpin_local', 'hairpin'])('let flows_named of %s read its own database', database => {
    const found = statements.filter(statement =>
      statement.startsWith(`CREATE OR REPLACE VIEW ${database}.flows_named `),
    );
    expect(found).toHaveLength(1);
    const sources = found[0]!.match(/FROM (?!\()\S+/g)!.map(source => source.replace('FROM ', ''));
    expect(sources).toEqual([`${database}.nodes`, `${database}.flows`]);
  });

  test('are shown in docs/SCALING.md as the engine writes them', async () => {
    const scaling = readFileSync(new URL('../docs/SCALING.md', import.meta.url), 'utf8');
    const examples = [...scaling.matchAll(/```sql\n([\s\S]*?)```/g)].flatMap(([, text]) =>
      text!.split(';').map(s => s.trim()),
    );
    const shown = examples.filter(text => text !== '');
    const shortened = statements.map(statement => statement.replace(/\n\(\n {4}`[\s\S]*?\n\)\n/, ' (...)\n'));
    expect(shown).toHaveLength(2);
    for (const example of shown) expect(shortened).toContain(example);
  });
});

test('waiting for what other replicas have is a statement that the engine knows', async () => {
  expect(await formatted([SYNC_FLOWS_SQL])).toEqual([
    expect.stringMatching(/^SYSTEM SYNC REPLICA `?flows`? LIGHTWEIGHT$/),
  ]);
});

test('the statements of both forms differ in the replication and nothing else', async () => {
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
    /--clickhouse-shards must be http:\/\/HOST:PORT, without a user/,
  );
});
