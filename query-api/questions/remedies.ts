// What would make a request read less, from its own parameters.

import { requestedColumns } from '../access/rights.ts';
import { storedColumns } from '../sql/derived.ts';
import { PAIRS_COLUMNS, TRAFFIC_COLUMNS } from '../sql/dimensions.ts';
import { requestedTime } from '../sql/window.ts';
import type { Estimate } from './read-limit.ts';

export type RequestedQuery = Readonly<Record<string, unknown>>;

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
] as const;

export function remediesFor(query: RequestedQuery, nowMs: number) {
  return ({ rows }: Estimate, rowsMax: number): readonly string[] => [
    ...shorterWindow(query, nowMs, rowsMax / rows),
    ...coarserColumns(query),
    ...(query['layer'] === 'l2' ? ['use layer=l3, which is in roll-ups'] : []),
    'have --query-rows-max raised',
  ];
}

/** Rows are taken to be spread evenly over the window. */
function shorterWindow({ from, to, calendar }: RequestedQuery, nowMs: number, share: number): readonly string[] {
  if (typeof from !== 'string' || typeof to !== 'string') return [];
  const { fromMs, toMs } = requestedTime({ from, to, calendar: String(calendar ?? '') }, nowMs).requested;
  const ms = (toMs - fromMs) * share;
  const [unit, length] = UNITS.find(([, one]) => ms >= one) ?? [];
  return [unit ? `choose a shorter window, about ${Math.floor(ms / length)}${unit}` : 'choose a shorter window'];
}

function coarserColumns(query: RequestedQuery): readonly string[] {
  const columns = storedColumns([...requestedColumns(query)].map(({ name }) => name));
  const ofRecords = columns.filter(name => !PAIRS_COLUMNS.has(name) && !TRAFFIC_COLUMNS.has(name));
  const ofPairs = columns.filter(name => !TRAFFIC_COLUMNS.has(name));
  const small = [...TRAFFIC_COLUMNS].join(', ');
  if (ofRecords.length > 0)
    return [`group and filter without ${ofRecords.join(', ')}, which only single records have; roll-ups have ${small}`];
  if (ofPairs.length > 0)
    return [`group and filter without ${ofPairs.join(', ')}; the smallest roll-ups have ${small}`];
  return [];
}
