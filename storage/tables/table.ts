// How a table is described, and the statements that create it. Each table has a file of its own here: its definition, the
// mapping of its rows, what inserts into it and what selects from it. all.ts lists them.
//
// Everything that a batch fills is partitioned by the day of `receivedAt`, a value fixed in the batch, so that a repeated
// batch meets its own token again; a roll-up keeps that day as a column. Names are not qualified: the connection's
// database holds all tables.

import { type Column, clickhouseType } from '../../schemas/columns.ts';
import { parseRetention } from '../../schemas/retention.ts';
import {
  engineSql,
  type FormConfiguration,
  frontPlacement,
  HERE,
  localDatabase,
  type Placement,
  settingsSql,
} from '../placement.ts';

/** Blocks whose tokens a table remembers: at two batches a second, those of more than half a day. */
export const TOKENS_MAX = 100_000;

export interface Retention {
  readonly retentionDays: number;
  readonly rollupRetentionDays: number;
  /** Of single tables: `flows=7`. */
  readonly retention?: readonly string[];
}

export interface TableColumn {
  readonly name: string;
  readonly type: string;
  readonly definition: string;
}

export interface Table {
  readonly name: string;
  /** In order. */
  readonly columns: readonly TableColumn[];
  readonly engine: string;
  readonly partition?: string;
  readonly order: string;
  /** The first columns of `order`, where that has been added to. */
  readonly primaryKey?: string;
  readonly indices?: readonly string[];
  /** The column that holds the age of a row, and the days after which the row expires. */
  readonly expiry?: {
    readonly column: string;
    readonly days: (retention: Retention) => number;
    /** Rows that expire before the others, whatever their retention is; in the words in which the server writes it down. */
    readonly sooner?: readonly { readonly days: number; readonly where: string }[];
  };
  readonly settings?: readonly string[];
}

/**
 * Parts below this many uncompressed bytes keep all columns in one file. With a file per column, an insert of 57 columns
 * and the merges after it create and delete hundreds of files a second, and more than half of the server's CPU went into
 * ext4 looking for an inode that had not been freed in the last seconds.
 */
const COMPACT_PART_BYTES_MAX = 1024 ** 3;

/** Settings of a table that batches fill. */
export const DEDUPLICATED = [
  `non_replicated_deduplication_window = ${TOKENS_MAX}`,
  'ttl_only_drop_parts = 1',
  `min_bytes_for_wide_part = ${COMPACT_PART_BYTES_MAX}`,
];

export const DATETIME = "DateTime('UTC')";
export const DATETIME_MS = "DateTime64(3, 'UTC')";
export const DATETIME_US = "DateTime64(6, 'UTC')";

export function column(name: string, type: string, more = ''): TableColumn {
  return { name, type, definition: `${name} ${type}${more && ` ${more}`}` };
}

export function schemaColumns(columns: readonly Column[]): TableColumn[] {
  return columns.map(given => column(given.name, clickhouseType(given), given.codec));
}

/** How long rows are kept unless the configuration names the table. */
export const RECORD_DAYS = ({ retentionDays }: Retention) => retentionDays;
export const HOUR_DAYS = ({ rollupRetentionDays }: Retention) => rollupRetentionDays;
export const MINUTE_DAYS = ({ rollupRetentionDays }: Retention) => Math.max(1, Math.floor(rollupRetentionDays / 10));

export function createTableSql(table: Table, retention: Retention, place: Placement = HERE): string {
  const definitions = [
    ...table.columns.map(({ definition }) => definition),
    ...(table.indices ?? []).map(index => `INDEX ${index}`),
  ];
  const clauses = [
    `ENGINE = ${engineSql(table, place)}`,
    table.partition && `PARTITION BY ${table.partition}`,
    table.primaryKey && `PRIMARY KEY ${table.primaryKey}`,
    `ORDER BY ${table.order}`,
    table.expiry && `TTL ${expirySql(table, retention)}`,
    table.settings && `SETTINGS ${settingsSql(table.settings, place).join(', ')}`,
  ];
  return `CREATE TABLE IF NOT EXISTS ${place.prefix}${table.name}${place.everywhere} (\n  ${definitions.join(',\n  ')}\n) ${clauses.filter(Boolean).join('\n')}`;
}

/**
 * The table in front of the tables of all shards. Hairpin only selects from it (an inserted row would go to the first
 * shard), so it needs no sharding key of its own.
 */
export function distributedSql(table: Table, config: FormConfiguration): string {
  const { prefix, everywhere } = frontPlacement(config);
  const columns = table.columns.map(({ name, type }) => `${name} ${type}`).join(',\n  ');
  return `CREATE TABLE IF NOT EXISTS ${prefix}${table.name}${everywhere} (\n  ${columns}\n) ENGINE = Distributed(${config.clickhouseCluster}, ${localDatabase(config)}, ${table.name}, 0)`;
}

/** `toIntervalDay(30)` is also how the server writes it down, which migrations/columns.ts compares. */
export function expirySql(table: Table, retention: Retention): string {
  if (!table.expiry) return '';
  const { column, sooner = [] } = table.expiry;
  const all = `${column} + toIntervalDay(${retainedDays(table, retention)})`;
  return [all, ...sooner.map(({ days, where }) => `${column} + toIntervalDay(${days}) WHERE ${where}`)].join(', ');
}

/** Days that a table keeps its rows, Infinity where they do not expire. */
export function retainedDays({ name, expiry }: Table, retention: Retention): number {
  const own = retention.retention?.map(parseRetention).find(entry => entry?.table === name);
  return own?.days ?? expiry?.days(retention) ?? Number.POSITIVE_INFINITY;
}
