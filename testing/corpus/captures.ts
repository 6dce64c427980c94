// The corpus: captures of other projects, and what those projects say is in them. None of it is committed here; two lists
// name every file, so that anybody can fill a folder with the same bytes (`npm run corpus`).
//   repositories.tsv   folder of the corpus, public repository, commit
//   captures.tsv       file of the corpus, origin, path in the repository, sha256

import { readFileSync } from 'node:fs';

/** `copied`: the file itself. `literal`: the bytes of one literal in a source file, see literals.ts. */
export const ORIGINS = ['copied', 'literal', 'made'] as const;
export type Origin = (typeof ORIGINS)[number];

export interface Repository {
  /** First folder of the files that come from it. */
  readonly folder: string;
  /** Owner and name at github.com. */
  readonly repository: string;
  readonly commit: string;
}

export interface Capture {
  readonly file: string;
  readonly origin: Origin;
  /** In the repository, at its commit; what made the file where no repository has it. */
  readonly path: string;
  readonly sha256: string;
}

export function readRepositories(): Repository[] {
  return readTable(readFileSync(new URL('./repositories.tsv', import.meta.url), 'utf8')).map(
    ([folder = '', repository = '', commit = '']) => ({
      folder,
      repository,
      commit,
    }),
  );
}

export function readCaptures(): Capture[] {
  return readTable(readFileSync(new URL('./captures.tsv', import.meta.url), 'utf8')).map(
    ([file = '', origin = '', path = '', sha256 = '']) => ({
      file,
      origin: origin as Origin,
      path,
      sha256,
    }),
  );
}

export function folderOf(file: string): string {
  return file.slice(0, file.indexOf('/'));
}

/** Lines of fields; the first line names them. */
function readTable(text: string): string[][] {
  return text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map(line => line.split('\t'));
}
