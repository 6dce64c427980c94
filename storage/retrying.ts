// A client that tries again what fails because ClickHouse is away or busy, for work whose every statement may be repeated.

import { retry } from '../service/retry.ts';
import type { ClickHouse } from './client.ts';
import { type ArrowInsert, type QueryParams, type RowInsert, type SelectOptions, StorageError } from './storage.ts';

/** How long a statement is tried; then its failure is thrown. */
const RETRY_MS_MAX = 60_000;
const PAUSES = { pauseMsMin: 500, pauseMsMax: 500 };
/** UNKNOWN_TABLE: another process has taken over, or a rename succeeded and its answer was lost. A retry changes neither. */
const UNKNOWN_TABLE = 60;

export class RetryingStorage implements ClickHouse {
  readonly #inner: ClickHouse;
  readonly shards: readonly ClickHouse[];

  constructor(inner: ClickHouse) {
    this.#inner = inner;
    this.shards = inner.shards.map(shard => new RetryingStorage(shard));
  }

  get database(): string {
    return this.#inner.database;
  }

  get replicated(): boolean {
    return this.#inner.replicated;
  }

  select<T>(sql: string, params?: QueryParams, options?: SelectOptions): Promise<T[]> {
    return patiently(() => this.#inner.select<T>(sql, params, options));
  }

  selectArrow(sql: string, params?: QueryParams): Promise<Uint8Array> {
    return patiently(() => this.#inner.selectArrow(sql, params));
  }

  command(sql: string, params?: QueryParams, token?: string): Promise<void> {
    return patiently(() => this.#inner.command(sql, params, token));
  }

  insert(insert: RowInsert | ArrowInsert): Promise<void> {
    return patiently(() => this.#inner.insert(insert));
  }

  connect(database: string): ClickHouse {
    return new RetryingStorage(this.#inner.connect(database));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + RETRY_MS_MAX;
  const onFailure = (error: unknown) => {
    if (!isWorthRetrying(error) || performance.now() > deadline) throw error;
  };
  return retry(attempt, { pauses: PAUSES, onFailure });
}

function isWorthRetrying(error: unknown): boolean {
  return error instanceof StorageError && error.failure === 'transient' && error.clickhouseCode !== UNKNOWN_TABLE;
}
