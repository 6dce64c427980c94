// When each collector was receiving, a row for each minute. A batch that Kafka carries has a row for each partition: a minute
// counts once all of them are stored, because only then everything that was received in it is.

import type { ArrowBytes } from '../../schemas/arrow.ts';
import { COLLECTOR_COLUMNS } from '../../schemas/collector-minute.ts';
import { shardFor } from '../sharded.ts';
import type { Storage } from '../storage.ts';
import { column, DATETIME, DEDUPLICATED, HOUR_DAYS, schemaColumns, type Table } from './table.ts';

const MINUTE_COLUMNS = schemaColumns(COLLECTOR_COLUMNS);

export const COLLECTORS: Table = {
  name: 'collectors',
  columns: [
    ...MINUTE_COLUMNS,
    column('collector', 'LowCardinality(String)'),
    column('share', 'UInt16'),
    column('shares', 'UInt16'),
    column('storedAt', `SimpleAggregateFunction(max, ${DATETIME})`, 'DEFAULT now()'),
  ],
  engine: 'AggregatingMergeTree',
  partition: 'toYYYYMM(minute)',
  order: '(minute, collector, shares, share)',
  expiry: { column: 'toDateTime(minute)', days: HOUR_DAYS },
  settings: DEDUPLICATED,
};

/** Which of the copies of a batch this is: one for each partition that carries what its collector received. */
export interface Share {
  readonly index: number;
  readonly of: number;
}

/** What one carrier has whole. */
export const WHOLE: Share = { index: 0, of: 1 };

const NAMES = MINUTE_COLUMNS.map(({ name }) => name).join(', ');
const STRUCTURE = COLLECTOR_COLUMNS.map(
  ({ name, kind }) => `${name} ${kind === 'time' ? "DateTime64(3, 'UTC')" : 'UInt64'}`,
)
  .join(', ')
  .replaceAll("'", "\\'");
const INSERT = `INSERT INTO collectors (${NAMES}, collector, share, shares)
  SELECT ${NAMES}, {collector:String}, {share:UInt16}, {shares:UInt16} FROM input('${STRUCTURE}')`;

export function insertCollectorMinutes(
  storage: Storage,
  arrow: ArrowBytes,
  token: string,
  { collector, share = WHOLE }: { readonly collector: string; readonly share?: Share },
): Promise<void> {
  const params = { collector, share: share.index, shares: share.of };
  const ownToken = `${token}.${share.index}-of-${share.of}`;
  return shardFor(storage, ownToken).insert({ into: INSERT, params, arrow, token: ownToken });
}

/**
 * Minutes of collectors of which everything is stored, from {from:UInt32} to {to:UInt32} (seconds): minute, collector,
 * receivingFrom, receivingUntil, receivingMs, datagrams, records, droppedDatagrams, droppedRecords. A minute of which the
 * copies differ has what all of them have.
 */
const collectorMinutesSql = (where: string, prefix = '') => `
SELECT minute, collector, min(first) AS receivingFrom, max(last) AS receivingUntil, least(60000, sum(ms)) AS receivingMs,
  sum(received) AS datagrams, sum(decoded) AS records, sum(kernel) AS droppedDatagrams, sum(queues) AS droppedRecords
FROM (
  SELECT minute, collector, shares, max(f) AS first, min(u) AS last, min(m) AS ms, max(d) AS received, max(r) AS decoded, max(k) AS kernel, max(q) AS queues
  FROM (
    SELECT minute, collector, shares, share, min(c.receivingFrom) AS f, max(c.receivingUntil) AS u, sum(c.receivingMs) AS m, sum(c.datagrams) AS d, sum(c.records) AS r,
      sum(c.droppedDatagrams) AS k, sum(c.droppedRecords) AS q
    FROM ${prefix}collectors AS c
    WHERE ${where}
    GROUP BY minute, collector, shares, share
  )
  GROUP BY minute, collector, shares
  HAVING count() = shares
)
GROUP BY minute, collector`;

const IN_WINDOW = 'minute >= toDateTime({from:UInt32}) AND minute < toDateTime({to:UInt32})';
export const COLLECTOR_MINUTES_SQL = collectorMinutesSql(IN_WINDOW);
/** The same of all times, for a view; `prefix` stands before the name of the table. */
export const allCollectorMinutesSql = (prefix: string) => collectorMinutesSql('1', prefix);

const HOUR_MS = 3_600_000;
/** Starts of hours in which a collector was receiving without a gap. */
const WHOLE_HOURS_SQL = `
SELECT DISTINCT hour FROM (
  SELECT toStartOfHour(minute) AS hour, collector, shares, share, sum(c.receivingMs) AS ms FROM collectors AS c
  WHERE ${IN_WINDOW}
  GROUP BY hour, collector, shares, share
)
GROUP BY hour, collector, shares
HAVING count() = shares AND min(ms) >= ${HOUR_MS}`;

/** A collector that is so far behind the others is taken for gone: what it received and still holds comes late. */
export const COLLECTOR_BEHIND_MS = 600_000;

/**
 * Milliseconds: everything that any collector received before is stored. Null where no collector has said anything. One that
 * was stopped has stored everything; one that runs is waited for until it is COLLECTOR_BEHIND_MS behind the newest. One whose
 * clock is ahead of {now:Int64} by more than a minute is not listened to.
 */
export const STORED_UNTIL_SQL = `(
  SELECT if(count() = 0, NULL, ifNull(minOrNullIf(until, stopped < until AND until >= newest - ${COLLECTOR_BEHIND_MS}), max(until)))
  FROM (
    SELECT until, stopped, max(until) OVER () AS newest FROM (
      SELECT collector, max(u) AS until, max(s) AS stopped
      FROM (
        SELECT collector, shares, min(last) AS u, min(stop) AS s
        FROM (
          SELECT collector, shares, share, toUnixTimestamp64Milli(max(c.receivingUntil)) AS last, toUnixTimestamp64Milli(max(c.stoppedAt)) AS stop
          FROM collectors AS c
          WHERE minute <= fromUnixTimestamp64Milli({now:Int64} + 60000)
            AND minute > (SELECT minute FROM collectors WHERE minute <= fromUnixTimestamp64Milli({now:Int64} + 60000) ORDER BY minute DESC LIMIT 1) - toIntervalHour(1)
          GROUP BY collector, shares, share
        )
        GROUP BY collector, shares
        HAVING count() = shares
      )
      GROUP BY collector
    )
  )
)`;

/** How much older the database may be than the table: then it was made by a version that did not have the table. */
const SAME_START_S = 600;

/**
 * Parts of the time from {from:UInt32} to {to:UInt32} (seconds) in which a collector was receiving, in milliseconds and in
 * order; the newest {partsMax:UInt32}. Whole hours are taken as such: a year of minutes would take seconds. Of a minute with a gap the last part is taken for the whole of its length.
 *
 * A database of an earlier version has no minutes of collectors before the first one here. There, minutes with counters of
 * exporters count as received, and before the first of those (they expire sooner than roll-ups) everything from the first
 * record, {first:UInt32}.
 */
export const RECEIVING_SQL = `
WITH (SELECT if(count() = 0, toDateTime64('2100-01-01 00:00:00', 3, 'UTC'), min(minute)) FROM collectors) AS firstMinute,
  (SELECT minIf(at, id = 8) > minIf(at, id = 1) + toIntervalSecond(${SAME_START_S}) FROM migrations) AS wasUpgraded,
  (SELECT if(count() = 0, firstMinute, least(firstMinute, min(minute))) FROM exporters) AS firstReport
SELECT toString(min(f)) AS fromMs, toString(max(t)) AS toMs
FROM (
  SELECT f, t, sum(isFirst) OVER (ORDER BY f, t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS part
  FROM (
    SELECT f, t, f > max(t) OVER (ORDER BY f, t ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS isFirst
    FROM (
      SELECT toUnixTimestamp64Milli(m.receivingUntil) - toInt64(m.receivingMs) AS f, toUnixTimestamp64Milli(m.receivingUntil) AS t FROM (${collectorMinutesSql(`${IN_WINDOW} AND toStartOfHour(minute) GLOBAL NOT IN (${WHOLE_HOURS_SQL})`)}) AS m
      UNION ALL
      SELECT toInt64(toUnixTimestamp(hour)) * 1000 AS f, f + ${HOUR_MS} AS t FROM (${WHOLE_HOURS_SQL})
      UNION ALL
      SELECT DISTINCT toUnixTimestamp64Milli(minute) AS f, f + 60000 AS t FROM exporters
      WHERE wasUpgraded AND minute < firstMinute AND minute >= toDateTime({from:UInt32}) AND minute < toDateTime({to:UInt32})
      UNION ALL
      SELECT toInt64({first:UInt32}) * 1000 AS f, toUnixTimestamp64Milli(firstReport) AS t WHERE wasUpgraded
    )
    WHERE t > f AND t > toInt64({from:UInt32}) * 1000 AND f < toInt64({to:UInt32}) * 1000
  )
)
GROUP BY part
ORDER BY min(f) DESC
LIMIT {partsMax:UInt32}`;

export interface ReceivingPart {
  readonly fromMs: string;
  readonly toMs: string;
}
