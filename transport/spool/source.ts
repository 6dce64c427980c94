// The reading end of the spool: first what an earlier process left, oldest first, then each batch as it is announced.

import { closeSync, fstatSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ArrowBytes } from '../../schemas/arrow.ts';
import { type BatchIdentity, parseToken, tokenOf } from '../../schemas/batch.ts';
import { type Counters, openCounters } from '../../service/counters.ts';
import { Backoff } from '../../service/retry.ts';
import { BATCH_SUFFIX, bytesOf, type FileFault, HEADER_BYTES, payloadOf } from '../batch-file.ts';
import type { BatchSource, Delivery } from '../transport.ts';
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
  /** By token; some of those known. */
  readonly #unreadable = new Map<string, Unreadable>();
  readonly #nowMs: () => number;
  /** Tokens that wait, or are delivered and not settled. As many as files fit into the spool's bound. */
  readonly #known: Set<string>;
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
    this.#queue = leftBehind(settings);
    this.#known = new Set(this.#queue.map(({ token }) => token));
    this.#counters.add('replayed', this.#queue.length);
  }

  /** Queues a batch that is on disk. A token that is already known changes nothing. */
  announce(token: string): void {
    if (this.#known.has(token) || !parseToken(token)) return;
    this.#known.add(token);
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

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** The disk may recover; until then the others come first. */
  #tryLater(waiting: Waiting): void {
    this.#counters.add('readErrors');
    const { backoff } = this.#unreadable.get(waiting.token) ?? { backoff: new Backoff(READ_PAUSES) };
    this.#unreadable.set(waiting.token, { waiting, backoff, dueAtMs: this.#nowMs() + backoff.take() });
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
    const newest = this.#newestEvery !== undefined && ++this.#taken % this.#newestEvery === 0;
    return newest ? this.#queue.pop() : this.#queue.shift();
  }

  /** Undefined when the file is gone or damaged. */
  #deliver({ token, redelivered }: Waiting): SpoolDelivery | undefined {
    const file = this.#read(token);
    if (!file) {
      // It was announced again after it had been settled.
      this.#known.delete(token);
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
    for (const { identity, arrow } of parts) {
      const token = tokenOf(identity);
      addUsage(usage, HEADER_BYTES + bytesOf(writeBatch(folder, token, arrow, durable)));
      this.#known.add(token);
    }
  }

  #remove(token: string, bytes: number): void {
    rmSync(this.#fileOf(token), { force: true });
    this.#settle(token, bytes);
  }

  #moveToQuarantine(token: string, bytes: number, label: FileFault | 'rejected', reason: string): void {
    try {
      this.#counters.add('quarantineDropped', this.#quarantine.add(token, bytes, reason));
    } catch {
      // The token stays known, so that the batch is not delivered again and again.
      this.#counters.add('quarantineFailed');
      return;
    }
    this.#counters.add(`quarantined ${label}`);
    this.#settle(token, bytes);
  }

  #settle(token: string, bytes: number): void {
    this.#known.delete(token);
    addUsage(this.#settings.usage, -bytes);
  }

  #fileOf(token: string): string {
    return join(this.#settings.folder, token + BATCH_SUFFIX);
  }
}

/** Batches in the folder, oldest first: by the time they were written, then by sequence. */
function leftBehind({ folder, usage }: SpoolSettings): Waiting[] {
  const tokens = readdirSync(folder).flatMap(name => tokenOfFile(name) ?? []);
  const present = new Set(tokens);
  return tokens
    .flatMap(token => {
      const { sequence, part } = parseToken(token)!;
      const path = join(folder, token + BATCH_SUFFIX);
      const { size, mtimeMs: writtenMs } = statSync(path);
      if (part === undefined || !present.has(wholeOf(token))) return [{ token, writtenMs, sequence }];
      // The process crashed while it replaced a batch by its parts, which were never delivered.
      rmSync(path, { force: true });
      addUsage(usage, -size);
      return [];
    })
    .sort((a, b) => a.writtenMs - b.writtenMs || a.sequence - b.sequence)
    .map(({ token }) => ({ token, redelivered: true }));
}

/** The token of the batch that a part is a half of. */
function wholeOf(token: string): string {
  return token.slice(0, -1).replace(/-$/, '');
}
