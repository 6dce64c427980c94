// What exporters have told, on disk: every change is appended as it is learned, so that a process that is killed knows
// at its next start what it knew (death of processes, not loss of power: nothing is synced). At each start, and when the
// file has grown to several times what is in force, it is written anew beside the old one and renamed. A damaged file is
// set aside with a warning, and what could be read of it is kept. A disk that is full or fails costs the journal only:
// the next try writes everything. Bounds are those of TemplateStore, and GROWTH_MAX times its size on disk.

import { closeSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Counters, openCounters } from '../../service/counters.ts';
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
/** A domain that is heard all the time is noted so often: far below DORMANT_MS_MAX. */
const NOTE_HEARD_MS = 3600_000;

export interface TemplateJournal {
  /** Everything known. */
  readonly store: TemplateStore;
  readonly counters: Counters<typeof JOURNAL_COUNTERS>;
  /** Takes changes; returns those that changed something, for the other threads. */
  append(changes: readonly Change[], nowMs: number): Change[];
  /** Forgets what has been dormant for too long. */
  expire(nowMs: number): Change[];
  close(): void;
}

export interface JournalOptions {
  readonly folder: string;
  readonly log: Log;
  readonly limits: Limits;
}

/** Opens the journal of a folder, or makes it. Throws for nothing: without a file it lives in memory. */
export function openTemplateJournal({ folder, log, limits }: JournalOptions): TemplateJournal {
  const store = createTemplateStore(limits);
  const counters = openCounters(JOURNAL_COUNTERS);
  const path = join(folder, FILE);
  /** When the file was last told that a domain is heard, and whether that it is proven. */
  const notes = new WeakMap<object, { atMs: number; proven: boolean }>();
  /** -1 while what is on disk is not what is known. */
  let file = -1;
  let fileBytes = 0;
  let rewriteBytes = 0;
  let retryAtMs = Number.NEGATIVE_INFINITY;

  function write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    count(bytes.length);
  }

  function count(bytes: number): void {
    fileBytes += bytes;
    counters.add('bytes', bytes);
    counters.set('fileBytes', fileBytes);
  }

  /** Writes, or makes sure that everything is written later. */
  function attempt(nowMs: number, act: () => void): void {
    try {
      act();
    } catch (error) {
      close();
      retryAtMs = nowMs + RETRY_MS;
      counters.add('writeErrors');
      log.warn(
        { err: error, file: path },
        'journal of templates cannot be written: a restart would wait for the next announcements; tried again in 10 s',
      );
    }
  }

  function rewrite(): void {
    close();
    mkdirSync(folder, { recursive: true });
    fileBytes = 0;
    replaceFile(path, append => {
      let entries: Buffer[] = [journalHeader()];
      let bytes = 0;
      const writeChunk = () => {
        const chunk = Buffer.concat(entries);
        append([chunk]);
        count(chunk.length);
        entries = [];
        bytes = 0;
      };
      for (const change of store.changes()) {
        const entry = encodeEntry(change);
        entries.push(entry);
        bytes += entry.length;
        if (bytes >= CHUNK_BYTES) writeChunk();
      }
      writeChunk();
    });
    file = openSync(path, 'a');
    rewriteBytes = Math.max(REWRITE_BYTES_MIN, GROWTH_MAX * fileBytes);
    counters.add('rewrites');
  }

  function close(): void {
    if (file >= 0) closeSync(file);
    file = -1;
  }

  function append(changes: readonly Change[], nowMs: number): void {
    const due = changes.filter(change => change.type !== 'heard' || isNews(change, nowMs));
    counters.set('domains', store.size);
    counters.set('refused', store.refused);
    if (due.length === 0 || nowMs < retryAtMs) return;
    attempt(nowMs, () => {
      if (file < 0 || fileBytes > rewriteBytes) rewrite();
      else write(Buffer.concat(due.map(encodeEntry)));
    });
  }

  function isNews({ key, proven }: Extract<Change, { type: 'heard' }>, nowMs: number): boolean {
    const domain = store.get(key);
    if (!domain) return false;
    const noted = notes.get(domain);
    if (noted && nowMs - noted.atMs < NOTE_HEARD_MS && (noted.proven || !proven)) return false;
    notes.set(domain, { atMs: nowMs, proven: proven || noted?.proven === true });
    return true;
  }

  const { changes, fault } = read(path);
  for (const change of changes) store.apply(change);
  attempt(0, () => {
    if (fault) {
      renameSync(path, `${path}.damaged`);
      log.warn(
        { file: `${path}.damaged`, reason: fault, kept: changes.length },
        'journal of templates is damaged and was set aside: what is missing comes with the next announcements',
      );
    }
    rewrite();
  });
  counters.set('domains', store.size);

  return {
    store,
    counters,
    append(changes, nowMs) {
      const taken = changes.filter(change => store.apply(change));
      append(taken, nowMs);
      return taken;
    },
    expire(nowMs) {
      const forgotten = store.expire(nowMs).map((key): Change => ({ type: 'forgotten', key }));
      append(forgotten, nowMs);
      return forgotten;
    },
    close,
  };
}

function read(path: string): ReturnType<typeof readEntries> {
  try {
    return readEntries(readFileSync(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { changes: [], fault: code === 'ENOENT' ? undefined : 'format' };
  }
}
