// Brings a database to what this version expects. Every step may run again and at the same time as another process:
// statements are of the kind IF NOT EXISTS, and what was done is recorded in `migrations`, once an id.

import type { Configuration } from '../schemas/configuration.ts';
import { HairpinError } from '../service/errors.ts';
import type { ClickHouse } from './client.ts';
import { StorageError } from './storage.ts';
import {
  CREATE_FLOWS_NAMED_SQL,
  createTableSql,
  createViewSql,
  expirySql,
  retainedDays,
  TABLES,
  VIEWS,
} from './tables.ts';

/** The oldest server whose settings and deduplication of views are what client.ts relies on. */
export const SERVER_VERSION_MIN = '25.8';

export type MigrationConfiguration = Pick<Configuration, 'retentionDays' | 'rollupRetentionDays' | 'durable'> &
  Partial<Pick<Configuration, 'retention'>>;

interface Migration {
  readonly id: number;
  readonly name: string;
  readonly statements: (config: MigrationConfiguration) => readonly string[];
}

/** Append-only; a released migration is never edited. Columns added to the schema need none: see `alignColumns`. */
const MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    name: 'tables and views',
    statements: config => [...TABLES.map(table => createTableSql(table, config)), ...VIEWS.map(createViewSql)],
  },
  {
    id: 2,
    name: 'facts',
    statements: config => TABLES.filter(({ name }) => name === 'facts').map(table => createTableSql(table, config)),
  },
  {
    id: 3,
    name: 'services',
    statements: config => TABLES.filter(({ name }) => name === 'services').map(table => createTableSql(table, config)),
  },
  {
    id: 5,
    name: 'interfaces, heartbeats, events',
    statements: config =>
      TABLES.filter(({ name }) => ['interfaces', 'heartbeats', 'events'].includes(name)).map(table =>
        createTableSql(table, config),
      ),
  },
  {
    id: 6,
    name: 'reenrichments',
    statements: config =>
      TABLES.filter(({ name }) => name === 'reenrichments').map(table => createTableSql(table, config)),
  },
];

/** Throws STORAGE_UNREACHABLE, STORAGE_TOO_OLD, SCHEMA_MISMATCH or STORAGE_FAILED. */
export async function migrate(storage: ClickHouse, config: MigrationConfiguration): Promise<void> {
  try {
    checkVersion(await storage.serverVersion());
    await storage.createDatabase();
    await runMigrations(storage, config);
    await alignColumns(storage);
    await dropExpired(storage, config);
    await alignTables(storage, config);
    await storage.command(CREATE_FLOWS_NAMED_SQL);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    if (error.clickhouseCode === 0)
      throw new HairpinError(
        'STORAGE_UNREACHABLE',
        `${error.message}; check --clickhouse and that the server runs`,
        error,
      );
    throw new HairpinError(
      'STORAGE_FAILED',
      `${error.message}; the database "${storage.database}" could not be prepared`,
      error,
    );
  }
}

export function checkVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [majorMin = 0, minorMin = 0] = SERVER_VERSION_MIN.split('.').map(Number);
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return;
  throw new HairpinError(
    'STORAGE_TOO_OLD',
    `the ClickHouse server is ${version || 'of unknown version'}, at least ${SERVER_VERSION_MIN} is needed; upgrade it or leave --clickhouse out`,
  );
}

async function runMigrations(storage: ClickHouse, config: MigrationConfiguration): Promise<void> {
  const known = await storage.select<{ name: string }>(
    'SELECT name FROM system.tables WHERE database = currentDatabase() AND name = {name:String}',
    { name: 'migrations' },
  );
  const done = new Set<number>();
  if (known.length > 0)
    for (const { id } of await storage.select<{ id: number }>('SELECT DISTINCT id FROM migrations')) done.add(id);
  for (const { id, name, statements } of MIGRATIONS) {
    if (done.has(id)) continue;
    for (const statement of statements(config)) await storage.command(statement);
    await storage.command('INSERT INTO migrations (id, name) SELECT {id:UInt32}, {name:String}', { id, name });
  }
}

/** Adds columns the schema has and the table lacks; a column of another type is refused, because rows would be changed. */
async function alignColumns(storage: ClickHouse): Promise<void> {
  const rows = await storage.select<{ table: string; name: string; type: string }>(
    'SELECT table, name, type FROM system.columns WHERE database = currentDatabase()',
  );
  const types = new Map(rows.map(({ table, name, type }) => [`${table}.${name}`, type]));
  for (const table of TABLES) {
    for (const { name, type, definition } of table.columns) {
      const path = `${table.name}.${name}`;
      const found = types.get(path);
      if (found === undefined)
        await storage.command(`ALTER TABLE ${table.name} ADD COLUMN IF NOT EXISTS ${definition}`);
      else if (found !== type) {
        throw new HairpinError(
          'SCHEMA_MISMATCH',
          `${path} is ${found}, expected ${type}; use another database (--clickhouse-database) or convert it with ALTER TABLE ${table.name} MODIFY COLUMN ${name} ${type}`,
        );
      }
    }
  }
}

/** Retention and fsync follow the configuration, which may differ from that of the last start. */
async function alignTables(storage: ClickHouse, config: MigrationConfiguration): Promise<void> {
  const rows = await storage.select<{ name: string; create_table_query: string }>(
    'SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()',
  );
  const queries = new Map(rows.map(row => [row.name, row.create_table_query]));
  const fsync = ['fsync_after_insert', 'fsync_part_directory']
    .map(name => `${name} = ${config.durable ? 1 : 0}`)
    .join(', ');
  for (const table of TABLES) {
    const query = queries.get(table.name) ?? '';
    const expiry = expirySql(table, config);
    if (!query.includes(expiry)) {
      // The server then works out anew, in the background, how old each part gets, and leaves the columns of large parts
      // where they are; parts of one file, which are small, are written again.
      if (!query.includes(RECALCULATE_ONLY))
        await storage.command(`ALTER TABLE ${table.name} MODIFY SETTING ${RECALCULATE_ONLY}`);
      await storage.command(`ALTER TABLE ${table.name} MODIFY TTL ${expiry}`);
    }
    const durable = query.includes('fsync_after_insert = 1');
    if (durable !== config.durable) await storage.command(`ALTER TABLE ${table.name} MODIFY SETTING ${fsync}`);
  }
}

const RECALCULATE_ONLY = 'materialize_ttl_recalculate_only = 1';

/**
 * Drops days that are beyond retention at once: a retention that was shortened else waits for merges. A day more, because
 * the times that roll-ups age by are those of flows, which may lie ahead of their receipt.
 */
async function dropExpired(storage: ClickHouse, config: MigrationConfiguration): Promise<void> {
  const daily = TABLES.filter(({ partition, expiry }) => partition !== undefined && expiry !== undefined);
  for (const table of daily) {
    const days = await storage.select<{ partition: string }>(
      `SELECT DISTINCT partition FROM system.parts WHERE database = currentDatabase() AND table = {table:String} AND active
         AND toDate(YYYYMMDDToDate(toUInt32(partition))) < toDate(now('UTC')) - {days:UInt32} ORDER BY partition`,
      { table: table.name, days: retainedDays(table, config) + 2 },
    );
    for (const { partition } of days) await storage.command(`ALTER TABLE ${table.name} DROP PARTITION ${partition}`);
  }
}
