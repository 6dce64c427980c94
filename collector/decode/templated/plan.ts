// The plan of a template: which kernel copies which field into which column, in the order in which they run.

import { KINDS } from '../../../schemas/columns.ts';
import { FLOW_COLUMNS, type FlowColumnName } from '../../../schemas/flow.ts';
import type { Kernel } from '../kernels.ts';
import {
  type ElementRule,
  elementKey,
  INNER_COLUMNS,
  PROTOCOL_IDENTIFIER,
  VLAN_ELEMENTS,
  vlanKernel,
} from './elements.ts';
import { type FieldIndex, VARIABLE_LENGTH } from './field.ts';
import { whereInner, whereSet, whereUnset } from './layers.ts';

/** A field of variable length that is longer than this fills no column. */
const VALUE_BYTES_MAX = 16;

/** One field of the plan. */
export interface Step {
  readonly kernel: Kernel;
  /** For a field of variable length: the kernel for each length it may have in a record; longer ones have none. */
  readonly kernels: readonly (Kernel | undefined)[] | undefined;
  readonly column: FlowColumnName;
  /** Index of the field in the template. */
  readonly field: number;
  readonly secondField: number;
  /** Offsets in a record of fixed length. */
  readonly offset: number;
  readonly second: number;
}

type Sized = (size: number) => Kernel | undefined;

const wordsPerRow = Object.fromEntries(FLOW_COLUMNS.map(({ name, kind }) => [name, KINDS[kind].wordsPerRow]));

/** The steps of the data records of a template. */
export function planSteps(index: FieldIndex, rules: readonly ElementRule[]): Step[] {
  const { fields, offsets } = index;
  const steps: Step[] = [];
  const add = (sized: Sized, column: FlowColumnName, field: number, secondField = field): boolean => {
    const { length } = fields[field]!;
    const variable = length === VARIABLE_LENGTH;
    const kernels = variable ? Array.from({ length: VALUE_BYTES_MAX + 1 }, (_, size) => sized(size)) : undefined;
    const kernel = kernels ? kernels.find(some => some !== undefined) : sized(length);
    if (!kernel) return false;
    const [offset, second] = [offsets[field]!, offsets[secondField]!];
    steps.push({ kernel, kernels, column, field, secondField, offset, second });
    return true;
  };

  const innerProtocol = index.findLast(PROTOCOL_IDENTIFIER);
  const tunnel = innerProtocol !== index.find(PROTOCOL_IDENTIFIER) && fields[innerProtocol]!.length === 1;
  const filled = new Set<FlowColumnName>();
  for (const rule of rules) {
    const { column } = rule;
    const over = filled.has(column);
    if (over && !rule.layer) continue;
    const second = rule.second && index.find(rule.second.element);
    if (second !== undefined && fields[second]?.length !== rule.second!.size) continue;
    const sized = layered(rule, over);
    const element = rule.elements.find(key => index.find(key) >= 0 && add(sized, column, index.find(key), second));
    if (element === undefined) continue;
    filled.add(column);
    const inner = index.findLast(element);
    if (!tunnel || !INNER_COLUMNS.has(column) || inner === index.find(element)) continue;
    add(size => wrapped(rule.kernel(size), whereInner), column, inner, innerProtocol);
  }
  addVlans(index, add, filled);
  return steps;
}

function wrapped(kernel: Kernel | undefined, wrap: (kernel: Kernel) => Kernel): Kernel | undefined {
  return kernel && wrap(kernel);
}

function layered({ kernel, layer, column }: ElementRule, over: boolean): Sized {
  if (layer === 'inner') return size => wrapped(kernel(size), whereInner);
  if (!over) return kernel;
  if (layer === 'unset') return size => wrapped(kernel(size), some => whereUnset(some, wordsPerRow[column]!));
  return size => wrapped(kernel(size), some => whereSet(some, size));
}

function addVlans(
  index: FieldIndex,
  add: (sized: Sized, column: FlowColumnName, field: number) => boolean,
  filled: ReadonlySet<FlowColumnName>,
): void {
  // The kernel for a tag takes both.
  if (filled.has('vlan') || filled.has('sVlan')) return;
  const usable = (id: number) => {
    const field = index.find(elementKey(0, id));
    const length = index.fields[field]?.length;
    return length !== undefined && length >= 2 && length <= 8 ? field : -1;
  };
  for (const { outer, inner, plain } of [VLAN_ELEMENTS.before, VLAN_ELEMENTS.after]) {
    const [outerField, innerField, plainField] = [usable(outer), usable(inner), usable(plain)];
    const customer = innerField >= 0 ? innerField : outerField;
    if (customer >= 0) add(vlanKernel, 'vlan', customer);
    if (innerField >= 0 && outerField >= 0) add(vlanKernel, 'sVlan', outerField);
    if (plainField >= 0) add(customer < 0 ? vlanKernel : unsetVlan, 'vlan', plainField);
    if (customer >= 0 || plainField >= 0) return;
  }
}

/** 58 fills in where 243 is zero. */
function unsetVlan(size: number): Kernel | undefined {
  return wrapped(vlanKernel(size), kernel => whereUnset(kernel, 1));
}
