// ClickHouse as the services see it. This module and failures.ts are the only ones that know the client library; the
// embedded server and one by URL take the same path.
//
// What makes an insert exactly-once is here: the token, one block per insert (also in the views behind the table), one
// thread so that a repetition makes the same blocks, and a time limit after which an insert can no longer appear.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type ClickHouseClient, ClickHouseLogLevel, type ClickHouseSettings, createClient } from '@clickhouse/client';
import { formatAddress, isMapped4, parseAddress } from '../schemas/address.ts';
import { type ArrowBytes, piecesOf } from '../schemas/arrow.ts';
import { MARKS } from '../schemas/codes.ts';
import { storageErrorOf } from './failures.ts';
import {
  type DocumentVersion,
  type InsertedBefore,
  type NoticedEvent,
  type QueryParams,
  type ServiceSeen,
  type Storage,
  StorageError,
  type StoredFact,
} from './storage.ts';
import { TABLES } from './tables/tables.ts';

/** An insert takes no longer; pass.ts reads a minute only when every insert that began in it has ended. */
export const INSERT_S_MAX = 30;

const STATEMENT_MS_MAX = 300_000;
const CONNECTIONS_MAX = 16;
/** Reached by no block: nothing is split or joined on its way into a table or through a view. */
const BLOCK_ROWS_NEVER = 2 ** 31;
const BLOCK_BYTES_NEVER = 2 ** 40;

/** Pinned for everything that is inserted with a token: another block or thread count would make other blocks. */
export const ONE_BLOCK: ClickHouseSettings = {
  async_insert: 0,
  insert_deduplicate: 1,
  deduplicate_blocks_in_dependent_materialized_views: 1,
  max_insert_block_size: String(BLOCK_ROWS_NEVER),
  min_insert_block_size_rows: String(BLOCK_ROWS_NEVER),
  min_insert_block_size_bytes: String(BLOCK_BYTES_NEVER),
  max_threads: 1,
  max_insert_threads: '1',
  parallel_view_processing: 0,
};

export interface StorageOptions {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly queryTimeoutMs: number;
  /** For questions of users; without them a question has what the server allows. */
  readonly limits?: ReadLimits;
  /** Tables have replicas (form `cluster`): one is asked as long as it is there, since others may be behind it. */
  readonly replicated?: boolean;
}

/** A question that needs more is ended by the server. Each is sent with `readonly`, so that a question changes nothing. */
export interface ReadLimits {
  /** Rows read, over all tables of the question. */
  readonly rowsMax: number;
  readonly memoryBytesMax: number;
}

/** What the services need, and what start-up, migrations and the pass need besides. */
export interface ClickHouse extends Storage {
  readonly database: string;
  /** Clients of the databases that hold the rows, one a shard (sharded.ts); none where this one holds them. */
  readonly shards?: readonly ClickHouse[];
  readonly replicated: boolean;
  ping(): Promise<void>;
  /** `26.7.2.1` */
  serverVersion(): Promise<string>;
  /** `everywhere`: ON CLUSTER, or nothing. */
  createDatabase(everywhere?: string): Promise<void>;
  /** INSERT ... SELECT, once for a token. */
  insertSelect(sql: string, params: QueryParams, token: string): Promise<void>;
  /** As of `Storage`, and into any table. */
  insertArrow(table: string, arrow: ArrowBytes, token: string, again?: InsertedBefore): Promise<void>;
  /** The rows of a SELECT as one Arrow stream, held in memory whole. */
  selectArrow(sql: string, params?: QueryParams): Promise<Uint8Array>;
}

export function createStorage(options: StorageOptions): ClickHouse {
  const { url, user, password, database, queryTimeoutMs, limits, replicated = false } = options;
  const connect = (name: string, timeoutMs: number): ClickHouseClient =>
    createClient({
      url,
      username: user,
      password,
      database: name,
      application: 'hairpin',
      request_timeout: timeoutMs + 5000,
      max_open_connections: CONNECTIONS_MAX,
      // Thousands of node keys do not fit a URL.
      use_multipart_params_auto: true,
      // Errors are thrown and reported by whoever asked.
      log: { level: ClickHouseLogLevel.OFF },
    });
  const asking = connect(database, queryTimeoutMs);
  const writing = connect(database, STATEMENT_MS_MAX);
  // An insert whose answer got lost is repeated as soon as the server has given the first up; its token tells.
  const inserter = connect(database, INSERT_S_MAX * 1000);

  const reading: ClickHouseSettings = {
    max_execution_time: Math.ceil(queryTimeoutMs / 1000),
    output_format_json_quote_64bit_integers: 1,
    // An infinite variance is null; as a quoted text it would be taken for a number.
    output_format_json_quote_denormals: 0,
    cancel_http_readonly_queries_on_client_close: 1,
    // The answer is kept back until it is whole, so that an error is an error and not half an answer.
    wait_end_of_query: 1,
    ...(limits && {
      readonly: '2',
      max_rows_to_read: String(limits.rowsMax),
      max_memory_usage: String(limits.memoryBytesMax),
    }),
    ...(replicated && { load_balancing: 'in_order' }),
  };
  const inserting = (token: string): ClickHouseSettings => ({
    ...ONE_BLOCK,
    insert_deduplication_token: token,
    max_execution_time: INSERT_S_MAX,
    wait_end_of_query: 1,
  });

  async function select<T>(sql: string, params: QueryParams = {}): Promise<T[]> {
    return classed(async () => {
      const result = await asking.query({
        query: sql,
        query_params: { ...params },
        format: 'JSONEachRow',
        clickhouse_settings: reading,
      });
      return result.json<T>();
    });
  }

  async function command(sql: string, params: QueryParams = {}, settings: ClickHouseSettings = {}): Promise<void> {
    await classed(() =>
      writing.command({
        query: sql,
        query_params: { ...params },
        clickhouse_settings: { wait_end_of_query: 1, ...settings },
      }),
    );
  }

  async function insertPieces(insert: string, arrow: ArrowBytes, token: string, again?: InsertedBefore): Promise<void> {
    await classed(async () => {
      const { stream } = await inserter.exec({
        query: `${insert} FORMAT ArrowStream`,
        values: Readable.from(piecesOf(arrow), { objectMode: false }),
        ...(again && { query_params: batchParams(again) }),
        clickhouse_settings: inserting(token),
      });
      await drain(stream);
    });
  }

  /**
   * A server without replicas that is killed may know the token of rows that it has not (deduplication-log.ts). They are
   * put in under tokens of their own, each tried once, so that two who do it at once do it once; no view sees them, since
   * roll-ups took them with the first token.
   */
  async function putMissing(arrow: ArrowBytes, token: string, batch: InsertedBefore): Promise<void> {
    for (let put = 1; ; put++) {
      const rows = await select<{ day: number }>(DAYS_STORED, batchParams(batch));
      const stored = new Set(rows.map(({ day }) => day));
      const missing = batch.days.filter(day => !stored.has(day));
      if (missing.length === 0) return;
      if (put > PUTS_MAX)
        throw new StorageError(
          'lasting',
          0,
          `ClickHouse took the rows of ${missing.join(', ')} and does not have them`,
        );
      await insertPieces(INSERT_MISSING, arrow, `${token}.missing${put}`, batch);
    }
  }

  async function selectServices(where: string, params: QueryParams, limit: number): Promise<ServiceSeen[]> {
    const rows = await select<ServiceText>(
      `SELECT toString(s.address) AS addressText, vrf, proto, port, s.answered = 1 AS hasAnswered,
        toString(toUnixTimestamp64Milli(min(s.firstSeen))) AS first, toString(toUnixTimestamp64Milli(max(s.lastSeen))) AS last
      FROM services AS s WHERE ${where} GROUP BY s.address, vrf, proto, port, s.answered, s.day
      ORDER BY max(s.lastSeen) DESC LIMIT {limit:UInt32}`,
      { ...params, limit },
    );
    return rows.map(({ addressText, hasAnswered, first, last, ...service }) => ({
      ...service,
      address: parseAddress(addressText)!,
      answered: Number(hasAnswered) === 1,
      firstSeenMs: Number(first),
      lastSeenMs: Number(last),
    }));
  }

  return {
    database,
    replicated,
    select,
    command: (sql, params) => command(sql, params),
    insertSelect: (sql, params, token) =>
      command(sql, params, {
        ...inserting(token),
        max_execution_time: STATEMENT_MS_MAX / 1000,
        // Records that waited in a spool may be of any day; a limit here would hold up the pass for ever.
        max_partitions_per_insert_block: '0',
      }),

    async insertArrow(table, arrow, token, again) {
      await insertPieces(again ? INSERT_AGAIN : `INSERT INTO ${table}`, arrow, token, again);
      // With replicas, token and part are one transaction of Keeper.
      if (again && !replicated) await putMissing(arrow, token, again);
    },

    selectArrow: (sql, params = {}) =>
      classed(async () => {
        const { stream } = await writing.exec({
          query: `${sql} FORMAT ArrowStream`,
          query_params: { ...params },
          // apache-arrow reads no compressed record batches.
          clickhouse_settings: { output_format_arrow_compression_method: 'none', wait_end_of_query: 1 },
        });
        const pieces: Buffer[] = [];
        for await (const piece of stream) pieces.push(piece as Buffer);
        return Buffer.concat(pieces);
      }),

    async hasBatch(batch, receivedAtMs) {
      const day = "toStartOfDay(fromUnixTimestamp64Milli({at:Int64}, 'UTC'))";
      const rows = await select(
        `SELECT 1 FROM flows WHERE batch = {batch:UInt64} AND receivedAt >= ${day} AND receivedAt < ${day} + INTERVAL 1 DAY LIMIT 1`,
        { batch, at: Math.floor(receivedAtMs) },
      );
      return rows.length > 0;
    },

    insertNodes: nodes =>
      classed(async () => {
        if (nodes.length === 0) return;
        const values = nodes.map(({ key, name, identity }) => ({ key: String(key), name, identity }));
        await inserter.insert({
          table: 'nodes',
          values,
          format: 'JSONEachRow',
          clickhouse_settings: { async_insert: 0 },
        });
      }),

    insertFacts: facts =>
      classed(async () => {
        if (facts.length === 0) return;
        const values = facts.map(({ exporter, index, receivedAtMs, firstSeenMs, ...fact }) => ({
          ...fact,
          ifIndex: index,
          exporter: exporter.includes(':') ? exporter : `::ffff:${exporter}`,
          firstSeen: dateTimeText(firstSeenMs),
          lastSeen: dateTimeText(receivedAtMs),
        }));
        await inserter.insert({
          table: 'facts',
          values,
          format: 'JSONEachRow',
          clickhouse_settings: { async_insert: 0 },
        });
      }),

    async recentFacts(sinceMs, factsMax) {
      const rows = await select<FactText>(
        `SELECT toString(exporter) AS address, observationDomain, protocol, kind, ifIndex AS index, toString(mac) AS macText, stationId, name, hostId,
          toString(toUnixTimestamp64Milli(firstSeen)) AS first, toString(toUnixTimestamp64Milli(lastSeen)) AS last
        FROM facts FINAL WHERE lastSeen >= fromUnixTimestamp64Milli({since:Int64}) ORDER BY lastSeen DESC LIMIT {limit:UInt32}`,
        { since: Math.floor(sinceMs), limit: factsMax },
      );
      return rows.map(({ address, macText, first, last, ...fact }) => ({
        ...fact,
        exporter: formatAddress(parseAddress(address)!),
        mac: Number(macText),
        firstSeenMs: Number(first),
        receivedAtMs: Number(last),
      }));
    },

    insertServices: services =>
      classed(async () => {
        if (services.length === 0) return;
        const values = services.map(({ address, vrf, proto, port, answered, firstSeenMs, lastSeenMs }) => ({
          address: isMapped4(address) ? `::ffff:${formatAddress(address)}` : formatAddress(address),
          vrf,
          proto,
          port,
          answered: answered ? 1 : 0,
          day: dateTimeText(lastSeenMs).slice(0, 10),
          firstSeen: dateTimeText(firstSeenMs),
          lastSeen: dateTimeText(lastSeenMs),
        }));
        await inserter.insert({
          table: 'services',
          values,
          format: 'JSONEachRow',
          clickhouse_settings: { async_insert: 0 },
        });
      }),

    recordedServices: (withinS, servicesMax) =>
      selectServices('s.storedAt >= now64(3) - toIntervalSecond({within:UInt32})', { within: withinS }, servicesMax),

    servicesSeen: (fromMs, toMs, servicesMax) =>
      selectServices(
        's.lastSeen >= fromUnixTimestamp64Milli({from:Int64}) AND s.firstSeen <= fromUnixTimestamp64Milli({to:Int64})',
        { from: Math.floor(fromMs), to: Math.floor(toMs) },
        servicesMax,
      ),

    async insertDocument({ kind, recordedAtMs, asOfMs, source, body }: DocumentVersion) {
      const [newest] = await select<{ hash: string }>(
        `SELECT lower(hex(SHA256(body))) AS hash FROM documents
        WHERE kind = {kind:String} AND (kind != 'inventory' OR source = {source:String}) ORDER BY recordedAt DESC LIMIT 1`,
        { kind, source },
      );
      if (newest?.hash === createHash('sha256').update(body).digest('hex')) return;
      const values = [{ kind, recordedAt: dateTimeText(recordedAtMs), asOf: dateTimeText(asOfMs), source, body }];
      await classed(() =>
        inserter.insert({
          table: 'documents',
          values,
          format: 'JSONEachRow',
          clickhouse_settings: { async_insert: 0 },
        }),
      );
    },

    insertHeartbeat: ({ kind, source, asOfMs, recordedAtMs }) =>
      classed(async () => {
        const values = [{ kind, source, asOf: dateTimeText(asOfMs), recordedAt: dateTimeText(recordedAtMs) }];
        await inserter.insert({
          table: 'heartbeats',
          values,
          format: 'JSONEachRow',
          clickhouse_settings: { async_insert: 0 },
        });
      }),

    insertEvents: events =>
      classed(async () => {
        if (events.length === 0) return;
        await inserter.insert({
          table: 'events',
          values: events.map(eventRow),
          format: 'JSONEachRow',
          clickhouse_settings: { async_insert: 0 },
        });
      }),

    async ping() {
      await select('SELECT 1');
    },

    async serverVersion() {
      // Asked before the database is there, so in one that always is.
      const client = connect('system', queryTimeoutMs);
      return classed(async () => {
        const result = await client.query({ query: 'SELECT version() AS version', format: 'JSONEachRow' });
        const [row] = await result.json<{ version: string }>();
        return row?.version ?? '';
      }).finally(() => client.close());
    },

    async createDatabase(everywhere = '') {
      const client = connect('system', STATEMENT_MS_MAX);
      await classed(() =>
        client.command({ query: `CREATE DATABASE IF NOT EXISTS ${database}${everywhere} ENGINE = Atomic` }),
      ).finally(() => client.close());
    },

    async close() {
      await Promise.all([asking.close(), writing.close(), inserter.close()]);
    },
  };
}

/** Where rows are: one client a shard. Statements that work on tables of rows go to each of them. */
export function shardsOf(storage: ClickHouse): readonly [ClickHouse, ...ClickHouse[]] {
  const [first, ...others] = storage.shards ?? [];
  return first ? [first, ...others] : [storage];
}

const FLOWS = TABLES.find(({ name }) => name === 'flows')!.columns.filter(({ name }) => name !== 'storedAt');
const FLOW_NAMES = FLOWS.map(({ name }) => name).join(', ');
const FLOW_STRUCTURE = FLOWS.map(({ name, type }) => `${name} ${type}`)
  .join(', ')
  .replaceAll("'", "\\'");
const INPUT = `input('${FLOW_STRUCTURE}')`;
const OF_BATCH = `batch = {batch:UInt64} AND receivedAt >= {from:DateTime64(3, 'UTC')} AND receivedAt <= {to:DateTime64(3, 'UTC')}`;
const DAYS_STORED = `SELECT DISTINCT toYYYYMMDD(receivedAt) AS day FROM flows WHERE ${OF_BATCH}`;
/**
 * Where a day has been re-enriched with rows of this batch, its roll-ups were made from all of them and know nothing of
 * the batch's token: a repetition that the first try left without its roll-ups would be counted twice. That is looked up
 * in the statement itself, so that the fence (fence.ts) waits for look-up and insert together.
 */
const INSERT_AGAIN = `INSERT INTO flows (${FLOW_NAMES}) SELECT ${FLOW_NAMES} FROM ${INPUT}
  WHERE toYYYYMMDD(receivedAt) NOT IN (${DAYS_STORED} AND revision > 0)`;
/** Marked, so that no view takes them. */
const INSERT_MISSING = `INSERT INTO flows (${FLOW_NAMES}) SELECT ${FLOW_NAMES.replace(/\bmarks\b/, `bitOr(marks, ${MARKS.restored}) AS marks`)} FROM ${INPUT}
  WHERE toYYYYMMDD(receivedAt) NOT IN (${DAYS_STORED})`;
/** One is enough, unless the server is killed at the same point again. */
const PUTS_MAX = 3;

function batchParams({ batch, fromMs, toMs }: InsertedBefore) {
  return { batch, from: dateTimeText(fromMs), to: dateTimeText(toMs) };
}

type FactText = Omit<StoredFact, 'exporter' | 'mac' | 'firstSeenMs' | 'receivedAtMs'> &
  Readonly<Record<'address' | 'macText' | 'first' | 'last', string>>;

function eventRow({ atMs, lastSeenMs, detectedAtMs, confirmedAtMs, ...event }: NoticedEvent) {
  return {
    ...event,
    at: dateTimeText(atMs),
    lastSeen: dateTimeText(lastSeenMs),
    detectedAt: dateTimeText(detectedAtMs),
    confirmedAt: dateTimeText(confirmedAtMs),
    vm: String(event.vm),
    fromHost: String(event.fromHost),
    toHost: String(event.toHost),
    fromExporter: mapped(event.fromExporter),
    toExporter: mapped(event.toExporter),
  };
}

/** As an IPv6 column reads it. */
function mapped(address: string): string {
  return address.includes(':') ? address : `::ffff:${address}`;
}
type ServiceText = Pick<ServiceSeen, 'vrf' | 'proto' | 'port'> & {
  readonly addressText: string;
  readonly hasAnswered: number | boolean;
  readonly first: string;
  readonly last: string;
};

/** `2026-01-31 12:00:00.000`, which a DateTime64(3, 'UTC') column reads. */
function dateTimeText(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').slice(0, -1);
}

async function classed<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw storageErrorOf(error);
  }
}

/** An unread response would keep its connection. */
async function drain(stream: Readable): Promise<void> {
  stream.resume();
  for await (const _ of stream) {
    // Nothing comes: an insert answers with headers alone.
  }
}
