// Rows of a batch as text: a JSON object, a CSV line or a line of a table for people. 64-bit integers are plain digits
// in all of them.

import { formatAddress, formatMac, wordsOfRow } from '../../../schemas/address.ts';
import { arrayOf, type Batch } from '../../../schemas/batch.ts';
import { type Column, KINDS } from '../../../schemas/columns.ts';

/** A batch of which only some columns are wanted, in the order of the list. */
export type Rows = Batch<readonly Column[]>;

export interface RowFormat {
  /** What precedes the first row. */
  head(columns: readonly Column[]): string;
  line(rows: Rows, row: number): string;
}

const TIME_MS_MAX = 8.64e15;

/** A time of RFC 3339 in UTC; beyond the calendar its last one. */
export function isoTime(ms: number): string {
  return new Date(Math.min(TIME_MS_MAX, ms)).toISOString();
}

/** A value without quotes; numbers are digits, codes their names. */
function text(batch: Rows, column: Column, row: number): string {
  const array = arrayOf(batch, column.name);
  if (column.codes) return column.codes[array[row]!] ?? String(array[row]);
  switch (column.kind) {
    case 'address':
      return formatAddress(wordsOfRow(array as Uint32Array, row));
    case 'bytes16':
      return Buffer.from(array.buffer, row * 16, 16)
        .toString('hex')
        .replace(/^0+$/, '');
    case 'time':
      return isoTime(array[2 * row + 1]! * 2 ** 32 + array[2 * row]!);
    case 'u64':
      if (isMac(column)) return array[2 * row] === 0 && array[2 * row + 1] === 0 ? '' : mac(array, row);
      return String((BigInt(array[2 * row + 1]!) << 32n) | BigInt(array[2 * row]!));
    default:
      return String(array[row * KINDS[column.kind].wordsPerRow]);
  }
}

function isMac(column: Column): boolean {
  return column.shows === 'mac';
}

function mac(array: ArrayLike<number>, row: number): string {
  return formatMac(array[2 * row]!, array[2 * row + 1]!);
}

function isNumber(column: Column): boolean {
  return !column.codes && !isMac(column) && !['address', 'bytes16', 'time'].includes(column.kind);
}

const jsonl: RowFormat = {
  head: () => '',
  line(rows, row) {
    const members = rows.list.map(column => {
      const value = text(rows, column, row);
      return `"${column.name}":${isNumber(column) ? value : `"${value}"`}`;
    });
    return `{${members.join(',')}}\n`;
  },
};

/** No value needs quotes: codes, numbers, addresses and times hold neither commas nor quotes. */
const csv: RowFormat = {
  head: columns => `${columns.map(column => column.name).join(',')}\n`,
  line: (rows, row) => `${rows.list.map(column => text(rows, column, row)).join(',')}\n`,
};

/** Wide enough for what is usual; a longer value shifts its line. */
function width(column: Column): number {
  const usual = column.codes
    ? Math.max(...column.codes.map(name => name.length))
    : column.kind === 'time'
      ? 24
      : column.kind === 'address'
        ? 15
        : isMac(column)
          ? 17
          : column.kind === 'bytes16'
            ? 32
            : column.kind === 'u8'
              ? 3
              : column.kind === 'u64'
                ? 10
                : 5;
  return Math.max(usual, column.name.length);
}

function padded(column: Column, value: string): string {
  return isNumber(column) ? value.padStart(width(column)) : value.padEnd(width(column));
}

const table: RowFormat = {
  head: columns =>
    `${columns
      .map(column => padded(column, column.name))
      .join('  ')
      .trimEnd()}\n`,
  line: (rows, row) =>
    `${rows.list
      .map(column => padded(column, text(rows, column, row)))
      .join('  ')
      .trimEnd()}\n`,
};

export const TEXT_FORMATS = { jsonl, csv, table } as const;

/** What a table shows unless other columns are requested. */
export const TABLE_COLUMNS = [
  'flowStart', 'exporter', 'protocol', 'inIf', 'outIf', 'proto', 'srcAddr', 'srcPort', 'dstAddr', 'dstPort', 'vlan', 'packets', 'bytes', 'samplingRate',
] as const; // biome-ignore format: one list
