// A batch: one typed array per column and a row count. Decoders append rows, the encoder turns it into Arrow IPC. The
// buffers move between threads by transfer, so a batch is made again from its buffers on the other side.

import { type Column, type ColumnArray, type ColumnsOf, KINDS, viewOf } from './columns.ts';

export const BATCH_KINDS = ['flows', 'exporters', 'facts', 'interfaces', 'collectors'] as const;
export type BatchKind = (typeof BATCH_KINDS)[number];

/** Names a batch for ever: `epoch` is 128 random bits drawn at each worker start, `sequence` counts from 0 in it. */
export interface BatchIdentity {
  readonly kind: BatchKind;
  /** Collector id: 1 to 63 characters of [a-z0-9-]. */
  readonly collector: string;
  readonly worker: number;
  /** 32 hexadecimal digits. */
  readonly epoch: string;
  readonly sequence: number;
  /** Which part of a batch that was too large for its carrier: a digit for each halving, 0 the first half, 1 the second. */
  readonly part?: string;
}

/** The deduplication token, and the name of the batch in logs and files. */
export function tokenOf(identity: BatchIdentity): string {
  const { kind, collector, worker, epoch, sequence, part } = identity;
  return `${kind}.${collector}.${worker}.${epoch}.${sequence}${part === undefined ? '' : `-${part}`}`;
}

const TOKEN = new RegExp(
  `^(${BATCH_KINDS.join('|')})\\.([a-z0-9-]{1,63})\\.(\\d{1,5})\\.([0-9a-f]{32})\\.(\\d{1,15})(?:-([01]{1,20}))?$`,
);

export function parseToken(token: string): BatchIdentity | undefined {
  const match = TOKEN.exec(token);
  if (!match) return undefined;
  const [, kind, collector, worker, epoch, sequence, part] = match;
  return {
    kind: kind as BatchKind,
    collector: collector!,
    worker: Number(worker),
    epoch: epoch!,
    sequence: Number(sequence),
    ...(part !== undefined && { part }),
  };
}

export interface Batch<L extends readonly Column[]> {
  readonly list: L;
  readonly columns: ColumnsOf<L>;
  readonly rowsMax: number;
  rows: number;
}

export function createBatch<const L extends readonly Column[]>(list: L, rowsMax: number): Batch<L> {
  return batchOver(
    list,
    rowsMax,
    list.map(column => new ArrayBuffer(rowsMax * KINDS[column.kind].bytesPerRow)),
    0,
  );
}

/** A batch over buffers that came from another thread, in the order of the list. */
export function batchOver<const L extends readonly Column[]>(
  list: L,
  rowsMax: number,
  buffers: readonly ArrayBuffer[],
  rows: number,
): Batch<L> {
  const columns = columnsObject(list);
  list.forEach((column, i) => {
    columns[column.name] = viewOf(column.kind, buffers[i]!);
  });
  return { list, columns: columns as ColumnsOf<L>, rowsMax, rows };
}

/**
 * The object of a batch's columns, which all batches of a list have in one shape. Properties added one by one by computed
 * names end in a dictionary of its own for each object: every access is a lookup then, and code that V8 optimized for one batch
 * is thrown away at the next.
 */
function columnsObject(list: readonly Column[]): Record<string, ColumnArray<Column['kind']>> {
  return JSON.parse(`{${list.map(({ name }) => `"${name}":null`).join()}}`);
}

/** The buffers of a batch in the order of its list, to transfer. */
export function buffersOf(batch: Batch<readonly Column[]>): ArrayBuffer[] {
  return batch.list.map(column => arrayOf(batch, column.name).buffer);
}

export function arrayOf(batch: Batch<readonly Column[]>, name: string): ColumnArray<Column['kind']> {
  return (batch.columns as Record<string, ColumnArray<Column['kind']>>)[name]!;
}

/** Zero in every column of the rows used, and no rows. Decoders rely on it: a column they do not write stays zero. */
export function clearBatch(batch: Batch<readonly Column[]>): void {
  for (const column of batch.list) arrayOf(batch, column.name).fill(0, 0, batch.rows * KINDS[column.kind].wordsPerRow);
  batch.rows = 0;
}

/** Zero in every column of one row. */
export function clearRow(batch: Batch<readonly Column[]>, row: number): void {
  for (const column of batch.list) {
    const { wordsPerRow } = KINDS[column.kind];
    arrayOf(batch, column.name).fill(0, row * wordsPerRow, (row + 1) * wordsPerRow);
  }
}
