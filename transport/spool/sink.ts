// The writing end of the spool. At its bound, and when the disk is full, the spool keeps what it has and refuses the new batch.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ArrowBytes } from '../../schemas/arrow.ts';
import { piecesOf } from '../../schemas/arrow.ts';
import type { BatchIdentity } from '../../schemas/batch.ts';
import { tokenOf } from '../../schemas/batch.ts';
import type { Counters } from '../../service/counters.ts';
import { openCounters } from '../../service/counters.ts';
import { replaceFile } from '../../service/replace-file.ts';
import { BATCH_SUFFIX, batchHeader, bytesOf, HEADER_BYTES } from '../batch-file.ts';
import type { BatchSink, Refusal } from '../transport.ts';
import { addUsage, noteRefusal, SPOOL_SINK_COUNTERS, type SpoolSettings, TEMPORARY_SUFFIX } from './spool.ts';

export interface SpoolSinkOptions extends SpoolSettings {
  /** Called with the token of each batch once it is on disk. */
  readonly onStored?: (token: string) => void;
}

export class SpoolSink implements BatchSink {
  readonly #options: SpoolSinkOptions;
  readonly #counters: Counters<typeof SPOOL_SINK_COUNTERS>;

  constructor(options: SpoolSinkOptions) {
    this.#options = options;
    this.#counters = openCounters(SPOOL_SINK_COUNTERS, options.sinkCounters);
  }

  put(identity: BatchIdentity, arrow: ArrowBytes): Refusal | 'stored' {
    const { folder, bytesMax, durable, usage, onStored } = this.#options;
    const token = tokenOf(identity);
    const pieces = piecesOf(arrow);
    const bytes = HEADER_BYTES + bytesOf(pieces);
    if (bytes > bytesMax) return this.#refuse('too-large');
    if (addUsage(usage, bytes) > bytesMax) {
      addUsage(usage, -bytes);
      return this.#refuse('bound');
    }
    try {
      writeBatch(folder, token, pieces, durable);
    } catch (error) {
      addUsage(usage, -bytes);
      const { code } = error as NodeJS.ErrnoException;
      return this.#refuse(code === 'ENOSPC' || code === 'EDQUOT' ? 'disk-full' : 'io');
    }
    this.#counters.add('batches');
    this.#counters.add('bytes', bytes);
    onStored?.(token);
    return 'stored';
  }

  #refuse(reason: Refusal): Refusal {
    this.#counters.add(`refused ${reason}`);
    noteRefusal(this.#options, reason, Date.now());
    return reason;
  }
}

/** Under a temporary name first: a file with its final name is whole. Returns the pieces of the stream. */
export function writeBatch(folder: string, token: string, arrow: ArrowBytes, durable: boolean): readonly Uint8Array[] {
  const pieces = piecesOf(arrow);
  const temporary = join(folder, token + TEMPORARY_SUFFIX);
  const final = join(folder, token + BATCH_SUFFIX);
  try {
    replaceFile(final, append => append([batchHeader(token, pieces), ...pieces]), { temporary, mode: 0o600, durable });
    return pieces;
  } catch (error) {
    // A refused batch is counted as lost: nothing of it may be found by the next start.
    rmSync(final, { force: true });
    throw error;
  }
}
