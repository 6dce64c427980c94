// Where the sequence numbers of each exporter were, on disk: one record for each domain, in place, so that the file is as
// large as there are domains. The encoder thread writes the numbers of a batch before the batch. After `kill -9` they are
// therefore never behind what is stored; they are ahead by one batch at most, and the loss counted then is too small by it.
//
//   magic "HPSEQNC\n" | version 4 | bytes of a record 4 | closed in order 1 | 0 7 | boot id 36 | 0 4,   then records
//
// Nothing is synced but at an orderly end: after a loss of power the file may be older than the spool, and a loss counted
// from it would be invented. A file of another boot therefore counts only where it was closed in order. A record with a
// wrong checksum is left out. Where the file cannot be written it is removed: unknown, not wrong.

import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Counters } from '../../service/counters.ts';
import { makeFolder } from '../../service/data-folder.ts';
import type { Log } from '../../service/log.ts';
import { replaceFile } from '../../service/replace-file.ts';
import {
  CHECKED,
  clearCounters,
  isAllForgotten,
  isAmbiguous,
  isForgotten,
  isUsed,
  keyText,
  lastSeenOf,
  markAmbiguous,
  RECORD_BYTES,
  setWorker,
  workerOf,
} from '../decode/exporters/sequence-record.ts';
import { DORMANT_MS_MAX } from '../decode/exporters/template-store.ts';
import type { ENCODER_COUNTERS } from '../threads/counters.ts';

const FILE = 'sequences.journal';
const MAGIC = 'HPSEQNC\n';
const VERSION = 1;
const CLOSED = 16;
const BOOT = 24;
const BOOT_BYTES = 36;
export const HEADER_BYTES = 64;
/** After a failed write the next try waits so long. */
const RETRY_MS = 10_000;
/** The worker of a record that an earlier process wrote. */
const NOBODY = 0xffff;
/** Unchanged records between two changed ones, up to which both are written at once. */
const MERGE_MAX = 8;

export interface SequenceJournalOptions {
  readonly folder: string;
  readonly recordsMax: number;
  readonly nowMs: () => number;
  readonly log: Log;
  readonly counters: Counters<typeof ENCODER_COUNTERS>;
  /** Of the machine since its last start; for tests. */
  readonly bootId?: string;
}

export class SequenceJournal {
  readonly #options: SequenceJournalOptions;
  readonly #path: string;
  readonly #bootId: string;
  /** Every record, as in the file. */
  #image = Buffer.alloc(0);
  /** Slot of each key; those of earlier processes first, then in the order of their first write. */
  readonly #slots = new Map<string, number>();
  readonly #free: number[] = [];
  #used = 0;
  /** -1 while there is no file. */
  #file = -1;
  #retryAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: SequenceJournalOptions) {
    this.#options = options;
    this.#path = join(options.folder, FILE);
    this.#bootId = options.bootId ?? readBootId();
    for (const record of this.#load()) this.#place(record, NOBODY);
    this.#attempt(() => this.#rewrite());
    this.#publish();
  }

  /** Writes what a worker sent. */
  put(records: Uint8Array, worker: number): void {
    const changed: number[] = [];
    for (let at = 0; at + RECORD_BYTES <= records.length; at += RECORD_BYTES) {
      const record = Buffer.from(records.buffer, records.byteOffset + at, RECORD_BYTES);
      if (isAllForgotten(record)) changed.push(...this.#forgetAll(worker));
      else if (isForgotten(record)) changed.push(...this.#forget(keyText(record)));
      else if (isUsed(record)) changed.push(...this.#take(record, worker));
    }
    this.#publish();
    this.#save(changed);
  }

  /**
   * What a worker that starts may continue: the records of earlier processes, and those of a crashed thread that it
   * replaces. Counters that nobody has reported are its to report, once.
   */
  handOver(worker: number): Uint8Array<ArrayBuffer> {
    const given: Buffer[] = [];
    const changed: number[] = [];
    for (const slot of this.#slots.values()) {
      const record = this.#record(slot);
      if (workerOf(record) !== NOBODY && workerOf(record) !== worker) continue;
      given.push(Buffer.from(record));
      if (!clearCounters(record) && workerOf(record) === NOBODY) continue;
      seal(record, NOBODY);
      changed.push(slot);
    }
    this.#save(changed);
    const bytes = new Uint8Array(given.length * RECORD_BYTES);
    given.forEach((record, i) => bytes.set(record, i * RECORD_BYTES));
    return bytes;
  }

  /** The file then counts after a start of the machine too. */
  close(): void {
    if (this.#file < 0) return;
    this.#attempt(() => {
      fsyncSync(this.#file);
      writeSync(this.#file, Uint8Array.of(1), 0, 1, CLOSED);
      fsyncSync(this.#file);
      closeSync(this.#file);
      this.#file = -1;
    });
  }

  /** Records of an earlier process that count, newest first. */
  #load(): Buffer[] {
    let file: Buffer;
    try {
      file = readFileSync(this.#path);
    } catch {
      return [];
    }
    if (file.length < HEADER_BYTES || !file.subarray(0, CLOSED).equals(this.#header().subarray(0, CLOSED))) return [];
    const isClosed = file[CLOSED] === 1;
    const bootId = file.toString('latin1', BOOT, BOOT + BOOT_BYTES).replaceAll('\0', '');
    if (!isClosed && (bootId === '' || bootId !== this.#bootId)) return [];
    const { recordsMax, nowMs } = this.#options;
    const oldestMs = nowMs() - DORMANT_MS_MAX;
    const records: Buffer[] = [];
    for (let at = HEADER_BYTES; at + RECORD_BYTES <= file.length; at += RECORD_BYTES) {
      const record = file.subarray(at, at + RECORD_BYTES);
      if (isWhole(record) && isUsed(record) && lastSeenOf(record) >= oldestMs) records.push(record);
    }
    return records.sort((a, b) => lastSeenOf(b) - lastSeenOf(a)).slice(0, recordsMax);
  }

  #header(): Buffer {
    const header = Buffer.alloc(HEADER_BYTES);
    header.write(MAGIC, 0, 'latin1');
    header.writeUInt32LE(VERSION, 8);
    header.writeUInt32LE(RECORD_BYTES, 12);
    header.write(this.#bootId, BOOT, BOOT_BYTES, 'latin1');
    return header;
  }

  #record(slot: number): Buffer {
    return this.#image.subarray(slot * RECORD_BYTES, (slot + 1) * RECORD_BYTES);
  }

  /** Puts a record into a free slot. */
  #place(record: Buffer, worker: number): number {
    const slot = this.#free.pop() ?? this.#used++;
    if ((slot + 1) * RECORD_BYTES > this.#image.length) {
      const larger = Buffer.alloc(Math.max(64 * RECORD_BYTES, 2 * this.#image.length));
      larger.set(this.#image);
      this.#image = larger;
    }
    this.#slots.set(keyText(record), slot);
    this.#record(slot).set(record);
    seal(this.#record(slot), worker);
    return slot;
  }

  /** Returns the slots that changed. */
  #take(record: Buffer, worker: number): number[] {
    const key = keyText(record);
    const known = this.#slots.get(key);
    if (known === undefined) {
      const room = this.#makeRoom();
      return room ? [...room, this.#place(record, worker)] : [];
    }
    const before = this.#record(known);
    const owner = workerOf(before);
    // Two workers see parts of one sequence, or it moved from one to the other: neither knows all of it.
    if (owner !== NOBODY && (owner !== worker || isAmbiguous(before))) markAmbiguous(record);
    before.set(record);
    seal(before, worker);
    if (owner === NOBODY) {
      this.#slots.delete(key);
      this.#slots.set(key, known);
    }
    return [known];
  }

  /** At the bound what an earlier process left goes first; a newcomer is refused otherwise. Undefined: refused. */
  #makeRoom(): number[] | undefined {
    if (this.#slots.size < this.#options.recordsMax) return [];
    const [oldest] = this.#slots;
    if (oldest && workerOf(this.#record(oldest[1])) === NOBODY) return this.#forget(oldest[0]);
    this.#options.counters.add('sequencesRefused');
    return undefined;
  }

  #forget(key: string): number[] {
    const slot = this.#slots.get(key);
    if (slot === undefined) return [];
    this.#slots.delete(key);
    this.#free.push(slot);
    this.#record(slot).fill(0);
    return [slot];
  }

  #forgetAll(worker: number): number[] {
    const theirs = [...this.#slots].filter(([, slot]) => [worker, NOBODY].includes(workerOf(this.#record(slot))));
    return theirs.flatMap(([key]) => this.#forget(key));
  }

  #publish(): void {
    this.#options.counters.set('sequences', this.#slots.size);
  }

  #save(changed: readonly number[]): void {
    if (changed.length === 0 || performance.now() < this.#retryAtMs) return;
    this.#attempt(() => {
      if (this.#file < 0) this.#rewrite();
      else for (const [from, to] of runsOf(changed)) this.#write(from, to);
    });
  }

  #write(fromSlot: number, toSlot: number): void {
    const end = toSlot * RECORD_BYTES;
    for (let at = fromSlot * RECORD_BYTES; at < end; )
      at += writeSync(this.#file, this.#image, at, end - at, HEADER_BYTES + at);
  }

  #rewrite(): void {
    makeFolder(this.#options.folder);
    replaceFile(this.#path, append => append([this.#header(), this.#image.subarray(0, this.#used * RECORD_BYTES)]), {
      mode: 0o600,
    });
    this.#file = openSync(this.#path, 'r+');
  }

  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (this.#file >= 0) closeSync(this.#file);
      this.#file = -1;
      this.#retryAtMs = performance.now() + RETRY_MS;
      removeIfPossible(this.#path);
      this.#options.counters.add('sequenceWriteErrors');
      this.#options.log.warn(
        { err: error, file: this.#path },
        'sequence numbers cannot be kept: the loss over a restart would be unknown; tried again in 10 s',
      );
    }
  }
}

/** Runs of slots, each from its first to behind its last. */
function runsOf(slots: readonly number[]): [from: number, to: number][] {
  const runs: [number, number][] = [];
  for (const slot of [...slots].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run && slot <= run[1] + MERGE_MAX) run[1] = Math.max(run[1], slot + 1);
    else runs.push([slot, slot + 1]);
  }
  return runs;
}

/** Names the worker that wrote the record, and writes the checksum. */
function seal(record: Buffer, worker: number): void {
  setWorker(record, worker);
  record.writeUInt32LE(crc32(record.subarray(CHECKED)), 0);
}

function isWhole(record: Buffer): boolean {
  return record.readUInt32LE(0) === crc32(record.subarray(CHECKED));
}

/** What is on disk is out of date: records stored since would look lost. */
function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A folder that is gone, or a disk that takes nothing at all: it has no newer batch either.
  }
}

/** '' where the system has none. */
function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim().slice(0, BOOT_BYTES);
  } catch {
    return '';
  }
}
