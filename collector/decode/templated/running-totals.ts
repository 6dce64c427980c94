// Running totals count since their flow began (RFC 7012 5.10), so of each report counts what it has beyond the one before.
// A flow is what its exporter and domain, its key and its beginning name. A new beginning is a new flow, and its first total
// counts whole. Of two reports of a flow the export times of their messages say which came first:
//
//   exported before the last one              late: counts nothing
//   a higher total, or the same               the difference counts
//   a lower total, in the same second         late
//   a lower total, exported later             a counter of up to 4 bytes has wrapped; else the counters began again: whole
//
// The first total of a flow counts whole where the flow began after all that may have been counted before: by an earlier
// process, another session or another collector, or by this table until it evicted the flow. Otherwise an unknown part of it
// was counted. It counts nothing then, and the next report counts against it. So what passed between two reports may be
// missing, and is counted as a fault, but no byte counts twice. A row that counts nothing keeps the total that was reported:
// `counterSource` says so, and the election gives it no weight.
//
// What counts of a report passed since the one before, and there its row begins.

import { COUNTER_SOURCE, DIRECTION } from '../../../schemas/codes.ts';
import type { DecodedColumns } from '../../../schemas/flow.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import { FAULT } from '../faults.ts';
import { fillTime, TWO_32, writeTime } from '../kernels.ts';
import { lengthOf, offsetOf } from './record-fields.ts';
import type { RecordRun } from './record-run.ts';
import type { Totals } from './totals.ts';
import { KEY_WORDS, NONE, TOTALS, TotalsTable } from './totals-table.ts';

/** A flow whose beginning nobody states is taken to have begun so long ago: the longest active timeout by default. */
const UNSTATED_MS = 30 * 60_000;
/** Export times are in seconds. */
const EXPORT_RESOLUTION_MS = 1000;
/** RFC 7012 5.11.3: after the active timeout (2) the flow goes on. */
const ACTIVE_TIMEOUT = 2;
const FIREWALL_DELETED = 2;
/** As an upper word: no counter has come this far, an exporter's -1 has. */
const ABSURD_WORD = 0x80000000;

export class RunningTotals {
  readonly table: TotalsTable;
  /** The fingerprint of the flow at hand. */
  readonly #key = new Uint32Array(KEY_WORDS);
  readonly #lanes = new Int32Array(KEY_WORDS);

  constructor(table = new TotalsTable()) {
    this.table = table;
  }

  /** Makes of the totals in a run's rows what counts of them; `isReverse`: they are of the other direction of biflows. */
  apply(
    context: DatagramContext,
    domain: Domain,
    totals: Totals,
    { row, count, start, stride }: Readonly<RecordRun>,
    isReverse: boolean,
  ): void {
    const { columns } = context.output.batch;
    if (domain.isCountedElsewhere) startAnew(domain, context.receivedAtMs);
    domain.totalsKey ||= this.table.newDomain();
    if (!totals.hasEnd) fillTime(columns.flowEnd, row, count, context.exportMs);
    for (let i = row, at = start; i < row + count; i++, at += stride) {
      this.#fingerprint(context, domain, totals, i, at, isReverse);
      const entry = this.table.find(this.#key);
      const source =
        entry === NONE ? this.#begin(context, domain, totals, i) : this.#continue(context, domain, totals, i, entry);
      columns.counterSource[i] = source;
      if (source === COUNTER_SOURCE.late) context.fault(FAULT['total-late']);
      else this.#touch(context, totals, entry === NONE ? this.table.find(this.#key) : entry, at);
      if (source === COUNTER_SOURCE.baseline) context.fault(FAULT['total-unknown']);
    }
  }

  /** The first report of a flow that the table knows. */
  #begin(context: DatagramContext, domain: Domain, totals: Totals, row: number): number {
    const { table } = this;
    const { columns } = context.output.batch;
    const startMs = isStartKnown(domain, totals) ? timeAt(columns.flowStart, row) : context.exportMs - UNSTATED_MS;
    // Before an eviction: the entry may take the place of one of the same domain.
    const countedMs = Math.max(table.evictedUntil(domain.totalsKey), countedElsewhereUntil(context, domain));
    const entry = table.add(this.#key, domain.totalsKey, secondsOf(context.receivedAtMs));
    // Nothing distinguishes a flow without a beginning from the next one of its key.
    table.doubles[(entry + TOTALS.start) / 2] = totals.startIn === 'nothing' ? Number.POSITIVE_INFINITY : startMs;
    table.doubles[(entry + TOTALS.end) / 2] = timeAt(columns.flowEnd, row);
    table.words[entry + TOTALS.exportS] = secondsOf(context.exportMs);
    keep(table.words, entry, totals, columns, row);
    return startMs > countedMs && !isAbsurd(totals, columns, row)
      ? COUNTER_SOURCE['since-start']
      : COUNTER_SOURCE.baseline;
  }

  /** A further report of the flow at `entry`. */
  #continue(context: DatagramContext, domain: Domain, totals: Totals, row: number, entry: number): number {
    const { words, doubles } = this.table;
    const { columns } = context.output.batch;
    const exportS = secondsOf(context.exportMs);
    const reportedS = words[entry + TOTALS.exportS]!;
    if (exportS < reportedS) return COUNTER_SOURCE.late;
    if (isAbsurd(totals, columns, row)) return COUNTER_SOURCE.baseline;
    const isDifference = isHigher(words, entry, totals, columns, row);
    if (!isDifference && exportS === reportedS) return COUNTER_SOURCE.late;
    if (isDifference) subtract(words, entry, totals, columns, row);
    else keep(words, entry, totals, columns, row);
    const end = timeAt(columns.flowEnd, row);
    const last = doubles[(entry + TOTALS.end) / 2]!;
    const start = isStartKnown(domain, totals) ? Math.max(timeAt(columns.flowStart, row), last) : last;
    writeTime(columns.flowStart, 2 * row, Math.min(start, end));
    doubles[(entry + TOTALS.end) / 2] = Math.max(last, end);
    words[entry + TOTALS.exportS] = exportS;
    return isDifference ? COUNTER_SOURCE.difference : COUNTER_SOURCE['since-start'];
  }

  #touch(context: DatagramContext, { endReason, firewallEvent }: Totals, entry: number, at: number): void {
    const { view } = context;
    const reason = endReason && lengthOf(endReason, at) === 1 ? view.getUint8(offsetOf(endReason, at)) : 0;
    const event = firewallEvent && lengthOf(firewallEvent, at) === 1 ? view.getUint8(offsetOf(firewallEvent, at)) : 0;
    const isEnded = (reason !== 0 && reason !== ACTIVE_TIMEOUT) || event === FIREWALL_DELETED;
    this.table.touch(entry, secondsOf(context.receivedAtMs), isEnded);
  }

  /**
   * 128 bits of what makes two records reports of one flow. The interface is the metered one: the other may change while the
   * flow lasts. MAC addresses count where there are no others, as those behind a gateway may change too.
   */
  #fingerprint(
    context: DatagramContext,
    domain: Domain,
    totals: Totals,
    row: number,
    at: number,
    isReverse: boolean,
  ): void {
    const { columns } = context.output.batch;
    const lanes = this.#lanes.fill(domain.totalsKey);
    const { srcAddr, dstAddr, srcPort, dstPort, inIf, outIf, direction } = columns;
    const { proto, tos, etherType, vlan, sVlan, vni, vrf, srcMac, dstMac } = columns;
    let some = 0;
    for (let word = 4 * row; word < 4 * row + 4; word++) {
      mix(lanes, srcAddr[word]!);
      mix(lanes, dstAddr[word]!);
      some |= srcAddr[word]! | dstAddr[word]!;
    }
    for (let word = 2 * row; some === 0 && word < 2 * row + 2; word++) {
      mix(lanes, srcMac[word]!);
      mix(lanes, dstMac[word]!);
    }
    const isEgress = direction[row] === DIRECTION.egress || inIf[row] === 0;
    mix(lanes, (srcPort[row]! << 16) | dstPort[row]!);
    mix(lanes, isEgress ? outIf[row]! : inIf[row]!);
    mix(lanes, (proto[row]! << 24) | (tos[row]! << 16) | etherType[row]!);
    mix(lanes, (vlan[row]! << 16) | sVlan[row]!);
    mix(lanes, vni[row]!);
    mix(lanes, vrf[row]!);
    mix(lanes, (direction[row]! << 1) | (isReverse ? 1 : 0));
    if (totals.startIn === 'column') {
      mix(lanes, columns.flowStart[2 * row]!);
      mix(lanes, columns.flowStart[2 * row + 1]!);
    } else if (totals.uptime) {
      const { uptime } = totals;
      mix(lanes, context.view.getUint32(offsetOf(uptime, at) + uptime.length - 4));
    }
    for (let i = 0; i < KEY_WORDS; i++) this.#key[i] = avalanche(lanes[i]!);
  }
}

/** Each lane by a multiplier of its own; a word alone never leaves two keys the same. */
function mix(lanes: Int32Array, word: number): void {
  let a = Math.imul(lanes[0]! ^ word, 0x9e3779b1);
  let b = Math.imul(lanes[1]! ^ word, 0x85ebca77);
  let c = Math.imul(lanes[2]! ^ word, 0xc2b2ae3d);
  let d = Math.imul(lanes[3]! ^ word, 0x27d4eb2f);
  a ^= a >>> 15;
  b ^= b >>> 13;
  c ^= c >>> 16;
  d ^= d >>> 14;
  lanes[0] = a;
  lanes[1] = b;
  lanes[2] = c;
  lanes[3] = d;
}

function avalanche(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return once ^ (once >>> 13);
}

/** What the table has of a domain is out of date: nothing finds it any more. */
function startAnew(domain: Domain, nowMs: number): void {
  domain.isCountedElsewhere = false;
  domain.countedUntilMs = nowMs;
  domain.totalsKey = 0;
}

function isStartKnown(domain: Domain, { hasStart, needsSystemInit }: Totals): boolean {
  return hasStart && !(needsSystemInit && domain.systemInitMs === 0);
}

/** By the exporter's clock. */
function countedElsewhereUntil({ exportMs, receivedAtMs }: DatagramContext, { countedUntilMs }: Domain): number {
  return countedUntilMs + exportMs - receivedAtMs + EXPORT_RESOLUTION_MS;
}

/** Whether no total of the row is lower than in the report before; a counter that has wrapped is not. */
function isHigher(words: Uint32Array, entry: number, totals: Totals, columns: DecodedColumns, row: number): boolean {
  for (const { name, modulus } of totals.columns) {
    const was = entry + TOTALS[name];
    const low = columns[name][2 * row]!;
    const high = columns[name][2 * row + 1]!;
    const isLower = high < words[was + 1]! || (high === words[was + 1]! && low < words[was]!);
    // No more than half of its range passes between two reports, else its sums mean nothing.
    if (isLower && (modulus === 0 || words[was]! - low < modulus / 2)) return false;
  }
  return true;
}

/** Leaves in the row what was added since the report before, and keeps the totals in the entry. */
function subtract(words: Uint32Array, entry: number, totals: Totals, columns: DecodedColumns, row: number): void {
  for (const { name, modulus } of totals.columns) {
    const column = columns[name];
    const was = entry + TOTALS[name];
    const low = column[2 * row]!;
    const high = column[2 * row + 1]!;
    const lowDifference = low - words[was]!;
    const highDifference = high - words[was + 1]! - (lowDifference < 0 ? 1 : 0);
    // 32 bits wrap by themselves, fewer do not.
    column[2 * row] = highDifference < 0 ? lowDifference + modulus : lowDifference;
    column[2 * row + 1] = Math.max(highDifference, 0);
    words[was] = low;
    words[was + 1] = high;
  }
}

function keep(words: Uint32Array, entry: number, totals: Totals, columns: DecodedColumns, row: number): void {
  for (const { name } of totals.columns) {
    words[entry + TOTALS[name]] = columns[name][2 * row]!;
    words[entry + TOTALS[name] + 1] = columns[name][2 * row + 1]!;
  }
}

function isAbsurd(totals: Totals, columns: DecodedColumns, row: number): boolean {
  for (const { name } of totals.columns) if (columns[name][2 * row + 1]! >= ABSURD_WORD) return true;
  return false;
}

function timeAt(words: Uint32Array, row: number): number {
  return words[2 * row]! + words[2 * row + 1]! * TWO_32;
}

function secondsOf(ms: number): number {
  return Math.floor(ms / 1000);
}
