// What of a window is covered: a collector was receiving, and everything it received then is stored. Zero is an answer only
// there; elsewhere it is not known. docs/decisions/0013-received-and-stored.md says how this follows from stored minutes.
//
// Sums are of everything stored, also of flows that began before a collector was receiving: what there is of such time is a
// sum, and only none of it is null. Rates are over covered buckets. Where collectors are current, records that came since
// the covered end are in the sums, so a rate divides by the time until now, at most CURRENT_MS beyond that end. Where batches
// wait for longer, what lies behind is left out: it is stored in part, and no sum of it is one that holds.
//
// A bucket that is covered in part may hold bytes of flows that began before: a collector receives the record of a whole flow
// at its end. So its rate is at most its bytes by the covered seconds, which is the value, and at least its bytes by all its
// seconds, if there was no more traffic in those that are not covered. Behind the last covered second no byte is recorded.

import { inBoth, type Part, secondsOf } from './parts.ts';
import type { Window } from './window.ts';

export interface Covered {
  /** What the question speaks of: the window, or the spans of its calendar. */
  readonly asked: readonly Part[];
  /** Bounds of the parts; undefined without any. */
  readonly bounds: Part | undefined;
  /** In order, without overlap. */
  readonly parts: readonly Part[];
  /** Sum of the parts. */
  readonly seconds: number;
  /** What a rate of the window divides by: the parts, and the time since the last of them where collectors are current. */
  readonly rateSeconds: number;
  /** Behind the last part, where collectors are current. */
  readonly open: Part | undefined;
  /** Sums are over the window up to here. */
  readonly readToS: number;
  /** Buckets that end before are over. */
  readonly closedBeforeS: number;
  /** Buckets that are over and of which RANKED_SHARE_MIN is covered. */
  readonly closedBuckets: number;
}

/** Collectors report every ten seconds, and what they report is stored within seconds. */
export const CURRENT_MS = 30_000;
/** A bucket of which less is covered is not ranked, and has no rate beside better ones: it would be that of a few seconds. */
export const RANKED_SHARE_MIN = 0.2;
/** Undefined when nothing of the window can be stored whole: it lies in the future, or behind what waits. `storedUntilMs`: undefined where no collector has said anything. */
export function coveredPart(
  window: Window,
  receiving: readonly Part[],
  { storedUntilMs, nowMs }: { readonly storedUntilMs: number | undefined; readonly nowMs: number },
  asked: readonly Part[] = [window],
): Covered | undefined {
  const step = window.resolutionS;
  const nowS = nowMs / 1000;
  const untilS = Math.min(storedUntilMs === undefined ? nowS : storedUntilMs / 1000, nowS);
  const isCurrent = nowS - untilS <= CURRENT_MS / 1000;
  const readToS = isCurrent ? window.toS : Math.min(window.toS, Math.floor(untilS / step) * step);
  const endS = Math.min(untilS, readToS);
  const parts = inBoth(inBoth(receiving, asked), [{ fromS: window.fromS, toS: endS }]);
  if (readToS <= window.fromS || nowS <= window.fromS) return undefined;
  const [first, last] = [parts[0], parts.at(-1)];
  const openToS = Math.min(nowS, asked.at(-1)?.toS ?? 0);
  const open = isCurrent && last?.toS === untilS && openToS > untilS ? { fromS: untilS, toS: openToS } : undefined;
  const seconds = secondsOf(parts);
  const closedBeforeS = Math.floor(endS / step) * step;
  return {
    asked,
    parts,
    bounds: first && last && { fromS: first.fromS, toS: last.toS },
    seconds,
    rateSeconds: seconds + (open ? open.toS - open.fromS : 0),
    open,
    readToS,
    closedBeforeS,
    closedBuckets: closedBuckets(parts, step, closedBeforeS),
  };
}

/** Covered seconds between two moments. */
export function secondsIn({ parts }: Covered, fromS: number, toS: number): number {
  return parts.reduce((sum, part) => sum + overlap(part, fromS, toS), 0);
}

/** What a rate between two moments divides by. */
export function rateSecondsIn(covered: Covered, fromS: number, toS: number): number {
  return secondsIn(covered, fromS, toS) + (covered.open ? overlap(covered.open, fromS, toS) : 0);
}

function overlap(part: Part, fromS: number, toS: number): number {
  return Math.max(0, Math.min(part.toS, toS) - Math.max(part.fromS, fromS));
}

function closedBuckets(parts: readonly Part[], step: number, beforeS: number): number {
  let whole = 0;
  const partly = new Map<number, number>();
  for (const { fromS, toS } of parts) {
    const first = Math.ceil(fromS / step);
    const end = Math.floor(Math.min(toS, beforeS) / step);
    whole += Math.max(0, end - first);
    // What a part has of the buckets at its two ends, or of the one that it lies in.
    for (const bucket of new Set([Math.floor(fromS / step), Math.floor(toS / step)])) {
      const isWhole = bucket >= first && bucket < end;
      const seconds = isWhole ? 0 : overlap({ fromS, toS }, bucket * step, (bucket + 1) * step);
      if (seconds > 0 && (bucket + 1) * step <= beforeS) partly.set(bucket, (partly.get(bucket) ?? 0) + seconds);
    }
  }
  return whole + [...partly.values()].filter(seconds => seconds >= RANKED_SHARE_MIN * step).length;
}

/** Seconds of a bucket that are not covered, and that only rounding leaves. */
const ROUNDING_S = 0.001;

/** A relation for rates: of covered buckets alone, with the bytes that may have flowed before the covered part of them. */
export function overCoveredSql(
  relation: string,
  covered: Covered,
  { fromS, toS, resolutionS }: Window,
): { readonly sql: string; readonly params: Readonly<Record<string, unknown>> } {
  const parts = withOpen(covered);
  if (secondsOf(inBoth(covered.asked, [{ fromS, toS }])) - secondsOf(parts) < ROUNDING_S)
    return { sql: relation, params: {} };
  const start = 'toFloat64(toUnixTimestamp(bucket))';
  const coveredS = `arraySum((partFrom, partTo) -> greatest(0, least(partTo, ${start} + ${resolutionS}) - greatest(partFrom, ${start})), {coveredFrom:Array(Float64)}, {coveredTo:Array(Float64)})`;
  const uncoveredShare = `1 - coveredS / (least({coveredEnd:Float64}, ${start} + ${resolutionS}) - ${start})`;
  return {
    sql: `SELECT * EXCEPT coveredS REPLACE (if(${uncoveredShare} < ${ROUNDING_S / resolutionS}, 0, bytes * (${uncoveredShare})) AS partlyBytes)
FROM (SELECT *, ${coveredS} AS coveredS FROM (${relation}))
WHERE coveredS > 0`,
    params: {
      coveredFrom: parts.map(part => part.fromS),
      coveredTo: parts.map(part => part.toS),
      coveredEnd: parts.at(-1)?.toS ?? 0,
    },
  };
}

/** What a rate is over: the last part reaches until now where collectors are current. */
function withOpen({ parts, open }: Covered): readonly Part[] {
  return open ? [...parts.slice(0, -1), { fromS: parts.at(-1)!.fromS, toS: open.toS }] : parts;
}

/**
 * A relation of the buckets that are ranked, to be joined with groups by bucket: `bucketS`, its covered `seconds`, and
 * `lastingS`, the seconds of which its bytes may be.
 */
export const RANKED_BUCKETS_SQL = `
SELECT bucketS, sum(least(part.2, toFloat64(bucketS + {rankStep:UInt32})) - greatest(part.1, toFloat64(bucketS))) AS seconds,
  if(lasting - seconds < ${ROUNDING_S}, seconds, lasting) AS lastingS, least(toFloat64({rankStep:UInt32}), {rankEnd:Float64} - bucketS) AS lasting
FROM (
  SELECT arrayJoin(arrayZip({rankFrom:Array(Float64)}, {rankTo:Array(Float64)})) AS part,
    arrayJoin(range(toUInt64(intDiv(toUInt64(part.1), {rankStep:UInt32}) * {rankStep:UInt32}), toUInt64(ceil(part.2)), {rankStep:UInt32})) AS bucketS
)
GROUP BY bucketS
HAVING seconds >= ${RANKED_SHARE_MIN} * {rankStep:UInt32} AND bucketS + {rankStep:UInt32} <= {rankBefore:UInt32}`;
