// Counting once: which observation of a packet counts. A pure function of the two ends, the record, the topology and the
// registry, so that it needs no state, no order of arrival, and a replay gives the same answer. The rule for the pair
// (election-rule.ts) names one point; the record that stems from it counts, every other one does not and says why
// (docs/COUNTING.md, "Counting once"). Where no rule finds a covered point, records stay unelected.

import { PORT_FLAG as PORT_BITS, PORT as PORT_WORDS } from '../../inventory/lookup/port-table.ts';
import type { AccessTable } from '../../inventory/model/access.ts';
import { ATTACHED as ATTACHED_BITS, ATTACHMENT as ATTACHMENT_WORDS } from '../../inventory/model/attachments.ts';
import { FLOW, TRAFFIC } from '../../inventory/model/meters.ts';
import {
  BIFLOW as BIFLOW_CODES,
  COUNT_REASON as COUNT_REASON_CODES,
  COUNTER_SOURCE,
  DIRECTION as DIRECTION_CODES,
  ELECTION_RULE as ELECTION_RULE_CODES,
  IDENTITY as IDENTITY_CODES,
  MARKS as MARK_BITS,
  RULE as RULE_CODES,
} from '../../schemas/codes.ts';
import type { FlowColumns } from '../../schemas/flow.ts';
import { PROTOCOL_ROWS } from '../../schemas/protocols.ts';
import { autoRuleIn, ENTRY as ENTRY_WORDS, identityIn } from '../entries/endpoint-table.ts';
import type { RowOffsets } from '../entries/row-offsets.ts';
import {
  FORWARDED as FORWARDED_BITS,
  isHiddenPair,
  ruleCode,
  ruleFor,
  VSWITCH_EGRESS as VSWITCH_EGRESS_RULE,
} from './election-rule.ts';

// V8 folds a module's own constants into the machine code; imported ones it loads and checks at every use (bench enrich: a tenth).
const BIFLOW = BIFLOW_CODES;
const COUNT_REASON = COUNT_REASON_CODES;
const DIRECTION = DIRECTION_CODES;
const ELECTION_RULE = ELECTION_RULE_CODES;
const IDENTITY = IDENTITY_CODES;
const MARKS = MARK_BITS;
const RULE = RULE_CODES;
const SAMPLED_HEADER = Uint8Array.from(PROTOCOL_ROWS, ({ sampledHeader }) => Number(sampledHeader));
const ATTACHED = ATTACHED_BITS;
const ATTACHMENT = ATTACHMENT_WORDS;
const FORWARDED = FORWARDED_BITS;
const VSWITCH_EGRESS = VSWITCH_EGRESS_RULE;
const ENTRY = ENTRY_WORDS;
const PORT = PORT_WORDS;
const PORT_FLAG = PORT_BITS;

/** From here on what a record reports was counted before, or may have been. */
const { baseline: BASELINE } = COUNTER_SOURCE;
const RUNNING_TOTAL = COUNT_REASON['running-total'];

/** forwardingStatus, RFC 7270 4.12: the top two bits say dropped. */
const DROPPED = 0b10;
const GRE = 47;
const UDP = 17;
const VXLAN = 4789;
const VXLAN_GPE = 4790;
const VXLAN_BEFORE_IANA = 8472;
const GENEVE = 6081;
const ECID_BIT = 0x80000000;

const METERS_IN = PORT_FLAG.meters << FLOW.ingress;
const METERS_OUT = PORT_FLAG.meters << FLOW.egress;
const COUNTS = {
  plainIn: PORT_FLAG.counts << (2 * TRAFFIC.plain + FLOW.ingress),
  plainOut: PORT_FLAG.counts << (2 * TRAFFIC.plain + FLOW.egress),
  innerIn: PORT_FLAG.counts << (2 * TRAFFIC.inner + FLOW.ingress),
  innerOut: PORT_FLAG.counts << (2 * TRAFFIC.inner + FLOW.egress),
  internalIn: PORT_FLAG.counts << (2 * TRAFFIC.internal + FLOW.ingress),
  internalOut: PORT_FLAG.counts << (2 * TRAFFIC.internal + FLOW.egress),
} as const;

const { vswitch, relay, transit, moved } = ELECTION_RULE;
const SOURCE_INGRESS = ELECTION_RULE['source-ingress'];
const DESTINATION_EGRESS = ELECTION_RULE['destination-egress'];
const DESTINATION_SWITCH = ELECTION_RULE['destination-switch'];
const EXTERNAL_INGRESS = ELECTION_RULE['external-ingress'];
const EXTERNAL_EGRESS = ELECTION_RULE['external-egress'];
const NOT_CANONICAL = COUNT_REASON['not-canonical'];
const SECOND_METER = COUNT_REASON['second-meter'];

/** What the election knows beside the record. Entries and words of ports grow: they are read anew at each call. */
export interface Surroundings {
  readonly endpoints: { readonly entries: Uint32Array };
  readonly ports: { readonly words: Uint32Array };
}

/** Shares of a record are counted in halves: 2 is all of it. */
const WHOLE = 2;
const HALF = 1;
/** No code of COUNT_REASONS: the rule decides. */
const OPEN = -1;
const NONE = new Uint32Array(0);

/**
 * The fields describe the row at hand. They are small integers and arrays, so that methods share them without an
 * allocation. The stage alone takes some 5 to 10 % longer than as one function of 180 lines with locals; enriching as a
 * whole does not (pairs in one process).
 */
export class Election {
  readonly #access: AccessTable;
  readonly #attachments: Uint32Array;
  #ports: Uint32Array = NONE;
  /** Offsets of the attachments of source and destination. */
  #s = 0;
  #d = 0;
  #srcFlags = 0;
  #dstFlags = 0;
  /** Words `access` and `identity` of the entries. */
  #srcAccess = 0;
  #dstAccess = 0;
  #srcIdentity = 0;
  #isToGroup = false;
  #inPort = 0;
  #outPort = 0;
  #inFlags = 0;
  #outFlags = 0;
  /** The share of the record's packets that it reports as they arrive by inIf, and as they leave by outIf. */
  #arriving = 0;
  #leaving = 0;
  /** Whether each packet was metered once. */
  #isPlain = true;
  /** The share that counts. */
  #share = 0;
  #hasMoved = false;

  constructor(access: AccessTable) {
    this.#access = access;
    this.#attachments = access.attachments;
  }

  /** Fills weight, countReason, electionRule and the marks `moved` and `via` of rows `from` to `to`. */
  elect(columns: FlowColumns, from: number, to: number, offsets: RowOffsets, { endpoints, ports }: Surroundings): void {
    const { weight, countReason, electionRule, marks } = columns;
    const { entries } = endpoints;
    const access = this.#access;
    const attachments = this.#attachments;
    const { src, dst, exporters, inPorts, outPorts } = offsets;
    this.#ports = ports.words;
    for (let row = from; row < to; row++) {
      const srcEntry = src[row]!;
      const dstEntry = dst[row]!;
      const srcAccess = entries[srcEntry + ENTRY.access]!;
      const dstAccess = entries[dstEntry + ENTRY.access]!;
      const srcIdentity = entries[srcEntry + ENTRY.identity]!;
      const dstRule = autoRuleIn(entries[dstEntry + ENTRY.identity]!);
      const s = (srcAccess & FORWARDED.number) * ATTACHMENT.words;
      const d = (dstAccess & FORWARDED.number) * ATTACHMENT.words;
      const rule = ruleFor(access, s, d, autoRuleIn(srcIdentity) === RULE.external, dstRule === RULE.external);
      this.#s = s;
      this.#d = d;
      this.#srcFlags = attachments[s + ATTACHMENT.flags]!;
      this.#dstFlags = attachments[d + ATTACHMENT.flags]!;
      this.#srcAccess = srcAccess;
      this.#dstAccess = dstAccess;
      this.#srcIdentity = srcIdentity;
      this.#isToGroup = dstRule === RULE.multicast;
      this.#inPort = inPorts[row]!;
      this.#outPort = outPorts[row]!;
      this.#share = 0;
      this.#hasMoved = false;

      let reason = this.#excluded(columns, row);
      if (reason === OPEN) {
        const isUnelected = rule === ELECTION_RULE.none || (exporters[row] === 0 && isHiddenPair(access, s, d));
        if (isUnelected) reason = COUNT_REASON.unelected;
        else {
          this.#findShares(columns, row);
          reason = this.#judge(rule, columns.outIf[row]!);
        }
      }
      const isVia = ((this.#srcFlags | this.#dstFlags) & ATTACHED.forwards) !== 0 || reason === COUNT_REASON.forwarded;
      if (isVia) marks[row]! |= MARKS.via;
      if (this.#hasMoved) marks[row]! |= MARKS.moved;
      weight[row] = this.#share / WHOLE;
      countReason[row] = reason;
      if (reason === COUNT_REASON.unelected) electionRule[row] = ELECTION_RULE.none;
      else electionRule[row] = this.#hasMoved ? moved : ruleCode(rule);
    }
  }

  /** Why a record cannot count whatever the rule, or OPEN. */
  #excluded({ marks, counterSource, forwardingStatus, proto, dstPort, biflow }: FlowColumns, row: number): number {
    if (counterSource[row]! >= BASELINE) return RUNNING_TOTAL;
    if ((marks[row]! & MARKS.implausible) !== 0) return COUNT_REASON.implausible;
    if (forwardingStatus[row]! >>> 6 === DROPPED) return COUNT_REASON.discarded;
    const srcFlags = this.#srcFlags;
    const dstFlags = this.#dstFlags;
    if (
      (srcFlags & dstFlags & ATTACHED.tunnelEnd) !== 0 &&
      ((srcFlags & ATTACHED.innerIn) !== 0 || (dstFlags & ATTACHED.innerOut) !== 0) &&
      isTunnel(proto[row]!, dstPort[row]!)
    )
      return COUNT_REASON.outer;
    this.#inFlags = this.#ports[this.#inPort + PORT.flags]!;
    this.#outFlags = this.#ports[this.#outPort + PORT.flags]!;
    const repeats = (this.#inFlags & PORT_FLAG.repeatsBiflow) !== 0;
    return repeats && biflow[row] === BIFLOW.reverse ? COUNT_REASON['reverse-exported'] : OPEN;
  }

  #findShares(columns: FlowColumns, row: number): void {
    const { biflow, direction, inIf, outIf } = columns;
    this.#arriving = 0;
    this.#leaving = 0;
    this.#isPlain = true;
    if (biflow[row] !== BIFLOW.none && (this.#inFlags & PORT_FLAG.repeatsBiflow) === 0) {
      // Each packet is in one record of the device, whichever port it was metered at.
      this.#arriving = WHOLE;
      this.#leaving = WHOLE;
      this.#isPlain = false;
    } else if (direction[row] === DIRECTION.ingress) this.#arriving = WHOLE;
    else if (direction[row] === DIRECTION.egress) this.#leaving = WHOLE;
    else {
      if ((this.#inFlags & METERS_IN) !== 0) this.#arriving = WHOLE;
      if ((this.#outFlags & METERS_OUT) !== 0 && outIf[row] !== 0) this.#leaving = WHOLE;
      if (this.#arriving + this.#leaving === 2 * WHOLE) this.#findMetering(columns, row, inIf[row] === outIf[row]);
    }
  }

  /** Metered twice, and nothing says which time it was, unless the tag of one end does: half of it counts. */
  #findMetering({ ecid, sVlan, protocol }: FlowColumns, row: number, isOnePort: boolean): void {
    const tag = ecid[row] !== 0 ? (ECID_BIT | ecid[row]!) >>> 0 : sVlan[row]!;
    const srcTag = this.#attachments[this.#s + ATTACHMENT.tag]!;
    const dstTag = this.#attachments[this.#d + ATTACHMENT.tag]!;
    const isTurned = isOnePort || isOneCable(this.#ports, this.#inPort, this.#outPort);
    const isDistinct = isTurned && srcTag !== dstTag && isSampledHeader(protocol[row]!);
    // Of a group's packet only the copy that comes back has an output port.
    if (isTurned && this.#isToGroup) this.#arriving = 0;
    else if (isDistinct && tag === srcTag) this.#leaving = 0;
    else if (isDistinct && tag === dstTag) this.#arriving = 0;
    else {
      this.#arriving = HALF;
      this.#leaving = HALF;
      this.#isPlain = false;
    }
  }

  /** The code of COUNT_REASONS; sets `#share` where it is `elected`. */
  #judge(rule: number, outIf: number): number {
    switch (rule) {
      case vswitch:
        return this.#judgeSource(ATTACHMENT.internal, COUNTS.internalIn, outIf);
      case relay:
      case SOURCE_INGRESS:
        return this.#judgeSource(ATTACHMENT.in, countsIn(this.#srcFlags), outIf);
      case VSWITCH_EGRESS:
        return this.#judgeDestination(ATTACHMENT.internal, COUNTS.internalOut);
      case DESTINATION_EGRESS:
        return this.#judgeDestination(ATTACHMENT.out, countsOut(this.#dstFlags));
      case DESTINATION_SWITCH:
        if ((this.#dstAccess & FORWARDED.to) !== 0) return COUNT_REASON.forwarded;
        if (this.#arriving === 0 || !this.#isAmong(this.#d + ATTACHMENT.byOutput, this.#outPort)) return NOT_CANONICAL;
        return this.#countArriving(countsIn(this.#dstFlags));
      case EXTERNAL_INGRESS:
      case transit:
        return (this.#inFlags & PORT_FLAG.external) !== 0 ? this.#countArriving(COUNTS.plainIn) : NOT_CANONICAL;
      case EXTERNAL_EGRESS:
        if ((this.#outFlags & PORT_FLAG.external) === 0) return NOT_CANONICAL;
        if ((this.#outFlags & PORT_FLAG.exitByOutput) !== 0) return this.#countArriving(COUNTS.plainIn);
        return this.#countLeaving(COUNTS.plainOut);
      default:
        return NOT_CANONICAL;
    }
  }

  /** At the ports of the source's attachment in `range`, where traffic counts that has the flag `counts`. */
  #judgeSource(range: number, counts: number, outIf: number): number {
    if ((this.#srcAccess & FORWARDED.from) !== 0) return COUNT_REASON.forwarded;
    if (this.#arriving !== 0 && this.#isAmong(this.#s + range, this.#inPort)) return this.#countArriving(counts);
    if (this.#arriving === WHOLE && this.#isPlain) return this.#judgeMoved();
    if (!this.#isToGroup || this.#leaving === 0) return NOT_CANONICAL;
    const back = outIf === 0 ? this.#inPort : this.#outPort;
    return this.#isAmong(this.#s + ATTACHMENT.places, back) ? COUNT_REASON.reflected : NOT_CANONICAL;
  }

  /** A packet arrives at one access port only, wherever the inventory has its sender. */
  #judgeMoved(): number {
    if (
      (this.#inFlags & PORT_FLAG.access) === 0 ||
      (this.#inFlags & countsIn(this.#srcFlags)) === 0 ||
      !isOwnMac(identityIn(this.#srcIdentity)) ||
      this.#isAmong(this.#s + ATTACHMENT.places, this.#inPort)
    )
      return NOT_CANONICAL;
    this.#share = WHOLE;
    this.#hasMoved = true;
    return COUNT_REASON.elected;
  }

  #judgeDestination(range: number, counts: number): number {
    if ((this.#dstAccess & FORWARDED.to) !== 0) return COUNT_REASON.forwarded;
    if (this.#leaving === 0 || !this.#isAmong(this.#d + range, this.#outPort)) return NOT_CANONICAL;
    return this.#countLeaving(counts);
  }

  #countArriving(counts: number): number {
    if (this.#arriving === 0) return NOT_CANONICAL;
    if ((this.#inFlags & counts) === 0) return (this.#inFlags & METERS_IN) !== 0 ? SECOND_METER : NOT_CANONICAL;
    this.#share = this.#arriving;
    return COUNT_REASON.elected;
  }

  #countLeaving(counts: number): number {
    if (this.#leaving === 0) return NOT_CANONICAL;
    if ((this.#outFlags & counts) === 0) return (this.#outFlags & METERS_OUT) !== 0 ? SECOND_METER : NOT_CANONICAL;
    this.#share = this.#leaving;
    return COUNT_REASON.elected;
  }

  /** Whether a port is one of a range of points; `at`: offset of the range among the attachments. */
  #isAmong(at: number, port: number): boolean {
    const { points } = this.#access;
    const end = this.#attachments[at + 1]!;
    const node = this.#ports[port + PORT.node]!;
    const group = this.#ports[port + PORT.group]!;
    for (let i = this.#attachments[at]!; i < end; i++) {
      const point = points[i]!;
      if (point === node || point === group) return true;
    }
    return false;
  }
}

/** The flag of a port at which what the end sends counts. */
function countsIn(attached: number): number {
  return (attached & ATTACHED.tunnelled) !== 0 ? COUNTS.innerIn : COUNTS.plainIn;
}

/** The flag of a port at which what the end gets counts. */
function countsOut(attached: number): number {
  return (attached & ATTACHED.tunnelled) !== 0 ? COUNTS.innerOut : COUNTS.plainOut;
}

function isTunnel(proto: number, dstPort: number): boolean {
  if (proto === GRE) return true;
  return (
    proto === UDP && (dstPort === VXLAN || dstPort === GENEVE || dstPort === VXLAN_GPE || dstPort === VXLAN_BEFORE_IANA)
  );
}

function isOneCable(ports: Uint32Array, a: number, b: number): boolean {
  const group = ports[a + PORT.group]!;
  return group !== 0 && group === ports[b + PORT.group] && (ports[a + PORT.flags]! & PORT_FLAG.vswitch) === 0;
}

/** Whether tags are those of the frame at the place where it was metered; other records report those it arrived with. */
function isSampledHeader(protocol: number): boolean {
  return SAMPLED_HEADER[protocol] === 1;
}

function isOwnMac(identity: number): boolean {
  return identity === IDENTITY.mac || identity === IDENTITY['port-mac'] || identity === IDENTITY['segment-mac'];
}
