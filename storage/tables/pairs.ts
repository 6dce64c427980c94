// Roll-ups of elected traffic by pair of VMs. The scheduled roll-up fills the fine one, a view the coarse one.

import { ELECTED_SQL, FIVE_MINUTES_S } from './elections.ts';
import { type Coarser, rollupTable } from './rollup.ts';
import { COUNTED, PAIR_KEYS, spreadSql } from './spread.ts';
import { HOUR_DAYS, MINUTE_DAYS } from './table.ts';

export const PAIRS_5M = rollupTable('pairs_5m', PAIR_KEYS, MINUTE_DAYS);
export const PAIRS_1H = rollupTable('pairs_1h', PAIR_KEYS, HOUR_DAYS);

export const COARSER_PAIRS: readonly Coarser[] = [
  { from: 'pairs_5m', to: 'pairs_1h', stepSeconds: 3600, keys: PAIR_KEYS },
];

/** The rows of `pairs_5m` that records make; `where` narrows the records. */
export function pairsSelectSql(where: string, from = 'flows'): string {
  return spreadSql({
    stepSeconds: FIVE_MINUTES_S,
    from,
    where: `${ELECTED_SQL} AND (${where})`,
    keys: PAIR_KEYS,
    volume: COUNTED,
  });
}
