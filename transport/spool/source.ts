// The reading end of the spool: first what an earlier process left, oldest first, then each batch as it is announced. Minutes
// of the collector are delivered once everything before them is settled; other batches do not wait for them. A batch that
// cannot be read, or not be moved to quarantine, holds them only until its next try.

import { closeSync, fstatSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ArrowBytes } from '../../schemas/arrow.ts';
import { type BatchIdentity, parseToken, tokenOf } from '../../schemas/batch.ts';
import { type Counters, openCounters } from '../../service/counters.ts';
import { Backoff } from '../../service/retry.ts';
import { BATCH_SUFFIX, bytesOf, type FileFault, HEADER_BYTES, payloadOf } from '../batch-file.ts';
import { type Backlog, type BatchSource, type Delivery, isBarrier } from '../transport.ts';
import { QuarantineFolder } from './quarantine.ts';
import { writeBatch } from './sink.ts';
import { addUsage, SPOOL_SOURCE_COUNTERS, type SpoolSettings, tokenOfFile } from './spool.ts';

export interface BatchPart {
  readonly identity: BatchIdentity;
  readonly arrow: ArrowBytes;
}

export interface SpoolDelivery extends Delivery {
  /** Length of `arrow`, which outlives it. */
  readonly arrowBytes: number;
  /** Replaces the batch by its parts, which are delivered next. After a crash there is either the batch or its parts. */
  replace(parts: readonly BatchPart[]): void;
}

export interface SpoolSourceOptions {
  /** One delivery in so many takes the newest batch instead of the oldest. Without it none does. */
  readonly newestEvery?: number;
  /** For tests. */
  readonly nowMs?: () => number;
}

/** How much larger than needed the reading buffer is made, so that it is not made again for every larger batch. */
const READ_ROOM = 1.25;

/** Between the tries to read a batch that cannot be read. */
const READ_PAUSES = { pauseMsMin: 1000, pauseMsMax: 300_000 };

interface Waiting {
  readonly token: string;
  readonly redelivered: boolean;
}

interface LeftBehind extends Waiting {
  readonly writtenMs: number;
}

/** A batch that could not be read, and when it is tried again. */
interface Unreadable {
  readonly waiting: Waiting;
  readonly backoff: Backoff;
  dueAtMs: number;
}

export class SpoolSource implements BatchSource {
  readonly #settings: SpoolSettings;
  readonly #newestEvery: number | undefined;
  readonly #counters: Counters<typeof SPOOL_SOURCE_COUNTERS>;
  readonly #quarantine: QuarantineFolder;
  readonly #queue: Waiting[];
  /** Taken from the queue, and waiting until everything before them is settled. In order. */
  readonly #barriers: Waiting[] = [];
  /** By token; some of those known. */
  readonly #unreadable = new Map<string, Unreadable>();
  readonly #nowMs: () => number;
  /**
   * Tokens that wait, or are delivered and not settled, in the order of the spool, with the time since when. As many as
   * files fit into the spool's bound.
   */
  readonly #known: Map<string, number>;
  /** Tokens that could not be moved to quarantine: they are not delivered again, and nothing waits for them. */
  readonly #stuck = new Set<string>();
  readonly #oldest: Float64Array;
  /** One buffer for all files: fresh memory for each costs more, in page faults and garbage, than reading it. */
  #reading = Buffer.alloc(0);
  #taken = 0;
  #closed = false;
  #wake = () => {};

  constructor(settings: SpoolSettings, { newestEvery, nowMs = Date.now }: SpoolSourceOptions = {}) {
    this.#settings = settings;
    this.#nowMs = nowMs;
    this.#newestEvery = newestEvery;
    this.#counters = openCounters(SPOOL_SOURCE_COUNTERS, settings.sourceCounters);
    this.#quarantine = new QuarantineFolder({
      folder: settings.quarantine,
      bytesMax: settings.quarantineBytesMax,
      spoolFolder: settings.folder,
    });
    const left = leftBehind(settings);
    this.#queue = [...left];
    this.#known = new Map(left.map(({ token, writtenMs }) => [token, writtenMs]));
    this.#oldest = new Float64Array(settings.oldest);
    this.#publishOldest();
    this.#counters.add('replayed', this.#queue.length);
  }

  /** Queues a batch that is on disk. A token that is already known changes nothing. */
  announce(token: string): void {
    if (this.#known.has(token) || this.#stuck.has(token) || !parseToken(token)) return;
    this.#known.set(token, this.#nowMs());
    this.#publishOldest();
    this.#queue.push({ token, redelivered: false });
    this.#wake();
  }

  async next(): Promise<SpoolDelivery | undefined> {
    while (!this.#closed) {
      const waiting = this.#take();
      if (!waiting) {
        await this.#wait();
        continue;
      }
      try {
        const delivery = this.#deliver(waiting);
        this.#unreadable.delete(waiting.token);
        if (delivery) return delivery;
      } catch (error) {
        this.#tryLater(waiting);
        throw error;
      }
    }
    return undefined;
  }

  backlog(): Backlog {
    const [sinceMs] = this.#known.values();
    return { batches: this.#known.size, sinceMs };
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** The disk may recover; until then the others come first. */
  #tryLater(waiting: Waiting): void {
    this.#counters.add('readErrors');
    const { backoff } = this.#unreadable.get(waiting.token) ?? { backoff: new Backoff(READ_PAUSES) };
    this.#unreadable.set(waiting.token, { waiting, backoff, dueAtMs: this.#nowMs() + backoff.take() });
    // Behind the minutes that waited for it: it may never be read.
    const sinceMs = this.#known.get(waiting.token);
    this.#known.delete(waiting.token);
    if (sinceMs !== undefined) this.#known.set(waiting.token, sinceMs);
  }

  /** Until a batch is announced, or one that could not be read is due. */
  async #wait(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    let dueAtMs = Number.POSITIVE_INFINITY;
    for (const unreadable of this.#unreadable.values()) dueAtMs = Math.min(dueAtMs, unreadable.dueAtMs);
    const timer = dueAtMs < Number.POSITIVE_INFINITY ? setTimeout(resolve, dueAtMs - this.#nowMs()) : undefined;
    await promise;
    clearTimeout(timer);
  }

  /** Puts those that are due back into the queue. */
  #requeue(): void {
    for (const unreadable of this.#unreadable.values()) {
      if (unreadable.dueAtMs > this.#nowMs()) continue;
      unreadable.dueAtMs = Number.POSITIVE_INFINITY;
      this.#queue.push(unreadable.waiting);
    }
  }

  #take(): Waiting | undefined {
    if (this.#unreadable.size > 0) this.#requeue();
    const [barrier] = this.#barriers;
    if (barrier && this.#isFirst(barrier)) return this.#barriers.shift();
    const takesNewest = this.#newestEvery !== undefined && ++this.#taken % this.#newestEvery === 0;
    const newest = this.#queue.at(-1);
    if (takesNewest && newest && !isBarrierToken(newest.token)) return this.#queue.pop();
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      if (!isBarrierToken(next.token) || this.#isFirst(next)) return next;
      this.#barriers.push(next);
    }
    return undefined;
  }

  /** Whether everything before it is settled. */
  #isFirst({ token }: Waiting): boolean {
    const [first] = this.#known.keys();
    return first === token;
  }

  /** Undefined when the file is gone or damaged. */
  #deliver({ token, redelivered }: Waiting): SpoolDelivery | undefined {
    const file = this.#read(token);
    if (!file) {
      // It was announced again after it had been settled.
      this.#forget(token);
      return undefined;
    }
    const bytes = file.length;
    const payload = payloadOf(file, token);
    if (typeof payload === 'string') {
      this.#moveToQuarantine(token, bytes, payload, `the file fails its ${payload} check`);
      return undefined;
    }
    return {
      identity: parseToken(token)!,
      arrow: payload,
      arrowBytes: payload.length,
      redelivered,
      acknowledge: () => {
        this.#counters.add('acknowledged');
        this.#remove(token, bytes);
      },
      quarantine: reason => this.#moveToQuarantine(token, bytes, 'rejected', reason),
      replace: parts => {
        this.#add(parts);
        this.#remove(token, bytes);
        this.#queue.unshift(...parts.map(({ identity }) => ({ token: tokenOf(identity), redelivered })));
        this.#wake();
      },
    };
  }

  /** The file in the reading buffer, undefined when there is none. */
  #read(token: string): Buffer | undefined {
    let file: number;
    try {
      file = openSync(this.#fileOf(token), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      const { size } = fstatSync(file);
      if (this.#reading.length < size) this.#reading = Buffer.from(new ArrayBuffer(Math.ceil(size * READ_ROOM)));
      let filled = 0;
      for (let got = -1; filled < size && got !== 0; filled += got)
        got = readSync(file, this.#reading, filled, size - filled, filled);
      return this.#reading.subarray(0, filled);
    } finally {
      closeSync(file);
    }
  }

  #add(parts: readonly BatchPart[]): void {
    const { folder, durable, usage } = this.#settings;
    const known = [...this.#known];
    this.#known.clear();
    for (const { identity, arrow } of parts) {
      const token = tokenOf(identity);
      addUsage(usage, HEADER_BYTES + bytesOf(writeBatch(folder, token, arrow, durable)));
      this.#known.set(token, this.#nowMs());
    }
    // The parts stand where the whole stood, or before: minutes behind it wait for them.
    for (const [token, sinceMs] of known) this.#known.set(token, sinceMs);
  }

  #remove(token: string, bytes: number): void {
    rmSync(this.#fileOf(token), { force: true });
    this.#settle(token, bytes);
  }

  #moveToQuarantine(token: string, bytes: number, label: FileFault | 'rejected', reason: string): void {
    try {
      this.#counters.add('quarantineDropped', this.#quarantine.add(token, bytes, reason));
    } catch {
      this.#counters.add('quarantineFailed');
      this.#stuck.add(token);
      this.#forget(token);
      return;
    }
    this.#counters.add(`quarantined ${label}`);
    this.#settle(token, bytes);
  }

  #settle(token: string, bytes: number): void {
    this.#forget(token);
    addUsage(this.#settings.usage, -bytes);
  }

  #forget(token: string): void {
    this.#known.delete(token);
    this.#publishOldest();
    // Minutes may have waited for it.
    if (this.#barriers.length > 0) this.#wake();
  }

  #publishOldest(): void {
    this.#oldest[0] = this.backlog().sinceMs ?? 0;
  }

  #fileOf(token: string): string {
    return join(this.#settings.folder, token + BATCH_SUFFIX);
  }
}

/** Batches in the folder, oldest first: by the time they were written, minutes of collectors last, then by sequence. */
function leftBehind({ folder, usage }: SpoolSettings): LeftBehind[] {
  const tokens = readdirSync(folder).flatMap(name => tokenOfFile(name) ?? []);
  const present = new Set(tokens);
  return tokens
    .flatMap(token => {
      const identity = parseToken(token)!;
      const { sequence, part } = identity;
      const isLast = Number(isBarrier(identity));
      const path = join(folder, token + BATCH_SUFFIX);
      const { size, mtimeMs: writtenMs } = statSync(path);
      if (part === undefined || !present.has(wholeOf(token))) return [{ token, writtenMs, isLast, sequence }];
      // The process crashed while it replaced a batch by its parts, which were never delivered.
      rmSync(path, { force: true });
      addUsage(usage, -size);
      return [];
    })
    .sort((a, b) => a.writtenMs - b.writtenMs || a.isLast - b.isLast || a.sequence - b.sequence)
    .map(({ token, writtenMs }) => ({ token, writtenMs, redelivered: true }));
}

function isBarrierToken(token: string): boolean {
  return isBarrier(parseToken(token)!);
}

/** The token of the batch that a part is a half of. */
function wholeOf(token: string): string {
  return token.slice(0, -1).replace(/-$/, '');
}
