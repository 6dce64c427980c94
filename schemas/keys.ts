// Node keys: 64-bit numbers that name VMs, hosts, racks, applications, services and automatic nodes. A key is computed
// from what it names, never handed out, so that every enricher gives the same thing the same key without asking anyone
// (docs/decisions/0001-node-keys.md). The top byte is the class; below it stands either the thing itself (IPv4
// prefixes, services) or 56 bits of a SHA-256 of its identity.

import { hash } from 'node:crypto';
import { swap32 } from './address.ts';

export const NODE_CLASSES = {
  explicit: 0x01,
  vm: 0x10,
  host: 0x11,
  rack: 0x12,
  endpoint: 0x13,
  site: 0x14,
  vswitch: 0x15,
  portGroup: 0x16,
  segment: 0x17,
  tier: 0x18,
  place: 0x1f,
  application: 0x20,
  autoGroup: 0x30,
  autoPrefix4: 0x34,
  autoPrefix6: 0x36,
  autoPrefixOfSegment: 0x37,
  service: 0x40,
} as const;
export type NodeClass = keyof typeof NODE_CLASSES;

/** Classes of nodes that no application names. */
export const AUTOMATIC_CLASSES: readonly number[] = [
  NODE_CLASSES.autoGroup,
  NODE_CLASSES.autoPrefix4,
  NODE_CLASSES.autoPrefix6,
  NODE_CLASSES.autoPrefixOfSegment,
];

/** A key as the two words the columns hold. */
export interface Key {
  readonly low: number;
  readonly high: number;
}

export const NO_KEY: Key = { low: 0, high: 0 };

/** Nodes every matrix may have, whatever the documents say. */
export const EXPLICIT_NODES = ['external', 'ambiguous', 'multicast', 'infrastructure'] as const;
export type ExplicitNode = (typeof EXPLICIT_NODES)[number];

export function explicitKey(node: ExplicitNode): Key {
  return { low: EXPLICIT_NODES.indexOf(node) + 1, high: NODE_CLASSES.explicit << 24 };
}

/** Key of a thing named by text, such as a VM's UUID within its source or an application's id. */
export function hashedKey(nodeClass: NodeClass, identity: string): Key {
  // As one call with a text for a result it takes 0.5 us, with a Hash and a Buffer 1.5 us; a new state hashes each endpoint.
  const digest = hash('sha256', identity);
  const word = (at: number) => swap32(Number.parseInt(digest.slice(at, at + 8), 16));
  return { low: word(0), high: ((NODE_CLASSES[nodeClass] << 24) | (word(8) & 0xffffff)) >>> 0 };
}

/** Key of an IPv4 prefix, exact: length in bits 32-37, address in the low word. */
export function prefix4Key(address: number, length: number): Key {
  return { low: address >>> 0, high: ((NODE_CLASSES.autoPrefix4 << 24) | length) >>> 0 };
}

/** Key of a service: protocol and port range, exact. Protocol 0 with ports 0-0 is `other`. */
export function serviceKey(proto: number, portFrom: number, portTo: number): Key {
  return { low: ((portFrom << 16) | portTo) >>> 0, high: ((NODE_CLASSES.service << 24) | proto) >>> 0 };
}

export const OTHER_SERVICE: Key = serviceKey(0, 0, 0);

export function keyToBigint(key: Key): bigint {
  return (BigInt(key.high) << 32n) | BigInt(key.low);
}

/** The text form of the API: 16 hexadecimal digits. */
export function keyToHex(key: Key): string {
  return key.high.toString(16).padStart(8, '0') + key.low.toString(16).padStart(8, '0');
}

const PROTO_NAMES: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6', 132: 'sctp' };

/** `tcp/443`, `udp/8000-8100`, `proto/47`, `other`. */
export function serviceName(key: Key): string {
  const proto = key.high & 0xff;
  const from = key.low >>> 16;
  const to = key.low & 0xffff;
  if (key.low === 0 && proto === 0) return 'other';
  const name = PROTO_NAMES[proto] ?? `proto/${proto}`;
  if (from === 0 && to === 0) return name;
  return from === to ? `${name}/${from}` : `${name}/${from}-${to}`;
}
