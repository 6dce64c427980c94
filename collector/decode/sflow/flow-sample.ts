// A flow sample becomes a row.
//
//   flow_sample 1:          sequence | source_id class 1 byte, index 3 | sampling_rate | sample_pool | drops | input |
//                           output | number of records
//   flow_sample_expanded 3: class and index of the source and format and value of each interface are words of their own
//   interface:              top 2 bits are the format: 0 ifIndex, 1 reason of a discard, 2 number of outputs (0: several)
//   sFlow 2 and 4:          as flow_sample; in an interface the top bit alone is the format, set for a number of outputs
//
// Interfaces of an expanded sample are never masked: sub-interfaces use more than 30 bits.

import { clearRow } from '../../../schemas/batch.ts';
import { DIRECTION, RATE_SOURCE, TIME_SOURCE } from '../../../schemas/codes.ts';
import { type DatagramContext, RECORDS_PER_DATAGRAM_MAX } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import { FAULT } from '../faults.ts';
import { TWO_32 } from '../kernels.ts';
import { type SflowAgent, sourceKey } from './agent.ts';
import { SampleSource } from './effective-rate.ts';
import { decodeFlowRecords } from './flow-records.ts';
import { COMPLETE, HEADER_BAD, MALFORMED, NO_PACKET } from './packet-records.ts';
import { walkSteps } from './structure-walk.ts';

/** Forms of the head of a sample. */
export const COMPACT = 0;
export const EXPANDED = 1;
export const VERSION4 = 2;

const COMPACT_BYTES = 32;
const EXPANDED_BYTES = 44;

const FORMAT_IFINDEX = 0;
const FORMAT_DISCARDED = 1;
const FORMAT_SEVERAL = 2;
/** RFC 7270 4.12: dropped. */
const FORWARDING_DROPPED = 0x80;

/** Decodes the sample between `start` and `end`; false when the datagram has used up what it may cost. */
export function decodeFlowSample(
  context: DatagramContext,
  domain: Domain,
  agent: SflowAgent,
  form: number,
  start: number,
  end: number,
): boolean {
  if (context.records >= RECORDS_PER_DATAGRAM_MAX) {
    context.fault(FAULT['output-budget'], domain);
    return false;
  }
  const headBytes = form === EXPANDED ? EXPANDED_BYTES : COMPACT_BYTES;
  const records = start + headBytes;
  if (records > end) {
    context.fault(FAULT['sample-malformed'], domain);
    return true;
  }
  const count = context.view.getUint32(records - 4);
  if (!context.mayTake(walkSteps(count, end - records), domain)) return false;
  const source = seeSource(context, domain, agent, form, start);
  const state = decodeFlowRecords(context, context.output.batch.rows, count, records, end);
  finishSample(context, domain, source, form, start, state);
  return true;
}

/** The data source of a sample, which counts it; undefined when the rate is unknown or there is no room for another. */
export function seeSource(
  context: DatagramContext,
  domain: Domain,
  agent: SflowAgent,
  form: number,
  start: number,
): SampleSource | undefined {
  const { view } = context;
  const rate = view.getUint32(start + (form === EXPANDED ? 12 : 8));
  const id = view.getUint32(start + 4);
  const key = form === EXPANDED ? sourceKey(id, view.getUint32(start + 8)) : sourceKey(id >>> 24, id & 0xffffff);
  if (key !== agent.runKey || rate !== agent.runRate) startRun(context, domain, agent, key, rate, form, start);
  else {
    agent.runSamples++;
    agent.runSequenceAt = start;
    agent.runPoolAt = start + (form === EXPANDED ? 16 : 12);
  }
  return agent.runSource;
}

/** The first sample of another source or rate. */
function startRun(
  context: DatagramContext,
  domain: Domain,
  agent: SflowAgent,
  key: number,
  rate: number,
  form: number,
  start: number,
): void {
  const { view, receivedAtMs, uptimeMs } = context;
  agent.endRun(context);
  domain.samplingRate = rate;
  domain.rateSource = rate === 0 ? RATE_SOURCE.unknown : RATE_SOURCE.sample;
  if (rate === 0) return;
  const pool = start + (form === EXPANDED ? 16 : 12);
  const sequence = view.getUint32(start);
  const pooled = view.getUint32(pool);
  const drops = view.getUint32(pool + 4);
  let source = agent.source(key);
  if (source) {
    if (source.nominal !== rate) domain.rateChanges++;
    source.see(sequence, pooled, drops, rate, uptimeMs, agent.gaps);
  } else {
    source = new SampleSource(sequence, pooled, drops, rate, uptimeMs, agent.gaps);
    if (!agent.keep(key, source, receivedAtMs)) {
      context.fault(FAULT['source-limit']);
      return;
    }
  }
  source.seenMs = receivedAtMs;
  agent.runKey = key;
  agent.runSource = source;
  agent.runRate = rate;
  agent.runSequenceAt = start;
  agent.runPoolAt = pool;
}

/** Completes the row of a sample whose records came to `state`, or clears it. */
export function finishSample(
  context: DatagramContext,
  domain: Domain,
  source: SampleSource | undefined,
  form: number,
  start: number,
  state: number,
): void {
  const { batch } = context.output;
  const row = batch.rows;
  if (state !== COMPLETE) {
    if (state === MALFORMED) context.fault(FAULT['sample-malformed'], domain);
    if (state === NO_PACKET) context.fault(FAULT['sample-unknown']);
    if (state === HEADER_BAD) context.fault(FAULT['header-malformed'], domain);
    clearRow(batch, row);
    return;
  }
  const { columns } = batch;
  if (form === EXPANDED) writeInterfacesExpanded(context, start, row);
  else writeInterfaces(context, form === VERSION4 ? 31 : 30, start, row);
  if (source) source.write(columns.samplingRate, columns.rateSource, row);
  else {
    columns.samplingRate[row] = domain.samplingRate;
    columns.rateSource[row] = domain.rateSource;
    if (domain.samplingRate === 0) domain.unknownRateRecords++;
  }
  context.records++;
  batch.rows = row + 1;
  if (batch.rows < batch.rowsMax) return;
  stampSamples(context, domain);
  context.output.flush();
  context.sflow.firstRow = 0;
}

/** Fills what all samples of the datagram share; before its rows leave, so at its end and when the batch is full. */
export function stampSamples(context: DatagramContext, domain: Domain): void {
  const { columns, rows } = context.output.batch;
  const { firstRow } = context.sflow;
  const count = rows - firstRow;
  if (count === 0) return;
  context.stamp(domain, firstRow, count, TIME_SOURCE.received);
  const { packets, flowStart, flowEnd } = columns;
  const high = Math.floor(context.receivedAtMs / TWO_32);
  const low = context.receivedAtMs - high * TWO_32;
  for (let row = firstRow, word = 2 * firstRow; row < rows; row++, word += 2) {
    flowStart[word] = low;
    flowStart[word + 1] = high;
    flowEnd[word] = low;
    flowEnd[word + 1] = high;
    packets[word] = 1;
  }
  domain.records += count;
}

function writeInterfaces(context: DatagramContext, valueBits: number, start: number, row: number): void {
  const { view } = context;
  const id = view.getUint32(start + 4);
  const input = view.getUint32(start + 20);
  const output = view.getUint32(start + 24);
  const mask = valueBits === 31 ? 0x7fffffff : 0x3fffffff;
  const inFormat = valueBits === 31 ? (input >>> 31) * FORMAT_SEVERAL : input >>> 30;
  const outFormat = valueBits === 31 ? (output >>> 31) * FORMAT_SEVERAL : output >>> 30;
  write(context, row, id >>> 24, id & 0xffffff, inFormat, input & mask, outFormat, output & mask);
}

function writeInterfacesExpanded(context: DatagramContext, start: number, row: number): void {
  const { view } = context;
  write(
    context,
    row,
    view.getUint32(start + 4),
    view.getUint32(start + 8),
    view.getUint32(start + 24),
    view.getUint32(start + 28),
    view.getUint32(start + 32),
    view.getUint32(start + 36),
  );
}

function write(
  context: DatagramContext,
  row: number,
  sourceClass: number,
  source: number,
  inFormat: number,
  input: number,
  outFormat: number,
  output: number,
): void {
  const { columns } = context.output.batch;
  const inIf = inFormat === FORMAT_IFINDEX ? input : 0;
  const outIf = outFormat === FORMAT_IFINDEX ? output : 0;
  columns.inIf[row] = inIf;
  columns.outIf[row] = outIf;
  if (outFormat === FORMAT_DISCARDED) columns.forwardingStatus[row] = FORWARDING_DROPPED;
  // Mirrored traffic (ERSPAN) has its own.
  if (columns.direction[row] === DIRECTION.unknown)
    columns.direction[row] = directionOf(sourceClass, source, inIf, outIf);
}

/** A data source that is no interface gives each packet one chance as it arrives. */
function directionOf(sourceClass: number, source: number, inIf: number, outIf: number): number {
  if (sourceClass !== 0) return DIRECTION.ingress;
  if (source === inIf && source !== outIf) return DIRECTION.ingress;
  if (source === outIf && source !== inIf) return DIRECTION.egress;
  return DIRECTION.unknown;
}
