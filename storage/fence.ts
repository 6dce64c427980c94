// The fence around a day of receipt: while it is in place, ClickHouse itself refuses every insert of rows of that day, from
// every client, and a swap of the day's partitions can lose nothing. The fence is a constraint on the tables that receive
// inserts, so no client has to cooperate and none can be forgotten. A client whose insert is refused tries again.
//
// A constraint holds for inserts that begin after it. Whoever adds one waits for the inserts that began before it, and,
// before removing it, for those that began meanwhile: one of them may have looked something up before the swap.
//
// The name of the constraint contains the run that added it, so that a fence left by a crash can be found
// (rewrite/recovery.ts).

import { setTimeout as sleep } from 'node:timers/promises';
import type { Storage } from './storage.ts';

export type FencedTable = 'flows' | 'pairs_5m' | 'unelected_5m';

/** The tables that receive inserts, and the day of a row. Views behind these fill the other tables of a day. */
const DAY_SQL: Readonly<Record<FencedTable, string>> = {
  flows: 'toYYYYMMDD(receivedAt)',
  pairs_5m: 'day',
  unelected_5m: 'day',
};
const FENCED_TABLES = Object.keys(DAY_SQL) as readonly FencedTable[];
/** The tables that the scheduled roll-up fills. */
export const SCHEDULED_TABLES: readonly FencedTable[] = ['pairs_5m', 'unelected_5m'];

const POLL_MS = 10;

export interface Fence {
  readonly run: string;
  readonly day: number;
}

export async function addFence(storage: Storage, { run, day }: Fence, tables: readonly FencedTable[]): Promise<void> {
  for (const table of tables)
    await storage.command(
      `ALTER TABLE ${table} ADD CONSTRAINT IF NOT EXISTS reenrich_${run} CHECK ${DAY_SQL[table]} != ${day}`,
    );
}

export async function removeFence(
  storage: Storage,
  run: string,
  tables: readonly FencedTable[] = FENCED_TABLES,
): Promise<void> {
  for (const table of tables) await storage.command(`ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS reenrich_${run}`);
}

/** The fences in place, as the tables themselves have them. */
export async function fencesInPlace(storage: Storage): Promise<Fence[]> {
  const rows = await storage.select<{ sql: string }>(
    'SELECT create_table_query AS sql FROM system.tables WHERE database = currentDatabase() AND name IN {names:Array(String)}',
    { names: FENCED_TABLES },
  );
  const fences = new Map<string, Fence>();
  for (const { sql } of rows)
    for (const [, run, day] of sql.matchAll(/CONSTRAINT `?reenrich_([0-9a-f]+)`? CHECK [^,]*? != (\d{8})/g))
      fences.set(run!, { run: run!, day: Number(day) });
  return [...fences.values()];
}

/** Resolves to true when every insert into these tables that runs now has ended, to false at the deadline of performance.now(). */
export function insertsEnded(
  storage: Storage,
  tables: readonly FencedTable[],
  deadline = Number.POSITIVE_INFINITY,
): Promise<boolean> {
  const begins = tables.map(table => `startsWith(query, 'INSERT INTO ${table}')`).join(' OR ');
  return statementsEnded(storage, `query_kind = 'Insert' AND (${begins})`, deadline);
}

/** Resolves when every statement has ended that writes the staged tables of a run, or moves them. */
export async function runStatementsEnded(storage: Storage, run: string): Promise<void> {
  // The query that looks for them contains the name too.
  const condition = `position(query, 'reenrich_${run}') > 0 AND query_kind != 'Select'`;
  await statementsEnded(storage, condition, Number.POSITIVE_INFINITY);
}

/** As insertsEnded, for the statements that meet `condition` (SQL over system.processes). */
async function statementsEnded(storage: Storage, condition: string, deadline: number): Promise<boolean> {
  let waiting = new Set(await runningStatements(storage, condition));
  while (waiting.size > 0) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
    const running = await runningStatements(storage, condition);
    waiting = new Set(running.filter(id => waiting.has(id)));
  }
  return true;
}

async function runningStatements(storage: Storage, condition: string): Promise<string[]> {
  const rows = await storage.select<{ id: string }>(
    `SELECT query_id AS id FROM system.processes WHERE current_database = currentDatabase() AND ${condition}`,
  );
  return rows.map(({ id }) => id);
}

/**
 * Seconds for which the oldest insert of records has run, NULL for none: as a column of a SELECT. The time limit of an insert
 * acts between blocks, not while a client stalls in the middle of one, so such an insert is waited for.
 */
export const OLDEST_INSERT_S_SQL =
  "(SELECT maxOrNull(elapsed) FROM system.processes WHERE query_kind = 'Insert' AND startsWith(query, 'INSERT INTO flows'))";
