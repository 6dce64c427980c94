// The newest flow records, every column in words. This is what a number is made of; it adds nothing up.

import { type Static, Type } from 'typebox';
import type { Column } from '../../schemas/columns.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { keyToHex, serviceName } from '../../schemas/keys.ts';
import { rightToSee } from '../access/rights.ts';
import { about, closed } from '../answers/answers.ts';
import type { DimensionColumn } from '../sql/dimensions.ts';
import { type Condition, compileFilter, parseFilter } from '../sql/filter.ts';
import type { Statement } from '../sql/tables.ts';
import { addressText, type NameValue, nameValues, nodeResolver, wordsOf } from '../sql/values.ts';
import { parseRequestedWindow } from '../sql/window.ts';
import { iso } from './grouped.ts';
import { filter, format, Limit, window } from './parameters.ts';
import { defineQuestion } from './question.ts';
import { type EndedWindow, receiptBounds } from './receipt.ts';

const Parameters = Type.Object(
  { ...window, filter, limit: Limit(100, 10_000, 'records listed, the newest first'), format },
  closed,
);

export const FlowsAnswer = Type.Object(
  {
    from: about.from,
    to: about.to,
    columns: Type.Array(Type.String()),
    flows: Type.Array(
      Type.Record(Type.String(), Type.Unsafe<string | number | null>({ type: ['string', 'number', 'null'] }), {
        description: 'varBytes is null where the sampling rate is unknown',
      }),
    ),
    elapsedMs: about.elapsedMs,
  },
  closed,
);
export type FlowsAnswer = Static<typeof FlowsAnswer>;

const COLUMNS = FLOW_COLUMNS as readonly Column[];
export const FLOW_NAMES = COLUMNS.map(column => column.name);

interface FlowsQuery extends EndedWindow {
  readonly limit: number;
}

/** The answer holds every column of its table. */
export const flows = defineQuestion({
  name: 'flows',
  right: rightToSee(FLOW_COLUMNS.map(({ reveals }) => reveals)),
  summary: 'The newest records, every column in words',
  parameters: Parameters,
  answer: FlowsAnswer,
  async respond(params, { storage, config, nowMs }) {
    const requested = parseRequestedWindow(params.from, params.to, nowMs);
    const condition = await compileFilter(
      'filter',
      parseFilter('filter', params.filter),
      nodeResolver(storage, 'filter'),
    );
    const query = { ...requested, limit: params.limit, ...receiptBounds(config) };
    const statement = flowsStatement(query, condition);
    const rows = await storage.select<FlowRow>(statement.sql, statement.params);
    const name = await nameValues(
      storage,
      rows.flatMap(row => FLOW_NODE_COLUMNS.map(column => [column, row[column.name] ?? '0'] as const)),
    );
    const found = rows.map(row => shapeFlow(row, name));
    return {
      answer: { from: iso(requested.fromMs), to: iso(requested.toMs), columns: FLOW_NAMES, flows: found },
      kinds: Object.fromEntries(FLOW_NAMES.map(column => [column, 'text'])),
      rows: () => found,
    };
  },
});

function readSql(column: Column): string {
  if (column.kind === 'time') return `toUnixTimestamp64Milli(f.${column.name}) AS ${column.name}`;
  if (column.kind === 'bytes16') return `lower(hex(f.${column.name})) AS ${column.name}`;
  return `toString(f.${column.name}) AS ${column.name}`;
}

export function flowsStatement({ fromMs, toMs, limit, lateMs, earlyMs }: FlowsQuery, condition: Condition): Statement {
  // The condition names columns as they are stored, so it comes before their texts take those names.
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
  return Object.fromEntries(COLUMNS.map(column => [column.name, showValue(column, row[column.name] ?? '', name)]));
}

function showValue(column: Column, raw: string, name: NameValue): string | number | null {
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
