// The columns and views of a database that an earlier version created.

import { HairpinError } from '../../service/errors.ts';
import type { Placement } from '../placement.ts';
import type { Storage } from '../storage.ts';
import { RECORDS_VIEW, TABLES } from '../tables/all.ts';
import { NOT_RESTORED_SQL } from '../tables/flows.ts';

/** Adds columns that the schema has and the table lacks; a column of another type is refused, because rows would be changed. */
export async function alignColumns(storage: Storage, place: Placement, database: string): Promise<void> {
  const rows = await storage.select<{ table: string; name: string; type: string }>(
    'SELECT table, name, type FROM system.columns WHERE database = {database:String}',
    { database },
  );
  const types = new Map(rows.map(({ table, name, type }) => [`${table}.${name}`, type]));
  for (const table of TABLES) {
    for (const { name, type, definition } of table.columns) {
      const path = `${table.name}.${name}`;
      const found = types.get(path);
      if (found === undefined)
        await storage.command(
          `ALTER TABLE ${place.prefix}${table.name}${place.everywhere} ADD COLUMN IF NOT EXISTS ${definition}`,
        );
      else if (found !== type) {
        throw new HairpinError(
          'SCHEMA_MISMATCH',
          `${path} is ${found}, expected ${type}; use another database (--clickhouse-database) or convert it with ALTER TABLE ${table.name} MODIFY COLUMN ${name} ${type}`,
        );
      }
    }
  }
}

/**
 * A view of an earlier version would count restored records twice (tables/flows.ts), which replicated tables never need.
 * It is not changed here: a view that is altered, or dropped and created again, gives other tokens to what it inserts, so
 * that batches still under way would count twice.
 */
export async function checkViews(storage: Storage, database: string): Promise<void> {
  const rows = await storage.select<{ name: string }>(
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND name = {name:String}
       AND position(as_select, {condition:String}) = 0`,
    { name: RECORDS_VIEW, condition: NOT_RESTORED_SQL },
  );
  if (rows.length > 0)
    throw new HairpinError(
      'SCHEMA_MISMATCH',
      `${database}.${RECORDS_VIEW} is of an earlier version; stop the collectors, let spools and Kafka run empty, stop everything else, drop it with DROP VIEW ${database}.${RECORDS_VIEW} on each server, and start again, which creates it again`,
    );
}
