// What the keys of a batch mean, collected while it is enriched and stored before the batch itself. A key is announced
// once per name; the memory of what was announced is bounded and forgotten whole, since repeating is harmless.

import { type Key, keyToBigint } from '../../schemas/keys.ts';
import type { NodeName } from '../../storage/tables/nodes.ts';

export interface NodeNames {
  /** `identity` is what the key was computed from. */
  announce(key: Key, name: string, identity: string): void;
  /** What was announced since the last call. */
  take(): NodeName[];
  /** Every node is announced again, because some could not be stored. */
  forget(): void;
  readonly size: number;
}

export const NAMES_MAX = 1_000_000;

export function createNodeNames(namesMax = NAMES_MAX): NodeNames {
  const known = new Map<bigint, string>();
  let pending: NodeName[] = [];
  return {
    announce(words, name, identity) {
      const key = keyToBigint(words);
      if (known.get(key) === name) return;
      if (known.size >= namesMax) known.clear();
      known.set(key, name);
      pending.push({ key, name, identity });
    },
    take() {
      const taken = pending;
      pending = [];
      return taken;
    },
    forget: () => known.clear(),
    get size() {
      return known.size;
    },
  };
}
