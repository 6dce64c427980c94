// What a line of the tables rests on: captures of the corpus, by name, and tests, which name the line. A test that proves
// a line bears a comment with the id of the line, `proves: netflow5, sampling-netflow5` above it: its title and its file
// may change. Ids that no table has, and lines that nothing proves, are errors.

import { globSync, readFileSync } from 'node:fs';

/** A line of a table, and what it rests on. */
export interface Line {
  /** What tests call it. */
  readonly id: string;
  /** Files of the corpus; a `*` at the end stands for the rest of the name. */
  readonly captures?: readonly string[];
  /** What is done where that needs saying. */
  readonly note?: string;
  /** Why it is not there. */
  readonly unsupported?: string;
}

export interface Feature extends Line {
  readonly feature: string;
  readonly standard: string;
}

export interface Quirk extends Line {
  readonly exporter: string;
  readonly quirk: string;
}

export interface MalformedCase extends Line {
  readonly input: string;
}

export function matches(pattern: string, file: string): boolean {
  return pattern.endsWith('*') ? file.startsWith(pattern.slice(0, -1)) : file === pattern;
}

const ROOT = new URL('../../', import.meta.url).pathname;
const LEFT_OUT = ['**/node_modules', 'data', 'coverage', 'tmp', 'dist'];

/** How many tests, groups of tests or rows of one name each id, in all files of TypeScript. */
export function readProofs(): ReadonlyMap<string, number> {
  const proofs = new Map<string, number>();
  for (const file of globSync('**/*.ts', { cwd: ROOT, exclude: LEFT_OUT }))
    for (const id of idsIn(readFileSync(`${ROOT}${file}`, 'utf8'))) proofs.set(id, (proofs.get(id) ?? 0) + 1);
  return proofs;
}

export function idsIn(source: string): string[] {
  return [...source.matchAll(/^ *\/\/ proves: (.+)$/gm)].flatMap(([, ids = '']) => ids.split(', '));
}
