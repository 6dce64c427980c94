// How many batches each enricher has before it that are not stored, as it last said.

import type { Storage } from '../storage.ts';
import { column, DATETIME_MS, type Table } from './table.ts';

export const PROGRESS: Table = {
  name: 'progress',
  columns: [column('enricher', 'String'), column('batches', 'UInt64'), column('at', DATETIME_MS, 'DEFAULT now64(3)')],
  engine: 'ReplacingMergeTree(at)',
  order: 'enricher',
  expiry: { column: 'toDateTime(at)', days: () => 1 },
};

/** An enricher that has said nothing for so long is gone: what it had before it is not known. */
export const PROGRESS_S_MAX = 30;

/** Repeating is harmless. `enricher` is a name for as long as its process runs. */
export function recordProgress(storage: Storage, enricher: string, batches: number): Promise<void> {
  return storage.command(
    'INSERT INTO progress (enricher, batches) SETTINGS async_insert = 0 SELECT {enricher:String}, {batches:UInt64}',
    { enricher, batches },
  );
}
