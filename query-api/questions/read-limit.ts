// Refuses a statement that would read too much before it runs. ClickHouse estimates its rows from the primary index
// (EXPLAIN ESTIMATE), which costs some ten milliseconds; so it is asked only where the tables that the statement names
// could hold more than the limit at all. Where they are on several servers their sizes are not known here, and the
// limit that goes with every statement (storage/client.ts) ends it while it runs.

import { type Storage, StorageError } from '../../storage/storage.ts';
import { HttpProblem } from '../http/problem.ts';
import type { Statement } from '../sql/tables.ts';

export interface Estimate {
  readonly rows: number;
  readonly tables: readonly string[];
}

/** What would make a request small enough, each a sentence's part. */
export type Remedies = (estimate: Estimate, rowsMax: number) => readonly string[];

/** A table grows by less than the limit meanwhile. */
const SIZES_MS_MAX = 30_000;

const SIZES_SQL =
  'SELECT name, total_rows AS total FROM system.tables WHERE database = currentDatabase() AND total_rows > 0';

interface EstimateRow {
  readonly table: string;
  readonly rows: string;
}

export class ReadLimit {
  readonly #storage: Storage;
  readonly #rowsMax: number;
  #sizes: Promise<ReadonlyMap<string, number>> | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(storage: Storage, rowsMax: number) {
    this.#storage = storage;
    this.#rowsMax = rowsMax;
  }

  /** Throws the problem that names the rows, the limit and the remedies. */
  async refuseBeforeItRuns(statement: Statement, remedies: Remedies, signal: AbortSignal): Promise<void> {
    if (!(await this.#mayExceed(statement.sql))) return;
    const estimate = await this.#estimate(statement, signal);
    if (estimate && estimate.rows > this.#rowsMax) throw tooLarge(estimate, this.#rowsMax, remedies);
  }

  async #mayExceed(sql: string): Promise<boolean> {
    const sizes = await this.#sizesNow();
    let rows = 0;
    for (const [name, size] of sizes) rows += size * (sql.split(new RegExp(`\\b${name}\\b`)).length - 1);
    return rows > this.#rowsMax;
  }

  #sizesNow(): Promise<ReadonlyMap<string, number>> {
    const now = performance.now();
    if (this.#sizes && now - this.#readAtMs < SIZES_MS_MAX) return this.#sizes;
    this.#readAtMs = now;
    const sizes = this.#storage
      .select<{ name: string; total: string }>(SIZES_SQL)
      .then(rows => new Map(rows.map(({ name, total }) => [name, Number(total)])));
    this.#sizes = sizes;
    sizes.catch(() => {
      this.#sizes = undefined;
    });
    return sizes;
  }

  /** Undefined where the server cannot say; the limit of the statement itself holds then. */
  async #estimate({ sql, params }: Statement, signal: AbortSignal): Promise<Estimate | undefined> {
    try {
      // Of the estimate itself, so that it is a number and not the error of the limit.
      const explained = `EXPLAIN ESTIMATE ${sql} SETTINGS max_rows_to_read = 0`;
      const found = await this.#storage.select<EstimateRow>(explained, params, { signal });
      return { rows: found.reduce((sum, { rows }) => sum + Number(rows), 0), tables: found.map(({ table }) => table) };
    } catch (error) {
      if (error instanceof StorageError && error.failure === 'permanent') return undefined;
      throw error;
    }
  }
}

export function tooLarge(estimate: Estimate, rowsMax: number, remedies: Remedies): HttpProblem {
  const ways = remedies(estimate, rowsMax);
  const detail = `the request would read about ${estimate.rows} rows of ${[...new Set(estimate.tables)].join(' and ')}, and at most ${rowsMax} are allowed; ${ways.join('; or ')}`;
  return new HttpProblem(422, 'question-too-large', detail, {
    reads: { rows: estimate.rows, rowsMax },
    remedies: [...ways],
  });
}
