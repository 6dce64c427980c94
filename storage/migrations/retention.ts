// How long tables keep rows, and whether they are synced to disk, follow the configuration, which may differ from that of
// the last start.

import type { TableConfiguration } from '../configuration.ts';
import type { Placement } from '../placement.ts';
import type { Storage } from '../storage.ts';
import { TABLES } from '../tables/all.ts';
import { expirySql, type Retention, retainedDays } from '../tables/table.ts';

const RECALCULATE_ONLY = 'materialize_ttl_recalculate_only = 1';

export async function alignSettings(
  storage: Storage,
  config: Retention & Pick<TableConfiguration, 'durable'>,
  place: Placement,
): Promise<void> {
  const rows = await storage.select<{ name: string; create_table_query: string }>(
    'SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()',
  );
  const queries = new Map(rows.map(row => [row.name, row.create_table_query]));
  const fsync = ['fsync_after_insert', 'fsync_part_directory']
    .map(name => `${name} = ${config.durable ? 1 : 0}`)
    .join(', ');
  for (const table of TABLES) {
    const query = queries.get(table.name) ?? '';
    const alter = `ALTER TABLE ${place.prefix}${table.name}${place.everywhere}`;
    const expiry = expirySql(table, config);
    if (!query.includes(expiry)) {
      // The server then recalculates in the background when each part expires, and leaves the columns of large parts where
      // they are; it rewrites parts of one file, which are small.
      if (!query.includes(RECALCULATE_ONLY)) await storage.command(`${alter} MODIFY SETTING ${RECALCULATE_ONLY}`);
      await storage.command(`${alter} MODIFY TTL ${expiry}`);
    }
    const durable = query.includes('fsync_after_insert = 1');
    if (durable !== config.durable) await storage.command(`${alter} MODIFY SETTING ${fsync}`);
  }
}

/** Tables whose partitions are days of eight digits; those of months (`collectors`) are left to their TTL. */
const DAYS = /^(day$|toYYYYMMDD\()/;

/**
 * Drops days beyond retention at once: after retention is shortened they would otherwise wait for merges. A day more,
 * because roll-ups age by flow times, which may be ahead of their receipt.
 */
export async function dropExpired(storage: Storage, config: Retention): Promise<void> {
  const daily = TABLES.filter(({ partition, expiry }) => expiry !== undefined && DAYS.test(partition ?? ''));
  const expired = await storage.select<{ name: string; partition: string }>(
    `SELECT DISTINCT table AS name, partition FROM system.parts WHERE database = currentDatabase() AND active
       AND has({tables:Array(String)}, table) AND match(partition, '^[0-9]{8}$') AND toUInt32OrZero(partition) < toYYYYMMDD(
         now('UTC') - toIntervalDay({days:Array(UInt32)}[indexOf({tables:Array(String)}, table)])) ORDER BY name, partition`,
    { tables: daily.map(({ name }) => name), days: daily.map(table => retainedDays(table, config) + 2) },
  );
  for (const { name, partition } of expired) await storage.command(`ALTER TABLE ${name} DROP PARTITION ${partition}`);
}
