// The answer of a rule's question about one window, as readings: one for each row of its table, or one of the whole answer.

import type { AlertValue } from '../../storage/tables/alerts.ts';
import type { FlatRow, FlatValue } from '../http/format-table.ts';
import type { QuestionContext } from '../questions/question.ts';
import { type Described, definitionOf, fingerprintOf, type Reading, readingOf } from './alert.ts';
import { PLACEHOLDER, type ReadyRule } from './rule-check.ts';

/** Rows of one answer that are read; what lies beyond is reported as cut off. */
export const ROWS_MAX = 1000;
const TEXT_LENGTH_MAX = 1000;

export interface RowReading {
  readonly described: Described;
  readonly value: AlertValue;
  readonly reading: Reading;
}

export interface RuleReading {
  /** By fingerprint. */
  readonly rows: ReadonlyMap<string, RowReading>;
  /** What is said of a row that is not among them. */
  readonly absent: { readonly reading: Reading; readonly value: AlertValue };
  readonly truncated: boolean;
}

/** Throws what the question throws. */
export async function readRule(ready: ReadyRule, atMs: number, context: QuestionContext): Promise<RuleReading> {
  const { rule, question, parameters, table, from } = ready;
  const window = { from: new Date(atMs - ready.windowMs).toISOString(), to: new Date(atMs).toISOString() };
  const found = await question.respond({ ...parameters, ...window, format: 'json' } as never, context);
  const answer = found.answer as Readonly<Record<string, unknown>>;
  // Tables moved while they were read: a minute may be missing or counted twice.
  const isSteady = answer['steady'] !== false;
  const readings = new Map<string, RowReading>();
  let truncated = false;
  const rows = from === 'rows' ? found.rows() : [{ [rule.column]: singleValue(answer, rule.column) }];
  const described = describer(ready, from === 'rows' ? table.keys : []);
  for (const row of rows) {
    const one = described(row);
    if (readings.size >= ROWS_MAX && !readings.has(one.fingerprint)) truncated = true;
    else {
      const value = row[rule.column] ?? null;
      readings.set(one.fingerprint, { described: one, value, reading: isSteady ? readingOf(rule, value) : 'unknown' });
    }
  }
  const isZero = isSteady && !truncated && from === 'rows' && table.isWhole?.(found.answer) === true;
  const absent = isZero ? { reading: readingOf(rule, 0), value: 0 } : { reading: 'unknown' as const, value: null };
  return { rows: readings, absent, truncated };
}

/** Of the answer itself, else of its quality. */
function singleValue(answer: Readonly<Record<string, unknown>>, column: string): FlatValue {
  const quality = (answer['quality'] ?? {}) as Readonly<Record<string, unknown>>;
  return ((Object.hasOwn(answer, column) ? answer[column] : quality[column]) ?? null) as FlatValue;
}

function describer({ rule, right, question }: ReadyRule, keys: readonly string[]): (row: FlatRow) => Described {
  const definition = definitionOf(rule);
  return row => {
    const values = keys.map(key => textOf(row[key]));
    const own = Object.fromEntries(keys.map((key, i) => [key, values[i]!]));
    const labels = { ...own, ...rule.labels, alertname: rule.name, severity: rule.severity };
    const texts = { ...labels, rule: rule.name, value: textOf(rounded(row[rule.column])) };
    return {
      ...{ rule: rule.name, definition, requires: right, addresses: question.addresses ?? [], severity: rule.severity },
      fingerprint: fingerprintOf(rule.name, definition, values),
      labels,
      annotations: Object.fromEntries(
        Object.entries(rule.annotations).map(([name, text]) => [name, filledIn(text, texts)]),
      ),
    };
  };
}

/** For people: 2000.0000000000002 is 2000. */
function rounded(value: FlatValue | undefined): FlatValue | undefined {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value;
}

/** What is filled in is not looked through again: a name may hold braces. */
function filledIn(text: string, values: Readonly<Record<string, string>>): string {
  return text
    .replace(PLACEHOLDER, (whole, name: string) => (Object.hasOwn(values, name) ? values[name]! : whole))
    .slice(0, 2 * TEXT_LENGTH_MAX);
}

function textOf(value: FlatValue | undefined): string {
  return value === null || value === undefined ? '' : String(value).slice(0, TEXT_LENGTH_MAX);
}
