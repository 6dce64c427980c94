// Runs a template's plan over a data set, for NetFlow v9 and IPFIX alike. Records go to the batch in runs as long as it
// has room; a fault ends the set and nothing else.

import { RATE_SOURCE } from '../../schemas/codes.ts';
import type { DecodedColumns } from '../../schemas/flow.ts';
import { type DatagramContext, RECORDS_PER_DATAGRAM_MAX } from './context.ts';
import type { Domain } from './domain.ts';
import { FAULT } from './faults.ts';
import { fillTime, type Kernel, MAPPED_WORD, readUint } from './kernels.ts';
import { bindTemplate, type Template, VARIABLE_LENGTH } from './template.ts';

/** Decodes the records between `start` and `end`, which lie inside the datagram; returns how many there were. */
export function decodeDataSet(
  context: DatagramContext,
  domain: Domain,
  template: Template,
  start: number,
  end: number,
): number {
  return template.variable
    ? decodeVariable(context, domain, template, start, end)
    : decodeFixed(context, domain, template, start, end);
}

function withinBudget(context: DatagramContext, domain: Domain, count: number): number {
  const allowed = RECORDS_PER_DATAGRAM_MAX - context.records;
  if (count <= allowed) return count;
  context.fault(FAULT['output-budget'], domain);
  return allowed;
}

function decodeFixed(context: DatagramContext, domain: Domain, template: Template, start: number, end: number): number {
  const { output, view } = context;
  const stride = template.recordLength;
  const found = Math.floor((end - start) / stride);
  const count = withinBudget(context, domain, found);
  let offset = start;
  for (let left = count; left > 0; ) {
    const { batch } = output;
    const run = Math.min(left, batch.rowsMax - batch.rows);
    if (template.boundTo !== batch) bindTemplate(template, batch);
    const { steps, targets } = template;
    const row = batch.rows;
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!;
      const kernel: Kernel = step.kernel;
      kernel(view, offset + step.offset, stride, run, targets[i], row, context, offset + step.second);
    }
    const { selector } = template;
    finish(context, domain, template, row, run, selector ? offset + selector.offset : 0, stride);
    batch.rows = row + run;
    offset += run * stride;
    left -= run;
    if (batch.rows === batch.rowsMax) output.flush();
  }
  context.records += count;
  return found;
}

/** Offsets and lengths of the fields of the record at hand. */
const fieldOffsets = new Int32Array(65536);
const fieldLengths = new Int32Array(65536);

/** Finds the fields of one record; returns the offset behind it, or -1 when it does not fit. */
function locateFields(view: DataView, template: Template, start: number, end: number): number {
  const { fields } = template;
  let offset = start;
  for (let i = 0; i < fields.length; i++) {
    let { length } = fields[i]!;
    if (length === VARIABLE_LENGTH) {
      if (offset + 1 > end) return -1;
      length = view.getUint8(offset);
      offset += 1;
      if (length === 255) {
        if (offset + 2 > end) return -1;
        length = view.getUint16(offset);
        offset += 2;
      }
    }
    fieldOffsets[i] = offset;
    fieldLengths[i] = length;
    offset += length;
    if (offset > end) return -1;
  }
  return offset;
}

function decodeVariable(
  context: DatagramContext,
  domain: Domain,
  template: Template,
  start: number,
  end: number,
): number {
  const { output, view } = context;
  let offset = start;
  let count = 0;
  // What is shorter than the shortest record is padding (RFC 7011 3.3.1).
  while (end - offset >= template.recordLength) {
    const next = locateFields(view, template, offset, end);
    if (next < 0) {
      context.fault(FAULT['record-malformed'], domain);
      return count;
    }
    if (withinBudget(context, domain, 1) === 0) return count;
    const { batch } = output;
    if (template.boundTo !== batch) bindTemplate(template, batch);
    for (let i = 0; i < template.steps.length; i++) {
      const step = template.steps[i]!;
      step.kernel(
        view,
        fieldOffsets[step.field]!,
        0,
        1,
        template.targets[i],
        batch.rows,
        context,
        fieldOffsets[step.secondField]!,
      );
    }
    finish(context, domain, template, batch.rows, 1, template.selector ? fieldOffsets[template.selector.field]! : 0, 0);
    batch.rows++;
    context.records++;
    count++;
    offset = next;
    if (batch.rows === batch.rowsMax) output.flush();
  }
  return count;
}

/** Fills what the records do not carry themselves: stamp, times, EtherType, sampling rate. */
function finish(
  context: DatagramContext,
  domain: Domain,
  template: Template,
  row: number,
  count: number,
  selectorOffset: number,
  stride: number,
): void {
  const { columns } = context.output.batch;
  context.stamp(domain, row, count);
  if (template.needsSystemInit && domain.systemInitMs === 0) {
    fillTime(columns.flowStart, row, count, context.exportMs);
    fillTime(columns.flowEnd, row, count, context.exportMs);
  } else if (!template.hasStart || !template.hasEnd) {
    fillMissingTime(context, template, row, count);
  }
  if (template.etherType !== 0) {
    const { etherType } = columns;
    for (let i = row; i < row + count; i++) etherType[i] = template.etherType;
  } else if (template.etherTypeByAddress) fillEtherType(columns, row, count);
  resolveRates(context, domain, template, row, count, selectorOffset, stride);
  domain.records += count;
}

function fillMissingTime(context: DatagramContext, template: Template, row: number, count: number): void {
  const { flowStart, flowEnd } = context.output.batch.columns;
  if (template.hasEnd) flowStart.set(flowEnd.subarray(2 * row, 2 * (row + count)), 2 * row);
  else if (template.hasStart) flowEnd.set(flowStart.subarray(2 * row, 2 * (row + count)), 2 * row);
  else {
    fillTime(flowStart, row, count, context.exportMs);
    fillTime(flowEnd, row, count, context.exportMs);
  }
}

function fillEtherType({ etherType, srcAddr, dstAddr }: DecodedColumns, row: number, count: number): void {
  for (let i = row, word = 4 * row; i < row + count; i++, word += 4) {
    etherType[i] = srcAddr[word + 2] === MAPPED_WORD || dstAddr[word + 2] === MAPPED_WORD ? 0x0800 : 0x86dd;
  }
}

/** Record, then selector, then domain; 0 stays 0 and is counted, never taken as 1. */
function resolveRates(
  context: DatagramContext,
  domain: Domain,
  template: Template,
  row: number,
  count: number,
  selectorOffset: number,
  stride: number,
): void {
  const { samplingRate, rateSource } = context.output.batch.columns;
  const { selector } = template;
  for (let i = 0; i < count; i++) {
    if (template.hasRate && samplingRate[row + i] !== 0) {
      rateSource[row + i] = RATE_SOURCE.record;
      continue;
    }
    let rate = domain.samplingRate;
    let source = domain.rateSource;
    if (selector && domain.selectorRates.size > 0) {
      const size = selector.length === VARIABLE_LENGTH ? fieldLengths[selector.field]! : selector.length;
      const known =
        size <= 8 ? domain.selectorRates.get(readUint(context.view, selectorOffset + i * stride, size)) : undefined;
      if (known !== undefined) {
        rate = known;
        source = RATE_SOURCE.selector;
      } else if (source === RATE_SOURCE.selector) {
        // What other selectors do says nothing about the one this record names.
        rate = 0;
        source = RATE_SOURCE.unknown;
      }
    }
    samplingRate[row + i] = rate;
    rateSource[row + i] = source;
    if (rate === 0) domain.unknownRateRecords++;
  }
}
