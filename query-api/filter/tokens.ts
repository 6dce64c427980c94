// The words of a filter that no regular expression describes: those of values, which may hold parentheses, and the words
// between terms, which are words of values elsewhere (`app = and`).

import { ContextTracker, ExternalTokenizer, type InputStream, type Stack } from '@lezer/lr';
import { AndWord, Close, In, Not, Open, OrWord, Word } from './parser.terms.ts';

const SPACE = /\s/;
const END_OF_WORD = new Set([',', ';', '|', '"']);

const isSpace = (code: number) => SPACE.test(String.fromCharCode(code));

/** How many parentheses of groups and lists are open. */
export const openParentheses = new ContextTracker<number>({
  start: 0,
  shift: (open, term) => (term === Open ? open + 1 : term === Close ? open - 1 : open),
  hash: open => open,
});

export const words = new ExternalTokenizer(
  (input, stack) => {
    if (input.next === 0x28 && stack.canShift(Open)) return;
    const word = readWord(input, stack.context > 0);
    if (word === '') return;
    const keyword = connective(word, stack);
    // `and(` begins a group.
    if (keyword) input.acceptToken(keyword.term, keyword.length - word.length);
    else input.acceptToken(Word);
  },
  // The same text is a word or a keyword, by what stands before it.
  { contextual: true },
);

/** Up to a space, a separator or, where one is open, a parenthesis that closes what the word did not open. */
function readWord(input: InputStream, isEnclosed: boolean): string {
  let word = '';
  let open = 0;
  while (input.next >= 0 && !isSpace(input.next)) {
    const character = String.fromCharCode(input.next);
    if (END_OF_WORD.has(character)) break;
    if (character === '(') open++;
    if (character === ')' && open-- <= 0 && isEnclosed) break;
    word += character;
    input.advance();
  }
  return word;
}

const CONNECTIVE = /^(and|or)(?=\(|$)/i;

function connective(word: string, stack: Stack): { term: number; length: number } | undefined {
  const [found] = CONNECTIVE.exec(word) ?? [];
  if (found === undefined) return undefined;
  const term = found.toLowerCase() === 'and' ? AndWord : OrWord;
  return stack.canShift(term) ? { term, length: found.length } : undefined;
}

/** A name that is a keyword: no column may be called so. */
export function nameKeyword(name: string, _stack: Stack): number {
  const lower = name.toLowerCase();
  if (lower === 'not') return Not;
  return lower === 'in' ? In : -1;
}
