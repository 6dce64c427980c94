// The rows of a query: one relation with a bucket, the requested columns, and the sums that are counted once.
//
// Elected traffic comes from roll-ups and simply adds up. Unelected traffic is kept by observation point; for each pair
// of endpoints and five minutes the point with the most bytes counts, whole, and every other point is left out. The
// point is chosen before filter and grouping, so that every query chooses the same one and all answers add up to
// the same total.

import { ELECTED_SQL, FIVE_MINUTES_S, PAIR_SQL, POINT_SQL, UNELECTED_SQL } from '../../storage/tables/elections.ts';
import { pairsSelectSql } from '../../storage/tables/pairs.ts';
import { SUMS, spreadSql } from '../../storage/tables/spread.ts';
import { unelectedSelectSql } from '../../storage/tables/unelected.ts';
import type { Condition } from './filter.ts';
import { type Layer, MEETS_WINDOW, VOLUMES } from './layer.ts';
import type { Window } from './window.ts';

/** The coarsest tables that hold every column of a query. */
export type Source = 'traffic' | 'pairs' | 'flows';

export interface Relation {
  readonly sql: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly tables: readonly string[];
}

export interface RelationOptions {
  readonly source: Source;
  readonly window: Window;
  readonly columns: readonly string[];
  readonly condition: Condition;
  readonly unelected: boolean;
  readonly rolledUpUntilS: number;
  /** Layer 2 is read from the records only. */
  readonly layer: Layer;
  /** From the records only: by minute of arrival as well (`arrived`), with one more sum (`squares`). */
  readonly arrival?: boolean;
}

const SUFFIX = { 60: '1m', 300: '5m', 3600: '1h' } as const;

const BUCKET_IN_WINDOW = 'bucket >= toDateTime({windowFrom:UInt32}) AND bucket < toDateTime({windowTo:UInt32})';
/** Partitions are days of receipt; a record is received at most a day before or after its traffic (spanMsMax, skewMsMax). */
const IN_WINDOW = `day BETWEEN toYYYYMMDD(toDateTime({windowFrom:UInt32} - 86400, 'UTC')) AND toYYYYMMDD(toDateTime({windowTo:UInt32} + 86400, 'UTC')) AND ${BUCKET_IN_WINDOW}`;
const ARRIVED = { name: 'arrived', sql: 'toUInt32(toStartOfMinute(receivedAt))' };
const NOT_ROLLED_UP = "storedAt >= toDateTime({rolledUpUntil:UInt32}, 'UTC')";

/** The relation has bucket, the columns, bytes, packets, varBytes, samples, records, unelected (0 or 1). */
export function relationOf(options: RelationOptions): Relation {
  const { window, condition, unelected, rolledUpUntilS } = options;
  const elected = electedParts(options);
  const chosen = unelected ? unelectedPart(options) : undefined;
  const parts = chosen ? [...elected.parts, chosen.sql] : elected.parts;
  const tables = [...new Set([...elected.tables, ...(chosen?.tables ?? [])])];
  return {
    sql: parts.join('\nUNION ALL\n'),
    params: { ...condition.params, windowFrom: window.fromS, windowTo: window.toS, rolledUpUntil: rolledUpUntilS },
    tables,
  };
}

/** What is summed; the minute of arrival is among the sums, as a column that no condition names. */
function sumsOf(arrival: boolean): readonly string[] {
  return arrival ? ['arrived', ...SUMS, 'squares'] : SUMS;
}

interface Part {
  readonly parts: readonly string[];
  readonly tables: readonly string[];
}

function electedParts({ source, window, columns, condition, layer, arrival = false }: RelationOptions): Part {
  const selected = ['bucket', ...columns, ...sumsOf(arrival), '0 AS unelected'].join(', ');
  const select = (from: string, where: string) => `SELECT ${selected} FROM ${from} WHERE ${where} AND ${condition.sql}`;
  const suffix = SUFFIX[window.resolutionS];
  if (source === 'traffic') return { parts: [select(`traffic_${suffix}`, IN_WINDOW)], tables: [`traffic_${suffix}`] };
  if (source === 'pairs') {
    const table = `pairs_${window.resolutionS === 3600 ? '1h' : '5m'}`;
    return {
      parts: [
        select(table, IN_WINDOW),
        select(`(${pairsSelectSql(`${NOT_ROLLED_UP} AND ${MEETS_WINDOW}`)})`, BUCKET_IN_WINDOW),
      ],
      tables: [table, 'flows'],
    };
  }
  const spread = spreadSql({
    stepSeconds: window.resolutionS,
    from: 'flows',
    where: `${ELECTED_SQL} AND ${MEETS_WINDOW}`,
    keys: arrival ? [...columns, ARRIVED] : columns,
    volume: VOLUMES[layer].counted,
    squares: arrival,
  });
  return { parts: [select(`(${spread})`, BUCKET_IN_WINDOW)], tables: ['flows'] };
}

function unelectedPart({ source, columns, condition, layer, arrival = false }: RelationOptions): {
  sql: string;
  tables: readonly string[];
} {
  const selected = [...columns, ...sumsOf(arrival)];
  const kept = selected.map(name => `u.${name}`).join(', ');
  const names = selected.map((name, i) => `part.${i + 1} AS ${name}`).join(', ');
  const sql = `
SELECT ${['bucket', ...selected, '1 AS unelected'].join(', ')} FROM (
  SELECT bucket, ${names} FROM (
    SELECT bucket, argMax(parts, (total, point)) AS chosen FROM (
      SELECT u.bucket AS bucket, u.pair AS pair, u.point AS point, sum(u.bytes) AS total, groupArray((${kept})) AS parts
      FROM (${unelectedRows(source, columns, layer, arrival)}) AS u
      GROUP BY bucket, pair, point
    )
    GROUP BY bucket, pair
  )
  ARRAY JOIN chosen AS part
) WHERE ${condition.sql}`;
  return { sql, tables: source === 'flows' ? ['flows'] : ['unelected_5m', 'flows'] };
}

/** Rows by bucket, pair, point and columns, in the roll-up and behind it, or all from the records. */
function unelectedRows(source: Source, columns: readonly string[], layer: Layer, arrival: boolean): string {
  const selected = ['bucket', 'pair', 'point', ...columns, ...sumsOf(arrival)].join(', ');
  if (source !== 'flows') {
    const tail = unelectedSelectSql(`${NOT_ROLLED_UP} AND ${MEETS_WINDOW}`);
    return `SELECT ${selected} FROM unelected_5m WHERE ${IN_WINDOW} UNION ALL SELECT ${selected} FROM (${tail}) WHERE ${BUCKET_IN_WINDOW}`;
  }
  const keys = [
    ...columns,
    ...(arrival ? [ARRIVED] : []),
    { name: 'pair', sql: PAIR_SQL },
    { name: 'point', sql: POINT_SQL },
  ];
  const spread = spreadSql({
    stepSeconds: FIVE_MINUTES_S,
    from: 'flows',
    where: `${UNELECTED_SQL} AND ${MEETS_WINDOW}`,
    keys,
    volume: VOLUMES[layer].whole,
    squares: arrival,
  });
  return `SELECT ${selected} FROM (${spread}) WHERE ${BUCKET_IN_WINDOW}`;
}
