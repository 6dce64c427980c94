// What each role may ask. One rule a route: by its method and path; and for questions that group and filter by columns,
// which of them show a VM or an address.

import type { Role } from '../../schemas/tokens.ts';
import { COLUMN_NAMES, columnOrPair, PAIR_NAMES } from '../sql/dimensions.ts';
import { parseFilter } from '../sql/filter.ts';

/** What a request needs, the least first. */
export type Right = 'nothing' | 'matrix' | 'read' | 'records' | 'inventory' | 'admin';

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

const API = '/api/v1/';
/** Questions of columns: what they need depends on the columns. */
const QUESTIONS: ReadonlySet<string> = new Set(['matrix', 'series', 'top']);
/** Answers with addresses in them whatever is asked. */
const RECORDS: ReadonlySet<string> = new Set(['flows']);
/** Changes of what is stored, not of what is known. */
const ADMIN: ReadonlySet<string> = new Set(['reenrichments', 'erasures']);

/** Columns that tell no more than applications. */
const APPLICATION_COLUMNS: ReadonlySet<string> = new Set([
  'srcApp',
  'dstApp',
  'service',
  'serverSide',
  'locality',
  'protocol',
  'proto',
  'etherType',
]);
const ADDRESS_COLUMNS: ReadonlySet<string> = new Set(['srcAddr', 'dstAddr', 'srcMac', 'dstMac']);

export interface Asked {
  readonly method: string;
  /** Pattern of the route, `/api/v1/matrix`; undefined when there is none. */
  readonly route: string | undefined;
  readonly query: Readonly<Record<string, unknown>>;
}

export function rightFor({ method, route, query }: Asked): Right {
  // What is not there, the console's files, health and documentation tell nothing of the traffic.
  if (route === undefined) return 'nothing';
  if (route === '/metrics') return 'read';
  if (!route.startsWith(API)) return 'nothing';
  const name = route.slice(API.length).split('/')[0]!;
  if (ADMIN.has(name)) return 'admin';
  if (method !== 'GET' && method !== 'HEAD') return 'inventory';
  if (RECORDS.has(name)) return 'records';
  return QUESTIONS.has(name) ? rightForColumns(query) : 'read';
}

function rightForColumns(query: Asked['query']): Right {
  let right: Right = 'matrix';
  for (const column of columnsAsked(query)) {
    if (ADDRESS_COLUMNS.has(column)) return 'records';
    if (!APPLICATION_COLUMNS.has(column)) right = 'read';
  }
  return right;
}

const KNOWN: ReadonlySet<string> = new Set([...PAIR_NAMES, ...COLUMN_NAMES]);

/** Columns that the question groups and filters by; what cannot be read is refused by the question itself. */
function* columnsAsked({ by, split, filter }: Asked['query']): Generator<string> {
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
