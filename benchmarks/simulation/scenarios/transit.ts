// The way from exporters to the collector: every datagram takes a few milliseconds, some are lost, some overtake others.

import type { Random } from '../../random.ts';

export interface Datagram {
  /** Number of its exporter in the world. */
  readonly exporter: number;
  readonly address: string;
  readonly port: number;
  readonly payload: Uint8Array;
  readonly sentMs: number;
  readonly receivedMs: number;
}

export interface TransitOptions {
  /** Share of the datagrams that are lost. */
  readonly loss: number;
  /** Share of the datagrams that come late, and by how much at most. */
  readonly late: number;
  readonly lateMsMax: number;
}

export const SMOOTH: TransitOptions = { loss: 0, late: 0, lateMsMax: 0 };
const LATENCY_MS = 1;

/** When a datagram arrives; undefined: never. */
export function arrivalOf(
  sentMs: number,
  { loss, late, lateMsMax }: TransitOptions,
  random: Random,
): number | undefined {
  if (loss > 0 && random.unit() < loss) return undefined;
  const delay = late > 0 && random.unit() < late ? random.below(lateMsMax) : 0;
  return sentMs + LATENCY_MS + delay;
}
