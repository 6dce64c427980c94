// Alerts, each from its first reading until it is resolved, and how the evaluation of each rule went last. A later row of an
// alert replaces the one before. Active alerts are written with every evaluation, so that only those that have ended expire.

import { homeOf, type Storage } from '../storage.ts';
import { dateTimeText } from './column-text.ts';
import { column, DATETIME_MS, DATETIME_US, HOUR_DAYS, type Table } from './table.ts';

export const ALERT_STATES = ['pending', 'firing', 'resolved'] as const;
export type AlertState = (typeof ALERT_STATES)[number];
/** `inactive`: it was pending, and the value came back before it fired. */
export type StoredState = AlertState | 'inactive';

export const ALERTS: Table = {
  name: 'alerts',
  columns: [
    column('fingerprint', 'String'),
    column('since', DATETIME_MS),
    column('rule', 'LowCardinality(String)'),
    // Of what the rule said when the alert began.
    column('definition', 'LowCardinality(String)'),
    column('requires', 'LowCardinality(String)'),
    // Rights that show addresses, joined by commas; empty: whoever may see the alert sees them.
    column('addresses', 'LowCardinality(String)'),
    column('severity', 'LowCardinality(String)'),
    column('state', 'LowCardinality(String)'),
    // 1970 where it has not fired or not ended.
    column('firedAt', DATETIME_MS),
    column('endedAt', DATETIME_MS),
    column('ending', 'LowCardinality(String)'),
    column('evaluatedAt', DATETIME_MS),
    column('unknownSince', DATETIME_MS),
    column('heldMs', 'UInt64'),
    column('value', 'String'),
    column('labels', 'String', 'CODEC(ZSTD(3))'),
    column('annotations', 'String', 'CODEC(ZSTD(3))'),
    // What the webhook was sent of it last, and when.
    column('notifiedState', 'LowCardinality(String)'),
    column('notifiedAt', DATETIME_MS),
    column('updatedAt', DATETIME_US, 'DEFAULT now64(6)'),
  ],
  engine: 'ReplacingMergeTree(updatedAt)',
  order: '(fingerprint, since)',
  expiry: {
    column: 'toDateTime(evaluatedAt)',
    days: HOUR_DAYS,
    // Alerts that never fired are no history. A row of `pending` expires a day before the one of `inactive` that replaces it:
    // they may lie in two parts, and it must not be there alone.
    sooner: [
      { days: 1, where: "state = 'pending'" },
      { days: 2, where: "state = 'inactive'" },
    ],
  },
};

export const ALERT_EVALUATIONS: Table = {
  name: 'alert_evaluations',
  columns: [
    column('rule', 'String'),
    column('requires', 'LowCardinality(String)'),
    column('evaluatedAt', DATETIME_MS),
    column('rows', 'UInt32'),
    column('truncated', 'UInt8'),
    column('error', 'String'),
    column('updatedAt', DATETIME_US, 'DEFAULT now64(6)'),
  ],
  engine: 'ReplacingMergeTree(updatedAt)',
  order: 'rule',
  expiry: { column: 'toDateTime(evaluatedAt)', days: HOUR_DAYS },
};

export type AlertValue = number | boolean | string | null;
export type Texts = Readonly<Record<string, string>>;

export interface AlertRow {
  readonly fingerprint: string;
  readonly sinceMs: number;
  readonly rule: string;
  /** What the rule said when the alert began, as a hash. */
  readonly definition: string;
  /** The right that somebody needs to see it. */
  readonly requires: string;
  readonly addresses: readonly string[];
  readonly severity: string;
  readonly state: StoredState;
  /** 0: not yet. */
  readonly firedAtMs: number;
  readonly endedAtMs: number;
  /** Why it ended, in a word; empty before. */
  readonly ending: string;
  readonly evaluatedAtMs: number;
  /** 0: the last value is known. */
  readonly unknownSinceMs: number;
  readonly heldMs: number;
  readonly value: AlertValue;
  readonly labels: Texts;
  readonly annotations: Texts;
  /** Empty: nothing of it was sent. */
  readonly notifiedState: StoredState | '';
  readonly notifiedAtMs: number;
}

export interface EvaluationRow {
  readonly rule: string;
  readonly requires: string;
  readonly evaluatedAtMs: number;
  readonly rows: number;
  readonly truncated: boolean;
  /** Empty: it succeeded. */
  readonly error: string;
}

const TIMES = ['since', 'firedAt', 'endedAt', 'evaluatedAt', 'unknownSince', 'notifiedAt'] as const;

/** Repeating it is harmless. */
export async function insertAlerts(storage: Storage, rows: readonly AlertRow[]): Promise<void> {
  if (rows.length === 0) return;
  await homeOf(storage).insert({
    table: 'alerts',
    rows: rows.map(row => ({
      ...row,
      ...Object.fromEntries(TIMES.map(name => [name, dateTimeText(row[`${name}Ms`])])),
      ...Object.fromEntries(TIMES.map(name => [`${name}Ms`, undefined])),
      addresses: row.addresses.join(','),
      value: JSON.stringify(row.value),
      labels: JSON.stringify(row.labels),
      annotations: JSON.stringify(row.annotations),
    })),
  });
}

export async function insertEvaluations(storage: Storage, rows: readonly EvaluationRow[]): Promise<void> {
  if (rows.length === 0) return;
  await homeOf(storage).insert({
    table: 'alert_evaluations',
    rows: rows.map(({ evaluatedAtMs, truncated, ...row }) => ({
      ...row,
      evaluatedAt: dateTimeText(evaluatedAtMs),
      truncated: truncated ? 1 : 0,
    })),
  });
}

const MS = (name: string) => `toString(toUnixTimestamp64Milli(a.${name}))`;
const ROW = [
  ...['fingerprint', 'rule', 'definition', 'requires', 'addresses', 'severity', 'state', 'ending', 'value', 'labels'],
  ...['annotations', 'notifiedState'],
]
  .map(name => `a.${name} AS ${name}`)
  .concat(TIMES.map(name => `${MS(name)} AS ${name}Text`))
  .concat('toString(a.heldMs) AS held')
  .join(', ');

type RowText = Pick<AlertRow, 'fingerprint' | 'rule' | 'definition' | 'requires' | 'severity' | 'state' | 'ending'> &
  Pick<AlertRow, 'notifiedState'> &
  Readonly<Record<`${(typeof TIMES)[number]}Text` | 'addresses' | 'value' | 'labels' | 'annotations' | 'held', string>>;

/** Those that are active, and those that have ended since and of which the webhook was not sent that. */
export async function unfinishedAlerts(storage: Storage, sinceMs: number, limit: number): Promise<AlertRow[]> {
  const rows = await homeOf(storage).select<RowText>(
    `SELECT ${ROW} FROM alerts AS a FINAL
     WHERE a.state IN ('pending', 'firing') OR (a.state = 'resolved' AND a.notifiedState != 'resolved' AND a.endedAt >= fromUnixTimestamp64Milli({since:Int64}))
     ORDER BY a.state = 'resolved', a.since LIMIT {limit:UInt32}`,
    { since: Math.floor(sinceMs), limit },
  );
  return rows.map(rowOf);
}

export interface AlertSelection {
  readonly states: readonly AlertState[];
  /** Undefined: of every rule. */
  readonly rule: string | undefined;
  /** Only alerts of rules that need one of these. */
  readonly rights: readonly string[];
  readonly limit: number;
  readonly offset: number;
}

const SELECTED = `FROM alerts AS a FINAL
WHERE a.state IN {states:Array(String)} AND a.requires IN {rights:Array(String)} AND ({anyRule:UInt8} = 1 OR a.rule = {rule:String})`;

/** Firing ones first, then pending, then resolved, the newest first; and how many there are in all. */
export async function selectAlerts(
  storage: Storage,
  { states, rule, rights, limit, offset }: AlertSelection,
): Promise<{ readonly alerts: AlertRow[]; readonly count: number }> {
  const home = homeOf(storage);
  const params = { states, rights, anyRule: rule === undefined ? 1 : 0, rule: rule ?? '' };
  const [rows, [counted]] = await Promise.all([
    home.select<RowText>(
      `SELECT ${ROW} ${SELECTED}
       ORDER BY indexOf(['firing', 'pending', 'resolved'], a.state), greatest(a.endedAt, a.since) DESC, a.fingerprint
       LIMIT {limit:UInt32} OFFSET {offset:UInt32}`,
      { ...params, limit, offset },
    ),
    home.select<{ n: string }>(`SELECT toString(count()) AS n ${SELECTED}`, params),
  ]);
  return { alerts: rows.map(rowOf), count: Number(counted?.n ?? 0) };
}

/** The last evaluation, of the rules that need one of these rights, by name. */
export async function selectEvaluations(storage: Storage, rights: readonly string[]): Promise<EvaluationRow[]> {
  const rows = await homeOf(storage).select<
    Pick<EvaluationRow, 'rule' | 'requires' | 'error' | 'rows'> & { at: string; cut: number }
  >(
    `SELECT a.rule AS rule, a.requires AS requires, a.error AS error, a.rows AS rows, a.truncated AS cut, ${MS('evaluatedAt')} AS at
     FROM alert_evaluations AS a FINAL
     WHERE a.requires IN {rights:Array(String)} AND a.evaluatedAt = (SELECT max(evaluatedAt) FROM alert_evaluations)
     ORDER BY a.rule`,
    { rights },
  );
  return rows.map(({ at, cut, ...row }) => ({ ...row, evaluatedAtMs: Number(at), truncated: cut > 0 }));
}

function rowOf({ held, addresses, value, labels, annotations, ...row }: RowText): AlertRow {
  return {
    ...{ fingerprint: row.fingerprint, rule: row.rule, definition: row.definition, requires: row.requires },
    ...{ severity: row.severity, state: row.state, ending: row.ending, notifiedState: row.notifiedState },
    sinceMs: Number(row.sinceText),
    firedAtMs: Number(row.firedAtText),
    endedAtMs: Number(row.endedAtText),
    evaluatedAtMs: Number(row.evaluatedAtText),
    unknownSinceMs: Number(row.unknownSinceText),
    notifiedAtMs: Number(row.notifiedAtText),
    heldMs: Number(held),
    addresses: addresses === '' ? [] : addresses.split(','),
    value: JSON.parse(value) as AlertValue,
    labels: JSON.parse(labels) as Texts,
    annotations: JSON.parse(annotations) as Texts,
  };
}
