// Records of a day, batch by batch as the collector made them, and their copy in the staged table. A batch is one block of
// its day and keeps its key and `storedAt`, so what is missing in the staged table is a difference of two sets, whether the
// run was stopped, killed, or overtaken by batches that arrived meanwhile.

import { createHash } from 'node:crypto';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import type { QueryParams, Storage } from '../storage.ts';
import { type StoredWindow, stagedName } from './staging.ts';

/** Records that are read and inserted at once, unless one batch has more: the bound of what a run holds in memory, twice. */
const GROUP_RECORDS = 131_072;
/** Batches listed at once. */
export const LIST_MAX = 10_000;
const STAGED = [...FLOW_COLUMNS.map(({ name }) => name as string), 'storedAt'];

export interface StoredBatch {
  /** Decimal: the key has 64 bits. */
  readonly batch: string;
  readonly rows: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Which batches of a day to list. */
export interface BatchFilter {
  readonly window: StoredWindow;
  /** SQL that follows the condition on day and window: `AND ...`. */
  readonly condition?: string;
  /** Leaves out batches whose first record is not later than this. */
  readonly afterMs?: number;
}

/** At most LIST_MAX batches, the oldest first. */
export async function listBatches(
  storage: Storage,
  day: number,
  { window, condition = '', afterMs = -1 }: BatchFilter,
): Promise<StoredBatch[]> {
  const rows = await storage.select<Record<'id' | 'rows' | 'firstMs' | 'lastMs', string>>(
    `SELECT toString(batch) AS id, count() AS rows, toUnixTimestamp64Milli(min(receivedAt)) AS firstMs,
       toUnixTimestamp64Milli(max(receivedAt)) AS lastMs
     FROM flows
     WHERE toYYYYMMDD(receivedAt) = {day:UInt32} AND storedAt >= toDateTime({fromS:UInt32}, 'UTC') AND storedAt < toDateTime({toS:UInt32}, 'UTC') ${condition}
     GROUP BY batch HAVING firstMs > {after:Int64} ORDER BY firstMs, batch LIMIT ${LIST_MAX}`,
    { day, ...window, after: String(afterMs) },
  );
  return rows.map(({ id, rows: count, firstMs, lastMs }) => ({
    batch: id,
    rows: Number(count),
    firstMs: Number(firstMs),
    lastMs: Number(lastMs),
  }));
}

/**
 * Batches of a day that were stored in the window and are not staged, the oldest first, in groups of GROUP_RECORDS: at most
 * LIST_MAX of them, so call it until there are none. `more` is a further condition, as in BatchFilter.
 */
export async function missingGroups(
  storage: Storage,
  run: string,
  day: number,
  window: StoredWindow,
  more = '',
): Promise<StoredBatch[][]> {
  const condition = `AND batch NOT IN (SELECT batch FROM ${stagedName(run, 'flows')}) ${more}`;
  return groupsOf(await listBatches(storage, day, { window, condition }));
}

export function groupsOf(batches: readonly StoredBatch[]): StoredBatch[][] {
  const groups: StoredBatch[][] = [];
  let rows = Number.POSITIVE_INFINITY;
  for (const batch of batches) {
    if (rows + batch.rows > GROUP_RECORDS) {
      groups.push([]);
      rows = 0;
    }
    groups.at(-1)!.push(batch);
    rows += batch.rows;
  }
  return groups;
}

export function rowsOfGroup(group: readonly StoredBatch[]): number {
  return group.reduce((sum, { rows }) => sum + rows, 0);
}

/** SQL and parameters that select the records of a group. */
const IN_GROUP = `toYYYYMMDD(receivedAt) = {day:UInt32} AND batch IN {batches:Array(UInt64)}
       AND receivedAt >= fromUnixTimestamp64Milli({firstMs:Int64}) AND receivedAt <= fromUnixTimestamp64Milli({lastMs:Int64})`;
function groupParams(day: number, group: readonly StoredBatch[]) {
  return {
    day,
    batches: group.map(({ batch }) => BigInt(batch)),
    firstMs: Math.min(...group.map(({ firstMs }) => firstMs)),
    lastMs: Math.max(...group.map(({ lastMs }) => lastMs)),
  };
}

/** Identifies the insert that stages a group, so that a repetition is left out. */
export function groupToken(group: readonly StoredBatch[]): string {
  return createHash('sha256')
    .update(group.map(stored => stored.batch).join())
    .digest('hex');
}

/** The records of a group as an Arrow stream; `columns` is a SELECT list. */
export function readGroup(
  storage: Storage,
  day: number,
  group: readonly StoredBatch[],
  columns: string,
): Promise<Uint8Array> {
  return storage.selectArrow(`SELECT ${columns} FROM flows WHERE ${IN_GROUP}`, groupParams(day, group));
}

/** The day that a run stages. */
export interface StageContext {
  readonly storage: Storage;
  readonly run: string;
  readonly day: number;
  readonly revision: number;
  readonly signal: AbortSignal;
  readonly onRecords?: (records: number) => void;
}

export interface CopyOptions {
  /** Columns that get other values, as SQL over columns of `f`, with parameters of its own. */
  readonly changed?: Readonly<Record<string, string>>;
  readonly params?: QueryParams;
  /** Which batches, as in BatchFilter; all of them when left out. */
  readonly condition?: string;
}

/**
 * Copies into the staged table what was stored in the window and is missing there; false when `signal` stopped it between
 * two groups.
 */
export async function copyRecords(
  { storage, run, day, revision, signal, onRecords }: StageContext,
  window: StoredWindow,
  { changed = {}, params = {}, condition = '' }: CopyOptions = {},
): Promise<boolean> {
  const values: Readonly<Record<string, string>> = { ...changed, revision: '{revision:UInt32}' };
  const copied = STAGED.map(name => values[name] ?? `f.${name}`).join(', ');
  const sql = `INSERT INTO ${stagedName(run, 'flows')} (${STAGED.join(', ')}) SELECT ${copied} FROM flows AS f WHERE ${IN_GROUP}`;
  for (;;) {
    const groups = await missingGroups(storage, run, day, window, condition);
    if (groups.length === 0) return true;
    for (const group of groups) {
      if (signal.aborted) return false;
      await storage.command(sql, { ...groupParams(day, group), ...params, revision }, groupToken(group));
      onRecords?.(rowsOfGroup(group));
    }
  }
}

/** A half-open span of flow time. */
export interface FlowSpan {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The condition of batches of a day that hold no flow which began in one of the spans. */
export function outsideSpans(day: number, spans: readonly FlowSpan[]): string {
  return `AND batch NOT IN (SELECT batch FROM flows WHERE ${insideSpans(day, spans)})`;
}

/** Whether a day holds a flow that began in one of the spans. */
export async function hasInside(storage: Storage, day: number, spans: readonly FlowSpan[]): Promise<boolean> {
  const rows = await storage.select(`SELECT 1 FROM flows WHERE ${insideSpans(day, spans)} LIMIT 1`);
  return rows.length > 0;
}

function insideSpans(day: number, spans: readonly FlowSpan[]): string {
  const ms = (value: number) => `fromUnixTimestamp64Milli(${Math.floor(value)})`;
  const within = spans.map(({ fromMs, untilMs }) => `(flowStart >= ${ms(fromMs)} AND flowStart < ${ms(untilMs)})`);
  return `toYYYYMMDD(receivedAt) = ${day} AND (${within.join(' OR ') || '0'})`;
}

/** The revision that records get when their day is rewritten: one more than the highest it has. */
export async function nextRevision(storage: Storage, day: number): Promise<number> {
  const [row] = await storage.select<{ revision: number }>(
    'SELECT max(revision) AS revision FROM flows WHERE toYYYYMMDD(receivedAt) = {day:UInt32}',
    { day },
  );
  return (row?.revision ?? 0) + 1;
}
