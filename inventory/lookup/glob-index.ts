// Which of many globs match a name, without trying each: a glob is filed under the longest text it demands, at the
// beginning of the name, at its end, or anywhere, and is tried only where the name has that text there. A glob of nothing
// but wildcards is always tried.

import { globMatches } from '../../schemas/glob.ts';
import { compileTexts, openTextTable, type TextData, type TextEntry } from './text-table.ts';

export interface GlobData {
  /** In lower case. */
  readonly globs: readonly string[];
  /** What is filed under each glob. */
  readonly values: Uint32Array;
  readonly whole: TextData;
  readonly beginnings: TextData;
  readonly ends: TextData;
  readonly inner: TextData;
  readonly always: Uint32Array;
}

export interface GlobIndex {
  /** Adds to `found` the values of the globs that match `name`, which is in lower case. */
  collect(name: string, found: number[]): void;
}

/** Globs in any case, each with its value; a glob may have several. */
export function compileGlobs(entries: readonly TextEntry[]): GlobData {
  const globs: string[] = [];
  const values: number[] = [];
  const whole: TextEntry[] = [];
  const beginnings: TextEntry[] = [];
  const ends: TextEntry[] = [];
  const inner: TextEntry[] = [];
  const always: number[] = [];
  for (const { text, value } of entries) {
    const glob = text.toLowerCase();
    if (!/[*?]/.test(glob)) {
      whole.push({ text: glob, value });
      continue;
    }
    const number = globs.push(glob) - 1;
    values.push(value);
    const literals = glob.split(/[*?]/);
    const longest = literals.reduce((best, literal) => (literal.length > best.length ? literal : best));
    const isEnough = (literal: string) => literal !== '' && 2 * literal.length >= longest.length;
    const first = literals[0]!;
    const last = literals.at(-1)!;
    // An anchored text is looked for in one place, an inner one everywhere.
    if (isEnough(first) && first.length >= last.length) beginnings.push({ text: first, value: number });
    else if (isEnough(last)) ends.push({ text: last, value: number });
    else if (longest !== '') inner.push({ text: longest, value: number });
    else always.push(number);
  }
  return {
    globs,
    values: Uint32Array.from(values),
    whole: compileTexts(whole),
    beginnings: compileTexts(beginnings),
    ends: compileTexts(ends),
    inner: compileTexts(inner),
    always: Uint32Array.from(always),
  };
}

export function openGlobIndex(data: GlobData): GlobIndex {
  const whole = openTextTable(data.whole);
  const beginnings = openTextTable(data.beginnings);
  const ends = openTextTable(data.ends);
  const inner = openTextTable(data.inner);
  const candidates: number[] = [];
  return {
    collect(name, found) {
      whole.collect(name, 0, name.length, found);
      candidates.length = 0;
      for (const length of beginnings.lengths) {
        if (length > name.length) break;
        beginnings.collect(name, 0, length, candidates);
      }
      for (const length of ends.lengths) {
        if (length > name.length) break;
        ends.collect(name, name.length - length, name.length, candidates);
      }
      for (const length of inner.lengths) {
        for (let from = 0; from + length <= name.length; from++) inner.collect(name, from, from + length, candidates);
      }
      for (const number of candidates) if (globMatches(data.globs[number]!, name)) found.push(data.values[number]!);
      for (const number of data.always) if (globMatches(data.globs[number]!, name)) found.push(data.values[number]!);
    },
  };
}
