// Text to expression. The parser is Lezer's, whose loops are no recursion; a tree becomes an expression here, with limits on
// length and depth. A text that is no filter is refused at the first character at which no filter continues.

import type { SyntaxNodeRef } from '@lezer/common';
import {
  type Expression,
  join,
  type Operator,
  type Span,
  unquote,
  type WrittenTerm,
  type WrittenValue,
} from './expression.ts';
import { fail, shown } from './fault.ts';
import { allowedAt, DEPTH_MAX, deepAt, type Place, placeBehind, readUpTo } from './place.ts';

export const TEXT_LENGTH_MAX = 4000;
const TERMS_MAX = 50;
const VALUES_MAX = 200;

export type WrittenFilter = Expression<WrittenTerm>;

/** Undefined for a text without any term. Throws FilterError. */
export function parse(text: string): WrittenFilter | undefined {
  if (text.length > TEXT_LENGTH_MAX)
    fail({ from: TEXT_LENGTH_MAX, to: text.length }, `has more than ${TEXT_LENGTH_MAX} characters`);
  const deep = deepAt(text);
  if (deep) refuseDepth(deep);
  const { tree, position } = readUpTo(text);
  if (!tree) return refuseAt(text, position);
  const builder = new Builder(text);
  tree.iterate({ enter: node => builder.enter(node), leave: node => builder.leave(node) });
  return builder.result();
}

/** Builds the expression while the tree is walked through: `open` has the parts of what is begun, the innermost last. */
class Builder {
  readonly #text: string;
  readonly #open: Expression<WrittenTerm>[][] = [[]];
  #depth = 0;
  #terms = 0;
  #values = 0;
  #term: { name: Span; operator: Operator; operatorAt: Span; values: WrittenValue[] } | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  enter(node: SyntaxNodeRef): void {
    const { name, from, to } = node;
    if (name === 'Or' || name === 'And' || name === 'Negation') this.#open.push([]);
    if ((name === 'Group' || name === 'Negation') && ++this.#depth > DEPTH_MAX) refuseDepth({ from, to: from + 1 });
    if (name === 'Unclosed') refuseUnclosed({ from, to });
    if (name === 'Name') {
      this.#term = { name: { from, to }, operator: '=', operatorAt: { from, to }, values: [] };
      if (++this.#terms > TERMS_MAX) fail({ from, to }, `has more than ${TERMS_MAX} terms`);
    }
    const term = this.#term;
    if (!term) return;
    if (name === 'Comparison' || name === 'Membership') {
      term.operatorAt = { from, to };
      const written = this.#text.slice(from, to);
      term.operator = name === 'Comparison' ? (written as Operator) : /^n/i.test(written) ? '!=' : '=';
    }
    if (name === 'Value') term.values.push(this.#value({ from, to }));
  }

  leave({ name, from, to }: SyntaxNodeRef): void {
    if (name === 'Or' || name === 'And') {
      const parts = this.#open.pop()!;
      this.#add(join(name === 'Or' ? 'or' : 'and', parts));
    }
    if (name === 'Negation') {
      const [part] = this.#open.pop()!;
      this.#add({ kind: 'not', part: part! });
    }
    if (name === 'Group' || name === 'Negation') this.#depth--;
    if (name === 'Term') {
      const { name: nameAt, operator, operatorAt, values } = this.#term!;
      const written = this.#text.slice(nameAt.from, nameAt.to);
      this.#add({ kind: 'term', name: written, nameAt, operator, operatorAt, values, from, to });
      this.#term = undefined;
    }
  }

  result(): WrittenFilter | undefined {
    return this.#open[0]![0];
  }

  #add(part: Expression<WrittenTerm>): void {
    this.#open.at(-1)!.push(part);
  }

  #value({ from, to }: Span): WrittenValue {
    if (++this.#values > VALUES_MAX) fail({ from, to }, `has more than ${VALUES_MAX} values`);
    const written = this.#text.slice(from, to);
    const text = unquote(written);
    if (text === '') fail({ from, to }, `"${shown(written)}" lacks a value`);
    return { text, from, to };
  }
}

function refuseDepth(at: Span): never {
  fail(at, `is nested deeper than ${DEPTH_MAX} groups and negations`);
}

function refuseUnclosed(at: Span): never {
  fail(at, 'has a quotation mark without its partner; a quotation mark within a value in quotes is doubled', ['"']);
}

/** Up to the next space or separator, for messages. */
const FOUND = /^(?:[,;|()]|[^\s,;|()]{1,30})/;

function refuseAt(text: string, position: number): never {
  const place = placeBehind(text.slice(0, position));
  if (place.unclosed) refuseUnclosed(place.unclosed);
  const [found = ''] = FOUND.exec(text.slice(position)) ?? [];
  const at = { from: position, to: position + found.length };
  const is = found === '' ? 'the end of the filter' : `"${found}"`;
  const allowed = allowedAt(place);
  fail(at, messageAt(place, text, is, found), allowed);
}

function messageAt(
  { expected, name, operator, inSet, groups }: Place,
  text: string,
  is: string,
  found: string,
): string {
  const written = (span: Span | undefined) => (span ? text.slice(span.from, span.to) : '');
  switch (expected) {
    case 'term':
      return `${is} is no term; write NAME=VALUE with = != < <= > >= or in, terms joined by and (,) or or (;), values by |, groups in parentheses`;
    case 'operator':
      return `"${written(name)}" is no term: one of = != < <= > >= in, not in has to follow, not ${is}`;
    case 'in':
      return `"${written(name)} not" is no term: in has to follow, not ${is}`;
    case 'member':
    case 'value':
      return `"${written(name)} ${written(operator)}" lacks a value: ${is} is none; what has , ; | " or parentheses is written in quotes`;
    default:
      if (inSet) return `${is} does not continue the list of values: , or ) has to follow`;
      if (found === ')') return '")" closes nothing';
      if (groups.length > 0 && found === '') return 'a group is not closed: ) is missing';
      return `${is} does not continue the filter: and, or, "," or ";" has to follow`;
  }
}
