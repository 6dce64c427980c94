// From when registered exporters are live or silent, as the leader of the enrichers decided it (inventory/liveness), and
// which of these decisions are settled: what was elected before they were known is put right. Only changes are written, and
// a later row of one exporter and moment replaces the one before; `void` takes it back. Rows stay: the newest one of an
// exporter may be of any age.

import { formatAddress, parseAddress } from '../../schemas/address.ts';
import { homeOf, type Storage } from '../storage.ts';
import { dateTimeText, mappedAddress } from './column-text.ts';
import { column, DATETIME_MS, DATETIME_US, type Table } from './table.ts';

export const LIVENESS: Table = {
  name: 'liveness',
  columns: [
    column('exporter', 'IPv6'),
    // -1 and 0: every one, as the registry states the exporter.
    column('domain', 'Int64'),
    column('protocol', 'UInt8'),
    column('at', DATETIME_MS),
    column('state', 'LowCardinality(String)'),
    column('decidedAt', DATETIME_US, 'DEFAULT now64(6)'),
    // The span of flow time whose records may have been elected otherwise.
    column('changedFrom', DATETIME_MS),
    column('changedUntil', DATETIME_MS),
  ],
  engine: 'ReplacingMergeTree(decidedAt)',
  order: '(exporter, domain, protocol, at)',
};

export const LIVENESS_SETTLED: Table = {
  name: 'liveness_settled',
  columns: [
    column('exporter', 'IPv6'),
    column('domain', 'Int64'),
    column('protocol', 'UInt8'),
    column('at', DATETIME_MS),
    column('decidedAt', DATETIME_US),
    column('outcome', 'LowCardinality(String)'),
    column('detail', 'String'),
    column('settledAt', DATETIME_US, 'DEFAULT now64(6)'),
  ],
  engine: 'ReplacingMergeTree(settledAt)',
  order: '(exporter, domain, protocol, at, decidedAt)',
};

export interface LivenessRow {
  /** In canonical form. */
  readonly exporter: string;
  readonly domain: number;
  readonly protocol: number;
  readonly atMs: number;
  readonly state: 'live' | 'silent' | 'void';
  readonly changedFromMs: number;
  readonly changedUntilMs: number;
}

export interface DecidedRow extends LivenessRow {
  /** Microseconds since the epoch, by the clock of the server. */
  readonly decidedAt: string;
}

export async function insertLiveness(storage: Storage, rows: readonly LivenessRow[]): Promise<void> {
  if (rows.length === 0) return;
  await homeOf(storage).insert({
    table: 'liveness',
    rows: rows.map(({ exporter, atMs, changedFromMs, changedUntilMs, ...row }) => ({
      ...row,
      exporter: mappedAddress(exporter),
      at: dateTimeText(atMs),
      changedFrom: dateTimeText(changedFromMs),
      changedUntil: dateTimeText(changedUntilMs),
    })),
  });
}

const MS = (name: string) => `toString(toUnixTimestamp64Milli(l.${name}))`;
const ROW = `toString(l.exporter) AS address, toInt32(l.protocol) AS code, toString(l.domain) AS domainText, ${MS('at')} AS atText, l.state AS state,
  toString(toUnixTimestamp64Micro(l.decidedAt)) AS decided, ${MS('changedFrom')} AS fromText, ${MS('changedUntil')} AS untilText`;

type RowText = Readonly<
  Record<'address' | 'domainText' | 'atText' | 'decided' | 'fromText' | 'untilText', string> & {
    code: number;
    state: LivenessRow['state'];
  }
>;

/** No transition is later: ClickHouse holds no later time. */
const END_OF_TIME_MS = Date.UTC(2299, 0);

/** What holds from `sinceMs` until `untilMs`: of each exporter the transitions between them, and the last one before. */
export async function livenessSince(
  storage: Storage,
  sinceMs: number,
  untilMs = END_OF_TIME_MS,
): Promise<DecidedRow[]> {
  const rows = await homeOf(storage).select<RowText>(
    `SELECT ${ROW} FROM liveness AS l FINAL
     WHERE l.state != 'void' AND l.at >= fromUnixTimestamp64Milli({since:Int64}) AND l.at < fromUnixTimestamp64Milli({until:Int64})
     UNION ALL
     SELECT * FROM (
       SELECT ${ROW} FROM liveness AS l FINAL WHERE l.state != 'void' AND l.at < fromUnixTimestamp64Milli({since:Int64})
       ORDER BY l.at DESC LIMIT 1 BY l.exporter, l.domain, l.protocol
     )`,
    { since: Math.floor(sinceMs), until: Math.min(END_OF_TIME_MS, Math.ceil(untilMs)) },
  );
  return rows.map(rowOf).sort((a, b) => a.atMs - b.atMs);
}

/** Another text whenever anything was decided. */
export async function livenessVersion(storage: Storage): Promise<string> {
  const [row] = await homeOf(storage).select<{ version: string }>(
    "SELECT concat(toString(count()), ' ', toString(toUnixTimestamp64Micro(max(decidedAt)))) AS version FROM liveness",
  );
  return row?.version ?? '';
}

const UNSETTLED =
  '(l.exporter, l.domain, l.protocol, l.at, l.decidedAt) GLOBAL NOT IN (SELECT exporter, domain, protocol, at, decidedAt FROM liveness_settled';

/** Decisions whose records are not put right yet, made at least `ageS` seconds ago by the clock of the server. */
export async function unsettledLiveness(storage: Storage, ageS: number): Promise<DecidedRow[]> {
  const rows = await homeOf(storage).select<RowText>(
    `SELECT ${ROW} FROM liveness AS l FINAL
     WHERE l.decidedAt <= now64(6) - toIntervalSecond({age:UInt32}) AND ${UNSETTLED}) ORDER BY l.decidedAt`,
    { age: ageS },
  );
  return rows.map(rowOf);
}

export interface Settlement {
  readonly outcome: 'repaired' | 'refused';
  readonly detail: string;
}

/** Repeating it is harmless. */
export async function settleLiveness(
  storage: Storage,
  rows: readonly DecidedRow[],
  { outcome, detail }: Settlement,
): Promise<void> {
  await homeOf(storage).insert({
    table: 'liveness_settled',
    rows: rows.map(({ exporter, domain, protocol, atMs, decidedAt }) => ({
      exporter: mappedAddress(exporter),
      domain,
      protocol,
      at: dateTimeText(atMs),
      decidedAt: microsText(decidedAt),
      outcome,
      detail,
    })),
  });
}

/** SQL of the spans that overlap a window and are not put right: `fromMs`, `untilMs`, `refused`. */
export const PROVISIONAL_SQL = `SELECT toString(toUnixTimestamp64Milli(l.changedFrom)) AS fromMs, toString(toUnixTimestamp64Milli(l.changedUntil)) AS untilMs,
  (l.exporter, l.domain, l.protocol, l.at, l.decidedAt) GLOBAL IN (SELECT exporter, domain, protocol, at, decidedAt FROM liveness_settled WHERE outcome = 'refused') AS refused
FROM liveness AS l FINAL
WHERE l.changedFrom < fromUnixTimestamp64Milli({to:Int64}) AND l.changedUntil > fromUnixTimestamp64Milli({from:Int64}) AND ${UNSETTLED} WHERE outcome != 'refused')
ORDER BY l.changedFrom LIMIT {limit:UInt32}`;

function rowOf({ address, code, domainText, atText, state, decided, fromText, untilText }: RowText): DecidedRow {
  return {
    exporter: formatAddress(parseAddress(address)!),
    domain: Number(domainText),
    protocol: code,
    atMs: Number(atText),
    state,
    decidedAt: decided,
    changedFromMs: Number(fromText),
    changedUntilMs: Number(untilText),
  };
}

/** `2026-01-31 12:00:00.000123`, for DateTime64(6, 'UTC'). */
function microsText(micros: string): string {
  const value = BigInt(micros);
  return `${dateTimeText(Number(value / 1000n))}${String(value % 1000n).padStart(3, '0')}`;
}
