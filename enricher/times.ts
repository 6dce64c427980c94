// Flow times are the exporter's word, and clocks are wrong: what lies outside [receivedAt - span, receivedAt + skew] is
// cut to it, and a start behind its end becomes the end, before a bogus year reaches a table. Both are counted.

import type { FlowColumns } from '../schemas/flow.ts';

const WORD = 2 ** 32;

export interface TimeLimits {
  readonly spanMsMax: number;
  readonly skewMsMax: number;
}

export interface TimeFaults {
  cut: number;
  reversed: number;
}

/** Adds the rows it had to mend to `faults`; a row counts once for each kind. */
export function mendTimes(
  columns: FlowColumns,
  rows: number,
  { spanMsMax, skewMsMax }: TimeLimits,
  faults: TimeFaults,
): void {
  const { receivedAt, flowStart, flowEnd } = columns;
  for (let row = 0; row < rows; row++) {
    const received = timeAt(receivedAt, row);
    const earliest = Math.max(0, received - spanMsMax);
    const latest = received + skewMsMax;
    const start = timeAt(flowStart, row);
    const end = timeAt(flowEnd, row);
    if (start >= earliest && start <= end && end <= latest) continue;
    const endCut = Math.min(Math.max(end, earliest), latest);
    const startCut = Math.min(Math.max(start, earliest), latest);
    if (startCut !== start || endCut !== end) faults.cut++;
    if (start > end) faults.reversed++;
    setTime(flowEnd, row, endCut);
    setTime(flowStart, row, Math.min(startCut, endCut));
  }
}

/** Milliseconds since the epoch; the words are signed together, as in DateTime64. */
export function timeAt(words: Uint32Array, row: number): number {
  return words[2 * row]! + (words[2 * row + 1]! | 0) * WORD;
}

export function setTime(words: Uint32Array, row: number, ms: number): void {
  words[2 * row] = ms;
  words[2 * row + 1] = Math.floor(ms / WORD);
}
