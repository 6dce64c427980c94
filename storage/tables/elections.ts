// Which records count in which roll-up, and what identifies unelected traffic. The table of unelected traffic keeps every
// pair at every observation point, so that a query can decide which of them count (query-api/sql/unelected.ts). Ends are
// kept as hashes. These have no key, so an address can be tried out; erasing one clears the hash of the sender
// (analysis/erasure/erase.ts).

import { COUNT_REASON, DIRECTION } from '../../schemas/codes.ts';

export const FIVE_MINUTES_S = 300;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

export const ELECTED_SQL = 'weight > 0';
export const UNELECTED_SQL = `countReason = ${COUNT_REASON.unelected}`;

const HAS_ADDRESSES = `etherType IN (${ETHERTYPE_IPV4}, ${ETHERTYPE_IPV6})`;

/** The two ends of a record, by address or, without one, by MAC address. No document takes part. */
export const PAIR_SQL = `if(${HAS_ADDRESSES}, cityHash64(srcAddr, dstAddr), cityHash64(srcMac, dstMac))`;

/** The sender of a record, by address or, without one, by MAC address. */
export const SOURCE_SQL = `if(${HAS_ADDRESSES}, cityHash64(srcAddr), cityHash64(srcMac))`;

const EGRESS = `direction = ${DIRECTION.egress}`;
const METER = `exporter, protocol, observationDomain, ${EGRESS}`;
const INTERFACE = `${METER}, if(${EGRESS}, outIf, inIf), vlan`;

/**
 * What an exporter meters in one direction. A packet enters a device once and leaves it once, so the interfaces of a meter
 * add up, and the two directions of a device do not.
 */
export const METER_SQL = `cityHash64(${METER})`;

/** An interface of a meter: a port and a VLAN. */
export const INTERFACE_SQL = `cityHash64(${INTERFACE})`;

/** The observation point of a record: an interface, and between which neighbours the packet was on its way there. */
export const POINT_SQL = `cityHash64(${INTERFACE}, srcMac, dstMac)`;

/** A MAC address as a hash that compares within a pair and nowhere else; 0 where it was not reported. */
const neighbour = (mac: string) => `if(${mac} = 0, 0, cityHash64(${mac}, ${PAIR_SQL}))`;

/** What is known of a pair's observation point; it follows from the pair and the point. */
export const POINT_COLUMNS = [
  { name: 'source', sql: SOURCE_SQL },
  { name: 'meter', sql: METER_SQL },
  { name: 'interface', sql: INTERFACE_SQL },
  { name: 'fromMac', sql: neighbour('srcMac') },
  { name: 'toMac', sql: neighbour('dstMac') },
] as const;

/** The keys of unelected traffic beside those that it is grouped by, and what follows from them. */
export const UNELECTED_COLUMNS = [
  { name: 'pair', sql: PAIR_SQL },
  { name: 'point', sql: POINT_SQL },
  ...POINT_COLUMNS,
] as const;
