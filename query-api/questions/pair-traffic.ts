// What the planner reads: the traffic of pairs of ends over a window, and p95 and maximum of what it makes of them. The
// statements are made here, where tables and windows are known, and run in the planner's thread, where their rows go.

import { type PlanWindow, SERIES_SQL } from '../../schemas/planning.ts';
import type { Storage } from '../../storage/storage.ts';
import { EXPLICIT_CLASS_SQL } from '../sql/dimensions.ts';
import { type Condition, NO_CONDITION } from '../sql/filter.ts';
import { rankedSql } from '../sql/ranked.ts';
import { RELATION_FIGURES, relationFiguresSql } from '../sql/relation.ts';
import { type Context, overCovered, type Rows, readTables, readWindow, type Statement } from '../sql/tables.ts';
import type { RequestedWindow } from '../sql/window.ts';

/** Pairs read, the largest first; the bytes of others are reported as beyond the limit. */
const PAIRS_MAX = 250_000;

const COLUMNS = ['srcVm', 'srcHost', 'srcApp', 'dstVm', 'dstHost', 'dstApp'];

/** Reads the planner's answer as the one row of a window. */
export function planTables<A>(
  storage: Storage,
  requested: RequestedWindow,
  nowMs: number,
  answer: (window: PlanWindow) => Promise<A>,
  condition: Condition = NO_CONDITION,
): Promise<Rows<A>> {
  const query = { requested, metric: 'p95Bps', layer: 'l3', columns: COLUMNS, condition } as const;
  return readTables<A>(storage, query, nowMs, async context => [await answer(planWindowOf(context))]);
}

/** Which ends of a row are of something, as SQL over the columns of a relation `r`. */
export interface Membership {
  readonly src: string;
  readonly dst: string;
  readonly columns: readonly string[];
  readonly condition: Condition;
}

/** Pairs with an end of something, each with which end that is and its last bucket; no ranks. Hours will do. */
export function planMembers<A>(
  storage: Storage,
  requested: RequestedWindow,
  nowMs: number,
  { src, dst, columns, condition }: Membership,
  answer: (window: PlanWindow) => Promise<A>,
): Promise<Rows<A>> {
  const query = { requested, metric: 'bytes', layer: 'l3', columns: [...COLUMNS, ...columns], condition } as const;
  return readTables<A>(storage, query, nowMs, async context => {
    const sql = `SELECT r.*, toUInt8(${src}) AS srcIn, toUInt8(${dst}) AS dstIn FROM (${context.relation.sql}) AS r`;
    const relation = { ...context.relation, sql, params: { ...context.relation.params, ...condition.params } };
    const totals = totalsStatement({ ...context, relation }, ['srcIn', 'dstIn']);
    return [await answer({ ...planWindowOf(context), totals, ranks: undefined })];
  });
}

function planWindowOf(context: Context): PlanWindow {
  const { window, covered } = context;
  return {
    fromMs: window.fromS * 1000,
    toMs: Math.min(window.toS, covered.readToS) * 1000,
    stepMs: window.resolutionS * 1000,
    seconds: covered.rateSeconds,
    totals: totalsStatement(context),
    ranks: covered.closedBuckets > 0 ? ranksStatement(context) : undefined,
  };
}

/** An end that is neither a VM nor a host, by its explicit node. */
function nodeSql(end: 'src' | 'dst'): string {
  return `if(${end}Vm = 0 AND ${end}Host = 0 AND ${EXPLICIT_CLASS_SQL(`${end}App`)}, ${end}App, 0)`;
}

const SLICE_SQL = 'toUInt8(arrayCount(s -> toUnixTimestamp(bucket) >= s, {sliceStarts:Array(UInt32)}))';
const PAIR = ['sv', 'sh', 'sn', 'dv', 'dh', 'dn'] as const;
const PAIR_SQL = `srcVm AS sv, srcHost AS sh, ${nodeSql('src')} AS sn, dstVm AS dv, dstHost AS dh, ${nodeSql('dst')} AS dn`;
/** Of 64 bits: among a million pairs two are the same once in 37 million windows. */
const NAME_SQL = `sipHash64(slice, ${PAIR.join(', ')})`;

/** `more`: columns of the relation that pairs are divided by as well. */
function totalsStatement({ relation, window, covered }: Context, more: readonly string[] = []): Statement {
  const read = overCovered(relation, covered, readWindow(window, covered));
  const groups = ['slice', ...PAIR, 'sa', 'da', ...more];
  const own = more.length > 0 ? `${more.join(', ')}, lastS, ` : '';
  const sql = `
WITH ends AS (
  SELECT ${SLICE_SQL} AS slice, ${PAIR_SQL}, srcApp AS sa, dstApp AS da, ${[...more, 'bucket', ...RELATION_FIGURES].join(', ')} FROM (${read.sql})
), summed AS (
  SELECT ${groups.join(', ')}, toUInt32(max(e.bucket)) AS lastS, ${relationFiguresSql('e')} FROM ends AS e GROUP BY ${groups.join(', ')}
)
SELECT slice, ${own}toString(${NAME_SQL}) AS pair, toString(sv) AS srcVm, toString(sh) AS srcHost, toString(sn) AS srcNode, toString(sa) AS srcApp,
  toString(dv) AS dstVm, toString(dh) AS dstHost, toString(dn) AS dstNode, toString(da) AS dstApp, ${RELATION_FIGURES.map(name => `s.${name} AS ${name}`).join(', ')},
  toString(sum(s.bytes) OVER ()) AS allBytes, toString(count() OVER ()) AS allPairs
FROM summed AS s
ORDER BY s.bytes DESC, ${groups.join(', ')}
LIMIT ${PAIRS_MAX}`;
  return { sql, params: read.params };
}

/** Sums of a relation `m` on a series, with the share `s.share` of its packets. */
const SHARED_SQL = [
  ...['bytes', 'lessBytes', 'moreBytes', 'samples', 'moreSamples', 'missedBytes'].map(
    name => `sum(toFloat64(m.${name}) * s.share) AS ${name}`,
  ),
  ...['varBytes', 'moreVariance', 'missedVariance'].map(name => `sum(m.${name} * s.share * s.share) AS ${name}`),
  'max(m.largestBytes) AS largestBytes',
].join(', ');

function ranksStatement({ relation, window, covered }: Context): Statement {
  const ranked = rankedSql('p95Bps', window, covered);
  const sql = `
WITH ${SERIES_SQL}, named AS (
  SELECT bucket, ${SLICE_SQL} AS slice, ${PAIR_SQL}, ${NAME_SQL} AS pair, ${RELATION_FIGURES.join(', ')} FROM (${relation.sql})
), taken AS (
  SELECT n.bucket AS bucket, p.path AS path, ${relationFiguresSql('n')} FROM named AS n INNER JOIN placed AS p ON n.pair = p.pair GROUP BY n.bucket, p.path
), shared AS (
  SELECT s.series AS series, m.bucket AS bucket, ${SHARED_SQL} FROM taken AS m INNER JOIN paths AS s ON m.path = s.path GROUP BY s.series, m.bucket
)
SELECT series, ${ranked.sql}, maxIf(g.bytes * 8 / greatest(1, b.seconds), b.seconds > 0) AS maxBps
FROM shared AS g ${ranked.join}
GROUP BY series`;
  return { sql, params: { ...relation.params, ...ranked.params } };
}
