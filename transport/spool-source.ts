// The reading end of the spool: what an earlier process left, oldest first, then each batch as it is announced.

import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseToken } from '../schemas/batch.ts';
import { openCounters } from '../service/counters.ts';
import { BATCH_SUFFIX, type FileFault, payloadOf } from './batch-file.ts';
import { createQuarantine } from './quarantine.ts';
import { addUsage, SPOOL_SOURCE_COUNTERS, type SpoolSettings, tokenOfFile } from './spool.ts';
import type { BatchSource, Delivery } from './transport.ts';

export interface SpoolSource extends BatchSource {
  /** A batch is on disk. Tokens already known are passed over. */
  announce(token: string): void;
}

interface Waiting {
  readonly token: string;
  readonly redelivered: boolean;
}

export function createSpoolSource(settings: SpoolSettings): SpoolSource {
  const { folder, usage, sourceCounters } = settings;
  const counters = openCounters(SPOOL_SOURCE_COUNTERS, sourceCounters);
  const quarantine = createQuarantine({
    folder: settings.quarantine,
    bytesMax: settings.quarantineBytesMax,
    spoolFolder: folder,
  });
  /** Tokens waiting or delivered and not settled. As many as files fit into the spool's bound. */
  const known = new Set<string>();
  const queue: Waiting[] = leftBehind(folder);
  for (const { token } of queue) known.add(token);
  counters.add('replayed', queue.length);
  let wake: (() => void) | undefined;
  let closed = false;

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

  function deliver({ token, redelivered }: Waiting): Delivery | undefined {
    let file: Buffer;
    try {
      file = readFileSync(fileOf(token));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      // Announced again after it was settled.
      known.delete(token);
      return undefined;
    }
    const payload = payloadOf(file, token);
    if (typeof payload === 'string') {
      putAside(token, file.length, payload, `file fails its ${payload} check`);
      return undefined;
    }
    return {
      identity: parseToken(token)!,
      arrow: payload,
      redelivered,
      acknowledge() {
        rmSync(fileOf(token), { force: true });
        counters.add('acknowledged');
        settle(token, file.length);
      },
      quarantine: reason => putAside(token, file.length, 'rejected', reason),
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
        const waiting = queue.shift();
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
function leftBehind(folder: string): Waiting[] {
  return readdirSync(folder)
    .flatMap(name => {
      const token = tokenOfFile(name);
      return token === undefined
        ? []
        : [{ token, writtenMs: statSync(join(folder, name)).mtimeMs, sequence: parseToken(token)!.sequence }];
    })
    .sort((a, b) => a.writtenMs - b.writtenMs || a.sequence - b.sequence)
    .map(({ token }) => ({ token, redelivered: true }));
}
