// Statements that requests have in common: what a question must know of the tables before it reads them (sql/history.ts). To plan
// one costs ClickHouse more than to run it, and a dashboard asks a dozen questions at once. Each states how old its rows may
// be; requests at the same time share one.

import type { Statement } from '../sql/tables.ts';

/** Each has few rows; windows differ, so the oldest go. */
export const RECENT_MAX = 500;

interface Asked {
  readonly atMs: number;
  readonly rows: Promise<unknown[]>;
}

export class RecentSelects {
  readonly #asked = new Map<string, Asked>();
  readonly #ageMsMax: number;

  /** `ageMsMax`: no rows are older, whatever a statement allows. */
  constructor(ageMsMax = Number.POSITIVE_INFINITY) {
    this.#ageMsMax = ageMsMax;
  }

  get size(): number {
    return this.#asked.size;
  }

  select<T>({ sql, params }: Statement, mayBeOldMs: number, run: () => Promise<T[]>): Promise<T[]> {
    const key = JSON.stringify([sql, params]);
    const now = performance.now();
    const known = this.#asked.get(key);
    if (known && now - known.atMs < Math.min(mayBeOldMs, this.#ageMsMax)) return known.rows as Promise<T[]>;
    const rows = run();
    // The newest is the last one.
    this.#asked.delete(key);
    this.#asked.set(key, { atMs: now, rows });
    if (this.#asked.size > RECENT_MAX) this.#asked.delete(this.#asked.keys().next().value!);
    rows.catch(() => {
      if (this.#asked.get(key)?.rows === rows) this.#asked.delete(key);
    });
    return rows;
  }
}
