// The seam between collector and enricher. A carrier makes a batch durable and hands it over at least once; what makes
// it exactly once is the batch identity, which storage uses as deduplication token.

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
  /** The Arrow stream, checked against its CRC. Valid until the next batch is asked for. */
  readonly arrow: Uint8Array;
  /** True when it was stored by an earlier process: it may have reached ClickHouse already. */
  readonly redelivered: boolean;
  /** ClickHouse has it: forget it. */
  acknowledge(): void;
  /** It can never be stored: keep it aside, counted, with the reason. */
  quarantine(reason: string): void;
}

export interface BatchSource {
  /** The next batch, oldest first; undefined once the source is closed. A delivery not settled comes again at the next start. */
  next(): Promise<Delivery | undefined>;
  close(): void;
}
