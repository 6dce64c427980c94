// The metering of NetFlow and IPFIX: which of a flow's packets a sampler takes, as the counts a record carries.

import { type Random, samplePackets } from '../../random.ts';
import type { FlowTable } from '../model/flow-table.ts';

/** The counts of the flow last metered. One object for all flows, so that metering makes none. */
export interface Metered {
  bytes: number;
  packets: number;
}

/** Samples a flow 1 in `rate`; the flow makes no record when no packet is taken. */
export function meter(metered: Metered, random: Random, flows: FlowTable, row: number, rate: number): void {
  const bytes = flows.bytes[row]!;
  const packets = flows.packets[row]!;
  if (rate === 1) {
    metered.bytes = bytes;
    metered.packets = packets;
    return;
  }
  const size = Math.floor(bytes / packets);
  const bigger = samplePackets(random, bytes - size * packets, rate);
  metered.packets = bigger + samplePackets(random, packets - (bytes - size * packets), rate);
  metered.bytes = metered.packets * size + bigger;
}
