// When something was seen first and last, over all history that is kept. The roll-ups by hour reach furthest back and say the
// hour; finer ones that still have that hour say the bucket within it. Unelected traffic is kept by five minutes.

import { type Static, Type } from 'typebox';
import type { Storage } from '../../storage/storage.ts';
import { closed, NullableTime } from '../answers/answers.ts';
import { TRAFFIC_COLUMNS } from '../sql/dimensions.ts';
import type { Condition } from '../sql/filter.ts';
import type { Statement } from '../sql/tables.ts';
import { iso } from './grouped.ts';

const HOUR_S = 3600;

export const SeenAnswer = Type.Object(
  {
    first: NullableTime('start of the first bucket with traffic of it in the history that is kept'),
    firstSec: Type.Integer({
      description: 'length of that bucket: 60, 300 or 3600 seconds, the finest that is kept; 0 without',
    }),
    firstOrEarlier: Type.Boolean({ description: 'that bucket is at the start of what is kept, so it may be older' }),
    last: NullableTime('start of the last bucket with traffic of it'),
    lastSec: Type.Integer({ description: 'length of that bucket' }),
  },
  { ...closed, description: 'in all history, not only the window' },
);
export type SeenAnswer = Static<typeof SeenAnswer>;

/** A bucket in which something was seen, in seconds. */
interface Bucket {
  readonly atS: number;
  readonly stepS: number;
}

export interface Seen {
  readonly first: Bucket;
  readonly last: Bucket;
}

/** What is looked for: `value` is SQL over the columns of roll-ups, and `values` those wanted of it. */
export interface SeenQuery {
  readonly value: string;
  readonly values: readonly string[];
  readonly condition: Condition;
}

interface SeenRow {
  readonly value: string;
  readonly step: number;
  readonly first: number;
  readonly last: number;
}

export async function readFirstSeen(storage: Storage, query: SeenQuery): Promise<ReadonlyMap<string, Seen>> {
  if (query.values.length === 0) return new Map();
  const [hours, finer] = query.condition.columns.every(name => TRAFFIC_COLUMNS.has(name))
    ? ['traffic_1h', ['traffic_5m', 'traffic_1m']]
    : ['pairs_1h', ['pairs_5m']];
  const long = await select(storage, statement(query, [hours!, 'unelected_5m'], '1'));
  const coarse = seenOf(long);
  // Whichever hours something was first or last seen in are looked into.
  const inHours = [...coarse.values()].flatMap(({ first, last }) => [hourOf(first.atS), hourOf(last.atS)]);
  if (inHours.length === 0) return coarse;
  const fine = await select(
    storage,
    statement(query, finer as string[], "toUInt32(toStartOfHour(bucket, 'UTC')) IN {seenHours:Array(UInt32)}", [
      ...new Set(inHours),
    ]),
  );
  return seenOf([...long, ...fine]);
}

function hourOf(atS: number): number {
  return Math.floor(atS / HOUR_S) * HOUR_S;
}

async function select(storage: Storage, { sql, params }: Statement): Promise<SeenRow[]> {
  return storage.select<SeenRow>(sql, params);
}

const STEPS: Readonly<Record<string, number>> = { '1m': 60, '5m': 300, '1h': HOUR_S };

function statement(
  { value, values, condition }: SeenQuery,
  tables: readonly string[],
  where: string,
  hours: readonly number[] = [],
): Statement {
  const parts = tables.map(
    table => `SELECT ${value} AS seen, toUInt32(${STEPS[table.slice(-2)]}) AS step, toUInt32(bucket) AS at FROM ${table}
  WHERE ${where} AND ${condition.sql} AND seen IN {seenValues:Array(UInt64)}`,
  );
  // By hour as well: the first and the last bucket of something are in different ones.
  const sql = `
SELECT toString(seen) AS value, step, min(at) AS first, max(at) AS last FROM (
  ${parts.join('\n  UNION ALL\n  ')}
)
GROUP BY seen, step${hours.length > 0 ? ', intDiv(at, 3600)' : ''}`;
  return {
    sql,
    params: { ...condition.params, seenValues: values.map(BigInt), ...(hours.length > 0 && { seenHours: hours }) },
  };
}

/** Of the buckets that one lies in the other the finer one counts. */
function seenOf(rows: readonly SeenRow[]): ReadonlyMap<string, Seen> {
  const found = new Map<string, Seen>();
  for (const { value, step, first, last } of rows)
    found.set(value, joined(found.get(value), seenIn({ first, last }, step)));
  return found;
}

/** Of the rows of a window, whose buckets are as long. */
export function seenIn({ first, last }: { readonly first: number; readonly last: number }, stepS: number): Seen {
  return { first: { atS: first, stepS }, last: { atS: last, stepS } };
}

/** What two sources say together. */
export function joined(a: Seen | undefined, b: Seen | undefined): Seen {
  if (!a || !b) return (a ?? b)!;
  return { first: firstOf(a.first, b.first), last: lastOf(a.last, b.last) };
}

function firstOf(a: Bucket, b: Bucket): Bucket {
  return contains(a, b) ? b : contains(b, a) ? a : a.atS < b.atS ? a : b;
}

function lastOf(a: Bucket, b: Bucket): Bucket {
  return contains(a, b) ? b : contains(b, a) ? a : a.atS > b.atS ? a : b;
}

function contains(a: Bucket, b: Bucket): boolean {
  return a.stepS > b.stepS && b.atS >= a.atS && b.atS < a.atS + a.stepS;
}

/** `historyS`: start of the first bucket of anything. */
export function shapeSeen(seen: Seen | undefined, historyS: number | undefined): SeenAnswer {
  if (!seen) return { first: null, firstSec: 0, firstOrEarlier: false, last: null, lastSec: 0 };
  const { first, last } = seen;
  return {
    first: iso(first.atS * 1000),
    firstSec: first.stepS,
    firstOrEarlier: historyS === undefined || hourOf(first.atS) <= hourOf(historyS),
    last: iso(last.atS * 1000),
    lastSec: last.stepS,
  };
}
