// Traffic of each interface by its own counters, one row per exporter, sub-agent, interface and minute: what samples and
// flow records of the port are reconciled with. Several rows for one key add up; `speedBps` is the newest. A minute that
// lacks a row, or is not covered whole, says nothing about the rest of its traffic.

import { PROTOCOLS } from './codes.ts';
import type { Column, NamesWith } from './columns.ts';

// biome-ignore format: one line a column
export const INTERFACE_COLUMNS = [
  { name: 'minute', kind: 'time', stage: 'decoded', reveals: 'nothing', about: 'start of the minute', source: 'collector' },
  { name: 'exporter', kind: 'address', stage: 'decoded', dimension: true, reveals: 'infrastructure', about: 'address of the exporter', source: 'sFlow: agent address' },
  { name: 'observationDomain', kind: 'u32', stage: 'decoded', dimension: true, reveals: 'infrastructure', about: 'sub-agent', source: 'datagram' },
  { name: 'protocol', kind: 'u8', stage: 'decoded', codes: PROTOCOLS, dimension: true, reveals: 'nothing', about: 'export protocol', source: 'datagram' },
  { name: 'ifIndex', kind: 'u32', stage: 'decoded', dimension: true, reveals: 'infrastructure', about: 'interface', source: 'sFlow if_counters' },
  { name: 'coveredMs', kind: 'u32', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'milliseconds of the minute between two readings of the counters', source: 'collector' },
  { name: 'inOctets', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'bytes received, frames with their layer-2 header', source: 'sFlow if_counters ifInOctets' },
  { name: 'outOctets', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'bytes sent', source: 'sFlow if_counters ifOutOctets' },
  { name: 'inPackets', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'packets received: unicast, multicast and broadcast, those that the agent counts', source: 'sFlow if_counters' },
  { name: 'outPackets', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'packets sent', source: 'sFlow if_counters' },
  { name: 'inDiscards', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'received and discarded without an error', source: 'sFlow if_counters ifInDiscards' },
  { name: 'outDiscards', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'discarded instead of sent', source: 'sFlow if_counters ifOutDiscards' },
  { name: 'inErrors', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'received with an error', source: 'sFlow if_counters ifInErrors' },
  { name: 'outErrors', kind: 'u64', stage: 'decoded', merge: 'sum', reveals: 'nothing', about: 'not sent because of an error', source: 'sFlow if_counters ifOutErrors' },
  { name: 'speedBps', kind: 'u64', stage: 'decoded', merge: 'newest', reveals: 'nothing', about: 'speed of the interface in bits a second, 0 unknown', source: 'sFlow if_counters ifSpeed' },
] as const satisfies readonly Column[];

/** Counters of the interface itself. */
export type InterfaceCounter = Exclude<NamesWith<typeof INTERFACE_COLUMNS, { merge: 'sum' }>, 'coveredMs'>;
