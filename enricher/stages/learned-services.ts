// Services seen at work, where port numbers alone would name the wrong end. The flags of a flow are an OR over its packets
// and say little; those of a single packet (sFlow, flows of one packet) tell who called whom.
//
//   answered  SYN with ACK: its sender serves its own port. Goes before ephemeral ranges and the lower port.
//   asked     SYN alone, or the reverse half of a biflow (RFC 5103; its direction may be arbitrary): goes before the lower
//             port only, and is kept only where the ephemeral ranges tell nothing. Anyone can send a SYN to anything: a
//             scan of ports below the ephemeral ones is kept nowhere and can override nothing.
//
// Evidence that the ephemeral ranges agree with is not kept either: nearly all of it. A service holds for flows that began
// at its first evidence (less a tolerance for clocks and for the flow that held it) until `SERVICE_LIFE_S` after the last.
// The table is bounded: when it is full, what has expired goes, then what was only asked for, then the longest unseen,
// down to three quarters. One bit per port tells the hot path that no service at all was learned there.

import { createHashTable } from '../../inventory/lookup/hash-table.ts';
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
/** How far `last` may move before it is told to storage again. */
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

export interface LearnedServices {
  /** Takes in the evidence of rows `from` to `to`, whose times are normalised. */
  learn(columns: FlowColumns, from: number, to: number): void;
  /** Ports at which any service was learned. */
  readonly ports: PortBits;
  /** What holds for a row once learned services are asked; `byPorts` is what ports alone say of it. */
  decide(columns: FlowColumns, row: number, byPorts: number): number;
  /** Takes in what others have seen. */
  merge(seen: readonly ServiceSeen[]): void;
  /** What was learned here and not told yet. */
  take(): ServiceSeen[];
  readonly size: number;
  /** Services that gave way to others because the table was full. */
  readonly evicted: number;
}

export interface LearnedServicesOptions {
  readonly ephemeral: PortBits;
  readonly servicesMax?: number;
}

export function createLearnedServices({
  ephemeral,
  servicesMax = SERVICES_MAX,
}: LearnedServicesOptions): LearnedServices {
  const table = createHashTable(KEY_WORDS, servicesMax);
  const ports = createPortBits();
  // Of service n: its key, seconds of the first and last evidence, and what `last` was when it was told.
  const keys = new Uint32Array(servicesMax * KEY_WORDS);
  const first = new Uint32Array(servicesMax);
  const last = new Uint32Array(servicesMax);
  const told = new Uint32Array(servicesMax);
  const key = new Uint32Array(KEY_WORDS);
  /** Services to tell; `told` is 0 for those in it. */
  let untold: number[] = [];
  let evicted = 0;

  const setKey = (address: Uint32Array, row: number, vrf: number, service: number) => {
    for (let i = 0; i < 4; i++) key[i] = address[4 * row + i]!;
    key[4] = vrf;
    key[5] = service;
  };

  /** Notes that the service in `key` was seen from `from` to `to`. */
  const note = (from: number, to: number, isOwn: boolean) => {
    const known = table.find(key, 0);
    if (known < 0) {
      if (table.size >= servicesMax) makeRoom(to);
      const number = table.size;
      table.insert(key, 0, number);
      keys.set(key, number * KEY_WORDS);
      first[number] = from;
      last[number] = to;
      addPort(ports, key[5]! & 0xffff);
      told[number] = isOwn ? 0 : to;
      if (isOwn) untold.push(number);
      return;
    }
    // What was forgotten in between begins anew; what is older than that is history, which holds no more.
    if (from > last[known]! + SERVICE_LIFE_S) first[known] = from;
    else if (to + SERVICE_LIFE_S < first[known]!) return;
    const begins = Math.min(first[known]!, from);
    const isEarlier = begins < first[known]!;
    first[known] = begins;
    if (to > last[known]!) last[known] = to;
    if (!isOwn) {
      if (told[known] !== 0 && to > told[known]!) told[known] = to;
    } else if (told[known] !== 0 && (isEarlier || last[known]! > told[known]! + REFRESH_S)) {
      told[known] = 0;
      untold.push(known);
    }
  };

  const makeRoom = (nowS: number) => {
    const size = table.size;
    const isExpired = (number: number) => last[number]! + SERVICE_LIFE_S < nowS;
    // Of what has not expired, what was asked for ranks below everything that answered.
    const rank = (number: number) => last[number]! + (keys[number * KEY_WORDS + 5]! >= ANSWERED ? 2 ** 32 : 0);
    const ranks = new Float64Array(size);
    for (let number = 0; number < size; number++) ranks[number] = isExpired(number) ? -1 : rank(number);
    ranks.sort();
    const keptMax = Math.floor(servicesMax * KEPT_SHARE);
    const least = size > keptMax ? ranks[size - keptMax]! : 0;
    // Many may share the rank at the cut: so many of them stay as there is room for.
    let tiesLeft = keptMax - (size - (ranks.lastIndexOf(least) + 1));
    const moved = new Int32Array(size).fill(-1);
    table.clear();
    ports.fill(0);
    const added = key.slice();
    let kept = 0;
    for (let number = 0; number < size; number++) {
      const standing = isExpired(number) ? -1 : rank(number);
      if (standing < least || (standing === least && tiesLeft-- <= 0)) continue;
      moved[number] = kept;
      keys.copyWithin(kept * KEY_WORDS, number * KEY_WORDS, (number + 1) * KEY_WORDS);
      first[kept] = first[number]!;
      last[kept] = last[number]!;
      told[kept] = told[number]!;
      table.insert(keys, kept * KEY_WORDS, kept);
      addPort(ports, keys[kept * KEY_WORDS + 5]! & 0xffff);
      kept++;
    }
    for (let number = 0; number < size; number++) if (moved[number]! < 0 && !isExpired(number)) evicted++;
    untold = untold.map(number => moved[number]!).filter(number => number >= 0);
    key.set(added);
  };

  const isKnown = (address: Uint32Array, row: number, vrf: number, service: number, atS: number): boolean => {
    setKey(address, row, vrf, service);
    const known = table.find(key, 0);
    return known >= 0 && atS + SERVICE_TOLERANCE_S >= first[known]! && atS <= last[known]! + SERVICE_LIFE_S;
  };

  return {
    ports,
    learn({ proto, tcpFlags, packets, biflow, srcPort, dstPort, srcAddr, dstAddr, vrf, flowStart }, from, to) {
      for (let row = from; row < to; row++) {
        const isReverse = biflow[row] === BIFLOW.reverse;
        const flags = tcpFlags[row]! & FIN_SYN_RST_ACK;
        const isSyn = proto[row] === TCP && (flags === SYN || flags === SYN_ACK);
        if (!isReverse && !(isSyn && packets[2 * row] === 1 && packets[2 * row + 1] === 0)) continue;
        const answered = isSyn && flags === SYN_ACK && packets[2 * row] === 1;
        const bySender = answered || isReverse;
        const byPorts = sideByPorts(ephemeral, srcPort[row]!, dstPort[row]!);
        const isTold = isByEphemeral(byPorts) && (!answered || sideIn(byPorts) === sideIn(LEARNED_SRC));
        const port = bySender ? srcPort[row]! : dstPort[row]!;
        if (isTold || port === 0) continue;
        const service = (answered ? ANSWERED : 0) | (proto[row]! << 16) | port;
        setKey(bySender ? srcAddr : dstAddr, row, vrf[row]!, service);
        const atS = secondsAt(flowStart, row);
        note(atS, atS, true);
      }
    },
    decide({ proto, srcAddr, dstAddr, srcPort, dstPort, vrf, flowStart }, row, byPorts) {
      const atS = secondsAt(flowStart, row);
      const within = vrf[row]!;
      const ofSrc = (proto[row]! << 16) | srcPort[row]!;
      const ofDst = (proto[row]! << 16) | dstPort[row]!;
      const srcAnswers = isKnown(srcAddr, row, within, ANSWERED | ofSrc, atS);
      const dstAnswers = isKnown(dstAddr, row, within, ANSWERED | ofDst, atS);
      if (srcAnswers !== dstAnswers) return srcAnswers ? LEARNED_SRC : LEARNED_DST;
      if (srcAnswers || isByEphemeral(byPorts)) return byPorts;
      const srcAsked = isKnown(srcAddr, row, within, ofSrc, atS);
      const dstAsked = isKnown(dstAddr, row, within, ofDst, atS);
      if (srcAsked === dstAsked) return byPorts;
      return srcAsked ? LEARNED_SRC : LEARNED_DST;
    },
    merge(seen) {
      for (const { address, vrf, proto, port, answered, firstSeenMs, lastSeenMs } of seen) {
        for (let i = 0; i < 4; i++) key[i] = swap32(address[i]!);
        key[4] = vrf;
        key[5] = (answered ? ANSWERED : 0) | (proto << 16) | port;
        note(Math.floor(firstSeenMs / 1000), Math.floor(lastSeenMs / 1000), false);
      }
    },
    take() {
      const taken = untold.map(number => {
        told[number] = last[number]!;
        return serviceOf(keys, number, first[number]!, last[number]!);
      });
      untold = [];
      return taken;
    },
    get size() {
      return table.size;
    },
    get evicted() {
      return evicted;
    },
  };
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
