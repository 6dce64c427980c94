// The filter of a question: a text of the language of filter/ (docs/FILTERS.md), over the dimensions of questions, compiled to
// a condition. Nodes are named by name or glob (`web-*`), in any case, or by key (16 hexadecimal digits); addresses by
// prefix. What a user writes reaches ClickHouse only as a bound parameter.

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
import { type Expression, termsOf as termsIn, unquote, type WrittenValue } from '../filter/expression.ts';
import { excerpt, FilterError, type FilterFault, faultAt, shown } from '../filter/fault.ts';
import { parse } from '../filter/syntax.ts';
import { check, codesOf, hintFor, numbersOf, type Term as TypedTerm, valuesAllowed } from '../filter/typing.ts';
import type { Vocabulary } from '../filter/vocabulary.ts';
import { ParameterError, refuse } from '../http/problem.ts';
import { placeAmongSql, placeUnknownSql } from './derived.ts';
import {
  COLUMN_NAMES,
  columnOrPair,
  conditionColumns,
  type DimensionColumn,
  EXPLICIT_CLASS_SQL,
  explicitColumn,
  PAIR_NAMES,
  pairOf,
} from './dimensions.ts';
import { servicesNamed } from './service-names.ts';

const VALUES_MAX = 200;

export type Term = TypedTerm<DimensionColumn>;

/** A filter whose terms have their columns; `text` is what positions in messages refer to. */
export interface Filter {
  readonly text: string;
  /** Undefined selects everything. */
  readonly expression: Expression<Term> | undefined;
}

/** A condition with bound parameters, and the columns it reads. */
export interface Condition {
  readonly sql: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly columns: readonly string[];
}

export const NO_CONDITION: Condition = { sql: '1', params: {}, columns: [] };

/** Holds where all of them do; their parameters have different names. */
export function allOf(conditions: readonly Condition[]): Condition {
  return {
    sql: `(${conditions.map(({ sql }) => sql).join(' AND ')})`,
    params: Object.assign({}, ...conditions.map(({ params }) => params)),
    columns: [...new Set(conditions.flatMap(({ columns }) => columns))],
  };
}

/** Finds the keys of nodes by name or glob; called once for all names of a filter. */
export type ResolveNodes = (names: readonly string[]) => Promise<ReadonlyMap<string, readonly bigint[]>>;

/** What filters may name: every dimension of questions. */
export const VOCABULARY: Vocabulary<DimensionColumn> = {
  columns: new Map(COLUMN_NAMES.map(name => [name, columnOrPair(name)![0]!])),
  pairs: new Map(PAIR_NAMES.map(name => [name, pairOf('filter', name)])),
  faultOf,
};

export function parseFilter(parameter: string, text: string): Filter {
  return { text, expression: within(parameter, text, () => check(parse(text), VOCABULARY)) };
}

export function termsOf({ expression }: Filter): Term[] {
  return termsIn(expression);
}

/** Terms that hold wherever the filter does. */
export function conjuncts({ expression }: Filter): Term[] {
  const parts = expression?.kind === 'and' ? expression.parts : expression ? [expression] : [];
  return parts.flatMap(part => (part.kind === 'term' ? [part] : []));
}

/** Faults of the filter in `text` become faults of the parameter, with the place. */
function within<T>(parameter: string, text: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new ParameterError(
      error.faults.map(fault => ({
        parameter,
        reason: `${fault.message}\n${excerpt(text, fault)}`,
        position: fault.position,
        length: fault.length,
        allowed: fault.allowed,
      })),
    );
  }
}

/** `web|"a, b"` */
export function parseValues(parameter: string, text: string): string[] {
  return writtenValues(parameter, text).map(value => value.text);
}

/** Splits at `|` outside quotes. */
function writtenValues(parameter: string, text: string): WrittenValue[] {
  const values: WrittenValue[] = [];
  let from = 0;
  let quoted = false;
  for (let i = 0; i <= text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    if (i < text.length && (text[i] !== '|' || quoted)) continue;
    values.push({ text: unquote(text.slice(from, i)), from, to: i });
    from = i + 1;
  }
  if (quoted) refuse(parameter, 'has a quotation mark without its partner');
  if (values.some(value => value.text === '')) refuse(parameter, `"${text.trim()}" lacks a value`);
  if (values.length > VALUES_MAX) refuse(parameter, `has more than ${VALUES_MAX} values`);
  return values;
}

/** The filter that holds when the column has one of the values in `text`, which are joined by `|`. */
export function equals(parameter: string, column: DimensionColumn, text: string): Filter {
  const values = writtenValues(parameter, text);
  return { text, expression: { kind: 'term', columns: [column], operator: '=', values } };
}

/** The same where the column may be any of filters, its values checked by its type. */
export function checkedEquals(parameter: string, { name }: DimensionColumn, text: string): Filter {
  const values = writtenValues(parameter, text);
  const nowhere = { from: 0, to: 0 };
  const term = { kind: 'term', name, nameAt: nowhere, operator: '=', operatorAt: nowhere, values } as const;
  const written = { ...term, from: 0, to: text.length };
  return { text, expression: within(parameter, text, () => check(written, VOCABULARY)) };
}

/** `prefix` keeps the parameters of several conditions in one statement apart. */
export async function compileFilter(
  parameter: string,
  filter: Filter,
  resolve: ResolveNodes,
  prefix = 'f',
): Promise<Condition> {
  const { text, expression } = filter;
  if (!expression) return NO_CONDITION;
  const terms = termsOf(filter);
  const nodes = await resolve(nodeNamesOf(filter));
  const params: Record<string, unknown> = {};
  const bind = (type: string, value: unknown) => {
    const name = `${prefix}${Object.keys(params).length}`;
    params[name] = value;
    return `{${name}:${type}}`;
  };
  const sql = within(parameter, text, () => {
    refuseUnnamed(terms, nodes);
    return compile(expression, { nodes, bind });
  });
  return { sql, params, columns: conditionColumns(terms.flatMap(term => term.columns)) };
}

/** Names and globs of nodes in a filter, each once. */
export function nodeNamesOf(filter: Filter): string[] {
  return [...new Set(termsOf(filter).flatMap(namesIn))];
}

function namesIn({ columns, values }: Term): string[] {
  if (columns[0]!.kind !== 'node') return [];
  return values.map(({ text }) => text).filter(text => explicitNode(text) === undefined);
}

function refuseUnnamed(terms: readonly Term[], nodes: ReadonlyMap<string, readonly bigint[]>): void {
  const faults: FilterFault[] = [];
  for (const { columns, values } of terms) {
    if (columns[0]!.kind !== 'node') continue;
    for (const value of values) {
      if (explicitNode(value.text) || (nodes.get(value.text)?.length ?? 0) > 0) continue;
      const message = `nothing is named "${shown(value.text)}"${hintFor(value.text)}`;
      faults.push(faultAt(value, message, valuesAllowed(columns[0]!)));
    }
  }
  if (faults.length > 0) throw new FilterError(faults);
}

interface Compiling {
  readonly nodes: ReadonlyMap<string, readonly bigint[]>;
  readonly bind: (type: string, value: unknown) => string;
}

function compile(expression: Expression<Term>, context: Compiling): string {
  const clauses = expression.kind === 'or' ? expression.parts : [expression];
  return `(${clauses.map(clause => compileClause(clause, context)).join(' OR ')})`;
}

function compileClause(clause: Expression<Term>, context: Compiling): string {
  const factors = clause.kind === 'and' ? clause.parts : [clause];
  return `(${factors.map(factor => compileFactor(factor, context)).join(' AND ')})`;
}

function compileFactor(factor: Expression<Term>, context: Compiling): string {
  if (factor.kind === 'term') return compileTerm(factor, context);
  if (factor.kind === 'not') return `NOT ${compile(factor.part, context)}`;
  return compile(factor, context);
}

function compileTerm(term: Term, context: Compiling): string {
  const { columns, operator } = term;
  const one = columns.map(column => compileColumn(column, term, context));
  const any = one.length === 1 ? one[0]! : `(${one.join(' OR ')})`;
  return operator === '!=' ? `NOT ${any}` : any;
}

function compileColumn(column: DimensionColumn, { operator, values }: Term, context: Compiling): string {
  const { bind, nodes } = context;
  const texts = values.map(({ text }) => text);
  if (operator !== '=' && operator !== '!=')
    return `${column.name} ${operator} ${bind(column.clickhouse, numbersOf(texts[0]!)!.low)}`;
  if (column.kind === 'address' || column.kind === 'prefix') return addressesSql(column, texts, bind);
  if (column.kind === 'interface') return interfacesSql(column, texts, bind);
  if (column.kind === 'number') return numbersSql(column, texts, bind);
  const wanted = texts.flatMap(text => valuesOf(column, text, nodes));
  return amongSql(column, wanted, bind);
}

type Bind = Compiling['bind'];

function numbersSql({ name, clickhouse }: DimensionColumn, texts: readonly string[], bind: Bind): string {
  const numbers = texts.map(text => numbersOf(text)!);
  const single = numbers.filter(({ low, high }) => low === high).map(({ low }) => low);
  const parts = single.length > 0 ? [`${name} IN ${bind(`Array(${clickhouse})`, single)}`] : [];
  for (const { low, high } of numbers)
    if (low < high) parts.push(`${name} BETWEEN ${bind(clickhouse, low)} AND ${bind(clickhouse, high)}`);
  return parts.length === 1 && single.length > 0 ? parts[0]! : `(${parts.join(' OR ')})`;
}

function addressesSql(column: DimensionColumn, texts: readonly string[], bind: Bind): string {
  const stored = column.derived?.stored[0] ?? column.name;
  const ranges = texts
    .map(addressRange)
    .map(({ low, high }) => `${stored} BETWEEN ${bind('IPv6', low)} AND ${bind('IPv6', high)}`);
  return `(${ranges.join(' OR ')})`;
}

const INTERFACE = /^([0-9a-f.:]+)\/(\d{1,10})$/i;
const IF_INDEX_MAX = 0xffffffff;

/** `192.0.2.1/3`: exporter and ifIndex. */
function interfaceOf(text: string): { readonly address: string; readonly ifIndex: number } | undefined {
  const [, address = '', index] = INTERFACE.exec(text) ?? [];
  const isOne = parsePrefix(address) !== undefined && Number(index) <= IF_INDEX_MAX;
  return isOne ? { address: addressRange(address).low, ifIndex: Number(index) } : undefined;
}

function interfacesSql(column: DimensionColumn, texts: readonly string[], bind: Bind): string {
  const [exporter, ifIndex] = column.derived!.stored as readonly [string, string];
  const those = texts.map(text => {
    const one = interfaceOf(text)!;
    return `${exporter} = ${bind('IPv6', one.address)} AND ${ifIndex} = ${bind('UInt32', one.ifIndex)}`;
  });
  return `(${those.join(' OR ')})`;
}

/** An explicit node, and the lack of any node, is in two columns where the dimension is not the application. */
function amongSql(column: DimensionColumn, wanted: readonly (number | bigint)[], bind: Bind): string {
  const { name, clickhouse } = column;
  const app = explicitColumn(column);
  const place = column.derived?.place;
  const isUnknown = place ? placeUnknownSql(place) : `${name} = 0`;
  if (app === undefined) return `${name} IN ${bind(`Array(${clickhouse})`, wanted)}`;
  const explicit = wanted.filter(key => isExplicit(BigInt(key)));
  const stored = wanted.filter(key => key !== 0n && !isExplicit(BigInt(key)));
  const parts: string[] = [];
  if (stored.length > 0) {
    const nodes = bind('Array(UInt64)', stored);
    parts.push(place ? placeAmongSql(place, nodes) : `${name} IN ${nodes}`);
  }
  if (explicit.length > 0) parts.push(`${isUnknown} AND ${app} IN ${bind('Array(UInt64)', explicit)}`);
  if (wanted.includes(0n)) parts.push(`${isUnknown} AND NOT ${EXPLICIT_CLASS_SQL(app)}`);
  return parts.length === 1 && explicit.length === 0 && stored.length > 0 ? parts[0]! : `(${parts.join(' OR ')})`;
}

function isExplicit(key: bigint): boolean {
  return key >> 56n === BigInt(NODE_CLASSES.explicit);
}

/** The stored values that a checked text stands for. */
function valuesOf(column: DimensionColumn, text: string, nodes: Compiling['nodes']): (number | bigint)[] {
  switch (column.kind) {
    case 'node':
      return [...(explicitNode(text) ?? nodes.get(text) ?? [])];
    case 'service':
      return servicesOf(text) ?? [];
    case 'mac': {
      const mac = parseMac(text)!;
      return [(BigInt(mac.high) << 32n) | BigInt(mac.low)];
    }
    default:
      return codesOf(column, text);
  }
}

function faultOf(column: DimensionColumn, text: string): string | undefined {
  switch (column.kind) {
    case 'service':
      if (servicesOf(text)) return undefined;
      return `"${shown(text)}" is no service; write tcp/443, udp/8000-8100, icmp, proto/47, other, or a name that IANA registered (https)`;
    case 'interface':
      if (interfaceOf(text)) return undefined;
      return `${column.name} is an exporter and an ifIndex (192.0.2.1/3), not "${shown(text)}"`;
    case 'mac':
      return parseMac(text) ? undefined : `"${shown(text)}" is no MAC address (aa:bb:cc:dd:ee:ff)`;
    default:
      if (parsePrefix(text)) return undefined;
      return `${column.name} is an address or a prefix (10.0.0.0/8, fd00::/8), not "${shown(text)}"`;
  }
}

const KEY = /^[0-9a-f]{16}$/i;

/** Keys of a node that needs no look-up: given as a key, or explicit. */
export function explicitNode(value: string): bigint[] | undefined {
  if (KEY.test(value)) return [BigInt(`0x${value}`)];
  const explicit = EXPLICIT_NODES.find(name => name === value.toLowerCase());
  return explicit && [keyToBigint(explicitKey(explicit))];
}

function servicesOf(value: string): bigint[] | undefined {
  if (KEY.test(value)) return [BigInt(`0x${value}`)];
  if (value === 'other') return [keyToBigint(OTHER_SERVICE)];
  const proto = /^proto\/(\d{1,3})$/.exec(value);
  if (proto && Number(proto[1]) <= 255) return [keyToBigint(serviceKey(Number(proto[1]), 0, 0))];
  const range = parsePortRange(value);
  if (!range) {
    const named = servicesNamed(value);
    return named.length > 0 ? named.map(keyToBigint) : undefined;
  }
  const keys = [serviceKey(range.proto, range.from, range.to)];
  if (range.to === 65535 && range.from === 0) keys.push(serviceKey(range.proto, 0, 0));
  return keys.map(keyToBigint);
}

function addressRange(text: string): { low: string; high: string } {
  const prefix = parsePrefix(text)!;
  const free = maskWords([~0, ~0, ~0, ~0].map(word => word >>> 0) as unknown as Words, prefix.length);
  const high = prefix.words.map((word, i) => (word | ~free[i]!) >>> 0) as unknown as Words;
  return { low: mapped(prefix.words), high: mapped(high) };
}

/** ClickHouse reads an IPv4 address in an IPv6 column in its mapped form. */
function mapped(words: Words): string {
  const text = formatAddress(words);
  return text.includes(':') ? text : `::ffff:${text}`;
}
