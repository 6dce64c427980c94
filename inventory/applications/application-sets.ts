// Candidate sets: endpoints that match the same selectors share one. A set is a few words and a slice of disjoint port
// intervals, laid out by precedence, so that a record costs a short binary search. Which end of a record serves, and by
// which port, changes from row to row at random, and a branch on it is mispredicted as often: hence words that name an
// application together with its rule, an interval that stands for none, and a search without branches (bench enrich).

import { RULE } from '../../schemas/codes.ts';
import type { Key } from '../../schemas/keys.ts';

/** Words of a set: slices of its own-port intervals and, behind them, of its client-port intervals; applications from 1, 0 none. */
const SET_LAYOUT = {
  ownStart: 0,
  ownEnd: 1,
  clientEnd: 2,
  everyPort: 3,
  server: 4,
  client: 5,
  flags: 6,
  /** Who names a server by a port that is not listed, as in `namedBy`: one of `everyPort`, else `server`. */
  unlisted: 7,
  words: 8,
} as const;
export const SET = SET_LAYOUT;

/** Bits of SET.flags. */
export const SET_FLAG = {
  /** Several applications claim the endpoint as a client. */
  shared: 1,
  /** The endpoint passes on what others send: a virtual address, a balancer. */
  via: 2,
} as const;

/**
 * Words of an interval; `start` and `end` are proto << 16 | port. A service of 0 is that of the server's port. The interval
 * at 0 is none: nothing lies in it, nobody is named by it, and its width is 0.
 */
const INTERVAL_LAYOUT = {
  start: 0,
  end: 1,
  /** As in `namedBy`. */
  named: 2,
  serviceLow: 3,
  serviceHigh: 4,
  width: 5,
  words: 8,
} as const;
export const INTERVAL = INTERVAL_LAYOUT;

const RULE_SHIFT = 24;

/** An application and the rule by which it names an end; of no application the rule says nothing. */
export function namedBy(application: number, rule: number): number {
  return application | (rule << RULE_SHIFT);
}

export function applicationIn(named: number): number {
  return named & ((1 << RULE_SHIFT) - 1);
}

export function ruleIn(named: number): number {
  return named >>> RULE_SHIFT;
}

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
  let intervalCount = 1;
  intervals[INTERVAL.start] = 1;

  const write = (laid: readonly Interval[]) => {
    intervals = roomFor(intervals, (intervalCount + laid.length) * INTERVAL.words);
    for (const { start, end, application, service, width, virtual } of laid)
      intervals.set(
        [start, end, namedBy(application, virtual ? RULE.vip : RULE['server-port']), service.low, service.high, width],
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
      const unlisted = everyPort === 0 ? namedBy(server, RULE.server) : namedBy(everyPort, RULE['server-port']);
      sets.set([ownStart, ownEnd, clientEnd, everyPort, server, clientOf, flags, unlisted], setCount * SET.words);
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

/**
 * Offset of the interval that says the endpoint of the set at `at` serves this port: its own port is listed, or the other
 * end's is among the client ports; 0 when neither.
 */
export function listedInterval(
  sets: Uint32Array,
  intervals: Uint32Array,
  at: number,
  own: number,
  other: number,
): number {
  const ownEnd = sets[at + SET_LAYOUT.ownEnd]!;
  const clientEnd = sets[at + SET_LAYOUT.clientEnd]!;
  const found = search(intervals, sets[at + SET_LAYOUT.ownStart]!, ownEnd, own);
  return ownEnd === clientEnd || found !== 0 ? found : search(intervals, ownEnd, clientEnd, other);
}

/** Offset of the interval, of those from number `from` to number `to`, that holds `value`; 0 when none does. */
function search(intervals: Uint32Array, from: number, to: number, value: number): number {
  if (from === to) return 0;
  let low = from;
  // The sign of a difference, as a mask, chooses without a branch: values have 24 bits.
  for (let count = to - from; count > 1; ) {
    const half = count >>> 1;
    const isBefore = (value - intervals[(low + half) * INTERVAL_LAYOUT.words + INTERVAL_LAYOUT.start]!) >> 31;
    low += half & ~isBefore;
    count -= half;
  }
  const at = low * INTERVAL_LAYOUT.words;
  const isOutside =
    ((value - intervals[at + INTERVAL_LAYOUT.start]!) | (intervals[at + INTERVAL_LAYOUT.end]! - value)) >> 31;
  return at & ~isOutside;
}
