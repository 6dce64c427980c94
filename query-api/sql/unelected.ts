// What counts of unelected traffic, for which no rule of the election names an observation point.
//
// Where the network was learned (storage/learning), the learned interfaces of the source count, and their sum is as good
// as one of elected records. An interface repeats others only in the pairs that one of them saw: a choice allows a share that
// no other interface sees, and the choice of all senders was not made for the one at hand. A pair that no interface that
// counts saw was not learned.
//
// What was not learned has one meter of each pair for the whole window: the one that saw most of the pair. All interfaces of
// a meter add up, less what the packets' MAC addresses show to come back from a router. That sum is a guess, so three more
// sums say how far off it may be: no interface can have seen more than there was (`lessBytes` is what the guess has beyond
// the surest of them), and there was no more than all interfaces saw together (`moreBytes`).
//
// Under sampling chance leaves pairs of few samples to interfaces that repeat others. Those are no bytes of their own, but
// traffic that never passed an interface that counts looks the same. `missedBytes` is what of them chance does not explain.
// Where both see a pair with m samples expected of each, one that repeats is left alone with m e^-m samples on average, and
// that is how often it has just one sample of a pair, whoever else saw it. So the sum of what it saw alone, less all its
// single samples, is 0 on average unless the others missed something; `missedVariance` is the sum of its squared parts.
// Where it is sampled much more coarsely than those that count, chance leaves nothing to it, and nothing is taken off.
//
// A statement of its own makes the choice (unelected-choices.ts), so that the one that counts stays flat: to analyse both in one
// took several times as long as to read a small window. The choice is made over the window before filter and grouping, so that
// all answers about a window add up to the same total. Two exporters whose clocks differ put a packet into different buckets, so that a choice by bucket would count it twice.

import { EVERY_SOURCE } from '../../storage/tables/learned-interfaces.ts';
import { LARGEST } from '../../storage/tables/spread.ts';
import { carriedOf, figuresOf, type UnelectedRead, unelectedRowsSql } from './unelected-rows.ts';

/** Sums that state the doubt: 0 in rows of elected and learned traffic. `partlyBytes` is set for rates (covered.ts). */
export const DOUBTS = [
  'lessBytes',
  'moreBytes',
  'morePackets',
  'moreVariance',
  'moreSamples',
  'missedBytes',
  'missedPackets',
  'missedVariance',
  'partlyBytes',
] as const;

/** Of 64 bits with a fraction, which JSON has as numbers: a sum of integers would be text. */
export const NO_DOUBT = DOUBTS.map(name => `toFloat64(0) AS ${name}`).join(', ');

const Z = 1.959964;
/** As in storage/learning/choice.ts: with so many samples expected of an interface, none is no chance. */
const SAMPLES_MIN = 16;

/** A repeating interface sampled so much more coarsely than those that count is never left alone with a pair by chance. */
const COARSER_MIN = 2;
/** Fewer samples are one: shares of a flow over the buckets add up to it, with rounding. */
const SINGLE_MAX = 1.5;

/** What is learned of a row: its interface counts, repeats what others saw, or is not known; or nothing of its source is. */
const VERDICT = { unlearned: 0, counted: 1, repeated: 2, open: 3 } as const;

/** What was decided of the pairs of a window. */
export interface Choices {
  /** Something was learned, of whatever source. */
  readonly isLearned: boolean;
  /**
   * SELECT of `pair`, `meter`, `again`, `excess`, `isMissed`, `apart` and `isChosen` (1) of the pairs that are not learned, or of
   * which chance may have left something to interfaces that repeat others; undefined where there are none.
   */
  readonly sql: string | undefined;
  readonly params: Readonly<Record<string, unknown>>;
}

function isLargest(name: string): boolean {
  return name === 'largestRecord' || (LARGEST as readonly string[]).includes(name);
}

const learnedSql = (source: string) =>
  `(SELECT source, since, counted, repeated FROM learned_interfaces FINAL WHERE ${source})`;

/** Joins rows `u` with what is known of their senders, and of all senders. */
const LEARNED_JOIN = `
ASOF LEFT JOIN ${learnedSql(`source != ${EVERY_SOURCE}`)} AS own ON u.source = own.source AND u.bucket >= own.since
ASOF LEFT JOIN ${learnedSql(`source = ${EVERY_SOURCE}`)} AS every ON u.everySource = every.source AND u.bucket >= every.since`;

const verdictOf = (known: string) =>
  `multiIf(has(${known}.counted, u.interface), ${VERDICT.counted}, has(${known}.repeated, u.interface), ${VERDICT.repeated}, ${VERDICT.open})`;
const VERDICT_SQL = `multiIf(notEmpty(own.counted), ${verdictOf('own')}, notEmpty(every.counted), ${verdictOf('every')}, ${VERDICT.unlearned})`;

/** Rows with their verdict, where something is learned; without it where nothing is, since a layer more costs analysis. */
function judgedSql(rows: string, isLearned: boolean): string {
  if (!isLearned) return rows;
  return `SELECT u.*, ${VERDICT_SQL} AS verdict FROM (${withEverySource(rows)}) AS u ${LEARNED_JOIN}`;
}

/** A sender without an address is known to nobody. */
function withEverySource(rows: string): string {
  return `SELECT *, if(source = 0, 0, toUInt64(${EVERY_SOURCE})) AS everySource FROM (${rows})`;
}

/** Bucket, columns, sums, doubts, `unelected` (1) and `unlearned` (1 where nothing was learned of the sender or of the pair). */
export function unelectedSql(read: Omit<UnelectedRead, 'keys' | 'figures'>, { isLearned, sql }: Choices): string {
  const figures = figuresOf(read.arrival);
  const columns = [...read.columns, ...carriedOf(read.arrival)];
  const keys = ['pair', 'meter', 'fromMac', ...(isLearned ? ['source', 'interface'] : [])];
  const judged = judgedSql(unelectedRowsSql({ ...read, keys, figures }), isLearned);
  const isChosen = 'u.meter = c.meter AND NOT has(c.again, u.fromMac)';
  // A pair that came since the choice was made is not read: it would count nowhere.
  const decided = sql
    ? `SELECT u.*, c.excess AS excess, ${isLearned ? `u.verdict = ${VERDICT.unlearned} OR (u.verdict = ${VERDICT.repeated} AND c.isMissed)` : 1} AS unlearned,
    ${isLearned ? `u.verdict = ${VERDICT.counted} OR (unlearned AND ${isChosen})` : isChosen} AS counts${
      isLearned
        ? `,
    arrayFirst(leg -> u.verdict = ${VERDICT.repeated} AND leg.1 = u.interface, c.apart) AS apart`
        : ''
    }
  FROM (${judged}) AS u LEFT JOIN (${sql}) AS c ON u.pair = c.pair
  WHERE ${isLearned ? `multiIf(u.verdict = ${VERDICT.unlearned}, c.isChosen, u.verdict = ${VERDICT.repeated}, c.isMissed OR has(c.apart.1, u.interface), 1)` : 'c.isChosen'}`
    : `SELECT u.*, toFloat64(0) AS excess, 0 AS unlearned, u.verdict = ${VERDICT.counted} AS counts
  FROM (${judged}) AS u WHERE u.verdict IN (${VERDICT.counted}, ${VERDICT.open})`;
  // What one more packet may stand for is that of all points, as the upper bound needs it.
  const counted = figures.map(name =>
    isLargest(name) ? `v.${name} AS ${name}` : `if(v.counts, v.${name}, 0) AS ${name}`,
  );
  return `
SELECT ${['v.bucket AS bucket', ...columns.map(name => `v.${name} AS ${name}`), ...counted].join(', ')},
  ${doubtsSql(isLearned && sql !== undefined)},
  1 AS unelected, v.unlearned AS unlearned
FROM (${decided}) AS v`;
}

/** The doubts of a row `v`; `isApart`: some may have been seen by interfaces that repeat others alone. */
function doubtsSql(isApart: boolean): string {
  const more = (figure: string) => `if(v.counts${isApart ? ' OR v.apart.2 != 0' : ''}, 0, ${figure})`;
  const missed = isApart
    ? 'v.apart.2 * v.bytes AS missedBytes, v.apart.2 * v.packets AS missedPackets, abs(v.apart.2) * v.bytes * v.apart.3 AS missedVariance'
    : 'toFloat64(0) AS missedBytes, toFloat64(0) AS missedPackets, toFloat64(0) AS missedVariance';
  return `if(v.counts AND v.unlearned, v.bytes * v.excess, 0) AS lessBytes, ${more('toFloat64(v.bytes)')} AS moreBytes,
  ${more('toFloat64(v.packets)')} AS morePackets, ${more('v.varBytes')} AS moreVariance, ${more('toFloat64(v.samples)')} AS moreSamples,
  ${missed}, toFloat64(0) AS partlyBytes`;
}

/**
 * The pairs that nothing learned decides: of which a row is not learned, that every interface that counts missed, or of which
 * an interface that repeats others has a single sample.
 */
export function undecidedSql(rows: string): string {
  return `
SELECT pair, countIf(verdict = ${VERDICT.counted}) = 0 OR countIf(verdict = ${VERDICT.unlearned}) > 0
    OR countIf(verdict = ${VERDICT.repeated} AND rate > 1 AND seen < ${SINGLE_MAX}) > 0 AS undecided,
  maxIf(rate, verdict = ${VERDICT.counted}) AS countedRate
FROM (
  SELECT pair, verdict, interface, sum(j.samples) AS seen, toFloat64(max(j.largestPackets)) AS rate
  FROM (${judgedSql(rows, true)}) AS j
  WHERE verdict != ${VERDICT.open}
  GROUP BY pair, verdict, interface
)
GROUP BY pair`;
}

/** What nobody saw apart: id of the interface, sign, bytes. */
const NOT_APART = "CAST([], 'Array(Tuple(UInt64, Float64, Float64))')";

function apartSql(isNoChance: string): string {
  const sign = `toFloat64(isUncounted) - toFloat64(leg.3 < ${SINGLE_MAX} AND leg.4 < ${COARSER_MIN} * {countedRate:Float64})`;
  return `if(${isNoChance}, ${NOT_APART}, arrayFilter(leg -> leg.2 != 0, arrayMap(leg -> (leg.1, ${sign}, leg.2), repeating)))`;
}

/**
 * Of each pair the meter that counts where it is not learned, the neighbours from which its packets come a second time, the
 * share by which its sum exceeds the lower end of the surest interface, whether every interface that counts missed it, and,
 * where chance may have done that, `apart`: of interfaces that repeat others, whether what they saw adds to what was missed
 * (1) or makes up for it (-1), and what they saw.
 * `{countedRate:Float64}` is the largest sampling rate of an interface that counts, in the whole window.
 */
export function choicesSql(rows: string, isLearned: boolean, pairs = '1'): string {
  // Of a pair with few samples chance alone may have left none for a sampled interface.
  const isNoChance = `{countedRate:Float64} <= 1 OR least(mostSamples, mostPackets / greatest(1, {countedRate:Float64})) >= ${SAMPLES_MIN}`;
  return `
SELECT pair, chosen.1 AS meter, chosen.2 AS again, if(chosen.3 > 0, greatest(0, 1 - surest.2 / chosen.3), 0) AS excess,
  isUncounted AND (${isNoChance}) AS isMissed, ${isLearned ? apartSql(isNoChance) : NOT_APART} AS apart, 1 AS isChosen
FROM (
  SELECT pair, argMaxIf((meter, again, total), (verdict = ${VERDICT.unlearned}, total, meter), verdict != ${VERDICT.counted}) AS chosen,
    maxIf((verdict = ${VERDICT.unlearned}, least), verdict != ${VERDICT.counted}) AS surest, countIf(verdict = ${VERDICT.counted}) = 0 AS isUncounted,
    max(packets) AS mostPackets, max(samples) AS mostSamples, countIf(verdict = ${VERDICT.unlearned}) > 0 AS isUnlearned${
      isLearned
        ? `,
    groupArrayArrayIf(arrayMap((id, bytes, samples) -> (id, bytes, samples, rate), seen.1, seen.2, seen.4), verdict = ${VERDICT.repeated}) AS repeating`
        : ''
    }
  FROM (${metersSql(rows, isLearned, pairs)})
  GROUP BY pair
)
WHERE isUnlearned OR isMissed OR notEmpty(apart)`;
}

/** Of each pair and verdict the meters: what each counts, and what its interfaces saw. */
function metersSql(rows: string, isLearned: boolean, pairs: string): string {
  const keys = isLearned ? 'pair, verdict, meter' : 'pair, meter';
  return `
SELECT ${isLearned ? keys : `${keys}, ${VERDICT.unlearned} AS verdict`}, groupArray((fromMac, toMac, legBytes)) AS legs, sumMap([interface], [legBytes], [legVariance], [legSamples]) AS seen,
  arrayFilter(mac -> mac != 0 AND has(legs.2, mac), arrayDistinct(legs.1)) AS repeated,
  arraySum(arrayMap(leg -> if(has(repeated, leg.1), 0, leg.3), legs)) AS once,
  if(once > 0, repeated, []) AS again, if(once > 0, once, arraySum(legs.3)) AS total,
  arrayMax(${lowestSql()}) AS least,
  max(legRate) AS rate, max(legPackets) AS packets, max(legPackets / greatest(1, legRate)) AS samples
FROM (
  SELECT ${keys}, interface, fromMac, toMac, toFloat64(sum(l.bytes)) AS legBytes, sum(l.varBytes) AS legVariance, toFloat64(sum(l.samples)) AS legSamples,
    toFloat64(max(l.largestPackets)) AS legRate, toFloat64(sum(l.packets)) AS legPackets
  FROM (${judgedSql(rows, isLearned)}) AS l
  WHERE ${isLearned ? `verdict != ${VERDICT.open} AND ` : ''}${pairs}
  GROUP BY ${keys}, interface, fromMac, toMac
)
GROUP BY ${keys}`;
}

/**
 * The lower ends of the intervals of `seen`, in the form of Wilson and Hilferty; 0 where an error is not known. In steps, because
 * the server puts the text of an alias wherever it is used.
 */
function lowestSql(): string {
  const free = 'bytes * bytes / variance';
  const events = `arrayMap((bytes, variance, samples) -> greatest(1e-9, if(samples >= 1, least(${free}, samples), ${free})), seen.2, seen.3, seen.4)`;
  const least = `pow(greatest(0, 1 - 1 / (9 * events) - ${Z} / (3 * sqrt(events))), 3)`;
  return `arrayMap((bytes, variance, events) -> multiIf(variance <= 0, bytes, isInfinite(variance), 0,
    greatest(0, bytes - events * (1 - ${least}) * sqrt(variance / events))), seen.2, seen.3, ${events})`;
}
