// Flow records, each batch once.
//
// A server without replicas that is killed may know the token of rows that it lost (embedded/deduplication-log.ts). So a
// repeated insert also looks for the rows and inserts those that are missing.

import type { ArrowBytes } from '../../schemas/arrow.ts';
import { MARKS } from '../../schemas/codes.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { shardFor } from '../sharded.ts';
import { type Storage, StorageError } from '../storage.ts';
import { dateTimeText } from './column-text.ts';
import { column, DATETIME, DEDUPLICATED, RECORD_DAYS, schemaColumns, type Table } from './table.ts';

const RECORD_COLUMNS = schemaColumns(FLOW_COLUMNS);

export const FLOWS: Table = {
  name: 'flows',
  columns: [...RECORD_COLUMNS, column('storedAt', DATETIME, 'DEFAULT now() CODEC(Delta, LZ4)')],
  engine: 'MergeTree',
  partition: 'toYYYYMMDD(receivedAt)',
  order: 'receivedAt',
  indices: ['storedAtRange storedAt TYPE minmax GRANULARITY 1', 'batches batch TYPE bloom_filter(0.001) GRANULARITY 1'],
  expiry: { column: 'toDateTime(receivedAt)', days: RECORD_DAYS },
  settings: DEDUPLICATED,
};

/** A batch of flows that may be stored already, in part or whole. */
export interface InsertedBefore {
  readonly batch: bigint;
  /** Oldest and newest `receivedAt` of its rows. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Days of `receivedAt` (UTC, 20260131) of its rows. */
  readonly days: readonly number[];
}

/** Records that are not restored: roll-ups counted the restored ones with their first insert. */
export const NOT_RESTORED_SQL = `bitAnd(marks, ${MARKS.restored}) = 0`;

const NAMES = RECORD_COLUMNS.map(({ name }) => name).join(', ');
const STRUCTURE = RECORD_COLUMNS.map(({ name, type }) => `${name} ${type}`)
  .join(', ')
  .replaceAll("'", "\\'");
const INPUT = `input('${STRUCTURE}')`;
const OF_BATCH = `batch = {batch:UInt64} AND receivedAt >= {from:DateTime64(3, 'UTC')} AND receivedAt <= {to:DateTime64(3, 'UTC')}`;
const DAYS_STORED = `SELECT DISTINCT toYYYYMMDD(receivedAt) AS day FROM flows WHERE ${OF_BATCH}`;
/**
 * Where a day was re-enriched with rows of this batch, its roll-ups were made from all of them and know nothing of the
 * batch's token: a repetition whose first try did not reach the roll-ups would be counted twice. The statement itself
 * looks that up, so that the fence (fence.ts) waits for look-up and insert together.
 */
const INSERT_AGAIN = `INSERT INTO flows (${NAMES}) SELECT ${NAMES} FROM ${INPUT}
  WHERE toYYYYMMDD(receivedAt) NOT IN (${DAYS_STORED} AND revision > 0)`;
/** Marked as restored, so that no view counts them. */
const INSERT_MISSING = `INSERT INTO flows (${NAMES}) SELECT ${NAMES.replace(/\bmarks\b/, `bitOr(marks, ${MARKS.restored}) AS marks`)} FROM ${INPUT}
  WHERE toYYYYMMDD(receivedAt) NOT IN (${DAYS_STORED})`;
/** One is enough, unless the server is killed at the same point again. */
const RESTORES_MAX = 3;

/**
 * Inserts one Arrow stream as one block; the same token is stored once. `again` goes with every try but the first: it
 * leaves out rows of days that have been re-enriched with this batch in them, and makes sure that the rows of every other
 * day are stored, even where ClickHouse knows the token and has lost the rows.
 */
export async function insertFlows(
  storage: Storage,
  arrow: ArrowBytes,
  token: string,
  again?: InsertedBefore,
): Promise<void> {
  const shard = shardFor(storage, token);
  if (again === undefined) return shard.insert({ into: 'INSERT INTO flows', arrow, token });
  await shard.insert({ into: INSERT_AGAIN, params: batchParams(again), arrow, token });
  // With replicas, token and part are one transaction of Keeper.
  if (!shard.replicated) await restoreMissing(shard, arrow, token, again);
}

/**
 * Inserts the rows that the server has lost, under tokens of their own. Each token is tried once, so that two processes
 * that restore the same rows store them once.
 */
async function restoreMissing(shard: Storage, arrow: ArrowBytes, token: string, batch: InsertedBefore): Promise<void> {
  const params = batchParams(batch);
  for (let restore = 1; ; restore++) {
    const rows = await shard.select<{ day: number }>(DAYS_STORED, params);
    const stored = new Set(rows.map(({ day }) => day));
    const missing = batch.days.filter(day => !stored.has(day));
    if (missing.length === 0) return;
    if (restore > RESTORES_MAX)
      throw new StorageError(
        'permanent',
        0,
        `ClickHouse accepted the rows of ${missing.join(', ')} and does not have them; see the log of the server`,
      );
    await shard.insert({ into: INSERT_MISSING, params, arrow, token: `${token}.missing${restore}` });
  }
}

function batchParams({ batch, fromMs, toMs }: InsertedBefore) {
  return { batch, from: dateTimeText(fromMs), to: dateTimeText(toMs) };
}

/**
 * Whether rows of this batch (first 64 bits of the SHA-256 of its token) with this day of receivedAt are stored. It says
 * nothing of roll-ups.
 */
export async function hasBatch(storage: Storage, batch: bigint, receivedAtMs: number): Promise<boolean> {
  const day = "toStartOfDay(fromUnixTimestamp64Milli({at:Int64}, 'UTC'))";
  const rows = await storage.select(
    `SELECT 1 FROM flows WHERE batch = {batch:UInt64} AND receivedAt >= ${day} AND receivedAt < ${day} + INTERVAL 1 DAY LIMIT 1`,
    { batch, at: Math.floor(receivedAtMs) },
  );
  return rows.length > 0;
}
