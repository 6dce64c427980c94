// Services seen at work, where port numbers alone would name the wrong end. The flags of a flow are an OR over its packets
// and say little; those of a single packet (sFlow, flows of one packet) show who called whom.
//
//   answered  SYN with ACK: its sender serves its own port. Goes before ephemeral ranges and the lower port.
//   asked     SYN alone, or the reverse half of a biflow (RFC 5103; its direction may be arbitrary): goes before the lower
//             port only, and is kept only where the ephemeral ranges report nothing. Anyone can send a SYN to anything: a
//             scan of ports below the ephemeral ones is kept nowhere and can override nothing.
//
// Evidence that the ephemeral ranges agree with is not kept either: nearly all of it. A service holds for flows that began
// at its first evidence (less a tolerance for clocks and for the flow that held it) until `SERVICE_LIFE_S` after the last.
// The table is bounded: when it is full, what has expired goes, then what was only asked for, then the longest unseen,
// down to three quarters. One bit per port shows the hot path that no service at all was learned there.

import { createHashTable, type HashTable } from '../../inventory/lookup/hash-table.ts';
import { swap32, type Words, wordsOfRow } from '../../schemas/address.ts';
import { BIFLOW, SERVER_SIDE } from '../../schemas/codes.ts';
import type { FlowColumns } from '../../schemas/flow.ts';
import type { ServiceSeen } from '../../storage/tables/services.ts';
import {
  addPort,
  createPortBits,
  hasPort,
  isByEphemeral,
  LEARNED_DST,
  LEARNED_SRC,
  type PortBits,
  sideByPorts,
  sideIn,
} from './server-side.ts';
import { timeAt } from './times.ts';

const { src: SRC, dst: DST } = SERVER_SIDE;

export const SERVICES_MAX = 131_072;
export const SERVICE_LIFE_S = 24 * 3600;
/** A flow that began this long before the evidence may be the one that held it. */
export const SERVICE_TOLERANCE_S = 60;
/** How far `last` may move before it is published again. */
const REFRESH_S = 600;
/** What is left of a full table. */
const KEPT_SHARE = 0.75;

const TCP = 6;
const FIN_SYN_RST_ACK = 0x17;
const SYN = 0x02;
const SYN_ACK = 0x12;
/** Address, VRF, and level, protocol and port. */
const KEY_WORDS = 6;
const ANSWERED = 1 << 24;
/** Rank of a service whose life is over. */
const EXPIRED = -1;

export interface LearnedServicesOptions {
  readonly ephemeral: PortBits;
  readonly servicesMax?: number;
}

export class LearnedServices {
  /** Ports at which any service was learned. */
  readonly ports = createPortBits();
  readonly #ephemeral: PortBits;
  readonly #servicesMax: number;
  readonly #table: HashTable;
  // Of service n: its key, seconds of the first and last evidence, and what `last` was when it was published.
  readonly #keys: Uint32Array;
  readonly #first: Uint32Array;
  readonly #last: Uint32Array;
  readonly #published: Uint32Array;
  readonly #key = new Uint32Array(KEY_WORDS);
  /** Services to publish; `#published` is 0 for those in it. */
  #unpublished: number[] = [];
  #evicted = 0;

  constructor({ ephemeral, servicesMax = SERVICES_MAX }: LearnedServicesOptions) {
    this.#ephemeral = ephemeral;
    this.#servicesMax = servicesMax;
    this.#table = createHashTable(KEY_WORDS, servicesMax);
    this.#keys = new Uint32Array(servicesMax * KEY_WORDS);
    this.#first = new Uint32Array(servicesMax);
    this.#last = new Uint32Array(servicesMax);
    this.#published = new Uint32Array(servicesMax);
  }

  /** Takes in the evidence of rows `from` to `to`, whose times are normalised. */
  learn(columns: FlowColumns, from: number, to: number): void {
    const { proto, tcpFlags, packets, biflow, srcPort, dstPort, srcAddr, dstAddr, vrf, flowStart } = columns;
    for (let row = from; row < to; row++) {
      const isReverse = biflow[row] === BIFLOW.reverse;
      const flags = tcpFlags[row]! & FIN_SYN_RST_ACK;
      const isSyn = proto[row] === TCP && (flags === SYN || flags === SYN_ACK);
      if (!isReverse && !(isSyn && packets[2 * row] === 1 && packets[2 * row + 1] === 0)) continue;
      const answered = isSyn && flags === SYN_ACK && packets[2 * row] === 1;
      const bySender = answered || isReverse;
      const byPorts = sideByPorts(this.#ephemeral, srcPort[row]!, dstPort[row]!);
      const agrees = isByEphemeral(byPorts) && (!answered || sideIn(byPorts) === sideIn(LEARNED_SRC));
      const port = bySender ? srcPort[row]! : dstPort[row]!;
      if (agrees || port === 0) continue;
      const service = (answered ? ANSWERED : 0) | (proto[row]! << 16) | port;
      this.#setKey(bySender ? srcAddr : dstAddr, row, vrf[row]!, service);
      const atS = secondsAt(flowStart, row);
      this.#note(atS, atS, true);
    }
  }

  /** What holds for a row once learned services are considered; `byPorts` is what ports alone say of it. */
  decide(columns: FlowColumns, row: number, byPorts: number): number {
    const { proto, srcAddr, dstAddr, srcPort, dstPort, vrf } = columns;
    const atS = secondsAt(columns.flowStart, row);
    const within = vrf[row]!;
    const ofSrc = (proto[row]! << 16) | srcPort[row]!;
    const ofDst = (proto[row]! << 16) | dstPort[row]!;
    const srcAnswers = this.#isKnown(srcAddr, row, within, ANSWERED | ofSrc, atS);
    const dstAnswers = this.#isKnown(dstAddr, row, within, ANSWERED | ofDst, atS);
    if (srcAnswers !== dstAnswers) return srcAnswers ? LEARNED_SRC : LEARNED_DST;
    if (srcAnswers || isByEphemeral(byPorts)) return byPorts;
    const srcAsked = this.#isKnown(srcAddr, row, within, ofSrc, atS);
    const dstAsked = this.#isKnown(dstAddr, row, within, ofDst, atS);
    if (srcAsked === dstAsked) return byPorts;
    return srcAsked ? LEARNED_SRC : LEARNED_DST;
  }

  /** Takes in what others have seen. */
  merge(seen: readonly ServiceSeen[]): void {
    for (const { address, vrf, proto, port, answered, firstSeenMs, lastSeenMs } of seen) {
      for (let i = 0; i < 4; i++) this.#key[i] = swap32(address[i]!);
      this.#key[4] = vrf;
      this.#key[5] = (answered ? ANSWERED : 0) | (proto << 16) | port;
      this.#note(Math.floor(firstSeenMs / 1000), Math.floor(lastSeenMs / 1000), false);
    }
  }

  /** What was learned here and not published yet. */
  take(): ServiceSeen[] {
    const taken = this.#unpublished.map(number => {
      this.#published[number] = this.#last[number]!;
      return serviceOf(this.#keys, number, this.#first[number]!, this.#last[number]!);
    });
    this.#unpublished = [];
    return taken;
  }

  get size(): number {
    return this.#table.size;
  }

  /** Services that were evicted because the table was full. */
  get evicted(): number {
    return this.#evicted;
  }

  #setKey(address: Uint32Array, row: number, vrf: number, service: number): void {
    for (let i = 0; i < 4; i++) this.#key[i] = address[4 * row + i]!;
    this.#key[4] = vrf;
    this.#key[5] = service;
  }

  #isKnown(address: Uint32Array, row: number, vrf: number, service: number, atS: number): boolean {
    this.#setKey(address, row, vrf, service);
    const known = this.#table.find(this.#key, 0);
    return known >= 0 && atS + SERVICE_TOLERANCE_S >= this.#first[known]! && atS <= this.#last[known]! + SERVICE_LIFE_S;
  }

  /** Notes that the service in `#key` was seen from `from` to `to`. */
  #note(from: number, to: number, isOwn: boolean): void {
    const known = this.#table.find(this.#key, 0);
    if (known < 0) {
      this.#add(from, to, isOwn);
      return;
    }
    const first = this.#first;
    const last = this.#last;
    const published = this.#published;
    // What expired in between begins anew; what is older than that is history, which holds no more.
    if (from > last[known]! + SERVICE_LIFE_S) first[known] = from;
    else if (to + SERVICE_LIFE_S < first[known]!) return;
    const begins = Math.min(first[known]!, from);
    const isEarlier = begins < first[known]!;
    first[known] = begins;
    if (to > last[known]!) last[known] = to;
    if (!isOwn) {
      if (published[known] !== 0 && to > published[known]!) published[known] = to;
    } else if (published[known] !== 0 && (isEarlier || last[known]! > published[known]! + REFRESH_S)) {
      published[known] = 0;
      this.#unpublished.push(known);
    }
  }

  #add(from: number, to: number, isOwn: boolean): void {
    if (this.#table.size >= this.#servicesMax) this.#makeRoom(to);
    const number = this.#table.size;
    this.#table.insert(this.#key, 0, number);
    this.#keys.set(this.#key, number * KEY_WORDS);
    this.#first[number] = from;
    this.#last[number] = to;
    addPort(this.ports, this.#key[5]! & 0xffff);
    this.#published[number] = isOwn ? 0 : to;
    if (isOwn) this.#unpublished.push(number);
  }

  #makeRoom(nowS: number): void {
    const size = this.#table.size;
    const ranks = new Float64Array(size);
    for (let number = 0; number < size; number++) ranks[number] = this.#rank(number, nowS);
    const sorted = ranks.slice().sort();
    const keptMax = Math.floor(this.#servicesMax * KEPT_SHARE);
    const least = size > keptMax ? sorted[size - keptMax]! : 0;
    // Many may share the rank at the cut: so many of them stay as there is room for.
    let tiesLeft = keptMax - (size - (sorted.lastIndexOf(least) + 1));
    const moved = new Int32Array(size).fill(-1);
    const added = this.#key.slice();
    this.#table.clear();
    this.ports.fill(0);
    for (let number = 0; number < size; number++) {
      const rank = ranks[number]!;
      if (rank < least || (rank === least && tiesLeft-- <= 0)) {
        if (rank !== EXPIRED) this.#evicted++;
      } else moved[number] = this.#keep(number);
    }
    this.#unpublished = this.#unpublished.map(number => moved[number]!).filter(number => number >= 0);
    this.#key.set(added);
  }

  /** Of what has not expired, what was asked for ranks below everything that answered. */
  #rank(number: number, nowS: number): number {
    if (this.#last[number]! + SERVICE_LIFE_S < nowS) return EXPIRED;
    return this.#last[number]! + (this.#keys[number * KEY_WORDS + 5]! >= ANSWERED ? 2 ** 32 : 0);
  }

  /** Moves a service behind those that are kept already; returns its new number. */
  #keep(number: number): number {
    const kept = this.#table.size;
    this.#keys.copyWithin(kept * KEY_WORDS, number * KEY_WORDS, (number + 1) * KEY_WORDS);
    this.#first[kept] = this.#first[number]!;
    this.#last[kept] = this.#last[number]!;
    this.#published[kept] = this.#published[number]!;
    this.#table.insert(this.#keys, kept * KEY_WORDS, kept);
    addPort(this.ports, this.#keys[kept * KEY_WORDS + 5]! & 0xffff);
    return kept;
  }
}

/** Whether the table may know better than what ports alone say of a row: two loads where, as mostly, it cannot. */
export function mayDecide(ports: PortBits, srcPort: number, dstPort: number, byPorts: number): boolean {
  const side = sideIn(byPorts);
  return (side !== SRC && hasPort(ports, srcPort)) || (side !== DST && hasPort(ports, dstPort));
}

function serviceOf(keys: Uint32Array, number: number, firstS: number, lastS: number): ServiceSeen {
  const at = number * KEY_WORDS;
  const service = keys[at + 5]!;
  const address: Words = wordsOfRow(keys.subarray(at, at + 4), 0);
  return {
    address,
    vrf: keys[at + 4]!,
    proto: (service >>> 16) & 0xff,
    port: service & 0xffff,
    answered: service >= ANSWERED,
    firstSeenMs: firstS * 1000,
    lastSeenMs: lastS * 1000,
  };
}

function secondsAt(times: Uint32Array, row: number): number {
  return Math.floor(timeAt(times, row) / 1000);
}
