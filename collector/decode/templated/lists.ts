// Lists inside a record (RFC 6313). Their values fill the columns that the record's own template does not fill,
// first entry first; times and the sampling rate are those of the record. A list that is malformed or nested too deep is
// abandoned there; what was read before and the record around it stay.
//
//   basicList:             semantic 1 | element 2 | length 2 | enterprise 4, if the element says so | values
//   subTemplateList:       semantic 1 | templateId 2 | records
//   subTemplateMultiList:  semantic 1 | then: templateId 2 | length 2, this header included | records

import { COUNTER_SOURCE } from '../../../schemas/codes.ts';
import type { FlowColumnName } from '../../../schemas/flow.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import { FAULT } from '../faults.ts';
import { elementKey, TOTAL_ELEMENTS } from './elements.ts';
import { VARIABLE_LENGTH } from './field.ts';
import { type Located, lengthOf, locateFields, offsetOf } from './record-fields.ts';
import { bindTemplate, type Template } from './template.ts';
import { wakeTemplate } from './template-set.ts';
import { isTotal } from './totals.ts';

/** Lists in lists that are followed. */
export const LIST_DEPTH_MAX = 4;

export const BASIC_LIST = 291;
export const SUB_TEMPLATE_LIST = 292;
export const SUB_TEMPLATE_MULTI_LIST = 293;

export const ENTERPRISE_BIT = 0x8000;

/** Where the fields of the entry at hand lie, at each depth. */
const levels = Array.from(
  { length: LIST_DEPTH_MAX },
  (): Located => ({
    offsets: new Int32Array(1024),
    lengths: new Int32Array(1024),
  }),
);

/** The row of the record at hand, and how many lists the one that is read lies in. */
const atHand = { row: 0, depth: 0 };

/** Columns that no later entry may fill. */
const filled = new Set<FlowColumnName>();

/** Reads the lists of the record at `start`, or of the one that is located, into its row. */
export function fillFromLists(
  context: DatagramContext,
  domain: Domain,
  template: Template,
  row: number,
  start: number,
): void {
  atHand.row = row;
  atHand.depth = 0;
  filled.clear();
  filled.add('flowStart').add('flowEnd').add('samplingRate');
  for (const { column } of template.steps) filled.add(column);
  for (const place of template.lists!) {
    const { id } = template.fields[place.field]!;
    const offset = offsetOf(place, start);
    if (!readList(context, domain, id, offset, offset + lengthOf(place, start))) {
      context.fault(FAULT['list-malformed'], domain);
    }
  }
}

function readList(context: DatagramContext, domain: Domain, element: number, start: number, end: number): boolean {
  // No bytes at all is a list that the record does not have.
  if (start === end) return true;
  if (atHand.depth >= LIST_DEPTH_MAX) return false;
  if (element === BASIC_LIST) return readBasicList(context, domain, start + 1, end);
  const { view } = context;
  let offset = start + 1;
  if (element === SUB_TEMPLATE_LIST) {
    if (end - offset < 2) return false;
    return readEntries(context, domain, view.getUint16(offset), offset + 2, end);
  }
  while (offset < end) {
    const length = end - offset < 4 ? 0 : view.getUint16(offset + 2);
    if (length < 4 || length > end - offset || !context.mayTake(1, domain)) return false;
    if (!readEntries(context, domain, view.getUint16(offset), offset + 4, offset + length)) return false;
    offset += length;
  }
  return true;
}

/** Reads a list in an entry of the list at hand. */
function readInner(context: DatagramContext, domain: Domain, element: number, start: number, end: number): boolean {
  atHand.depth++;
  const isRead = readList(context, domain, element, start, end);
  atHand.depth--;
  return isRead;
}

/** Records of a template of the same domain. */
function readEntries(
  context: DatagramContext,
  domain: Domain,
  templateId: number,
  start: number,
  end: number,
): boolean {
  const template = domain.find(templateId, context.exportMs) ?? wakeTemplate(context, domain, templateId);
  if (!template) return start === end;
  const level = levels[atHand.depth]!;
  let offset = start;
  while (offset < end) {
    if (!context.mayTake(template.fields.length + template.steps.length, domain)) return false;
    const next = locateFields(context.view, template, offset, end, level);
    if (next < 0) return false;
    fillFromEntry(context, template, level);
    for (const { field } of template.lists ?? []) {
      const at = level.offsets[field]!;
      const { id } = template.fields[field]!;
      if (!readInner(context, domain, id, at, at + level.lengths[field]!)) return false;
    }
    offset = next;
  }
  return true;
}

function fillFromEntry(context: DatagramContext, template: Template, { offsets, lengths }: Located): void {
  const { batch } = context.output;
  const { row } = atHand;
  if (template.boundTo !== batch) bindTemplate(template, batch);
  for (let i = 0; i < template.steps.length; i++) {
    const step = template.steps[i]!;
    const { column, kernel, kernels, field, secondField } = step;
    if (filled.has(column)) continue;
    if (template.totals && isTotal(step, template)) {
      leaveOutTotal(context);
      continue;
    }
    const run = kernels ? kernels[lengths[field]!] : kernel;
    run?.(context.view, offsets[field]!, 0, 1, template.targets[i], row, context, offsets[secondField]!);
  }
  const { etherType } = batch.columns;
  if (!filled.has('etherType') && !filled.has('srcAddr')) etherType[row] ||= template.etherType;
  for (const { column } of template.steps) filled.add(column);
}

/** Whose flow a total in a list counts is unknown, and so what an earlier report counted of it. */
function leaveOutTotal(context: DatagramContext): void {
  context.output.batch.columns.counterSource[atHand.row] = COUNTER_SOURCE.baseline;
  context.fault(FAULT['total-unknown']);
}

/** Values of one element; only the first can fill a column. */
function readBasicList(context: DatagramContext, domain: Domain, start: number, end: number): boolean {
  const { view } = context;
  if (end - start < 4) return false;
  const raw = view.getUint16(start);
  const enterprise = (raw & ENTERPRISE_BIT) !== 0;
  const id = raw & ~ENTERPRISE_BIT;
  if (enterprise && end - start < 8) return false;
  const pen = enterprise ? view.getUint32(start + 4) : 0;
  const length = view.getUint16(start + 2);
  if (length === 0) return false;
  const nested = pen === 0 && id >= BASIC_LIST && id <= SUB_TEMPLATE_MULTI_LIST;
  const level = levels[atHand.depth]!;
  const fields = [{ pen, id, length }];
  let offset = start + (enterprise ? 8 : 4);
  for (let first = true; offset < end; first = false) {
    if (!context.mayTake(first ? context.templated.elementRules.length : 1, domain)) return false;
    const next = locateFields(view, { fields }, offset, end, level);
    if (next < 0) return false;
    const value = level.offsets[0]!;
    if (nested && !readInner(context, domain, id, value, next)) return false;
    if (first) fillFromValue(context, elementKey(pen, id), value, level.lengths[0]!);
    // Values of one length need not be walked: they fit where the list is a multiple of it.
    if (!nested && length !== VARIABLE_LENGTH) return (end - offset) % length === 0;
    offset = next;
  }
  return true;
}

function fillFromValue(context: DatagramContext, element: number, offset: number, size: number): void {
  for (const rule of context.templated.elementRules) {
    if (rule.second || filled.has(rule.column) || !rule.elements.includes(element)) continue;
    if (TOTAL_ELEMENTS.has(element)) {
      leaveOutTotal(context);
      continue;
    }
    const kernel = rule.kernel(size);
    if (!kernel) continue;
    const column = context.output.batch.columns[rule.column as keyof typeof context.output.batch.columns];
    kernel(context.view, offset, 0, 1, column, atHand.row, context, offset);
    filled.add(rule.column);
  }
}
