import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replaceFile, replaceText } from './replace-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hairpin-replace-'));
  path = join(folder, 'file');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a file is made, and replaced, and nothing else is left', () => {
  replaceText(path, 'old');
  replaceFile(
    path,
    append => {
      append([Buffer.from('n'), new Uint8Array(0), Buffer.from('e')]);
      append([]);
      append([Buffer.from('w')]);
    },
    { mode: 0o600, durable: true },
  );
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['file']);
});

test('a reader sees the old file until the new one is whole', () => {
  replaceText(path, 'old');
  replaceFile(path, append => {
    append([Buffer.from('ne')]);
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readFileSync(`${path}.new`, 'utf8')).toBe('ne');
    append([Buffer.from('w')]);
  });
  expect(readFileSync(path, 'utf8')).toBe('new');
});

test('what fails leaves the old file and no temporary one', () => {
  replaceText(path, 'old');
  const fail = () =>
    replaceFile(
      path,
      append => {
        append([Buffer.from('half')]);
        throw new Error('no space left');
      },
      { temporary: join(folder, 'half.tmp') },
    );
  expect(fail).toThrow('no space left');
  expect(readFileSync(path, 'utf8')).toBe('old');
  expect(readdirSync(folder)).toEqual(['file']);
});

test('what a killed process left behind is written over', () => {
  writeFileSync(`${path}.new`, 'a longer text than the new one');
  replaceText(path, 'new');
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(readdirSync(folder)).toEqual(['file']);
});
