// What may stand at the cursor of a filter that is being written: columns, operators, values and the words between terms. Each
// item says which part of the text it replaces. Names of nodes are looked up by the caller: only it knows them.

import type { Span } from './expression.ts';
import { quote } from './expression.ts';
import { allowedAt, deepAt, type Place, placeBehind, readUpTo } from './place.ts';
import { operatorsOf, valuesAllowed } from './typing.ts';
import { columnsNamed, ENDS, type FilterColumn, type Vocabulary } from './vocabulary.ts';

export interface Item {
  /** What to put in place of the span. */
  readonly text: string;
  readonly kind: 'column' | 'operator' | 'value' | 'word';
  readonly from: number;
  readonly to: number;
}

/** Values of a column whose names are not in the vocabulary: those that hold `typed`. */
export interface Wanted<C extends FilterColumn> extends Span {
  readonly column: C;
  readonly typed: string;
}

export interface Completion<C extends FilterColumn> {
  /** What may stand there, in words: an end of input of an editor shows it where nothing can be listed. */
  readonly expected: readonly string[];
  /** Values to look up, which come before the items. */
  readonly wanted: Wanted<C> | undefined;
  readonly items: readonly Item[];
}

/** What may not be used is not offered. */
export function completionAt<C extends FilterColumn>(
  text: string,
  position: number,
  vocabulary: Vocabulary<C>,
  mayUse: (columns: readonly C[]) => boolean,
): Completion<C> {
  const before = text.slice(0, position);
  if (deepAt(before)) return NOTHING;
  const read = readUpTo(before).position;
  const place = placeBehind(before.slice(0, read));
  const written = { before, behind: text.slice(position), place, vocabulary, mayUse };
  if (read === before.length) {
    if (place.value && place.expected === 'next') return insideValue(written);
    if (place.expected === 'value' || place.expected === 'member')
      return valuesAt(written, { from: position, to: position });
  }
  // A name or an operator that is begun counts as not yet written.
  const [typed] = /(?:[A-Za-z][\w.]*|[!<>=]+)$/.exec(before) ?? [''];
  const stem = before.slice(0, before.length - typed.length);
  // Something is wrong further in front: nothing that is put here makes it right.
  if (read < stem.length) return NOTHING;
  return begun({ ...written, place: placeBehind(stem) }, typed);
}

function begun<C extends FilterColumn>(written: Written<C>, typed: string): Completion<C> {
  const { before, behind, place, vocabulary } = written;
  const span = { from: before.length - typed.length, to: before.length + restOf(behind, typed) };
  if (place.expected === 'term') {
    const items = [...columnItems(typed, span, written), ...ranked(typed, ['not', '('], span, 'word')];
    return { expected: allowedAt(place), wanted: undefined, items };
  }
  if (place.expected === 'next') return wordsBehind(place, typed, span);
  const operators = place.expected === 'in' ? ['in'] : operatorsAt(before, place, vocabulary);
  return { expected: operators, wanted: undefined, items: ranked(typed, operators, span, 'operator') };
}

const NOTHING = { expected: [], wanted: undefined, items: [] } as const;

interface Written<C extends FilterColumn> {
  readonly before: string;
  readonly behind: string;
  readonly place: Place;
  readonly vocabulary: Vocabulary<C>;
  readonly mayUse: (columns: readonly C[]) => boolean;
}

function restOf(behind: string, typed: string): number {
  const rest = /^[A-Za-z]/.test(typed) ? /^[\w.]*/ : /^[!<>=]*/;
  return typed === '' ? 0 : rest.exec(behind)![0].length;
}

/** The value may go on, and behind a space it may have ended. */
function insideValue<C extends FilterColumn>(written: Written<C>): Completion<C> {
  const { before, behind, place } = written;
  const end = place.unclosed ? /^[^"]*"?/ : /^[^\s,;|()"]*/;
  const values = valuesAt(written, { from: place.value!.from, to: before.length + end.exec(behind)![0].length });
  const [, typed] = /\s(\w*)$/.exec(before.slice(place.value!.from)) ?? [];
  if (place.unclosed || typed === undefined) return values;
  const words = wordsBehind(place, typed, { from: before.length - typed.length, to: before.length });
  return { ...values, expected: [...values.expected, ...words.expected], items: [...values.items, ...words.items] };
}

function wordsBehind<C extends FilterColumn>(place: Place, typed: string, span: Span): Completion<C> {
  const allowed = allowedAt(place);
  return { expected: allowed, wanted: undefined, items: ranked(typed, allowed, span, 'word') };
}

function operatorsAt<C extends FilterColumn>(before: string, { name }: Place, vocabulary: Vocabulary<C>): string[] {
  const columns = columnsNamed(vocabulary, before.slice(name!.from, name!.to));
  return columns ? [...operatorsOf(columns[0]!)] : [];
}

function valuesAt<C extends FilterColumn>(
  { before, place, vocabulary, mayUse }: Written<C>,
  span: Span,
): Completion<C> {
  const columns = place.name && columnsNamed(vocabulary, before.slice(place.name.from, place.name.to));
  if (!columns || !mayUse(columns)) return NOTHING;
  const column = columns[0]!;
  const typed = before.slice(span.from).replace(/^"/, '').replaceAll('""', '"').trimStart();
  const set = place.expected === 'member' ? ranked(typed, ['('], span, 'word') : [];
  const expected = [...valuesAllowed(column), ...(place.expected === 'member' ? ['('] : [])];
  if (column.kind === 'code')
    return { expected, wanted: undefined, items: [...valueItems(typed, column.codes, span), ...set] };
  return { expected, wanted: { column, typed, ...span }, items: set };
}

/** Values that hold what was typed, as items that replace it. */
export function valueItems(typed: string, values: Iterable<string>, { from, to }: Span): Item[] {
  return ranked(typed, values, { from, to }, 'value').map(item => ({ ...item, text: quote(item.text) }));
}

function columnItems<C extends FilterColumn>(typed: string, span: Span, { vocabulary, mayUse }: Written<C>): Item[] {
  const pairs = [...vocabulary.pairs.keys()];
  const paired = new Set([...vocabulary.pairs.values()].flat());
  const single = [...vocabulary.columns.values()].filter(column => !paired.has(column)).map(({ name }) => name);
  const ended = ENDS.filter(end => end !== 'either' || typed.startsWith(end)).flatMap(end =>
    pairs.map(pair => `${end}.${pair}`),
  );
  const names = [...pairs, ...single, ...ended].filter(name => mayUse(columnsNamed(vocabulary, name)!));
  return ranked(typed, names, span, 'column');
}

/** What begins with the typed text comes before what holds it elsewhere, in any case. */
export function ranked(typed: string, texts: Iterable<string>, { from, to }: Span, kind: Item['kind']): Item[] {
  const wanted = typed.toLowerCase();
  const [first, second]: [Item[], Item[]] = [[], []];
  for (const text of texts) {
    const at = text.toLowerCase().indexOf(wanted);
    if (at >= 0) (at === 0 ? first : second).push({ text, kind, from, to });
  }
  return [...first, ...second];
}
