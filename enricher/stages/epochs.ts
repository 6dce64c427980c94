// Which epoch of the inventory each row of a batch belongs to: the one in which its flow began. Mostly all rows began and
// ended in one, and then this is one pass over the times. A record longer than a minute that ends in another epoch than
// it began in straddles a change; whether that is a change of its ends is found out later.

import { epochAt } from '../../inventory/snapshot/knowledge.ts';
import type { FlowColumns } from '../../schemas/flow.ts';
import { timeAt } from './times.ts';

/** Up to this a record belongs to its start, whatever changed before its end. */
export const SHORT_FLOW_MS = 60_000;

export interface RowEpochs {
  /** Ascending; those of straddling rows' ends included. */
  readonly distinct: readonly number[];
  /** By row; not filled when there is one epoch alone. */
  readonly ofRow: Uint32Array;
  /** Rows that straddle, and the epoch each ends in. */
  readonly straddlers: Uint32Array;
  readonly endEpochs: Uint32Array;
}

const NONE = new Uint32Array(0);

export function createEpochs() {
  let ofRow = NONE;

  return {
    /** The result stands until the next call. */
    find({ flowStart, flowEnd }: FlowColumns, rows: number, starts: Float64Array): RowEpochs {
      let first = Number.POSITIVE_INFINITY;
      let last = Number.NEGATIVE_INFINITY;
      for (let row = 0; row < rows; row++) {
        const start = timeAt(flowStart, row);
        const end = timeAt(flowEnd, row);
        if (start < first) first = start;
        if (end > last) last = end;
      }
      const oldest = epochAt(starts, rows === 0 ? Number.POSITIVE_INFINITY : first);
      if (rows === 0 || oldest === epochAt(starts, last))
        return { distinct: [oldest], ofRow: NONE, straddlers: NONE, endEpochs: NONE };
      if (ofRow.length < rows) ofRow = new Uint32Array(rows);
      const seen = new Set<number>();
      const straddlers: number[] = [];
      const endEpochs: number[] = [];
      for (let row = 0; row < rows; row++) {
        const start = timeAt(flowStart, row);
        const end = timeAt(flowEnd, row);
        const epoch = epochAt(starts, start);
        ofRow[row] = epoch;
        seen.add(epoch);
        if (end - start <= SHORT_FLOW_MS) continue;
        const endEpoch = epochAt(starts, end);
        if (endEpoch === epoch) continue;
        straddlers.push(row);
        endEpochs.push(endEpoch);
        seen.add(endEpoch);
      }
      return {
        distinct: [...seen].sort((a, b) => a - b),
        ofRow,
        straddlers: Uint32Array.from(straddlers),
        endEpochs: Uint32Array.from(endEpochs),
      };
    },
  };
}
