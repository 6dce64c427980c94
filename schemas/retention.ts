// How long a table keeps its rows, where it has a value of its own: `flows=7`.

/** Tables whose rows expire. Documents and names do not: stored records cannot be read without them. */
export const RETAINED_TABLES = [
  'flows',
  'traffic_1m',
  'traffic_5m',
  'traffic_1h',
  'pairs_5m',
  'pairs_1h',
  'unelected_5m',
  'cells_5m',
  'exporters',
  'interfaces',
  'collectors',
  'facts',
  'services',
  'heartbeats',
  'events',
  'learned_interfaces',
  'alerts',
  'alert_evaluations',
] as const;
export type RetainedTable = (typeof RETAINED_TABLES)[number];

/** Days are counted from 1970 in 16 bits, and times in 32 bits of seconds: more would wrap into the past. */
export const DAYS_MAX = 20_000;

/** Undefined when the text is not `TABLE=DAYS`. */
export function parseRetention(text: string): { readonly table: RetainedTable; readonly days: number } | undefined {
  const [, name, digits] = /^([a-z0-9_]+)=(\d{1,5})$/.exec(text) ?? [];
  const table = RETAINED_TABLES.find(known => known === name);
  const days = Number(digits);
  return table && days >= 1 && days <= DAYS_MAX ? { table, days } : undefined;
}
