// What a filter says, whichever way it is written: terms joined by and, or and not. Printing gives the canonical text.

/** A part of the text: from its first character to behind its last, counted in UTF-16 code units. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** `in` is `=`, and `not in` is `!=`. */
export const ORDERED = ['<', '<=', '>', '>='] as const;
export type Operator = '=' | '!=' | (typeof ORDERED)[number];

export interface WrittenValue extends Span {
  readonly text: string;
}

export interface WrittenTerm extends Span {
  readonly kind: 'term';
  /** As written: `srcApp`, `src.app`, `app`. */
  readonly name: string;
  readonly nameAt: Span;
  readonly operator: Operator;
  readonly operatorAt: Span;
  readonly values: readonly WrittenValue[];
}

/** Parts of `and` are no `and`, and parts of `or` no `or`; each has two or more. */
export type Expression<T> =
  | T
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Expression<T>[] }
  | { readonly kind: 'not'; readonly part: Expression<T> };

type Composed<T> = Exclude<Expression<T>, T>;

interface Leaf {
  readonly kind: 'term';
}

/** Joins what may be of the same kind; one part stays alone. */
export function join<T extends Leaf>(kind: 'and' | 'or', parts: readonly Expression<T>[]): Expression<T> {
  const flat = parts.flatMap(part =>
    part.kind === kind ? (part as { parts: readonly Expression<T>[] }).parts : [part],
  );
  return flat.length === 1 ? flat[0]! : { kind, parts: flat };
}

/** The depth of expressions is limited where they are parsed, so all walks over them are recursive. */
export function mapTerms<T extends Leaf, U extends Leaf>(
  expression: Expression<T>,
  change: (term: T) => U,
): Expression<U> {
  if (expression.kind === 'term') return change(expression as T);
  const composed = expression as Composed<T>;
  if (composed.kind === 'not') return { kind: 'not', part: mapTerms(composed.part, change) };
  return { kind: composed.kind, parts: composed.parts.map(part => mapTerms(part, change)) };
}

export function termsOf<T extends Leaf>(expression: Expression<T> | undefined): T[] {
  const terms: T[] = [];
  if (expression)
    mapTerms(expression, term => {
      terms.push(term);
      return term;
    });
  return terms;
}

type Printed = Pick<WrittenTerm, 'kind' | 'name' | 'operator'> & {
  readonly values: readonly Pick<WrittenValue, 'text'>[];
};

/** `src.app in (web, "Web, old") and not vlan = 5`; reading it again gives the same expression. */
export function print(expression: Expression<Printed>): string {
  switch (expression.kind) {
    case 'term':
      return printTerm(expression);
    case 'not':
      return `not ${enclosed(expression.part, 'and', 'or')}`;
    case 'and':
      return expression.parts.map(part => enclosed(part, 'or')).join(' and ');
    default:
      return expression.parts.map(print).join(' or ');
  }
}

function enclosed(expression: Expression<Printed>, ...looser: readonly string[]): string {
  const text = print(expression);
  return looser.includes(expression.kind) ? `(${text})` : text;
}

function printTerm({ name, operator, values }: Printed): string {
  const texts = values.map(({ text }) => quote(text));
  if (texts.length === 1) return `${name} ${operator} ${texts[0]}`;
  return `${name} ${operator === '=' ? 'in' : 'not in'} (${texts.join(', ')})`;
}

/** What the grammar reads as more or less than one value, or the value itself not to the letter. */
const NEEDS_QUOTES = /[,;|"()]|^\s|\s$|^$|(^|\s)(and|or)(\s|$)/i;

/** A value as it stands in a filter, in quotes where it has to; a quotation mark in it is doubled. */
export function quote(text: string): string {
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The value that a text stands for. Quotes within it keep separators and remain. */
export function unquote(text: string): string {
  const value = text.trim();
  if (value.length < 2 || !value.startsWith('"') || !value.endsWith('"')) return value;
  const inner = value.slice(1, -1);
  // Several parts in quotes are no one value in quotes: they are left as they are.
  return /^([^"]|"")*$/.test(inner) ? inner.replaceAll('""', '"') : inner;
}
