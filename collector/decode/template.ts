// A template (RFC 3954 5.2, RFC 7011 3.4) compiled into a plan: which kernel copies which field into which column. The
// plan is made once, when the template arrives, and run for every data set.

import type { FlowColumnName } from '../../schemas/flow.ts';
import {
  ELEMENT_RULES,
  type ElementRule,
  INNER_COLUMNS,
  LAYERED_COLUMNS,
  PROTOCOL_IDENTIFIER,
  SYSTEM_INIT,
} from './elements.ts';
import type { FlowBatch } from './flow-batch.ts';
import {
  copyAddress4,
  copyAddress4IfSet,
  copyVlan,
  copyVlanIfUnset,
  type Kernel,
  timeFromUptime,
  whereInner,
} from './kernels.ts';

/** RFC 7011 7: a length of 65535 marks a field whose length stands before its value. */
export const VARIABLE_LENGTH = 65535;

export interface TemplateField {
  /** Element id without the enterprise bit. */
  readonly id: number;
  /** Private enterprise number, 0 for IANA. */
  readonly pen: number;
  readonly length: number;
}

/** One field of the plan. */
interface Step {
  readonly kernel: Kernel;
  readonly column: FlowColumnName;
  /** Index of the field in the template. */
  readonly field: number;
  readonly secondField: number;
  /** Offsets in a record of fixed length. */
  readonly offset: number;
  readonly second: number;
}

export interface Template {
  readonly id: number;
  readonly fields: readonly TemplateField[];
  /** Leading fields that are scope; -1 for a template of data records. */
  readonly scopeCount: number;
  /** The bytes it was announced with: an unchanged announcement costs a comparison only. */
  readonly raw: Uint8Array;
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
  /** Field that names the sampler (48) or selector (302), -1 none; its offset and length. */
  readonly selector: { readonly field: number; readonly offset: number; readonly length: number } | undefined;
  /** EtherType that follows from the address fields, 0 when the template says it itself or has none. */
  readonly etherType: number;
  /** The template has fields for both address families: each record's address tells its EtherType. */
  readonly etherTypeByAddress: boolean;
  /** Times are relative to an uptime that only options (160) can tell. */
  readonly needsSystemInit: boolean;
}

/** Compiles a template; undefined when its records would be empty. `ipfix`: 21 and 22 have no uptime in the header. */
export function compileTemplate(
  id: number,
  fields: readonly TemplateField[],
  scopeCount: number,
  raw: Uint8Array,
  ipfix: boolean,
): Template | undefined {
  const offsets: number[] = [];
  let length = 0;
  let variable = false;
  for (const field of fields) {
    offsets.push(length);
    if (field.length === VARIABLE_LENGTH) {
      variable = true;
      length += 1;
    } else length += field.length;
  }
  if (length === 0) return undefined;

  const find = (element: number) => fields.findIndex(field => field.pen === 0 && field.id === element);
  const steps: Step[] = [];
  const add = (kernel: Kernel, column: FlowColumnName, field: number, secondField = field) =>
    steps.push({ kernel, column, field, secondField, offset: offsets[field]!, second: offsets[secondField]! });

  const findLast = (element: number) => fields.findLastIndex(field => field.pen === 0 && field.id === element);

  if (scopeCount < 0) {
    const innerProtocol = findLast(PROTOCOL_IDENTIFIER);
    const tunnel = innerProtocol !== find(PROTOCOL_IDENTIFIER) && fields[innerProtocol]!.length === 1;
    const filled = new Set<FlowColumnName>();
    for (const rule of ELEMENT_RULES) {
      if (filled.has(rule.column) && !LAYERED_COLUMNS.has(rule.column)) continue;
      const match = firstMatch(rule, fields, find);
      if (!match) continue;
      add(layered(rule, match.kernel, filled), rule.column, match.field, match.second);
      filled.add(rule.column);
      if (!tunnel || !INNER_COLUMNS.has(rule.column)) continue;
      const inner = findLast(fields[match.field]!.id);
      const kernel = inner === match.field ? undefined : rule.kernel(fields[inner]!.length);
      if (kernel) add(whereInner(kernel), rule.column, inner, innerProtocol);
    }
    for (const [kernel, column, field] of vlanSteps(fields, find)) add(kernel, column, field);
  }

  const has = (column: FlowColumnName) => steps.some(step => step.column === column);
  const selector = [302, 48].map(find).find(field => field >= 0) ?? -1;
  const v4 = find(8) >= 0 || find(12) >= 0;
  const v6 = find(27) >= 0 || find(28) >= 0;
  return {
    id,
    fields,
    scopeCount,
    raw,
    recordLength: length,
    variable,
    steps,
    targets: new Array(steps.length),
    boundTo: undefined,
    hasStart: has('flowStart'),
    hasEnd: has('flowEnd'),
    hasRate: has('samplingRate'),
    selector:
      selector < 0 ? undefined : { field: selector, offset: offsets[selector]!, length: fields[selector]!.length },
    etherType: has('etherType') || v4 === v6 ? 0 : v4 ? 0x0800 : 0x86dd,
    etherTypeByAddress: v4 && v6 && !has('etherType'),
    needsSystemInit: ipfix && steps.some(step => step.kernel === timeFromUptime) && find(SYSTEM_INIT) < 0,
  };
}

function firstMatch(rule: ElementRule, fields: readonly TemplateField[], find: (element: number) => number) {
  const second = rule.second === undefined ? undefined : find(rule.second);
  if (second !== undefined && (second < 0 || fields[second]!.length !== 8)) return undefined;
  for (const element of rule.elements) {
    const field = find(element);
    const kernel = field < 0 ? undefined : rule.kernel(fields[field]!.length);
    if (kernel) return { field, kernel, second: second ?? field };
  }
  return undefined;
}

/** IPv4 after IPv6 in one template: 0.0.0.0 must not wipe out the address that is there. */
function layered(rule: ElementRule, kernel: Kernel, filled: ReadonlySet<FlowColumnName>): Kernel {
  return kernel === copyAddress4 && filled.has(rule.column) ? copyAddress4IfSet : kernel;
}

/** 243 is the outer tag where 245 stands beside it (RFC 7133), else the only one; 58 fills in where 243 is zero. */
function vlanSteps(
  fields: readonly TemplateField[],
  find: (element: number) => number,
): [Kernel, FlowColumnName, number][] {
  const usable = (element: number) => {
    const field = find(element);
    return field >= 0 && fields[field]!.length === 2 ? field : -1;
  };
  const [outer, inner, plain] = [usable(243), usable(245), usable(58)];
  const steps: [Kernel, FlowColumnName, number][] = [];
  if (inner >= 0) {
    steps.push([copyVlan, 'vlan', inner]);
    if (outer >= 0) steps.push([copyVlan, 'sVlan', outer]);
  } else if (outer >= 0) steps.push([copyVlan, 'vlan', outer]);
  if (plain >= 0) steps.push([copyVlanIfUnset, 'vlan', plain]);
  return steps;
}

/** Points the plan at the arrays of a batch. */
export function bindTemplate(template: Template, batch: FlowBatch): void {
  const columns = batch.columns as unknown as Record<string, unknown>;
  for (let i = 0; i < template.steps.length; i++) template.targets[i] = columns[template.steps[i]!.column];
  template.boundTo = batch;
}
