// Every stored record of a window by the reason why it counts or not, and the inventory they were read with. It reads
// the records themselves, the only table that has them all; so it is asked for windows of up to six hours.

import { COUNT_REASON, COUNT_REASONS } from '../../schemas/codes.ts';
import type { Quality } from '../answers.ts';
import type { Statement } from '../tables.ts';
import type { FlowsQuestion } from './flows.ts';

export const ACCOUNTING_S_MAX = 6 * 3600;

export interface AccountingRow {
  readonly reason: number;
  readonly records: string;
  readonly inventoryMs: string;
}

export function accountingStatement({ fromMs, toMs, lateMs, earlyMs }: Omit<FlowsQuestion, 'limit'>): Statement {
  const sql = `
SELECT countReason AS reason, count() AS records, toUnixTimestamp64Milli(max(inventoryAsOf)) AS inventoryMs
FROM flows
WHERE receivedAt >= fromUnixTimestamp64Milli({receivedFrom:Int64}) AND receivedAt < fromUnixTimestamp64Milli({receivedTo:Int64})
  AND flowEnd >= fromUnixTimestamp64Milli({from:Int64}) AND flowEnd < fromUnixTimestamp64Milli({to:Int64})
GROUP BY reason`;
  return { sql, params: { from: fromMs, to: toMs, receivedFrom: fromMs - earlyMs, receivedTo: toMs + lateMs } };
}

export function shapeAccounting(rows: readonly AccountingRow[]): Pick<Quality, 'accounting' | 'inventoryAsOf'> {
  const byReason = Object.fromEntries(
    COUNT_REASONS.map((name, code) => [name, Number(rows.find(row => row.reason === code)?.records ?? 0)]),
  );
  const inventoryMs = Math.max(0, ...rows.map(row => Number(row.inventoryMs)));
  return {
    accounting: {
      accepted: rows.reduce((sum, row) => sum + Number(row.records), 0),
      counted: Number(rows.find(row => row.reason === COUNT_REASON.elected)?.records ?? 0),
      byReason,
    },
    inventoryAsOf: inventoryMs > 0 ? new Date(inventoryMs).toISOString() : null,
  };
}
