import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

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
