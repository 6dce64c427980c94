import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { resultsText, withRows } from './results.ts';

test('every figure of the README is one that a benchmark wrote', () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
  const results = new Set(read('../RESULTS.md').match(/\d+(?:\.\d+)?/g));
  const section = read('../../README.md').split('## Measured')[1]!.split('## ')[0]!;
  const figures = section
    .split('\n')
    .filter(line => /^\| .*\d/.test(line))
    .flatMap(line => line.split('|')[2]!.match(/\d[\d,]*(?:\.\d+)?/g) ?? [])
    .map(figure => figure.replaceAll(',', ''));
  expect(figures.length).toBeGreaterThan(5);
  expect(figures.filter(figure => !results.has(figure))).toEqual([]);
});

test('every measured figure that docs/SCALING.md multiplies is one that a benchmark wrote', () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
  const results = new Set(read('../RESULTS.md').match(/\d+(?:\.\d+)?/g));
  const section = read('../../docs/SCALING.md').split('## Measured')[1]!.split('## ')[0]!;
  const figures = section
    .split('\n')
    .filter(line => /^\| .*\d/.test(line))
    .map(line => line.split('|')[2]!.trim().replaceAll(',', ''));
  expect(figures.length).toBeGreaterThan(8);
  expect(figures.filter(figure => !results.has(figure))).toEqual([]);
});

test('rows measured by themselves replace their own, say since when, and leave nothing that pools the old ones', () => {
  const table = {
    about: 'What.',
    columns: ['network', 'held'],
    rows: [
      ['a', '1 %'],
      ['b, c', '2 %'],
    ],
  };
  const other = { about: 'Which.', columns: ['cell', 'held'], rows: [['a', '7 %']] };
  const section = `## truth\n\n${resultsText({ name: 'truth', ...other, further: [{ ...table, pooled: ['all of these', '2 %'] }] })}\n\nhere\n`;
  const part = { name: 'truth', ...table, rows: [['b, c', '3 %']], isPart: true };
  const lines = withRows(withRows(section, part, 'there'), part, 'yonder').split('\n');
  expect(lines.filter(line => line.startsWith('| ') && line.includes('%'))).toEqual([
    '| a | 7 % |',
    '| a | 1 % |',
    '| b, c | 3 % |',
  ]);
  expect(lines.slice(-4)).toEqual(['here', '', 'b, c: yonder', '']);
});
