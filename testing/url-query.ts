// The query string of a request, in which a parameter that takes several values is repeated, as the typed client sends it.

export function urlQuery(query: Readonly<Record<string, string | readonly string[]>>): string {
  const entries = Object.entries(query).flatMap(([name, value]) => [value].flat().map(one => [name, one]));
  return new URLSearchParams(entries).toString();
}
