// The seam between collector and enricher. A carrier makes a batch durable and delivers it at least once. Storage makes
// that exactly once: the identity of the batch is its deduplication token.
//
// There are two carriers: spool/ within one machine, kafka/ between machines. Both carry batch files (batch-file.ts).

import type { ArrowBytes } from '../schemas/arrow.ts';
import type { BatchIdentity } from '../schemas/batch.ts';

/** Why a batch was refused; a bounded label of a counter. */
export type Refusal = 'bound' | 'disk-full' | 'too-large' | 'io';

export interface BatchSink {
  /** Makes the batch durable before it returns. A refused batch is dropped by the caller and counted by reason. */
  put(identity: BatchIdentity, arrow: ArrowBytes): Refusal | 'stored';
}

export interface Delivery {
  readonly identity: BatchIdentity;
  /** The Arrow stream, checked against its CRC. Valid until `next` is called again. */
  readonly arrow: Uint8Array;
  /** True when an earlier process stored it: it may have reached ClickHouse already. */
  readonly redelivered: boolean;
  /** Which copy of the batch this is, where a carrier has one for each of its partitions. */
  readonly share?: Share;
  /** Removes the batch: ClickHouse has it. */
  acknowledge(): void;
  /** Moves the batch to quarantine, counted and with the reason: it can never be stored. */
  quarantine(reason: string): void;
}

/** One of as many copies as there are partitions. */
export interface Share {
  readonly index: number;
  readonly of: number;
}

/**
 * Minutes of a collector are delivered once everything that was put before them is settled, in a partition or in the spool:
 * where they are stored, everything that the collector received before is stored too (or in quarantine).
 */
export function isBarrier({ kind }: Pick<BatchIdentity, 'kind'>): boolean {
  return kind === 'collectors';
}

/** What a source has that is not settled. */
export interface Backlog {
  readonly batches: number;
  /** When the oldest of them was put there; undefined when there is none, or it is not known. */
  readonly sinceMs: number | undefined;
}

/** A gauge of every carrier, so that one alert is right for all. */
export const OLDEST_AGE_METRIC = 'spool_oldest_waiting_batch_age_seconds';

/** Seconds since `sinceMs`; 0 where that is 0, which is never. */
export function ageS(sinceMs: number, nowMs: number): number {
  return sinceMs > 0 ? Math.max(0, nowMs - sinceMs) / 1000 : 0;
}

export interface BatchSource {
  /** The next batch, oldest first; undefined once the source is closed. A delivery not settled comes again at the next start. */
  next(): Promise<Delivery | undefined>;
  backlog(): Backlog;
  close(): void;
}

/** A batch in quarantine, in a folder or in a topic. */
export interface Quarantined {
  readonly token: string;
  readonly bytes: number;
  readonly reason: string;
  /** When it was moved to quarantine, RFC 3339. */
  readonly at: string;
}
