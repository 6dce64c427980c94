// Roll-ups of elected traffic by application and service. Views fill them with every insert of records.

import { ELECTED_SQL } from './elections.ts';
import { type Coarser, rollupTable } from './rollup.ts';
import { COUNTED, spreadSql, TRAFFIC_KEYS } from './spread.ts';
import { HOUR_DAYS, MINUTE_DAYS } from './table.ts';

const MINUTE_S = 60;

export const TRAFFIC_1M = rollupTable('traffic_1m', TRAFFIC_KEYS, MINUTE_DAYS);
export const TRAFFIC_5M = rollupTable('traffic_5m', TRAFFIC_KEYS, MINUTE_DAYS);
export const TRAFFIC_1H = rollupTable('traffic_1h', TRAFFIC_KEYS, HOUR_DAYS);

export const COARSER_TRAFFIC: readonly Coarser[] = [
  { from: 'traffic_1m', to: 'traffic_5m', stepSeconds: 300, keys: TRAFFIC_KEYS },
  { from: 'traffic_1m', to: 'traffic_1h', stepSeconds: 3600, keys: TRAFFIC_KEYS },
];

/** The rows of `traffic_1m` that records make; `where` narrows the elected ones. */
export function trafficSelectSql(where: string, from = 'flows'): string {
  return spreadSql({
    stepSeconds: MINUTE_S,
    from,
    where: `${ELECTED_SQL} AND (${where})`,
    keys: TRAFFIC_KEYS,
    volume: COUNTED,
  });
}
