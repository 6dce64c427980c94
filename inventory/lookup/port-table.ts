// The ports of registered exporters, as a record meets them: a hash table from (exporter, ifIndex) to a few words.

/** Words of a metered port. */
export const PORT = { node: 0, group: 1, flags: 2, host: 3, words: 4 } as const;

/** Bits of PORT.flags. */
export const PORT_FLAG = {
  /** This exporter meters the port as packets arrive; shifted by one: as they leave. */
  meters: 1,
  /** It is the one that counts there: shifted by twice the class of traffic (TRAFFIC), and by one for egress. */
  counts: 4,
  /** Hosts or VMs send by it, and nobody counted their packets before. */
  access: 0x100,
  external: 0x200,
  /** An external port that is not metered as packets leave, of a device that meters all that arrives. */
  exitByOutput: 0x400,
  /** The exporter reports both directions of a conversation in records of their own besides. */
  repeatsBiflow: 0x800,
  /** A port of a vSwitch: PORT.group stands for all of it. */
  vswitch: 0x1000,
} as const;

export interface PortTable {
  readonly ports: Uint32Array;
  readonly slots: Uint32Array;
}

/** Offset into `ports`; of what holds for ports not listed when this one is not. */
export function findPort({ slots }: PortTable, exporter: number, ifIndex: number): number {
  const mask = slots.length / 3 - 1;
  for (let slot = hashPort(exporter, ifIndex) & mask; ; slot = (slot + 1) & mask) {
    const at = 3 * slot;
    const port = slots[at + 2]!;
    if (port === 0) return exporter * PORT.words;
    if (slots[at] === exporter && slots[at + 1] === ifIndex) return port;
  }
}

export function insertPort(slots: Uint32Array, exporter: number, ifIndex: number, port: number): void {
  const mask = slots.length / 3 - 1;
  let slot = hashPort(exporter, ifIndex) & mask;
  while (slots[3 * slot + 2] !== 0) slot = (slot + 1) & mask;
  slots[3 * slot] = exporter;
  slots[3 * slot + 1] = ifIndex;
  slots[3 * slot + 2] = port;
}

export function hashPort(exporter: number, ifIndex: number): number {
  const hash = Math.imul(Math.imul(exporter, 0x9e3779b1) ^ ifIndex, 0x85ebca6b);
  return hash ^ (hash >>> 15);
}
