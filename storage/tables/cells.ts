// The roll-up of elected traffic by pair of applications in buckets of five minutes: what percentiles are ranked from beyond
// the reach of traffic_5m. A view fills it. Without services, sides and localities, and sorted by cell, a bucket of a cell
// takes a few bytes, so it is kept for years (docs/decisions/0017-percentiles-of-a-year.md).
//
// A database that an earlier version began has records that this table lacks. It holds whole days from the day after the
// migration on that made it; what re-enrichment puts into it of earlier days is left out of account.

import { DAY_S, dayStartS } from '../days.ts';
import type { Storage } from '../storage.ts';
import { type Coarser, rollupTable } from './rollup.ts';
import type { Retention, Table } from './table.ts';

export const CELL_KEYS = ['srcApp', 'dstApp'] as const;
/** The migration that made the table; the first one made all others. */
export const CELLS_MIGRATION = 13;
/** Migrations of a new database follow each other at once. */
const AT_ONCE_S = 600;

/** Thirteen months of the 800 days that hours are kept. */
const CELL_DAYS = ({ rollupRetentionDays }: Retention) => Math.max(1, Math.floor(rollupRetentionDays / 2));

/** What neighbouring rows of a cell have nearly in common. */
const CODECS: Readonly<Record<string, string>> = {
  bucket: 'CODEC(DoubleDelta, ZSTD(1))',
  varBytes: 'CODEC(ZSTD(1))',
  srcApp: 'CODEC(ZSTD(1))',
  dstApp: 'CODEC(ZSTD(1))',
};

const { columns, ...like } = rollupTable('cells_5m', CELL_KEYS, CELL_DAYS);
export const CELLS_5M: Table = {
  ...like,
  columns: columns.map(given => ({
    ...given,
    definition: `${given.definition} ${CODECS[given.name] ?? 'CODEC(T64, ZSTD(1))'}`,
  })),
  order: '(srcApp, dstApp, bucket, day, largestBytes, largestPackets)',
  primaryKey: '(srcApp, dstApp, bucket)',
};

export const COARSER_CELLS: readonly Coarser[] = [
  { from: 'traffic_1m', to: 'cells_5m', stepSeconds: 300, keys: CELL_KEYS },
];

/** The start of the first day that the table has whole, in seconds since the epoch; 0 where it is as old as the others. */
export const CELLS_SINCE_SQL = `SELECT toUInt32(if(made > first + ${AT_ONCE_S}, toUnixTimestamp(toStartOfDay(made)) + ${DAY_S}, 0)) AS cellsSince
  FROM (SELECT toDateTime(minIf(at, id = 1)) AS first, toDateTime(minIf(at, id = ${CELLS_MIGRATION})) AS made FROM migrations)`;

/** Whether the records of a day of receipt are all in the table. */
export async function hasCellsOf(storage: Storage, day: number): Promise<boolean> {
  const [row] = await storage.select<{ cellsSince: number }>(CELLS_SINCE_SQL);
  return (row?.cellsSince ?? 0) <= dayStartS(day);
}
