// Gives each term its columns, and checks its operator and its values by their type. Names of nodes are looked up later: only
// the database knows them.

import { globMatches } from '../../schemas/glob.ts';
import { type Expression, mapTerms, type Operator, ORDERED, type Span, type WrittenValue } from './expression.ts';
import { FilterError, type FilterFault, faultAt, shown } from './fault.ts';
import type { WrittenFilter } from './syntax.ts';
import { canonicalName, columnsNamed, type FilterColumn, namesAllowed, type Vocabulary } from './vocabulary.ts';

/** A term holds where one of its columns has one of its values; with `!=` where none has. */
export interface Term<C extends FilterColumn> {
  readonly kind: 'term';
  readonly columns: readonly C[];
  readonly operator: Operator;
  readonly values: readonly WrittenValue[];
}

/** Further faults of one filter are not listed. */
const FAULTS_MAX = 10;

/** Throws FilterError with every fault. */
export function check<C extends FilterColumn>(
  written: WrittenFilter | undefined,
  vocabulary: Vocabulary<C>,
): Expression<Term<C>> | undefined {
  if (!written) return undefined;
  const faults: FilterFault[] = [];
  const checked = mapTerms<Extract<WrittenFilter, { kind: 'term' }>, Term<C>>(written, term => {
    const columns = columnsNamed(vocabulary, term.name);
    if (!columns) faults.push(unknownName(vocabulary, term));
    else faults.push(...operatorFaults(term, columns[0]!), ...valueFaults(term, columns[0]!, vocabulary));
    return { kind: 'term', columns: columns ?? [], operator: term.operator, values: term.values };
  });
  if (faults.length > 0) throw new FilterError(faults.slice(0, FAULTS_MAX));
  return checked;
}

/** The same filter under canonical names, for printing. */
export function canonical<C extends FilterColumn>(expression: Expression<Term<C>>, vocabulary: Vocabulary<C>) {
  return mapTerms(expression, term => ({ ...term, name: canonicalName(vocabulary, term.columns) }));
}

function unknownName<C extends FilterColumn>(
  vocabulary: Vocabulary<C>,
  { name, nameAt }: { readonly name: string; readonly nameAt: Span },
): FilterFault {
  const allowed = namesAllowed(vocabulary, name);
  return faultAt(nameAt, `"${shown(name)}" is no column; allowed are ${allowed.join(', ')}`, allowed);
}

const isOrdered = (operator: Operator) => (ORDERED as readonly Operator[]).includes(operator);

/** The operators of a column, as they are written. */
export function operatorsOf({ kind }: FilterColumn): readonly string[] {
  return kind === 'number' ? ['=', '!=', 'in', 'not in', '<', '<=', '>', '>='] : ['=', '!=', 'in', 'not in'];
}

interface Typed {
  readonly name: string;
  readonly operator: Operator;
  readonly operatorAt: Span;
  readonly values: readonly WrittenValue[];
}

function operatorFaults({ name, operator, operatorAt, values }: Typed, column: FilterColumn): FilterFault[] {
  if (!isOrdered(operator)) return [];
  if (column.kind !== 'number')
    return [faultAt(operatorAt, `${name} has no order: only = and != apply`, operatorsOf(column))];
  return values.length > 1
    ? [faultAt({ from: values[1]!.from, to: values.at(-1)!.to }, `${name} ${operator} takes one value`)]
    : [];
}

function valueFaults<C extends FilterColumn>(
  { operator, values }: Typed,
  column: C,
  vocabulary: Vocabulary<C>,
): FilterFault[] {
  return values.flatMap(value => {
    const found = isOrdered(operator) ? numberFault(column, value.text) : valueFault(column, value.text, vocabulary);
    if (found === undefined) return [];
    return [faultAt(value, `${found}${hintFor(value.text)}`, valuesAllowed(column))];
  });
}

/** Two terms without a word between them are one value to the grammar (`vlan = 5 proto = 6`), and so is `5)` outside groups. */
export function hintFor(value: string): string {
  const [, term] = /\s([A-Za-z][\w.]* *(?:[=<>]|!=|in ).*)$/.exec(value) ?? [];
  if (term !== undefined) return `; before "${shown(term)}" and, or, "," or ";" is missing`;
  return value.endsWith(')') && !value.includes('(') ? '; its ")" closes nothing' : '';
}

function valueFault<C extends FilterColumn>(column: C, text: string, { faultOf }: Vocabulary<C>): string | undefined {
  switch (column.kind) {
    case 'node':
      return undefined;
    case 'code':
      return codesOf(column, text).length > 0
        ? undefined
        : `${column.name} is one of ${column.codes.join(', ')}, not "${shown(text)}"`;
    case 'number':
      return rangeFault(column, text);
    default:
      return faultOf(column, text);
  }
}

/** What may stand as a value of a column, as messages list it. */
export function valuesAllowed(column: FilterColumn): readonly string[] {
  switch (column.kind) {
    case 'code':
      return column.codes;
    case 'number':
      return [`0-${numberMax(column)}`];
    case 'node':
      return ['NAME', 'GLOB', 'KEY'];
    case 'service':
      return ['tcp/443', 'udp/8000-8100', 'icmp', 'proto/47', 'other', 'https'];
    case 'interface':
      return ['192.0.2.1/3'];
    case 'address':
    case 'prefix':
      return ['10.0.0.1', '10.0.0.0/8', 'fd00::/8'];
    default:
      return ['aa:bb:cc:dd:ee:ff'];
  }
}

/** Positions of the codes that a name or a glob stands for. */
export function codesOf({ codes }: FilterColumn, text: string): number[] {
  return codes.flatMap((code, i) => (code === text || (isGlob(text) && globMatches(text, code)) ? [i] : []));
}

function isGlob(text: string): boolean {
  return /[*?]/.test(text);
}

const NUMBER_MAX = {
  UInt8: 0xff,
  UInt16: 0xffff,
  UInt32: 0xffffffff,
  UInt64: Number.MAX_SAFE_INTEGER,
  IPv6: 0,
  String: 0,
} as const;

function numberMax({ clickhouse }: FilterColumn): number {
  return NUMBER_MAX[clickhouse];
}

/** `80` and `8000-8100`; undefined for what is neither. */
export function numbersOf(text: string): { readonly low: number; readonly high: number } | undefined {
  const [, low, high = low] = /^(\d{1,16})(?:\s*-\s*(\d{1,16}))?$/.exec(text) ?? [];
  return low === undefined ? undefined : { low: Number(low), high: Number(high) };
}

function rangeFault(column: FilterColumn, text: string): string | undefined {
  const numbers = numbersOf(text);
  if (!numbers || Math.max(numbers.low, numbers.high) > numberMax(column))
    return `${column.name} is a whole number from 0 to ${numberMax(column)} or a range such as 10-20, not "${shown(text)}"`;
  return numbers.low > numbers.high ? `the range ${text} ends before it begins` : undefined;
}

function numberFault(column: FilterColumn, text: string): string | undefined {
  if (column.kind !== 'number') return undefined;
  const numbers = numbersOf(text);
  return numbers && /^\d+$/.test(text) && numbers.low <= numberMax(column)
    ? undefined
    : `${column.name} is a whole number from 0 to ${numberMax(column)}, not "${shown(text)}"`;
}
