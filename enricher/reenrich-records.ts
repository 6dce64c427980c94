// Records of a day out of ClickHouse, enriched anew, and into the staged table: batch by batch as the collector made
// them. A batch is one block of its day and keeps its key and `storedAt`, so what is missing in the staged table is a
// difference of two sets, whether the run was stopped, killed, or overtaken by batches that came meanwhile.
//
// Only what the decoder told is read; every enriched column begins at zero, as at ingest. Decoded columns that enriching
// mends (flow times, a sampling rate that the registry overrides) are read as mended: mending them again changes nothing.

import { createHash } from 'node:crypto';
import { decodeRows, encodePieces } from '../schemas/arrow.ts';
import type { Batch } from '../schemas/batch.ts';
import { COUNT_REASON } from '../schemas/codes.ts';
import type { Column } from '../schemas/columns.ts';
import { FLOW_COLUMNS, type FlowColumns } from '../schemas/flow.ts';
import { NO_KEY } from '../schemas/keys.ts';
import type { ClickHouse } from '../storage/client.ts';
import { type StoredWindow, stagedName } from '../storage/staging.ts';
import type { QueryParams } from '../storage/storage.ts';
import type { Enrichment } from './enrich.ts';
import type { NodeNames } from './node-names.ts';

/** Records that are enriched and inserted at once, unless one batch has more: the bound of what a run holds in memory, twice. */
const GROUP_RECORDS = 131_072;
/** Batches listed at once. */
const LIST_MAX = 10_000;

const STORED_AT = {
  name: 'storedAt',
  kind: 'u32',
  stage: 'enriched',
  reveals: 'nothing',
  about: 'when it was inserted, seconds',
  source: 'ClickHouse',
} as const satisfies Column;
const STAGED_COLUMNS = [...FLOW_COLUMNS, STORED_AT] as const;
type StagedBatch = Batch<typeof STAGED_COLUMNS>;

const KEPT = ['batch', 'storedAt'];
const readSql = (names: readonly string[]) =>
  names.map(name => (name === 'storedAt' ? 'toUInt32(storedAt) AS storedAt' : name)).join(', ');
const ALL = readSql(STAGED_COLUMNS.map(({ name }) => name));
const DECODED = readSql(
  STAGED_COLUMNS.filter(({ name, stage }) => stage === 'decoded' || KEPT.includes(name)).map(({ name }) => name),
);

interface StoredBatch {
  /** Decimal: the key has 64 bits. */
  readonly batch: string;
  readonly rows: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/**
 * Batches of a day that were stored in the window and are not staged, the oldest first, in groups of GROUP_RECORDS: at most
 * LIST_MAX of them, so it is asked until there are none.
 */
async function missingGroups(
  storage: ClickHouse,
  run: string,
  day: number,
  window: StoredWindow,
): Promise<StoredBatch[][]> {
  const notStaged = `AND batch NOT IN (SELECT batch FROM ${stagedName(run, 'flows')})`;
  return groupsOf(await listBatches(storage, day, window, notStaged, '-1'));
}

async function listBatches(
  storage: ClickHouse,
  day: number,
  window: StoredWindow,
  condition: string,
  after: string,
): Promise<StoredBatch[]> {
  const rows = await storage.select<Record<'id' | 'rows' | 'firstMs' | 'lastMs', string>>(
    `SELECT toString(batch) AS id, count() AS rows, toUnixTimestamp64Milli(min(receivedAt)) AS firstMs,
       toUnixTimestamp64Milli(max(receivedAt)) AS lastMs
     FROM flows
     WHERE toYYYYMMDD(receivedAt) = {day:UInt32} AND storedAt >= toDateTime({fromS:UInt32}, 'UTC') AND storedAt < toDateTime({toS:UInt32}, 'UTC') ${condition}
     GROUP BY batch HAVING firstMs > {after:Int64} ORDER BY firstMs, batch LIMIT ${LIST_MAX}`,
    { day, ...window, after },
  );
  return rows.map(({ id, rows: count, firstMs, lastMs }) => ({
    batch: id,
    rows: Number(count),
    firstMs: Number(firstMs),
    lastMs: Number(lastMs),
  }));
}

function groupsOf(batches: readonly StoredBatch[]): StoredBatch[][] {
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

/** SQL and parameters that name the records of a group. */
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

/** Identifies the insert that stages a group: the same group again is left out. */
function groupToken(group: readonly StoredBatch[]): string {
  return createHash('sha256')
    .update(group.map(stored => stored.batch).join())
    .digest('hex');
}

function readGroup(storage: ClickHouse, day: number, group: readonly StoredBatch[], columns: string) {
  return storage.selectArrow(`SELECT ${columns} FROM flows WHERE ${IN_GROUP}`, groupParams(day, group));
}

/** What is staged of a day, and until when. */
export interface StageContext {
  readonly storage: ClickHouse;
  readonly run: string;
  readonly day: number;
  readonly revision: number;
  readonly signal: AbortSignal;
  readonly onRecords?: (records: number) => void;
}

interface RecordsContext extends StageContext {
  readonly enrichment: Enrichment;
  readonly names: NodeNames;
}

/** Enriches anew and stages what was stored in the window; false when `signal` stopped it between two groups. */
export async function stageRecords(context: RecordsContext, window: StoredWindow): Promise<boolean> {
  const { storage, run, day, revision, enrichment, names, signal, onRecords } = context;
  const table = stagedName(run, 'flows');
  let spare: StagedBatch | undefined;
  for (;;) {
    const groups = await missingGroups(storage, run, day, window);
    if (groups.length === 0) return true;
    let reading = readGroup(storage, day, groups[0]!, DECODED);
    for (const [i, group] of groups.entries()) {
      const arrow = await reading;
      if (signal.aborted) return false;
      const next = groups[i + 1];
      if (next) reading = readGroup(storage, day, next, DECODED);
      // Awaited in the next turn; until then a failure is nobody's.
      reading.catch(() => {});
      const { batch } = decodeRows(STAGED_COLUMNS, arrow, spare);
      spare = batch;
      checkRows(batch.rows, group);
      enrichAnew(batch, enrichment);
      batch.columns.revision.fill(revision, 0, batch.rows);
      await storage.insertNodes(names.take());
      await storage.insertArrow(table, encodePieces(batch), groupToken(group));
      onRecords?.(batch.rows);
    }
  }
}

const STAGED = STAGED_COLUMNS.map(({ name }) => name as string);

/**
 * The same without enriching: ClickHouse copies what was stored in the window. Some columns may get other values, as SQL
 * over columns of `f`, with parameters of its own.
 */
export async function copyRecords(
  { storage, run, day, revision, signal, onRecords }: StageContext,
  window: StoredWindow,
  changed: Readonly<Record<string, string>> = {},
  params: QueryParams = {},
): Promise<boolean> {
  const values = { ...changed, revision: '{revision:UInt32}' };
  const copied = STAGED.map(name => values[name as keyof typeof values] ?? `f.${name}`).join(', ');
  const sql = `INSERT INTO ${stagedName(run, 'flows')} (${STAGED.join(', ')}) SELECT ${copied} FROM flows AS f WHERE ${IN_GROUP}`;
  for (;;) {
    const groups = await missingGroups(storage, run, day, window);
    if (groups.length === 0) return true;
    for (const group of groups) {
      if (signal.aborted) return false;
      await storage.insertSelect(sql, { ...groupParams(day, group), ...params, revision }, groupToken(group));
      onRecords?.(group.reduce((sum, { rows }) => sum + rows, 0));
    }
  }
}

function checkRows(rows: number, group: readonly StoredBatch[]): void {
  const listed = group.reduce((sum, batch) => sum + batch.rows, 0);
  if (rows !== listed) throw new Error(`${rows} records were read where ${listed} were stored`);
}

/** Fills the enriched columns; a record keeps the batch it came with. */
function enrichAnew(staged: StagedBatch, enrichment: Enrichment): void {
  const { columns, rows, rowsMax } = staged;
  const batches = columns.batch.slice(0, 2 * rows);
  enrichment.enrichBatch({ list: FLOW_COLUMNS, columns, rows, rowsMax }, NO_KEY);
  columns.batch.set(batches);
}

/** What a re-enrichment of a day would change. */
export interface Changes {
  readonly records: number;
  /** Records with another VM, application or service at either end. */
  readonly renamed: number;
  /** Records with another weight or reason. */
  readonly recounted: number;
  /** Estimated bytes of either that count, before or after. */
  readonly bytesMoved: number;
}

type Compared = Pick<
  FlowColumns,
  'srcVm' | 'dstVm' | 'srcApp' | 'dstApp' | 'service' | 'weight' | 'countReason' | 'estBytes'
>;
const NAMED = ['srcVm', 'dstVm', 'srcApp', 'dstApp', 'service'] as const;

/** Reads and enriches, and stores nothing. */
export async function previewChanges(context: Omit<RecordsContext, 'run' | 'revision'>): Promise<Changes> {
  const { storage, day, enrichment, names, signal, onRecords } = context;
  const changes = { records: 0, renamed: 0, recounted: 0, bytesMoved: 0 };
  let spare: StagedBatch | undefined;
  let lastMs = -1;
  for (;;) {
    const batches = await listBatches(storage, day, { fromS: 0, toS: 0xffffffff }, '', String(lastMs));
    for (const group of groupsOf(batches)) {
      if (signal.aborted) return changes;
      const { batch } = decodeRows(STAGED_COLUMNS, await readGroup(storage, day, group, ALL), spare);
      spare = batch;
      const { columns, rows } = batch;
      const before: Compared = {
        srcVm: columns.srcVm.slice(0, 2 * rows),
        dstVm: columns.dstVm.slice(0, 2 * rows),
        srcApp: columns.srcApp.slice(0, 2 * rows),
        dstApp: columns.dstApp.slice(0, 2 * rows),
        service: columns.service.slice(0, 2 * rows),
        weight: columns.weight.slice(0, rows),
        countReason: columns.countReason.slice(0, rows),
        estBytes: columns.estBytes.slice(0, 2 * rows),
      };
      enrichAnew(batch, enrichment);
      names.take();
      compare(before, columns, rows, changes);
      changes.records += rows;
      onRecords?.(rows);
    }
    if (batches.length < LIST_MAX) return changes;
    // Of batches that begin in one millisecond the last may be listed again or left out: this is a preview.
    lastMs = batches.at(-1)!.firstMs;
  }
}

function compare(
  before: Compared,
  after: Compared,
  rows: number,
  changes: { renamed: number; recounted: number; bytesMoved: number },
): void {
  for (let row = 0; row < rows; row++) {
    let renamed = false;
    for (const name of NAMED)
      if (before[name][2 * row] !== after[name][2 * row] || before[name][2 * row + 1] !== after[name][2 * row + 1])
        renamed = true;
    const recounted = before.weight[row] !== after.weight[row] || before.countReason[row] !== after.countReason[row];
    if (renamed) changes.renamed++;
    if (recounted) changes.recounted++;
    if (renamed || recounted) changes.bytesMoved += Math.max(countedBytes(before, row), countedBytes(after, row));
  }
}

function countedBytes({ estBytes, weight, countReason }: Compared, row: number): number {
  const share = countReason[row] === COUNT_REASON.unelected ? 1 : weight[row]!;
  return (estBytes[2 * row]! + estBytes[2 * row + 1]! * 2 ** 32) * share;
}
