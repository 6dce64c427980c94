// ClickHouse as one request sees it. Every statement of a question passes here, so this is the one place that ends them all
// when the client has gone, refuses what would read too much before it runs, and keeps what each has read.

import type { ArrowInsert, QueryParams, RowInsert, SelectOptions, Storage } from '../../storage/storage.ts';
import { TABLES } from '../../storage/tables/all.ts';
import type { ReadLimit, Remedies } from './read-limit.ts';
import type { RecentSelects } from './recent-selects.ts';

interface RequestStorageOptions {
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
  readonly limit: ReadLimit;
  readonly remedies: Remedies;
  readonly recent: RecentSelects;
}

/** A statement that has run. */
export interface StatementReport {
  readonly sql: string;
  /** Values of its parameters as text, each at most PARAMETER_LENGTH_MAX characters. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Tables that it names. */
  readonly tables: readonly string[];
  readonly rowsRead: number;
  readonly bytesRead: number;
  readonly elapsedMs: number;
}

interface Ran {
  readonly sql: string;
  readonly params: QueryParams;
  readonly read: { readonly rows: number; readonly bytes: number };
  readonly elapsedMs: number;
}

/** A filter may name thousands of nodes. */
const PARAMETER_LENGTH_MAX = 200;
/** Statements kept for `explain`; a question that repeats while a roll-up runs has fewer. */
const REPORTS_MAX = 200;

export class RequestStorage implements Storage {
  readonly #inner: Storage;
  readonly #options: RequestStorageOptions;
  readonly #ran: Ran[] = [];

  constructor(inner: Storage, options: RequestStorageOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  /** In the order in which they ended. */
  get reports(): readonly StatementReport[] {
    return this.#ran.map(({ sql, params, read, elapsedMs }) => ({
      sql,
      parameters: Object.fromEntries(Object.entries(params).map(([name, value]) => [name, shown(value)])),
      tables: TABLES.map(({ name }) => name).filter(name => new RegExp(`\\b${name}\\b`).test(sql)),
      rowsRead: read.rows,
      bytesRead: read.bytes,
      elapsedMs: Math.round(elapsedMs * 10) / 10,
    }));
  }

  get replicated(): boolean {
    return this.#inner.replicated;
  }

  get shards(): readonly Storage[] {
    return this.#inner.shards;
  }

  async select<T>(sql: string, params: QueryParams = {}, options: SelectOptions = {}): Promise<T[]> {
    const { signal, limit, remedies, recent } = this.#options;
    const { mayBeOldMs } = options;
    // Others may wait for it too: it goes on when this client has gone.
    if (mayBeOldMs !== undefined)
      return recent.select({ sql, params }, mayBeOldMs, () => this.#run<T>(sql, params, options));
    if (!options.unestimated) await limit.refuseBeforeItRuns({ sql, params }, remedies, signal);
    return this.#run<T>(sql, params, { ...options, signal });
  }

  async #run<T>(sql: string, params: QueryParams, options: SelectOptions): Promise<T[]> {
    const started = performance.now();
    const read = { rows: 0, bytes: 0 };
    const rows = await this.#inner.select<T>(sql, params, {
      ...options,
      onRead: figures => Object.assign(read, figures),
    });
    if (this.#ran.length < REPORTS_MAX) this.#ran.push({ sql, params, read, elapsedMs: performance.now() - started });
    return rows;
  }

  selectArrow(sql: string, params?: QueryParams): Promise<Uint8Array> {
    return this.#inner.selectArrow(sql, params);
  }

  command(sql: string, params?: QueryParams, token?: string): Promise<void> {
    return this.#inner.command(sql, params, token);
  }

  insert(insert: RowInsert | ArrowInsert): Promise<void> {
    return this.#inner.insert(insert);
  }
}

function shown(value: unknown): string {
  const text = String(value);
  return text.length > PARAMETER_LENGTH_MAX ? `${text.slice(0, PARAMETER_LENGTH_MAX)}...` : text;
}
