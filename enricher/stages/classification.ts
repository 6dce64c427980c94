// Application, service and server side of every record. The server's end belongs to the first application whose servers
// and ports both match, else to the first that is not strict; the client's end to the first whose servers match (if
// several would, the record is marked as shared); an end nobody claims is its automatic node. A record without a server
// side asks both ends whether they serve the port.

import {
  applicationIn,
  INTERVAL as INTERVAL_WORDS,
  listedInterval,
  namedBy,
  ruleIn,
  SET_FLAG as SET_BITS,
  SET as SET_WORDS,
} from '../../inventory/applications/application-sets.ts';
import type { ApplicationTable } from '../../inventory/applications/applications.ts';
import {
  MARKS as MARK_BITS,
  SERVER_SIDE_REASON as REASON_CODES,
  RULE as RULE_CODES,
  SERVER_SIDE,
} from '../../schemas/codes.ts';
import type { FlowColumns } from '../../schemas/flow.ts';
import {
  keyToHex,
  NODE_CLASSES,
  OTHER_SERVICE as OTHER_SERVICE_KEY,
  serviceKey,
  serviceName,
} from '../../schemas/keys.ts';
import type { Endpoints } from '../endpoints/endpoints.ts';
import type { NodeNames } from '../endpoints/node-names.ts';
import { autoRuleIn, ENTRY as ENTRY_WORDS } from '../entries/endpoint-table.ts';
import type { RowOffsets } from '../entries/row-offsets.ts';
import { type LearnedServices, mayDecide } from './learned-services.ts';
import {
  addPort,
  createPortBits,
  ephemeralBits,
  hasPort,
  UNDECIDED as NOT_DECIDED,
  type PortBits,
  reasonIn,
  sideByLists,
  sideByPorts,
  sideIn,
} from './server-side.ts';

// V8 folds a module's own constants into the machine code; imported ones it loads and checks at every use (bench enrich: a tenth).
const MARKS = MARK_BITS;
const RULE = RULE_CODES;
const SERVER_SIDE_REASON = REASON_CODES;
const OTHER_SERVICE = OTHER_SERVICE_KEY;
const INTERVAL = INTERVAL_WORDS;
const SET = SET_WORDS;
const SET_FLAG = SET_BITS;
const ENTRY = ENTRY_WORDS;
const UNDECIDED = NOT_DECIDED;

const SERVICE_HIGH = NODE_CLASSES.service << 24;
const { unknown: UNKNOWN, src: SRC, dst: DST } = SERVER_SIDE;
/** From here on the port of a server that nobody lists and nobody saw answer says nothing: its service is `other`. */
const OTHER_PORT_MIN = 32768;
const { shared: SHARED, via: VIA } = MARKS;

export interface ClassifierOptions {
  /** Ports that are taken for a client's; those of server-side.ts when left out. */
  readonly ephemeral?: PortBits;
  readonly services?: LearnedServices;
}

export class Classifier {
  readonly #applications: ApplicationTable;
  readonly #endpoints: Endpoints;
  readonly #names: NodeNames;
  readonly #ephemeral: PortBits;
  readonly #services: LearnedServices | undefined;
  /** By protocol, one bit per port: services whose name was announced. */
  readonly #announced: (PortBits | undefined)[] = [];

  constructor(
    applications: ApplicationTable,
    endpoints: Endpoints,
    names: NodeNames,
    { ephemeral = ephemeralBits(), services }: ClassifierOptions = {},
  ) {
    this.#applications = applications;
    this.#endpoints = endpoints;
    this.#names = names;
    this.#ephemeral = ephemeral;
    this.#services = services;
    for (const { key, name, identity } of applications.names) names.announce(key, name, identity);
    for (const service of [OTHER_SERVICE, ...applications.services])
      names.announce(service, serviceName(service), keyToHex(service));
  }

  /** Fills the columns of rows `from` to `to` whose endpoints are resolved. */
  classify(columns: FlowColumns, from: number, to: number, { src, dst }: RowOffsets): void {
    const { proto, srcPort, dstPort, srcApp, dstApp, service, serverSide, serverSideReason, marks } = columns;
    const { srcRule, dstRule } = columns;
    const { sets, intervals } = this.#applications;
    const { entries } = this.#endpoints;
    const ephemeral = this.#ephemeral;
    const services = this.#services;
    for (let row = from; row < to; row++) {
      const protocol = proto[row]!;
      const srcEntry = src[row]!;
      const dstEntry = dst[row]!;
      const srcSet = entries[srcEntry + ENTRY.set]! * SET.words;
      const dstSet = entries[dstEntry + ENTRY.set]! * SET.words;
      const ported = hasPorts(protocol);
      const srcOwn = ported ? srcPort[row]! : 0;
      const dstOwn = ported ? dstPort[row]! : 0;
      const srcListed = listedInterval(sets, intervals, srcSet, (protocol << 16) | srcOwn, (protocol << 16) | dstOwn);
      const dstListed = listedInterval(sets, intervals, dstSet, (protocol << 16) | dstOwn, (protocol << 16) | srcOwn);
      let decided = sideByLists(intervals[srcListed + INTERVAL.width]!, intervals[dstListed + INTERVAL.width]!);
      if (decided === UNDECIDED) {
        decided = sideByPorts(ephemeral, srcOwn, dstOwn);
        if (ported && services !== undefined && mayDecide(services.ports, srcOwn, dstOwn, decided))
          decided = services.decide(columns, row, decided);
      }
      const side = sideIn(decided);
      const reason = reasonIn(decided);
      serverSide[row] = side;
      serverSideReason[row] = reason;
      // Of the server's end all bits, of the other none.
      let srcServes = (side << 31) >> 31;
      let dstServes = ~srcServes;
      let listed = choose(srcServes, srcListed, dstListed);
      if (side === UNKNOWN) {
        srcServes = srcListed === 0 ? 0 : -1;
        dstServes = dstListed === 0 ? 0 : -1;
        // Both ends may list the port: the lower range names the service, in both directions alike.
        const isSrcLower = intervals[srcListed + INTERVAL.serviceLow]! <= intervals[dstListed + INTERVAL.serviceLow]!;
        listed = dstListed === 0 || (srcListed !== 0 && isSrcLower) ? srcListed : dstListed;
      }
      const srcNamed = whoNames(sets, intervals, srcSet, srcListed, srcServes);
      const dstNamed = whoNames(sets, intervals, dstSet, dstListed, dstServes);
      const bySrc = this.#nameEnd(srcEntry, entries, srcNamed, srcApp, row);
      const byDst = this.#nameEnd(dstEntry, entries, dstNamed, dstApp, row);
      srcRule[row] = bySrc;
      dstRule[row] = byDst;
      const srcFlags = sets[srcSet + SET.flags]!;
      const dstFlags = sets[dstSet + SET.flags]!;
      const isShared = (((srcFlags & ~srcServes) | (dstFlags & ~dstServes)) & SET_FLAG.shared) !== 0;
      const isVia = ((srcFlags | dstFlags) & SET_FLAG.via) !== 0 || bySrc === RULE.vip || byDst === RULE.vip;
      // The columns of a batch are used again, and the other marks are those of other stages.
      marks[row] = (marks[row]! & ~(SHARED | VIA)) | (isShared ? SHARED : 0) | (isVia ? VIA : 0);

      const high = intervals[listed + INTERVAL.serviceHigh]!;
      if (high !== 0) {
        service[2 * row] = intervals[listed + INTERVAL.serviceLow]!;
        service[2 * row + 1] = high;
        continue;
      }
      const port = side === SRC ? srcOwn : side === DST ? dstOwn : Math.min(srcOwn, dstOwn);
      const isOther =
        (port >= OTHER_PORT_MIN && reason !== SERVER_SIDE_REASON.learned) ||
        (side === SRC ? bySrc : side === DST ? byDst : 0) === RULE.server;
      service[2 * row] = isOther ? OTHER_SERVICE.low : ((port << 16) | port) >>> 0;
      service[2 * row + 1] = isOther ? OTHER_SERVICE.high : SERVICE_HIGH | protocol;
      if (!isOther) this.#announceService(protocol, port);
    }
  }

  /** Writes who names an end: an application, or its automatic node. Returns the rule. */
  #nameEnd(entry: number, entries: Uint32Array, named: number, app: Uint32Array, row: number): number {
    const number = applicationIn(named);
    if (number === 0) {
      this.#endpoints.useAuto(entry);
      app[2 * row] = entries[entry + ENTRY.auto]!;
      app[2 * row + 1] = entries[entry + ENTRY.auto + 1]!;
      return autoRuleIn(entries[entry + ENTRY.identity]!);
    }
    const { keys } = this.#applications;
    app[2 * row] = keys[2 * number]!;
    app[2 * row + 1] = keys[2 * number + 1]!;
    return ruleIn(named);
  }

  #announceService(proto: number, port: number): void {
    this.#announced[proto] ??= createPortBits();
    if (hasPort(this.#announced[proto], port)) return;
    addPort(this.#announced[proto], port);
    const service = serviceKey(proto, port, port);
    this.#names.announce(service, serviceName(service), keyToHex(service));
  }
}

/** TCP, UDP, DCCP, SCTP, UDP-Lite. Others carry no ports, whatever the port columns hold. */
function hasPorts(proto: number): boolean {
  return proto === 6 || proto === 17 || proto === 132 || proto === 33 || proto === 136;
}

/** `a` where the mask is all bits, `b` where it is none. */
function choose(mask: number, a: number, b: number): number {
  return b ^ ((a ^ b) & mask);
}

/**
 * Who names an end of the set at `set`, whose port falls into the interval at `listed`: an application and its rule.
 * `serves` is a mask.
 */
function whoNames(sets: Uint32Array, intervals: Uint32Array, set: number, listed: number, serves: number): number {
  const server = choose(-listed >> 31, intervals[listed + INTERVAL.named]!, sets[set + SET.unlisted]!);
  return choose(serves, server, namedBy(sets[set + SET.client]!, RULE.client));
}
