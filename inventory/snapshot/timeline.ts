// One source of the inventory in time: its snapshots in the order of their `asOf`, whenever they were recorded. A kind
// that a snapshot names in `complete` is replaced by what it lists, so that what it leaves out ends there; entities of
// other kinds are added or changed, and nothing ends. A source is heard at each snapshot and, where it is watched, until the
// moment it was seen unchanged last; from staleMs after that its facts are stale, from unknownMs on they are unknown.
// All of it is a function of what was told and of the moment asked for, never of the clock or of the order of arrival.

import type { Inventory } from '../../schemas/inventory.ts';
import { type Entities, INVENTORY_KINDS, type InventoryKind, type SourceState } from '../model/merge.ts';

/** Snapshots kept of one source; the oldest are folded into one beyond that, and rows before it take that one. */
export const SNAPSHOTS_MAX = 512;

export interface Silence {
  readonly inventoryStaleMs: number;
  readonly inventoryUnknownMs: number;
}

interface Told {
  readonly asOfMs: number;
  readonly complete: ReadonlySet<InventoryKind>;
  readonly entities: Entities;
  /** When the source was heard last before its next snapshot. */
  heardMs: number;
  /** Names what holds from here on; undefined where that is what held before. */
  state: number | undefined;
}

export interface SourceTimeline {
  readonly source: string;
  /** Takes a snapshot; one of the same `asOf` is replaced. Returns whether anything changed. */
  put(inventory: Inventory): boolean;
  /** The source was reachable, and had nothing else to say since its snapshot before that. */
  hear(atMs: number): void;
  /** Moments at which what holds changes, ascending. */
  boundaries(): number[];
  /** What holds at a moment; undefined before the first snapshot and when unknown. */
  at(ms: number): SourceState | undefined;
  /** A name for what holds at a moment: equal names, equal state. */
  nameAt(ms: number): string;
  /** The newest snapshot up to a moment, -Infinity before the first. */
  asOfAt(ms: number): number;
  /** Folds what is older than a moment into one snapshot. */
  forget(beforeMs: number): void;
  readonly size: number;
}

export function createSourceTimeline(
  source: string,
  { inventoryStaleMs, inventoryUnknownMs }: Silence,
  snapshotsMax = SNAPSHOTS_MAX,
): SourceTimeline {
  /** In the order of asOfMs. */
  const told: Told[] = [];
  let nextState = 1;
  const unknownMs = Math.max(inventoryStaleMs, inventoryUnknownMs);

  /** Position of the newest snapshot up to a moment, -1 when there is none. */
  const lastAt = (ms: number): number => {
    let low = -1;
    let high = told.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (told[middle]!.asOfMs <= ms) low = middle;
      else high = middle;
    }
    return low;
  };

  const foldKind = (last: number, kind: InventoryKind): readonly { readonly id: string }[] => {
    let from = last;
    while (from > 0 && !told[from]!.complete.has(kind)) from--;
    const entities = new Map<string, { readonly id: string }>();
    const parts = told.slice(from, last + 1).map(entry => entry.entities[kind]);
    const saying = parts.filter((list, i) => i === 0 || list.length > 0);
    if (saying.length === 1) return saying[0]!;
    for (const list of saying) for (const entity of list) entities.set(entity.id, entity);
    return [...entities.values()];
  };

  const fold = (last: number): Entities =>
    Object.fromEntries(INVENTORY_KINDS.map(kind => [kind, foldKind(last, kind)])) as Entities;

  /** Gives names to the states from a position on. */
  const nameFrom = (position: number) => {
    let before = position > 0 ? fold(position - 1) : undefined;
    for (let i = position; i < told.length; i++) {
      const after = fold(i);
      const changed = !before || INVENTORY_KINDS.some(kind => !sameEntities(before![kind], after[kind]));
      told[i]!.state = changed ? nextState++ : undefined;
      before = after;
    }
  };

  const silenceOf = (position: number, ms: number): 'fresh' | 'stale' | 'unknown' => {
    const silentMs = ms - told[position]!.heardMs;
    return silentMs >= unknownMs ? 'unknown' : silentMs >= inventoryStaleMs ? 'stale' : 'fresh';
  };

  const stateNumberAt = (position: number): number => {
    let at = position;
    while (told[at]!.state === undefined) at--;
    return told[at]!.state!;
  };

  /** Folds snapshots 0 to `position` into the one at `position`. */
  const foldInto = (position: number) => {
    if (position < 1) return;
    const state = stateNumberAt(position);
    const base = { ...told[position]!, entities: fold(position), complete: ALL_KINDS, state };
    told.splice(0, position + 1, base);
  };

  return {
    source,
    put(inventory) {
      const asOfMs = Date.parse(inventory.asOf);
      const before = lastAt(asOfMs);
      const replaced = before >= 0 && told[before]!.asOfMs === asOfMs;
      const position = replaced ? before : before + 1;
      // Before the oldest that is kept: it would change what was folded into that one.
      if (position === 0 && told[0]?.complete === ALL_KINDS && !replaced) return false;
      const neighbours = [...(before >= 0 ? [fold(before)] : []), ...(told[position] ? [told[position].entities] : [])];
      const entities = shared(inventory, neighbours);
      const complete = new Set(inventory.complete as readonly InventoryKind[]);
      if (replaced && sameTold(told[before]!, entities, complete)) return false;
      const previous = told[before];
      // What was heard of the snapshot before it, after its own time, was heard of this one.
      const heardMs = Math.max(asOfMs, previous?.heardMs ?? asOfMs);
      if (previous && !replaced) previous.heardMs = Math.min(previous.heardMs, asOfMs);
      told.splice(position, replaced ? 1 : 0, { asOfMs, complete, entities, heardMs, state: 0 });
      nameFrom(position);
      if (told.length > snapshotsMax) foldInto(told.length - snapshotsMax);
      return true;
    },
    hear(atMs) {
      const entry = told[lastAt(atMs)];
      if (entry) entry.heardMs = Math.max(entry.heardMs, atMs);
    },
    boundaries() {
      const moments: number[] = [];
      told.forEach((entry, i) => {
        const end = told[i + 1]?.asOfMs ?? Number.POSITIVE_INFINITY;
        // Also where the same is told again after a silence.
        const wasFresh = i > 0 && silenceOf(i - 1, entry.asOfMs - 1) === 'fresh';
        if (entry.state !== undefined || !wasFresh) moments.push(entry.asOfMs);
        for (const silenceMs of new Set([inventoryStaleMs, unknownMs]))
          if (entry.heardMs + silenceMs < end) moments.push(entry.heardMs + silenceMs);
      });
      return moments;
    },
    at(ms) {
      const position = lastAt(ms);
      const silence = position < 0 ? 'unknown' : silenceOf(position, ms);
      if (silence === 'unknown') return undefined;
      return { ...fold(position), source, asOfMs: told[position]!.asOfMs, isStale: silence === 'stale' };
    },
    nameAt(ms) {
      const position = lastAt(ms);
      const silence = position < 0 ? 'unknown' : silenceOf(position, ms);
      return silence === 'unknown' ? '' : `${source}:${stateNumberAt(position)}:${silence}`;
    },
    asOfAt: ms => told[lastAt(ms)]?.asOfMs ?? Number.NEGATIVE_INFINITY,
    forget: beforeMs => foldInto(lastAt(beforeMs)),
    get size() {
      return told.length;
    },
  };
}

const ALL_KINDS: ReadonlySet<InventoryKind> = new Set(INVENTORY_KINDS);

/** The same entities in the same order, as objects: equal ones are shared between snapshots. */
function sameEntities(a: readonly { readonly id: string }[], b: readonly { readonly id: string }[]): boolean {
  return a === b || (a.length === b.length && a.every((entity, i) => entity === b[i]));
}

function sameTold(entry: Told, entities: Entities, complete: ReadonlySet<InventoryKind>): boolean {
  return (
    entry.complete.size === complete.size &&
    [...complete].every(kind => entry.complete.has(kind)) &&
    INVENTORY_KINDS.every(kind => sameEntities(entry.entities[kind], entities[kind]))
  );
}

/** The entities of a snapshot; those that a neighbour has likewise are the neighbour's objects, lists included. */
function shared(inventory: Inventory, neighbours: readonly Entities[]): Entities {
  return Object.fromEntries(
    INVENTORY_KINDS.map(kind => {
      let list = inventory[kind] as readonly { readonly id: string }[];
      for (const neighbour of neighbours) {
        const known = neighbour[kind] as typeof list;
        const byId = new Map(known.map(entity => [entity.id, entity]));
        list = list.map(entity => {
          const other = byId.get(entity.id);
          return other && JSON.stringify(other) === JSON.stringify(entity) ? other : entity;
        });
        if (sameEntities(list, known)) return [kind, known];
      }
      return [kind, list];
    }),
  ) as unknown as Entities;
}
