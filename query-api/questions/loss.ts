// What was lost on the way into the tables, added to what is there. A record that is stored stands for expected / stored of
// its exporter, domain and protocol in the minute it arrived. Three things make it so:
//
// - Sequence numbers of NetFlow and IPFIX show how many records or datagrams are missing (schemas/protocols.ts), those that
//   the kernel dropped among them. sFlow needs none: its sample pool counts lost samples too.
// - Where nothing is numbered, what the kernel dropped of a collector's datagrams is shared by its exporters in proportion
//   to what they sent.
// - What a collector decoded and could not hand on has no gap: it is shared by all exporters in the same way.
//
// Counters of exporters do not say which collector had them: with several, their drops of a minute are shared by all exporters.
//
// A record that arrives with probability p and stands for x bytes adds x^2 (1 - p) / p^2 to the variance, and its own
// variance grows by 1 / p^2. Both need the records themselves: they are read where there are at most RECORDS_MAX of
// them; beyond that the total alone is scaled by the share that all exporters lost.

import { type Static, Type } from 'typebox';
import { protocolCodes } from '../../schemas/protocols.ts';
import type { Storage } from '../../storage/storage.ts';
import { COLLECTOR_MINUTES_SQL } from '../../storage/tables/collectors.ts';
import { closed, estimate } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import { doubtfulInterval } from '../estimates/interval.ts';
import type { Covered } from '../sql/covered.ts';
import type { Condition } from '../sql/filter.ts';
import type { Layer } from '../sql/layer.ts';
import { varianceOf } from '../sql/metrics-sql.ts';
import { secondsOf } from '../sql/parts.ts';
import { isRanked } from '../sql/ranked.ts';
import { type RelationOptions, relationOf } from '../sql/relation.ts';
import { overCovered, type Rows, readWindow } from '../sql/tables.ts';
import type { Choices } from '../sql/unelected.ts';
import { chooseUnelected } from '../sql/unelected-choices.ts';
import { cellSql, type MatrixAxes, matrixColumns } from './matrix-statement.ts';

/** Records of a window that are read again to scale them one by one. */
export const RECORDS_MAX = 20_000_000;

export const LossAdjusted = Type.Object(
  {
    value: estimate.value,
    ciLow: estimate.ciLow,
    ciHigh: estimate.ciHigh,
    method: Type.Enum(['records', 'share'], {
      description:
        'records: every record by the loss of its exporter and minute, and by what collectors dropped in it; share: the total by the loss of all exporters, where there are too many records',
    }),
  },
  closed,
);
export type LossAdjusted = Static<typeof LossAdjusted>;

const ADJUSTED = protocolCodes(({ lossAdjusted }) => lossAdjusted);
const DATAGRAMS = protocolCodes(({ lossAdjusted, sequence }) => lossAdjusted && sequence === 'datagrams');
const UNNUMBERED = protocolCodes(({ sequence }) => sequence === 'nothing');
/** Of what was decoded; where nearly everything was dropped, nothing can be said of it. */
const DROPPED_SHARE_MAX = 0.9;

/** What collectors dropped of each minute: shares of the datagrams that came, and of the records that were decoded. */
const DROPPED_SQL = `
SELECT toUInt32(toDateTime(m.minute)) AS arrived, sum(m.droppedDatagrams) / greatest(1, sum(m.datagrams)) AS kernel,
  least(${DROPPED_SHARE_MAX}, sum(m.droppedRecords) / greatest(1, sum(m.records))) AS queues
FROM (${COLLECTOR_MINUTES_SQL.replaceAll('{from:UInt32}', '{windowFrom:UInt32} - 3600').replaceAll('{to:UInt32}', '{windowTo:UInt32} + 3600')}) AS m
GROUP BY arrived`;

/** Expected / stored of each exporter and minute; 1 where nothing is missing or nothing was received. */
export const FACTORS_SQL = `
SELECT s.exporter AS exporter, s.observationDomain AS observationDomain, s.protocol AS protocol, s.arrived AS arrived, s.received AS received,
  if(received = 0, 1, (received + missing) / received) * if(protocol IN (${UNNUMBERED.join(', ')}), 1 + d.kernel, 1) / (1 - d.queues) AS factor,
  received * (factor - 1) AS lost
FROM (
  SELECT e.exporter AS exporter, e.observationDomain AS observationDomain, e.protocol AS protocol, toUInt32(toDateTime(e.minute)) AS arrived,
    if(e.protocol IN (${DATAGRAMS.join(', ')}), sum(e.datagrams), sum(e.records)) AS received, if(e.protocol IN (${ADJUSTED.join(', ')}), sum(e.lost), 0) AS missing
  FROM exporters AS e
  WHERE e.minute >= toDateTime({windowFrom:UInt32} - 3600, 'UTC') AND e.minute < toDateTime({windowTo:UInt32} + 3600, 'UTC')
  GROUP BY exporter, observationDomain, protocol, arrived
) AS s
LEFT JOIN (${DROPPED_SQL}) AS d USING (arrived)`;

const MINUTES = 'minute >= toDateTime({windowFrom:UInt32} - 3600) AND minute < toDateTime({windowTo:UInt32} + 3600)';
/** Whether anything was lost at all: without it every factor is 1. It takes a fifth of the time of the factors. */
const ANY_LOST_SQL = `
SELECT sum(e.lost) > 0 AS isAny FROM exporters AS e WHERE ${MINUTES}
UNION ALL SELECT sum(c.droppedDatagrams) + sum(c.droppedRecords) > 0 FROM collectors AS c WHERE ${MINUTES}`;

interface LossQuery {
  readonly axes: MatrixAxes;
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
  /** What one record or sampled packet stands for at most. */
  readonly largest: number;
  /** What the choice of unelected traffic may have wrong, adjusted like the rest. */
  readonly less: number;
  readonly more: number;
  readonly moreVariance: number | null;
  readonly moreSamples: number;
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
  { window, asked, covered, unelected, isLearned }: Rows<unknown>,
  total: { readonly value: number | null; readonly ciLow: number | null; readonly ciHigh: number | null },
): Promise<Adjusted> {
  const isRate = query.metric === 'avgBps';
  const isWhole = secondsOf(asked) === window.toS - window.fromS;
  if (isRanked(query.metric) || !covered || !isWhole || (isRate && query.seconds === 0)) return NONE;
  const read = readWindow(window, covered);
  const params = { windowFrom: read.fromS, windowTo: read.toS };
  const nothing = { total: { ...pick(total), method: 'records' as const }, cells: undefined, nothingLost: true };
  const any = await storage.select<{ isAny: number }>(ANY_LOST_SQL, params);
  if (any.every(({ isAny }) => !isAny)) return nothing;
  const [lost] = await storage.select<LostRow>(
    `SELECT sum(lost) AS lost, sum(received * (factor - 1)) / sum(received * factor) AS share,
       (SELECT sum(records) FROM exporters WHERE minute >= toDateTime({windowFrom:UInt32}, 'UTC') AND minute < toDateTime({windowTo:UInt32} + 60, 'UTC')) AS records
     FROM (${FACTORS_SQL})`,
    params,
  );
  if (!lost || Number(lost.lost) === 0) return nothing;
  if (Number(lost.records) > RECORDS_MAX) return { ...NONE, total: scaled(total, lost.share) };
  const reading = { source: 'flows', layer: query.layer, window: read, rolledUpUntilS: 0 } as const;
  const choices = unelected ? await chooseUnelected(storage, { ...reading, isLearned }) : undefined;
  const statement = adjustedStatement(query, { reading, covered, choices });
  const rows = await storage.select<AdjustedRow>(statement.sql, { ...statement.params, ...params });
  const scale = isRate ? 8 / query.seconds : 1;
  const whole = rows.find(row => Number(row.whole) === 1);
  const { value, ciLow, ciHigh } = intervalOf(whole, scale);
  return {
    total: { value, ciLow, ciHigh, method: 'records' },
    cells: new Map(
      rows.filter(row => Number(row.whole) === 0).map(row => [`${row.src} ${row.dst}`, row.adjusted * scale]),
    ),
    nothingLost: false,
  };
}

function intervalOf(whole: AdjustedRow | undefined, scale: number): Omit<LossAdjusted, 'method'> {
  if (!whole) return { value: 0, ciLow: 0, ciHigh: 0 };
  const varianceOfSum = (varBytes: number | null) => varianceOf({ varBytes }) * scale * scale;
  return doubtfulInterval(
    {
      value: whole.adjusted * scale,
      variance: varianceOfSum(whole.variance),
      // Every record that arrived is a sample of those that were sent.
      samples: Number(whole.samples),
      largest: whole.largest * scale,
    },
    {
      less: whole.less * scale,
      more: whole.more * scale,
      variance: varianceOfSum(whole.moreVariance),
      samples: whole.moreSamples,
    },
  );
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

function adjustedStatement(
  query: LossQuery,
  {
    reading,
    covered,
    choices,
  }: {
    readonly reading: Pick<RelationOptions, 'source' | 'layer' | 'window' | 'rolledUpUntilS'>;
    readonly covered: Covered;
    readonly choices: Choices | undefined;
  },
) {
  const { axes, condition } = query;
  const cell = cellSql(axes, 'r.');
  const columns = [...new Set([...matrixColumns(axes), ...condition.columns])];
  const whole = relationOf({
    ...reading,
    columns: [...new Set([...columns, 'exporter', 'observationDomain', 'protocol'])],
    arrival: true,
    condition,
    choices,
  });
  const relation = query.metric === 'avgBps' ? overCovered(whole, covered, reading.window) : whole;
  const sql = `
SELECT toString(sender) AS src, toString(receiver) AS dst, grouping(sender) AS whole,
  sum(volume * factor) AS adjusted,
  sum(factor * factor * (varBytes * perByte * perByte) + squares * perByte * perByte * factor * (factor - 1)) AS variance,
  sum(if(factor > 1, greatest(samples, records), samples)) AS samples,
  max(factor * greatest(largest, if(factor > 1, largestRecord * perByte, 0))) AS largest,
  sum(doubled * factor) AS less, sum(spare * factor) + greatest(0, sum(missed * factor)) AS more,
  sum((spareVariance * perSpare * perSpare + missedVariance * perMissed * perMissed) * factor * factor) AS moreVariance, sum(spareSamples) AS moreSamples
FROM (
  SELECT ${cell.row} AS sender, ${cell.column} AS receiver, r.varBytes AS varBytes, r.samples AS samples, r.records AS records,
    r.squares AS squares, r.largestRecord AS largestRecord, ${query.metric === 'packets' ? 'r.largestPackets' : 'r.largestBytes'} AS largest, ${query.metric === 'packets' ? 'r.packets' : 'r.bytes'} AS volume,
    r.moreVariance AS spareVariance, r.moreSamples AS spareSamples, r.missedVariance AS missedVariance,
    ${query.metric === 'packets' ? 'r.missedPackets' : 'r.missedBytes'} AS missed,
    ${query.metric === 'packets' ? 'if(r.missedBytes = 0, 0, r.missedPackets / r.missedBytes)' : '1'} AS perMissed,
    ${query.metric === 'packets' ? 'if(r.bytes = 0, 0, r.lessBytes * r.packets / r.bytes)' : 'r.lessBytes + r.partlyBytes'} AS doubled, ${query.metric === 'packets' ? 'r.morePackets' : 'r.moreBytes'} AS spare,
    ${query.metric === 'packets' ? 'if(r.moreBytes = 0, 0, r.morePackets / r.moreBytes)' : '1'} AS perSpare,
    ${query.metric === 'packets' ? 'if(r.bytes = 0, 0, r.packets / r.bytes)' : '1'} AS perByte, greatest(f.factor, 1) AS factor
  FROM (${relation.sql}) AS r
  LEFT JOIN (${FACTORS_SQL}) AS f USING (exporter, observationDomain, protocol, arrived)
)
GROUP BY GROUPING SETS ((sender, receiver), ())`;
  return { sql, params: relation.params };
}
