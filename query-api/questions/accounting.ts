// Every stored record of a window by the reason why it counts or not, the inventory they were read with, and how much of
// what counts nobody named, and why. It reads the records themselves, the only table that has them all; so it is asked
// for windows of up to six hours, or for the last six of a longer one.

import { COUNT_REASON, COUNT_REASONS, IDENTITY, MARKS, RATE_SOURCE } from '../../schemas/codes.ts';
import { UNELECTED_SQL } from '../../storage/tables/elections.ts';
import { COUNTED } from '../../storage/tables/spread.ts';
import type { Quality } from '../answers/answers.ts';
import type { Statement } from '../sql/tables.ts';
import { AMBIGUOUS_SQL, UNCLASSIFIED_SQL, unnamed } from '../sql/unclassified.ts';
import { EXPORTERS_MAX } from './exporters.ts';
import type { EndedWindow } from './receipt.ts';

/** Why an end has no application, the gravest first: the end that says most against a record decides. */
export const UNCLASSIFIED_REASONS = [
  'ambiguous',
  'unknown-mac',
  'unknown-address',
  'stale-inventory',
  'no-rule',
] as const;
export type UnclassifiedReason = (typeof UNCLASSIFIED_REASONS)[number];

const eitherEnd = (end: (side: 'src' | 'dst') => string) => `(${end('src')} OR ${end('dst')})`;
const unknown = (side: 'src' | 'dst') => `${unnamed(`${side}App`)} AND ${side}Identity = ${IDENTITY.none}`;
/** 1 + the place in UNCLASSIFIED_REASONS, 0 for a record whose ends are named. */
const REASON_SQL = `multiIf(
  NOT ${UNCLASSIFIED_SQL}, 0,
  ${eitherEnd(side => `${side}App = ${AMBIGUOUS_SQL}`)}, 1,
  etherType NOT IN (0x0800, 0x86dd) AND ${eitherEnd(unknown)}, 2,
  ${eitherEnd(unknown)}, 3,
  bitAnd(marks, ${MARKS.stale}) != 0, 4, 5)`;

/** Neither exporter nor registry reports a rate; whoever scales by one it does not report is no such exporter. */
export const UNKNOWN_RATE_SQL = `(samplingRate = 0 AND rateSource != ${RATE_SOURCE.prescaled})`;

/** Records whose flow ended in the window. */
const ENDED_SQL = `receivedAt >= fromUnixTimestamp64Milli({receivedFrom:Int64}) AND receivedAt < fromUnixTimestamp64Milli({receivedTo:Int64})
    AND flowEnd >= fromUnixTimestamp64Milli({from:Int64}) AND flowEnd < fromUnixTimestamp64Milli({to:Int64})`;

function endedParams({ fromMs, toMs, lateMs, earlyMs }: EndedWindow) {
  return { from: fromMs, to: toMs, receivedFrom: fromMs - earlyMs, receivedTo: toMs + lateMs };
}

export interface AccountingRow {
  readonly reason: number;
  readonly records: string;
  readonly inventoryMs: string;
  readonly bytes: string;
  readonly shared: string;
  readonly unknownRate: string;
  readonly unknownError: string;
  readonly unnamed: readonly string[];
}

export function accountingStatement(window: EndedWindow): Statement {
  const sql = `
SELECT countReason AS reason, count() AS records, toUnixTimestamp64Milli(max(inventoryAsOf)) AS inventoryMs,
  sum(volume) AS bytes, sumIf(volume, bitAnd(marks, ${MARKS.shared}) != 0) AS shared,
  countIf(rateless) AS unknownRate, sumIf(volume, samplingRate = 0) AS unknownError,
  [${UNCLASSIFIED_REASONS.map((_, i) => `toString(sumIf(volume, why = ${i + 1}))`).join(', ')}] AS unnamed
FROM (
  SELECT countReason, inventoryAsOf, marks, samplingRate, ${UNKNOWN_RATE_SQL} AS rateless, multiIf(countReason IN (${COUNT_REASON.implausible}, ${COUNT_REASON['running-total']}), 0, ${UNELECTED_SQL}, estBytes, ${COUNTED.bytes}) AS volume, ${REASON_SQL} AS why
  FROM flows
  WHERE ${ENDED_SQL}
)
GROUP BY reason`;
  return { sql, params: endedParams(window) };
}

export interface RatelessRow {
  readonly address: string;
  readonly domain: number;
  readonly code: number;
}

/** Exporters with records whose sampling rate nobody reports. */
export function ratelessStatement(window: EndedWindow): Statement {
  const sql = `
SELECT toString(exporter) AS address, observationDomain AS domain, protocol AS code
FROM flows
WHERE ${ENDED_SQL} AND ${UNKNOWN_RATE_SQL}
GROUP BY exporter, observationDomain, protocol
ORDER BY count() DESC, address, domain, code
LIMIT ${EXPORTERS_MAX}`;
  return { sql, params: endedParams(window) };
}

type Shaped = Pick<
  Quality,
  'accounting' | 'inventoryAsOf' | 'sharedShare' | 'unclassifiedByReason' | 'unknownRateShare' | 'unknownErrorShare'
>;

export function shapeAccounting(rows: readonly AccountingRow[]): Shaped {
  const byReason = Object.fromEntries(
    COUNT_REASONS.map((name, code) => [name, Number(rows.find(row => row.reason === code)?.records ?? 0)]),
  );
  const inventoryMs = Math.max(0, ...rows.map(row => Number(row.inventoryMs)));
  const sum = (of: (row: AccountingRow) => string | undefined) =>
    rows.reduce((all, row) => all + Number(of(row) ?? 0), 0);
  const bytes = sum(row => row.bytes);
  const accepted = sum(row => row.records);
  return {
    accounting: {
      accepted,
      counted: Number(rows.find(row => row.reason === COUNT_REASON.elected)?.records ?? 0),
      byReason,
    },
    unknownRateShare: accepted > 0 ? sum(row => row.unknownRate) / accepted : null,
    unknownErrorShare: bytes > 0 ? sum(row => row.unknownError) / bytes : null,
    sharedShare: bytes > 0 ? sum(row => row.shared) / bytes : null,
    unclassifiedByReason:
      bytes > 0
        ? Object.fromEntries(UNCLASSIFIED_REASONS.map((name, i) => [name, sum(row => row.unnamed[i]) / bytes]))
        : null,
    inventoryAsOf: inventoryMs > 0 ? new Date(inventoryMs).toISOString() : null,
  };
}
