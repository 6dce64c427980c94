// The batch a decoder writes: the flow columns that a datagram can fill.

import type { Batch } from '../../schemas/batch.ts';
import type { Column } from '../../schemas/columns.ts';
import type { DecodedColumns } from '../../schemas/flow.ts';

/** A batch of decoded flow columns. */
export type FlowBatch = Batch<readonly Column[]> & { readonly columns: DecodedColumns };
