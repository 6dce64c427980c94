// A template (RFC 3954 5.2, RFC 7011 3.4) compiled into a plan: which kernel copies which field into which column, and
// what else its records need. The plan is made once, when the template arrives, and run for every data set; what a
// template does not use costs its records nothing.

import type { FlowColumnName } from '../../../schemas/flow.ts';
import type { FlowBatch } from '../flow-batch.ts';
import { timeFromUptime } from '../kernels.ts';
import { isPrescaled } from '../sampling/prescaled.ts';
import { type RateFields, rateFieldsBesides } from '../sampling/rate-fields.ts';
import { timeFromWideUptime } from '../time-kernels.ts';
import { timeSourceOf } from '../time-source.ts';
import { reverseView } from './biflow.ts';
import { ELEMENT_RULES, type ElementRule, SYSTEM_INIT } from './elements.ts';
import { FieldIndex, type Place, type TemplateField } from './field.ts';
import { type Firewall, firewallOf } from './firewall.ts';
import { planSteps, type Step } from './plan.ts';
import { type Section, sectionOf } from './sections.ts';
import { type Totals, totalsOf } from './totals.ts';

export { type TemplateField, VARIABLE_LENGTH } from './field.ts';

/** RFC 6313: 291 basicList, 292 subTemplateList, 293 subTemplateMultiList. */
const LISTS: ReadonlySet<number> = new Set([291, 292, 293]);

/** A template as an exporter announces it. */
export interface AnnouncedTemplate {
  readonly id: number;
  readonly fields: readonly TemplateField[];
  /** Leading fields that are scope; -1 for a template of data records. */
  readonly scopeCount: number;
  /** The bytes it was announced with: an unchanged announcement costs a comparison only. */
  readonly raw: Uint8Array;
}

export interface Template extends AnnouncedTemplate {
  /** When it was last announced or used. */
  usedMs: number;
  /** Length of a record; of the shortest possible one when `variable`. Never 0. */
  readonly recordLength: number;
  readonly variable: boolean;
  readonly steps: readonly Step[];
  /** Columns of the batch the plan was last bound to, one per step. */
  readonly targets: unknown[];
  boundTo: FlowBatch | undefined;
  readonly hasStart: boolean;
  readonly hasEnd: boolean;
  readonly hasRate: boolean;
  /** Fields that state a sampling rate where the column has none. */
  readonly rateFields: RateFields | undefined;
  /** The exporter has multiplied by its sampling rate. */
  readonly prescaled: boolean;
  /** What gives the times. */
  readonly timeSource: number;
  /** Field that names the sampler (48) or selector (302). */
  readonly selector: Place | undefined;
  /** EtherType that follows from the address fields, 0 when the template says it itself or has none. */
  readonly etherType: number;
  /** The template has fields for both address families: each record's address determines its EtherType. */
  readonly etherTypeByAddress: boolean;
  /** Times are relative to an uptime that only options (160) report. */
  readonly needsSystemInit: boolean;
  /** The start of a packet that is part of each record. */
  readonly section: Section | undefined;
  /** Fields that hold lists. */
  readonly lists: readonly Place[] | undefined;
  readonly firewall: Firewall | undefined;
  /** Counters that count since the flow began. */
  readonly totals: Totals | undefined;
  /** The plan for the other direction of the same records, and whether this is one. */
  readonly reverse: Template | undefined;
  readonly isReverse: boolean;
  /** Counters of the other direction; only a plan for that one has them. */
  readonly reverseCounters: readonly Place[];
}

/** Compiles a template; undefined when its records would be empty. `ipfix`: 21 and 22 have no uptime in the header. */
export function compileTemplate(
  { id, fields, scopeCount, raw }: AnnouncedTemplate,
  ipfix: boolean,
  rules: readonly ElementRule[] = ELEMENT_RULES,
): Template | undefined {
  const index = new FieldIndex(fields);
  if (index.recordLength === 0) return undefined;
  const shared = { id, fields, scopeCount, raw, usedMs: 0 };
  if (scopeCount >= 0)
    return { ...shared, ...planOf(index, [], ipfix), reverse: undefined, isReverse: false, reverseCounters: [] };
  const reverse = reverseView(fields, rules);
  const reverseIndex = reverse && new FieldIndex(reverse.fields);
  return {
    ...shared,
    ...planOf(index, planSteps(index, rules), ipfix),
    reverse: reverseIndex && {
      ...shared,
      ...planOf(reverseIndex, planSteps(reverseIndex, rules), ipfix),
      reverse: undefined,
      isReverse: true,
      reverseCounters: reverse.counters.map(field => index.place(field)),
    },
    isReverse: false,
    reverseCounters: [],
  };
}

function planOf(index: FieldIndex, steps: readonly Step[], ipfix: boolean) {
  const columns: ReadonlySet<FlowColumnName> = new Set(steps.map(step => step.column));
  const { fields } = index;
  const lists = fields.flatMap(({ pen, id }, i) => (pen === 0 && LISTS.has(id) ? [index.place(i)] : []));
  const v4 = steps.some(step => isAddress(step) && fields[step.field]!.length === 4);
  const v6 = steps.some(step => isAddress(step) && fields[step.field]!.length === 16);
  const byUptime = steps.some(step => step.kernel === timeFromUptime || step.kernel === timeFromWideUptime);
  return {
    recordLength: index.recordLength,
    variable: index.variable,
    steps,
    targets: new Array(steps.length),
    boundTo: undefined,
    hasStart: columns.has('flowStart'),
    hasEnd: columns.has('flowEnd'),
    hasRate: columns.has('samplingRate'),
    rateFields: rateFieldsBesides(index),
    prescaled: isPrescaled(fields),
    timeSource: timeSourceOf(steps, fields),
    selector: index.placeOf(302, 48),
    etherType: columns.has('etherType') || v4 === v6 ? 0 : v4 ? 0x0800 : 0x86dd,
    etherTypeByAddress: v4 && v6 && !columns.has('etherType'),
    needsSystemInit: ipfix && byUptime && index.find(SYSTEM_INIT) < 0,
    section: sectionOf(index, columns),
    lists: lists.length > 0 ? lists : undefined,
    firewall: firewallOf(index, columns),
    totals: totalsOf(index, steps, ipfix),
  };
}

function isAddress({ column }: Step): boolean {
  return column === 'srcAddr' || column === 'dstAddr';
}

/** Points the plan at the arrays of a batch. */
export function bindTemplate(template: Template, batch: FlowBatch): void {
  const columns = batch.columns as unknown as Record<string, unknown>;
  for (let i = 0; i < template.steps.length; i++) template.targets[i] = columns[template.steps[i]!.column];
  template.boundTo = batch;
}
