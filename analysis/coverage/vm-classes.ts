// The running VMs of an inventory by how they hang on the network, so that their pairs are counted and never walked:
// VMs with the same attachments are one class, and classes of one vSwitch or S-channel component are neighbours. Two
// VMs that are no neighbours meet outside their hosts; whether they are seen follows from each of them alone. 100,000
// VMs on 5,000 hosts are some ten thousand classes with a handful of neighbours each.

import { OWNER_KIND, type Topology } from '../../inventory/model/topology.ts';
import type { Inventory } from '../../schemas/inventory.ts';
import type { Visibility } from './visibility.ts';

export interface VmClass {
  /** Attachments of its vNICs. */
  readonly attachments: readonly number[];
  /** Whether what it sends elsewhere, and what it gets from elsewhere, is seen on its side. */
  readonly sends: boolean;
  readonly receives: boolean;
  /** An owner that stands for all of them. */
  readonly owner: number;
  /** Positions in `vms` of the inventory. */
  readonly members: number[];
}

export interface VmClasses {
  readonly classes: readonly VmClass[];
  /** By class, the classes with a component in common, itself among them. */
  readonly neighbours: readonly (readonly number[])[];
  /** By position in `vms`, from 1; 0 for one that does not run or has no vNIC. */
  readonly classOf: Uint32Array;
  readonly vms: number;
  /** What becomes of packets of class `source` to class `destination`, neighbours or not. */
  meet(source: number, destination: number): Meeting;
}

export interface Meeting {
  readonly seen: boolean;
  readonly hostInternal: boolean;
}

/** VMs of a node by class, and how many of them there are. */
export interface Population {
  readonly count: number;
  readonly byClass: ReadonlyMap<number, number>;
}

export function classifyVms(vms: Inventory['vms'], topology: Topology, visibility: Visibility): VmClasses {
  const classes: VmClass[] = [];
  const numbers = new Map<string, number>();
  const classOf = new Uint32Array(vms.length);
  const ownersOf = new Map<number, number[]>();
  for (let owner = 0; owner < topology.count; owner++) {
    const vm = topology.entity[owner]!;
    if (topology.kind[owner] !== OWNER_KIND.vm || vms[vm]!.status !== 'running') continue;
    const known = ownersOf.get(vm);
    if (known) known.push(owner);
    else ownersOf.set(vm, [owner]);
  }
  for (const [vm, owners] of ownersOf) {
    const attachments = [...new Set(owners.map(owner => visibility.idOf[owner]!))].sort((a, b) => a - b);
    const name = attachments.join();
    let number = numbers.get(name);
    if (number === undefined) {
      number = classes.length;
      numbers.set(name, number);
      classes.push({
        attachments,
        sends: attachments.every(id => visibility.pair(id, 0).covered),
        receives: attachments.every(id => visibility.pair(0, id).covered),
        owner: owners[0]!,
        members: [],
      });
    }
    classes[number]!.members.push(vm);
    classOf[vm] = number + 1;
  }
  return {
    classes,
    neighbours: neighboursOf(classes, visibility),
    classOf,
    vms: ownersOf.size,
    meet: (source, destination) => meetingOf(visibility, classes[source]!, classes[destination]!),
  };
}

/** VMs of several vNICs meet within the host where any two of them can, and are seen when all of these are. */
function meetingOf(visibility: Visibility, source: VmClass, destination: VmClass): Meeting {
  let internal: boolean | undefined;
  for (const s of source.attachments) {
    for (const d of destination.attachments) {
      const pair = visibility.pair(s, d);
      if (pair.hostInternal) internal = (internal ?? true) && pair.covered;
    }
  }
  return { seen: internal ?? (source.sends || destination.receives), hostInternal: internal !== undefined };
}

function neighboursOf(classes: readonly VmClass[], visibility: Visibility): number[][] {
  const byComponent = new Map<number, number[]>();
  classes.forEach(({ attachments }, number) => {
    for (const component of new Set(attachments.map(id => visibility.componentOf(id)))) {
      if (component === 0) continue;
      const known = byComponent.get(component);
      if (known) known.push(number);
      else byComponent.set(component, [number]);
    }
  });
  return classes.map(({ attachments }, number) => {
    const found = new Set([number]);
    for (const id of attachments)
      for (const other of byComponent.get(visibility.componentOf(id)) ?? []) found.add(other);
    return [...found];
  });
}

export function everyone({ classes, vms }: VmClasses): Population {
  return { count: vms, byClass: new Map(classes.map(({ members }, number) => [number, members.length])) };
}

export interface PairCount {
  readonly pairs: number;
  readonly invisible: number;
}

/** Ordered pairs of a VM of `from` and another of `to`; `shared` are the VMs that are in both. */
export function countPairs(vmClasses: VmClasses, from: Population, to: Population, shared: Population): PairCount {
  const { classes, neighbours } = vmClasses;
  let [unseenSenders, unseenReceivers] = [0, 0];
  for (const [number, count] of from.byClass) if (!classes[number]!.sends) unseenSenders += count;
  for (const [number, count] of to.byClass) if (!classes[number]!.receives) unseenReceivers += count;
  // As if all met outside their hosts, then neighbours put right, then nobody paired with itself.
  let invisible = unseenSenders * unseenReceivers;
  for (const [source, count] of from.byClass) {
    for (const destination of neighbours[source]!) {
      const others = to.byClass.get(destination);
      if (others === undefined) continue;
      const assumed = !classes[source]!.sends && !classes[destination]!.receives ? 1 : 0;
      const exact = vmClasses.meet(source, destination).seen ? 0 : 1;
      invisible += count * others * (exact - assumed);
      if (source === destination) invisible -= exact * (shared.byClass.get(source) ?? 0);
    }
  }
  return { pairs: from.count * to.count - shared.count, invisible };
}
