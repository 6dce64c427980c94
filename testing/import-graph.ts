// The imports between the source files of the project, read from their text, and the circles among them.

import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const IMPORT = /(?:\b(?:import|export)\s+(type\s)?[^;'"`()=]*?\bfrom\s|\bimport\s|\bimport\(\s*)'([^'\n]+)'/g;
/** A thread or a process that the file starts. */
const PROGRAM = /new URL\(\s*'(\.[^']*\.ts)',\s*import\.meta\.url/g;

export interface Import {
  /** Path below the root. */
  readonly file: string;
  /** Path below the root, or the name of a package. */
  readonly target: string;
  /** A program runs as a thread or process of its own: it is no part of a circle. */
  readonly kind: 'value' | 'type' | 'program';
}

/** Paths below the root of all sources that are no tests. */
export function sourceFiles(): string[] {
  return globSync('**/*.{ts,js}', { cwd: ROOT, exclude: ['**/node_modules/**', 'dist/**', 'data/**'] }).filter(
    file => !file.endsWith('.test.ts'),
  );
}

export function importsOf(file: string, text = readFileSync(join(ROOT, file), 'utf8')): Import[] {
  const pathOf = (name: string) => (name.startsWith('.') ? join(dirname(file), name) : name);
  return [
    ...[...text.matchAll(IMPORT)].map(([, type, name]): Import => {
      return { file, target: pathOf(name!), kind: type === undefined ? 'value' : 'type' };
    }),
    ...[...text.matchAll(PROGRAM)].map(([, name]): Import => ({ file, target: pathOf(name!), kind: 'program' })),
  ];
}

/** Every import that closes a circle, between files or, by `nodeOf`, between what holds them. */
export function circularImports(imports: readonly Import[], nodeOf: (file: string) => string): Import[] {
  const next = new Map<string, Set<string>>();
  const edges = imports.filter(({ kind, file, target }) => kind !== 'program' && nodeOf(file) !== nodeOf(target));
  for (const { file, target } of edges)
    next.set(nodeOf(file), (next.get(nodeOf(file)) ?? new Set()).add(nodeOf(target)));
  const reached = new Map([...next.keys()].map(node => [node, reachedFrom(node, next)]));
  return edges.filter(({ file, target }) => reached.get(nodeOf(target))?.has(nodeOf(file)));
}

function reachedFrom(start: string, next: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  // A set that grows while it is walked through.
  const reached = new Set(next.get(start));
  for (const node of reached) for (const following of next.get(node) ?? []) reached.add(following);
  return reached;
}
