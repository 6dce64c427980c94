// What decoding of sFlow keeps beside the datagram at hand.

import { type InterfaceSink, NO_INTERFACES } from '../interface-counters.ts';

export class SflowState {
  /** Where the rows of this datagram begin in the batch. */
  firstRow = 0;
  /** Data sources of all agents together. */
  readonly sampleSources = { count: 0 };
  /** Gets the counters of interfaces. */
  interfaces: InterfaceSink = NO_INTERFACES;
}
