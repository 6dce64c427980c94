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
  DIRECTION as DIRECTION_CODES,
  ELECTION_RULE as ELECTION_RULE_CODES,
  IDENTITY as IDENTITY_CODES,
  MARKS as MARK_BITS,
  RULE as RULE_CODES,
} from '../../schemas/codes.ts';
import type { FlowColumns } from '../../schemas/flow.ts';
import { PROTOCOL_ROWS } from '../../schemas/protocols.ts';
import { autoRuleIn, ENTRY as ENTRY_WORDS, identityIn } from '../entries/endpoint-table.ts';
import {
  isHiddenPair,
  PASSED as PASSED_BITS,
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
const PASSED = PASSED_BITS;
const VSWITCH_EGRESS = VSWITCH_EGRESS_RULE;
const ENTRY = ENTRY_WORDS;
const PORT = PORT_WORDS;
const PORT_FLAG = PORT_BITS;

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

/**
 * Fills weight, countReason, electionRule and the marks `moved` and `via` of rows `from` to `to`; `src` and `dst` are
 * offsets into `entries`, `exporterOf` exporter numbers of the registry, `inPorts` and `outPorts` offsets into `ports`, the
 * words of seen ports (seen-ports.ts).
 */
export function elect(
  columns: FlowColumns,
  from: number,
  to: number,
  src: Uint32Array,
  dst: Uint32Array,
  entries: Uint32Array,
  exporterOf: Uint32Array,
  inPorts: Uint32Array,
  outPorts: Uint32Array,
  ports: Uint32Array,
  access: AccessTable,
): void {
  const { weight, countReason, electionRule, marks, forwardingStatus, inIf, outIf, direction, biflow } = columns;
  const { sVlan, ecid, proto, dstPort, protocol } = columns;
  const { attachments } = access;
  for (let row = from; row < to; row++) {
    const srcEntry = src[row]!;
    const dstEntry = dst[row]!;
    const srcAccess = entries[srcEntry + ENTRY.access]!;
    const dstAccess = entries[dstEntry + ENTRY.access]!;
    const s = (srcAccess & PASSED.number) * ATTACHMENT.words;
    const d = (dstAccess & PASSED.number) * ATTACHMENT.words;
    const srcFlags = attachments[s + ATTACHMENT.flags]!;
    const dstFlags = attachments[d + ATTACHMENT.flags]!;
    const isFromOutside = autoRuleIn(entries[srcEntry + ENTRY.identity]!) === RULE.external;
    const isToOutside = autoRuleIn(entries[dstEntry + ENTRY.identity]!) === RULE.external;
    const rule = ruleFor(access, s, d, isFromOutside, isToOutside);
    weight[row] = 0;
    electionRule[row] = ruleCode(rule);
    if (((srcFlags | dstFlags) & ATTACHED.forwards) !== 0) marks[row]! |= MARKS.via;

    if (forwardingStatus[row]! >>> 6 === DROPPED) {
      countReason[row] = COUNT_REASON.discarded;
      continue;
    }
    if (
      (srcFlags & dstFlags & ATTACHED.tunnelEnd) !== 0 &&
      ((srcFlags & ATTACHED.innerIn) !== 0 || (dstFlags & ATTACHED.innerOut) !== 0) &&
      isTunnel(proto[row]!, dstPort[row]!)
    ) {
      countReason[row] = COUNT_REASON.outer;
      continue;
    }
    const exporter = exporterOf[row]!;
    const inPort = inPorts[row]!;
    const half = biflow[row]!;
    const repeats = half !== BIFLOW.none && (ports[inPort + PORT.flags]! & PORT_FLAG.repeatsBiflow) !== 0;
    if (repeats && half === BIFLOW.reverse) {
      countReason[row] = COUNT_REASON['reverse-exported'];
      continue;
    }
    if (rule === ELECTION_RULE.none || (exporter === 0 && isHiddenPair(access, s, d))) {
      electionRule[row] = ELECTION_RULE.none;
      countReason[row] = COUNT_REASON.unelected;
      continue;
    }
    const outPort = outPorts[row]!;
    const inFlags = ports[inPort + PORT.flags]!;
    const outFlags = ports[outPort + PORT.flags]!;
    const isToGroup = autoRuleIn(entries[dstEntry + ENTRY.identity]!) === RULE.multicast;

    // The share of the record's packets that it tells of as they arrive by inIf, and as they leave by outIf.
    let arriving = 0;
    let leaving = 0;
    let isPlain = true;
    if (half !== BIFLOW.none && !repeats) {
      // Each packet is in one record of the device, whichever port it was metered at.
      arriving = 1;
      leaving = 1;
      isPlain = false;
    } else if (direction[row] === DIRECTION.ingress) arriving = 1;
    else if (direction[row] === DIRECTION.egress) leaving = 1;
    else {
      arriving = (inFlags & METERS_IN) !== 0 ? 1 : 0;
      leaving = (outFlags & METERS_OUT) !== 0 && outIf[row] !== 0 ? 1 : 0;
      if (arriving + leaving === 2) {
        // Metered twice, and nothing says which time it was, unless the tag of one end does: half of it counts.
        const tag = ecid[row] !== 0 ? (ECID_BIT | ecid[row]!) >>> 0 : sVlan[row]!;
        const srcTag = attachments[s + ATTACHMENT.tag]!;
        const dstTag = attachments[d + ATTACHMENT.tag]!;
        const isTurned = inIf[row] === outIf[row] || isOneCable(ports, inPort, outPort);
        const isTold = isTurned && srcTag !== dstTag && isSampledHeader(protocol[row]!);
        // Of a group's packet only the copy that comes back has an output port.
        if (isTurned && isToGroup) arriving = 0;
        else if (isTold && tag === srcTag) leaving = 0;
        else if (isTold && tag === dstTag) arriving = 0;
        else {
          arriving = 0.5;
          leaving = 0.5;
          isPlain = false;
        }
      }
    }

    let share = 0;
    let reason: number = COUNT_REASON['not-canonical'];
    switch (rule) {
      case vswitch:
      case relay:
      case SOURCE_INGRESS: {
        const range = s + (rule === vswitch ? ATTACHMENT.internal : ATTACHMENT.in);
        const counts =
          rule === vswitch
            ? COUNTS.internalIn
            : (srcFlags & ATTACHED.tunnelled) !== 0
              ? COUNTS.innerIn
              : COUNTS.plainIn;
        if ((srcAccess & PASSED.from) !== 0) reason = COUNT_REASON.forwarded;
        else if (arriving !== 0 && isAmong(access, ports, range, inPort)) {
          if ((inFlags & counts) !== 0) share = arriving;
          else if ((inFlags & METERS_IN) !== 0) reason = COUNT_REASON['second-meter'];
        } else if (arriving === 1 && isPlain) {
          // A packet arrives at one access port only, wherever the inventory has its sender.
          if (
            (inFlags & PORT_FLAG.access) !== 0 &&
            (inFlags & ((srcFlags & ATTACHED.tunnelled) !== 0 ? COUNTS.innerIn : COUNTS.plainIn)) !== 0 &&
            isOwnMac(identityIn(entries[srcEntry + ENTRY.identity]!)) &&
            !isAmong(access, ports, s + ATTACHMENT.places, inPort)
          ) {
            share = 1;
            electionRule[row] = moved;
            marks[row]! |= MARKS.moved;
          }
        } else if (isToGroup && leaving !== 0) {
          const back = outIf[row] === 0 ? inPort : outPort;
          if (isAmong(access, ports, s + ATTACHMENT.places, back)) reason = COUNT_REASON.reflected;
        }
        break;
      }
      case VSWITCH_EGRESS:
      case DESTINATION_EGRESS: {
        const range = d + (rule === VSWITCH_EGRESS ? ATTACHMENT.internal : ATTACHMENT.out);
        const counts =
          rule === VSWITCH_EGRESS
            ? COUNTS.internalOut
            : (dstFlags & ATTACHED.tunnelled) !== 0
              ? COUNTS.innerOut
              : COUNTS.plainOut;
        if ((dstAccess & PASSED.to) !== 0) reason = COUNT_REASON.forwarded;
        else if (leaving !== 0 && isAmong(access, ports, range, outPort)) {
          if ((outFlags & counts) !== 0) share = leaving;
          else if ((outFlags & METERS_OUT) !== 0) reason = COUNT_REASON['second-meter'];
        }
        break;
      }
      case DESTINATION_SWITCH: {
        const counts = (dstFlags & ATTACHED.tunnelled) !== 0 ? COUNTS.innerIn : COUNTS.plainIn;
        if ((dstAccess & PASSED.to) !== 0) reason = COUNT_REASON.forwarded;
        else if (arriving !== 0 && isAmong(access, ports, d + ATTACHMENT.byOutput, outPort)) {
          if ((inFlags & counts) !== 0) share = arriving;
          else if ((inFlags & METERS_IN) !== 0) reason = COUNT_REASON['second-meter'];
        }
        break;
      }
      case EXTERNAL_INGRESS:
      case transit:
        if (arriving !== 0 && (inFlags & PORT_FLAG.external) !== 0) {
          if ((inFlags & COUNTS.plainIn) !== 0) share = arriving;
          else if ((inFlags & METERS_IN) !== 0) reason = COUNT_REASON['second-meter'];
        }
        break;
      case EXTERNAL_EGRESS:
        if ((outFlags & PORT_FLAG.external) === 0) break;
        if ((outFlags & PORT_FLAG.exitByOutput) !== 0) {
          if (arriving !== 0 && (inFlags & COUNTS.plainIn) !== 0) share = arriving;
          else if (arriving !== 0 && (inFlags & METERS_IN) !== 0) reason = COUNT_REASON['second-meter'];
        } else if (leaving !== 0) {
          if ((outFlags & COUNTS.plainOut) !== 0) share = leaving;
          else if ((outFlags & METERS_OUT) !== 0) reason = COUNT_REASON['second-meter'];
        }
        break;
    }
    if (reason === COUNT_REASON.forwarded) marks[row]! |= MARKS.via;
    weight[row] = share;
    countReason[row] = share === 0 ? reason : COUNT_REASON.elected;
  }
}

function isTunnel(proto: number, dstPort: number): boolean {
  if (proto === GRE) return true;
  return (
    proto === UDP && (dstPort === VXLAN || dstPort === GENEVE || dstPort === VXLAN_GPE || dstPort === VXLAN_BEFORE_IANA)
  );
}

/** Whether a port is one of a range of points; `at`: offset of the range among the attachments. */
function isAmong({ attachments, points }: AccessTable, ports: Uint32Array, at: number, port: number): boolean {
  const end = attachments[at + 1]!;
  const node = ports[port + PORT.node]!;
  const group = ports[port + PORT.group]!;
  for (let i = attachments[at]!; i < end; i++) {
    const point = points[i]!;
    if (point === node || point === group) return true;
  }
  return false;
}

function isOneCable(ports: Uint32Array, a: number, b: number): boolean {
  const group = ports[a + PORT.group]!;
  return group !== 0 && group === ports[b + PORT.group] && (ports[a + PORT.flags]! & PORT_FLAG.vswitch) === 0;
}

/** Whether tags are those of the frame at the place where it was metered; other records tell those it arrived with. */
function isSampledHeader(protocol: number): boolean {
  return SAMPLED_HEADER[protocol] === 1;
}

function isOwnMac(identity: number): boolean {
  return identity === IDENTITY.mac || identity === IDENTITY['port-mac'] || identity === IDENTITY['segment-mac'];
}
