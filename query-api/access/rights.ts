// What each role may read and change. Each route states the right it needs (http/routes.ts); of questions that group and filter
// by columns the right follows from what these reveal (schemas/flow.ts).

import type { Reveals } from '../../schemas/columns.ts';
import type { Role } from '../../schemas/tokens.ts';
import type { Right } from '../http/routes.ts';
import { columnOrPair, type DimensionColumn } from '../sql/dimensions.ts';
import { parseFilter, termsOf } from '../sql/filter.ts';

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

export function rightsOf(role: Role): readonly Right[] {
  return [...MAY[role]];
}

/** Of a column, by what it reveals. */
const RIGHT_TO_SEE: Readonly<Record<Reveals, Right>> = {
  nothing: 'matrix',
  application: 'matrix',
  infrastructure: 'read',
  address: 'records',
};
const ORDER: readonly Right[] = ['matrix', 'read', 'records'];

/** What somebody needs who is shown all of these columns. */
export function rightToSee(reveals: Iterable<Reveals>): Right {
  let level = 0;
  for (const one of reveals) level = Math.max(level, ORDER.indexOf(RIGHT_TO_SEE[one]));
  return ORDER[level]!;
}

type Query = Readonly<Record<string, unknown>>;

/** The right for requests that group and filter by columns. */
export function rightForColumns(query: Query): Right {
  return rightToSee([...requestedColumns(query)].map(({ reveals }) => reveals));
}

/** Columns that the request groups and filters by; what cannot be parsed is refused by the question itself. */
export function* requestedColumns({ by, rows, columns, split, filter, series }: Query): Generator<DimensionColumn> {
  for (const list of [by, rows, columns, split]) {
    if (typeof list !== 'string') continue;
    for (const name of list.split(',').map(text => text.trim())) yield* columnOrPair(name) ?? [];
  }
  for (const text of [filter, series].flat()) if (typeof text === 'string') yield* filteredColumns(text);
}

function* filteredColumns(text: string): Generator<DimensionColumn> {
  try {
    for (const term of termsOf(parseFilter('filter', text))) yield* term.columns;
  } catch {
    // The question answers with what is wrong.
  }
}
