// What the scheduled roll-up has done: a row for each state of a minute of `storedAt`. The name of the table is older than
// the name of the roll-up.
//
// Readers take rows stored before ROLLED_UP_UNTIL_SQL from the roll-ups and later ones from the records. A minute that is
// `started` and not `done` is being moved from one to the other. A day that is `audited` was compared with its records.

import type { Storage } from '../storage.ts';
import { column, DATETIME, DATETIME_MS, type Table } from './table.ts';

export const PASSES: Table = {
  name: 'passes',
  columns: [
    column('minute', DATETIME),
    column('state', 'LowCardinality(String)'),
    column('at', DATETIME_MS, 'DEFAULT now64(3)'),
  ],
  engine: 'ReplacingMergeTree(at)',
  order: '(minute, state)',
};

export const MINUTE_S = 60;

/** Seconds since the epoch: every record stored before is in the roll-ups. 60 before the first roll-up. */
export const ROLLED_UP_UNTIL_SQL = `SELECT toUInt32(toUInt32(max(minute)) + ${MINUTE_S}) AS rolledUpUntil FROM passes WHERE state = 'done'`;

export function recordMinute(storage: Storage, minuteS: number, state: 'started' | 'done' | 'audited'): Promise<void> {
  return storage.command(
    "INSERT INTO passes (minute, state) SELECT toDateTime({minute:UInt32}, 'UTC'), {state:String}",
    { minute: minuteS, state },
  );
}

/** Seconds since the epoch: every record stored before is in the tables of the scheduled roll-up. */
export async function rolledUpUntil(storage: Storage): Promise<number> {
  const [row] = await storage.select<{ rolledUpUntil: number }>(ROLLED_UP_UNTIL_SQL);
  return row?.rolledUpUntil ?? 0;
}

/** Minutes whose roll-up has started and is not done. */
export async function minutesHalfDone(storage: Storage): Promise<number[]> {
  const rows = await storage.select<{ minute: number }>(
    `SELECT DISTINCT toUInt32(minute) AS minute FROM passes WHERE state = 'started' AND toUInt32(minute) >= (${ROLLED_UP_UNTIL_SQL}) ORDER BY minute`,
  );
  return rows.map(row => row.minute);
}

/** The starts of the days that were compared with their records. */
export async function auditedDays(storage: Storage): Promise<Set<number>> {
  const rows = await storage.select<{ minute: number }>(
    "SELECT DISTINCT toUInt32(minute) AS minute FROM passes WHERE state = 'audited'",
  );
  return new Set(rows.map(({ minute }) => minute));
}
