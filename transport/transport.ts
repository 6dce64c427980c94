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
  /** Removes the batch: ClickHouse has it. */
  acknowledge(): void;
  /** Moves the batch to quarantine, counted and with the reason: it can never be stored. */
  quarantine(reason: string): void;
}

export interface BatchSource {
  /** The next batch, oldest first; undefined once the source is closed. A delivery not settled comes again at the next start. */
  next(): Promise<Delivery | undefined>;
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
