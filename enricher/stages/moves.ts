// Moves noticed before the inventory has them. The election marks a record whose source sends, under its own MAC, by an
// access port where the inventory does not have it; here such records become events: one for each (MAC, port) as long as
// evidence goes on. While one is open, records of that MAC at its old port are looked at too: when both ports go on
// sending, two machines have one MAC. The election needs none of this: a second enricher, or a restart, only reports
// the same event again (query-api/questions/events.ts makes it one). Bounded; a MAC that flaps causes at most one event
// in EVENT_INTERVAL_MS.

import { formatAddress, wordsOfRow } from '../../schemas/address.ts';
import { COUNT_REASON, ELECTION_RULE, MARKS } from '../../schemas/codes.ts';
import type { FlowColumns } from '../../schemas/flow.ts';
import type { NoticedEvent } from '../../storage/tables/events.ts';
import { timeAt } from './times.ts';

/** MACs with an open event, and ports of each; evidence beyond is refused and counted. */
export const MOVING_MACS_MAX = 4096;
export const PORTS_PER_MAC_MAX = 8;
/** A MAC begins no further event for so long after it began one. */
export const EVENT_INTERVAL_MS = 10_000;
/** How often an event is reported again while its evidence goes on. */
export const REFRESH_MS = 30_000;
/** Evidence after so long without any is of another event. */
export const EPISODE_GAP_MS = 900_000;
/** The old port goes on for so long beside the new one: no move, two of one MAC. What a switch had cached is over by then. */
export const CONFLICT_MS = 120_000;
const EVENTS_PER_TAKE = 1000;

const TWO_32 = 2 ** 32;
const FILTER_SIZE = 8192;

interface MovedPort {
  readonly mac: number;
  /** The exporter as its column holds it. */
  readonly exporter: Uint32Array;
  readonly ifIndex: number;
  atMs: number;
  lastSeenMs: number;
  detectedAtMs: number;
  confirmedAtMs: number;
  vm: bigint;
  fromHost: bigint;
  toHost: bigint;
  /** Newest start of a record of the old port, and where that is. */
  oldSeenMs: number;
  oldExporter: Uint32Array | undefined;
  oldIfIndex: number;
  /** By this process's clock. */
  evidenceAtMs: number;
  reportedAtMs: number;
  isNews: boolean;
  isConflictReported: boolean;
}

interface MovingMac {
  begunAtMs: number;
  readonly ports: MovedPort[];
}

/** Where and when a row was seen. */
interface Sighting {
  readonly row: number;
  readonly mac: number;
  readonly startMs: number;
  readonly endMs: number;
  /** By this process's clock. */
  readonly nowMs: number;
}

export class Moves {
  readonly #macsMax: number;
  readonly #macs = new Map<number, MovingMac>();
  /** Most rows are of no MAC that moves: a byte says so for most of those. */
  readonly #filter = new Uint8Array(FILTER_SIZE);
  #fromHosts = new Uint32Array(0);
  #marked = false;
  #begun = 0;
  #heldBack = 0;
  #refused = 0;

  constructor(macsMax = MOVING_MACS_MAX) {
    this.#macsMax = macsMax;
  }

  /** MACs with an open event. */
  get size(): number {
    return this.#macs.size;
  }

  /** Events begun. */
  get begun(): number {
    return this.#begun;
  }

  /** Events held back because their MAC flaps. */
  get heldBack(): number {
    return this.#heldBack;
  }

  /** Events refused at a bound. */
  get refused(): number {
    return this.#refused;
  }

  /** Rows `from` to `to` are elected, and `srcHost` still says where the inventory has their senders. */
  elected({ marks, srcHost }: FlowColumns, from: number, to: number): void {
    for (let row = from; row < to; row++) {
      if ((marks[row]! & MARKS.moved) === 0) continue;
      if (this.#fromHosts.length < 2 * to) this.#fromHosts = grown(this.#fromHosts, 2 * to);
      this.#fromHosts[2 * row] = srcHost[2 * row]!;
      this.#fromHosts[2 * row + 1] = srcHost[2 * row + 1]!;
      this.#marked = true;
    }
  }

  /** The batch is enriched: `srcHost` of a marked row says what is cabled to its port. */
  enriched(columns: FlowColumns, rows: number, nowMs: number): void {
    if (this.#marked) this.#seeMoved(columns, rows, nowMs);
    if (this.#macs.size > 0) this.#compareOthers(columns, rows, nowMs);
  }

  /** What is to be reported now, at most EVENTS_PER_TAKE. */
  take(nowMs: number): NoticedEvent[] {
    const events: NoticedEvent[] = [];
    for (const { ports } of this.#macs.values()) {
      for (const port of ports) {
        if (events.length >= EVENTS_PER_TAKE) return events;
        const isDue = port.evidenceAtMs > port.reportedAtMs && nowMs - port.reportedAtMs >= REFRESH_MS;
        if (!port.isNews && !isDue) continue;
        port.isNews = false;
        port.reportedAtMs = nowMs;
        events.push(eventOf(port, 'move'));
        if (!isConflict(port)) continue;
        port.isConflictReported = true;
        events.push(eventOf(port, 'mac-conflict'));
      }
    }
    return events;
  }

  /** Forgets what had no evidence for EPISODE_GAP_MS. */
  expire(nowMs: number): void {
    for (const [mac, { ports }] of this.#macs) {
      for (let i = ports.length - 1; i >= 0; i--)
        if (nowMs - ports[i]!.evidenceAtMs > EPISODE_GAP_MS) ports.splice(i, 1);
      if (ports.length === 0) this.#macs.delete(mac);
    }
    this.#filter.fill(0);
    for (const mac of this.#macs.keys()) this.#filter[filterSlot(mac % TWO_32)] = 1;
  }

  #seeMoved(columns: FlowColumns, rows: number, nowMs: number): void {
    const { marks, srcMac, flowStart, flowEnd } = columns;
    for (let row = 0; row < rows; row++) {
      if ((marks[row]! & MARKS.moved) === 0) continue;
      const mac = srcMac[2 * row + 1]! * TWO_32 + srcMac[2 * row]!;
      this.#see(columns, { row, mac, startMs: timeAt(flowStart, row), endMs: timeAt(flowEnd, row), nowMs });
    }
    this.#marked = false;
  }

  #compareOthers(columns: FlowColumns, rows: number, nowMs: number): void {
    const { marks, srcMac, electionRule, countReason } = columns;
    const macs = this.#macs;
    const filter = this.#filter;
    const own = ELECTION_RULE['source-ingress'];
    for (let row = 0; row < rows; row++) {
      if (filter[filterSlot(srcMac[2 * row]!)] === 0 || electionRule[row] !== own) continue;
      if (countReason[row] !== COUNT_REASON.elected || (marks[row]! & MARKS.moved) !== 0) continue;
      const moving = macs.get(srcMac[2 * row + 1]! * TWO_32 + srcMac[2 * row]!);
      if (moving) compare(columns, row, moving, nowMs);
    }
  }

  #see(columns: FlowColumns, sighting: Sighting): void {
    const { row, mac, startMs, endMs, nowMs } = sighting;
    const moving = this.#macs.get(mac);
    const port = moving && portOf(moving, columns, row);
    if (port && startMs - port.lastSeenMs <= EPISODE_GAP_MS) {
      port.lastSeenMs = Math.max(port.lastSeenMs, endMs);
      // Before it was reported, its beginning may still be found.
      if (port.reportedAtMs === 0) port.atMs = Math.min(port.atMs, startMs);
      port.evidenceAtMs = nowMs;
      return;
    }
    if (moving && nowMs - moving.begunAtMs < EVENT_INTERVAL_MS) {
      this.#heldBack++;
      return;
    }
    if (moving ? !port && moving.ports.length >= PORTS_PER_MAC_MAX : this.#macs.size >= this.#macsMax) {
      this.#refused++;
      return;
    }
    const begun = this.#begin(columns, sighting);
    if (!moving) {
      this.#macs.set(mac, { begunAtMs: nowMs, ports: [begun] });
      this.#filter[filterSlot(mac % TWO_32)] = 1;
    } else {
      moving.begunAtMs = nowMs;
      if (port) moving.ports.splice(moving.ports.indexOf(port), 1);
      moving.ports.push(begun);
    }
    this.#begun++;
  }

  #begin({ exporter, inIf, srcVm, srcHost }: FlowColumns, { row, mac, startMs, endMs, nowMs }: Sighting): MovedPort {
    return {
      mac,
      exporter: exporter.slice(4 * row, 4 * row + 4),
      ifIndex: inIf[row]!,
      atMs: startMs,
      lastSeenMs: endMs,
      detectedAtMs: nowMs,
      confirmedAtMs: 0,
      vm: keyAt(srcVm, row),
      fromHost: keyAt(this.#fromHosts, row),
      toHost: keyAt(srcHost, row),
      oldSeenMs: 0,
      oldExporter: undefined,
      oldIfIndex: 0,
      evidenceAtMs: nowMs,
      reportedAtMs: 0,
      isNews: true,
      isConflictReported: false,
    };
  }
}

/** A record of a MAC that moves, at a port where the inventory has it. */
function compare(columns: FlowColumns, row: number, { ports }: MovingMac, nowMs: number): void {
  const startMs = timeAt(columns.flowStart, row);
  for (const port of ports) {
    if (isPort(port, columns, row)) {
      if (port.confirmedAtMs !== 0) continue;
      port.confirmedAtMs = nowMs;
      port.isNews = true;
      continue;
    }
    port.oldExporter ??= columns.exporter.slice(4 * row, 4 * row + 4);
    port.oldIfIndex ||= columns.inIf[row]!;
    if (port.confirmedAtMs !== 0 || startMs <= port.oldSeenMs) continue;
    port.oldSeenMs = startMs;
    if (!port.isConflictReported && isConflict(port)) port.isNews = true;
  }
}

function isConflict({ atMs, lastSeenMs, oldSeenMs, confirmedAtMs }: MovedPort): boolean {
  return confirmedAtMs === 0 && oldSeenMs - atMs >= CONFLICT_MS && lastSeenMs - atMs >= CONFLICT_MS;
}

function portOf({ ports }: MovingMac, columns: FlowColumns, row: number): MovedPort | undefined {
  for (let i = 0; i < ports.length; i++) if (isPort(ports[i]!, columns, row)) return ports[i];
  return undefined;
}

function isPort(port: MovedPort, { exporter, inIf }: FlowColumns, row: number): boolean {
  if (inIf[row] !== port.ifIndex) return false;
  for (let i = 0; i < 4; i++) if (exporter[4 * row + i] !== port.exporter[i]) return false;
  return true;
}

function eventOf(port: MovedPort, kind: NoticedEvent['kind']): NoticedEvent {
  return {
    kind,
    mac: port.mac,
    atMs: port.atMs,
    lastSeenMs: port.lastSeenMs,
    detectedAtMs: port.detectedAtMs,
    confirmedAtMs: port.confirmedAtMs,
    vm: port.vm,
    fromHost: port.fromHost,
    toHost: port.toHost,
    fromExporter: port.oldExporter ? formatAddress(wordsOfRow(port.oldExporter, 0)) : '::',
    fromIfIndex: port.oldIfIndex,
    toExporter: formatAddress(wordsOfRow(port.exporter, 0)),
    toIfIndex: port.ifIndex,
  };
}

function filterSlot(macLow: number): number {
  return Math.imul(macLow, 0x9e3779b1) >>> 19;
}

function keyAt(column: Uint32Array, row: number): bigint {
  return (BigInt(column[2 * row + 1] ?? 0) << 32n) | BigInt(column[2 * row] ?? 0);
}

function grown(array: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 ** Math.ceil(Math.log2(length)));
  larger.set(array);
  return larger;
}
