// Tables and views, derived from the column lists of schemas/. Everything a batch fills is partitioned by the day of
// `receivedAt`, a value fixed in the batch, so that a repeated batch meets its own token again; a roll-up keeps that day
// as a column. Names are not qualified: the connection's database holds them all.

import { MARKS } from '../../schemas/codes.ts';
import { type Column, clickhouseType } from '../../schemas/columns.ts';
import { EXPORTER_COLUMNS } from '../../schemas/exporter-minute.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { INTERFACE_COLUMNS } from '../../schemas/interface-minute.ts';
import { parseRetention } from '../../schemas/retention.ts';
import { engineSql, HERE, type Placement, settingsSql } from '../placement.ts';
import { trafficSelectSql, UNELECTED_KEYS } from './elections.ts';
import { flowsNamedSql } from './flows-named.ts';
import { coarserSql, PAIR_KEYS, SUMS, TRAFFIC_KEYS } from './spread.ts';

/** Blocks whose tokens a table remembers: at two batches a second more than half a day. */
export const TOKENS_MAX = 100_000;

export interface Retention {
  readonly retentionDays: number;
  readonly rollupRetentionDays: number;
  /** Of single tables: `flows=7`. */
  readonly retention?: readonly string[];
}

export interface Table {
  readonly name: string;
  /** Column definitions in order. */
  readonly columns: readonly { readonly name: string; readonly type: string; readonly definition: string }[];
  readonly engine: string;
  readonly partition?: string;
  readonly order: string;
  readonly indices?: readonly string[];
  /** What the age of a row is told by, and how old it gets. */
  readonly expiry?: { readonly column: string; readonly days: (retention: Retention) => number };
  readonly settings?: readonly string[];
}

/**
 * Parts below this many uncompressed bytes keep all columns in one file. With a file per column, an insert of 57 columns
 * and the merges after it create and delete hundreds of files a second, and more than half of the server's CPU went into
 * ext4 looking for an inode that had not been freed in the last seconds.
 */
const COMPACT_PART_BYTES_MAX = 1024 ** 3;

const DEDUPLICATED = [
  `non_replicated_deduplication_window = ${TOKENS_MAX}`,
  'ttl_only_drop_parts = 1',
  `min_bytes_for_wide_part = ${COMPACT_PART_BYTES_MAX}`,
];
const DATETIME = "DateTime('UTC')";
const DATETIME_MS = "DateTime64(3, 'UTC')";

const plain = (name: string, type: string, more = '') => ({
  name,
  type,
  definition: `${name} ${type}${more && ` ${more}`}`,
});
const fromSchema = (columns: readonly Column[]) =>
  columns.map(column => plain(column.name, clickhouseType(column), column.codec));

const records = ({ retentionDays }: Retention) => retentionDays;
const hours = ({ rollupRetentionDays }: Retention) => rollupRetentionDays;
const minutes = ({ rollupRetentionDays }: Retention) => Math.max(1, Math.floor(rollupRetentionDays / 10));

/** Columns of a roll-up: day, bucket, its keys, its sums. Keys have the type they have in the records. */
function rollup(name: string, keys: readonly string[], days: (retention: Retention) => number): Table {
  const typeOf = new Map((FLOW_COLUMNS as readonly Column[]).map(column => [column.name, clickhouseType(column)]));
  const columns = [
    plain('day', 'UInt32'),
    plain('bucket', DATETIME),
    ...keys.map(key => plain(key, typeOf.get(key) ?? 'UInt64')),
    ...SUMS.map(sum => plain(sum, sum === 'varBytes' ? 'Float64' : 'UInt64')),
  ];
  return {
    name,
    columns,
    engine: `SummingMergeTree((${SUMS.join(', ')}))`,
    partition: 'day',
    order: `(bucket, ${keys.join(', ')}, day)`,
    expiry: { column: 'bucket', days },
    settings: DEDUPLICATED,
  };
}

export const TABLES: readonly Table[] = [
  {
    name: 'flows',
    columns: [...fromSchema(FLOW_COLUMNS), plain('storedAt', DATETIME, 'DEFAULT now() CODEC(Delta, LZ4)')],
    engine: 'MergeTree',
    partition: 'toYYYYMMDD(receivedAt)',
    order: 'receivedAt',
    indices: [
      'storedAtRange storedAt TYPE minmax GRANULARITY 1',
      'batches batch TYPE bloom_filter(0.001) GRANULARITY 1',
    ],
    expiry: { column: 'toDateTime(receivedAt)', days: records },
    settings: DEDUPLICATED,
  },
  rollup('traffic_1m', TRAFFIC_KEYS, minutes),
  rollup('traffic_5m', TRAFFIC_KEYS, minutes),
  rollup('traffic_1h', TRAFFIC_KEYS, hours),
  rollup('pairs_5m', PAIR_KEYS, minutes),
  rollup('pairs_1h', PAIR_KEYS, hours),
  rollup('unelected_5m', UNELECTED_KEYS, minutes),
  {
    name: 'exporters',
    columns: [...fromSchema(EXPORTER_COLUMNS), plain('storedAt', DATETIME, 'DEFAULT now()')],
    engine: 'MergeTree',
    partition: 'toYYYYMMDD(minute)',
    order: '(exporter, observationDomain, protocol, minute)',
    expiry: { column: 'toDateTime(minute)', days: minutes },
    settings: DEDUPLICATED,
  },
  {
    name: 'interfaces',
    columns: [...fromSchema(INTERFACE_COLUMNS), plain('storedAt', DATETIME, 'DEFAULT now()')],
    engine: 'MergeTree',
    partition: 'toYYYYMMDD(minute)',
    order: '(exporter, observationDomain, protocol, ifIndex, minute)',
    expiry: { column: 'toDateTime(minute)', days: minutes },
    settings: DEDUPLICATED,
  },
  {
    name: 'nodes',
    columns: [
      plain('key', 'UInt64'),
      plain('class', 'UInt8', 'MATERIALIZED bitShiftRight(key, 56)'),
      plain('name', 'String'),
      plain('identity', 'String'),
      plain('firstSeen', DATETIME_MS, 'DEFAULT now64(3)'),
    ],
    // A name told again, as after each start, is one row: the newest, because the name valid now is the newest.
    engine: 'ReplacingMergeTree(firstSeen)',
    order: '(key, name)',
  },
  {
    name: 'facts',
    columns: [
      plain('exporter', 'IPv6'),
      plain('observationDomain', 'UInt32'),
      plain('protocol', 'UInt8'),
      plain('kind', 'LowCardinality(String)'),
      // ifIndex, or the id of a VRF: `index` is a keyword of the server.
      plain('ifIndex', 'UInt32'),
      plain('mac', 'UInt64'),
      plain('stationId', 'String'),
      plain('name', 'String'),
      plain('hostId', 'String'),
      plain('firstSeen', DATETIME_MS),
      plain('lastSeen', DATETIME_MS),
    ],
    engine: 'ReplacingMergeTree(lastSeen)',
    order: '(exporter, observationDomain, kind, ifIndex, mac, stationId)',
    expiry: { column: 'toDateTime(lastSeen)', days: records },
  },
  {
    name: 'services',
    columns: [
      plain('address', 'IPv6'),
      plain('vrf', 'UInt32'),
      plain('proto', 'UInt8'),
      plain('port', 'UInt16'),
      plain('answered', 'UInt8'),
      // Of the last evidence: what was silent for a while has rows for each spell.
      plain('day', 'Date'),
      plain('firstSeen', `SimpleAggregateFunction(min, ${DATETIME_MS})`),
      plain('lastSeen', `SimpleAggregateFunction(max, ${DATETIME_MS})`),
      plain('storedAt', `SimpleAggregateFunction(max, ${DATETIME_MS})`, 'DEFAULT now64(3)'),
    ],
    engine: 'AggregatingMergeTree',
    order: '(address, vrf, proto, port, answered, day)',
    expiry: { column: 'day', days: records },
  },
  {
    name: 'documents',
    columns: [
      plain('kind', 'LowCardinality(String)'),
      plain('recordedAt', DATETIME_MS),
      plain('asOf', DATETIME_MS),
      plain('source', 'String'),
      plain('body', 'String', 'CODEC(ZSTD(3))'),
    ],
    engine: 'MergeTree',
    order: '(kind, recordedAt)',
  },
  {
    // Told again as it stood: what confirms the newest version of a source without being one.
    name: 'heartbeats',
    columns: [
      plain('kind', 'LowCardinality(String)'),
      plain('source', 'String'),
      plain('asOf', DATETIME_MS),
      plain('recordedAt', DATETIME_MS),
    ],
    engine: 'ReplacingMergeTree(recordedAt)',
    order: '(kind, source, asOf)',
    expiry: { column: 'toDateTime(asOf)', days: hours },
  },
  {
    // What was noticed in flows. Several enrichers notice the same: rows of one key are one, and rows of one thing whose
    // times meet are made one when they are read.
    name: 'events',
    columns: [
      plain('kind', 'LowCardinality(String)'),
      plain('mac', 'UInt64'),
      plain('toExporter', 'IPv6'),
      plain('toIfIndex', 'UInt32'),
      plain('at', DATETIME_MS),
      plain('lastSeen', `SimpleAggregateFunction(max, ${DATETIME_MS})`),
      plain('detectedAt', `SimpleAggregateFunction(min, ${DATETIME_MS})`),
      plain('confirmedAt', `SimpleAggregateFunction(max, ${DATETIME_MS})`),
      ...['vm', 'fromHost', 'toHost'].map(name => plain(name, 'SimpleAggregateFunction(max, UInt64)')),
      plain('fromExporter', 'SimpleAggregateFunction(max, IPv6)'),
      plain('fromIfIndex', 'SimpleAggregateFunction(max, UInt32)'),
    ],
    engine: 'AggregatingMergeTree',
    order: '(kind, mac, toExporter, toIfIndex, at)',
    expiry: { column: 'toDateTime(at)', days: hours },
  },
  {
    name: 'passes',
    columns: [
      plain('minute', DATETIME),
      plain('state', 'LowCardinality(String)'),
      plain('at', DATETIME_MS, 'DEFAULT now64(3)'),
    ],
    engine: 'ReplacingMergeTree(at)',
    order: '(minute, state)',
  },
  {
    // Who could make the passes; see pass-owner.ts.
    name: 'passers',
    columns: [
      plain('candidate', 'String'),
      plain('since', "DateTime64(6, 'UTC')"),
      plain('lives', 'UInt8'),
      plain('at', "DateTime64(6, 'UTC')", 'DEFAULT now64(6)'),
    ],
    engine: 'ReplacingMergeTree(at)',
    order: 'candidate',
    expiry: { column: 'toDateTime(at)', days: () => 1 },
  },
  {
    name: 'reenrichments',
    columns: [
      plain('run', 'String'),
      plain('day', 'UInt32'),
      plain('state', 'LowCardinality(String)'),
      plain('revision', 'UInt32'),
      plain('knowledge', 'String'),
      plain('records', 'UInt64'),
      plain('detail', 'String'),
      plain('at', "DateTime64(6, 'UTC')", 'DEFAULT now64(6)'),
    ],
    engine: 'ReplacingMergeTree(at)',
    order: '(run, day, state)',
  },
  {
    name: 'migrations',
    columns: [plain('id', 'UInt32'), plain('name', 'String'), plain('at', DATETIME_MS, 'DEFAULT now64(3)')],
    engine: 'ReplacingMergeTree(at)',
    order: 'id',
  },
];

export function createTableSql(table: Table, retention: Retention, place: Placement = HERE): string {
  const definitions = [
    ...table.columns.map(column => column.definition),
    ...(table.indices ?? []).map(index => `INDEX ${index}`),
  ];
  const clauses = [
    `ENGINE = ${engineSql(table, place)}`,
    table.partition && `PARTITION BY ${table.partition}`,
    `ORDER BY ${table.order}`,
    table.expiry && `TTL ${expirySql(table, retention)}`,
    table.settings && `SETTINGS ${settingsSql(table.settings, place).join(', ')}`,
  ];
  return `CREATE TABLE IF NOT EXISTS ${place.prefix}${table.name}${place.everywhere} (\n  ${definitions.join(',\n  ')}\n) ${clauses.filter(Boolean).join('\n')}`;
}

/** `toIntervalDay(30)` is also how the server writes it down, which migrate.ts compares. */
export function expirySql(table: Table, retention: Retention): string {
  return table.expiry ? `${table.expiry.column} + toIntervalDay(${retainedDays(table, retention)})` : '';
}

/** Days that a table keeps its rows, Infinity for ever. */
export function retainedDays({ name, expiry }: Table, retention: Retention): number {
  const own = retention.retention?.map(parseRetention).find(entry => entry?.table === name);
  return own?.days ?? expiry?.days(retention) ?? Number.POSITIVE_INFINITY;
}

/** Roll-ups made of finer ones. */
export const COARSER = [
  { from: 'traffic_1m', to: 'traffic_5m', stepSeconds: 300, keys: TRAFFIC_KEYS },
  { from: 'traffic_1m', to: 'traffic_1h', stepSeconds: 3600, keys: TRAFFIC_KEYS },
  { from: 'pairs_5m', to: 'pairs_1h', stepSeconds: 3600, keys: PAIR_KEYS },
] as const;

interface View {
  readonly name: string;
  readonly to: string;
  /** Of the source with this prefix before its name. */
  readonly sql: (prefix: string) => string;
}

/** The view behind the records themselves, and which of them it takes: roll-ups have the others already (client.ts). */
export const RECORDS_VIEW = 'traffic_1m_view';
export const NOT_RESTORED_SQL = `bitAnd(marks, ${MARKS.restored}) = 0`;

/** Views that fill roll-ups with every insert, each from its source into its table. */
const VIEWS: readonly View[] = [
  { name: RECORDS_VIEW, to: 'traffic_1m', sql: prefix => trafficSelectSql(NOT_RESTORED_SQL, `${prefix}flows`) },
  ...COARSER.map(({ from, to, stepSeconds, keys }) => ({
    name: `${to}_view`,
    to,
    sql: (prefix: string) => coarserSql(`${prefix}${from}`, stepSeconds, keys),
  })),
];

export function createViewsSql({ prefix, everywhere }: Placement = HERE): string[] {
  return VIEWS.map(
    ({ name, to, sql }) =>
      `CREATE MATERIALIZED VIEW IF NOT EXISTS ${prefix}${name}${everywhere} TO ${prefix}${to} AS\n${sql(prefix)}`,
  );
}

export function createFlowsNamedSql({ prefix, everywhere }: Placement = HERE): string {
  return `CREATE OR REPLACE VIEW ${prefix}flows_named${everywhere} AS\n${flowsNamedSql(prefix)}`;
}
