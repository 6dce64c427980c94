// Keys of ClickHouse: of every client, of whoever owns the tables, of the reading user, and of the embedded server.

import { Type } from 'typebox';
import type { Fault } from '../schemas/documents.ts';
import { DAYS_MAX, parseRetention, RETAINED_TABLES } from '../schemas/retention.ts';
import type { ValuesOf } from '../service/configuration.ts';
import { DURABILITY_KEYS } from '../service/process-keys.ts';

const MiB = 1024 * 1024;
const IDENTIFIER = '^[A-Za-z_][A-Za-z0-9_]{0,62}$';
const IDENTIFIER_EXPECTED = 'up to 63 letters, digits and underscores, the first no digit';

export const FORM_KEYS = {
  clickhouseDatabase: Type.String({
    default: 'hairpin',
    pattern: IDENTIFIER,
    expected: IDENTIFIER_EXPECTED,
    description: 'database that holds the tables',
  }),
  clickhouseForm: Type.Enum(['single', 'sharded', 'cluster'], {
    default: 'single',
    description: 'one server; several with a part of the rows each; the same with replicated tables (needs Keeper)',
  }),
  clickhouseCluster: Type.String({
    default: 'hairpin',
    pattern: IDENTIFIER,
    expected: IDENTIFIER_EXPECTED,
    description: 'its name in remote_servers, for the forms of several servers',
  }),
  clickhouseShards: Type.Array(
    Type.String({ pattern: '^https?://[^,@]+$', expected: 'http://HOST:PORT, without a user' }),
    {
      default: [],
      uniqueItems: true,
      maxItems: 256,
      description: 'URLs of the shards, in the order of the cluster; change them only when no batch is in flight',
    },
  ),
};
/** One server, or several: where the tables are. */
export type FormConfiguration = ValuesOf<typeof FORM_KEYS>;

export const CLICKHOUSE_KEYS = {
  clickhouse: Type.String({
    default: '',
    pattern: '^(https?://.+)?$',
    expected: 'http://HOST:PORT or https://HOST:PORT',
    description: 'URL of a ClickHouse server; empty starts the embedded one (hairpin start)',
  }),
  clickhouseUser: Type.String({ default: 'default', description: 'user of the server given by --clickhouse' }),
  clickhousePassword: Type.String({
    default: '',
    description: 'its password; better given as HAIRPIN_CLICKHOUSE_PASSWORD',
  }),
  ...FORM_KEYS,
  queryTimeoutMs: Type.Integer({
    default: 30000,
    minimum: 100,
    maximum: 3600000,
    description: 'longest time in ms that a query may take',
  }),
};
export type ClickHouseConfiguration = ValuesOf<typeof CLICKHOUSE_KEYS>;

export function clickhouseFaults({ clickhouse, clickhouseForm, clickhouseShards }: ClickHouseConfiguration): Fault[] {
  const faults: Fault[] = [];
  // The URL is logged and shown; users and passwords are not.
  if (/^https?:\/\/[^/?#]*@/.test(clickhouse))
    faults.push({
      path: '/clickhouse',
      message: 'holds a user; give --clickhouse-user and HAIRPIN_CLICKHOUSE_PASSWORD',
    });
  const isSharded = clickhouseForm !== 'single';
  if (isSharded && (clickhouse === '' || clickhouseShards.length === 0))
    faults.push({ path: '/clickhouseForm', message: 'needs --clickhouse and --clickhouse-shards' });
  if (!isSharded && clickhouseShards.length > 0)
    faults.push({ path: '/clickhouseShards', message: 'is of no use with --clickhouse-form single' });
  return faults;
}

export const EMBEDDED_KEYS = {
  clickhousePort: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 65535,
    description: 'HTTP port of the embedded server on 127.0.0.1; 0 picks a free one',
  }),
};

export type EmbeddedConfiguration = ValuesOf<typeof EMBEDDED_KEYS>;

/** The user that the API queries with, and the limits of its queries. */
export const READER_KEYS = {
  clickhouseReadUser: Type.String({
    default: '',
    description: 'user that runs the queries of the API and needs SELECT only; empty: the same user, read-only',
  }),
  clickhouseReadPassword: Type.String({
    default: '',
    description: 'its password; better given as HAIRPIN_CLICKHOUSE_READ_PASSWORD',
  }),
  queryRowsMax: Type.Integer({
    default: 1_000_000_000,
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'rows a query may read; one that needs more is refused before it runs, with advice',
  }),
  queryMemoryBytesMax: Type.Integer({
    default: 2048 * MiB,
    minimum: 16 * MiB,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'memory of ClickHouse that a query may use',
  }),
};
export type ReaderConfiguration = ClickHouseConfiguration & ValuesOf<typeof READER_KEYS>;

/** How the tables keep rows. Whoever inserts sets it at each start. */
export const TABLE_KEYS = {
  retentionDays: Type.Integer({ default: 30, minimum: 1, maximum: 3650, description: 'days flow records are kept' }),
  rollupRetentionDays: Type.Integer({
    default: 800,
    minimum: 1,
    maximum: DAYS_MAX,
    description: 'days hourly roll-ups are kept; minute and 5-minute ones a tenth of it',
  }),
  retention: Type.Array(Type.String(), {
    default: [],
    uniqueItems: true,
    maxItems: 64,
    description: 'days that single tables keep rows, TABLE=DAYS (flows=7,events=90), before the two keys above',
  }),
  ...DURABILITY_KEYS,
};
export type TableConfiguration = ValuesOf<typeof TABLE_KEYS>;

export function tableFaults({ retention }: TableConfiguration): Fault[] {
  const entries = retention.map(parseRetention);
  return entries.flatMap((entry, i) => {
    const path = `/retention/${i}`;
    const text = retention[i]!;
    if (!entry) return [{ path, message: `"${text}" is no TABLE=DAYS; tables are ${RETAINED_TABLES.join(', ')}` }];
    const isAgain = entries.findIndex(other => other?.table === entry.table) < i;
    return isAgain ? [{ path, message: `"${text}" names ${entry.table} again` }] : [];
  });
}

export const INSERT_KEYS = {
  insertsMax: Type.Integer({ default: 2, minimum: 1, maximum: 16, description: 'inserts in flight at once' }),
  insertTriesMax: Type.Integer({
    default: 5,
    minimum: 1,
    maximum: 1000,
    description: 'tries before a batch with a permanent error goes to quarantine',
  }),
};
export type InsertConfiguration = ValuesOf<typeof INSERT_KEYS>;
