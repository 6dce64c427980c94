// What a line of the tables rests on: captures of other projects, and tests by file and title. A capture or a test that is
// no longer there by that name is an error.

import { readFileSync } from 'node:fs';

export interface TestReference {
  readonly file: string;
  /** As it stands in the source: of a test, of a group of tests, or of a row of `test.each`. */
  readonly title: string;
}

/** A line of a table, and what it rests on. */
export interface Line {
  /** Files of the corpus; a `*` at the end stands for the rest of the name. */
  readonly captures?: readonly string[];
  readonly tests?: readonly TestReference[];
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

export interface MalformedCase {
  readonly input: string;
  readonly tests: readonly TestReference[];
  readonly note?: string;
}

export function testsOf(file: string, ...titles: readonly string[]): TestReference[] {
  return titles.map(title => ({ file, title }));
}

/** Tests beside the decoders. */
export const decode = (name: string, ...titles: readonly string[]) =>
  testsOf(`collector/decode/${name}.test.ts`, ...titles);
export const sflow = (name: string, ...titles: readonly string[]) => decode(`sflow/${name}`, ...titles);
export const packet = (name: string, ...titles: readonly string[]) => decode(`packet/${name}`, ...titles);
/** Packets that are decoded by one test and compared with tshark by another. */
export const packetCases = (...names: readonly string[]) => testsOf('testing/data/packet-cases.ts', ...names);

export function matches(pattern: string, file: string): boolean {
  return pattern.endsWith('*') ? file.startsWith(pattern.slice(0, -1)) : file === pattern;
}

const ROOT = new URL('../../', import.meta.url);
const sources = new Map<string, string>();

function sourceOf(file: string): string {
  const source = sources.get(file) ?? readFileSync(new URL(file, ROOT), 'utf8');
  sources.set(file, source);
  return source;
}

/** Where a title stands as one: the first argument of a call, the first of a row, or a name; -1 nowhere. */
function positionOf({ file, title }: TestReference): number {
  const source = sourceOf(file);
  const literals = ["'", '"', '`'].map(quote => `${quote}${title.replaceAll(quote, `\\${quote}`)}${quote}`);
  for (const literal of literals) {
    for (let at = source.indexOf(literal); at >= 0; at = source.indexOf(literal, at + 1))
      if (/(?:[([]|\bname:)\s*$/.test(source.slice(Math.max(0, at - 80), at))) return at;
  }
  return -1;
}

export function missingTests(references: readonly TestReference[]): string[] {
  return references.filter(reference => positionOf(reference) < 0).map(({ file, title }) => `${file} > ${title}`);
}

const TEST = /^ *(?:test|describe)\b/gm;

const GROUP = /^( *)(?:describe\b.*|\].*)\(\s*(['"`])(.*?)\2/gm;

/** The title behind that of the group that the test belongs to. */
export function fullTitle(reference: TestReference): string {
  const source = sourceOf(reference.file);
  const at = positionOf(reference);
  const start = [...source.matchAll(TEST)].findLast(match => match.index < at);
  if (!start || start.index < 0) return reference.title;
  const indent = start[0].search(/\S/);
  const groups = [...source.slice(0, start.index).matchAll(GROUP)];
  const group = groups.findLast(([, spaces]) => spaces!.length < indent)?.[3];
  return group === undefined || group.startsWith('%') ? reference.title : `${group} > ${reference.title}`;
}
