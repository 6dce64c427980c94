// `npm run corpus -- DIR [--clones FOLDER]` fills DIR with the files of captures.tsv and checks the sum of each. Without
// --clones the 13 repositories are fetched from github.com, each at its one commit. FOLDER holds clones that have the
// commits: NAME, OWNER/NAME, or either with .git behind it.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Capture, folderOf, type Repository, readCaptures, readRepositories } from './captures.ts';
import { literalsOf } from './literals.ts';

const FILE_BYTES_MAX = 64 * 1024 * 1024;

const git = (folder: string, ...args: string[]): Buffer =>
  execFileSync('git', ['-C', folder, ...args], { maxBuffer: FILE_BYTES_MAX, stdio: ['ignore', 'pipe', 'inherit'] });

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The bytes of a capture, read from a clone; undefined where none there have its sum. */
export function readFromClone(clone: string, { commit }: Repository, capture: Capture): Uint8Array | undefined {
  // PATH[22]=5: a test writes 5 at this place of its literal before it uses it.
  const [, path = capture.path, at, value] = /^(.+)\[(\d+)\]=(\d+)$/.exec(capture.path) ?? [];
  const content = git(clone, 'cat-file', 'blob', `${commit}:${path}`);
  const candidates = capture.origin === 'literal' ? literalsOf(content.toString('utf8')) : [content];
  if (at !== undefined)
    for (const bytes of candidates) if (Number(at) < bytes.length) bytes[Number(at)] = Number(value);
  return candidates.find(bytes => sha256(bytes) === capture.sha256);
}

function cloneIn(folder: string, { repository }: Repository): string {
  const name = repository.slice(repository.indexOf('/') + 1);
  const places = [repository, name].flatMap(place => [join(folder, place), join(folder, `${place}.git`)]);
  const clone = places.find(existsSync);
  if (clone === undefined)
    throw new Error(`${folder} holds no clone of ${repository}: ${places.join(', ')} are not there`);
  return clone;
}

function fetchInto(folder: string, { repository, commit }: Repository): string {
  const clone = join(folder, repository);
  mkdirSync(clone, { recursive: true });
  git(clone, 'init', '--quiet', '--bare');
  git(clone, 'fetch', '--quiet', '--depth=1', `https://github.com/${repository}.git`, commit);
  return clone;
}

function fill(target: string, clones: string | undefined): void {
  const fetched = mkdtempSync(join(tmpdir(), 'hairpin-corpus-'));
  const wrong: string[] = [];
  let count = 0;
  try {
    const byFolder = Map.groupBy(
      readCaptures().filter(({ origin }) => origin !== 'made'),
      ({ file }) => folderOf(file),
    );
    for (const repository of readRepositories()) {
      const captures = byFolder.get(repository.folder) ?? [];
      const clone = clones === undefined ? fetchInto(fetched, repository) : cloneIn(clones, repository);
      for (const capture of captures) {
        const bytes = readFromClone(clone, repository, capture);
        if (bytes === undefined) {
          wrong.push(`${capture.file}: ${capture.path} of ${repository.repository} does not have the sum of the list`);
          continue;
        }
        const path = join(target, capture.file);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, bytes);
        count++;
      }
      console.log(`${repository.repository}@${repository.commit.slice(0, 12)}: ${captures.length} files`);
    }
  } finally {
    rmSync(fetched, { recursive: true, force: true });
  }
  for (const line of wrong) console.error(line);
  console.log(`${count} files are in ${target}; their sums are right. Tests use them with HAIRPIN_CORPUS=${target}`);
  if (wrong.length > 0) process.exitCode = 1;
}

if (import.meta.main) {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { clones: { type: 'string' } } });
  const [target, ...more] = positionals;
  if (target === undefined || more.length > 0) {
    console.error('usage: npm run corpus -- DIR [--clones FOLDER]');
    process.exit(2);
  }
  fill(target, values.clones);
}
