// Which records count in which roll-up, and what identifies unelected traffic. Of the observation points that report a pair
// in five minutes, the one with the largest volume represents the unelected traffic (never the sum of the points). The
// table keeps every point, and a query selects the largest.

import { COUNT_REASON, DIRECTION } from '../../schemas/codes.ts';

export const FIVE_MINUTES_S = 300;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

export const ELECTED_SQL = 'weight > 0';
export const UNELECTED_SQL = `countReason = ${COUNT_REASON.unelected}`;

/** The two ends of a record, by address or, without one, by MAC address. No document takes part. */
export const PAIR_SQL = `if(etherType IN (${ETHERTYPE_IPV4}, ${ETHERTYPE_IPV6}), cityHash64(srcAddr, dstAddr), cityHash64(srcMac, dstMac))`;

/** The observation point of a record. */
export const POINT_SQL = `cityHash64(exporter, protocol, observationDomain, direction, if(direction = ${DIRECTION.egress}, outIf, inIf))`;
