// The newest flow records, every column in words. This is what a number is made of; it adds nothing up.

import type { Column } from '../../schemas/columns.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { keyToHex, serviceName } from '../../schemas/keys.ts';
import type { DimensionColumn } from '../sql/dimensions.ts';
import type { Condition } from '../sql/filter.ts';
import type { Statement } from '../sql/tables.ts';
import { addressText, type NameValue, wordsOf } from '../sql/values.ts';
import type { Asked } from '../sql/window.ts';

const COLUMNS = FLOW_COLUMNS as readonly Column[];
export const FLOW_NAMES = COLUMNS.map(column => column.name);

/** Records whose last packet lies in the window; `lateMs` bounds how long after it they may have been received. */
export interface FlowsQuestion extends Asked {
  readonly limit: number;
  readonly lateMs: number;
  readonly earlyMs: number;
}

function readSql(column: Column): string {
  if (column.kind === 'time') return `toUnixTimestamp64Milli(f.${column.name}) AS ${column.name}`;
  if (column.kind === 'bytes16') return `lower(hex(f.${column.name})) AS ${column.name}`;
  return `toString(f.${column.name}) AS ${column.name}`;
}

export function flowsStatement(
  { fromMs, toMs, limit, lateMs, earlyMs }: FlowsQuestion,
  condition: Condition,
): Statement {
  // The condition names columns as they are stored, so it stands where their texts have not taken those names.
  const sql = `
SELECT ${COLUMNS.map(readSql).join(', ')}
FROM (
SELECT f.* FROM flows AS f
WHERE f.receivedAt >= fromUnixTimestamp64Milli({receivedFrom:Int64}) AND f.receivedAt < fromUnixTimestamp64Milli({receivedTo:Int64})
  AND f.flowEnd >= fromUnixTimestamp64Milli({from:Int64}) AND f.flowEnd < fromUnixTimestamp64Milli({to:Int64}) AND ${condition.sql}
ORDER BY f.receivedAt DESC
LIMIT {limit:UInt32}
) AS f
ORDER BY f.receivedAt DESC`;
  return {
    sql,
    params: {
      ...condition.params,
      from: Math.floor(fromMs),
      to: Math.floor(toMs),
      receivedFrom: Math.floor(fromMs - earlyMs),
      receivedTo: Math.floor(toMs + lateMs),
      limit,
    },
  };
}

export type FlowRow = Readonly<Record<string, string>>;

/** Columns whose values are nodes, for naming them all at once. */
export const FLOW_NODE_COLUMNS: readonly DimensionColumn[] = COLUMNS.filter(column => column.shows === 'node').map(
  column => ({ name: column.name, kind: 'node', codes: [], clickhouse: 'UInt64' }),
);
const NODES = new Map(FLOW_NODE_COLUMNS.map(column => [column.name, column]));

export function shapeFlow(row: FlowRow, name: NameValue): Record<string, string | number | null> {
  return Object.fromEntries(COLUMNS.map(column => [column.name, tell(column, row[column.name] ?? '', name)]));
}

function tell(column: Column, raw: string, name: NameValue): string | number | null {
  const node = NODES.get(column.name);
  if (node) return raw === '0' ? '' : name(node, raw).name;
  if (column.shows === 'service') return serviceName(wordsOf(raw));
  if (column.shows === 'digest') return keyToHex(wordsOf(raw));
  if (column.shows === 'mac')
    return raw === '0' ? '' : name({ name: column.name, kind: 'mac', codes: [], clickhouse: 'UInt64' }, raw).name;
  if (column.codes) return column.codes[Number(raw)] ?? raw;
  if (column.kind === 'time') return Number(raw) === 0 ? '' : new Date(Number(raw)).toISOString();
  if (column.kind === 'address') return addressText(raw);
  if (column.kind === 'bytes16') return /^0*$/.test(raw) ? '' : uuid(raw);
  // A variance that is not known.
  if (raw === 'inf') return null;
  return Number(raw);
}

function uuid(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
