// Brings a database to what this version expects. Every step may run again and at the same time in another process:
// statements are of the kind IF NOT EXISTS, and the table `migrations` records what was done, once an id.

import { defaultsOf } from '../../service/configuration.ts';
import { HairpinError } from '../../service/errors.ts';
import type { ClickHouse } from '../client.ts';
import { TABLE_KEYS, type TableConfiguration } from '../configuration.ts';
import {
  type FormConfiguration,
  frontPlacement,
  HERE,
  isReplicated,
  localDatabase,
  localPlacement,
  type Placement,
} from '../placement.ts';
import { StorageError } from '../storage.ts';
import { createViewsSql, TABLES } from '../tables/all.ts';
import { CELLS_MIGRATION } from '../tables/cells.ts';
import { migrationsDone, recordMigrations } from '../tables/migrations.ts';
import { createTableSql, distributedSql, type Retention } from '../tables/table.ts';
import { createViewsForPeopleSql } from '../tables/views-for-people.ts';
import { alignColumns } from './columns.ts';
import { alignSettings, dropExpired } from './retention.ts';
import { sideBySide } from './side-by-side.ts';
import { alignUnderLease } from './swapped-tables.ts';
import { renewViews } from './views.ts';

/** The oldest server with the settings and the deduplication of views that client.ts relies on. */
export const SERVER_VERSION_MIN = '25.8';

export type MigrationConfiguration = Retention & Pick<TableConfiguration, 'durable'> & Partial<FormConfiguration>;

interface Migration {
  readonly id: number;
  readonly name: string;
  /** Tables that it creates; all of them when left out. */
  readonly tables?: readonly string[];
}

/** Append-only; a released migration is never edited. Columns added to the schema need none: see alignColumns(). */
const MIGRATIONS: readonly Migration[] = [
  { id: 1, name: 'tables and views' },
  { id: 2, name: 'facts', tables: ['facts'] },
  { id: 3, name: 'services', tables: ['services'] },
  { id: 5, name: 'interfaces, heartbeats, events', tables: ['interfaces', 'heartbeats', 'events'] },
  { id: 6, name: 'reenrichments', tables: ['reenrichments'] },
  { id: 7, name: 'passers', tables: ['passers'] },
  { id: 8, name: 'collectors', tables: ['collectors'] },
  { id: 9, name: 'liveness', tables: ['liveness', 'liveness_settled'] },
  { id: 10, name: 'progress', tables: ['progress'] },
  { id: 11, name: 'learned interfaces', tables: ['learned_interfaces'] },
  { id: 12, name: 'places', tables: ['places'] },
  { id: CELLS_MIGRATION, name: 'cells', tables: ['cells_5m'] },
  { id: 14, name: 'alerts', tables: ['alert_rules', 'alerts', 'alert_evaluations'] },
];

export interface MigrationOptions {
  /** Leaves retention as it is: for processes that only read, whose configuration need not agree with the writers'. */
  readonly keepsAges?: boolean;
}

/**
 * Keys of tables that `given` lacks have their defaults. Throws STORAGE_UNREACHABLE, STORAGE_TOO_OLD, SCHEMA_MISMATCH,
 * STORAGE_BUSY or STORAGE_FAILED.
 */
export async function migrate(
  storage: ClickHouse,
  given: Partial<MigrationConfiguration>,
  { keepsAges = false }: MigrationOptions = {},
): Promise<void> {
  const config: MigrationConfiguration = { ...defaultsOf(TABLE_KEYS), ...given };
  try {
    checkVersion(await serverVersion(storage));
    if (isForm(config)) await migrateShards(storage.shards, config, keepsAges);
    else {
      await prepare(storage, config, HERE, keepsAges);
      if (!keepsAges) await dropExpired(storage, config);
    }
  } catch (error) {
    throw error instanceof StorageError ? startErrorOf(error, storage.database) : error;
  }
}

function startErrorOf(error: StorageError, database: string): HairpinError {
  return error.clickhouseCode === 0
    ? new HairpinError('STORAGE_UNREACHABLE', `${error.message}; check --clickhouse and that the server runs`, error)
    : new HairpinError('STORAGE_FAILED', `${error.message}; the database "${database}" could not be migrated`, error);
}

/** In a database that always exists: the client's own may have to be created. */
async function inSystemDatabase<T>(storage: ClickHouse, call: (system: ClickHouse) => Promise<T>): Promise<T> {
  const system = storage.connect('system');
  return call(system).finally(() => system.close());
}

function serverVersion(storage: ClickHouse): Promise<string> {
  return inSystemDatabase(storage, async system => {
    const [row] = await system.select<{ version: string }>('SELECT version() AS version');
    return row?.version ?? '';
  });
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

/** `everywhere`: ON CLUSTER, or nothing. */
export function createDatabase(storage: ClickHouse, everywhere = ''): Promise<void> {
  return inSystemDatabase(storage, system => system.command(createDatabaseSql(storage.database, everywhere)));
}

function createDatabaseSql(database: string, everywhere: string): string {
  return `CREATE DATABASE IF NOT EXISTS ${database}${everywhere} ENGINE = Atomic`;
}

function isForm(config: MigrationConfiguration): config is MigrationConfiguration & FormConfiguration {
  return config.clickhouseForm !== undefined && config.clickhouseForm !== 'single';
}

/** First the tables with rows, then the ones in front of them: server by server, or once ON CLUSTER from the first one. */
async function migrateShards(
  shards: readonly ClickHouse[],
  config: MigrationConfiguration & FormConfiguration,
  keepsAges: boolean,
): Promise<void> {
  const onCluster = isReplicated(config);
  const migrated = onCluster ? shards.slice(0, 1) : shards;
  const place = onCluster ? localPlacement(config) : HERE;
  await sideBySide(migrated, shard => prepare(shard, config, place, keepsAges));
  const front = frontPlacement(config);
  await sideBySide(migrated, async shard => {
    await shard.command(frontDatabaseSql(config));
    await createEach(shard, frontTablesSql(config));
    await alignColumns(shard, front, config.clickhouseDatabase);
    await createEach(shard, createViewsForPeopleSql(front));
  });
  if (!keepsAges) for (const shard of shards) await dropExpired(shard, config);
}

function frontDatabaseSql(config: FormConfiguration): string {
  return createDatabaseSql(config.clickhouseDatabase, frontPlacement(config).everywhere);
}

function frontTablesSql(config: FormConfiguration): string[] {
  return TABLES.map(table => distributedSql(table, config));
}

/** None of the statements needs another. */
function createEach(storage: ClickHouse, statements: readonly string[]): Promise<void> {
  return sideBySide(statements, statement => storage.command(statement));
}

/** What the cluster form sends to an empty server; its test has the engine parse them. */
export function clusterStatements(config: MigrationConfiguration & FormConfiguration): string[] {
  const place = localPlacement(config);
  return [
    createDatabaseSql(localDatabase(config), place.everywhere),
    ...TABLES.map(table => createTableSql(table, config, place)),
    ...createViewsSql(place),
    ...createViewsForPeopleSql(place),
    frontDatabaseSql(config),
    ...frontTablesSql(config),
    ...createViewsForPeopleSql(frontPlacement(config)),
  ];
}

/** The database of `storage`, with every table, view and column. */
async function prepare(
  storage: ClickHouse,
  config: MigrationConfiguration,
  place: Placement,
  keepsAges: boolean,
): Promise<void> {
  await createDatabase(storage, place.everywhere);
  await runMigrations(storage, config, place);
  // No run swaps days of tables on several servers.
  if (isForm(config)) await alignColumns(storage, place, storage.database);
  else await alignUnderLease(storage, storage.database);
  await renewViews(storage, place);
  await createEach(storage, createViewsSql(place));
  if (!keepsAges) await alignSettings(storage, config, place);
  await createEach(storage, createViewsForPeopleSql(place));
}

/** Its tables may mean something else: nothing is written to it. */
function refuseNewer(done: ReadonlySet<number>, database: string): void {
  const known = MIGRATIONS.at(-1)!.id;
  const newest = Math.max(0, ...done);
  if (newest <= known) return;
  throw new HairpinError(
    'STORAGE_TOO_NEW',
    `the database "${database}" was written by a newer Hairpin (migration ${newest}, this version knows ${known}); start that version or a newer one, or give another database with --data or --clickhouse-database`,
  );
}

async function runMigrations(storage: ClickHouse, config: MigrationConfiguration, place: Placement): Promise<void> {
  const done = await migrationsDone(storage);
  refuseNewer(done, storage.database);
  const due = MIGRATIONS.filter(({ id }) => !done.has(id));
  const created = TABLES.filter(table => due.some(({ tables }) => tables?.includes(table.name) ?? true));
  const statements = created.map(table => createTableSql(table, config, place));
  await createEach(storage, statements);
  await recordMigrations(storage, due);
}
