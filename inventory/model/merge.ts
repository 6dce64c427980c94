// What the sources of the inventory say together. Sites, racks, segments, switches and hosts are shared: an id means the
// same thing to everyone, and of what several say of it the source of the highest rank counts, field by field. VMs and
// endpoints are their source's own, for two vCenters both have a vm-1; but a UUID is the same VM whoever reports it.

import { parseMac } from '../../schemas/address.ts';
import { parseUuid } from '../../schemas/facts.ts';
import type { Inventory, InventoryVm } from '../../schemas/inventory.ts';

export const INVENTORY_KINDS = ['sites', 'racks', 'segments', 'switches', 'hosts', 'vms', 'endpoints'] as const;
export type InventoryKind = (typeof INVENTORY_KINDS)[number];
const SHARED_KINDS = ['sites', 'racks', 'segments', 'switches', 'hosts'] as const;

/** Entities by kind, as one source has them. */
export type Entities = { readonly [K in InventoryKind]: Inventory[K] };

/** A source as it stands at a moment. */
export interface SourceState extends Entities {
  readonly source: string;
  readonly asOfMs: number;
  /** Silent for too long: what it says still holds, with a mark. */
  readonly isStale: boolean;
}

export interface Merged extends Entities {
  /** By rank, the highest first. */
  readonly sources: readonly { readonly name: string; readonly asOfMs: number; readonly isStale: boolean }[];
  /** By position of the VM and of the endpoint: the first source that has it, as a position in `sources`. */
  readonly vmSources: readonly number[];
  readonly endpointSources: readonly number[];
  /** More UUIDs (32 hexadecimal digits) by which a VM, given by its position, is known. */
  readonly stations: ReadonlyMap<string, number>;
}

/** The states of all sources, the highest rank first. */
export function merge(states: readonly SourceState[]): Merged {
  const sources = states.map(({ source: name, asOfMs, isStale }) => ({ name, asOfMs, isStale }));
  const vms = mergeVms(states);
  const [only] = states;
  const shared = Object.fromEntries(
    SHARED_KINDS.map(kind => [
      kind,
      states.length === 1 ? only![kind] : mergeShared(states.map(state => state[kind] as readonly Named[])),
    ]),
  ) as Pick<Entities, (typeof SHARED_KINDS)[number]>;
  return {
    ...shared,
    sources,
    vms: vms.list,
    vmSources: vms.sources,
    endpoints: states.length === 1 ? only!.endpoints : states.flatMap(state => state.endpoints),
    endpointSources: states.flatMap((state, at) => state.endpoints.map(() => at)),
    stations: new Map(),
  };
}

/** One document alone. */
export function mergedOf(inventory: Inventory): Merged {
  return merge([{ ...inventory, asOfMs: Date.parse(inventory.asOf), isStale: false }]);
}

interface Named {
  readonly id: string;
}

function mergeShared(lists: readonly (readonly Named[])[]): Named[] {
  const byId = new Map<string, Named>();
  for (const list of lists) {
    for (const entity of list) {
      const known = byId.get(entity.id);
      byId.set(entity.id, known ? fillIn(known, entity) : entity);
    }
  }
  return [...byId.values()];
}

/** The fields of `high`, and those of `low` that `high` does not report: an empty list reports nothing. */
function fillIn<T extends object>(high: T, low: T): T {
  const filled = { ...high } as Record<string, unknown>;
  for (const [field, value] of Object.entries(low)) {
    const own = filled[field];
    if (own === undefined || (Array.isArray(own) && own.length === 0)) filled[field] = value;
  }
  return filled as T;
}

function mergeVms(states: readonly SourceState[]): { list: InventoryVm[]; sources: number[] } {
  const list: InventoryVm[] = [];
  const sources: number[] = [];
  const byUuid = new Map<string, number>();
  states.forEach((state, source) => {
    for (const vm of state.vms) {
      const uuid = states.length === 1 || vm.uuid === undefined ? undefined : parseUuid(vm.uuid);
      const known = uuid === undefined ? undefined : byUuid.get(uuid);
      if (known !== undefined) {
        list[known] = fillInVm(list[known]!, vm);
        continue;
      }
      if (uuid !== undefined) byUuid.set(uuid, list.length);
      list.push(vm);
      sources.push(source);
    }
  });
  return { list, sources };
}

/** vNICs of one MAC are one; others are added. */
function fillInVm(high: InventoryVm, low: InventoryVm): InventoryVm {
  const vnics = [...high.vnics];
  for (const vnic of low.vnics) {
    const mac = macName(vnic.mac);
    const at = mac === '' ? -1 : vnics.findIndex(own => macName(own.mac) === mac);
    if (at >= 0) vnics[at] = fillIn(vnics[at]!, vnic);
    else vnics.push(vnic);
  }
  return { ...fillIn(high, low), vnics };
}

function macName(text: string | undefined): string {
  const words = text === undefined ? undefined : parseMac(text);
  return words ? `${words.high}:${words.low}` : '';
}
