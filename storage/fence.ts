// The fence before a day of receipt: while it stands, ClickHouse itself refuses every insert of rows of that day, from
// whomever it comes, and a swap of the day's partitions can lose nothing. It is a constraint on the tables that are
// inserted into, so nobody has to be asked and nobody can be forgotten; whoever inserts tries again (persistence.ts).
//
// A constraint holds for inserts that begin after it. Those that began before are waited for, and so are, before the
// fence is taken away, those that began meanwhile: one of them may have looked something up before the swap.
//
// The name of the constraint is that of the run that raised it, so that a fence left behind can be found (recovery.ts).

import type { ClickHouse } from './client.ts';

export type FencedTable = 'flows' | 'pairs_5m' | 'unelected_5m';

/** What is inserted into, and what of a row is its day. Other tables of a day are filled by views behind these. */
const DAY_SQL: Readonly<Record<FencedTable, string>> = {
  flows: 'toYYYYMMDD(receivedAt)',
  pairs_5m: 'day',
  unelected_5m: 'day',
};
const TABLES = Object.keys(DAY_SQL) as readonly FencedTable[];
/** The tables that the scheduled pass fills. */
export const PASSED_TABLES: readonly FencedTable[] = ['pairs_5m', 'unelected_5m'];

const POLL_MS = 10;

export interface Fence {
  readonly run: string;
  readonly day: number;
}

export async function raiseFence(
  storage: ClickHouse,
  { run, day }: Fence,
  tables: readonly FencedTable[],
): Promise<void> {
  for (const table of tables)
    await storage.command(
      `ALTER TABLE ${table} ADD CONSTRAINT IF NOT EXISTS reenrich_${run} CHECK ${DAY_SQL[table]} != ${day}`,
    );
}

export async function liftFence(
  storage: ClickHouse,
  run: string,
  tables: readonly FencedTable[] = TABLES,
): Promise<void> {
  for (const table of tables) await storage.command(`ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS reenrich_${run}`);
}

/** The fences that stand, as the tables themselves say. */
export async function standingFences(storage: ClickHouse): Promise<Fence[]> {
  const rows = await storage.select<{ sql: string }>(
    'SELECT create_table_query AS sql FROM system.tables WHERE database = currentDatabase() AND name IN {names:Array(String)}',
    { names: TABLES },
  );
  const fences = new Map<string, Fence>();
  for (const { sql } of rows)
    for (const [, run, day] of sql.matchAll(/CONSTRAINT `?reenrich_([0-9a-f]+)`? CHECK [^,]*? != (\d{8})/g))
      fences.set(run!, { run: run!, day: Number(day) });
  return [...fences.values()];
}

/**
 * Resolves to true when every statement that runs now and meets `condition` (SQL over system.processes) has ended, to
 * false when one still runs at the deadline (of performance.now()).
 */
async function ended(storage: ClickHouse, condition: string, deadline: number): Promise<boolean> {
  const running = async (more = '') =>
    (
      await storage.select<{ id: string }>(
        `SELECT query_id AS id FROM system.processes WHERE current_database = currentDatabase() AND ${condition}${more}`,
      )
    ).map(({ id }) => id);
  let waiting = new Set(await running());
  while (waiting.size > 0) {
    if (performance.now() > deadline) return false;
    await new Promise(done => setTimeout(done, POLL_MS));
    waiting = new Set((await running()).filter(id => waiting.has(id)));
  }
  return true;
}

export function insertsEnded(
  storage: ClickHouse,
  tables: readonly FencedTable[],
  deadline = Number.POSITIVE_INFINITY,
): Promise<boolean> {
  const begins = tables.map(table => `startsWith(query, 'INSERT INTO ${table}')`).join(' OR ');
  return ended(storage, `query_kind = 'Insert' AND (${begins})`, deadline);
}

/** Whatever reads or writes the staged tables of a run, or moves them. */
export function statementsEnded(storage: ClickHouse, run: string): Promise<boolean> {
  // This very question holds the name too.
  return ended(storage, `position(query, 'reenrich_${run}') > 0 AND query_kind != 'Select'`, Number.POSITIVE_INFINITY);
}
