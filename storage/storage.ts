// ClickHouse as the services see it: four statements, from which everything else is built once, in tables/, rollup/ and
// rewrite/. Each form of the client (client.ts, sharded.ts, retrying.ts) implements these four, so the compiler finds a
// form that lacks one. client.ts and failures.ts are the only modules that know the client library.

import type { ArrowBytes } from '../schemas/arrow.ts';

/** `transient`: try again later (server away, overloaded, out of memory). `permanent`: this batch can never be stored. */
export type FailureClass = 'transient' | 'permanent';

export class StorageError extends Error {
  readonly failure: FailureClass;
  /** ClickHouse error code, 0 when the server did not answer. */
  readonly clickhouseCode: number;
  constructor(failure: FailureClass, clickhouseCode: number, message: string, cause?: unknown) {
    super(message, { cause });
    this.failure = failure;
    this.clickhouseCode = clickhouseCode;
  }
}

export type QueryParams = Readonly<Record<string, unknown>>;

/** Rows of a table that keeps one of equal rows, so that it is harmless to repeat the insert. */
export interface RowInsert {
  readonly table: string;
  readonly rows: readonly object[];
}

/** An Arrow stream, which becomes one block and is stored once for its token. */
export interface ArrowInsert {
  /** The statement up to its FORMAT: `INSERT INTO flows`. */
  readonly into: string;
  readonly params?: QueryParams;
  readonly arrow: ArrowBytes;
  readonly token: string;
}

/** What a statement has read, as the server reports it. */
export interface ReadFigures {
  readonly rows: number;
  readonly bytes: number;
}

export interface SelectOptions {
  /** The server ends the statement when this is aborted. */
  readonly signal?: AbortSignal;
  /** Called before the rows are returned. */
  readonly onRead?: (figures: ReadFigures) => void;
  /**
   * What it reads is not estimated before it runs: it stops once it has the rows of its LIMIT, or its subqueries would run for
   * the estimate.
   */
  readonly unestimated?: boolean;
  /** Rows of the same statement may be taken that another request asked for so long ago (query-api/questions/recent-selects.ts). */
  readonly mayBeOldMs?: number;
}

/** Every method throws StorageError. */
export interface Storage {
  /** Rows of a SELECT with bound parameters ({name:Type}), as objects; 64-bit integers come as strings. */
  select<T>(sql: string, params?: QueryParams, options?: SelectOptions): Promise<T[]>;
  /** The rows of a SELECT as one Arrow stream, held in memory whole. */
  selectArrow(sql: string, params?: QueryParams): Promise<Uint8Array>;
  /** A statement without a result. With a token it is an INSERT ... SELECT, which takes effect once for the token. */
  command(sql: string, params?: QueryParams, token?: string): Promise<void>;
  insert(insert: RowInsert | ArrowInsert): Promise<void>;
  /** Tables have replicas (form `cluster`). */
  readonly replicated: boolean;
  /** A client for each database that holds a shard of the rows (sharded.ts); none where this client's database holds all. */
  readonly shards: readonly Storage[];
}

/** Where rows are stored: one client a shard. Statements that work on tables of rows go to each of them. */
export function shardsOf(storage: Storage): readonly [Storage, ...Storage[]] {
  const [first, ...others] = storage.shards;
  return first ? [first, ...others] : [storage];
}

/** Where the small tables are stored: everything that does not arrive in batches. */
export function homeOf(storage: Storage): Storage {
  return shardsOf(storage)[0];
}

/** Throws unless every server answers. */
export async function ping(storage: Storage): Promise<void> {
  await Promise.all([storage, ...storage.shards].map(client => client.select('SELECT 1')));
}
