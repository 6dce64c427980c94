// The roll-up of unelected traffic by pair and observation point. The scheduled roll-up fills it.

import { FIVE_MINUTES_S, PAIR_SQL, POINT_SQL, UNELECTED_SQL } from './elections.ts';
import { rollupTable } from './rollup.ts';
import { PAIR_KEYS, spreadSql, WHOLE } from './spread.ts';
import { MINUTE_DAYS } from './table.ts';

export const UNELECTED_KEYS = [...PAIR_KEYS, 'pair', 'point'] as const;

export const UNELECTED_5M = rollupTable('unelected_5m', UNELECTED_KEYS, MINUTE_DAYS);

/** The rows of `unelected_5m` that records make; `where` narrows the records. */
export function unelectedSelectSql(where: string, from = 'flows'): string {
  return spreadSql({
    stepSeconds: FIVE_MINUTES_S,
    from,
    where: `${UNELECTED_SQL} AND (${where})`,
    keys: [...PAIR_KEYS, { name: 'pair', sql: PAIR_SQL }, { name: 'point', sql: POINT_SQL }],
    volume: WHOLE,
  });
}
