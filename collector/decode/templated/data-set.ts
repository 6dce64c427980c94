// Runs a template's plan over a data set, for NetFlow v9 and IPFIX alike. Records go to the batch in runs as long as it
// has room; a fault ends the set and nothing else.

import { BIFLOW, TIME_SOURCE } from '../../../schemas/codes.ts';
import type { DecodedColumns } from '../../../schemas/flow.ts';
import { correctTimes } from '../clock-correction.ts';
import { type DatagramContext, RECORDS_PER_DATAGRAM_MAX } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import { FAULT } from '../faults.ts';
import { fillTime, type Kernel, MAPPED_WORD } from '../kernels.ts';
import { resolveRates } from '../sampling/rates.ts';
import { applyFirewallEvents, countedByUpdates } from './firewall.ts';
import { fillFromLists } from './lists.ts';
import { fieldLengths, fieldOffsets, LOCATED, lengthOf, locateFields, offsetOf } from './record-fields.ts';
import type { RecordRun } from './record-run.ts';
import { decodeSections } from './sections.ts';
import { bindTemplate, type Template } from './template.ts';

const ICMP = 1;
const ICMP6 = 58;

/** Decodes the records between `start` and `end`, which lie inside the datagram; returns how many there were. */
export function decodeDataSet(
  context: DatagramContext,
  domain: Domain,
  template: Template,
  start: number,
  end: number,
): number {
  return template.variable || template.reverse
    ? decodeEach(context, domain, template, start, end)
    : decodeRuns(context, domain, template, start, end);
}

function withinBudget(context: DatagramContext, domain: Domain, count: number): number {
  const allowed = RECORDS_PER_DATAGRAM_MAX - context.records;
  if (count <= allowed) return count;
  context.fault(FAULT['output-budget'], domain);
  return allowed;
}

/** Records of one length, column by column. */
function decodeRuns(context: DatagramContext, domain: Domain, template: Template, start: number, end: number): number {
  const { output, view } = context;
  const stride = template.recordLength;
  const found = Math.floor((end - start) / stride);
  const allowed = withinBudget(context, domain, found);
  if (!context.mayTake(allowed * (template.steps.length + 1), domain)) return found;
  let offset = start;
  for (let left = allowed; left > 0; ) {
    const { batch } = output;
    const count = Math.min(left, batch.rowsMax - batch.rows);
    if (template.boundTo !== batch) bindTemplate(template, batch);
    const { steps, targets } = template;
    const row = batch.rows;
    const run = runOf(row, count, offset, stride);
    if (template.section) decodeSections(context, domain, template.section, run);
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!;
      const kernel: Kernel = step.kernel;
      kernel(view, offset + step.offset, stride, count, targets[i], row, context, offset + step.second);
    }
    finish(context, domain, template, run);
    if (template.lists)
      for (let i = 0; i < count; i++) fillFromLists(context, domain, template, row + i, offset + i * stride);
    batch.rows = row + count;
    context.records += count;
    offset += count * stride;
    left -= count;
    if (output.batch.rows === output.batch.rowsMax) output.flush();
  }
  return found;
}

/** One record after the other: those with fields of variable length, and those that may become two rows. */
function decodeEach(context: DatagramContext, domain: Domain, template: Template, start: number, end: number): number {
  const { output, view } = context;
  const { variable, recordLength, reverse } = template;
  const steps = (variable ? template.fields.length : 0) + template.steps.length + (reverse ? reverse.steps.length : 0);
  let offset = start;
  let count = 0;
  // What is shorter than the shortest record is padding (RFC 7011 3.3.1).
  while (end - offset >= recordLength) {
    if (!context.mayTake(steps, domain)) return count;
    const next = variable ? locateFields(view, template, offset, end) : offset + recordLength;
    if (next < 0) {
      context.fault(FAULT['record-malformed'], domain);
      return count;
    }
    if (withinBudget(context, domain, 1) === 0) return count;
    const at = variable ? LOCATED : offset;
    const row = startRow(context);
    const run = runOf(row, 1, at, 0);
    if (template.section) decodeSections(context, domain, template.section, run);
    runSteps(context, template, row, at);
    finish(context, domain, template, run);
    if (template.lists) fillFromLists(context, domain, template, row, at);
    if (reverse) context.output.batch.columns.biflow[row] = BIFLOW.forward;
    context.output.batch.rows++;
    context.records++;
    if (reverse && hasReverse(context, domain, reverse, at)) appendReverse(context, domain, reverse, at);
    count++;
    offset = next;
  }
  if (output.batch.rows === output.batch.rowsMax) output.flush();
  return count;
}

/** Runs the plan for one record: the one at `start`, or the one that is located. */
function runSteps(context: DatagramContext, template: Template, row: number, start: number): void {
  const { view } = context;
  const { batch } = context.output;
  if (template.boundTo !== batch) bindTemplate(template, batch);
  const { steps, targets } = template;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    if (start !== LOCATED) {
      step.kernel(view, start + step.offset, 0, 1, targets[i], row, context, start + step.second);
      continue;
    }
    const kernel = step.kernels ? step.kernels[fieldLengths[step.field]!] : step.kernel;
    kernel?.(view, fieldOffsets[step.field]!, 0, 1, targets[i], row, context, fieldOffsets[step.secondField]!);
  }
}

/** A row of the open batch, which has room for it afterwards. */
function startRow({ output }: DatagramContext): number {
  if (output.batch.rows === output.batch.rowsMax) output.flush();
  return output.batch.rows;
}

/** A second row for a record that counted something the other way. */
function appendReverse(context: DatagramContext, domain: Domain, reverse: Template, start: number): void {
  if (withinBudget(context, domain, 1) === 0) return;
  const row = startRow(context);
  const { batch } = context.output;
  runSteps(context, reverse, row, start);
  finish(context, domain, reverse, runOf(row, 1, start, 0));
  clearIcmpSource(batch.columns, row);
  batch.columns.biflow[row] = BIFLOW.reverse;
  batch.rows++;
  context.records++;
}

function hasReverse(context: DatagramContext, domain: Domain, reverse: Template, start: number): boolean {
  const { view } = context;
  if (reverse.firewall && countedByUpdates(context, domain, reverse.firewall, start)) return false;
  for (const counter of reverse.reverseCounters) {
    const offset = offsetOf(counter, start);
    const end = offset + lengthOf(counter, start);
    for (let at = offset; at < end; at++) if (view.getUint8(at) !== 0) return true;
  }
  return false;
}

/** Swapped ends put ICMP type and code into the source port; those of the answer are not exported. */
function clearIcmpSource({ proto, srcPort }: DecodedColumns, row: number): void {
  if (proto[row] === ICMP || proto[row] === ICMP6) srcPort[row] = 0;
}

const atHand: RecordRun = { row: 0, count: 0, start: 0, stride: 0 };

/** The run at hand, until the next one. */
function runOf(row: number, count: number, start: number, stride: number): Readonly<RecordRun> {
  atHand.row = row;
  atHand.count = count;
  atHand.start = start;
  atHand.stride = stride;
  return atHand;
}

/** Fills what the records do not carry themselves: stamp, times, EtherType, sampling rate. */
function finish(context: DatagramContext, domain: Domain, template: Template, run: Readonly<RecordRun>): void {
  const { row, count } = run;
  const { columns } = context.output.batch;
  const isUptimeUnknown = template.needsSystemInit && domain.systemInitMs === 0;
  context.stamp(domain, row, count, isUptimeUnknown ? TIME_SOURCE.export : template.timeSource);
  if (isUptimeUnknown) {
    fillTime(columns.flowStart, row, count, context.exportMs);
    fillTime(columns.flowEnd, row, count, context.exportMs);
  } else if (!template.hasStart || !template.hasEnd) {
    fillMissingTime(context, template, row, count);
  }
  if (template.etherType !== 0) {
    const { etherType } = columns;
    for (let i = row; i < row + count; i++) etherType[i] = template.etherType;
  } else if (template.etherTypeByAddress) fillEtherType(columns, row, count);
  if (template.firewall) applyFirewallEvents(context, domain, template.firewall, run);
  if (template.totals) context.templated.totals.apply(context, domain, template.totals, run, template.isReverse);
  correctTimes(context, domain, row, count);
  resolveRates(context, domain, template, run);
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
