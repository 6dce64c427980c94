// Sequence numbers beyond the process. A domain that this worker sees for the first time continues the numbers that an
// earlier process or thread kept; what has changed since the last batch leaves with the next one, so that the numbers on
// disk are those of the records on disk. What may not be continued is forgotten: a loss that nobody can prove is unknown.
// Bounds: as many kept, changed and forgotten as domains and agents may be known, and RESUME_MS_MAX.

import type { Domain } from './domain.ts';
import type { ResumeTally } from './sequence.ts';
import {
  AGENT_PORT,
  type KeptRecord,
  NOT_KEPT,
  RECORD_BYTES,
  type RecordKey,
  readRecords,
  writeForgotten,
  writeForgottenAll,
  writeRecord,
} from './sequence-record.ts';

/** After its start a decoder continues kept numbers so long: exporters with the longest active timeout have sent by then. */
export const RESUME_MS_MAX = 30 * 60_000;

export class SequenceTrack {
  /** How often the first number after a start gave the loss, and how often it could not. */
  readonly resumed: ResumeTally = { counted: 0, unknown: 0 };
  readonly #keptMax: number;
  /** By exporter, protocol and domain, then by port. */
  readonly #kept = new Map<string, Map<number, KeptRecord>>();
  /** Addresses of exporters and agents that an earlier process knew for a while. */
  readonly #settled = new Set<string>();
  #keptUntilMs = Number.POSITIVE_INFINITY;
  #isTracking = false;
  #touched: Domain[] = [];
  #forgotten: RecordKey[] = [];
  /** More were forgotten than are kept in mind: all are. */
  #allForgotten = false;

  constructor(keptMax: number) {
    this.#keptMax = keptMax;
  }

  /** Takes what was kept, and keeps from now on. Returns the domains with counters that no report has had. */
  start(records: Uint8Array, nowMs: number): KeptRecord[] {
    this.#isTracking = true;
    this.#keptUntilMs = nowMs + RESUME_MS_MAX;
    const unreported: KeptRecord[] = [];
    let kept = 0;
    for (const record of readRecords(records)) {
      if (kept++ >= this.#keptMax) break;
      if (record.datagrams > 0 || record.lostSets > 0) unreported.push(record);
      if (record.isSettled) this.#settled.add(record.exporter.join('.'));
      if (record.isAmbiguous) continue;
      const name = nameOf(record);
      const ports = this.#kept.get(name) ?? new Map<number, KeptRecord>();
      this.#kept.set(name, ports.set(record.port, record));
    }
    return unreported;
  }

  /** Whether an earlier process knew this address for a while. */
  wasSettled(exporter: Uint32Array): boolean {
    return this.#settled.size > 0 && this.#settled.has(exporter.join('.'));
  }

  /** Kept numbers that no domain has continued yet. */
  get waiting(): number {
    let waiting = 0;
    for (const ports of this.#kept.values()) waiting += ports.size;
    return waiting;
  }

  /** A domain that is new here and will be kept under this port. */
  adopt(domain: Domain, port: number, nowMs: number): void {
    if (!this.#isTracking) return;
    domain.port = port;
    if (this.#kept.size === 0) return;
    if (nowMs > this.#keptUntilMs) {
      this.#kept.clear();
      return;
    }
    const name = nameOf(domain);
    const ports = this.#kept.get(name);
    const kept = ports?.get(port);
    if (kept) {
      this.#remove(name, port);
      // A domain that was moved here has numbers of its own.
      if (domain.lastSeenMs === 0) domain.sequence.resume(kept.state, nowMs - kept.lastSeenMs, this.resumed);
    } else if (ports && port !== AGENT_PORT) {
      // One of them may go on under this port: what it sends here would look lost there.
      for (const other of ports.values()) this.#forget(other);
      this.#kept.delete(name);
    }
  }

  /** To be called for each datagram of a domain, and for each report on it. */
  touch(domain: Domain): void {
    if (domain.isTouched || domain.port === NOT_KEPT) return;
    domain.isTouched = true;
    this.#touched.push(domain);
    if (this.#touched.length <= 2 * this.#keptMax) return;
    // Most were evicted in between: no more can be known.
    this.#touched = this.#touched.filter(({ port }) => port !== NOT_KEPT);
  }

  /** A domain is evicted, or goes on under another port. */
  forget(domain: Domain): void {
    if (domain.port === NOT_KEPT) return;
    const { exporter, port, protocol, id } = domain;
    this.#forget({ exporter, port, protocol, id });
    domain.port = NOT_KEPT;
  }

  /** Something was decoded that no domain keeps: what is kept of it may not be continued. */
  drop(key: RecordKey): void {
    if (this.#kept.size === 0 || !this.#remove(nameOf(key), key.port)) return;
    this.#forget({ ...key, exporter: Uint32Array.from(key.exporter) });
  }

  /** Whether take() has something. */
  get hasChanges(): boolean {
    return this.#allForgotten || this.#touched.length + this.#forgotten.length > 0;
  }

  /** The records of what has changed since, for the journal; undefined when nothing has. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    if (!this.hasChanges) return undefined;
    const touched = this.#touched;
    const forgotten = this.#forgotten;
    this.#touched = [];
    this.#forgotten = [];
    const bytes = new Uint8Array((1 + touched.length + forgotten.length) * RECORD_BYTES);
    const view = new DataView(bytes.buffer);
    let at = 0;
    if (this.#allForgotten) {
      writeForgottenAll(view, at);
      at += RECORD_BYTES;
      this.#allForgotten = false;
    }
    for (const key of forgotten) {
      writeForgotten(view, at, key);
      at += RECORD_BYTES;
    }
    for (const domain of touched) {
      domain.isTouched = false;
      // Evicted in between: its record is forgotten.
      if (domain.port === NOT_KEPT) continue;
      writeRecord(view, at, domain);
      at += RECORD_BYTES;
    }
    return bytes.subarray(0, at);
  }

  #forget(key: RecordKey): void {
    if (this.#forgotten.length >= this.#keptMax) {
      this.#forgotten = [];
      this.#allForgotten = true;
      this.#kept.clear();
    }
    this.#forgotten.push(key);
  }

  #remove(name: string, port: number): boolean {
    const ports = this.#kept.get(name);
    if (!ports?.delete(port)) return false;
    if (ports.size === 0) this.#kept.delete(name);
    return true;
  }
}

function nameOf({ exporter, protocol, id }: RecordKey): string {
  return `${exporter.join('.')} ${protocol} ${id}`;
}
