// What a query may group and filter by, derived from the flow columns. A dimension is one column (`service`,
// `srcVm`) or, where the columns come in twos, a pair of sender and receiver (`app`, `vm`, `addr`).

import type { Column } from '../../schemas/columns.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { NODE_CLASSES } from '../../schemas/keys.ts';
import { PAIR_KEYS, TRAFFIC_KEYS } from '../../storage/tables/spread.ts';
import { refuse } from '../http/problem.ts';

/** How the values of a column are written. */
export type ValueKind = 'node' | 'service' | 'address' | 'mac' | 'code' | 'number';

export interface DimensionColumn {
  readonly name: string;
  readonly kind: ValueKind;
  readonly codes: readonly string[];
  readonly clickhouse: 'UInt8' | 'UInt16' | 'UInt32' | 'UInt64' | 'IPv6';
}

const CLICKHOUSE = { u8: 'UInt8', u16: 'UInt16', u32: 'UInt32', u64: 'UInt64', address: 'IPv6' } as const;

function valueKind(column: Column): ValueKind {
  if (column.shows && column.shows !== 'digest') return column.shows;
  if (column.codes) return 'code';
  return column.kind === 'address' ? 'address' : 'number';
}

const columns = new Map<string, DimensionColumn>(
  (FLOW_COLUMNS as readonly Column[])
    .filter(column => column.dimension)
    .map(column => [
      column.name,
      {
        name: column.name,
        kind: valueKind(column),
        codes: column.codes ?? [],
        clickhouse: CLICKHOUSE[column.kind as keyof typeof CLICKHOUSE],
      },
    ]),
);

/** `app` -> srcApp, dstApp. */
const pairs = new Map<string, readonly [DimensionColumn, DimensionColumn]>();
for (const { name, opposite } of FLOW_COLUMNS as readonly Column[]) {
  const src = columns.get(name);
  const dst = name.startsWith('src') && opposite !== undefined ? columns.get(opposite) : undefined;
  if (src && dst) pairs.set(name.slice(3).toLowerCase(), [src, dst]);
}

/** The names used most come first. */
export const PAIR_NAMES = [...pairs.keys()].reverse();
export const COLUMN_NAMES = [...columns.keys()];

export function pairOf(parameter: string, name: string): readonly [DimensionColumn, DimensionColumn] {
  return (
    pairs.get(name) ?? refuse(parameter, `"${name}" has no sender and receiver; allowed are ${PAIR_NAMES.join(', ')}`)
  );
}

/** The columns of `service`, `vm` or `srcVm,service`. */
export function columnsOf(parameter: string, text: string): DimensionColumn[] {
  const found = text.split(',').flatMap(part => {
    const name = part.trim();
    const column = columns.get(name);
    if (column) return [column];
    return (
      pairs.get(name) ??
      refuse(parameter, `"${name}" is no dimension; allowed are ${[...PAIR_NAMES, ...COLUMN_NAMES].join(', ')}`)
    );
  });
  if (found.length > 4) refuse(parameter, 'names more than four columns');
  if (new Set(found).size < found.length) refuse(parameter, 'names a column twice');
  return found;
}

export function columnOrPair(name: string): readonly DimensionColumn[] | undefined {
  const column = columns.get(name);
  return column ? [column] : pairs.get(name);
}

/** Columns that the roll-ups keep; anything else is read from the records. */
export const TRAFFIC_COLUMNS: ReadonlySet<string> = new Set(TRAFFIC_KEYS);
export const PAIRS_COLUMNS: ReadonlySet<string> = new Set(PAIR_KEYS);

/**
 * Explicit nodes (`external`, `multicast` ...) are stored as applications alone. An end that has no VM, host or rack is that
 * node in these dimensions too, under the same key and name.
 */
export const EXPLICIT_CLASS_SQL = (column: string) => `bitShiftRight(${column}, 56) = ${NODE_CLASSES.explicit}`;

/** The column that says which explicit node an end is; undefined where it is the column itself, or no node. */
export function explicitColumn({ name, kind }: DimensionColumn): string | undefined {
  const app = `${name.slice(0, 3)}App`;
  return kind === 'node' && name !== app ? app : undefined;
}

/** What a query groups by for a column; `prefix` is that of the relation (`r.`). */
export function groupSql(column: DimensionColumn, prefix = ''): string {
  const own = `${prefix}${column.name}`;
  const app = explicitColumn(column);
  if (app === undefined) return own;
  return `if(${own} = 0 AND ${EXPLICIT_CLASS_SQL(`${prefix}${app}`)}, ${prefix}${app}, ${own})`;
}

/** The stored columns that grouping by these reads. */
export function groupColumns(columns: readonly DimensionColumn[]): string[] {
  return [...new Set(columns.flatMap(column => [column.name, explicitColumn(column) ?? column.name]))];
}
