// The roll-up of unelected traffic by pair and observation point. The scheduled roll-up fills it.
//
// Columns that follow from pair and point are no part of the sorting key, so that a table of an earlier version gets them
// like any other column. There they are 0 in rows that were rolled up before.

import { FIVE_MINUTES_S, POINT_COLUMNS, UNELECTED_COLUMNS, UNELECTED_SQL } from './elections.ts';
import { rollupTable } from './rollup.ts';
import { PAIR_KEYS, spreadSql, WHOLE } from './spread.ts';
import { MINUTE_DAYS } from './table.ts';

const FOLLOWING = POINT_COLUMNS.map(({ name }) => name);

export const UNELECTED_KEYS = [...PAIR_KEYS, ...UNELECTED_COLUMNS.map(({ name }) => name)] as const;

export const UNELECTED_5M = rollupTable('unelected_5m', [...PAIR_KEYS, 'pair', 'point'], MINUTE_DAYS, FOLLOWING);

/** The rows of `unelected_5m` that records make; `where` narrows the records. */
export function unelectedSelectSql(where: string, from = 'flows'): string {
  return spreadSql({
    stepSeconds: FIVE_MINUTES_S,
    from,
    where: `${UNELECTED_SQL} AND (${where})`,
    keys: [...PAIR_KEYS, ...UNELECTED_COLUMNS],
    volume: WHOLE,
  });
}
