// Names of every enumerated column. The code of a name is its position: lists are append-only and a position is never
// reused, because stored rows keep the number. ClickHouse holds UInt8: an Enum8 accepts unknown numbers from Arrow and
// then cannot be read (error 691).

export const PROTOCOLS = [
  'unknown',
  'netflow1',
  'netflow5',
  'netflow7',
  'netflow8',
  'netflow9',
  'ipfix',
  'sflow5',
  'netflow6',
  'sflow4',
  'sflow2',
  'mirror',
] as const;

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

/** Which statement gave the times of a flow; `replaced`: an absurd one gave way to receivedAt. */
export const TIME_SOURCES = ['unknown', 'absolute', 'uptime', 'delta', 'export', 'received', 'replaced'] as const;

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
export const COUNT_REASONS = ['unelected', 'elected', 'not-canonical', 'discarded'] as const;

/** How an endpoint was recognised. */
export const IDENTITIES = ['none', 'station', 'mac', 'address', 'ambiguous'] as const;

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
] as const;

export type Protocol = (typeof PROTOCOLS)[number];
export type Direction = (typeof DIRECTIONS)[number];
export type Identity = (typeof IDENTITIES)[number];

/** The codes of a list by name: `codesOf(PROTOCOLS).ipfix === 6`. */
export function codesOf<const L extends readonly string[]>(names: L): Readonly<Record<L[number], number>> {
  return Object.freeze(Object.fromEntries(names.map((name, code) => [name, code]))) as Record<L[number], number>;
}

export const PROTOCOL = codesOf(PROTOCOLS);
export const DIRECTION = codesOf(DIRECTIONS);
export const RATE_SOURCE = codesOf(RATE_SOURCES);
export const TIME_SOURCE = codesOf(TIME_SOURCES);
export const SERVER_SIDE = codesOf(SERVER_SIDES);
export const LOCALITY = codesOf(LOCALITIES);
export const COUNT_REASON = codesOf(COUNT_REASONS);
export const IDENTITY = codesOf(IDENTITIES);
export const RULE = codesOf(RULES);
