// What exporters have reported, on disk: every change is appended as it is learned, so that a process that is killed knows
// at its next start what it knew (death of processes, not loss of power: nothing is synced). At each start, and when the
// file has grown to several times what is in force, it is written anew beside the old one and renamed. A damaged file is
// set aside with a warning, and what could be read of it is kept. A disk that is full or fails costs the journal only:
// the next try writes everything. Bounds are those of TemplateStore, and GROWTH_MAX times its size on disk.

import { closeSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Counters, openCounters } from '../../service/counters.ts';
import { makeFolder } from '../../service/data-folder.ts';
import type { Log } from '../../service/log.ts';
import { replaceFile } from '../../service/replace-file.ts';
import type { Limits } from '../decode/context.ts';
import { type Change, createTemplateStore, type TemplateStore } from '../decode/exporters/template-store.ts';
import { JOURNAL_COUNTERS } from '../threads/counters.ts';
import { encodeEntry, journalHeader, readEntries } from './journal-entries.ts';

const FILE = 'templates.journal';
/** A file below this is not written anew while it grows. */
const REWRITE_BYTES_MIN = 1024 * 1024;
const GROWTH_MAX = 4;
/** Written at once when all of it is written. */
const CHUNK_BYTES = 1024 * 1024;
/** After a failed write the next try waits so long. */
const RETRY_MS = 10_000;
/** A domain that is seen all the time is noted so often: far below DORMANT_MS_MAX. */
const NOTE_HEARD_MS = 3600_000;

export interface JournalOptions {
  readonly folder: string;
  readonly log: Log;
  readonly limits: Limits;
}

/** Opens the journal of a folder, or makes it. Throws for nothing: without a file it lives in memory. */
export function openTemplateJournal(options: JournalOptions): TemplateJournal {
  const journal = new TemplateJournal(options);
  journal.load();
  return journal;
}

export class TemplateJournal {
  /** Everything known. */
  readonly store: TemplateStore;
  readonly counters: Counters<typeof JOURNAL_COUNTERS> = openCounters(JOURNAL_COUNTERS);
  readonly #folder: string;
  readonly #path: string;
  readonly #log: Log;
  /** When the file last got that a domain was seen, and whether that it is proven. */
  readonly #notes = new WeakMap<object, { atMs: number; proven: boolean }>();
  /** -1 while what is on disk is not what is known. */
  #file = -1;
  #fileBytes = 0;
  #rewriteBytes = 0;
  #retryAtMs = Number.NEGATIVE_INFINITY;

  constructor({ folder, log, limits }: JournalOptions) {
    this.store = createTemplateStore(limits);
    this.#folder = folder;
    this.#path = join(folder, FILE);
    this.#log = log;
  }

  /** Takes what the file holds, and writes the file anew. */
  load(): void {
    const { changes, fault } = read(this.#path);
    for (const change of changes) this.store.apply(change);
    this.#attempt(0, () => {
      if (fault) this.#setAside(fault, changes.length);
      this.#rewrite();
    });
    this.counters.set('domains', this.store.size);
  }

  /** Takes changes; returns those that changed something, for the other threads. */
  append(changes: readonly Change[], nowMs: number): Change[] {
    const taken = changes.filter(change => this.store.apply(change));
    this.#append(taken, nowMs);
    return taken;
  }

  /** Forgets what has been dormant for too long. */
  expire(nowMs: number): Change[] {
    const forgotten = this.store.expire(nowMs).map((key): Change => ({ type: 'forgotten', key }));
    this.#append(forgotten, nowMs);
    return forgotten;
  }

  close(): void {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
  }

  #append(changes: readonly Change[], nowMs: number): void {
    const due = changes.filter(change => change.type !== 'seen' || this.#isNews(change, nowMs));
    this.counters.set('domains', this.store.size);
    this.counters.set('refused', this.store.refused);
    if (due.length === 0 || nowMs < this.#retryAtMs) return;
    this.#attempt(nowMs, () => {
      if (this.#file < 0 || this.#fileBytes > this.#rewriteBytes) this.#rewrite();
      else this.#write(Buffer.concat(due.map(encodeEntry)));
    });
  }

  #isNews({ key, proven }: Extract<Change, { type: 'seen' }>, nowMs: number): boolean {
    const domain = this.store.get(key);
    if (!domain) return false;
    const noted = this.#notes.get(domain);
    if (noted && nowMs - noted.atMs < NOTE_HEARD_MS && (noted.proven || !proven)) return false;
    this.#notes.set(domain, { atMs: nowMs, proven: proven || noted?.proven === true });
    return true;
  }

  /** Writes, or makes sure that everything is written later. */
  #attempt(nowMs: number, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.close();
      this.#retryAtMs = nowMs + RETRY_MS;
      this.counters.add('writeErrors');
      this.#log.warn(
        { err: error, file: this.#path },
        'journal of templates cannot be written: a restart would wait for the next announcements; tried again in 10 s',
      );
    }
  }

  #setAside(reason: string, kept: number): void {
    const file = `${this.#path}.damaged`;
    renameSync(this.#path, file);
    this.#log.warn(
      { file, reason, kept },
      'journal of templates is damaged and was set aside: what is missing comes with the next announcements',
    );
  }

  #rewrite(): void {
    this.close();
    makeFolder(this.#folder);
    this.#fileBytes = 0;
    replaceFile(this.#path, append => {
      for (const chunk of chunksOf(this.store)) {
        append([chunk]);
        this.#count(chunk.length);
      }
    });
    this.#file = openSync(this.#path, 'a');
    this.#rewriteBytes = Math.max(REWRITE_BYTES_MIN, GROWTH_MAX * this.#fileBytes);
    this.counters.add('rewrites');
  }

  #write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done);
    this.#count(bytes.length);
  }

  #count(bytes: number): void {
    this.#fileBytes += bytes;
    this.counters.add('bytes', bytes);
    this.counters.set('fileBytes', this.#fileBytes);
  }
}

/** All of a journal, in pieces that are written at once. */
function* chunksOf(store: TemplateStore): Generator<Buffer> {
  let entries: Buffer[] = [journalHeader()];
  let bytes = 0;
  for (const change of store.changes()) {
    const entry = encodeEntry(change);
    entries.push(entry);
    bytes += entry.length;
    if (bytes < CHUNK_BYTES) continue;
    yield Buffer.concat(entries);
    entries = [];
    bytes = 0;
  }
  yield Buffer.concat(entries);
}

function read(path: string): ReturnType<typeof readEntries> {
  try {
    return readEntries(readFileSync(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { changes: [], fault: code === 'ENOENT' ? undefined : 'format' };
  }
}
