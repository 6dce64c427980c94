// p95 and maximum of links need every five minutes of every pair, which stay in ClickHouse: it gets the paths instead. Each
// pair takes a path, and each path has a share in some series; pairs of one path are summed before they are shared out.

import { type PlanStatement, type RankRow, SERIES_SQL } from '../../schemas/planning.ts';

/** Pairs sent along; series of more pairs have no ranks. Measured: 100,000 pairs are 3 MB and 0.4 s. */
const ASSIGNED_MAX = 200_000;
/** ClickHouse takes no longer values of parameters than 128 KiB (http_max_field_value_size). */
const CHUNK = 4000;

/** Assigns pairs to series in shares. */
export class SeriesPaths {
  readonly #pairsMax: number;
  /** By pair: shares by series. */
  readonly #shares = new Map<string, [series: number, share: number][]>();

  constructor(pairsMax = ASSIGNED_MAX) {
    this.#pairsMax = pairsMax;
  }

  /** False where there would be too many pairs; nothing is assigned then. */
  add(series: number, pairs: ReadonlyMap<string, number>): boolean {
    let added = 0;
    for (const pair of pairs.keys()) if (!this.#shares.has(pair)) added++;
    if (this.#shares.size + added > this.#pairsMax) return false;
    for (const [pair, share] of pairs) {
      const known = this.#shares.get(pair);
      if (known) known.push([series, share]);
      else this.#shares.set(pair, [[series, share]]);
    }
    return true;
  }

  get size(): number {
    return this.#shares.size;
  }

  /** The statement with the relations `placed` (pair, path) and `paths` (path, series, share) as parameters. */
  statement({ sql, params }: PlanStatement): PlanStatement {
    const numbers = new Map<string, number>();
    const paths: (readonly [path: number, series: number, share: number])[] = [];
    const [pairs, pathOf]: [string[], number[]] = [[], []];
    for (const [pair, shares] of this.#shares) {
      const name = shares.join(';');
      let path = numbers.get(name);
      if (path === undefined) {
        path = numbers.size;
        numbers.set(name, path);
        for (const [series, share] of shares) paths.push([path, series, share]);
      }
      pairs.push(pair);
      pathOf.push(path);
    }
    const bound: Record<string, unknown> = {};
    const column = (name: string, type: string, values: readonly unknown[]) => {
      const chunks = Array.from({ length: Math.max(1, Math.ceil(values.length / CHUNK)) }, (_, i) => {
        bound[`${name}${i}`] = values.slice(i * CHUNK, (i + 1) * CHUNK);
        return `{${name}${i}:Array(${type})}`;
      });
      return `arrayConcat(${chunks.join(', ')})`;
    };
    const relations = `placed AS (
  SELECT one.1 AS pair, one.2 AS path
  FROM (SELECT arrayJoin(arrayZip(${column('pair', 'UInt64', pairs.map(BigInt))}, ${column('pathOf', 'UInt32', pathOf)})) AS one)
), paths AS (
  SELECT one.1 AS path, one.2 AS series, one.3 AS share
  FROM (SELECT arrayJoin(arrayZip(${column(
    'path',
    'UInt32',
    paths.map(([path]) => path),
  )}, ${column(
    'series',
    'UInt32',
    paths.map(([, series]) => series),
  )}, ${column(
    'share',
    'Float64',
    paths.map(([, , share]) => share),
  )})) AS one)
)`;
    return { sql: sql.replace(SERIES_SQL, () => relations), params: { ...params, ...bound } };
  }
}

export function rankedBySeries(rows: readonly RankRow[]): ReadonlyMap<number, Omit<RankRow, 'series'>> {
  return new Map(rows.map(({ series, ...ranked }) => [Number(series), ranked]));
}
