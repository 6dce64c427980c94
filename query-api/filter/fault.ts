// What is wrong with a filter: where, how much of the text, and what may stand there instead.

import type { Span } from './expression.ts';

export interface FilterFault {
  readonly message: string;
  readonly position: number;
  readonly length: number;
  readonly allowed: readonly string[];
}

export class FilterError extends Error {
  readonly faults: readonly FilterFault[];
  constructor(faults: readonly FilterFault[]) {
    super(faults.map(({ message }) => message).join('; '));
    this.faults = faults;
  }
}

export function faultAt({ from, to }: Span, message: string, allowed: readonly string[] = []): FilterFault {
  return { message, position: from, length: to - from, allowed };
}

export function fail(at: Span, message: string, allowed: readonly string[] = []): never {
  throw new FilterError([faultAt(at, message, allowed)]);
}

const AROUND = 40;
/** Of the text at fault, as a message repeats it. */
const SHOWN_MAX = 60;

export function shown(text: string): string {
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text;
}

/** The text around the fault in one line, and carets below it in the next. */
export function excerpt(text: string, { position, length }: Pick<FilterFault, 'position' | 'length'>): string {
  const from = Math.max(0, position - AROUND);
  const to = Math.min(text.length, position + AROUND);
  const start = from > 0 ? '...' : '';
  const line = text.slice(from, to).replace(/\s/g, ' ');
  const carets = '^'.repeat(Math.max(1, Math.min(length, to - position)));
  return `${start}${line}${to < text.length ? '...' : ''}\n${' '.repeat(start.length + position - from)}${carets}`;
}
