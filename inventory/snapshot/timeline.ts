// One source of the inventory in time: its snapshots in the order of their `asOf`, whenever they were recorded. A kind
// that a snapshot names in `complete` is replaced by what it lists, so that what it leaves out ends there; entities of
// other kinds are added or changed, and nothing ends. A source is seen at each snapshot and, where it is watched, until
// the moment it was seen unchanged last; from staleMs after that its facts are stale, from unknownMs on they are unknown.
// All of it is a function of what was put and of the requested moment, never of the clock or of the order of arrival.

import type { Inventory } from '../../schemas/inventory.ts';
import { type Entities, INVENTORY_KINDS, type InventoryKind, type SourceState } from '../model/merge.ts';

/** Snapshots kept of one source; the oldest are folded into one beyond that, and rows before it take that one. */
export const SNAPSHOTS_MAX = 512;

export interface SilenceLimits {
  readonly inventoryStaleMs: number;
  readonly inventoryUnknownMs: number;
}

interface SourceSnapshot {
  readonly asOfMs: number;
  readonly complete: ReadonlySet<InventoryKind>;
  readonly entities: Entities;
  /** When the source was seen last before its next snapshot. */
  lastSeenAtMs: number;
  /** Names what holds from here on; undefined where that is what held before. */
  state: number | undefined;
}

type Silence = 'fresh' | 'stale' | 'unknown';

export class SourceTimeline {
  readonly source: string;
  readonly #staleMs: number;
  readonly #unknownMs: number;
  readonly #snapshotsMax: number;
  /** In the order of asOfMs. */
  readonly #snapshots: SourceSnapshot[] = [];
  #nextState = 1;

  constructor(source: string, { inventoryStaleMs, inventoryUnknownMs }: SilenceLimits, snapshotsMax = SNAPSHOTS_MAX) {
    this.source = source;
    this.#staleMs = inventoryStaleMs;
    this.#unknownMs = Math.max(inventoryStaleMs, inventoryUnknownMs);
    this.#snapshotsMax = snapshotsMax;
  }

  get size(): number {
    return this.#snapshots.length;
  }

  /** Takes a snapshot; one of the same `asOf` is replaced. Returns whether anything changed. */
  put(inventory: Inventory): boolean {
    const snapshots = this.#snapshots;
    const asOfMs = Date.parse(inventory.asOf);
    const before = this.#lastAt(asOfMs);
    const previous = snapshots[before];
    const isReplaced = previous?.asOfMs === asOfMs;
    const position = isReplaced ? before : before + 1;
    // Before the oldest that is kept: it would change what was folded into that one.
    if (position === 0 && snapshots[0]?.complete === ALL_KINDS && !isReplaced) return false;
    const next = snapshots[position];
    const entities = shared(inventory, [...(previous ? [this.#fold(before)] : []), ...(next ? [next.entities] : [])]);
    const complete = new Set(inventory.complete as readonly InventoryKind[]);
    if (isReplaced && isSameSnapshot(previous, entities, complete)) return false;
    // Where the snapshot before it was seen after the time of this one, it was this one that was seen.
    const lastSeenAtMs = Math.max(asOfMs, previous?.lastSeenAtMs ?? asOfMs);
    if (previous && !isReplaced) previous.lastSeenAtMs = Math.min(previous.lastSeenAtMs, asOfMs);
    snapshots.splice(position, isReplaced ? 1 : 0, { asOfMs, complete, entities, lastSeenAtMs, state: 0 });
    this.#nameFrom(position);
    if (snapshots.length > this.#snapshotsMax) this.#foldInto(snapshots.length - this.#snapshotsMax);
    return true;
  }

  /** The source was reachable, and nothing had changed since its snapshot before that. */
  markSeen(atMs: number): void {
    const snapshot = this.#snapshots[this.#lastAt(atMs)];
    if (snapshot) snapshot.lastSeenAtMs = Math.max(snapshot.lastSeenAtMs, atMs);
  }

  /** Moments at which what holds changes, ascending. */
  boundaries(): number[] {
    const moments: number[] = [];
    this.#snapshots.forEach((snapshot, i) => {
      const end = this.#snapshots[i + 1]?.asOfMs ?? Number.POSITIVE_INFINITY;
      // Also where the same is published again after a silence.
      const wasFresh = i > 0 && this.#silenceOf(i - 1, snapshot.asOfMs - 1) === 'fresh';
      if (snapshot.state !== undefined || !wasFresh) moments.push(snapshot.asOfMs);
      for (const silenceMs of new Set([this.#staleMs, this.#unknownMs]))
        if (snapshot.lastSeenAtMs + silenceMs < end) moments.push(snapshot.lastSeenAtMs + silenceMs);
    });
    return moments;
  }

  /** What holds at a moment; undefined before the first snapshot and when unknown. */
  at(ms: number): SourceState | undefined {
    const position = this.#lastAt(ms);
    const silence = this.#silenceOf(position, ms);
    if (silence === 'unknown') return undefined;
    const { asOfMs } = this.#snapshots[position]!;
    return { ...this.#fold(position), source: this.source, asOfMs, isStale: silence === 'stale' };
  }

  /** A name for what holds at a moment: equal names, equal state. */
  nameAt(ms: number): string {
    const position = this.#lastAt(ms);
    const silence = this.#silenceOf(position, ms);
    return silence === 'unknown' ? '' : `${this.source}:${this.#stateNumberAt(position)}:${silence}`;
  }

  /** The newest snapshot up to a moment, -Infinity before the first. */
  asOfAt(ms: number): number {
    return this.#snapshots[this.#lastAt(ms)]?.asOfMs ?? Number.NEGATIVE_INFINITY;
  }

  /** Folds what is older than a moment into one snapshot. */
  forget(beforeMs: number): void {
    this.#foldInto(this.#lastAt(beforeMs));
  }

  /** Position of the newest snapshot up to a moment, -1 when there is none. */
  #lastAt(ms: number): number {
    let low = -1;
    let high = this.#snapshots.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#snapshots[middle]!.asOfMs <= ms) low = middle;
      else high = middle;
    }
    return low;
  }

  #silenceOf(position: number, ms: number): Silence {
    if (position < 0) return 'unknown';
    const silentMs = ms - this.#snapshots[position]!.lastSeenAtMs;
    return silentMs >= this.#unknownMs ? 'unknown' : silentMs >= this.#staleMs ? 'stale' : 'fresh';
  }

  #stateNumberAt(position: number): number {
    let at = position;
    while (this.#snapshots[at]!.state === undefined) at--;
    return this.#snapshots[at]!.state!;
  }

  #fold(last: number): Entities {
    return Object.fromEntries(INVENTORY_KINDS.map(kind => [kind, this.#foldKind(last, kind)])) as Entities;
  }

  #foldKind(last: number, kind: InventoryKind): readonly { readonly id: string }[] {
    const snapshots = this.#snapshots;
    let from = last;
    while (from > 0 && !snapshots[from]!.complete.has(kind)) from--;
    const parts = snapshots.slice(from, last + 1).map(snapshot => snapshot.entities[kind]);
    const changing = parts.filter((list, i) => i === 0 || list.length > 0);
    if (changing.length === 1) return changing[0]!;
    const entities = new Map<string, { readonly id: string }>();
    for (const list of changing) for (const entity of list) entities.set(entity.id, entity);
    return [...entities.values()];
  }

  /** Gives names to the states from a position on. */
  #nameFrom(position: number): void {
    let before = position > 0 ? this.#fold(position - 1) : undefined;
    for (let i = position; i < this.#snapshots.length; i++) {
      const after = this.#fold(i);
      const changed = !before || INVENTORY_KINDS.some(kind => !sameEntities(before![kind], after[kind]));
      this.#snapshots[i]!.state = changed ? this.#nextState++ : undefined;
      before = after;
    }
  }

  /** Folds snapshots 0 to `position` into the one at `position`. */
  #foldInto(position: number): void {
    if (position < 1) return;
    const state = this.#stateNumberAt(position);
    const base = { ...this.#snapshots[position]!, entities: this.#fold(position), complete: ALL_KINDS, state };
    this.#snapshots.splice(0, position + 1, base);
  }
}

const ALL_KINDS: ReadonlySet<InventoryKind> = new Set(INVENTORY_KINDS);

/** The same entities in the same order, as objects: equal ones are shared between snapshots. */
function sameEntities(a: readonly { readonly id: string }[], b: readonly { readonly id: string }[]): boolean {
  return a === b || (a.length === b.length && a.every((entity, i) => entity === b[i]));
}

function isSameSnapshot(entry: SourceSnapshot, entities: Entities, complete: ReadonlySet<InventoryKind>): boolean {
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
