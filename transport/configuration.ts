// Keys of the spool, and of batches on both sides of the transport.

import { Type } from 'typebox';
import type { ValuesOf } from '../service/configuration.ts';
import { DURABILITY_KEYS } from '../service/process-keys.ts';

const MiB = 1024 * 1024;

/** The collector closes batches by it; the query API derives from it up to when a window is complete. */
export const BATCH_AGE_KEYS = {
  batchAgeMsMax: Type.Integer({
    default: 500,
    minimum: 10,
    maximum: 60000,
    description:
      'age in ms after which a batch is closed: a crash may lose that much, and a move is unknown for that long',
  }),
};

export const SPOOL_KEYS = {
  spoolBytesMax: Type.Integer({
    default: 4096 * MiB,
    minimum: MiB,
    description: 'bytes the spool may hold; at the limit the newest batch is refused and counted',
  }),
  quarantineBytesMax: Type.Integer({
    default: 512 * MiB,
    minimum: 0,
    description: 'bytes kept of batches that can never be stored; beyond that the oldest is evicted and counted',
  }),
  ...DURABILITY_KEYS,
};
export type SpoolConfiguration = ValuesOf<typeof SPOOL_KEYS>;
