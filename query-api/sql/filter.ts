// The filter of a question, a small language of its own:
//
//   filter := clause (';' clause)*        any clause holds
//   clause := term (',' term)*            all its terms hold
//   term   := name op value ('|' value)*  op is = != < <= > >=
//   value  := characters other than , ; | or "text in quotes"
//
// `srcApp=web|api,dstApp!=db;service=tcp/443`. A name is a column (`srcApp`) or a pair (`app`: either end; with !=
// neither end). Nodes are named by name or glob (`web-*`), in any case, or by key (16 hexadecimal digits); addresses by
// prefix.
// What a user writes reaches ClickHouse only as a bound parameter.

import { formatAddress, maskWords, parseMac, parsePrefix, type Words } from '../../schemas/address.ts';
import { parsePortRange } from '../../schemas/applications.ts';
import {
  EXPLICIT_NODES,
  explicitKey,
  keyToBigint,
  NODE_CLASSES,
  OTHER_SERVICE,
  serviceKey,
} from '../../schemas/keys.ts';
import { refuse } from '../http/problem.ts';
import {
  COLUMN_NAMES,
  columnOrPair,
  type DimensionColumn,
  EXPLICIT_CLASS_SQL,
  explicitColumn,
  groupColumns,
  PAIR_NAMES,
} from './dimensions.ts';

const TERMS_MAX = 50;
const VALUES_MAX = 200;

const OPERATORS = ['!=', '<=', '>=', '=', '<', '>'] as const;
type Operator = (typeof OPERATORS)[number];

export interface Term {
  readonly name: string;
  readonly columns: readonly DimensionColumn[];
  readonly operator: Operator;
  readonly values: readonly string[];
}

export type Clauses = readonly (readonly Term[])[];

/** A condition with bound parameters, and the columns it reads. */
export interface Condition {
  readonly sql: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly columns: readonly string[];
}

export const NO_CONDITION: Condition = { sql: '1', params: {}, columns: [] };

/** Finds the keys of nodes by name or glob; called once for all names of a filter. */
export type ResolveNodes = (names: readonly string[]) => Promise<ReadonlyMap<string, readonly bigint[]>>;

const TERM = /^\s*([A-Za-z]\w*)\s*(!=|<=|>=|=|<|>)\s*(.*)$/s;

export function parseFilter(parameter: string, text: string): Clauses {
  if (text.trim() === '') return [];
  const clauses = split(parameter, text, ';').map(clause =>
    split(parameter, clause, ',').map(term => parseTerm(parameter, term)),
  );
  if (clauses.flat().length > TERMS_MAX) refuse(parameter, `has more than ${TERMS_MAX} terms`);
  if (clauses.flat().reduce((sum, term) => sum + term.values.length, 0) > VALUES_MAX)
    refuse(parameter, `has more than ${VALUES_MAX} values`);
  return clauses;
}

function parseTerm(parameter: string, text: string): Term {
  const match = TERM.exec(text);
  if (!match)
    refuse(
      parameter,
      `"${text.trim()}" is no term; write NAME=VALUE with = != < <= > >=, terms joined by , (and) or ; (or), values by |`,
    );
  const [, name = '', operator = '=', rest = ''] = match;
  const columns = columnOrPair(name);
  if (!columns) refuse(parameter, `"${name}" is no column; allowed are ${[...PAIR_NAMES, ...COLUMN_NAMES].join(', ')}`);
  const values = parseValues(parameter, rest);
  const ordered = operator !== '=' && operator !== '!=';
  if (ordered && columns.some(column => column.kind !== 'number'))
    refuse(parameter, `${name} has no order: only = and != apply`);
  if (ordered && values.length > 1) refuse(parameter, `${name} ${operator} takes one value`);
  return { name, columns, operator: operator as Operator, values };
}

/** `web|"a, b"` */
export function parseValues(parameter: string, text: string): string[] {
  const values = split(parameter, text, '|').map(unquote);
  if (values.some(value => value === '')) refuse(parameter, `"${text.trim()}" lacks a value`);
  if (values.length > VALUES_MAX) refuse(parameter, `has more than ${VALUES_MAX} values`);
  return values;
}

/** Splits at a separator outside quotes. */
function split(parameter: string, text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    else if (text[i] === separator && !quoted) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  if (quoted) refuse(parameter, 'has a quotation mark without its partner');
  parts.push(text.slice(start));
  return parts;
}

function unquote(text: string): string {
  const value = text.trim();
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/** A term that holds when `columns` have one of `values`. */
export function equals(name: string, columns: readonly DimensionColumn[], values: readonly string[]): Term {
  return { name, columns, operator: '=', values };
}

/** `prefix` keeps the parameters of several conditions in one statement apart. */
export async function compileFilter(
  parameter: string,
  clauses: Clauses,
  resolve: ResolveNodes,
  prefix = 'f',
): Promise<Condition> {
  if (clauses.length === 0) return NO_CONDITION;
  const terms = clauses.flat();
  const names = new Set(
    terms.flatMap(term =>
      term.columns[0]!.kind === 'node' ? term.values.filter(value => explicitNode(value) === undefined) : [],
    ),
  );
  const nodes = await resolve([...names]);
  const params: Record<string, unknown> = {};
  const bind = (type: string, value: unknown) => {
    const name = `${prefix}${Object.keys(params).length}`;
    params[name] = value;
    return `{${name}:${type}}`;
  };
  const sql = clauses
    .map(clause => `(${clause.map(term => compileTerm(parameter, term, nodes, bind)).join(' AND ')})`)
    .join(' OR ');
  return {
    sql: `(${sql})`,
    params,
    columns: groupColumns(terms.flatMap(term => term.columns)),
  };
}

function compileTerm(parameter: string, term: Term, nodes: ReadonlyMap<string, readonly bigint[]>, bind: Bind): string {
  const { columns, operator, values } = term;
  const one = columns.map(column => {
    if (operator !== '=' && operator !== '!=')
      return `${column.name} ${operator} ${bind(column.clickhouse, numberOf(parameter, column, values[0]!))}`;
    if (column.kind === 'address') {
      const ranges = values
        .map(value => addressRange(parameter, column.name, value))
        .map(({ low, high }) => `${column.name} BETWEEN ${bind('IPv6', low)} AND ${bind('IPv6', high)}`);
      return `(${ranges.join(' OR ')})`;
    }
    const wanted = values.flatMap(value => valuesOf(parameter, column, value, nodes));
    return amongSql(column, wanted, bind);
  });
  const any = one.length === 1 ? one[0]! : `(${one.join(' OR ')})`;
  return operator === '!=' ? `NOT ${any}` : any;
}

type Bind = (type: string, value: unknown) => string;

/** An explicit node, and the lack of any node, is in two columns where the dimension is not the application. */
function amongSql(column: DimensionColumn, wanted: readonly (number | bigint)[], bind: Bind): string {
  const { name, clickhouse } = column;
  const app = explicitColumn(column);
  if (app === undefined) return `${name} IN ${bind(`Array(${clickhouse})`, wanted)}`;
  const explicit = wanted.filter(key => isExplicit(BigInt(key)));
  const stored = wanted.filter(key => key !== 0n && !isExplicit(BigInt(key)));
  const parts: string[] = [];
  if (stored.length > 0) parts.push(`${name} IN ${bind('Array(UInt64)', stored)}`);
  if (explicit.length > 0) parts.push(`${name} = 0 AND ${app} IN ${bind('Array(UInt64)', explicit)}`);
  if (wanted.includes(0n)) parts.push(`${name} = 0 AND NOT ${EXPLICIT_CLASS_SQL(app)}`);
  return parts.length === 1 && explicit.length === 0 && stored.length > 0 ? parts[0]! : `(${parts.join(' OR ')})`;
}

function isExplicit(key: bigint): boolean {
  return key >> 56n === BigInt(NODE_CLASSES.explicit);
}

function valuesOf(
  parameter: string,
  column: DimensionColumn,
  value: string,
  nodes: ReadonlyMap<string, readonly bigint[]>,
): (number | bigint)[] {
  switch (column.kind) {
    case 'node': {
      const keys = explicitNode(value) ?? nodes.get(value);
      return keys && keys.length > 0 ? [...keys] : refuse(parameter, `nothing is named "${value}"`);
    }
    case 'service':
      return servicesOf(parameter, value);
    case 'mac': {
      const mac = parseMac(value);
      return mac
        ? [(BigInt(mac.high) << 32n) | BigInt(mac.low)]
        : refuse(parameter, `"${value}" is no MAC address (aa:bb:cc:dd:ee:ff)`);
    }
    case 'code': {
      const code = column.codes.indexOf(value);
      return code >= 0
        ? [code]
        : refuse(parameter, `${column.name} is one of ${column.codes.join(', ')}, not "${value}"`);
    }
    default:
      return [numberOf(parameter, column, value)];
  }
}

const KEY = /^[0-9a-f]{16}$/i;

function explicitNode(value: string): bigint[] | undefined {
  if (KEY.test(value)) return [BigInt(`0x${value}`)];
  const explicit = EXPLICIT_NODES.find(name => name === value.toLowerCase());
  return explicit && [keyToBigint(explicitKey(explicit))];
}

function servicesOf(parameter: string, value: string): bigint[] {
  if (KEY.test(value)) return [BigInt(`0x${value}`)];
  if (value === 'other') return [keyToBigint(OTHER_SERVICE)];
  const proto = /^proto\/(\d{1,3})$/.exec(value);
  if (proto && Number(proto[1]) <= 255) return [keyToBigint(serviceKey(Number(proto[1]), 0, 0))];
  const range = parsePortRange(value);
  if (!range) refuse(parameter, `"${value}" is no service; write tcp/443, udp/8000-8100, icmp, proto/47 or other`);
  const keys = [serviceKey(range.proto, range.from, range.to)];
  if (range.to === 65535 && range.from === 0) keys.push(serviceKey(range.proto, 0, 0));
  return keys.map(keyToBigint);
}

const NUMBER_MAX = {
  UInt8: 0xff,
  UInt16: 0xffff,
  UInt32: 0xffffffff,
  UInt64: Number.MAX_SAFE_INTEGER,
  IPv6: 0,
} as const;

function numberOf(parameter: string, column: DimensionColumn, value: string): number {
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  const max = NUMBER_MAX[column.clickhouse];
  return number <= max
    ? number
    : refuse(parameter, `${column.name} is a whole number from 0 to ${max}, not "${value}"`);
}

function addressRange(parameter: string, name: string, value: string): { low: string; high: string } {
  const prefix = parsePrefix(value);
  if (!prefix) refuse(parameter, `${name} is an address or a prefix (10.0.0.0/8, fd00::/8), not "${value}"`);
  const free = maskWords([~0, ~0, ~0, ~0].map(word => word >>> 0) as unknown as Words, prefix.length);
  const high = prefix.words.map((word, i) => (word | ~free[i]!) >>> 0) as unknown as Words;
  return { low: mapped(prefix.words), high: mapped(high) };
}

/** ClickHouse reads an IPv4 address in an IPv6 column in its mapped form. */
function mapped(words: Words): string {
  const text = formatAddress(words);
  return text.includes(':') ? text : `::ffff:${text}`;
}
