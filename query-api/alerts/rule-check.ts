// A rule against the questions of the API: whether its question, parameters and column exist, by the schemas of the
// questions themselves. A rule that passes can be evaluated; one that does not is refused when it is sent.

import { distance } from 'fastest-levenshtein';
import { type TObject, type TProperties, type TSchema, Type } from 'typebox';
import { type AlertRule, AlertRules, alertRulesFaults, durationMs } from '../../schemas/alert-rules.ts';
import { type Checker, DocumentError, documentChecker, type Fault } from '../../schemas/documents.ts';
import { closed } from '../answers/answers.ts';
import { ParameterError } from '../http/problem.ts';
import type { Right } from '../http/routes.ts';
import { QUESTIONS } from '../questions/all.ts';
import type { Question } from '../questions/question.ts';
import { parseCalendar } from '../sql/calendar.ts';
import { parseFilter } from '../sql/filter.ts';

type Table = ReturnType<NonNullable<Question['table']>>;

/** A rule with all that its evaluation needs. */
export interface ReadyRule {
  readonly rule: AlertRule;
  readonly question: Question;
  /** Checked, with defaults; from, to and format are missing. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly table: Table;
  /** Where the column is: in rows, or once in the answer. */
  readonly from: 'rows' | 'answer';
  readonly windowMs: number;
  readonly forMs: number;
  /** What somebody needs who may see its alerts: what its question needs. */
  readonly right: Right;
}

/** What the evaluator sets itself. */
const OWN_PARAMETERS = ['from', 'to', 'format'];
const NAMED_MAX = 8;

const byName = new Map(QUESTIONS.filter(({ body, table }) => !body && table).map(one => [one.name, one]));
const checkers = new Map<string, Checker<unknown>>();

export const alertRulesChecker: Checker<AlertRules> = documentChecker(AlertRules, (document, isPlaceholder) => [
  ...alertRulesFaults(document),
  ...document.rules.flatMap((rule, i) =>
    // What a fault of the schema has left without a value is no question.
    isPlaceholder(`/rules/${i}/question`) ? [] : readRule(rule, `/rules/${i}`).faults,
  ),
]);

/** For a rule of a document that this version or an earlier one has checked. */
export function readyRule(rule: AlertRule): { readonly ready?: ReadyRule; readonly faults: readonly Fault[] } {
  return readRule(rule, '');
}

function readRule(rule: AlertRule, at: string): { readonly ready?: ReadyRule; readonly faults: readonly Fault[] } {
  const question = byName.get(rule.question);
  if (!question) {
    const message = `"${rule.question}" is no question with rows to watch; ${near(rule.question, [...byName.keys()])}`;
    return { faults: [{ path: `${at}/question`, message }] };
  }
  let parameters: Record<string, unknown>;
  let table: Table;
  try {
    parameters = checkerOf(question).check('parameters', { ...rule.parameters }) as Record<string, unknown>;
    parseTexts(parameters);
    table = question.table!(parameters as never);
  } catch (error) {
    return { faults: parameterFaults(error, `${at}/parameters`) };
  }
  const column = findColumn(rule, question, table);
  const faults = [...column.faults, ...annotationFaults(rule, table)];
  if (faults.length > 0) return { faults: faults.map(({ path, message }) => ({ path: at + path, message })) };
  const { right } = question;
  return {
    ready: {
      ...{ rule, question, parameters, table, from: column.from },
      windowMs: durationMs(rule.window) ?? 0,
      forMs: durationMs(rule.for) ?? 0,
      right: typeof right === 'function' ? right(parameters) : right,
    },
    faults: [],
  };
}

/** The schema that the route has, less what the evaluator sets. */
function checkerOf({ name, parameters }: Question): Checker<unknown> {
  const known = checkers.get(name);
  if (known) return known;
  const own = Object.fromEntries(
    Object.entries(parameters.properties as TProperties).filter(([key]) => !OWN_PARAMETERS.includes(key)),
  );
  const checker = documentChecker(Type.Object(own, closed) as TObject) as Checker<unknown>;
  checkers.set(name, checker);
  return checker;
}

/** Languages that a schema does not know. Names in them are looked up when the rule is evaluated: they may come later. */
function parseTexts({ filter, calendar }: Readonly<Record<string, unknown>>): void {
  if (typeof filter === 'string') parseFilter('filter', filter);
  if (typeof calendar === 'string') parseCalendar('calendar', calendar);
}

function parameterFaults(error: unknown, at: string): Fault[] {
  if (error instanceof DocumentError)
    return error.faults.map(({ path, message }) => ({
      path: at + path,
      message: OWN_PARAMETERS.includes(path.slice(1)) ? 'is set by Hairpin; use `window`' : message,
    }));
  if (error instanceof ParameterError)
    return error.faults.map(({ parameter, reason }) => ({
      path: `${at}/${parameter}`,
      message: reason.split('\n')[0]!,
    }));
  throw error;
}

/** Where the column is, and whether it can be compared as the rule wants. */
function findColumn(
  { column, is }: AlertRule,
  question: Question,
  { kinds }: Table,
): { readonly from: ReadyRule['from']; readonly faults: readonly Fault[] } {
  const once = singleValues(question);
  const from = Object.hasOwn(kinds, column) ? 'rows' : 'answer';
  const kind = from === 'rows' ? kinds[column] : once.get(column);
  const refused = (message: string) => ({ from, faults: [{ path: '/column', message }] }) as const;
  if (kind === undefined)
    return refused(
      `"${column}" is no column of ${question.name}; ${near(column, [...Object.keys(kinds), ...once.keys()])}`,
    );
  if (is === undefined && kind !== 'number')
    return refused(
      `"${column}" holds no numbers; use \`is\`, or a column with numbers: ${near(column, numbersOf(kinds))}`,
    );
  if (is !== undefined && kind === 'number') return refused(`"${column}" holds numbers; use above or below`);
  return { from, faults: [] };
}

function numbersOf(kinds: Table['kinds']): string[] {
  return Object.keys(kinds).filter(name => kinds[name] === 'number');
}

/** What an answer has once: numbers and booleans of its own, and of its quality. */
function singleValues({ answer }: Question): ReadonlyMap<string, 'number' | 'boolean'> {
  const found = new Map<string, 'number' | 'boolean'>();
  const collect = (properties: TProperties) => {
    for (const [name, schema] of Object.entries(properties)) {
      const kind = singleKind(schema);
      if (kind && name !== 'elapsedMs' && !found.has(name)) found.set(name, kind);
    }
  };
  const { quality } = answer.properties as TProperties;
  collect(answer.properties as TProperties);
  if (quality) collect((quality as TObject).properties as TProperties);
  return found;
}

function singleKind(schema: TSchema): 'number' | 'boolean' | undefined {
  const { type } = schema as { readonly type?: string | readonly string[] };
  const types = [type ?? []].flat();
  if (types.includes('number') || types.includes('integer')) return 'number';
  return types.includes('boolean') ? 'boolean' : undefined;
}

export const PLACEHOLDER = /\{([a-zA-Z_][a-zA-Z0-9_]*)\}/g;

/** A text that stands for a column which is not there would be sent as it is, for years. */
function annotationFaults({ annotations, labels }: AlertRule, { keys }: Table): Fault[] {
  const known = ['value', 'rule', 'severity', ...keys, ...Object.keys(labels)];
  return Object.entries(annotations).flatMap(([name, text]) =>
    [...text.matchAll(PLACEHOLDER)]
      .filter(([, wanted]) => !known.includes(wanted!))
      .map(([whole, wanted]) => ({
        path: `/annotations/${name}`,
        message: `${whole} stands for nothing; ${near(wanted!, known)}`,
      })),
  );
}

/** The allowed names in the order of their likeness. */
function near(given: string, allowed: readonly string[]): string {
  const nearest = allowed.toSorted((a, b) => distance(given, a) - distance(given, b));
  return `the nearest are ${nearest.slice(0, NAMED_MAX).join(', ')}`;
}
