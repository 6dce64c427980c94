// What the keys of nodes mean: applications, VMs, hosts, racks.

import { homeOf, type Storage } from '../storage.ts';
import { column, DATETIME_MS, type Table } from './table.ts';

export interface NodeName {
  readonly key: bigint;
  /** Name shown to people; append-only: a renamed node gets a second row. */
  readonly name: string;
  /** What the key was computed from; see schemas/keys.ts. */
  readonly identity: string;
}

export const NODES: Table = {
  name: 'nodes',
  columns: [
    column('key', 'UInt64'),
    column('class', 'UInt8', 'MATERIALIZED bitShiftRight(key, 56)'),
    column('name', 'String'),
    column('identity', 'String'),
    column('firstSeen', DATETIME_MS, 'DEFAULT now64(3)'),
  ],
  // A name that is announced again, as after each start, stays one row: the newest, which is the name valid now.
  engine: 'ReplacingMergeTree(firstSeen)',
  order: '(key, name)',
};

/** Repeating is harmless. */
export function insertNodes(storage: Storage, nodes: readonly NodeName[]): Promise<void> {
  const rows = nodes.map(({ key, name, identity }) => ({ key: String(key), name, identity }));
  return homeOf(storage).insert({ table: 'nodes', rows });
}
