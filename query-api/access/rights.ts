// What each role may read and change. Each route states the right it needs (http/routes.ts); of questions that group and filter
// by columns the right follows from what these reveal (schemas/flow.ts).

import type { Reveals } from '../../schemas/columns.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import type { Role } from '../../schemas/tokens.ts';
import type { Right } from '../http/routes.ts';
import { COLUMN_NAMES, columnOrPair, PAIR_NAMES } from '../sql/dimensions.ts';
import { parseFilter } from '../sql/filter.ts';

const MAY: Readonly<Record<Role, ReadonlySet<Right>>> = {
  matrix: new Set(['nothing', 'matrix']),
  read: new Set(['nothing', 'matrix', 'read']),
  records: new Set(['nothing', 'matrix', 'read', 'records']),
  inventory: new Set(['nothing', 'matrix', 'read', 'inventory']),
  admin: new Set(['nothing', 'matrix', 'read', 'records', 'inventory', 'admin']),
};

export function may(role: Role, right: Right): boolean {
  return MAY[role].has(right);
}

/** Of a column, by what it reveals. */
const RIGHT_TO_SEE: Readonly<Record<Reveals, Right>> = {
  nothing: 'matrix',
  application: 'matrix',
  infrastructure: 'read',
  address: 'records',
};
const ORDER: readonly Right[] = ['matrix', 'read', 'records'];
const REVEALS = new Map<string, Reveals>(FLOW_COLUMNS.map(({ name, reveals }) => [name, reveals]));

/** What somebody needs who is shown all of these columns. */
export function rightToSee(reveals: Iterable<Reveals>): Right {
  let level = 0;
  for (const one of reveals) level = Math.max(level, ORDER.indexOf(RIGHT_TO_SEE[one]));
  return ORDER[level]!;
}

type Query = Readonly<Record<string, unknown>>;

/** The right for requests that group and filter by columns. */
export function rightForColumns(query: Query): Right {
  return rightToSee([...requestedColumns(query)].map(name => REVEALS.get(name) ?? 'address'));
}

const KNOWN: ReadonlySet<string> = new Set([...PAIR_NAMES, ...COLUMN_NAMES]);

/** Columns that the request groups and filters by; what cannot be parsed is refused by the question itself. */
function* requestedColumns({ by, split, filter }: Query): Generator<string> {
  for (const list of [by, split]) {
    if (typeof list !== 'string') continue;
    for (const name of list.split(',').map(text => text.trim()))
      if (KNOWN.has(name)) for (const { name: column } of columnOrPair(name) ?? []) yield column;
  }
  if (typeof filter !== 'string') return;
  try {
    for (const term of parseFilter('filter', filter).flat()) for (const { name } of term.columns) yield name;
  } catch {
    // The question answers with what is wrong.
  }
}
