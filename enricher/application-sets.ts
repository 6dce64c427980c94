// Candidate sets: endpoints that match the same selectors share one. A set is a few words and a slice of disjoint port
// intervals, laid out by precedence, so that a record costs a short binary search.

import type { Key } from '../schemas/keys.ts';

/** Words of a set: slice of its own-port intervals, slice of its client-port intervals, applications from 1, 0 none. */
export const SET = {
  ownStart: 0,
  ownEnd: 1,
  clientStart: 2,
  clientEnd: 3,
  everyPort: 4,
  server: 5,
  client: 6,
  flags: 7,
  words: 8,
} as const;

/** Bits of SET.flags. */
export const SET_FLAG = {
  /** Several applications claim the endpoint as a client. */
  shared: 1,
  /** The endpoint passes on what others send: a virtual address, a balancer. */
  via: 2,
} as const;

/**
 * Words of an interval; `start` and `end` are proto << 16 | port. A service of 0 is that of the server's port; `virtual`
 * is 1 where the interval is a port of a virtual address.
 */
export const INTERVAL = {
  start: 0,
  end: 1,
  application: 2,
  serviceLow: 3,
  serviceHigh: 4,
  width: 5,
  virtual: 6,
  words: 7,
} as const;

export interface Interval {
  readonly start: number;
  readonly end: number;
  /** From 1. */
  readonly application: number;
  readonly service: Key;
  readonly width: number;
  readonly virtual: boolean;
}

/** What a set is made of. Intervals stand in order of precedence and may overlap: the earlier one keeps its ports. */
export interface SetContent {
  readonly own: readonly Interval[];
  readonly client: readonly Interval[];
  readonly everyPort: number;
  readonly server: number;
  readonly clientOf: number;
  readonly flags: number;
}

export interface ApplicationSets {
  /** The number of the new set. */
  add(content: SetContent): number;
  /** These two grow: read them again for each batch. */
  readonly sets: Uint32Array;
  readonly intervals: Uint32Array;
}

export function createApplicationSets(): ApplicationSets {
  let sets = new Uint32Array(64 * SET.words);
  let intervals = new Uint32Array(64 * INTERVAL.words);
  let setCount = 1;
  let intervalCount = 0;

  const write = (laid: readonly Interval[]) => {
    intervals = roomFor(intervals, (intervalCount + laid.length) * INTERVAL.words);
    for (const { start, end, application, service, width, virtual } of laid)
      intervals.set(
        [start, end, application, service.low, service.high, width, virtual ? 1 : 0],
        intervalCount++ * INTERVAL.words,
      );
    return intervalCount;
  };

  return {
    add({ own, client, everyPort, server, clientOf, flags }) {
      const ownStart = intervalCount;
      const ownEnd = write(lay(own));
      const clientEnd = write(lay(client));
      sets = roomFor(sets, (setCount + 1) * SET.words);
      sets.set([ownStart, ownEnd, ownEnd, clientEnd, everyPort, server, clientOf, flags], setCount * SET.words);
      return setCount++;
    },
    get sets() {
      return sets;
    },
    get intervals() {
      return intervals;
    },
  };
}

function roomFor(words: Uint32Array<ArrayBuffer>, needed: number): Uint32Array<ArrayBuffer> {
  if (needed <= words.length) return words;
  const grown = new Uint32Array(Math.max(needed, 2 * words.length));
  grown.set(words);
  return grown;
}

/** Disjoint and sorted: an earlier interval keeps its ports, a later one gets what is left of its own. */
function lay(wanted: readonly Interval[]): Interval[] {
  const laid: Interval[] = [];
  for (const interval of wanted) {
    const first = firstEndingFrom(laid, interval.start);
    const around: Interval[] = [];
    let start = interval.start;
    let next = first;
    for (; next < laid.length && laid[next]!.start <= interval.end; next++) {
      const taken = laid[next]!;
      if (taken.start > start) around.push({ ...interval, start, end: taken.start - 1 });
      around.push(taken);
      start = taken.end + 1;
    }
    if (start <= interval.end) around.push({ ...interval, start });
    laid.splice(first, next - first, ...around);
  }
  return laid;
}

/** Position of the first of the sorted intervals that ends at `port` or behind it. */
function firstEndingFrom(laid: readonly Interval[], port: number): number {
  let low = 0;
  let high = laid.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (laid[middle]!.end < port) low = middle + 1;
    else high = middle;
  }
  return low;
}
