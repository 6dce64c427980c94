// What a query may group and filter by, derived from the flow columns. A dimension is one column (`service`,
// `srcVm`) or, where the columns come in twos, a pair of sender and receiver (`app`, `vm`, `addr`).

import type { Column, Reveals } from '../../schemas/columns.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { NODE_CLASSES } from '../../schemas/keys.ts';
import { PAIR_KEYS, TRAFFIC_KEYS } from '../../storage/tables/spread.ts';
import { refuse } from '../http/problem.ts';
import {
  type Derived,
  INTERFACE_DIMENSIONS,
  type Lengths,
  PLACE_DIMENSIONS,
  prefixDimension,
  storedColumns,
} from './derived.ts';

/** How the values of a column are written. */
export type ValueKind = 'node' | 'service' | 'address' | 'prefix' | 'interface' | 'mac' | 'code' | 'number';

export interface DimensionColumn {
  readonly name: string;
  readonly kind: ValueKind;
  readonly codes: readonly string[];
  readonly clickhouse: 'UInt8' | 'UInt16' | 'UInt32' | 'UInt64' | 'IPv6' | 'String';
  readonly reveals: Reveals;
  /** Where no table holds it. */
  readonly derived?: Derived;
  /** Of a prefix. */
  readonly lengths?: Lengths;
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
        reveals: column.reveals,
      },
    ]),
);
for (const derived of PLACE_DIMENSIONS) {
  const { alias: name, reveals } = derived;
  columns.set(name, { name, kind: 'node', codes: [], clickhouse: 'UInt64', reveals, derived });
}

for (const derived of INTERFACE_DIMENSIONS) {
  const { alias: name, reveals } = derived;
  columns.set(name, { name, kind: 'interface', codes: [], clickhouse: 'String', reveals, derived });
}

/** `app` -> srcApp, dstApp. */
const pairs = new Map<string, readonly [DimensionColumn, DimensionColumn]>();
for (const [name, src] of columns) {
  const dst = name.startsWith('src') ? columns.get(`dst${name.slice(3)}`) : undefined;
  if (dst) pairs.set(name.slice(3).toLowerCase(), [src, dst]);
}

pairs.set('interface', [columns.get('inInterface')!, columns.get('outInterface')!]);

const isDerived = (pair: string) => Number(pairs.get(pair)![0].derived !== undefined);
/** The names used most come first. */
export const PAIR_NAMES = [...pairs.keys()].reverse().sort((a, b) => isDerived(a) - isDerived(b));
export const COLUMN_NAMES = [...columns.keys()];

export function pairOf(parameter: string, name: string): readonly [DimensionColumn, DimensionColumn] {
  const [src, dst] = columnOrPair(name) ?? [];
  return src && dst
    ? [src, dst]
    : refuse(parameter, `"${name}" has no sender and receiver; allowed are ${PAIR_NAMES.join(', ')}, ${PREFIXES}`);
}

/** The columns of `service`, `vm` or `srcVm,service`. */
export function columnsOf(parameter: string, text: string): DimensionColumn[] {
  const found = text.split(',').flatMap(part => {
    const name = part.trim();
    return columnOrPair(name) ?? refuseName(parameter, name);
  });
  if (found.length > 4) refuse(parameter, 'names more than four columns');
  if (new Set(found.map(column => column.name)).size < found.length) refuse(parameter, 'names a column twice');
  return found;
}

/** One way of a matrix: the columns of a node as sender and as receiver, which are one where the column has no opposite end. */
export interface Axis {
  readonly name: string;
  readonly ends: readonly [DimensionColumn, DimensionColumn];
}

export function axisOf(parameter: string, name: string): Axis {
  const [first, second = first] = columnOrPair(name) ?? refuseName(parameter, name);
  return { name, ends: [first!, second!] };
}

function refuseName(parameter: string, name: string): never {
  return refuse(
    parameter,
    `"${name}" is no dimension; allowed are ${[...PAIR_NAMES, ...COLUMN_NAMES].join(', ')}, ${PREFIXES}`,
  );
}

export function columnOrPair(name: string): readonly DimensionColumn[] | undefined {
  const column = columns.get(name);
  return column ? [column] : (pairs.get(name) ?? prefixColumns(name));
}

/** How a prefix is named, for people. */
export const PREFIXES = 'addr/24 or addr/24/48 (lengths of IPv4 and IPv6)';
const PREFIX = /^(addr|srcAddr|dstAddr)\/(\d{1,3})(?:\/(\d{1,3}))?$/;
const IPV6_LENGTH = 64;

/** Of `addr/24`, `srcAddr/24/48`: networks of a length, IPv6 of 64 bits unless stated otherwise. */
function prefixColumns(name: string): DimensionColumn[] | undefined {
  const [, address, ipv4Text, ipv6Text] = PREFIX.exec(name) ?? [];
  const lengths = { ipv4: Number(ipv4Text), ipv6: Number(ipv6Text ?? IPV6_LENGTH) };
  if (address === undefined || lengths.ipv4 > 32 || lengths.ipv6 > 128) return undefined;
  const ends = address === 'addr' ? ['srcAddr', 'dstAddr'] : [address];
  return ends.map(end => {
    const derived = prefixDimension(end, lengths);
    const shown = `${end}${name.slice(address.length)}`;
    const { reveals } = derived;
    return { name: shown, kind: 'prefix', codes: [], clickhouse: 'IPv6', reveals, derived, lengths };
  });
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
  const own = `${prefix}${column.derived?.alias ?? column.name}`;
  const app = explicitColumn(column);
  if (app === undefined) return own;
  return `if(${own} = 0 AND ${EXPLICIT_CLASS_SQL(`${prefix}${app}`)}, ${prefix}${app}, ${own})`;
}

/** The columns of a relation that grouping by these reads. */
export function groupColumns(columns: readonly DimensionColumn[]): string[] {
  return [
    ...new Set(
      columns.flatMap(column => {
        const own = column.derived?.alias ?? column.name;
        return [own, explicitColumn(column) ?? own];
      }),
    ),
  ];
}

/** The columns of tables that a condition on these reads. */
export function conditionColumns(columns: readonly DimensionColumn[]): string[] {
  return storedColumns(groupColumns(columns));
}
