// The writing end of the spool. At the bound, and when the disk is full, what is there is kept and the new batch refused.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ArrowBytes, piecesOf } from '../schemas/arrow.ts';
import { type BatchIdentity, tokenOf } from '../schemas/batch.ts';
import { openCounters } from '../service/counters.ts';
import { replaceFile } from '../service/replace-file.ts';
import { BATCH_SUFFIX, batchHeader, bytesOf, HEADER_BYTES } from './batch-file.ts';
import { addUsage, SPOOL_SINK_COUNTERS, type SpoolSettings, TEMPORARY_SUFFIX } from './spool.ts';
import type { BatchSink, Refusal } from './transport.ts';

export interface SpoolSinkOptions extends SpoolSettings {
  /** Called with the token of each batch once it is on disk. */
  readonly onStored?: (token: string) => void;
}

export function createSpoolSink({
  folder,
  bytesMax,
  durable,
  usage,
  sinkCounters,
  onStored,
}: SpoolSinkOptions): BatchSink {
  const counters = openCounters(SPOOL_SINK_COUNTERS, sinkCounters);

  function refuse(reason: Refusal): Refusal {
    counters.add(`refused ${reason}`);
    return reason;
  }

  return {
    put(identity: BatchIdentity, arrow: ArrowBytes) {
      const token = tokenOf(identity);
      const pieces = piecesOf(arrow);
      const bytes = HEADER_BYTES + bytesOf(pieces);
      if (bytes > bytesMax) return refuse('too-large');
      if (addUsage(usage, bytes) > bytesMax) {
        addUsage(usage, -bytes);
        return refuse('bound');
      }
      try {
        writeBatch(folder, token, pieces, durable);
      } catch (error) {
        addUsage(usage, -bytes);
        const { code } = error as NodeJS.ErrnoException;
        return refuse(code === 'ENOSPC' || code === 'EDQUOT' ? 'disk-full' : 'io');
      }
      counters.add('batches');
      counters.add('bytes', bytes);
      onStored?.(token);
      return 'stored';
    },
  };
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
