// The reading end of the spool: what an earlier process left, oldest first, then each batch as it is announced.

import { closeSync, fstatSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ArrowBytes } from '../schemas/arrow.ts';
import { type BatchIdentity, parseToken, tokenOf } from '../schemas/batch.ts';
import { openCounters } from '../service/counters.ts';
import { BATCH_SUFFIX, bytesOf, type FileFault, HEADER_BYTES, payloadOf } from './batch-file.ts';
import { createQuarantine } from './quarantine.ts';
import { addUsage, SPOOL_SOURCE_COUNTERS, type SpoolSettings, tokenOfFile } from './spool.ts';
import { writeBatch } from './spool-sink.ts';
import type { BatchSource, Delivery } from './transport.ts';

export interface SpoolDelivery extends Delivery {
  /** Length of `arrow`, which outlives it. */
  readonly arrowBytes: number;
  /** Puts parts in the place of the batch; they are delivered next. At a crash either the batch is left or its parts. */
  replace(parts: readonly { readonly identity: BatchIdentity; readonly arrow: ArrowBytes }[]): void;
}

export interface SpoolSource extends BatchSource {
  next(): Promise<SpoolDelivery | undefined>;
  /** A batch is on disk. Tokens already known are passed over. */
  announce(token: string): void;
}

/** How much larger than needed the reading buffer is made, so that it is not made again for every larger batch. */
const READ_ROOM = 1.25;

interface Waiting {
  readonly token: string;
  readonly redelivered: boolean;
}

export interface SpoolSourceOptions {
  /** Every so many deliveries the newest batch is taken instead of the oldest; never, when left out. */
  readonly newestEvery?: number;
}

export function createSpoolSource(settings: SpoolSettings, { newestEvery }: SpoolSourceOptions = {}): SpoolSource {
  const { folder, usage, sourceCounters } = settings;
  const counters = openCounters(SPOOL_SOURCE_COUNTERS, sourceCounters);
  const quarantine = createQuarantine({
    folder: settings.quarantine,
    bytesMax: settings.quarantineBytesMax,
    spoolFolder: folder,
  });
  /** Tokens waiting or delivered and not settled. As many as files fit into the spool's bound. */
  const known = new Set<string>();
  const queue: Waiting[] = leftBehind(settings);
  for (const { token } of queue) known.add(token);
  counters.add('replayed', queue.length);
  let wake: (() => void) | undefined;
  let closed = false;
  let taken = 0;

  const take = (): Waiting | undefined =>
    newestEvery !== undefined && ++taken % newestEvery === 0 ? queue.pop() : queue.shift();

  // One buffer for all files: fresh memory for each would cost more, in page faults and garbage, than reading it.
  let reading = Buffer.alloc(0);

  function readWhole(path: string): Buffer {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      if (reading.length < size) reading = Buffer.from(new ArrayBuffer(Math.ceil(size * READ_ROOM)));
      let filled = 0;
      for (let got = -1; filled < size && got !== 0; filled += got)
        got = readSync(file, reading, filled, size - filled, filled);
      return reading.subarray(0, filled);
    } finally {
      closeSync(file);
    }
  }

  const fileOf = (token: string) => join(folder, token + BATCH_SUFFIX);

  function settle(token: string, bytes: number): void {
    known.delete(token);
    addUsage(usage, -bytes);
  }

  function putAside(token: string, bytes: number, label: FileFault | 'rejected', reason: string): void {
    try {
      counters.add('quarantineDropped', quarantine.add(token, bytes, reason));
    } catch {
      // It stays known, so that it is not handed over again and again.
      counters.add('quarantineFailed');
      return;
    }
    counters.add(`quarantined ${label}`);
    settle(token, bytes);
  }

  function deliver({ token, redelivered }: Waiting): SpoolDelivery | undefined {
    let file: Buffer;
    try {
      file = readWhole(fileOf(token));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      // Announced again after it was settled.
      known.delete(token);
      return undefined;
    }
    const bytes = file.length;
    const payload = payloadOf(file, token);
    if (typeof payload === 'string') {
      putAside(token, bytes, payload, `file fails its ${payload} check`);
      return undefined;
    }
    return {
      identity: parseToken(token)!,
      arrow: payload,
      arrowBytes: payload.length,
      redelivered,
      acknowledge() {
        rmSync(fileOf(token), { force: true });
        counters.add('acknowledged');
        settle(token, bytes);
      },
      quarantine: reason => putAside(token, bytes, 'rejected', reason),
      replace(parts) {
        for (const { identity, arrow } of parts) {
          const part = tokenOf(identity);
          addUsage(usage, HEADER_BYTES + bytesOf(writeBatch(folder, part, arrow, settings.durable)));
          known.add(part);
        }
        rmSync(fileOf(token), { force: true });
        settle(token, bytes);
        queue.unshift(...parts.map(({ identity }) => ({ token: tokenOf(identity), redelivered })));
        wake?.();
      },
    };
  }

  return {
    announce(token) {
      if (known.has(token) || !parseToken(token)) return;
      known.add(token);
      queue.push({ token, redelivered: false });
      wake?.();
    },
    async next() {
      while (!closed) {
        const waiting = take();
        if (!waiting) {
          await new Promise<void>(resolve => {
            wake = resolve;
          });
          continue;
        }
        try {
          const delivery = deliver(waiting);
          if (delivery) return delivery;
        } catch (error) {
          // The disk may recover: the others first, this one again.
          queue.push(waiting);
          throw error;
        }
      }
      return undefined;
    },
    close() {
      closed = true;
      wake?.();
    },
  };
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
      // The process died while it replaced a batch by its parts: nobody has seen them yet.
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
