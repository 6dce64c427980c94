import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const SOURCE = "console.log('sources');\n";

let folder: string;
/** A clone of two files and its bundle. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hairpin-test-bin-'));
  for (const name of ['bin', 'dist']) mkdirSync(join(folder, name));
  copyFileSync(join(import.meta.dirname, 'hairpin.js'), join(folder, 'bin/hairpin.js'));
  write('package.json', '{ "type": "module" }');
  write('hairpin.ts', SOURCE);
  write('table.tsv', 'a\tb\n');
  write('dist/hairpin.js', "console.log('bundle');\n");
  write(
    'dist/sources.json',
    JSON.stringify({ 'hairpin.ts': hash('sha256', SOURCE), 'table.tsv': hash('sha256', 'a\tb\n') }),
  );
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(path: string, text: string): void {
  writeFileSync(join(folder, path), text);
}

function run(): { stdout: string; stderr: string } {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(folder, 'bin/hairpin.js')],
    { encoding: 'utf8' },
  );
  return { stdout: stdout.trim(), stderr: stderr.trim() };
}

test('a clone whose sources are those of its bundle runs the bundle', () => {
  expect(run()).toEqual({ stdout: 'bundle', stderr: '' });
});

test('a clone with a source that has changed runs the sources, and says which one', () => {
  write('table.tsv', 'a\tc\n');
  expect(run()).toEqual({
    stdout: 'sources',
    stderr: 'table.tsv has changed since dist/ was built: the sources run instead; npm run build makes a new bundle',
  });
});

test('a clone with a source that was moved away runs the sources', () => {
  rmSync(join(folder, 'table.tsv'));
  expect(run()).toMatchObject({ stdout: 'sources', stderr: expect.stringContaining('table.tsv is gone') });
});

test('a clone without a whole bundle runs the sources', () => {
  rmSync(join(folder, 'dist/sources.json'));
  expect(run()).toMatchObject({ stdout: 'sources', stderr: expect.stringContaining('dist/ holds no bundle') });
});

test('a package has no sources and runs the bundle', () => {
  for (const name of ['hairpin.ts', 'table.tsv']) rmSync(join(folder, name));
  expect(run()).toEqual({ stdout: 'bundle', stderr: '' });
});
