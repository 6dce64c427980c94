// What the inventory said of the attachment of an end beside VM, host and rack when a record flowed. The key of a place is a
// hash of its content, so a row never changes: a port group that moves to another segment makes other places.

import { homeOf, type Storage } from '../storage.ts';
import { column, DATETIME_MS, type Table } from './table.ts';

/** Fields of a place that are keys of nodes (nodes.ts), 0 where nothing is known. */
export const PLACE_NODES = ['site', 'vswitch', 'portGroup', 'segment', 'tier'] as const;
export type PlaceNode = (typeof PLACE_NODES)[number];

export interface Place extends Readonly<Record<PlaceNode, bigint>> {
  readonly key: bigint;
  /** Tags of the VM, each once, in order. */
  readonly tags: readonly string[];
}

export const PLACES: Table = {
  name: 'places',
  columns: [
    column('key', 'UInt64'),
    ...PLACE_NODES.map(name => column(name, 'UInt64')),
    column('tags', 'Array(String)'),
    column('firstSeen', DATETIME_MS, 'DEFAULT now64(3)'),
  ],
  engine: 'ReplacingMergeTree(firstSeen)',
  order: 'key',
};

/** Repeating is harmless. */
export function insertPlaces(storage: Storage, places: readonly Place[]): Promise<void> {
  const rows = places.map(place => ({
    key: String(place.key),
    ...Object.fromEntries(PLACE_NODES.map(name => [name, String(place[name])])),
    tags: place.tags,
  }));
  return homeOf(storage).insert({ table: PLACES.name, rows });
}
