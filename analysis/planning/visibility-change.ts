// Which pairs of VMs become invisible or visible by moves: the rules of coverage, asked of the inventory as it is and as it
// would be. Pairs that may change are those of a moved VM with whom it talks, and with its neighbours at the old and the new
// host. At the new host the port number of a vNIC is not known.

import type { Merged } from '../../inventory/model/merge.ts';
import { openTopology } from '../../inventory/model/topology.ts';
import { compileTopology } from '../../inventory/model/topology-compiler.ts';
import type { ExporterRegistry, RegisteredExporter } from '../../schemas/exporters.ts';
import type { InventoryHost, InventoryVm } from '../../schemas/inventory.ts';
import type { WhatIfReport } from '../../schemas/planning.ts';
import { compileVisibility } from '../coverage/visibility.ts';
import { classifyVms, type VmClasses } from '../coverage/vm-classes.ts';
import type { Placement, PlacementModel } from './placement-model.ts';

/** Ordered pairs that are examined. */
const EXAMINED_MAX = 2_000_000;

export type VisibilityChange = Pick<
  WhatIfReport,
  'invisible' | 'invisibleCount' | 'visible' | 'visibleCount' | 'allPairsExamined'
>;

export interface Documents {
  readonly inventory: Merged;
  readonly exporters: ExporterRegistry;
  readonly isSilent: (exporter: RegisteredExporter) => boolean;
}

export function visibilityChange(
  { inventory, exporters, isSilent }: Documents,
  model: PlacementModel,
  after: Placement,
  listed: number,
): VisibilityChange {
  const moved = [...after.keys()].filter(vm => after[vm] !== model.current[vm]);
  const vms = inventory.vms.map((vm, at) => (after[at] === model.current[at] ? vm : movedTo(vm, after[at]!)));
  const classesOf = (state: Merged) => {
    const topology = openTopology(compileTopology(state));
    return classifyVms(state.vms, topology, compileVisibility(state, topology, exporters, isSilent));
  };
  const classes = [classesOf(inventory), classesOf({ ...inventory, vms })] as const;
  const bytes = bytesByPair(model, moved);
  const [invisible, visible]: [Change[], Change[]] = [[], []];
  const { pairs, isAll } = candidates(model, moved, after);
  for (const pair of pairs) {
    const [src, dst] = [Math.floor(pair / vms.length), pair % vms.length];
    const [before, now] = classes.map(one => isSeen(one, src, dst));
    if (before === undefined || now === undefined || before === now) continue;
    (now ? visible : invisible).push({ src, dst, bytes: bytes.get(pair) ?? 0 });
  }
  const shape = (changes: Change[]) =>
    changes
      .sort((a, b) => b.bytes - a.bytes || a.src - b.src || a.dst - b.dst)
      .slice(0, listed)
      .map(change => ({ src: model.named(change.src), dst: model.named(change.dst), bytes: change.bytes }));
  return {
    ...{ invisibleCount: invisible.length, visibleCount: visible.length, allPairsExamined: isAll },
    ...{ invisible: shape(invisible), visible: shape(visible) },
  };
}

interface Change {
  readonly src: number;
  readonly dst: number;
  readonly bytes: number;
}

function movedTo(vm: InventoryVm, host: InventoryHost): InventoryVm {
  return { ...vm, host: host.id, vnics: vm.vnics.map(({ ifIndex: _, ...vnic }) => vnic) };
}

/** Undefined for VMs that do not run. */
function isSeen({ classOf, meet }: VmClasses, src: number, dst: number): boolean | undefined {
  const [source, destination] = [classOf[src]!, classOf[dst]!];
  return source === 0 || destination === 0 ? undefined : meet(source - 1, destination - 1).seen;
}

/** Ordered pairs as one number: source times VMs plus destination. */
function candidates(
  model: PlacementModel,
  moved: readonly number[],
  after: Placement,
): { readonly pairs: ReadonlySet<number>; readonly isAll: boolean } {
  const count = after.length;
  const at = (placement: Placement) =>
    Map.groupBy(
      [...placement.keys()].filter(vm => placement[vm] !== undefined),
      vm => placement[vm],
    );
  const [atBefore, atAfter] = [at(model.current), at(after)];
  const pairs = new Set<number>();
  for (const vm of moved) {
    const others = [
      ...model.talksOf(vm).flatMap(i => partners(model, i)),
      ...(atBefore.get(model.current[vm]) ?? []),
      ...(atAfter.get(after[vm]) ?? []),
    ];
    for (const other of others) {
      if (other === vm) continue;
      if (pairs.size >= EXAMINED_MAX) return { pairs, isAll: false };
      pairs.add(vm * count + other);
      pairs.add(other * count + vm);
    }
  }
  return { pairs, isAll: true };
}

function partners(model: PlacementModel, talk: number): number[] {
  const { src, dst } = model.talks[talk]!;
  return [src, dst].flatMap(party => ('vm' in party ? party.vm : []));
}

function bytesByPair(model: PlacementModel, moved: readonly number[]): ReadonlyMap<number, number> {
  const bytes = new Map<number, number>();
  const talks = new Set(moved.flatMap(vm => model.talksOf(vm)));
  for (const at of talks) {
    const { src, dst, sums } = model.talks[at]!;
    if (!('vm' in src && 'vm' in dst)) continue;
    const pair = src.vm * model.vms.length + dst.vm;
    bytes.set(pair, (bytes.get(pair) ?? 0) + sums.bytes);
  }
  return bytes;
}
