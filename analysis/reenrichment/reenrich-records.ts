// Records of a day out of ClickHouse, enriched anew, and into the staged table: batch by batch as the collector made
// them (storage/rewrite/records.ts).
//
// Only what the decoder reported is read; every enriched column begins at zero, as at ingest. Decoded columns that enriching
// mends (flow times, a sampling rate that the registry overrides) are read as mended: mending them again changes nothing.

import type { NodeNames } from '../../enricher/endpoints/node-names.ts';
import type { Enrichment } from '../../enricher/stages/enrich.ts';
import { decodeRows, encodePieces } from '../../schemas/arrow.ts';
import type { Batch } from '../../schemas/batch.ts';
import { COUNT_REASON } from '../../schemas/codes.ts';
import type { Column } from '../../schemas/columns.ts';
import { FLOW_COLUMNS, type FlowColumns } from '../../schemas/flow.ts';
import { NO_KEY } from '../../schemas/keys.ts';
import {
  copyRecords,
  type FlowSpan,
  groupsOf,
  groupToken,
  LIST_MAX,
  listBatches,
  missingGroups,
  outsideSpans,
  readGroup,
  rowsOfGroup,
  type StageContext,
  type StoredBatch,
} from '../../storage/rewrite/records.ts';
import { type StoredWindow, stagedName } from '../../storage/rewrite/staging.ts';
import { insertNodes } from '../../storage/tables/nodes.ts';
import { insertPlaces } from '../../storage/tables/places.ts';

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

interface RecordsContext extends StageContext {
  readonly enrichment: Enrichment;
  readonly names: NodeNames;
  /** Batches without a flow that began in these are copied as they are; none when left out. */
  readonly changed?: readonly FlowSpan[] | undefined;
}

/** Enriches anew and stages what was stored in the window; false when `signal` stopped it between two groups. */
export async function stageRecords(context: RecordsContext, window: StoredWindow): Promise<boolean> {
  const { storage, run, day, revision, enrichment, names, signal, onRecords, changed } = context;
  if (changed && !(await copyRecords(context, window, { condition: outsideSpans(day, changed) }))) return false;
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
      await insertNodes(storage, names.take());
      await insertPlaces(storage, names.takePlaces());
      await storage.insert({ into: `INSERT INTO ${table}`, arrow: encodePieces(batch), token: groupToken(group) });
      onRecords?.(batch.rows);
    }
  }
}

function checkRows(rows: number, group: readonly StoredBatch[]): void {
  const listed = rowsOfGroup(group);
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

const EVER: StoredWindow = { fromS: 0, toS: 0xffffffff };

/** Reads and enriches, and stores nothing. */
export async function previewChanges(context: Omit<RecordsContext, 'run' | 'revision'>): Promise<Changes> {
  const { storage, day, enrichment, names, signal, onRecords } = context;
  const changes = { records: 0, renamed: 0, recounted: 0, bytesMoved: 0 };
  let spare: StagedBatch | undefined;
  let afterMs = -1;
  for (;;) {
    const batches = await listBatches(storage, day, { window: EVER, afterMs });
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
    afterMs = batches.at(-1)!.firstMs;
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
