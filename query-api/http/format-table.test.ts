import { tableFromIPC } from 'apache-arrow';
import { expect, test } from 'vitest';
import { type About, type ColumnKinds, type FlatRow, formatTable, tableForm } from './format-table.ts';

const head = (kinds: ColumnKinds, about: About = {}, preamble = false) => ({ kinds, about, preamble });
const csv = (kinds: ColumnKinds, rows: readonly FlatRow[]) => String(formatTable('csv', head(kinds), rows));
const cell = (text: string) => csv({ name: 'text' }, [{ name: text }]).split('\r\n')[1];

test.each([
  ...['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', ' =1', '   @x', '\u00a0=1', '\u3000=1', '\u200b=1', '\ufeff=1'],
  // The same signs at full width, small, and as the mathematical minus.
  ...['\uff1d1+1', '\uff0b1', '\uff0d1', '\uff20x', '\ufe661', '\ufe621', '\ufe631', '\ufe6bx', '\u22121'],
])('a spreadsheet takes %j for no formula', text => {
  expect(cell(text)).toBe(`'${text}`);
});

test('a line break before a sign is defused and quoted', () => {
  expect(csv({ name: 'text' }, [{ name: '\n=1,"2"' }])).toBe('name\r\n"\'\n=1,""2"""\r\n');
});

test('names and numbers stay as they are', () => {
  expect(['web-1', 'db, large', '10.0.0.1', 'käse=1'].map(cell)).toEqual([
    'web-1',
    '"db, large"',
    '10.0.0.1',
    'käse=1',
  ]);
  expect(csv({ value: 'number', low: 'number' }, [{ value: -5, low: null }])).toBe('value,low\r\n-5,\r\n');
});

test('a preamble stands before the names, one value a line', () => {
  const about = { unit: 'bytes', coveredShare: 0.5, coverage: null };
  const table = (preamble: boolean) =>
    String(formatTable('csv', head({ name: 'text' }, about, preamble), [{ name: 'a' }]));
  expect(table(false)).toBe('name\r\na\r\n');
  expect(table(true)).toBe('# unit: bytes\r\n# coveredShare: 0.5\r\n# coverage: unknown\r\nname\r\na\r\n');
});

test('JSON lines have every column in order, null where there is no value', () => {
  const rows = [{ b: 1, a: 'x\n"y"', c: 'left out' }, { a: null }];
  expect(String(formatTable('jsonl', head({ a: 'text', b: 'number' }), rows))).toBe(
    '{"a":"x\\n\\"y\\"","b":1}\n{"a":null,"b":null}\n',
  );
});

test('pieces one after the other are the same table; Arrow keeps what it says of itself', () => {
  const rows = Array.from({ length: 100 }, (_, i) => ({ name: `n${i}`, value: i % 3 ? i : null }));
  const about = { unit: 'bytes', coverage: null };
  const given = head({ name: 'text', value: 'number' }, about);
  const form = tableForm('arrow', given);
  const pieces = [form.begin(), form.rows(rows.slice(0, 60)), form.rows(rows.slice(60)), form.end()];
  for (const bytes of [Buffer.concat(pieces.map(piece => Buffer.from(piece))), formatTable('arrow', given, rows)]) {
    const table = tableFromIPC(bytes);
    expect(JSON.parse(table.schema.metadata.get('hairpin-about')!)).toEqual(about);
    expect(table.toArray().map(row => ({ ...row }))).toEqual(rows);
  }
  expect(tableFromIPC(formatTable('arrow', given, [])).schema.fields.map(({ name }) => name)).toEqual([
    'name',
    'value',
  ]);
});
