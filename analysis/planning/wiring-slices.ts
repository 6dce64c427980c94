// A window cut where the wiring changed: cables, switches, uplinks, external ports. Moves of VMs do not cut it, since records
// say on which host a VM was. Of a window with more slices than SLICES_MAX as many moments at equal distance stand for it.

import type { Merged } from '../../inventory/model/merge.ts';
import { epochAt } from '../../inventory/snapshot/knowledge.ts';
import type { ExporterRegistry } from '../../schemas/exporters.ts';
import type { Recorded } from '../coverage/recorded-inventory.ts';
import { slicesOf } from '../coverage/slices.ts';

/** States of the inventory within a slice in which VMs are looked for, the newest first. */
const STATES_MAX = 32;

/** What the documents say in one epoch. */
export interface State {
  readonly inventory: Merged;
  readonly exporters: ExporterRegistry;
}

export interface WiringSlice {
  readonly fromMs: number;
  readonly toMs: number;
  /** The newest first; none where the inventory of that time is not known. All have one wiring where slices are exact. */
  readonly states: readonly State[];
}

export interface WiringSlices {
  readonly slices: readonly WiringSlice[];
  readonly found: number;
}

export function wiringSlices({ history, epochs }: Recorded, fromMs: number, toMs: number): WiringSlices {
  const [first, last] = [epochAt(epochs.starts, fromMs), epochAt(epochs.starts, toMs - 1)];
  const states = new Map<number, State | undefined>();
  for (let epoch = first; epoch <= last; epoch++) states.set(epoch, history.documentsAt(epochs.moments[epoch]!));
  const boundaries: number[] = [];
  for (let epoch = first + 1; epoch <= last; epoch++)
    if (!isSameWiring(states.get(epoch - 1), states.get(epoch))) boundaries.push(epochs.starts[epoch]!);
  const { slices, found } = slicesOf(fromMs, toMs, boundaries);
  const isExact = slices.length === found;
  return {
    found,
    slices: slices.map(slice => {
      const atMs = isExact ? slice.toMs - 1 : slice.atMs;
      const newest = epochAt(epochs.starts, atMs);
      const oldest = isExact ? epochAt(epochs.starts, slice.fromMs) : newest;
      const within = Array.from({ length: newest - oldest + 1 }, (_, i) => states.get(newest - i));
      return {
        fromMs: slice.fromMs,
        toMs: slice.toMs,
        states: within.filter(state => state !== undefined).slice(0, STATES_MAX),
      };
    }),
  };
}

function isSameWiring(a: State | undefined, b: State | undefined): boolean {
  if (!a || !b) return a === b;
  return (
    isSameList(a.inventory.switches, b.inventory.switches, ({ id, ports }) => [id, ports]) &&
    isSameList(a.inventory.hosts, b.inventory.hosts, ({ id, rack, pnics, vswitches }) => [
      id,
      rack,
      pnics,
      vswitches,
    ]) &&
    isSameList(a.inventory.endpoints, b.inventory.endpoints, one => [one.id, one.rack, one.switch, one.ifIndex]) &&
    isSameList(a.inventory.racks, b.inventory.racks, one => one) &&
    isSameList(a.inventory.segments, b.inventory.segments, one => one) &&
    isSameList(a.exporters.exporters, b.exporters.exporters, one => [one.switch, one.role, one.ports])
  );
}

/** Entities that did not change are the same objects (inventory/snapshot/timeline.ts); of others what matters is compared. */
function isSameList<T>(a: readonly T[], b: readonly T[], of: (entity: T) => unknown): boolean {
  if (a === b) return true;
  return (
    a.length === b.length &&
    a.every((entity, i) => entity === b[i] || JSON.stringify(of(entity)) === JSON.stringify(of(b[i]!)))
  );
}
