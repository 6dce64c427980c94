// Flow times are the exporter's word, and clocks are wrong. A flow that ended outside [receivedAt - span, receivedAt +
// skew] has a clock that cannot be believed: both times become receivedAt, so that its volume is found where people
// look for it, and the row says so. A start before the window is cut to it, a start behind its end becomes the end. All of it is counted.

import { TIME_SOURCE } from '../../schemas/codes.ts';
import type { FlowColumns } from '../../schemas/flow.ts';

const WORD = 2 ** 32;

export interface TimeLimits {
  readonly spanMsMax: number;
  readonly skewMsMax: number;
}

export interface TimeFaults {
  cut: number;
  reversed: number;
}

/** Adds the rows that it had to change to `faults`; a row counts once for each kind. */
export function normaliseTimes(
  columns: FlowColumns,
  rows: number,
  { spanMsMax, skewMsMax }: TimeLimits,
  faults: TimeFaults,
): void {
  const { receivedAt, flowStart, flowEnd, timeSource } = columns;
  for (let row = 0; row < rows; row++) {
    const received = timeAt(receivedAt, row);
    const earliest = Math.max(0, received - spanMsMax);
    const latest = received + skewMsMax;
    const start = timeAt(flowStart, row);
    const end = timeAt(flowEnd, row);
    if (start >= earliest && start <= end && end <= latest) continue;
    if (start > end) faults.reversed++;
    const isBelievable = end >= earliest && end <= latest;
    if (!isBelievable || start < earliest) faults.cut++;
    if (!isBelievable) {
      setTime(flowEnd, row, received);
      timeSource[row] = TIME_SOURCE.replaced;
    }
    setTime(flowStart, row, isBelievable ? Math.min(Math.max(start, earliest), end) : received);
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

/** The same time in rows `from` to `to`. */
export function fillTime(words: Uint32Array, from: number, to: number, ms: number): void {
  setTime(words, from, ms);
  const low = words[2 * from]!;
  const high = words[2 * from + 1]!;
  for (let row = from; row < to; row++) {
    words[2 * row] = low;
    words[2 * row + 1] = high;
  }
}
