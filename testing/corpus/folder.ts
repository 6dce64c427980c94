// Where tests find the corpus. HAIRPIN_CORPUS names the folder that `npm run corpus -- DIR` has filled; without it the tests
// that need one are left out and say so. What we made ourselves (`made/`) is committed, and there in any case.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { CORPUS, requireTool } from '../requirements.ts';
import { readCaptures } from './captures.ts';

const named = process.env['HAIRPIN_CORPUS'];
/** Ends with a slash; empty without a corpus. */
const FOLDER = named ? `${resolve(named)}/` : '';
const MADE = 'made/';
const MADE_FOLDER = new URL('./made/', import.meta.url);

export const corpusThere = FOLDER !== '' && existsSync(FOLDER);

/** True when the tests that need the corpus can run; prints or throws as requireTool does otherwise. */
export function requireCorpus(): boolean {
  const reason = FOLDER === '' ? 'HAIRPIN_CORPUS names no folder, see testing/corpus/README.md' : `no folder ${FOLDER}`;
  return requireTool(CORPUS, corpusThere, reason);
}

/** Where a file of the list lies. */
export function pathOf(file: string): string {
  return file.startsWith(MADE) ? new URL(file.slice(MADE.length), MADE_FOLDER).pathname : FOLDER + file;
}

/** Every file of the list that can be read, in order; those below a folder where it is named. */
export function corpusFiles(folder = ''): string[] {
  return readCaptures()
    .map(({ file }) => file)
    .filter(file => file.startsWith(folder) && (corpusThere || file.startsWith(MADE)));
}
