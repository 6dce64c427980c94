// Brings a database to what this version expects. Every step may run again and at the same time as another process:
// statements are of the kind IF NOT EXISTS, and what was done is recorded in `migrations`, once an id.

import { defaultsOf } from '../service/configuration.ts';
import { HairpinError } from '../service/errors.ts';
import type { ClickHouse } from './client.ts';
import { TABLE_KEYS, type TableConfiguration } from './configuration.ts';
import {
  distributedSql,
  type FormConfiguration,
  frontPlacement,
  HERE,
  isReplicated,
  localDatabase,
  localPlacement,
  type Placement,
} from './placement.ts';
import { StorageError } from './storage.ts';
import {
  createFlowsNamedSql,
  createTableSql,
  createViewsSql,
  expirySql,
  NOT_RESTORED_SQL,
  RECORDS_VIEW,
  retainedDays,
  TABLES,
} from './tables.ts';

/** The oldest server whose settings and deduplication of views are what client.ts relies on. */
export const SERVER_VERSION_MIN = '25.8';

export type MigrationConfiguration = Pick<TableConfiguration, 'retentionDays' | 'rollupRetentionDays' | 'durable'> &
  Partial<Pick<TableConfiguration, 'retention'>> &
  Partial<FormConfiguration>;

interface Migration {
  readonly id: number;
  readonly name: string;
  /** Tables that it makes; all of them when left out. */
  readonly tables?: readonly string[];
}

/** Append-only; a released migration is never edited. Columns added to the schema need none: see `alignColumns`. */
const MIGRATIONS: readonly Migration[] = [
  { id: 1, name: 'tables and views' },
  { id: 2, name: 'facts', tables: ['facts'] },
  { id: 3, name: 'services', tables: ['services'] },
  { id: 5, name: 'interfaces, heartbeats, events', tables: ['interfaces', 'heartbeats', 'events'] },
  { id: 6, name: 'reenrichments', tables: ['reenrichments'] },
  { id: 7, name: 'passers', tables: ['passers'] },
];

function statementsOf({ tables }: Migration, config: MigrationConfiguration, place: Placement): string[] {
  const made = TABLES.filter(({ name }) => tables?.includes(name) ?? true);
  return made.map(table => createTableSql(table, config, place));
}

export interface MigrationOptions {
  /** Leaves retention as it stands: for processes that only read, whose configuration nobody keeps equal. */
  readonly keepsAges?: boolean;
}

/**
 * Keys of tables that `given` lacks have their defaults. Throws STORAGE_UNREACHABLE, STORAGE_TOO_OLD, SCHEMA_MISMATCH or
 * STORAGE_FAILED.
 */
export async function migrate(
  storage: ClickHouse,
  given: Partial<MigrationConfiguration>,
  { keepsAges = false }: MigrationOptions = {},
): Promise<void> {
  const config: MigrationConfiguration = { ...defaultsOf(TABLE_KEYS), ...given };
  try {
    checkVersion(await storage.serverVersion());
    if (isForm(config)) await migrateShards(storage.shards ?? [], config, keepsAges);
    else {
      await prepare(storage, config, HERE, keepsAges);
      if (!keepsAges) await dropExpired(storage, config);
    }
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

function isForm(config: MigrationConfiguration): config is MigrationConfiguration & FormConfiguration {
  return config.clickhouseForm !== undefined && config.clickhouseForm !== 'single';
}

/** Tables with rows, then the ones in front of them: server by server, or from the first one everywhere at once. */
async function migrateShards(
  shards: readonly ClickHouse[],
  config: MigrationConfiguration & FormConfiguration,
  keepsAges: boolean,
): Promise<void> {
  const everywhere = isReplicated(config);
  const from = everywhere ? shards.slice(0, 1) : shards;
  for (const shard of from) await prepare(shard, config, everywhere ? localPlacement(config) : HERE, keepsAges);
  const front = frontPlacement(config);
  for (const shard of from) {
    for (const statement of frontStatements(config)) await shard.command(statement);
    await alignColumns(shard, front, config.clickhouseDatabase);
    await shard.command(createFlowsNamedSql(front));
  }
  if (!keepsAges) for (const shard of shards) await dropExpired(shard, config);
}

function frontStatements(config: FormConfiguration): string[] {
  const { everywhere } = frontPlacement(config);
  return [
    `CREATE DATABASE IF NOT EXISTS ${config.clickhouseDatabase}${everywhere} ENGINE = Atomic`,
    ...TABLES.map(table => distributedSql(table, config)),
  ];
}

/** What the cluster form sends to an empty server, for people to read and for the engine to parse. */
export function clusterStatements(config: MigrationConfiguration & FormConfiguration): string[] {
  const place = localPlacement(config);
  return [
    `CREATE DATABASE IF NOT EXISTS ${localDatabase(config)}${place.everywhere} ENGINE = Atomic`,
    ...statementsOf({ id: 1, name: '' }, config, place),
    ...createViewsSql(place),
    createFlowsNamedSql(place),
    ...frontStatements(config),
    createFlowsNamedSql(frontPlacement(config)),
  ];
}

/** The database of `storage`, with every table, view and column. */
async function prepare(
  storage: ClickHouse,
  config: MigrationConfiguration,
  place: Placement,
  keepsAges: boolean,
): Promise<void> {
  await storage.createDatabase(place.everywhere);
  await runMigrations(storage, config, place);
  await alignColumns(storage, place);
  if (!place.replicated) await checkViews(storage);
  for (const statement of createViewsSql(place)) await storage.command(statement);
  if (!keepsAges) await alignTables(storage, config, place);
  await storage.command(createFlowsNamedSql(place));
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

async function runMigrations(storage: ClickHouse, config: MigrationConfiguration, place: Placement): Promise<void> {
  const known = await storage.select<{ name: string }>(
    'SELECT name FROM system.tables WHERE database = currentDatabase() AND name = {name:String}',
    { name: 'migrations' },
  );
  const done = new Set<number>();
  if (known.length > 0)
    for (const { id } of await storage.select<{ id: number }>('SELECT DISTINCT id FROM migrations')) done.add(id);
  for (const migration of MIGRATIONS) {
    const { id, name } = migration;
    if (done.has(id)) continue;
    for (const statement of statementsOf(migration, config, place)) await storage.command(statement);
    await storage.command('INSERT INTO migrations (id, name) SELECT {id:UInt32}, {name:String}', { id, name });
  }
}

/** Adds columns the schema has and the table lacks; a column of another type is refused, because rows would be changed. */
async function alignColumns(storage: ClickHouse, place: Placement, database = storage.database): Promise<void> {
  const rows = await storage.select<{ table: string; name: string; type: string }>(
    'SELECT table, name, type FROM system.columns WHERE database = {database:String}',
    { database },
  );
  const types = new Map(rows.map(({ table, name, type }) => [`${table}.${name}`, type]));
  for (const table of TABLES) {
    for (const { name, type, definition } of table.columns) {
      const path = `${table.name}.${name}`;
      const found = types.get(path);
      if (found === undefined)
        await storage.command(
          `ALTER TABLE ${place.prefix}${table.name}${place.everywhere} ADD COLUMN IF NOT EXISTS ${definition}`,
        );
      else if (found !== type) {
        throw new HairpinError(
          'SCHEMA_MISMATCH',
          `${path} is ${found}, expected ${type}; use another database (--clickhouse-database) or convert it with ALTER TABLE ${table.name} MODIFY COLUMN ${name} ${type}`,
        );
      }
    }
  }
}

/**
 * A view of an earlier version would count records twice that are put in a second time (client.ts), which replicated tables
 * never need. It is not changed here: a view that is altered, or dropped and made anew, gives other tokens to what it
 * inserts, so that batches still under way would count twice.
 */
async function checkViews(storage: ClickHouse): Promise<void> {
  const rows = await storage.select<{ name: string }>(
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND name = {name:String}
       AND position(as_select, {condition:String}) = 0`,
    { name: RECORDS_VIEW, condition: NOT_RESTORED_SQL },
  );
  if (rows.length > 0)
    throw new HairpinError(
      'SCHEMA_MISMATCH',
      `${storage.database}.${RECORDS_VIEW} is of an earlier version; stop the collectors, let spools and Kafka run empty, stop everything else, drop it with DROP VIEW ${storage.database}.${RECORDS_VIEW} on each server, and start again: it is made anew`,
    );
}

/** Retention and fsync follow the configuration, which may differ from that of the last start. */
async function alignTables(storage: ClickHouse, config: MigrationConfiguration, place: Placement): Promise<void> {
  const rows = await storage.select<{ name: string; create_table_query: string }>(
    'SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()',
  );
  const queries = new Map(rows.map(row => [row.name, row.create_table_query]));
  const fsync = ['fsync_after_insert', 'fsync_part_directory']
    .map(name => `${name} = ${config.durable ? 1 : 0}`)
    .join(', ');
  for (const table of TABLES) {
    const query = queries.get(table.name) ?? '';
    const alter = `ALTER TABLE ${place.prefix}${table.name}${place.everywhere}`;
    const expiry = expirySql(table, config);
    if (!query.includes(expiry)) {
      // The server then works out anew, in the background, how old each part gets, and leaves the columns of large parts
      // where they are; parts of one file, which are small, are written again.
      if (!query.includes(RECALCULATE_ONLY)) await storage.command(`${alter} MODIFY SETTING ${RECALCULATE_ONLY}`);
      await storage.command(`${alter} MODIFY TTL ${expiry}`);
    }
    const durable = query.includes('fsync_after_insert = 1');
    if (durable !== config.durable) await storage.command(`${alter} MODIFY SETTING ${fsync}`);
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
         AND toUInt32(partition) < toYYYYMMDD(now('UTC') - toIntervalDay({days:UInt32})) ORDER BY partition`,
      { table: table.name, days: retainedDays(table, config) + 2 },
    );
    for (const { partition } of days) await storage.command(`ALTER TABLE ${table.name} DROP PARTITION ${partition}`);
  }
}
