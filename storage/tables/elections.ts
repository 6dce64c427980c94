// Which records count in which roll-up, and what tells unelected ones apart. The largest single point of each pair and
// five minutes stands for unelected traffic (never the sum of points); the table keeps the points, the question chooses.

import { COUNT_REASON, DIRECTION } from '../../schemas/codes.ts';
import { COUNTED, PAIR_KEYS, spreadSql, TRAFFIC_KEYS, WHOLE } from './spread.ts';

const MINUTE_S = 60;
export const FIVE_MINUTES_S = 300;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

export const ELECTED_SQL = 'weight > 0';
export const UNELECTED_SQL = `countReason = ${COUNT_REASON.unelected}`;

/** Who talked to whom, before any document says what they are. */
export const PAIR_SQL = `if(etherType IN (${ETHERTYPE_IPV4}, ${ETHERTYPE_IPV6}), cityHash64(srcAddr, dstAddr), cityHash64(srcMac, dstMac))`;

/** Where a record was metered. */
export const POINT_SQL = `cityHash64(exporter, protocol, observationDomain, direction, if(direction = ${DIRECTION.egress}, outIf, inIf))`;

export const UNELECTED_KEYS = [...PAIR_KEYS, 'pair', 'point'] as const;

/** The rows of `traffic_1m` that records make; `where` narrows the elected ones. */
export function trafficSelectSql(where?: string, from = 'flows'): string {
  return spreadSql({
    stepSeconds: MINUTE_S,
    from,
    where: where === undefined ? ELECTED_SQL : `${ELECTED_SQL} AND (${where})`,
    keys: TRAFFIC_KEYS,
    volume: COUNTED,
  });
}

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

/** The rows of `unelected_5m` that records make. */
export function unelectedSelectSql(where: string, from = 'flows'): string {
  const keys = [...PAIR_KEYS, { name: 'pair', sql: PAIR_SQL }, { name: 'point', sql: POINT_SQL }];
  return spreadSql({
    stepSeconds: FIVE_MINUTES_S,
    from,
    where: `${UNELECTED_SQL} AND (${where})`,
    keys,
    volume: WHOLE,
  });
}
