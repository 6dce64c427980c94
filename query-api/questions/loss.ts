// What NetFlow and IPFIX lost on the way to the collector, added to what arrived. Their sequence numbers show how many
// records or datagrams are missing (schemas/protocols.ts), and the record that arrived stands for expected / received
// of its kind. The factor is that of the exporter, domain and protocol in the minute the record arrived. sFlow needs
// none: its sample pool counts lost samples too.
//
// A record that arrives with probability p and stands for x bytes adds x^2 (1 - p) / p^2 to the variance, and its own
// variance grows by 1 / p^2. Both need the records themselves: they are read where there are at most RECORDS_MAX of
// them; beyond that the total alone is scaled by the share that all exporters lost.

import { type Static, Type } from 'typebox';
import { protocolCodes } from '../../schemas/protocols.ts';
import type { Storage } from '../../storage/storage.ts';
import { closed, estimate } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import { interval } from '../estimates/interval.ts';
import { groupSql } from '../sql/dimensions.ts';
import type { Condition } from '../sql/filter.ts';
import type { Layer } from '../sql/layer.ts';
import { varianceOf } from '../sql/metrics-sql.ts';
import { isRanked } from '../sql/ranked.ts';
import { relationOf } from '../sql/relation.ts';
import type { Rows } from '../sql/tables.ts';
import { type MatrixQuery, matrixColumns, type Orientation, swappedSql } from './matrix-statement.ts';

/** Records of a window that are read again to scale them one by one. */
export const RECORDS_MAX = 20_000_000;

export const LossAdjusted = Type.Object(
  {
    value: estimate.value,
    ciLow: estimate.ciLow,
    ciHigh: estimate.ciHigh,
    method: Type.Enum(['records', 'share'], {
      description:
        'records: every record by the loss of its exporter and minute; share: the total by the loss of all exporters, where there are too many records',
    }),
  },
  closed,
);
export type LossAdjusted = Static<typeof LossAdjusted>;

const ADJUSTED = protocolCodes(({ lossAdjusted }) => lossAdjusted);
const DATAGRAMS = protocolCodes(({ lossAdjusted, sequence }) => lossAdjusted && sequence === 'datagrams');

/** Expected / received of each exporter and minute; 1 where nothing is missing or nothing was received. */
export const FACTORS_SQL = `
SELECT e.exporter AS exporter, e.observationDomain AS observationDomain, e.protocol AS protocol, toUInt32(toDateTime(e.minute)) AS arrived,
  if(e.protocol IN (${DATAGRAMS.join(', ')}), sum(e.datagrams), sum(e.records)) AS received, sum(e.lost) AS lost,
  if(received = 0, 1, (received + lost) / received) AS factor
FROM exporters AS e
WHERE e.minute >= toDateTime({windowFrom:UInt32} - 3600, 'UTC') AND e.minute < toDateTime({windowTo:UInt32} + 3600, 'UTC')
  AND e.protocol IN (${ADJUSTED.join(', ')})
GROUP BY exporter, observationDomain, protocol, arrived`;

export interface LossQuery {
  /** Columns of sender and receiver. */
  readonly pair: MatrixQuery['pair'];
  readonly orientation: Orientation;
  readonly metric: Metric;
  readonly layer: Layer;
  readonly condition: Condition;
  /** Seconds an average divides by. */
  readonly seconds: number;
}

interface AdjustedRow {
  readonly src: string;
  readonly dst: string;
  readonly whole: string;
  readonly adjusted: number;
  /** null where it is not known, as `varBytes` of `Sums`. */
  readonly variance: number | null;
  readonly samples: string;
}

export interface Adjusted {
  readonly total: LossAdjusted | null;
  /** By `src dst`, raw keys; undefined where cells are not computed. */
  readonly cells: ReadonlyMap<string, number> | undefined;
  /** Nothing was lost: every estimate is its own adjustment. */
  readonly nothingLost: boolean;
}

const NONE: Adjusted = { total: null, cells: undefined, nothingLost: false };

interface LostRow {
  readonly lost: number;
  readonly records: string;
  readonly share: number;
}

/** `found` are the rows the matrix was made of, `total` its own total. */
export async function adjustForLoss(
  storage: Storage,
  query: LossQuery,
  { window, covered, unelected }: Rows<unknown>,
  total: { readonly value: number | null; readonly ciLow: number | null; readonly ciHigh: number | null },
): Promise<Adjusted> {
  if (isRanked(query.metric) || !covered) return NONE;
  const params = { windowFrom: window.fromS, windowTo: window.toS };
  const [lost] = await storage.select<LostRow>(
    `SELECT sum(lost) AS lost, sum(received * (factor - 1)) / sum(received * factor) AS share,
       (SELECT sum(records) FROM exporters WHERE minute >= toDateTime({windowFrom:UInt32}, 'UTC') AND minute < toDateTime({windowTo:UInt32} + 60, 'UTC')) AS records
     FROM (${FACTORS_SQL})`,
    params,
  );
  if (!lost || Number(lost.lost) === 0)
    return { total: { ...pick(total), method: 'records' as const }, cells: undefined, nothingLost: true };
  if (Number(lost.records) > RECORDS_MAX) return { ...NONE, total: scaled(total, lost.share) };
  const statement = adjustedStatement(query, window, unelected);
  const rows = await storage.select<AdjustedRow>(statement.sql, { ...statement.params, ...params });
  const scale = query.metric === 'avgBps' ? 8 / query.seconds : 1;
  const whole = rows.find(row => Number(row.whole) === 1);
  const { value, ciLow, ciHigh } = interval(
    (whole?.adjusted ?? 0) * scale,
    whole ? varianceOf({ varBytes: whole.variance }) * scale * scale : 0,
    // Every record that arrived is a sample of those that were sent.
    Number(whole?.samples ?? 0),
  );
  return {
    total: { value, ciLow, ciHigh, method: 'records' },
    cells: new Map(
      rows.filter(row => Number(row.whole) === 0).map(row => [`${row.src} ${row.dst}`, row.adjusted * scale]),
    ),
    nothingLost: false,
  };
}

function pick<T extends { value: number | null; ciLow: number | null; ciHigh: number | null }>({
  value,
  ciLow,
  ciHigh,
}: T) {
  return { value, ciLow, ciHigh };
}

function scaled(
  {
    value,
    ciLow,
    ciHigh,
  }: { readonly value: number | null; readonly ciLow: number | null; readonly ciHigh: number | null },
  share: number,
): LossAdjusted {
  const factor = 1 / (1 - share);
  return {
    value: value === null ? null : value * factor,
    ciLow: ciLow === null ? null : ciLow * factor,
    ciHigh: ciHigh === null ? null : ciHigh * factor,
    method: 'share',
  };
}

function adjustedStatement(query: LossQuery, window: Rows<unknown>['window'], unelected: boolean) {
  const { pair, orientation, condition } = query;
  const [src, dst] = pair.map(column => groupSql(column, 'r.')) as [string, string];
  const columns = [...new Set([...matrixColumns(query), ...condition.columns])];
  const relation = relationOf({
    source: 'flows',
    layer: query.layer,
    window,
    columns: [...new Set([...columns, 'exporter', 'observationDomain', 'protocol'])],
    arrival: true,
    condition,
    unelected,
    rolledUpUntilS: 0,
  });
  const swap = swappedSql(orientation, 'r.');
  const sql = `
SELECT toString(sender) AS src, toString(receiver) AS dst, grouping(sender) AS whole,
  sum(volume * factor) AS adjusted,
  sum(factor * factor * (varBytes * perByte * perByte) + squares * perByte * perByte * factor * (factor - 1)) AS variance,
  sum(if(factor > 1, greatest(samples, records), samples)) AS samples
FROM (
  SELECT if(${swap}, ${dst}, ${src}) AS sender, if(${swap}, ${src}, ${dst}) AS receiver, r.varBytes AS varBytes, r.samples AS samples, r.records AS records,
    r.squares AS squares, ${query.metric === 'packets' ? 'r.packets' : 'r.bytes'} AS volume,
    ${query.metric === 'packets' ? 'if(r.bytes = 0, 0, r.packets / r.bytes)' : '1'} AS perByte, greatest(f.factor, 1) AS factor
  FROM (${relation.sql}) AS r
  LEFT JOIN (${FACTORS_SQL}) AS f USING (exporter, observationDomain, protocol, arrived)
)
GROUP BY GROUPING SETS ((sender, receiver), ())`;
  return { sql, params: relation.params };
}
