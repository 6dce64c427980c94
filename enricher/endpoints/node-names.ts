// What the keys of a batch mean, collected while it is enriched and stored before the batch itself. A key is announced
// once per name; the memory of what was announced is bounded and forgotten whole, since repeating is harmless.

import { type Key, keyToBigint } from '../../schemas/keys.ts';
import type { NodeName } from '../../storage/tables/nodes.ts';
import type { Place } from '../../storage/tables/places.ts';

export interface NodeNames {
  /** `identity` is what the key was computed from. */
  announce(key: Key, name: string, identity: string): void;
  announcePlace(place: Place): void;
  /** Nodes that were announced since the last call. */
  take(): NodeName[];
  /** Places, in the same way. */
  takePlaces(): Place[];
  /** Everything is announced again, because some could not be stored. */
  forget(): void;
  readonly size: number;
}

/** Of nodes and places together. */
export const NAMES_MAX = 1_000_000;

export function createNodeNames(namesMax = NAMES_MAX): NodeNames {
  const known = new Map<bigint, string>();
  let pending: NodeName[] = [];
  let pendingPlaces: Place[] = [];
  /** Whether it is to be announced. */
  const isNew = (key: bigint, name: string): boolean => {
    if (known.get(key) === name) return false;
    if (known.size >= namesMax) known.clear();
    known.set(key, name);
    return true;
  };
  return {
    announce(words, name, identity) {
      const key = keyToBigint(words);
      if (isNew(key, name)) pending.push({ key, name, identity });
    },
    announcePlace(place) {
      // The key is a hash of all that there is to say.
      if (isNew(place.key, '')) pendingPlaces.push(place);
    },
    take() {
      const taken = pending;
      pending = [];
      return taken;
    },
    takePlaces() {
      const taken = pendingPlaces;
      pendingPlaces = [];
      return taken;
    },
    forget: () => known.clear(),
    get size() {
      return known.size;
    },
  };
}
