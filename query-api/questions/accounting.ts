// Every stored record of a window by the reason why it counts or not, the inventory they were read with, and how much of
// what counts nobody named, and why. It reads the records themselves, the only table that has them all; so it is asked
// for windows of up to six hours.

import { COUNT_REASON, COUNT_REASONS, IDENTITY, MARKS } from '../../schemas/codes.ts';
import { UNELECTED_SQL } from '../../storage/elections.ts';
import { COUNTED } from '../../storage/spread.ts';
import type { Quality } from '../answers.ts';
import type { Statement } from '../tables.ts';
import { AMBIGUOUS_SQL, UNCLASSIFIED_SQL, unnamed } from '../unclassified.ts';
import type { FlowsQuestion } from './flows.ts';

export const ACCOUNTING_S_MAX = 6 * 3600;

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

export interface AccountingRow {
  readonly reason: number;
  readonly records: string;
  readonly inventoryMs: string;
  readonly bytes: string;
  readonly shared: string;
  readonly unnamed: readonly string[];
}

export function accountingStatement({ fromMs, toMs, lateMs, earlyMs }: Omit<FlowsQuestion, 'limit'>): Statement {
  const sql = `
SELECT countReason AS reason, count() AS records, toUnixTimestamp64Milli(max(inventoryAsOf)) AS inventoryMs,
  sum(volume) AS bytes, sumIf(volume, bitAnd(marks, ${MARKS.shared}) != 0) AS shared,
  [${UNCLASSIFIED_REASONS.map((_, i) => `toString(sumIf(volume, why = ${i + 1}))`).join(', ')}] AS unnamed
FROM (
  SELECT countReason, inventoryAsOf, marks, if(${UNELECTED_SQL}, estBytes, ${COUNTED.bytes}) AS volume, ${REASON_SQL} AS why
  FROM flows
  WHERE receivedAt >= fromUnixTimestamp64Milli({receivedFrom:Int64}) AND receivedAt < fromUnixTimestamp64Milli({receivedTo:Int64})
    AND flowEnd >= fromUnixTimestamp64Milli({from:Int64}) AND flowEnd < fromUnixTimestamp64Milli({to:Int64})
)
GROUP BY reason`;
  return { sql, params: { from: fromMs, to: toMs, receivedFrom: fromMs - earlyMs, receivedTo: toMs + lateMs } };
}

type Shaped = Pick<Quality, 'accounting' | 'inventoryAsOf' | 'sharedShare' | 'unclassifiedByReason'>;

export function shapeAccounting(rows: readonly AccountingRow[]): Shaped {
  const byReason = Object.fromEntries(
    COUNT_REASONS.map((name, code) => [name, Number(rows.find(row => row.reason === code)?.records ?? 0)]),
  );
  const inventoryMs = Math.max(0, ...rows.map(row => Number(row.inventoryMs)));
  const sum = (of: (row: AccountingRow) => string | undefined) =>
    rows.reduce((all, row) => all + Number(of(row) ?? 0), 0);
  const bytes = sum(row => row.bytes);
  return {
    accounting: {
      accepted: rows.reduce((all, row) => all + Number(row.records), 0),
      counted: Number(rows.find(row => row.reason === COUNT_REASON.elected)?.records ?? 0),
      byReason,
    },
    sharedShare: bytes > 0 ? sum(row => row.shared) / bytes : null,
    unclassifiedByReason:
      bytes > 0
        ? Object.fromEntries(UNCLASSIFIED_REASONS.map((name, i) => [name, sum(row => row.unnamed[i]) / bytes]))
        : null,
    inventoryAsOf: inventoryMs > 0 ? new Date(inventoryMs).toISOString() : null,
  };
}
