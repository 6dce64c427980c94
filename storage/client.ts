// The client of one ClickHouse server. This module and failures.ts are the only ones that know the client library; the
// embedded server and one by URL take the same path.
//
// What makes an insert exactly-once is here: the token, one block per insert (also in the views behind the table), one
// thread so that a repetition makes the same blocks, and a time limit after which an insert can no longer appear.

import { Readable } from 'node:stream';
import { type ClickHouseClient, ClickHouseLogLevel, type ClickHouseSettings, createClient } from '@clickhouse/client';
import { piecesOf } from '../schemas/arrow.ts';
import { storageErrorOf } from './failures.ts';
import type { ArrowInsert, QueryParams, ReadFigures, RowInsert, SelectOptions, Storage } from './storage.ts';

/** An insert takes no longer. The scheduled roll-up reads a minute only when every insert that began in it has ended. */
export const INSERT_S_MAX = 30;

const STATEMENT_MS_MAX = 300_000;
const CONNECTIONS_MAX = 16;
/** Reached by no block: nothing is split or joined on its way into a table or through a view. */
const BLOCK_ROWS_NEVER = 2 ** 31;
const BLOCK_BYTES_NEVER = 2 ** 40;

/** Pinned for everything that is inserted with a token: another block or thread count would make other blocks. */
const ONE_BLOCK: ClickHouseSettings = {
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
  /** For queries of users; without limits a query may use what the server allows. */
  readonly limits?: ReadLimits;
  /** Tables have replicas (form `cluster`). One replica is queried as long as it answers, since others may be behind it. */
  readonly replicated?: boolean;
}

/** The server ends a query that needs more. Each query is sent with `readonly`, so that it changes nothing. */
export interface ReadLimits {
  /** Rows read, over all tables of the query. */
  readonly rowsMax: number;
  readonly memoryBytesMax: number;
}

/** A client of one database, with its connections. */
export interface ClickHouse extends Storage {
  readonly database: string;
  readonly shards: readonly ClickHouse[];
  /** A client of another database of the same server, to be closed by the caller. */
  connect(database: string): ClickHouse;
  close(): Promise<void>;
}

export function createStorage(options: StorageOptions): ClickHouse {
  return new Server(options);
}

class Server implements ClickHouse {
  readonly database: string;
  readonly replicated: boolean;
  readonly shards: readonly ClickHouse[] = [];
  readonly #options: StorageOptions;
  readonly #reader: ClickHouseClient;
  readonly #writer: ClickHouseClient;
  readonly #inserter: ClickHouseClient;
  readonly #readSettings: ClickHouseSettings;

  constructor(options: StorageOptions) {
    this.#options = options;
    this.database = options.database;
    this.replicated = options.replicated ?? false;
    this.#reader = connectionsOf(options, options.queryTimeoutMs);
    this.#writer = connectionsOf(options, STATEMENT_MS_MAX);
    // An insert whose answer was lost is repeated as soon as the server has ended the first one; its token identifies it.
    this.#inserter = connectionsOf(options, INSERT_S_MAX * 1000);
    this.#readSettings = readSettingsOf(options);
  }

  select<T>(sql: string, params: QueryParams = {}, { signal, onRead }: SelectOptions = {}): Promise<T[]> {
    return classed(async () => {
      // The connection closes when the signal is aborted. With `cancel_http_readonly_queries_on_client_close` that ends a
      // query, but only one that is sent as read-only.
      const result = await this.#reader.query({
        query: sql,
        query_params: { ...params },
        format: 'JSONEachRow',
        clickhouse_settings: { ...this.#readSettings, ...(signal && { readonly: '2' }) },
        ...(signal && { abort_signal: signal }),
      });
      onRead?.(readFigures(result.response_headers['x-clickhouse-summary']));
      return result.json<T>();
    });
  }

  selectArrow(sql: string, params: QueryParams = {}): Promise<Uint8Array> {
    return classed(async () => {
      const { stream } = await this.#writer.exec({
        query: `${sql} FORMAT ArrowStream`,
        query_params: { ...params },
        // apache-arrow reads no compressed record batches.
        clickhouse_settings: { output_format_arrow_compression_method: 'none', wait_end_of_query: 1 },
      });
      const pieces: Buffer[] = [];
      for await (const piece of stream) pieces.push(piece as Buffer);
      return Buffer.concat(pieces);
    });
  }

  async command(sql: string, params: QueryParams = {}, token?: string): Promise<void> {
    const once = token === undefined ? {} : { ...insertSettingsOf(token), ...LONG_INSERT };
    await classed(() =>
      this.#writer.command({
        query: sql,
        query_params: { ...params },
        clickhouse_settings: { wait_end_of_query: 1, ...once },
      }),
    );
  }

  async insert(insert: RowInsert | ArrowInsert): Promise<void> {
    await classed(() => ('rows' in insert ? this.#insertRows(insert) : this.#insertArrow(insert)));
  }

  async #insertRows({ table, rows }: RowInsert): Promise<void> {
    if (rows.length === 0) return;
    await this.#inserter.insert({
      table,
      values: rows,
      format: 'JSONEachRow',
      clickhouse_settings: { async_insert: 0 },
    });
  }

  async #insertArrow({ into, params, arrow, token }: ArrowInsert): Promise<void> {
    const { stream } = await this.#inserter.exec({
      query: `${into} FORMAT ArrowStream`,
      values: Readable.from(piecesOf(arrow), { objectMode: false }),
      ...(params && { query_params: { ...params } }),
      clickhouse_settings: insertSettingsOf(token),
    });
    await drain(stream);
  }

  connect(database: string): ClickHouse {
    return new Server({ ...this.#options, database });
  }

  async close(): Promise<void> {
    await Promise.all([this.#reader.close(), this.#writer.close(), this.#inserter.close()]);
  }
}

function connectionsOf({ url, user, password, database }: StorageOptions, timeoutMs: number): ClickHouseClient {
  return createClient({
    url,
    username: user,
    password,
    database,
    application: 'hairpin',
    request_timeout: timeoutMs + 5000,
    max_open_connections: CONNECTIONS_MAX,
    // Thousands of node keys do not fit a URL.
    use_multipart_params_auto: true,
    // Errors are thrown, and the caller reports them.
    log: { level: ClickHouseLogLevel.OFF },
  });
}

/**
 * Rewrites of a statement that gain nothing here, each of which hashes large parts of the statement again and again: without
 * them a question about a small window takes a third less (issue 80730 of ClickHouse).
 */
const WITHOUT_REWRITES: ClickHouseSettings = {
  optimize_aggregators_of_group_by_keys: 0,
  optimize_arithmetic_operations_in_aggregate_functions: 0,
  optimize_group_by_function_keys: 0,
  optimize_injective_functions_in_group_by: 0,
  optimize_rewrite_aggregate_function_with_if: 0,
};

function readSettingsOf({ queryTimeoutMs, limits, replicated }: StorageOptions): ClickHouseSettings {
  return {
    ...WITHOUT_REWRITES,
    max_execution_time: Math.ceil(queryTimeoutMs / 1000),
    output_format_json_quote_64bit_integers: 1,
    // An infinite variance is null; as a quoted text it would be taken for a number.
    output_format_json_quote_denormals: 0,
    cancel_http_readonly_queries_on_client_close: 1,
    // The server sends the answer when it is whole, so that an error is an error and not half an answer.
    wait_end_of_query: 1,
    ...(limits && {
      readonly: '2',
      max_rows_to_read: String(limits.rowsMax),
      max_memory_usage: String(limits.memoryBytesMax),
    }),
    ...(replicated && { load_balancing: 'in_order' }),
  };
}

/** Of the header that the server sends with an answer that is whole (`wait_end_of_query`). */
function readFigures(summary: string | string[] | undefined): ReadFigures {
  const { read_rows, read_bytes } = JSON.parse(String(summary ?? '{}')) as Record<string, string | undefined>;
  return { rows: Number(read_rows ?? 0), bytes: Number(read_bytes ?? 0) };
}

function insertSettingsOf(token: string): ClickHouseSettings {
  return {
    ...ONE_BLOCK,
    insert_deduplication_token: token,
    max_execution_time: INSERT_S_MAX,
    wait_end_of_query: 1,
  };
}

/** For INSERT ... SELECT. */
const LONG_INSERT: ClickHouseSettings = {
  max_execution_time: STATEMENT_MS_MAX / 1000,
  // Records that waited in a spool may be of any day; a limit here would block the scheduled roll-up for ever.
  max_partitions_per_insert_block: '0',
};

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
    // An insert answers with headers alone.
  }
}
