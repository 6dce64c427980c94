// A document with faults, repaired as far as its rules need it. Rules (references, duplicates) presume that a document fits
// its schema; where it does not, placeholders stand for what is wrong, so that all faults are reported at once and not the
// next ones after the first were corrected. A fault of a placeholder is none.

import { placeholderOf, type Schema, schemasAt } from './schema-walk.ts';

export interface Fault {
  /** JSON pointer into the document, '' for the document itself. */
  readonly path: string;
  /** What is wrong and what is allowed. */
  readonly message: string;
  /** Line in the file the document came from, when it is known. */
  readonly line?: number;
}

/** Whether what stands at a path is a placeholder, or part of one. */
export type IsPlaceholder = (path: string) => boolean;

/** A repaired place may need another one: a required key of an object that was missing itself. */
const ROUNDS_MAX = 8;

export interface Repaired {
  readonly document: unknown;
  readonly isPlaceholder: IsPlaceholder;
}

/** Undefined where it cannot be repaired. `found` are its faults; `faultsOf` checks the schema alone. `document` is changed. */
export function repair(
  schema: Schema,
  document: unknown,
  found: readonly Fault[],
  faultsOf: (document: unknown) => Fault[],
): Repaired | undefined {
  const replaced = new Set<string>();
  const root = { document };
  let count = 0;
  const serial = () => ++count;
  for (let round = 0, faults = found; round < ROUNDS_MAX; round++, faults = faultsOf(root.document)) {
    if (faults.length === 0) return { document: root.document, isPlaceholder: path => isWithin(path, replaced) };
    for (const { path } of faults) {
      replace(root, path, schema, serial);
      replaced.add(path);
    }
  }
  return undefined;
}

function replace(root: { document: unknown }, path: string, schema: Schema, serial: () => number): void {
  const keys = keysOf(path);
  const last = keys.at(-1);
  if (last === undefined) {
    root.document = placeholderOf(schema, root.document, serial);
    return;
  }
  const parent = keys.slice(0, -1).reduce<unknown>((at, key) => member(at, key), root.document);
  if (typeof parent !== 'object' || parent === null) return;
  const [wanted] = schemasAt(schema, keys);
  const value = wanted && placeholderOf(wanted, member(parent, last), serial);
  if (Array.isArray(parent)) {
    // What is more than there may be goes; the places of all others stay.
    if (value === undefined) parent.length = Math.min(parent.length, Number(last));
    else parent[Number(last)] = value;
  } else if (value === undefined) delete (parent as Record<string, unknown>)[last];
  else (parent as Record<string, unknown>)[last] = value;
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

function isWithin(path: string, places: ReadonlySet<string>): boolean {
  for (let end = path.length; end >= 0; end = end === 0 ? -1 : path.lastIndexOf('/', end - 1))
    if (places.has(path.slice(0, end))) return true;
  return false;
}

/** The keys of a JSON pointer (RFC 6901). */
export function keysOf(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map(token => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}
