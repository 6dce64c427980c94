// What is kept of a domain beyond its process, as bytes of fixed length: where its sequence numbers were, and the counters
// that no report has had yet. The worker writes records, the journal keeps one for each key (sequence-journal.ts), and the
// next process reads them. Numbers are little-endian:
//
//   CRC-32 4 | flags 1 | 0 1 | worker 2 | address 16 | port 4 | domain 4 | protocol 4 | samplingRate 4 | last seen 8 |
//   next 8 | number before 8 | its records 4 | evidence 4 | uptime 4 | 0 4 | one 8 for each counter

import { EXPORTER_COUNTERS } from '../../../schemas/exporter-minute.ts';
import { DELTAS, type ReportedDomain } from './reported-domain.ts';
import type { SequenceState } from './sequence.ts';

/** What its checksum, the first four bytes, covers begins here. */
export const CHECKED = 4;
const FLAGS = CHECKED;
const WORKER = 6;
const KEY = 8;
const PORT = 24;
const DOMAIN = 28;
const PROTOCOL = 32;
const SAMPLING_RATE = 36;
const LAST_SEEN = 40;
const STATE = 48;
const COUNTERS = 80;
export const RECORD_BYTES = COUNTERS + 8 * EXPORTER_COUNTERS.length;

const USED = 1;
/** Two workers have written the key: what each has seen of the sequence proves nothing. */
const AMBIGUOUS = 2;
/** The domain is gone, or may not be continued: nothing of it is kept. */
const FORGOTTEN = 4;
/** Nothing that this worker has written or been given is kept. */
const ALL_FORGOTTEN = 8;
/** The exporter has delivered data for a while. */
const SETTLED = 16;

/** Stands for the port of sFlow agents, which may send from any. */
export const AGENT_PORT = 0xffffffff;
/** The port of a domain that nothing is kept of: one of a connection, or one that found no room. */
export const NOT_KEPT = -1;

export interface RecordKey {
  /** The four words of the column. */
  readonly exporter: Uint32Array;
  readonly port: number;
  readonly protocol: number;
  readonly id: number;
}

export interface KeptRecord extends RecordKey, ReportedDomain {
  readonly state: SequenceState;
  readonly isSettled: boolean;
  readonly isAmbiguous: boolean;
}

/** What a record is made of; a Domain is one. */
export interface Recorded extends RecordKey, ReportedDomain {
  readonly sequence: { state(): SequenceState };
  readonly isSettled: boolean;
}

/** Writes a record at `offset`; its checksum is the journal's to write. */
export function writeRecord(view: DataView, offset: number, domain: Recorded): void {
  writeKey(view, offset, domain, domain.isSettled ? USED | SETTLED : USED);
  const { next, last, lastRecords, evidence, uptimeMs } = domain.sequence.state();
  view.setUint32(offset + SAMPLING_RATE, domain.samplingRate, true);
  view.setFloat64(offset + LAST_SEEN, domain.lastSeenMs, true);
  view.setFloat64(offset + STATE, next, true);
  view.setFloat64(offset + STATE + 8, last, true);
  view.setInt32(offset + STATE + 16, lastRecords, true);
  view.setInt32(offset + STATE + 20, evidence, true);
  view.setUint32(offset + STATE + 24, uptimeMs, true);
  for (let i = 0; i < EXPORTER_COUNTERS.length; i++)
    view.setFloat64(offset + COUNTERS + 8 * i, domain[DELTAS[EXPORTER_COUNTERS[i]!]], true);
}

export function writeForgotten(view: DataView, offset: number, key: RecordKey): void {
  writeKey(view, offset, key, FORGOTTEN);
}

export function writeForgottenAll(view: DataView, offset: number): void {
  view.setUint8(offset + FLAGS, ALL_FORGOTTEN);
}

function writeKey(view: DataView, offset: number, { exporter, port, protocol, id }: RecordKey, flags: number): void {
  view.setUint8(offset + FLAGS, flags);
  for (let i = 0; i < 4; i++) view.setUint32(offset + KEY + 4 * i, exporter[i]!, true);
  view.setUint32(offset + PORT, port, true);
  view.setUint32(offset + DOMAIN, id, true);
  view.setUint32(offset + PROTOCOL, protocol, true);
}

/** The records of these bytes that are whole and in use. */
export function* readRecords(bytes: Uint8Array): Iterable<KeptRecord> {
  for (let at = 0; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
    const record = Buffer.from(bytes.buffer, bytes.byteOffset + at, RECORD_BYTES);
    if (isUsed(record)) yield readRecord(record);
  }
}

function readRecord(bytes: Buffer): KeptRecord {
  const exporter = Uint32Array.from({ length: 4 }, (_, i) => bytes.readUInt32LE(KEY + 4 * i));
  const counters = Object.fromEntries(
    EXPORTER_COUNTERS.map((counter, i) => [DELTAS[counter], bytes.readDoubleLE(COUNTERS + 8 * i)]),
  ) as Record<(typeof DELTAS)[keyof typeof DELTAS], number>;
  return {
    exporter,
    port: bytes.readUInt32LE(PORT),
    id: bytes.readUInt32LE(DOMAIN),
    protocol: bytes.readUInt32LE(PROTOCOL),
    samplingRate: bytes.readUInt32LE(SAMPLING_RATE),
    newestRate: 0,
    lastSeenMs: bytes.readDoubleLE(LAST_SEEN),
    pendingSets: 0,
    isSettled: (bytes.readUInt8(FLAGS) & SETTLED) !== 0,
    isAmbiguous: (bytes.readUInt8(FLAGS) & AMBIGUOUS) !== 0,
    state: {
      next: bytes.readDoubleLE(STATE),
      last: bytes.readDoubleLE(STATE + 8),
      lastRecords: bytes.readInt32LE(STATE + 16),
      evidence: bytes.readInt32LE(STATE + 20),
      uptimeMs: bytes.readUInt32LE(STATE + 24),
    },
    ...counters,
  };
}

/** The bytes of the key, as text. */
export function keyText(record: Buffer): string {
  return record.toString('latin1', KEY, SAMPLING_RATE);
}

export function isUsed(record: Buffer): boolean {
  return (record.readUInt8(FLAGS) & USED) !== 0;
}

export function isForgotten(record: Buffer): boolean {
  return (record.readUInt8(FLAGS) & FORGOTTEN) !== 0;
}

export function isAllForgotten(record: Buffer): boolean {
  return (record.readUInt8(FLAGS) & ALL_FORGOTTEN) !== 0;
}

export function lastSeenOf(record: Buffer): number {
  return record.readDoubleLE(LAST_SEEN);
}

export function workerOf(record: Buffer): number {
  return record.readUInt16LE(WORKER);
}

export function setWorker(record: Buffer, worker: number): void {
  record.writeUInt16LE(worker, WORKER);
}

export function markAmbiguous(record: Buffer): void {
  record.writeUInt8(record.readUInt8(FLAGS) | AMBIGUOUS, FLAGS);
}

export function isAmbiguous(record: Buffer): boolean {
  return (record.readUInt8(FLAGS) & AMBIGUOUS) !== 0;
}

/** Puts the counters back to 0; false when they were. */
export function clearCounters(record: Buffer): boolean {
  const counters = record.subarray(COUNTERS);
  if (counters.every(byte => byte === 0)) return false;
  counters.fill(0);
  return true;
}
