// A question to the API as a sentence: `matrix by app last 7d where locality = cross-rack`. Which questions there are, and
// with which parameters, says the OpenAPI document of the server that is asked, so that both are always of one version.

import { distance } from 'fastest-levenshtein';
import { type UsageError, usageError } from './command-line.ts';

export interface QuestionParameter {
  readonly name: string;
  readonly description: string;
  readonly schema?: { readonly type?: string | readonly string[] };
}

export interface Question {
  readonly name: string;
  readonly summary: string;
  readonly parameters: readonly QuestionParameter[];
}

export interface Asked {
  readonly question: Question;
  readonly query: Query;
}

/** A parameter that takes several values has all of them. */
export type Query = Readonly<Record<string, string | readonly string[]>>;

export const USAGE = "hairpin ask 'QUESTION [PARAMETER VALUE]... [last DURATION] [where FILTER]' [flags]";

const PREFIX = '/api/v1/';
const DURATION = /^\d+[smhdw]$/;
/** Words in quotes are one word. */
const WORD = /"([^"]*)"|'([^']*)'|(\S+)/y;

interface OpenApi {
  readonly paths: Readonly<
    Record<string, { readonly get?: { readonly summary?: string; readonly parameters?: readonly QuestionParameter[] } }>
  >;
}

export function questionsOf({ paths }: OpenApi): Question[] {
  return Object.entries(paths).flatMap(([path, { get }]) =>
    get && path.startsWith(PREFIX)
      ? [{ name: path.slice(PREFIX.length), summary: get.summary ?? '', parameters: get.parameters ?? [] }]
      : [],
  );
}

/** Throws a usage error that names the word and what may stand there. */
export function readSentence(text: string, questions: readonly Question[]): Asked {
  const words = wordsOf(text);
  const [first] = words;
  const question = questions.find(({ name }) => name === first?.text);
  if (!question)
    throw unknown(
      'question',
      first?.text ?? '',
      questions.map(({ name }) => name),
    );
  const query: Record<string, Query[string]> = {};
  for (let i = 1; i < words.length; ) {
    const { text: word, from } = words[i]!;
    if (word === 'where') {
      const filter = text.slice(from + word.length).trim();
      if (filter === '') throw fault('"where" needs a filter behind it');
      set(query, question, 'filter', filter);
      break;
    }
    const value = words[i + 1]?.text;
    if (word === 'last') set(query, question, 'from', lastOf(value));
    else set(query, question, word, value);
    i += 2;
  }
  return { question, query };
}

function wordsOf(text: string): { readonly text: string; readonly from: number }[] {
  const words: { text: string; from: number }[] = [];
  for (let at = 0; ; ) {
    while (/\s/.test(text[at] ?? '')) at++;
    if (at >= text.length) return words;
    WORD.lastIndex = at;
    const [whole = '', double, single, plain] = WORD.exec(text) ?? [];
    words.push({ text: double ?? single ?? plain ?? '', from: at });
    at += whole.length;
  }
}

function lastOf(duration: string | undefined): string {
  if (duration !== undefined && DURATION.test(duration)) return `now-${duration}`;
  throw fault(
    `"last" needs a duration such as 15m, 24h, 7d or 4w${duration === undefined ? '' : `, not "${duration}"`}`,
  );
}

function set(
  query: Record<string, Query[string]>,
  { name, parameters }: Question,
  word: string,
  value: string | undefined,
) {
  const parameter = parameters.find(one => one.name === word);
  if (!parameter) throw unknown(`parameter of ${name}`, word, [...parameters.map(one => one.name), 'last', 'where']);
  if (value === undefined || value === '') throw fault(`"${word}" needs a value behind it`);
  const before = Object.hasOwn(query, word) ? [query[word]!].flat() : [];
  if (before.length > 0 && !takesSeveral(parameter)) throw fault(`"${word}" is given twice`);
  query[word] = before.length > 0 ? [...before, value] : value;
}

function takesSeveral({ schema }: QuestionParameter): boolean {
  return [schema?.type ?? []].flat().includes('array');
}

function unknown(what: string, word: string, allowed: readonly string[]): UsageError {
  const nearest = [...allowed].sort((a, b) => distance(word, a) - distance(word, b));
  return fault(`"${word}" is no ${what}; these are: ${nearest.join(', ')}`);
}

function fault(message: string): UsageError {
  return usageError(message, USAGE);
}
