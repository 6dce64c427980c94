// Each benchmark runs briefly, so that it never rots. What it measures is not judged here.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../../hairpin.ts', import.meta.url));
const RESULTS = fileURLToPath(new URL('../RESULTS.md', import.meta.url));

test.each([
  ['applications', 10],
  ['decode', 4],
  ['enrich', 10],
  ['fuzz', 9],
  ['hostile', 2],
  ['knowledge', 10],
  ['pipeline', 1],
  ['storage', 6],
  // Three tables: three networks; one sampled, and all of those; two kinds of cells. Two lines more of each after the first.
  ['truth', 3 + 2 + 2 + 2 + 2],
])(
  'bench %s --smoke prints its table and leaves the published results alone',
  (name, rows) => {
    const published = readFileSync(RESULTS, 'utf8');
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, 'bench', name, '--smoke'], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(stderr).not.toContain('Error');
    expect(status).toBe(0);
    const [head = '', , ...table] = stdout.split('\n').filter(line => line.startsWith('| '));
    expect(table).toHaveLength(rows);
    const cells = (line: string) => line.split('|').map(cell => cell.trim());
    const lost = cells(head).indexOf('lost');
    if (lost >= 0) expect(cells(table[0]!)[lost], 'records lost at a low rate').toBe('0');
    expect(readFileSync(RESULTS, 'utf8')).toBe(published);
  },
  90_000,
);
