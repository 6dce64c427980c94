// The lists of the corpus, and how it is filled.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { folderOf, ORIGINS, readCaptures, readRepositories } from './captures.ts';
import { readFromClone, sha256 } from './fill.ts';
import { pathOf, requireCorpus } from './folder.ts';
import { literalsOf } from './literals.ts';

const captures = readCaptures();
const repositories = readRepositories();

describe('the lists', () => {
  test('are sorted, name each file once, and every field is filled', () => {
    const files = captures.map(({ file }) => file);
    expect(files).toEqual([...new Set(files)].sort());
    for (const { origin, path, sha256: sum } of captures) {
      expect(ORIGINS).toContain(origin);
      expect(path).not.toBe('');
      expect(sum).toMatch(/^[0-9a-f]{64}$/);
    }
    for (const { commit } of repositories) expect(commit).toMatch(/^[0-9a-f]{40}$/);
  });

  test('agree on the folders', () => {
    const folders = new Set(captures.filter(({ origin }) => origin !== 'made').map(({ file }) => folderOf(file)));
    expect([...folders].sort()).toEqual(repositories.map(({ folder }) => folder).sort());
  });

  test('give the sums of the files that are committed', () => {
    const made = captures.filter(({ origin }) => origin === 'made');
    expect(made.map(({ file }) => sha256(readFileSync(pathOf(file))))).toEqual(made.map(({ sha256: sum }) => sum));
    expect(made.length).toBe(9);
  });

  test.runIf(requireCorpus())('give the sums of the files in HAIRPIN_CORPUS', () => {
    const wrong = captures.filter(({ file, sha256: sum }) => sha256(readFileSync(pathOf(file))) !== sum);
    expect(wrong).toEqual([]);
  });
});

test('a literal is a list of bytes or words, or a text over several lines; comments do not count', () => {
  const source = `
    a := []byte{
      0x00, 5, // version
      /* 7, */ 255,
    }
    b := []uint16{3, 22 + 26, 0x1234}
    c := "0005" +
      "00ff"
  `;
  const found = literalsOf(source).map(bytes => Buffer.from(bytes).toString('hex'));
  expect(found).toContain('0005ff');
  expect(found).toContain('000300301234');
  expect(found).toContain('000500ff');
});

describe('a file of a clone', () => {
  const clone = mkdtempSync(join(tmpdir(), 'hairpin-clone-'));
  afterAll(() => rmSync(clone, { recursive: true, force: true }));
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', clone, '-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args], {
      encoding: 'utf8',
    });
  git('init', '--quiet');
  writeFileSync(join(clone, 'a.bin'), Uint8Array.of(1, 2, 3));
  writeFileSync(join(clone, 'a_test.go'), 'x := []byte{1, 2, 0}\ny := []byte{9, 9}\n');
  git('add', '.');
  git('commit', '--quiet', '--message=first');
  const repository = { folder: 'a', repository: 'a/a', commit: git('rev-parse', 'HEAD').trim() };
  // What the work tree holds later does not count.
  writeFileSync(join(clone, 'a.bin'), Uint8Array.of(4));
  const read = (origin: 'copied' | 'literal', path: string, ...bytes: number[]) =>
    readFromClone(clone, repository, { file: 'a/a', origin, path, sha256: sha256(Uint8Array.from(bytes)) });

  test('is read at the commit of the list', () => {
    expect([...read('copied', 'a.bin', 1, 2, 3)!]).toEqual([1, 2, 3]);
  });

  test('may be a literal, also one that its test changes', () => {
    expect([...read('literal', 'a_test.go', 9, 9)!]).toEqual([9, 9]);
    expect([...read('literal', 'a_test.go[2]=7', 1, 2, 7)!]).toEqual([1, 2, 7]);
  });

  test('with another sum is refused', () => {
    expect(read('copied', 'a.bin', 4)).toBeUndefined();
    expect(read('literal', 'a_test.go', 1, 2, 7)).toBeUndefined();
  });
});
