import { expect, test } from 'vitest';
import { formatTable } from './format-table.ts';

const cell = (text: string) => String(formatTable('csv', { name: 'text' }, [{ name: text }])).split('\r\n')[1];

test.each([
  ...['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', ' =1', '   @x', '\u00a0=1', '\u3000=1', '\u200b=1', '\ufeff=1'],
  // The same signs at full width, small, and as the mathematical minus.
  ...['\uff1d1+1', '\uff0b1', '\uff0d1', '\uff20x', '\ufe661', '\ufe621', '\ufe631', '\ufe6bx', '\u22121'],
])('a spreadsheet takes %j for no formula', text => {
  expect(cell(text)).toBe(`'${text}`);
});

test('a line break before a sign is defused and quoted', () => {
  expect(formatTable('csv', { name: 'text' }, [{ name: '\n=1,"2"' }])).toBe('name\r\n"\'\n=1,""2"""\r\n');
});

test('names and numbers stay as they are', () => {
  expect(['web-1', 'db, large', '10.0.0.1', 'käse=1'].map(cell)).toEqual([
    'web-1',
    '"db, large"',
    '10.0.0.1',
    'käse=1',
  ]);
  expect(formatTable('csv', { value: 'number', low: 'number' }, [{ value: -5, low: null }])).toBe(
    'value,low\r\n-5,\r\n',
  );
});
