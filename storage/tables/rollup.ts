// What roll-ups have in common: a day, a bucket, keys and sums.

import { type Column, clickhouseType } from '../../schemas/columns.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { ADDED_KEYS, FIGURES, LARGEST, SUMS } from './spread.ts';
import { column, DATETIME, DEDUPLICATED, type Table } from './table.ts';

/** Keys have the type they have in the records; `following` are columns that follow from the keys. */
export function rollupTable(
  name: string,
  keys: readonly string[],
  days: NonNullable<Table['expiry']>['days'],
  following: readonly string[] = [],
): Table {
  const first = keys.filter(key => !isAdded(key));
  const added = keys.filter(isAdded);
  const typeOf = new Map((FLOW_COLUMNS as readonly Column[]).map(given => [given.name, clickhouseType(given)]));
  return {
    name,
    columns: [
      column('day', 'UInt32'),
      column('bucket', DATETIME),
      ...[...keys, ...following].map(key => column(key, typeOf.get(key) ?? 'UInt64')),
      ...SUMS.map(sum => column(sum, sum === 'varBytes' ? 'Float64' : 'UInt64')),
      ...LARGEST.map(name => column(name, 'UInt64')),
    ],
    engine: `SummingMergeTree((${SUMS.join(', ')}))`,
    partition: 'day',
    order: `(${['bucket', ...first, 'day', ...LARGEST, ...added].join(', ')})`,
    primaryKey: `(bucket, ${first.join(', ')}, day)`,
    expiry: { column: 'bucket', days },
    settings: DEDUPLICATED,
  };
}

function isAdded(key: string): boolean {
  return (ADDED_KEYS as readonly string[]).includes(key);
}

/** `INSERT INTO pairs_5m (...)`: an INSERT ... SELECT goes by position, so the columns are named. */
export function insertRollupSql(table: string, keys: readonly string[]): string {
  return `INSERT INTO ${table} (${['day', 'bucket', ...keys, ...FIGURES].join(', ')})`;
}

/** A roll-up that a view fills from one of finer buckets. */
export interface Coarser {
  readonly from: string;
  readonly to: string;
  readonly stepSeconds: number;
  readonly keys: readonly string[];
}
