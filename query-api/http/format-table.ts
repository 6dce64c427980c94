// Answers as tables: CSV (RFC 4180) and an Arrow IPC stream, from rows that are flat records.

import { encodeTable } from '../../schemas/arrow.ts';

export const FORMATS = ['json', 'csv', 'arrow'] as const;
export type Format = (typeof FORMATS)[number];

export type FlatValue = string | number | boolean | null;
export type FlatRow = Readonly<Record<string, FlatValue>>;

export const CONTENT_TYPES: Readonly<Record<Exclude<Format, 'json'>, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  arrow: 'application/vnd.apache.arrow.stream',
};

/** `columns` gives order and kind, so that an empty answer has its header too. */
export function formatTable(
  format: Exclude<Format, 'json'>,
  columns: Readonly<Record<string, 'text' | 'number'>>,
  rows: readonly FlatRow[],
): string | Uint8Array {
  const names = Object.keys(columns);
  if (format === 'arrow')
    return encodeTable(names.map(name => ({ name, kind: columns[name]!, values: rows.map(row => row[name] ?? null) })));
  return [names, ...rows.map(row => names.map(name => row[name] ?? null))]
    .map(line => `${line.map(csvField).join(',')}\r\n`)
    .join('');
}

/**
 * A spreadsheet takes a text that starts with one of these signs, in one of their widths, for a formula, some after blanks;
 * the quote keeps it a text.
 */
const FORMULA = /^[\s\p{Cf}=+\-@\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20]/u;

function csvField(value: FlatValue): string {
  if (value === null) return '';
  const text = typeof value === 'string' && FORMULA.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
