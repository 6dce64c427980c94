// Answers as tables, from rows that are flat records: JSON lines, CSV (RFC 4180), an Arrow IPC stream, Parquet. Each form is
// written piece by piece, so that a table without end needs no more memory than a piece. One that lacks its last piece is
// not whole: Arrow has an end mark, Parquet a footer, and the others end with the HTTP body.
//
// What a table says of itself (its unit, window and quality) stands beside it, not in it: in the header field of HTTP,
// in the metadata of Arrow and Parquet. RFC 4180 has no comments: lines before the names would be rows to most programs.
// `preamble=true` writes them for people who open the file.

import { TableWriter } from '../../schemas/arrow.ts';
import { ParquetTable } from './parquet.ts';

export const FORMATS = ['json', 'jsonl', 'csv', 'arrow', 'parquet'] as const;
export type Format = (typeof FORMATS)[number];
export type TableFormat = Exclude<Format, 'json'>;

export type FlatValue = string | number | boolean | null;
export type FlatRow = Readonly<Record<string, FlatValue>>;
/** Their order is that of the columns. */
export type ColumnKinds = Readonly<Record<string, 'text' | 'number'>>;

export const CONTENT_TYPES: Readonly<Record<TableFormat, string>> = {
  jsonl: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8; header=present',
  arrow: 'application/vnd.apache.arrow.stream',
  parquet: 'application/vnd.apache.parquet',
};

/** The name of what a table says of itself: the header field, the key in the metadata of Arrow and Parquet. */
export const ABOUT_NAME = 'hairpin-about';
export type About = Readonly<Record<string, FlatValue>>;

interface TableHead {
  readonly kinds: ColumnKinds;
  readonly about: About;
  /** CSV: a line `# NAME: VALUE` for each entry of `about`, before the names. */
  readonly preamble: boolean;
}

/** In order: `begin`, `rows` for each piece, `end`. */
export interface TableForm {
  begin(): string | Uint8Array;
  rows(rows: readonly FlatRow[]): string | Uint8Array;
  end(): string | Uint8Array;
}

export function tableForm(format: TableFormat, head: TableHead): TableForm {
  const names = Object.keys(head.kinds);
  if (format === 'csv') return csvForm(names, head);
  if (format === 'jsonl') return jsonLinesForm(names);
  const columns = names.map(name => ({ name, kind: head.kinds[name]! }));
  const metadata = new Map([[ABOUT_NAME, JSON.stringify(head.about)]]);
  const writer = format === 'arrow' ? new TableWriter(columns, metadata) : new ParquetTable(columns, metadata);
  return {
    // An empty piece of the columns, so that an answer without rows has its names and kinds too.
    begin: () => writer.write(names.map(() => [])),
    rows: rows => writer.write(names.map(name => rows.map(row => row[name] ?? null))),
    end: () => writer.finish(),
  };
}

export function formatTable(format: TableFormat, head: TableHead, rows: readonly FlatRow[]): Buffer {
  const form = tableForm(format, head);
  return Buffer.concat(
    [form.begin(), form.rows(rows), form.end()].map(piece => (typeof piece === 'string' ? Buffer.from(piece) : piece)),
  );
}

function jsonLinesForm(names: readonly string[]): TableForm {
  const line = (row: FlatRow) =>
    `${JSON.stringify(Object.fromEntries(names.map(name => [name, row[name] ?? null])))}\n`;
  return { begin: () => '', rows: rows => rows.map(line).join(''), end: () => '' };
}

function csvForm(names: readonly string[], { about, preamble }: TableHead): TableForm {
  const lines = (rows: readonly (readonly FlatValue[])[]) =>
    rows.map(row => `${row.map(csvField).join(',')}\r\n`).join('');
  const notes = preamble ? Object.entries(about).map(([name, value]) => `# ${name}: ${value ?? 'unknown'}\r\n`) : [];
  return {
    begin: () => notes.join('') + lines([names]),
    rows: rows => lines(rows.map(row => names.map(name => row[name] ?? null))),
    end: () => '',
  };
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
