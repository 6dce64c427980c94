// What may stand at a place of a filter, from the tokens before it. Errors name it, completion offers it. What stands here
// follows filter.grammar; syntax.test.ts holds both together.

import type { SyntaxNodeRef, Tree } from '@lezer/common';
import type { Span } from './expression.ts';
import { parser } from './parser.ts';

/** `next` is behind a term or a group: what joins it with another, or what closes it. */
export type Expected = 'term' | 'operator' | 'in' | 'member' | 'value' | 'next';

export interface Place {
  readonly expected: Expected;
  /** The column of the term that is begun, and its operator; undefined elsewhere. */
  readonly name: Span | undefined;
  readonly operator: Span | undefined;
  /** In the parentheses of `in`. */
  readonly inSet: boolean;
  /** Behind a value, which more words may continue. */
  readonly value: Span | undefined;
  /** Groups that are open, the outermost first. */
  readonly groups: readonly Span[];
  /** A quotation mark without its partner. */
  readonly unclosed: Span | undefined;
}

/** Groups and `not` inside each other. */
export const DEPTH_MAX = 32;

const MANY_NEGATIONS = new RegExp(`(?:\\bnot\\s+){${DEPTH_MAX + 1}}`, 'i');

/**
 * The parenthesis, or the start of the negations, that is nested too deep for sure. The parser is not given such a text:
 * it takes 100 ms for 4,000 open groups.
 */
export function deepAt(text: string): Span | undefined {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    if (quoted) continue;
    if (text[i] === '(' && ++depth > DEPTH_MAX) return { from: i, to: i + 1 };
    if (text[i] === ')' && depth > 0) depth--;
  }
  const found = MANY_NEGATIONS.exec(text);
  return found ? { from: found.index, to: found.index + 3 } : undefined;
}

const strict = parser.configure({ strict: true });

/** Where a text stops being the start of a filter, or its end; with the tree when it is one. */
export function readUpTo(text: string): { readonly tree: Tree | undefined; readonly position: number } {
  try {
    return { tree: strict.parse(text), position: text.length };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // Lezer states the place in its message alone.
    return { tree: undefined, position: Number(/\d+$/.exec(error.message)?.[0] ?? 0) };
  }
}

interface State {
  expected: Expected;
  name: Span | undefined;
  operator: Span | undefined;
  inSet: boolean;
  value: Span | undefined;
  groups: Span[];
  unclosed: Span | undefined;
}

/** The place behind this text, which is a filter up to there. */
export function placeBehind(text: string): Place {
  const state: State = {
    expected: 'term',
    name: undefined,
    operator: undefined,
    inSet: false,
    value: undefined,
    groups: [],
    unclosed: undefined,
  };
  parser.parse(text).iterate({
    enter(node) {
      // Below an error are tokens that continue nothing.
      if (node.type.isError) return false;
      if (node.to > node.from) step(state, node);
      return true;
    },
  });
  return state;
}

const JOINING = new Set(['Comma', 'Semicolon', 'AndWord', 'OrWord']);
const PARTS_OF_VALUES = new Set(['Word', 'Quoted', 'Unclosed']);

/** One token further. */
function step(state: State, { name, from, to }: SyntaxNodeRef): void {
  const span = { from, to };
  if (name === 'Name') begin(state, 'operator', span);
  else if (name === 'Comparison') expectBehind(state, span, 'value');
  else if (name === 'In') expectBehind(state, { from: state.operator?.from ?? from, to }, 'member');
  else if (name === 'Not' && state.expected === 'operator') expectBehind(state, span, 'in');
  else if (name === 'Pipe' || (name === 'Comma' && state.inSet)) expect(state, 'value');
  else if (JOINING.has(name)) begin(state, 'term');
  else if (name === 'Open') open(state, span);
  else if (name === 'Close') close(state);
  else if (PARTS_OF_VALUES.has(name)) {
    if (name === 'Unclosed') state.unclosed = span;
    state.value = { from: state.value?.from ?? from, to };
    state.expected = 'next';
  }
}

function expectBehind(state: State, operator: Span, expected: Expected): void {
  state.operator = operator;
  expect(state, expected);
}

function expect(state: State, expected: Expected): void {
  state.expected = expected;
  state.value = undefined;
}

function begin(state: State, expected: Expected, name?: Span): void {
  expect(state, expected);
  state.name = name;
  state.operator = undefined;
}

function open(state: State, span: Span): void {
  if (state.expected === 'member') {
    state.inSet = true;
    expect(state, 'value');
  } else state.groups.push(span);
}

function close(state: State): void {
  if (state.inSet) state.inSet = false;
  else state.groups.pop();
  begin(state, 'next');
}

/** Kinds of words that may stand at a place; what they are for a column, typing and completion know. */
export function allowedAt({ expected, inSet, value, groups }: Place): string[] {
  switch (expected) {
    case 'term':
      return ['COLUMN', 'not', '('];
    case 'operator':
      return ['=', '!=', '<', '<=', '>', '>=', 'in', 'not in'];
    case 'in':
      return ['in'];
    case 'member':
      return ['VALUE', '('];
    case 'value':
      return ['VALUE'];
    default:
      if (inSet) return [',', '|', ')'];
      return [...(value ? ['|'] : []), 'and', ',', 'or', ';', ...(groups.length > 0 ? [')'] : [])];
  }
}
