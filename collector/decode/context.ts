// What all protocols of one decoder share: the datagram at hand, the batch that records go to and the faults counted.
// What one family of protocols keeps beside it is in a state of its own.

import type { Domain } from './exporters/domain.ts';
import type { ExporterOptions } from './exporters/exporters.ts';
import { type FactSink, NO_FACTS } from './facts.ts';
import { FAULT, FAULT_SLOTS, faultSlot } from './faults.ts';
import type { FlowBatch } from './flow-batch.ts';
import { TWO_32 } from './kernels.ts';
import { SflowState } from './sflow/state.ts';
import { TemplatedState } from './templated/state.ts';

/** Where records go. `flush` hands the batch over and puts an empty one in its place. */
export interface Output {
  batch: FlowBatch;
  flush(): void;
}

export interface Limits extends ExporterOptions {
  /** Templates kept per exporter. */
  readonly templatesMax: number;
  /** Exporters (source address and port) and their domains kept. */
  readonly exportersMax: number;
}

/** Rows one datagram may become: 65,507 bytes of one-byte records would otherwise fill a batch. */
export const RECORDS_PER_DATAGRAM_MAX = 16384;

/** Steps one datagram may take: a field copied, a template field read, a layer or a record walked past is a step. */
export const STEPS_PER_DATAGRAM_MAX = 1_000_000;

export class DatagramContext {
  readonly output: Output;
  readonly limits: Limits;
  /** The datagram, copied here so that every read goes through one view; what lies behind `length` is stale. */
  readonly bytes = new Uint8Array(65536 + 64);
  readonly view = new DataView(this.bytes.buffer);
  /** Counts by faultSlot(); may lie in shared memory. */
  readonly faults: Float64Array;
  length = 0;
  receivedAtMs = 0;
  protocol = 0;
  /** Address of the exporter: four words as its column holds them. */
  readonly exporter = new Uint32Array(4);
  exportMs = 0;
  uptimeMs = 0;
  valuesDropped = 0;
  /** Records this datagram has become so far. */
  records = 0;
  /** Steps taken for this datagram; every loop over what the datagram says of itself counts here. */
  steps = 0;
  /** Gets what exporters report of interfaces, stations and hosts. */
  facts: FactSink = NO_FACTS;
  readonly templated: TemplatedState;
  readonly sflow = new SflowState();

  constructor(output: Output, limits: Limits, faults: Float64Array = new Float64Array(FAULT_SLOTS)) {
    this.output = output;
    this.limits = limits;
    this.faults = faults;
    this.templated = new TemplatedState(faults);
  }

  /** Counts steps before they are taken; false, and a fault, when the datagram has used up its own. */
  mayTake(steps: number, domain?: Domain): boolean {
    this.steps += steps;
    if (this.steps <= STEPS_PER_DATAGRAM_MAX) return true;
    this.steps -= steps;
    this.fault(FAULT['step-budget'], domain);
    return false;
  }

  fault(fault: number, domain?: Domain): void {
    this.faults[faultSlot(this.protocol, fault)]!++;
    if (domain) domain.malformedSets++;
  }

  /** Counts the values that were left out since the last call. */
  countDropped(): void {
    this.faults[faultSlot(this.protocol, FAULT['value-range'])]! += this.valuesDropped;
    this.valuesDropped = 0;
  }

  /** Fills what all rows of a datagram share, and what their times come from (TIME_SOURCE). */
  stamp(domain: Domain, row: number, count: number, timeSourceCode: number): void {
    const { columns } = this.output.batch;
    const e0 = this.exporter[0]!;
    const e1 = this.exporter[1]!;
    const e2 = this.exporter[2]!;
    const e3 = this.exporter[3]!;
    const { exporter, observationDomain, protocol, timeSource } = columns;
    const { receivedAt } = columns;
    const high = Math.floor(this.receivedAtMs / TWO_32);
    const low = this.receivedAtMs - high * TWO_32;
    for (let i = row, word = 4 * row; i < row + count; i++, word += 4) {
      receivedAt[2 * i] = low;
      receivedAt[2 * i + 1] = high;
      exporter[word] = e0;
      exporter[word + 1] = e1;
      exporter[word + 2] = e2;
      exporter[word + 3] = e3;
    }
    const { id } = domain;
    const code = this.protocol;
    for (let i = row; i < row + count; i++) {
      observationDomain[i] = id;
      protocol[i] = code;
      timeSource[i] = timeSourceCode;
    }
  }
}
