// SQL that spreads the volume of a flow over the buckets it spans, and sums it by bucket and keys. Views, the scheduled
// roll-up and the query API (for records that are not rolled up yet) use the same text, so that they agree to the byte.
//
// A flow is taken as the half-open span [flowStart, flowEnd), at least a millisecond long. Of a total T over a span of
// D ms the first x ms hold floor(T x / D): a bucket's share is the difference of two such floors, so the shares of a
// flow add up to T exactly. With T = q D + r that floor is q x + floor(r x / D), which stays within 64 bits for every T.
// Samples are shared out the same way, varBytes in proportion: a share f of a flow of k samples is an estimate from f k
// samples with f times the variance, which for k equal packets is the interval of f k samples (a bucket that gets less
// than one has none, and a fraction of an event in its interval). A record is counted in its last bucket. Samples are the
// packets of sampled records only: exact records add no error to a sum, and exporters that multiply report N times too many.
//
// `largestPackets` and `largestBytes` are what one more sampled packet may stand for: the rate, and the rate times the longest
// packet that the link of the record carries; 0 for unsampled records. An interval needs the largest of a sum
// (query-api/estimates/interval.ts), and a roll-up that sums cannot keep a largest value, so they are keys, rounded up to a few
// values. A share of a flow has those of the whole.

import { RATE_SOURCE } from '../../schemas/codes.ts';
import { namesWith } from '../../schemas/columns.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';

/** Columns a roll-up keeps, and what is summed for them. */
export const TRAFFIC_KEYS = namesWith(FLOW_COLUMNS, { rollUp: 'traffic' });
export const PAIR_KEYS = [...TRAFFIC_KEYS, ...namesWith(FLOW_COLUMNS, { rollUp: 'pairs' })];
export const SUMS = ['bytes', 'packets', 'varBytes', 'samples', 'records'] as const;
/** Keys that came later: those that were there before keep their order, so that an existing table can be given them. */
export const ADDED_KEYS = ['srcPlace', 'dstPlace'] as const satisfies readonly (typeof PAIR_KEYS)[number][];
/** The last keys of every roll-up, of which a query takes the largest. */
export const LARGEST = ['largestBytes', 'largestPackets'] as const;
const WIDE: ReadonlySet<string> = new Set(['bytes', 'packets']);
/** What a query reads of a row, and gives of a group. */
export const FIGURES = [...SUMS, ...LARGEST] as const;

/** The figures of a group of rows. Sums of many buckets may leave 64 bits. */
export function figuresSql(table: string): string {
  const summed = (name: string) => (WIDE.has(name) ? `toUInt128(${table}.${name})` : `${table}.${name}`);
  const sums = SUMS.map(name => `sum(${summed(name)}) AS ${name}`);
  return [...sums, ...LARGEST.map(name => `max(${table}.${name}) AS ${name}`)].join(', ');
}

export interface Volume {
  readonly bytes: string;
  readonly packets: string;
  readonly varBytes: string;
  /** Not rounded, as `largestPackets`. */
  readonly largestBytes: string;
  readonly largestPackets: string;
}

/** Bytes that no packet behind a record exceeds, as estimate.ts bounds them: MTU, jumbo frame, super-frame. */
const LONGEST = `greatest(packetBytesMax, if(packets > 0, bytes / packets, bytes / if(rateSource = ${RATE_SOURCE.prescaled}, samplingRate, 1)))`;
const LARGEST_PACKETS = 'if(samplingRate <= 1, 0, toFloat64(samplingRate))';
const LARGEST_BYTES = `${LARGEST_PACKETS} * multiIf(${LONGEST} <= 1500, 1500, ${LONGEST} <= 9216, 9216, 65535)`;

/** What counts of an elected record. */
export const COUNTED: Volume = {
  bytes: 'if(weight = 1, estBytes, toUInt64(estBytes * toFloat64(weight)))',
  packets: 'if(weight = 1, estPackets, toUInt64(estPackets * toFloat64(weight)))',
  varBytes: 'varBytes * toFloat64(weight) * toFloat64(weight)',
  largestBytes: `${LARGEST_BYTES} * toFloat64(weight)`,
  largestPackets: `${LARGEST_PACKETS} * toFloat64(weight)`,
};

/** A whole record, whatever its weight. */
export const WHOLE: Volume = {
  bytes: 'estBytes',
  packets: 'estPackets',
  varBytes: 'varBytes',
  largestBytes: LARGEST_BYTES,
  largestPackets: LARGEST_PACKETS,
};

export interface Spread {
  readonly stepSeconds: number;
  /** Table or relation with the flow columns. */
  readonly from: string;
  readonly where: string;
  /** Columns to group by: a flow column, or a name and its expression. */
  readonly keys: readonly (string | { readonly name: string; readonly sql: string })[];
  readonly volume: Volume;
  /** Two more: `squares`, the sum of the bytes of each record squared, in proportion like the variance, and `largestRecord`, the bytes of the largest. */
  readonly squares?: boolean;
}

const SAMPLED = `multiIf(samplingRate <= 1, 0, rateSource = ${RATE_SOURCE.prescaled}, intDiv(packets, samplingRate), packets)`;

/** Rounded up by at most an eighth, to four binary digits: effective rates of sFlow differ a little from sample to sample. */
function roundedUp(value: string): string {
  const unit = `exp2(floor(log2(${value})) - 3)`;
  return `if(${value} <= 0, 0, toUInt64(ceil(ceil(${value} / ${unit}) * ${unit})))`;
}

/** A SELECT of day, bucket, the keys and the figures. */
export function spreadSql({ stepSeconds, from, where, keys, volume, squares = false }: Spread): string {
  const step = stepSeconds * 1000;
  const names = keys.map(key => `, ${typeof key === 'string' ? key : key.name}`).join('');
  const columns = keys.map(key => (typeof key === 'string' ? `, ${key}` : `, ${key.sql} AS ${key.name}`)).join('');
  const until = (total: string, ms: string) => `intDiv(${total}, span) * ${ms} + intDiv(${total} % span * ${ms}, span)`;
  // The server takes the difference of two UInt64 as Int64; the cast back restores every bit.
  const share = (total: string) => `sum(toUInt64((${until(total, 'msTo')}) - (${until(total, 'msFrom')})))`;
  return `SELECT toYYYYMMDD(received) AS day, toDateTime(slot * ${stepSeconds}, 'UTC') AS bucket${names},
  ${share('totalBytes')} AS bytes, ${share('totalPackets')} AS packets, sum(totalVariance * (msTo - msFrom) / span) AS varBytes,
  ${share('sampled')} AS samples, countIf(msTo = span) AS records, ${LARGEST.join(', ')}${squares ? ',\n  sum(toFloat64(totalBytes) * totalBytes * (msTo - msFrom) / span) AS squares, max(toFloat64(totalBytes)) AS largestRecord' : ''}
FROM (
  SELECT toDate(receivedAt) AS received${columns},
    ${volume.bytes} AS totalBytes, ${volume.packets} AS totalPackets, ${volume.varBytes} AS totalVariance, ${SAMPLED} AS sampled,
    ${LARGEST.map(name => `${volume[name]} AS ${name}_, ${roundedUp(`${name}_`)} AS ${name}`).join(', ')},
    toUInt64(toUnixTimestamp64Milli(flowStart)) AS msBegin, greatest(toUInt64(toUnixTimestamp64Milli(flowEnd)), msBegin + 1) AS msEnd,
    toUInt64(msEnd - msBegin) AS span, arrayJoin(range(intDiv(msBegin, ${step}), toUInt64(intDiv(msEnd - 1, ${step}) + 1))) AS slot,
    toUInt64(greatest(slot * ${step}, msBegin) - msBegin) AS msFrom, toUInt64(least((slot + 1) * ${step}, msEnd) - msBegin) AS msTo
  FROM ${from}
  WHERE ${where}
)
GROUP BY received, bucket${names}, ${LARGEST.join(', ')}`;
}

/** Re-buckets a roll-up of finer buckets. */
export function coarserSql(from: string, stepSeconds: number, keys: readonly string[]): string {
  const sums = SUMS.map(name => `sum(f.${name}) AS ${name}`);
  const groups = [...keys, ...LARGEST];
  return `SELECT toYYYYMMDD(YYYYMMDDToDate(f.day)) AS day, toDateTime(intDiv(toUnixTimestamp(f.bucket), ${stepSeconds}) * ${stepSeconds}, 'UTC') AS bucket, ${[...groups.map(key => `f.${key} AS ${key}`), ...sums].join(', ')}
FROM ${from} AS f
GROUP BY YYYYMMDDToDate(f.day), bucket, ${groups.join(', ')}`;
}
