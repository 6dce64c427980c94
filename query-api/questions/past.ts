// The part of a window that is over, and whether all of it is covered: only there is what was not seen known to be nothing.

import { type Covered, secondsIn } from '../sql/covered.ts';
import type { Rows } from '../sql/tables.ts';

/** Of a time, what may be uncovered without a word: a thousandth, and a minute in which the newest is not stored yet. */
const UNCOVERED_SHARE_MAX = 0.001;
const UNCOVERED_S_MAX = 60;

export interface Past {
  readonly covered: Covered | undefined;
  readonly fromS: number;
  readonly toS: number;
  readonly stepS: number;
}

export function pastOf({ window, covered }: Pick<Rows<unknown>, 'window' | 'covered'>, nowMs: number): Past {
  const toS = Math.min(window.toS, nowMs / 1000, covered?.readToS ?? window.toS);
  return { covered, fromS: window.fromS, toS, stepS: window.resolutionS };
}

export function isCovered({ covered, toS }: Past, fromS: number): boolean {
  const missingS = toS - fromS - (covered ? secondsIn(covered, fromS, toS) : 0);
  return covered !== undefined && missingS <= Math.max(UNCOVERED_S_MAX, UNCOVERED_SHARE_MAX * (toS - fromS));
}
