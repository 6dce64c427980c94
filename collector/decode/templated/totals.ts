// Which columns of a template's rows are running totals (85, 86, 171, 172, 353), and what distinguishes its flows. Found when
// the template arrives; templates without totals have none of it. What is done with them: running-totals.ts.

import type { FlowColumnName } from '../../../schemas/flow.ts';
import { elementKey, SYSTEM_INIT, TOTAL_ELEMENTS } from './elements.ts';
import { type FieldIndex, type Place, VARIABLE_LENGTH } from './field.ts';
import type { Step } from './plan.ts';

const FLOW_END_REASON = 136;
const FIREWALL_EVENT = 233;

/** Beginnings that are the same in each report of a flow: 150 to 156, and 161, which gives one with the end. */
const STATED_STARTS: ReadonlySet<number> = new Set([150, 152, 154, 156, 161]);
/** Those that are rounded anew in each report. */
const ROUNDED_STARTS: ReadonlySet<number> = new Set([158, 162]);
const UPTIME_START = 22;

export interface TotalColumn {
  readonly name: 'bytes' | 'packets' | 'l2Bytes';
  /** Where a counter of up to 4 bytes begins again (RFC 7012 3.2.2); 0 for the others, which no flow fills. */
  readonly modulus: number;
}

export interface Totals {
  readonly columns: readonly TotalColumn[];
  /** The beginning of a flow that is the same in each report: flowStart, field 22 as it is, or none. */
  readonly startIn: 'column' | 'field' | 'nothing';
  readonly uptime: Place | undefined;
  /** Times need 160 from options. */
  readonly needsSystemInit: boolean;
  /** Whether flowStart is the beginning of the flow, and not the time of a report. */
  readonly hasStart: boolean;
  readonly hasEnd: boolean;
  readonly endReason: Place | undefined;
  readonly firewallEvent: Place | undefined;
}

/** The running totals of a template, undefined when it has none; `ipfix`: 22 has no uptime in the header. */
export function totalsOf(index: FieldIndex, steps: readonly Step[], ipfix: boolean): Totals | undefined {
  const columns = steps.flatMap((step): TotalColumn[] => {
    const { column: name, field } = step;
    if (!isCounter(name) || !isTotal(step, index)) return [];
    const { length } = index.fields[field]!;
    return [{ name, modulus: length <= 4 ? 256 ** length : 0 }];
  });
  if (columns.length === 0) return undefined;
  const start = steps.find(({ column }) => column === 'flowStart');
  const element = start ? elementOf(start, index) : -1;
  const isUptime = element === UPTIME_START && index.fields[start!.field]!.length !== VARIABLE_LENGTH;
  const isStated = STATED_STARTS.has(element);
  return {
    columns,
    startIn: isUptime ? 'field' : isStated ? 'column' : 'nothing',
    uptime: isUptime ? index.place(start!.field) : undefined,
    needsSystemInit: ipfix && isUptime && index.find(SYSTEM_INIT) < 0,
    hasStart: isUptime || isStated || ROUNDED_STARTS.has(element),
    hasEnd: steps.some(({ column }) => column === 'flowEnd'),
    endReason: byteOf(index, FLOW_END_REASON),
    firewallEvent: byteOf(index, FIREWALL_EVENT),
  };
}

/** Whether a step copies a running total. */
export function isTotal(step: Step, index: { readonly fields: FieldIndex['fields'] }): boolean {
  return TOTAL_ELEMENTS.has(elementOf(step, index));
}

function elementOf({ field }: Step, { fields }: { readonly fields: FieldIndex['fields'] }): number {
  const { pen, id } = fields[field]!;
  return elementKey(pen, id);
}

function isCounter(name: FlowColumnName): name is TotalColumn['name'] {
  return name === 'bytes' || name === 'packets' || name === 'l2Bytes';
}

function byteOf(index: FieldIndex, element: number): Place | undefined {
  const place = index.placeOf(element);
  return place?.length === 1 ? place : undefined;
}
