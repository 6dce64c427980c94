// The views of a database that an earlier version created, given the SQL of this version.
//
// A batch whose answer was lost is inserted again, and must find its token in the roll-ups. An altered view gives other
// tokens until it is attached again; then they are those it gave before. So inserts are refused while a view is altered,
// detached and attached: the views behind `flows` and `pairs_5m` miss no row, and no row gets a token of the time between.
// The constraint that refuses them is the lock of those who migrate at once: the one on `flows`, added first and removed last.
// A crash leaves it in place for the next start, which goes on, with inserts refused wherever the crashed one had not come to.

import { setTimeout as sleep } from 'node:timers/promises';
import { retry } from '../../service/retry.ts';
import { insertsEnded } from '../fence.ts';
import type { Placement } from '../placement.ts';
import { type Storage, StorageError } from '../storage.ts';
import { TABLES, VIEWS, type View } from '../tables/all.ts';
import { NOT_RESTORED_SQL } from '../tables/flows.ts';

/** The tables that views read and that receive inserts; the constraint on the first is the lock. */
const SOURCES = ['flows', 'pairs_5m'] as const;
/** A name of the kind that enrichers wait for (failures.ts), and of no run. */
const CLOSED = 'reenrich_00000000';
/** ILLEGAL_COLUMN, of a constraint that is there. */
const ALREADY = /constraint with this name already exists/;
const STILL_USED = /it was detached but still used by some query/;
const ATTACH_MS_MAX = 60_000;
const ATTACH_PAUSES = { pauseMsMin: 20, pauseMsMax: 500 };
const POLL_MS = 50;
/** A process that has held the lock for so long, and had no insert to wait for, has crashed. */
const LOCK_MS_MAX = 60_000;

export async function renewViews(storage: Storage, place: Placement, lockMsMax = LOCK_MS_MAX): Promise<void> {
  let deadline: number | undefined;
  while ((await isClosed(storage)) || (await isDue(storage))) {
    if (!(await lock(storage, place))) {
      // Whoever holds the lock waits for them too, for however long.
      await insertsEnded(storage, SOURCES);
      deadline ??= performance.now() + lockMsMax;
      if (performance.now() < deadline) {
        await sleep(POLL_MS);
        continue;
      }
    }
    await close(storage, place);
    await insertsEnded(storage, SOURCES);
    for (const view of await detachedViews(storage)) await attach(storage, place, view);
    for (const view of await outdatedViews(storage)) await renew(storage, place, view);
    await open(storage, place);
  }
}

async function renew(storage: Storage, place: Placement, view: View): Promise<void> {
  const name = nameOf(place, view.name);
  await storage.command(`ALTER TABLE ${name} MODIFY QUERY ${view.sql(place.prefix)}`);
  await storage.command(`DETACH TABLE ${name}`);
  await attach(storage, place, view);
}

/** The server refuses it while a query that has begun before still uses the detached view. */
function attach(storage: Storage, place: Placement, { name }: View): Promise<void> {
  const deadline = performance.now() + ATTACH_MS_MAX;
  return retry(() => storage.command(`ATTACH TABLE IF NOT EXISTS ${nameOf(place, name)}`), {
    pauses: ATTACH_PAUSES,
    onFailure: error => {
      const isUsed = error instanceof StorageError && STILL_USED.test(error.message);
      if (!isUsed || performance.now() > deadline) throw error;
    },
  });
}

function nameOf({ prefix, everywhere }: Placement, name: string): string {
  return `${prefix}${name}${everywhere}`;
}

async function isDue(storage: Storage): Promise<boolean> {
  const [outdated, detached] = await Promise.all([outdatedViews(storage), detachedViews(storage)]);
  return outdated.length > 0 || detached.length > 0;
}

/** Those that do not fill every column of their table, or would count restored records twice. */
async function outdatedViews(storage: Storage): Promise<View[]> {
  const rows = await storage.select<{ name: string; sql: string }>(
    "SELECT name, as_select AS sql FROM system.tables WHERE database = currentDatabase() AND engine = 'MaterializedView'",
  );
  const sqls = new Map(rows.map(({ name, sql }) => [name, sql]));
  return VIEWS.filter(({ name, source, to }) => {
    const sql = sqls.get(name);
    if (sql === undefined) return false;
    const fillsAll = filledColumns(to).every(name => new RegExp(`\\b${name}\\b`).test(sql));
    return !fillsAll || (source === 'flows' && !sql.includes(NOT_RESTORED_SQL));
  });
}

function filledColumns(table: string): string[] {
  return TABLES.find(({ name }) => name === table)?.columns.map(({ name }) => name) ?? [];
}

async function detachedViews(storage: Storage): Promise<View[]> {
  const rows = await storage.select<{ name: string }>(
    'SELECT table AS name FROM system.detached_tables WHERE database = currentDatabase()',
  );
  return VIEWS.filter(view => rows.some(({ name }) => name === view.name));
}

/** False where another process has it, or had it when it crashed. */
async function lock(storage: Storage, place: Placement): Promise<boolean> {
  try {
    await storage.command(`ALTER TABLE ${nameOf(place, SOURCES[0])} ADD CONSTRAINT ${CLOSED} CHECK 0`);
    return true;
  } catch (error) {
    if (error instanceof StorageError && ALREADY.test(error.message)) return false;
    throw error;
  }
}

async function close(storage: Storage, place: Placement): Promise<void> {
  for (const table of SOURCES)
    await storage.command(`ALTER TABLE ${nameOf(place, table)} ADD CONSTRAINT IF NOT EXISTS ${CLOSED} CHECK 0`);
}

/** The lock last: whoever gets it finds no other table that is still to be opened. */
async function open(storage: Storage, place: Placement): Promise<void> {
  for (const table of SOURCES.toReversed())
    await storage.command(`ALTER TABLE ${nameOf(place, table)} DROP CONSTRAINT IF EXISTS ${CLOSED}`);
}

async function isClosed(storage: Storage): Promise<boolean> {
  const rows = await storage.select(
    `SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name IN {tables:Array(String)}
       AND position(create_table_query, {closed:String}) > 0 LIMIT 1`,
    { tables: SOURCES, closed: CLOSED },
  );
  return rows.length > 0;
}
