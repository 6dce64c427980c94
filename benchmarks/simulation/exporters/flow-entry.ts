// What a flow cache holds of one flow until it reports it.

import type { Observation } from './exporter.ts';

export interface Counted {
  bytes: number;
  packets: number;
  /** Sum over packets of their length squared. */
  squares: number;
  startMs: number;
  endMs: number;
}

export interface FlowEntry extends Counted {
  readonly observation: Observation;
  /** What went the other way, in a bidirectional record. */
  reverse: Counted | undefined;
}
