// Names of every enumerated column. The code of a name is its position: lists are append-only and a position is never
// reused, because stored rows keep the number. ClickHouse holds UInt8: an Enum8 accepts unknown numbers from Arrow and
// then cannot be read (error 691).

import { PROTOCOL_ROWS, type Protocol } from './protocols.ts';

export { PROTOCOLS, type Protocol } from './protocols.ts';

/** IANA element 61: 0 ingress, 1 egress. */
export const DIRECTIONS = ['unknown', 'ingress', 'egress'] as const;

/** Which statement decided the sampling rate; `unknown` goes with samplingRate 0. */
export const RATE_SOURCES = [
  'unknown',
  'override',
  'record',
  'selector',
  'interface',
  'domain',
  'header',
  'sample',
  'prescaled',
  'template',
  'pool',
  'sequence',
] as const;

/** Which statement gave the times of a flow. */
export const TIME_SOURCES = [
  'unknown',
  'absolute',
  'uptime',
  'delta',
  'export',
  'received',
  'replaced', // receivedAt stands for an absurd one
  'skewed', // the exporter's, corrected by the measured difference of its clock
  'unsteady', // the exporter's, whose clock differs and is not steady: no later than receivedAt, else as they came
] as const;

/** What is known of an exporter's clock; exporter-clock.ts. */
export const CLOCK_STATES = ['unknown', 'steady', 'unsteady'] as const;
export type ClockState = (typeof CLOCK_STATES)[number];

/** What bytes, packets and l2Bytes of a record are. */
export const COUNTER_SOURCES = [
  'record', // what it reported
  'difference', // its running total less that of the report before
  'since-start', // its running total: it is the first report of this flow, or its counters began again
  'baseline', // its running total, of which an unknown part was reported before; counts nothing
  'late', // its running total, exported before one that was received already; counts nothing
] as const;

export const SERVER_SIDES = ['unknown', 'src', 'dst'] as const;

export const LOCALITIES = [
  'unknown',
  'same-vswitch',
  'same-host',
  'same-rack',
  'cross-rack',
  'cross-site',
  'external',
] as const;

/**
 * Why a record counts or does not. `elected` records carry weight; `unelected` ones are counted by the largest single
 * point per pair and five minutes; all others have weight 0.
 */
export const COUNT_REASONS = [
  'unelected',
  'elected',
  'not-canonical', // another point counts this packet
  'discarded', // the device dropped the packet
  'outer', // the packet of a tunnel whose inner packet counts
  'forwarded', // a router, firewall or balancer sends on what was counted where it began
  'second-meter', // another meter of the same port counts
  'reflected', // the copy of a multicast or broadcast that comes back to its sender's port
  'reverse-exported', // the reverse half of a biflow whose exporter reports that direction too
  'implausible', // counters that no network can have counted
  'running-total', // a total of which an unknown part, or all, was counted before
] as const;

/** Which rule of the election named the one point that counts packets from this source to this destination. */
export const ELECTION_RULES = [
  'none', // no covered point: unelected
  'vswitch', // 1a: both ends on one vSwitch, which exports
  'relay', // 1b: both ends behind one port, and its bridge turns frames back
  'source-ingress', // 2
  'destination-egress', // 3a
  'destination-switch', // 3b: ingress at the destination's switch, by output port
  'external-ingress', // 4: from outside, ingress at the external port
  'external-egress', // 4: to outside, egress at the external port
  'transit', // 4: from outside to outside, ingress at the outermost port
  'moved', // the source's MAC at an access port the inventory does not know yet
] as const;

/** Which half of a bidirectional record (RFC 5103) a row is. */
export const BIFLOWS = ['none', 'forward', 'reverse'] as const;

/** How an endpoint was recognised. */
export const IDENTITIES = [
  'none',
  'station', // the id of a VM in the record
  'mac', // MAC alone
  'address', // address alone, with one owner
  'ambiguous', // several owners, and nothing in the record distinguishes them
  'port-mac', // access port and MAC
  'segment-mac',
  'segment-address',
  'vrf-address',
  'vip', // virtual address and port
  'in-band', // a station that an exporter reported
] as const;

/** What decided which end is the server. */
export const SERVER_SIDE_REASONS = [
  'none',
  'listed', // one end's port is listed by an application
  'range', // both are: the narrower range
  'learned', // a service seen to answer
  'ephemeral', // one port is a client's
  'lower-port',
] as const;

/** Bits of the column `marks`. */
export const MARKS = {
  /**
   * The inventory changed for one of the ends while the flow ran, or an exporter fell silent or returned and the record would
   * count otherwise; it is joined with what held at its start.
   */
  straddles: 1,
  /** The source's MAC was seen at an access port where the inventory does not have it. */
  moved: 2,
  /** Several applications claim the client's end; precedence decided. */
  shared: 4,
  /** An end was recognised by facts of a source that has been silent for too long. */
  stale: 8,
  /** One leg of traffic that a virtual address, a balancer or a NAT passes on. */
  via: 16,
  /** The variance is an upper bound: the record is of several sampled packets, or does not say of how many. */
  approximate: 32,
  /** ClickHouse had lost the record and it was put in again; roll-ups had it already. */
  restored: 64,
  /** Its counters fit into no packets, or through no port: it counts nowhere. */
  implausible: 128,
} as const;

/** Which clause of the applications document, or which automatic rule, named the endpoint. */
export const RULES = [
  'none',
  'server-port', // servers and a listed port match
  'server', // servers match, no listed port does: service `other`
  'client', // the endpoint is a client and its servers selector matched
  'auto-vm', // stem of the VM's name
  'auto-endpoint', // a named endpoint of the inventory that is not a VM
  'auto-prefix', // its /24 or /64
  'external',
  'ambiguous',
  'multicast',
  'infrastructure',
  'vip', // a virtual address and its port
] as const;

export type Direction = (typeof DIRECTIONS)[number];
export type Identity = (typeof IDENTITIES)[number];

/** The codes of a list by name: `codesOf(PROTOCOLS).ipfix === 6`. */
export function codesOf<const L extends readonly string[]>(names: L): Readonly<Record<L[number], number>> {
  return Object.freeze(Object.fromEntries(names.map((name, code) => [name, code]))) as Record<L[number], number>;
}

export const PROTOCOL: Readonly<Record<Protocol, number>> = codesOf(PROTOCOL_ROWS.map(({ name }) => name));
export const DIRECTION = codesOf(DIRECTIONS);
export const RATE_SOURCE = codesOf(RATE_SOURCES);
export const COUNTER_SOURCE = codesOf(COUNTER_SOURCES);
export const TIME_SOURCE = codesOf(TIME_SOURCES);
export const CLOCK_STATE = codesOf(CLOCK_STATES);
export const SERVER_SIDE = codesOf(SERVER_SIDES);
export const LOCALITY = codesOf(LOCALITIES);
export const COUNT_REASON = codesOf(COUNT_REASONS);
export const IDENTITY = codesOf(IDENTITIES);
export const RULE = codesOf(RULES);
export const ELECTION_RULE = codesOf(ELECTION_RULES);
export const BIFLOW = codesOf(BIFLOWS);
export const SERVER_SIDE_REASON = codesOf(SERVER_SIDE_REASONS);
