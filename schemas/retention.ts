// How long each table keeps its rows, where that is said for a table by itself: `flows=7`.

/** Tables whose rows have an age. Documents and names have none: what is stored cannot be read without them. */
export const RETAINED_TABLES = [
  'flows',
  'traffic_1m',
  'traffic_5m',
  'traffic_1h',
  'pairs_5m',
  'pairs_1h',
  'unelected_5m',
  'exporters',
  'interfaces',
  'facts',
  'services',
  'heartbeats',
  'events',
] as const;
export type RetainedTable = (typeof RETAINED_TABLES)[number];

/** Days are reckoned from 1970 in 16 bits, and times in 32 bits of seconds: more would wrap, to what is long gone. */
export const DAYS_MAX = 20_000;

/** Undefined when the text is not `TABLE=DAYS`. */
export function parseRetention(text: string): { readonly table: RetainedTable; readonly days: number } | undefined {
  const [, name, digits] = /^([a-z0-9_]+)=(\d{1,5})$/.exec(text) ?? [];
  const table = RETAINED_TABLES.find(known => known === name);
  const days = Number(digits);
  return table && days >= 1 && days <= DAYS_MAX ? { table, days } : undefined;
}
