// Counters of interfaces become traffic a minute: the last reading of each interface is kept, and the difference to the
// next one is spread over the minutes between them. Counters wrap at 32 or 64 bits, and start anew when the agent does:
// then, and where an agent was silent or jumps, nothing is reported for the time between. A minute is handed over when it is
// over; what comes for it later is a row of its own, and rows of one minute add up. Bounded in all and by exporter.

import { formatAddress, wordsOfRow } from '../../schemas/address.ts';
import { type Batch, createBatch } from '../../schemas/batch.ts';
import { namesWith } from '../../schemas/columns.ts';
import { createFactMap, type FactMap } from '../../schemas/fact-map.ts';
import { INTERFACE_COLUMNS, type InterfaceCounter } from '../../schemas/interface-minute.ts';
import { isRollover } from '../decode/exporters/sequence.ts';
import {
  COUNTERS_32,
  type InterfaceCounters,
  type InterfaceSink,
  UNKNOWN_32,
  UNKNOWN_64,
} from '../decode/interface-counters.ts';
import { fillTime } from '../decode/kernels.ts';

export const INTERFACES_MAX = 131_072;
export const EXPORTER_INTERFACES_MAX = 8192;
/** Minutes of interfaces that wait for their end; at the bound readings are refused. */
export const PENDING_ROWS_MAX = 2 * INTERFACES_MAX;
/** Rows handed over at once: the receive worker fills them and must not be held up. */
export const HAND_OVER_ROWS_MAX = 8192;
/** Agents are polled every 20 to 60 seconds, some every five minutes. */
export const GAP_MS_MAX = 900_000;
const FORGET_INTERVAL_MS = 60_000;
const MINUTE_MS = 60_000;

/** A datagram overtaken by the next one: so far back in the agent's time and in the sequence of its samples. */
const LATE_MS_MAX = 2000;
const LATE_STEPS_MAX = 2;

/** More is no traffic but another counter: 1.6 Tb/s. The stated speed is no bound, virtual interfaces state any. */
const OCTETS_PER_MS_MAX = 200_000_000;
/** A packet has more bytes than this. */
const PACKET_BYTES_MIN = 20;

const TWO_32 = 2 ** 32;
type Sums = Record<InterfaceCounter, number>;
const SUMS = namesWith(INTERFACE_COLUMNS, { merge: 'sum', kind: 'u64' });

/** Which sum a 32-bit counter adds to. */
const SUM_OF: Readonly<Record<(typeof COUNTERS_32)[number], keyof Sums>> = {
  inUnicast: 'inPackets',
  inMulticast: 'inPackets',
  inBroadcast: 'inPackets',
  inDiscards: 'inDiscards',
  inErrors: 'inErrors',
  outUnicast: 'outPackets',
  outMulticast: 'outPackets',
  outBroadcast: 'outPackets',
  outDiscards: 'outDiscards',
  outErrors: 'outErrors',
};

interface Entry {
  readonly key: string;
  readonly exporter: Uint32Array;
  readonly observationDomain: number;
  readonly protocol: number;
  last: InterfaceCounters;
  atMs: number;
}

interface Row extends Sums {
  readonly entry: Entry;
  coveredMs: number;
  speedBps: number;
}

export class InterfaceTable implements InterfaceSink {
  readonly #entries: FactMap<Entry>;
  readonly #pending = new Map<number, Map<string, Row>>();
  readonly #pendingRowsMax: number;
  #pendingRows = 0;
  #forgottenAtMs = 0;
  /** Readings for which there was no room, or that a second data source reported. */
  refused = 0;
  /** Times the counters of an interface started anew. */
  anew = 0;

  constructor(
    interfacesMax = INTERFACES_MAX,
    exporterInterfacesMax = EXPORTER_INTERFACES_MAX,
    pendingRowsMax = PENDING_ROWS_MAX,
  ) {
    this.#entries = createFactMap<Entry>(interfacesMax, exporterInterfacesMax);
    this.#pendingRowsMax = pendingRowsMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  report(
    counters: InterfaceCounters,
    exporter: Uint32Array,
    observationDomain: number,
    protocol: number,
    receivedAtMs: number,
  ): void {
    const address = formatAddress(wordsOfRow(exporter, 0));
    const key = `${address} ${protocol} ${observationDomain} ${counters.ifIndex}`;
    const known = this.#entries.get(address, key);
    if (known && known.last.source !== counters.source && receivedAtMs - known.atMs <= GAP_MS_MAX) {
      this.refused++;
      return;
    }
    const order = known ? orderOf(known.last, counters) : 'anew';
    if (order === 'late') return;
    const sums = known && order === 'next' ? differences(known, counters, receivedAtMs) : undefined;
    if (known && !sums) this.anew++;
    const entry = known ?? {
      key,
      exporter: exporter.slice(0, 4),
      observationDomain,
      protocol,
      last: counters,
      atMs: receivedAtMs,
    };
    if (this.#pendingRows >= this.#pendingRowsMax || !this.#entries.put(address, key, entry, receivedAtMs)) {
      // The reading kept stays, and the next one for which there is room covers all the time since.
      this.refused++;
      return;
    }
    if (sums) this.#spread(entry, counters.speedBps, sums, receivedAtMs);
    entry.last = counters;
    entry.atMs = receivedAtMs;
  }

  /** Minutes that are over at `nowMs`, as a batch of at most HAND_OVER_ROWS_MAX rows. */
  take(nowMs: number): Batch<typeof INTERFACE_COLUMNS> | undefined {
    if (nowMs - this.#forgottenAtMs >= FORGET_INTERVAL_MS && Number.isFinite(nowMs)) {
      this.#forgottenAtMs = nowMs;
      this.#entries.expire(nowMs - GAP_MS_MAX);
    }
    const over: { readonly minute: number; readonly row: Row }[] = [];
    for (const [minute, rows] of this.#pending) {
      if (minute + MINUTE_MS > nowMs) continue;
      for (const [key, row] of rows) {
        if (over.length === HAND_OVER_ROWS_MAX) break;
        over.push({ minute, row });
        rows.delete(key);
      }
      if (rows.size === 0) this.#pending.delete(minute);
    }
    this.#pendingRows -= over.length;
    return over.length === 0 ? undefined : batchOf(over);
  }

  /** Spreads what came since the last reading, in whole shares by the cumulative floor, so that they add up to it. */
  #spread(entry: Entry, speedBps: number, sums: Sums, toMs: number): void {
    const fromMs = entry.atMs;
    const lengthMs = toMs - fromMs;
    for (let at = fromMs; at < toMs; ) {
      const minute = Math.floor(at / MINUTE_MS) * MINUTE_MS;
      const end = Math.min(toMs, minute + MINUTE_MS);
      const row = this.#rowOf(minute, entry);
      row.coveredMs += end - at;
      row.speedBps = speedBps;
      for (const name of SUMS)
        row[name] += shareOf(sums[name], end - fromMs, lengthMs) - shareOf(sums[name], at - fromMs, lengthMs);
      at = end;
    }
  }

  #rowOf(minute: number, entry: Entry): Row {
    const rows = this.#pending.get(minute) ?? new Map<string, Row>();
    this.#pending.set(minute, rows);
    const known = rows.get(entry.key);
    if (known) return known;
    const row = { entry, coveredMs: 0, speedBps: 0, ...zeroSums() };
    rows.set(entry.key, row);
    this.#pendingRows++;
    return row;
  }
}

function zeroSums(): Sums {
  return Object.fromEntries(SUMS.map(name => [name, 0])) as Sums;
}

function shareOf(sum: number, ms: number, lengthMs: number): number {
  return ms === lengthMs ? sum : Math.floor(sum * (ms / lengthMs));
}

/** How a reading follows the last one. sFlow v5: an agent that starts its counters anew starts the sequence anew. */
function orderOf(last: InterfaceCounters, now: InterfaceCounters) {
  const forward = (now.sequence - last.sequence) >>> 0;
  const backMs = isRollover(last.uptimeMs, now.uptimeMs) ? -1 : last.uptimeMs - now.uptimeMs;
  if (forward === 0) {
    // Some agents number nothing.
    if (backMs === 0) return 'late';
    return backMs < 0 ? 'next' : 'anew';
  }
  if (forward < TWO_32 / 2) return backMs <= 0 ? 'next' : 'anew';
  return TWO_32 - forward <= LATE_STEPS_MAX && backMs >= 0 && backMs <= LATE_MS_MAX ? 'late' : 'anew';
}

/** What came between two readings; undefined where the later one is not the earlier one gone on. */
function differences({ last, atMs }: Entry, now: InterfaceCounters, nowMs: number): Sums | undefined {
  const elapsedMs = nowMs - atMs;
  if (elapsedMs <= 0 || elapsedMs > GAP_MS_MAX) return undefined;
  const sums = zeroSums();
  const octetsMax = Math.max(elapsedMs, 1000) * OCTETS_PER_MS_MAX;
  for (const name of ['inOctets', 'outOctets'] as const) {
    if (last[name] === UNKNOWN_64 || now[name] === UNKNOWN_64) continue;
    // Some agents have 32 bits for them.
    const bits = last[name] < BigInt(TWO_32) && now[name] < BigInt(TWO_32) ? 32 : 64;
    sums[name] = Number(BigInt.asUintN(bits, now[name] - last[name]));
    if (sums[name] > octetsMax) return undefined;
  }
  for (let i = 0; i < COUNTERS_32.length; i++) {
    const [before, after] = [last.counters[i]!, now.counters[i]!];
    if (before === UNKNOWN_32 || after === UNKNOWN_32) continue;
    const name = SUM_OF[COUNTERS_32[i]!];
    const more = (after - before) >>> 0;
    // What went back wrapped, or another counter began; four thousand million packets would show in the bytes.
    if (after < before) {
      const octets = COUNTERS_32[i]!.startsWith('in') ? 'inOctets' : 'outOctets';
      if (now[octets] !== UNKNOWN_64 && more * PACKET_BYTES_MIN > sums[octets]) return undefined;
    }
    sums[name] += more;
  }
  return sums;
}

function batchOf(over: readonly { readonly minute: number; readonly row: Row }[]): Batch<typeof INTERFACE_COLUMNS> {
  const batch = createBatch(INTERFACE_COLUMNS, over.length);
  const { columns } = batch;
  over.forEach(({ minute, row }, at) => {
    const { entry } = row;
    fillTime(columns.minute, at, 1, minute);
    columns.exporter.set(entry.exporter, 4 * at);
    columns.observationDomain[at] = entry.observationDomain;
    columns.protocol[at] = entry.protocol;
    columns.ifIndex[at] = entry.last.ifIndex;
    columns.coveredMs[at] = row.coveredMs;
    for (const name of [...SUMS, 'speedBps'] as const) {
      columns[name][2 * at] = row[name] % TWO_32;
      columns[name][2 * at + 1] = Math.floor(row[name] / TWO_32);
    }
  });
  batch.rows = over.length;
  return batch;
}
