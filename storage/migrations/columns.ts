// The columns of a database that an earlier version created.

import { HairpinError } from '../../service/errors.ts';
import type { Placement } from '../placement.ts';
import type { Storage } from '../storage.ts';
import { TABLES } from '../tables/all.ts';
import type { Table } from '../tables/table.ts';

/**
 * Adds columns that the schema has and the table lacks; a column of another type is refused, because rows would be changed. A
 * sorting key may end with new columns: rows that are there keep their order.
 */
export async function alignColumns(
  storage: Storage,
  place: Placement,
  database: string,
  tables: readonly Table[] = TABLES,
  found?: Columns,
): Promise<void> {
  const { types, sorting } = found ?? (await readColumns(storage, database));
  for (const table of tables) {
    const alter = `ALTER TABLE ${place.prefix}${table.name}${place.everywhere}`;
    for (const { name, type } of table.columns) {
      const path = `${table.name}.${name}`;
      const found = types.get(path) ?? type;
      if (found !== type)
        throw new HairpinError(
          'SCHEMA_MISMATCH',
          `${path} is ${found}, expected ${type}; use another database (--clickhouse-database) or convert it with ALTER TABLE ${table.name} MODIFY COLUMN ${name} ${type}`,
        );
    }
    const missing = missingColumns(table, types);
    if (missing.length === 0) continue;
    const changes = missing.map(({ definition }) => `ADD COLUMN IF NOT EXISTS ${definition}`);
    const isKey = missing.some(({ name }) => new RegExp(`\\b${name}\\b`).test(table.order));
    if (isKey && sorting.has(table.name)) changes.push(`MODIFY ORDER BY ${table.order}`);
    await storage.command(`${alter} ${changes.join(', ')}`);
  }
}

/** Whether alignColumns() would change any of the tables. */
export function lackColumns({ types }: Columns, tables: readonly Table[]): boolean {
  return tables.some(table => missingColumns(table, types).length > 0);
}

function missingColumns(table: Table, types: ReadonlyMap<string, string>): Table['columns'] {
  return table.columns.filter(({ name }) => !types.has(`${table.name}.${name}`));
}

export interface Columns {
  /** By table and column. */
  readonly types: ReadonlyMap<string, string>;
  /** The tables with a sorting key: those in front of the shards sort nothing. */
  readonly sorting: ReadonlySet<string>;
}

export async function readColumns(storage: Storage, database: string): Promise<Columns> {
  const rows = await storage.select<{ table: string; name: string; type: string; sorted: number }>(
    'SELECT table, name, type, is_in_sorting_key AS sorted FROM system.columns WHERE database = {database:String}',
    { database },
  );
  return {
    types: new Map(rows.map(({ table, name, type }) => [`${table}.${name}`, type])),
    sorting: new Set(rows.filter(({ sorted }) => sorted === 1).map(({ table }) => table)),
  };
}
