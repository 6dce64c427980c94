// What the records of the last minutes show of which interfaces see the same packets: for each sender with unelected
// traffic, and for all senders together, how much each interface saw and how much each two of them saw in common.
//
// Compared are the packets of one flow key (the five-tuple) at two interfaces. Of the keys of which interface a has a sample,
// the packets at b are an unbiased estimate of those that b sees, each key weighted by its chance to be sampled at a. What a
// itself sees, with the same weights, is the sum of its own estimates less N - 1 for each key with one sample, where a samples
// 1 in N: of n packets that is n - (N - 1) N^-1 n (1 - 1/N)^(n - 1) = n (1 - (1 - 1/N)^n) on average. The ratio of the two sums is
// the share of a's packets that b sees as well. Its variance follows from the keys' deviations from it, squared and added up:
// keys of which b sees none make it larger than it is.
//
// Products of the packets at a and b would weight keys by packets squared, and need four times as many samples for the same
// error at three samples a key.
//
// Two bounds keep the query small: the records read, by a shorter window, and the keys compared, by taking one in so many.

import type { Storage } from '../storage.ts';
import { INTERFACE_SQL, PAIR_SQL, SOURCE_SQL, UNELECTED_SQL } from '../tables/elections.ts';
import { EVERY_SOURCE } from '../tables/learned-interfaces.ts';

export interface InterfaceEvidence {
  readonly id: string;
  readonly bytes: number;
  /** Estimated packets of its keys, each weighted by its chance to be sampled here; and the sum of their squares. */
  readonly packets: number;
  readonly packetsSquare: number;
  /** The highest sampling rate of its records; 1 is unsampled. */
  readonly rate: number;
  /** The longest of its records, in seconds. */
  readonly longestS: number;
}

/** What `by` sees of the keys that `of` has samples of. */
export interface Overlap {
  readonly of: string;
  readonly by: string;
  /** Sums over these keys: estimated packets at `by`, their squares, and their products with the weighted packets at `of`. */
  readonly packets: number;
  readonly packetsSquare: number;
  readonly product: number;
}

export interface Evidence {
  readonly source: string;
  readonly interfaces: readonly InterfaceEvidence[];
  readonly overlaps: readonly Overlap[];
  /** What is learned already; undefined where nothing is. */
  readonly learned:
    | {
        readonly sinceS: number;
        readonly counted: readonly string[];
        readonly repeated: readonly string[];
        readonly learnedAtMs: number;
      }
    | undefined;
}

export interface EvidenceBounds {
  /** Senders looked at, the largest first; all together are looked at in any case. */
  readonly sourcesMax: number;
  /** Interfaces of one sender, the largest first. Overlaps are of two of these, either way: at most 65,280 of 256. */
  readonly interfacesMax: number;
  /** Records read. */
  readonly recordsMax: number;
  /** Records whose keys are compared. */
  readonly comparedMax: number;
}

export interface EvidenceWindow {
  readonly fromMs: number;
  readonly toMs: number;
  /** A window with records of less than this is not read, and none is made shorter, however many records it has. */
  readonly spanMsMin: number;
}

/** Fewer samples are one. */
const SINGLE_MAX = 1.5;
/** Interfaces at which one key is compared. */
const KEY_INTERFACES_MAX = 32;

const KEY_SQL = `cityHash64(${PAIR_SQL}, proto, srcPort, dstPort)`;
const IN_WINDOW =
  'receivedAt >= fromUnixTimestamp64Milli({from:Int64}) AND receivedAt < fromUnixTimestamp64Milli({to:Int64})';

/** Packets at the other interface, their squares, their products with the weighted packets here. */
type Sums = readonly [number, number, number];

interface EvidenceRow {
  readonly source: string;
  readonly interfaces: readonly (readonly [string, number, number, number, number, number])[];
  readonly overlaps: readonly (readonly [a: string, b: string, ofA: Sums, ofB: Sums])[];
  readonly counted: readonly string[];
  readonly repeated: readonly string[];
  readonly sinceS: number;
  readonly learnedAtMs: string;
}

/** The evidence of a window, and how long that window is; undefined where it has no records, or of too short a time. */
export async function readEvidence(
  storage: Storage,
  { fromMs, toMs, spanMsMin }: EvidenceWindow,
  { sourcesMax, interfacesMax, recordsMax, comparedMax }: EvidenceBounds,
): Promise<{ readonly evidence: readonly Evidence[]; readonly spanMs: number } | undefined> {
  const [counted] = await storage.select<{ records: string; firstMs: string }>(
    `SELECT count() AS records, toUnixTimestamp64Milli(min(receivedAt)) AS firstMs FROM flows WHERE ${IN_WINDOW} AND ${UNELECTED_SQL}`,
    { from: fromMs, to: toMs },
  );
  const records = Number(counted?.records ?? 0);
  if (records === 0) return undefined;
  const readMs = Math.max(spanMsMin, (toMs - fromMs) * Math.min(1, recordsMax / records));
  const firstMs = Math.max(Number(counted!.firstMs), toMs - readMs);
  if (toMs - firstMs < spanMsMin) return undefined;
  const oneIn = Math.ceil(Math.min(records, recordsMax) / comparedMax);
  const rows = await storage.select<EvidenceRow>(EVIDENCE_SQL, {
    from: Math.floor(firstMs),
    to: toMs,
    oneIn,
    sources: sourcesMax,
    interfaces: interfacesMax,
  });
  return { evidence: rows.map(evidenceOf), spanMs: toMs - firstMs };
}

/** Of each sender and key the packets at each interface. */
const SEEN_SQL = `
SELECT source, key, groupArray(${KEY_INTERFACES_MAX})((interface, packets, rate, bytes, longest, packets - if(packets < ${SINGLE_MAX} * rate, rate - 1, 0))) AS seen
FROM (
  SELECT ${SOURCE_SQL} AS source, ${KEY_SQL} AS key, ${INTERFACE_SQL} AS interface, toFloat64(sum(estPackets)) AS packets,
    toFloat64(max(greatest(samplingRate, 1))) AS rate, toFloat64(sum(estBytes)) AS bytes,
    toFloat64(max(dateDiff('second', flowStart, flowEnd))) AS longest
  FROM flows
  WHERE ${IN_WINDOW} AND ${UNELECTED_SQL} AND samplingRate > 0 AND ${KEY_SQL} % {oneIn:UInt32} = 0
  GROUP BY source, key, interface
)
GROUP BY source, key`;

/** Of each sender, and of all, the sums of each interface (a = b) and of each two. */
const PAIRS_SQL = `
SELECT if(grouping(source) = 1, toUInt64(${EVERY_SOURCE}), source) AS scope, a, b, sum(bytesA) AS own, max(rateA) AS rate, max(longestA) AS longest,
  sum(weightedA) AS weighted, sum(weightedA * weightedA) AS weightedSquare,
  (sum(packetsB), sum(packetsB * packetsB), sum(packetsB * weightedA)) AS ofA,
  (sum(packetsA), sum(packetsA * packetsA), sum(packetsA * weightedB)) AS ofB
FROM (
  SELECT source, p.1 AS a, p.2 AS packetsA, p.3 AS rateA, p.4 AS bytesA, p.5 AS longestA, p.6 AS weightedA, q.1 AS b, q.2 AS packetsB, q.6 AS weightedB
  FROM (${SEEN_SQL})
  ARRAY JOIN seen AS p
  ARRAY JOIN seen AS q
  WHERE p.1 <= q.1
)
GROUP BY GROUPING SETS ((source, a, b), (a, b))`;

const EVIDENCE_SQL = `
SELECT toString(e.scope) AS source, e.interfaces AS interfaces, e.overlaps AS overlaps,
  arrayMap(id -> toString(id), l.counted) AS counted, arrayMap(id -> toString(id), l.repeated) AS repeated,
  toUInt32(l.since) AS sinceS, toUnixTimestamp64Milli(l.learnedAt) AS learnedAtMs
FROM (
  SELECT scope, sumIf(own, a = b) AS total,
    arraySlice(arrayReverseSort(i -> i.2, groupArrayIf((a, own, weighted, weightedSquare, rate, longest), a = b)), 1, {interfaces:UInt32}) AS kept,
    arrayMap(i -> (toString(i.1), i.2, i.3, i.4, i.5, i.6), kept) AS interfaces,
    arrayMap(o -> (toString(o.1), toString(o.2), o.3, o.4),
      arrayFilter(o -> has(kept.1, o.1) AND has(kept.1, o.2), groupArrayIf((a, b, ofA, ofB), a < b))) AS overlaps
  FROM (${PAIRS_SQL})
  GROUP BY scope
  ORDER BY scope = ${EVERY_SOURCE} DESC, total DESC
  LIMIT {sources:UInt32} + 1
) AS e
LEFT JOIN (
  SELECT f.source AS source, max(f.since) AS since, argMax(f.counted, f.since) AS counted, argMax(f.repeated, f.since) AS repeated,
    argMax(f.learnedAt, f.since) AS learnedAt
  FROM learned_interfaces AS f FINAL
  GROUP BY source
) AS l ON e.scope = l.source`;

function evidenceOf(row: EvidenceRow): Evidence {
  const { source, counted, repeated, sinceS } = row;
  return {
    source,
    interfaces: row.interfaces.map(([id, bytes, packets, packetsSquare, rate, longestS]) => ({
      id,
      bytes,
      packets,
      packetsSquare,
      rate,
      longestS,
    })),
    overlaps: row.overlaps.flatMap(([a, b, ofA, ofB]) => [overlapOf(a, b, ofA), overlapOf(b, a, ofB)]),
    learned: counted.length > 0 ? { sinceS, counted, repeated, learnedAtMs: Number(row.learnedAtMs) } : undefined,
  };
}

function overlapOf(of: string, by: string, [packets, packetsSquare, product]: Sums): Overlap {
  return { of, by, packets, packetsSquare, product };
}
