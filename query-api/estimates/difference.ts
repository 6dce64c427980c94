// How far an estimate is from that of another window, and whether chance alone explains it.
//
// The interval of the difference is that of Zou and Donner (2008, MOVER): it has of each of the two ends of the two intervals
// what lies towards the other estimate, added as squares, because the samples of two windows are independent. Bounds that are
// no matter of chance (what several observation points saw) add up as they are.

import type { Estimate, Method } from './interval.ts';

export interface Estimated extends Omit<Estimate, 'value'> {
  readonly value: number | null;
  readonly method: Method;
}

export interface Difference {
  /** Of the first estimate less the second. */
  readonly change: number | null;
  readonly changeLow: number | null;
  readonly changeHigh: number | null;
  /** Of the second estimate; null where that is 0. */
  readonly changeShare: number | null;
  /** Zero lies outside the interval of the change; null where there is none. */
  readonly differs: boolean | null;
}

const NOT_KNOWN: Difference = { change: null, changeLow: null, changeHigh: null, changeShare: null, differs: null };

export function difference(now: Estimated, then: Estimated): Difference {
  if (now.value === null || then.value === null) return NOT_KNOWN;
  const change = now.value - then.value;
  const changeShare = then.value > 0 ? change / then.value : null;
  if (now.ciLow === null || now.ciHigh === null || then.ciLow === null || then.ciHigh === null)
    return { ...NOT_KNOWN, change, changeShare };
  const together = isOfChance(now) && isOfChance(then) ? Math.hypot : (a: number, b: number) => a + b;
  const changeLow = change - together(now.value - now.ciLow, then.ciHigh - then.value);
  const changeHigh = change + together(now.ciHigh - now.value, then.value - then.ciLow);
  return { change, changeLow, changeHigh, changeShare, differs: changeLow > 0 || changeHigh < 0 };
}

function isOfChance({ method }: Estimated): boolean {
  return method !== 'largest-point';
}
