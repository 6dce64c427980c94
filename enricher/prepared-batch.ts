// A batch as it will be inserted, however often that takes.

import type { BatchKind } from '../schemas/batch.ts';
import type { NodeName } from '../storage/tables/nodes.ts';
import type { Place } from '../storage/tables/places.ts';
import type { Delivery } from '../transport/transport.ts';
import type { FlowBatch } from './stages/enrich.ts';

export interface PreparedBatch {
  readonly delivery: Delivery;
  readonly token: string;
  readonly kind: BatchKind;
  /** One try; the same bytes each time. `again` when there may have been one before. */
  readonly insert: (again: boolean) => Promise<void>;
  readonly rows: number;
  /** The columns that `insert` sends; they are free when the batch is settled. */
  readonly columns?: FlowBatch;
  /** Stored before the batch. */
  readonly names: readonly NodeName[];
  readonly places: readonly Place[];
  /** Set when the batch must be looked up before the first try to insert it. */
  readonly lookup?: { readonly key: bigint; readonly receivedAtMs: readonly number[] };
}
