// The document of alert rules: what of which answer is watched, and where the bounds are. The rules here need nothing but
// the document; query-api/alerts/rule-check.ts also knows questions, parameters and columns.

import { type Static, Type } from 'typebox';
import type { Fault } from './documents.ts';
import { UNIT_MS } from './durations.ts';

const closed = { additionalProperties: false } as const;

export const RULES_MAX = 500;
/** Of labels and annotations of one rule, each. */
const TEXTS_MAX = 32;

const DURATION = '^(0|[1-9]\\d{0,5})([smhdw])$';
const DURATION_EXPECTED = 'a duration: a number with s, m, h, d or w (1h)';
const DAY_MS = 86_400_000;
/** Answers about settled traffic have no finer buckets. */
export const BUCKET_MS = 300_000;
const WINDOW_MS_MAX = 366 * DAY_MS;
const FOR_MS_MAX = 7 * DAY_MS;

const duration = (normal: string, description: string) =>
  Type.String({ default: normal, pattern: DURATION, expected: DURATION_EXPECTED, description });

/** Names as Prometheus and Alertmanager have them. */
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/;
const texts = (description: string) =>
  Type.Record(Type.String(), Type.String({ maxLength: 1000 }), {
    ...{ default: {}, maxProperties: TEXTS_MAX, propertyNames: { pattern: LABEL_NAME.source }, description },
  });

export const AlertRule = Type.Object(
  {
    name: Type.String({
      ...{ minLength: 1, maxLength: 100 },
      description: 'the label `alertname`; no two rules have the same',
    }),
    question: Type.String({
      ...{ minLength: 1, maxLength: 64 },
      description: 'a question of the API whose table is watched: matrix, top, coverage, exporters, links',
    }),
    parameters: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]), {
      default: {},
      description: 'those of GET /api/v1/QUESTION, without from, to and format',
    }),
    window: duration('5m', 'how long the window of the question is; it ends at the newest settled five-minute bucket'),
    column: Type.String({
      ...{ minLength: 1, maxLength: 64 },
      description: 'a column of the table, or a value that the answer has once, as coverage',
    }),
    above: Type.Optional(Type.Number({ description: 'the alert begins above this value' })),
    below: Type.Optional(Type.Number({ description: 'the alert begins below this value' })),
    is: Type.Optional(
      Type.Union([Type.Boolean(), Type.String({ maxLength: 255 })], {
        description: 'the alert begins where the column has this value',
      }),
    ),
    clear: Type.Optional(
      Type.Number({ description: 'hysteresis: the value at which the alert ends; left out: where it begins' }),
    ),
    for: duration('0s', 'how long the value must be beyond the bound before the alert fires'),
    severity: Type.String({
      default: 'warning',
      pattern: '^[a-z][a-z0-9_-]{0,31}$',
      expected: 'a word in small letters',
    }),
    labels: texts('more labels of each alert'),
    annotations: texts('texts of each alert; {column} stands for the value of a column, {value} for the value watched'),
  },
  closed,
);
export type AlertRule = Static<typeof AlertRule>;

export const AlertRules = Type.Object({ rules: Type.Array(AlertRule, { default: [], maxItems: RULES_MAX }) }, closed);
export type AlertRules = Static<typeof AlertRules>;

/** Labels that Hairpin itself gives to every alert. */
const OWN_LABELS = ['alertname', 'severity'];

/** Undefined when the text is no duration. */
export function durationMs(text: string): number | undefined {
  const [, digits, unit] = new RegExp(DURATION).exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * UNIT_MS[unit!]!;
}

/** What the schema cannot say of a document by itself. */
export function alertRulesFaults({ rules }: AlertRules): Fault[] {
  const faults: Fault[] = [];
  const names = new Map<string, number>();
  for (const [i, rule] of rules.entries()) {
    const at = `/rules/${i}`;
    const first = names.get(rule.name);
    if (first === undefined) names.set(rule.name, i);
    else faults.push({ path: `${at}/name`, message: `"${rule.name}" is the name of /rules/${first} already` });
    faults.push(...boundFaults(rule, at), ...timeFaults(rule, at));
    for (const label of OWN_LABELS)
      if (Object.hasOwn(rule.labels, label))
        faults.push({ path: `${at}/labels/${label}`, message: 'is given by Hairpin; choose another name' });
  }
  return faults;
}

function boundFaults({ above, below, is, clear }: AlertRule, at: string): Fault[] {
  const given = [above, below, is].filter(bound => bound !== undefined).length;
  if (given !== 1)
    return [{ path: at, message: `needs one of above, below and is${given === 0 ? '' : `, and has ${given}`}` }];
  if (clear === undefined) return [];
  if (is !== undefined) return [{ path: `${at}/clear`, message: 'goes with above or below' }];
  if (above !== undefined && clear > above)
    return [{ path: `${at}/clear`, message: `must not lie over above, which is ${above}` }];
  if (below !== undefined && clear < below)
    return [{ path: `${at}/clear`, message: `must not lie under below, which is ${below}` }];
  return [];
}

function timeFaults(rule: AlertRule, at: string): Fault[] {
  const faults: Fault[] = [];
  const windowMs = durationMs(rule.window);
  if (windowMs !== undefined && (windowMs % BUCKET_MS !== 0 || windowMs === 0 || windowMs > WINDOW_MS_MAX))
    faults.push({ path: `${at}/window`, message: 'must be whole five minutes (5m, 1h, 7d), at most 366d' });
  const forMs = durationMs(rule.for);
  if (forMs !== undefined && forMs > FOR_MS_MAX) faults.push({ path: `${at}/for`, message: 'must be at most 7d' });
  return faults;
}
