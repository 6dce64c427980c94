// The query string of a sentence of `hairpin ask`, as the typed client sends it.

import type { Query } from '../commands/ask-sentence.ts';

export function urlQuery(query: Query): string {
  const entries = Object.entries(query).flatMap(([name, value]) => [value].flat().map(one => [name, one]));
  return new URLSearchParams(entries).toString();
}
