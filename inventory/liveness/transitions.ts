// When an exporter fell silent and when it returned, from the minutes in which it was seen: a pure function, so that a late
// minute gives the transitions that would have been recorded had it come in time.
//
// An exporter falls silent by three of its intervals in which collectors received and it was not seen. It returns with its
// first minute of records. Both moments are chosen where whatever else reports the same packets is complete on the side
// that counts: a return holds from the end of its first minute, when every flow that begins is its own to report; a silence
// holds from the last time it was seen, less its active timeout, because what began since then its flow cache may have lost.
// beginning.ts has the exception.

export const MINUTE_MS = 60_000;
/** Moments of silence are rounded down to this, so that exporters that fall silent together are one epoch. */
export const ROUND_MS = 10_000;
/** Intervals without a sign of it after which an exporter is silent. */
export const SILENT_INTERVALS = 3;

/** Consecutive minutes in which an exporter was seen. */
export interface SeenSpan {
  /** Starts of the first and of the last minute. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** Start of the first minute with records, undefined when none had any. */
  readonly recordsMs: number | undefined;
  readonly lastSeenMs: number;
  /** The last minute also had what could not be decoded: when it was seen last is not known within it. */
  readonly isLastMixed: boolean;
}

export interface Observed {
  /** Ascending, apart from each other. */
  readonly spans: readonly SeenSpan[];
  /** Starts of the minutes in which collectors received that may end a wait, ascending. */
  readonly receiving: readonly number[];
  /** Where the examined time begins, and what held then. */
  readonly fromMs: number;
  readonly isSilent: boolean;
  /** From when an exporter that was not seen at all is silent. */
  readonly neverMs: number;
  /** How often it sends at least. */
  readonly intervalMs: number;
  /** For how long its flow cache may hold a flow; 0 where it has none. */
  readonly cacheMs: number;
}

export interface Change {
  readonly atMs: number;
  readonly state: 'live' | 'silent';
}

export function transitionsOf(observed: Observed): Change[] {
  const { spans, receiving, fromMs, neverMs, intervalMs, cacheMs } = observed;
  const wanted = (SILENT_INTERVALS * intervalMs) / MINUTE_MS;
  const changes: Change[] = [];
  let isSilent = observed.isSilent;
  let before: SeenSpan | undefined;
  const waitFor = (untilMs: number): void => {
    const sinceMs = before ? before.lastMs + MINUTE_MS : fromMs;
    if (isSilent || countBetween(receiving, sinceMs, untilMs) < wanted) return;
    isSilent = true;
    addChange(changes, { atMs: before ? silentFrom(before, cacheMs) : neverMs, state: 'silent' });
  };
  for (const span of spans) {
    waitFor(span.firstMs);
    if (isSilent) {
      if (span.recordsMs === undefined) continue;
      isSilent = false;
      addChange(changes, { atMs: span.recordsMs + MINUTE_MS, state: 'live' });
    }
    before = span;
  }
  waitFor(Number.POSITIVE_INFINITY);
  return changes;
}

function silentFrom({ lastMs, lastSeenMs, isLastMixed }: SeenSpan, cacheMs: number): number {
  return Math.floor(((isLastMixed ? lastMs : lastSeenMs) - cacheMs) / ROUND_MS) * ROUND_MS;
}

/**
 * Whether the newest change is a return that addChange() takes back if nothing follows: that of an exporter with a flow cache,
 * until it has lasted for longer than the cache and a minute. `newest`: the newest span. Without a cache only a return of
 * one minute is taken back, and waiting for a second one would delay every return.
 */
export function mayBeTakenBack({ atMs, state }: Change, newest: SeenSpan, cacheMs: number): boolean {
  // What could not be decoded may still come in the last minute.
  return state === 'live' && cacheMs > 0 && silentFrom({ ...newest, isLastMixed: true }, cacheMs) <= atMs;
}

/** A return that is over before it holds is none. */
function addChange(changes: Change[], change: Change): void {
  if (change.state === 'silent' && changes.at(-1)?.state === 'live' && changes.at(-1)!.atMs >= change.atMs)
    changes.pop();
  else changes.push(change);
}

/** How many of the ascending moments lie in [fromMs, untilMs). */
function countBetween(moments: readonly number[], fromMs: number, untilMs: number): number {
  return lowerBound(moments, untilMs) - lowerBound(moments, fromMs);
}

function lowerBound(moments: readonly number[], ms: number): number {
  let low = 0;
  let high = moments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (moments[middle]! < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What was recorded, and what is so now, from a moment on; both begin in the same state. */
export interface Correction {
  /** Changes to record, `void` where one recorded does not hold. */
  readonly rows: readonly { readonly atMs: number; readonly state: 'live' | 'silent' | 'void' }[];
  /** The span of flow time in which the verdict differs; Infinity where it differs from then on. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Undefined when both are the same. `isSilent`: what held before the first change of either. */
export function correctionOf(
  recorded: readonly Change[],
  found: readonly Change[],
  isSilent: boolean,
): Correction | undefined {
  const was = new Map(recorded.map(({ atMs, state }) => [atMs, state]));
  const is = new Map(found.map(({ atMs, state }) => [atMs, state]));
  const moments = [...new Set([...was.keys(), ...is.keys()])].sort((a, b) => a - b);
  const rows = moments
    .filter(atMs => was.get(atMs) !== is.get(atMs))
    .map(atMs => ({ atMs, state: is.get(atMs) ?? ('void' as const) }));
  if (rows.length === 0) return undefined;
  let before: Change['state'] = isSilent ? 'silent' : 'live';
  let after = before;
  let fromMs = Number.POSITIVE_INFINITY;
  let untilMs = fromMs;
  for (const atMs of moments) {
    const differed = before !== after;
    before = was.get(atMs) ?? before;
    after = is.get(atMs) ?? after;
    if (before !== after) fromMs = Math.min(fromMs, atMs);
    if (differed || before !== after) untilMs = before === after ? atMs : Number.POSITIVE_INFINITY;
  }
  return { rows, fromMs, untilMs };
}
