// Batch to Arrow IPC stream and back. apache-arrow is known to this module only.
//
// Every column has a buffer of its own: two columns that share one ArrayBuffer are merged by the IPC writer and the
// stream is corrupt. What is read is checked for exact types; a missing column takes zeros, an unknown one is counted.

import {
  type DataType,
  Field,
  FixedSizeBinary,
  Float32,
  Float64,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  type Table,
  TimestampMillisecond,
  tableFromIPC,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { arrayOf, type Batch, createBatch } from './batch.ts';
import { type Column, KINDS, type Kind } from './columns.ts';

const TYPES: Record<Kind, DataType> = {
  u8: new Uint8(),
  u16: new Uint16(),
  u32: new Uint32(),
  u64: new Uint64(),
  f32: new Float32(),
  f64: new Float64(),
  time: new TimestampMillisecond('UTC'),
  address: new FixedSizeBinary(16),
  bytes16: new FixedSizeBinary(16),
};

const schemas = new WeakMap<readonly Column[], Schema>();

function schemaOf(list: readonly Column[]): Schema {
  const known = schemas.get(list);
  if (known) return known;
  const schema = new Schema(list.map(column => new Field(column.name, TYPES[column.kind], false)));
  schemas.set(list, schema);
  return schema;
}

/** An Arrow IPC stream, whole or as consecutive pieces. */
export type ArrowBytes = Uint8Array | readonly Uint8Array[];

export function piecesOf(arrow: ArrowBytes): readonly Uint8Array[] {
  return arrow instanceof Uint8Array ? [arrow] : arrow;
}

/** Keeps what it is given instead of joining it: most pieces are the columns themselves. */
class PieceWriter extends RecordBatchStreamWriter {
  readonly pieces: Uint8Array[] = [];

  protected override _write(chunk: ArrayBufferView): this {
    const { buffer, byteOffset, byteLength } = chunk;
    // What is written before the schema is the end of a stream that has not begun.
    if (this._started && byteLength > 0)
      this.pieces.push(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength));
    return this;
  }
}

/**
 * One Arrow IPC stream: schema, a record batch for each batch, end. All batches are of one list. The pieces are views of
 * the batches' own arrays: nothing is copied, and the batches must stay as they are while the pieces are in use.
 */
export function encodePieces(
  first: Batch<readonly Column[]>,
  ...more: Batch<readonly Column[]>[]
): readonly Uint8Array[] {
  const schema = schemaOf(first.list);
  const writer = new PieceWriter();
  for (const batch of [first, ...more]) writer.write(recordBatchOf(schema, batch));
  writer.finish();
  return writer.pieces;
}

/** The same as one array of its own. */
export function encodeArrow(first: Batch<readonly Column[]>, ...more: Batch<readonly Column[]>[]): Uint8Array {
  return Buffer.concat(encodePieces(first, ...more));
}

function recordBatchOf(schema: Schema, batch: Batch<readonly Column[]>): RecordBatch {
  const children = batch.list.map(column => {
    const buffer = arrayOf(batch, column.name).buffer;
    return makeData({
      type: TYPES[column.kind] as Uint8,
      length: batch.rows,
      nullCount: 0,
      data: valuesOver(column.kind, buffer, batch.rows) as Uint8Array,
    });
  });
  const data = makeData({ type: new Struct(schema.fields), length: batch.rows, nullCount: 0, children });
  return new RecordBatch(schema, data);
}

function valuesOver(kind: Kind, buffer: ArrayBuffer, rows: number): ArrayBufferView {
  switch (kind) {
    case 'u8':
      return new Uint8Array(buffer, 0, rows);
    case 'u16':
      return new Uint16Array(buffer, 0, rows);
    case 'u32':
      return new Uint32Array(buffer, 0, rows);
    case 'u64':
      return new BigUint64Array(buffer, 0, rows);
    case 'f32':
      return new Float32Array(buffer, 0, rows);
    case 'f64':
      return new Float64Array(buffer, 0, rows);
    case 'time':
      return new BigInt64Array(buffer, 0, rows);
    default:
      return new Uint8Array(buffer, 0, rows * 16);
  }
}

export interface DecodedArrow<L extends readonly Column[]> {
  readonly batch: Batch<L>;
  /** Columns of the list that the stream lacks; they are zero. */
  readonly missing: readonly string[];
  /** Columns of the stream that the list lacks; they are left out. */
  readonly unknown: readonly string[];
}

/**
 * Reads a stream written by `encodeArrow` into `spare`, a batch of the same list that is not in use, or into a new one
 * when that is too small or not given. Columns the stream lacks are zero.
 * Throws an Error when the bytes are no such stream, or when a column has another type than the list says.
 */
export function decodeArrow<const L extends readonly Column[]>(
  list: L,
  bytes: Uint8Array,
  spare?: Batch<L>,
): DecodedArrow<L> {
  const table = tableFromIPC(bytes);
  if (table.batches.length !== 1)
    throw new Error(`Arrow stream holds ${table.batches.length} record batches, expected 1`);
  return readTable(list, table, spare);
}

/** The same for a stream of any number of record batches, as ClickHouse writes it: one batch after the other. */
export function decodeRows<const L extends readonly Column[]>(
  list: L,
  bytes: Uint8Array,
  spare?: Batch<L>,
): DecodedArrow<L> {
  return readTable(list, tableFromIPC(bytes), spare);
}

function readTable<const L extends readonly Column[]>(list: L, table: Table, spare?: Batch<L>): DecodedArrow<L> {
  const rows = table.numRows;
  const names = table.schema.fields.map(field => field.name);
  const batch = spare && spare.rowsMax >= rows ? spare : createBatch(list, rows);
  const missing: string[] = [];
  for (const column of list) {
    const target = arrayOf(batch, column.name);
    const { wordsPerRow, bytesPerRow } = KINDS[column.kind];
    const index = names.indexOf(column.name);
    if (index < 0) {
      missing.push(column.name);
      target.fill(0, 0, rows * wordsPerRow);
      continue;
    }
    const type = table.schema.fields[index]!.type;
    const expected = TYPES[column.kind];
    if (String(type) !== String(expected)) throw new Error(`column ${column.name} is ${type}, expected ${expected}`);
    let at = 0;
    for (const record of table.batches) {
      const { buffer, byteOffset, byteLength } = record.data.children[index]!.values as Uint8Array<ArrayBuffer>;
      const wanted = record.numRows * bytesPerRow;
      if (byteLength < wanted) throw new Error(`column ${column.name} holds ${byteLength} bytes, expected ${wanted}`);
      new Uint8Array(target.buffer, at, wanted).set(new Uint8Array(buffer, byteOffset, wanted));
      at += wanted;
    }
  }
  batch.rows = rows;
  const known = new Set<string>(list.map(column => column.name));
  return { batch, missing, unknown: names.filter(name => !known.has(name)) };
}

/** A column of an answer: nullable text, or nullable numbers as doubles. */
export interface TableColumn {
  readonly name: string;
  readonly kind: 'text' | 'number';
  readonly values: readonly (string | number | boolean | null)[];
}

/**
 * An Arrow IPC stream of a table that is no batch, such as an answer of the API, piece by piece: the first `write` gives
 * the schema too. A stream without its `finish` is one that was cut.
 */
export class TableWriter {
  readonly #schema: Schema;
  readonly #writer = new PieceWriter();

  /** `metadata` goes with the schema. */
  constructor(columns: readonly Pick<TableColumn, 'name' | 'kind'>[], metadata?: ReadonlyMap<string, string>) {
    const fields = columns.map(({ name, kind }) => new Field(name, kind === 'text' ? new Utf8() : new Float64(), true));
    this.#schema = new Schema(fields, new Map(metadata));
  }

  /** One record batch; `values` in the order of the columns. */
  write(values: readonly TableColumn['values'][]): Uint8Array {
    const children = this.#schema.fields.map(({ type }, i) => dataOf(type, values[i]!));
    const length = values[0]?.length ?? 0;
    const data = makeData({ type: new Struct(this.#schema.fields), length, nullCount: 0, children });
    this.#writer.write(new RecordBatch(this.#schema, data));
    return this.#taken();
  }

  finish(): Uint8Array {
    this.#writer.finish();
    return this.#taken();
  }

  #taken(): Uint8Array {
    return Buffer.concat(this.#writer.pieces.splice(0));
  }
}

function dataOf(type: DataType, values: TableColumn['values']) {
  const texts = type instanceof Utf8;
  const vector = texts
    ? vectorFromArray(
        values.map(value => (value === null ? null : String(value))),
        new Utf8(),
      )
    : vectorFromArray(
        values.map(value => (value === null ? null : Number(value))),
        new Float64(),
      );
  return vector.data[0] ?? makeData({ type: texts ? new Utf8() : new Float64(), length: 0 } as { type: Float64 });
}

/** The same whole, of one record batch. */
export function encodeTable(columns: readonly TableColumn[]): Uint8Array {
  const writer = new TableWriter(columns);
  return Buffer.concat([writer.write(columns.map(({ values }) => values)), writer.finish()]);
}

/**
 * The values of the listed columns of a stream written by `encodeTable`, in the order of the list; further columns are
 * left out. Throws an Error when the bytes are no such stream, lack a column or hold it in another type.
 */
export function decodeTable(
  list: readonly Pick<TableColumn, 'name' | 'kind'>[],
  bytes: Uint8Array,
  rowsMax: number,
): readonly (readonly (string | number | null)[])[] {
  const table = tableFromIPC(bytes);
  if (table.batches.length !== 1)
    throw new Error(`Arrow stream holds ${table.batches.length} record batches, expected 1`);
  if (table.numRows > rowsMax) throw new Error(`Arrow stream holds ${table.numRows} rows, at most ${rowsMax} are read`);
  return list.map(({ name, kind }) => {
    const column = table.getChild(name);
    const expected = kind === 'text' ? 'Utf8' : 'Float64';
    if (!column || String(column.type) !== expected)
      throw new Error(`column ${name} is ${column ? column.type : 'missing'}, expected ${expected}`);
    return Array.from(column);
  });
}
