// Which rule names the one point where packets from S to D count. It follows from where both ends are attached and from
// what is covered there, and the rules are asked in a fixed order, so that every pair has one answer.

import type { AccessTable } from '../../inventory/model/access.ts';
import { ATTACHED as ATTACHED_BITS, ATTACHMENT as ATTACHMENT_WORDS } from '../../inventory/model/attachments.ts';
import type { Topology } from '../../inventory/model/topology.ts';
import { ELECTION_RULE as ELECTION_RULE_CODES } from '../../schemas/codes.ts';

// V8 folds a module's own constants into the machine code; imported ones it loads and checks at every use (bench enrich: a tenth).
const ELECTION_RULE = ELECTION_RULE_CODES;
const ATTACHED = ATTACHED_BITS;
const ATTACHMENT = ATTACHMENT_WORDS;

const { none, relay, transit } = ELECTION_RULE;
/** Rule 1a of a vSwitch that meters only what leaves; stored as `vswitch`. */
export const VSWITCH_EGRESS = 0x40 | ELECTION_RULE.vswitch;
const RULE_BITS = 0x3f;

/** The code that is stored for a rule. */
export function ruleCode(rule: number): number {
  return rule & RULE_BITS;
}

/** Whether the frame need not leave the host: one component, and one segment or a router in it. `s`, `d`: offsets of attachments. */
function isInternal(words: Uint32Array, s: number, d: number): boolean {
  const component = words[s + ATTACHMENT.component]!;
  if (component === 0 || component !== words[d + ATTACHMENT.component]) return false;
  return (
    words[s + ATTACHMENT.segment] === words[d + ATTACHMENT.segment] ||
    (words[s + ATTACHMENT.flags]! & words[d + ATTACHMENT.flags]! & ATTACHED.router) !== 0
  );
}

/** Of a host-internal pair: whether the bridge turns its frames back. Ports of their own need no relay. */
function isRelayed(words: Uint32Array, s: number, d: number): boolean {
  const both = words[s + ATTACHMENT.flags]! & words[d + ATTACHMENT.flags]!;
  return (both & ATTACHED.turnsBack) !== 0 && (both & (ATTACHED.relays | ATTACHED.ownPort)) !== 0;
}

/**
 * Whether packets from S to D stay inside a host where no registered meter sees them. The rules go on to ask for other
 * points, in case the inventory is late, but what an exporter nobody registered reports of such a pair is all there is.
 */
export function isHiddenPair({ attachments }: AccessTable, s: number, d: number): boolean {
  if (s === 0 || d === 0 || !isInternal(attachments, s, d) || isRelayed(attachments, s, d)) return false;
  return (
    (attachments[s + ATTACHMENT.flags]! & ATTACHED.internalIn) === 0 &&
    (attachments[d + ATTACHMENT.flags]! & ATTACHED.internalOut) === 0
  );
}

function has(words: Uint32Array, at: number): boolean {
  return words[at] !== words[at + 1];
}

/** `s`, `d`: offsets of the attachments; outside: an end that is neither known nor an internal address. */
export function ruleFor(
  access: AccessTable,
  s: number,
  d: number,
  isFromOutside: boolean,
  isToOutside: boolean,
): number {
  const words = access.attachments;
  if (s !== 0) {
    if (d !== 0 && isInternal(words, s, d)) {
      if ((words[s + ATTACHMENT.flags]! & ATTACHED.internalIn) !== 0) return ELECTION_RULE.vswitch;
      if ((words[d + ATTACHMENT.flags]! & ATTACHED.internalOut) !== 0) return VSWITCH_EGRESS;
      if (has(words, s + ATTACHMENT.in) && isRelayed(words, s, d)) return relay;
    }
    if (has(words, s + ATTACHMENT.in)) return ELECTION_RULE['source-ingress'];
  }
  if (d !== 0) {
    if (has(words, d + ATTACHMENT.out)) return ELECTION_RULE['destination-egress'];
    if (has(words, d + ATTACHMENT.byOutput)) return ELECTION_RULE['destination-switch'];
  }
  if (isFromOutside && access.metersEntry) return isToOutside ? transit : ELECTION_RULE['external-ingress'];
  if (!isFromOutside && isToOutside && access.metersExit) return ELECTION_RULE['external-egress'];
  return none;
}

export interface PairVisibility {
  /** Code of ELECTION_RULES. */
  readonly rule: number;
  readonly covered: boolean;
  readonly hostInternal: boolean;
}

/**
 * What would be seen of packets from one owner to another. A pair that needs no bridge outside its host is covered by
 * its vSwitch or by the relay alone: the election would take a record from elsewhere, but there is none.
 */
export function pairVisibility(access: AccessTable, ownerS: number, ownerD: number): PairVisibility {
  return attachmentVisibility(access, access.idOf[ownerS]!, access.idOf[ownerD]!);
}

/** The same for attachment numbers (`access.idOf`): owners that share them share the answer. */
export function attachmentVisibility(access: AccessTable, source: number, destination: number): PairVisibility {
  const words = access.attachments;
  const s = source * ATTACHMENT.words;
  const d = destination * ATTACHMENT.words;
  const hostInternal = s !== 0 && d !== 0 && isInternal(words, s, d);
  const rule = isHiddenPair(access, s, d) ? none : ruleCode(ruleFor(access, s, d, false, false));
  return { rule, covered: rule !== none, hostInternal };
}

/** Bits above the attachment number in ENTRY.access: an end whose record bears the MAC address of another owner. */
export const FORWARDED = {
  /** As a source: what this owner sent to the forwarder has shown at its access port before. */
  from: 0x80000000,
  /** As a destination: what the forwarder sends to this owner will show at its access port. */
  to: 0x40000000,
  number: 0x3fffffff,
} as const;

/**
 * The bits of an owner whose packets `forwarder` sends on, or takes for it. A leg inside a VEB host does not show, and one
 * interface of the forwarder may be inside and the other not.
 */
export function forwardedBits(
  access: AccessTable,
  topology: Pick<Topology, 'count' | 'kind' | 'entity'>,
  owner: number,
  forwarder: number,
): number {
  const words = access.attachments;
  const own = access.idOf[owner]! * ATTACHMENT.words;
  const { kind, entity } = topology;
  const isForwarder = (other: number) =>
    kind[other] === kind[forwarder] && entity[other] === entity[forwarder] && other < topology.count;
  const isHiddenFrom = (other: number) => {
    const at = access.idOf[other]! * ATTACHMENT.words;
    return own !== 0 && at !== 0 && isInternal(words, own, at) && !isRelayed(words, own, at);
  };
  // The interfaces of a VM are owners in a row.
  let first = forwarder;
  while (first > 0 && isForwarder(first - 1)) first--;
  let isHidden = false;
  for (let other = first; isForwarder(other); other++) isHidden ||= isHiddenFrom(other);
  const flags = words[own + ATTACHMENT.flags]!;
  const from = !isHidden || (flags & ATTACHED.inAtVswitch) !== 0 ? FORWARDED.from : 0;
  const to = !isHidden || (flags & ATTACHED.outAtVswitch) !== 0 ? FORWARDED.to : 0;
  return (from | to) >>> 0;
}
