// What decoding of templates and data sets keeps beside the datagram at hand (NetFlow v9 and IPFIX).

import type { Domain } from '../exporters/domain.ts';
import { PendingSets } from '../exporters/pending.ts';
import type { Knowledge } from '../exporters/template-store.ts';
import { ELEMENT_RULES, type ElementRule } from './elements.ts';
import { RunningTotals } from './running-totals.ts';
import type { Template } from './template.ts';

/** The records lie between `start` and `end` of the datagram. */
export type SetInspector = (domain: Domain, template: Template, start: number, end: number) => void;

export class TemplatedState {
  /** Sets walked in this datagram, and templates announced in them. */
  sets = 0;
  templates = 0;
  /** Which elements fill which columns; templates are compiled with it. */
  elementRules: readonly ElementRule[] = ELEMENT_RULES;
  /** Gets every set of records before it is decoded, options included; for people who want to see all of it. */
  inspect: SetInspector | undefined;
  /** Data sets that wait for their template. */
  readonly pending: PendingSets;
  /** Flows whose exporters report totals. */
  totals = new RunningTotals();
  /** What outlives this decoder; undefined where nothing does. */
  knowledge: Knowledge | undefined;

  constructor(faults: Float64Array) {
    this.pending = new PendingSets(faults);
  }
}
