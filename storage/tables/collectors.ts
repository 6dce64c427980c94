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

/** `hours`: starts of hours in which a collector was receiving without a gap, in seconds, in any order. */
export const WHOLE_HOURS_SQL = `
SELECT groupUniqArray(toUInt32(hour)) AS hours FROM (
  SELECT hour FROM (
    SELECT toStartOfHour(minute) AS hour, collector, shares, share, sum(c.receivingMs) AS ms FROM collectors AS c
    WHERE ${IN_WINDOW}
    GROUP BY hour, collector, shares, share
  )
  GROUP BY hour, collector, shares
  HAVING count() = shares AND min(ms) >= ${HOUR_MS}
)`;

/** Parts of the times given (seconds; `toS` excluded) in which a collector was receiving, a row for each of its minutes. */
export function receivingMinutesSql(ranges: number): string {
  const within = Array.from(
    { length: ranges },
    (_, i) => `(minute >= toDateTime({from${i}:UInt32}) AND minute < toDateTime({to${i}:UInt32}))`,
  );
  return `SELECT toString(toUnixTimestamp64Milli(m.receivingUntil) - toInt64(m.receivingMs)) AS fromMs, toString(toUnixTimestamp64Milli(m.receivingUntil)) AS toMs
FROM (${collectorMinutesSql(within.join(' OR '))}) AS m`;
}

/** How much older the database may be than the table: then it was made by a version that did not have the table. */
const SAME_START_S = 600;

/** Whether an earlier version made the database, which had no such table. */
export const WAS_UPGRADED_SQL = `SELECT minIf(at, id = 8) > minIf(at, id = 1) + toIntervalSecond(${SAME_START_S}) AS wasUpgraded FROM migrations`;

/**
 * A database of an earlier version has no minutes of collectors before the first one here. There, minutes with counters of
 * exporters count as received, and before the first of those (they expire sooner than roll-ups) everything from the first
 * record, {first:UInt32}.
 */
export const RECEIVED_BEFORE_SQL = `
WITH (SELECT if(count() = 0, toDateTime64('2100-01-01 00:00:00', 3, 'UTC'), min(minute)) FROM collectors) AS firstMinute,
  (SELECT if(count() = 0, firstMinute, least(firstMinute, min(minute))) FROM exporters) AS firstReport
SELECT DISTINCT toString(toUnixTimestamp64Milli(minute)) AS fromMs, toString(toUnixTimestamp64Milli(minute) + 60000) AS toMs FROM exporters
WHERE minute < firstMinute AND ${IN_WINDOW}
UNION ALL
SELECT toString(toInt64({first:UInt32}) * 1000), toString(toUnixTimestamp64Milli(firstReport))`;

export interface ReceivingPart {
  readonly fromMs: string;
  readonly toMs: string;
}
