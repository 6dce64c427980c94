// Migrations that were done, a row for each.

import type { Storage } from '../storage.ts';
import { column, DATETIME_MS, type Table } from './table.ts';

export const MIGRATIONS: Table = {
  name: 'migrations',
  columns: [column('id', 'UInt32'), column('name', 'String'), column('at', DATETIME_MS, 'DEFAULT now64(3)')],
  engine: 'ReplacingMergeTree(at)',
  order: 'id',
};

/** Also where the table itself does not exist yet. */
export async function migrationsDone(storage: Storage): Promise<Set<number>> {
  const known = await storage.select<{ name: string }>(
    'SELECT name FROM system.tables WHERE database = currentDatabase() AND name = {name:String}',
    { name: MIGRATIONS.name },
  );
  if (known.length === 0) return new Set();
  const rows = await storage.select<{ id: number }>('SELECT DISTINCT id FROM migrations');
  return new Set(rows.map(({ id }) => id));
}

export async function recordMigrations(
  storage: Storage,
  done: readonly { readonly id: number; readonly name: string }[],
): Promise<void> {
  if (done.length === 0) return;
  await storage.command(
    'INSERT INTO migrations (id, name) SELECT done.1, done.2 FROM (SELECT arrayJoin(arrayZip({ids:Array(UInt32)}, {names:Array(String)})) AS done)',
    { ids: done.map(({ id }) => id), names: done.map(({ name }) => name) },
  );
}
