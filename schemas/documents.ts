// Checks a document (configuration, inventory, applications, registry) against its schema and reports every fault at
// once, each with its path and what is allowed there. A document is taken whole or refused whole.

import { distance } from 'fastest-levenshtein';
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Settings } from 'typebox/system';
import { isNode, LineCounter, parseDocument } from 'yaml';
import { cleanDocument } from './clean-text.ts';
import { jsonLines } from './json-lines.ts';
import { type Fault, type IsPlaceholder, keysOf, repair } from './repair.ts';
import { type SchemaError, SchemaFaults } from './schema-faults.ts';
import { keysAt, type Schema, schemasAt } from './schema-walk.ts';

export type { Fault } from './repair.ts';

export class DocumentError extends Error {
  readonly code = 'DOCUMENT_INVALID';
  /** What is refused, in words. */
  readonly subject: string;
  readonly faults: readonly Fault[];
  constructor(name: string, faults: readonly Fault[]) {
    const lines = faults.map(
      fault =>
        `  ${fault.line === undefined ? '' : `line ${fault.line}: `}${fault.path || '(document)'} ${fault.message}`,
    );
    super(`${name} is refused, ${faults.length} fault${faults.length === 1 ? '' : 's'}:\n${lines.join('\n')}`);
    this.subject = name;
    this.faults = faults;
  }
}

/** What is wrong beyond this many places is not reported. */
const FAULTS_MAX = 1000;
// typebox stops at 8 of its own, which may all be such that describe() leaves out.
Settings.Set({ maxErrors: 2 * FAULTS_MAX });

export interface Checker<T> {
  /** `value` with defaults filled in; throws a DocumentError that names every fault. */
  check(name: string, value: unknown): T;
  /** The same for the text of a JSON or YAML file; faults carry lines. */
  parse(name: string, text: string): T;
  /** A document that was checked when it was recorded, by this version or an earlier one: new defaults are filled in. */
  restore(json: string): T;
}

/** Of the keys that may stand where an unknown one does, so many are named. */
const KEYS_NAMED_MAX = 8;

/**
 * A checker for documents of one schema. `rules` finds what a schema cannot say (references, duplicates). Where a document
 * does not fit the schema they run on what is left of it, so that every fault is reported at once; `isPlaceholder` says of a
 * path that what stands there is none of the document.
 */
export function documentChecker<const S extends TSchema>(
  schema: S,
  rules: (document: Static<S>, isPlaceholder: IsPlaceholder) => Fault[] = () => [],
): Checker<Static<S>> {
  const validator = Compile(schema);
  const faultsOf = (value: unknown): { document: unknown; faults: Fault[] } => {
    const document = validator.Default(cleanDocument(value));
    const faults = schemaFaults(document);
    const others = faults.length < FAULTS_MAX ? ruleFaults(document, faults) : [];
    return { document, faults: [...faults, ...others].slice(0, FAULTS_MAX) };
  };
  const ruleFaults = (document: unknown, faults: readonly Fault[]): Fault[] => {
    if (faults.length === 0) return rules(document as Static<S>, () => false);
    const repaired = repair(schema as Schema, structuredClone(document), faults, one =>
      schemaFaults(validator.Default(one)),
    );
    if (!repaired) return [];
    const { isPlaceholder } = repaired;
    return rules(repaired.document as Static<S>, isPlaceholder).filter(({ path }) => !isPlaceholder(path));
  };
  const found = new SchemaFaults(schema, validator as ConstructorParameters<typeof SchemaFaults>[1]);
  const schemaFaults = (document: unknown): Fault[] =>
    found
      .errors(document, FAULTS_MAX)
      .flatMap(error => describe(error, schema as Schema))
      .slice(0, FAULTS_MAX);
  return {
    check(name, value) {
      const { document, faults } = nestedAsItMay(name, () => faultsOf(value));
      if (faults.length > 0) throw new DocumentError(name, faults);
      return document as Static<S>;
    },
    parse(name, text) {
      const { document, faults, lines } = nestedAsItMay(name, () => {
        const { value, linesOf } = parseText(name, text);
        return { ...faultsOf(value), lines: linesOf };
      });
      if (faults.length === 0) return document as Static<S>;
      const found = lines(faults.map(({ path }) => path));
      throw new DocumentError(
        name,
        faults.map((fault, i) => ({ ...fault, ...(found[i] !== undefined && { line: found[i] }) })),
      );
    },
    restore: json => validator.Default(cleanDocument(JSON.parse(json))) as Static<S>,
  };
}

/** Parser and checks call themselves for each level; a document of too many meets the end of the stack. */
function nestedAsItMay<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new DocumentError(name, [{ path: '', message: 'is nested too deeply' }]);
  }
}

/** The checks report what is wrong; the parser would print warnings of its own, in Node's form and without a place. */
export const YAML_OPTIONS = { logLevel: 'error' } as const;

/** A larger text that begins as JSON does is not tried as YAML, whose parser takes minutes for such. */
const FLOW_BYTES_MAX = 1024 * 1024;

/** Line of each path of a document, where it is known. */
export function linesOf(text: string, paths: readonly string[]): (number | undefined)[] {
  return parseText('the document', text).linesOf(paths);
}

interface Parsed {
  readonly value: unknown;
  /** Line of each path, where it is known. */
  readonly linesOf: (paths: readonly string[]) => (number | undefined)[];
}

function parseText(name: string, withMark: string): Parsed {
  const text = withMark.replace(/^\ufeff/, '');
  try {
    return { value: JSON.parse(text), linesOf: paths => jsonLines(text, paths) };
  } catch (error) {
    if (text.length > FLOW_BYTES_MAX && /^\s*[{[]/.test(text))
      throw new DocumentError(name, [jsonFault(error as Error)]);
    // Not JSON: YAML, whose parser also reports the line of a JSON mistake.
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, ...YAML_OPTIONS });
  const [error] = document.errors;
  if (error) {
    const fault = { path: '', message: error.message.split('\n')[0]! };
    const line = error.linePos?.[0].line;
    throw new DocumentError(name, [line === undefined ? fault : { ...fault, line }]);
  }
  try {
    return { value: document.toJS(), linesOf: paths => paths.map(path => yamlLine(document, lines, keysOf(path))) };
  } catch (cause) {
    // An alias without its anchor, or so many that the document would not fit into memory.
    throw new DocumentError(name, [{ path: '', message: (cause as Error).message }]);
  }
}

/** What V8 says of a text that is no JSON. */
function jsonFault({ message }: Error): Fault {
  const line = /\(line (\d+) column \d+\)/.exec(message)?.[1];
  return { path: '', message: `is no JSON: ${message}`, ...(line !== undefined && { line: Number(line) }) };
}

/** Line of what stands at `keys`, or of what would hold it. */
function yamlLine(document: ReturnType<typeof parseDocument>, lines: LineCounter, keys: string[]): number | undefined {
  for (let depth = keys.length; depth >= 0; depth--) {
    const node = document.getIn(keys.slice(0, depth), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return undefined;
}

function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** One fault per wrong place, in words: the union keywords only repeat what their branches said. */
function describe(error: SchemaError, schema: Schema): Fault[] {
  const { keyword, instancePath: path, message } = error;
  const params = error.params as Record<string, unknown>;
  if (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties') {
    const keys = (params['additionalProperties'] ?? params['unevaluatedProperties'] ?? []) as string[];
    return [keys]
      .flat()
      .map(key => ({ path: `${path}/${escapePointer(key)}`, message: unknownKey(key, keysAt(schema, keysOf(path))) }));
  }
  // Repeats what additionalProperties says, or stands for an item behind the last one of a tuple.
  if (keyword === 'boolean')
    return error.schemaPath.endsWith('Properties') ? [] : [{ path, message: 'is more than there may be' }];
  if (keyword === 'required')
    return ((params['requiredProperties'] ?? []) as string[]).map(key => ({
      path: `${path}/${key}`,
      message: 'is required',
    }));
  if (keyword === 'pattern') {
    const [expected] = schemasAt(schema, keysOf(path)).flatMap(one => one.expected ?? []);
    if (expected !== undefined) return [{ path, message: `must be ${expected}` }];
  }
  if (keyword === 'enum')
    return [{ path, message: `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}` }];
  return [{ path, message }];
}

/** The allowed keys stand in the order of their likeness. */
export function unknownKey(key: string, allowed: readonly string[]): string {
  if (allowed.length === 0) return 'is not a known key';
  const nearest = allowed.toSorted((a, b) => distance(key, a) - distance(key, b));
  const more = allowed.length > KEYS_NAMED_MAX ? ', ...' : '';
  return `is not a known key; allowed are ${nearest.slice(0, KEYS_NAMED_MAX).join(', ')}${more}`;
}
