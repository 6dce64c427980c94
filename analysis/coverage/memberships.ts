// Which VMs belong to which node of a matrix: applications, else automatic nodes, VMs, hosts, racks. A VM that several
// applications claim belongs to each of them, since the port of a flow decides between them.

import { applicationIn, INTERVAL, SET } from '../../inventory/applications/application-sets.ts';
import type { Subject } from '../../inventory/applications/applications.ts';
import { autoVmNode } from '../../inventory/applications/auto-nodes.ts';
import type { Merged } from '../../inventory/model/merge.ts';
import { OWNER_KIND, type Topology } from '../../inventory/model/topology.ts';
import type { Snapshot } from '../../inventory/snapshot/snapshot.ts';
import { parseAddress } from '../../schemas/address.ts';
import { hashedKey, type Key, keyToHex } from '../../schemas/keys.ts';
import type { Population, VmClasses } from './vm-classes.ts';

export type NodeKind = 'app' | 'vm' | 'host' | 'rack';

/** Positions in `vms` of the running VMs of each node, by key in hexadecimal digits. */
export type Memberships = ReadonlyMap<string, ReadonlySet<number>>;

export function membershipsOf(
  snapshot: Snapshot,
  inventory: Merged,
  vmClasses: VmClasses,
  kind: NodeKind,
): Memberships {
  const { topology } = snapshot;
  const nodes = new Map<string, Set<number>>();
  const add = (key: string, vm: number) => {
    const known = nodes.get(key);
    if (known) known.add(vm);
    else nodes.set(key, new Set([vm]));
  };
  const cached = new Map<string, string>();
  const hexOf = (nodeClass: 'vm' | 'host' | 'rack', identity: string) => {
    const name = `${nodeClass} ${identity}`;
    const found = cached.get(name) ?? keyToHex(hashedKey(nodeClass, identity));
    cached.set(name, found);
    return found;
  };
  for (let owner = 0; owner < topology.count; owner++) {
    const at = topology.entity[owner]!;
    if (topology.kind[owner] !== OWNER_KIND.vm || vmClasses.classOf[at] === 0) continue;
    if (kind === 'vm') add(hexOf('vm', topology.textOf(owner).identity), at);
    else if (kind === 'app') for (const key of applicationsOf(snapshot, inventory, owner)) add(keyToHex(key), at);
    else {
      const position = kind === 'host' ? topology.host[owner]! : topology.rack[owner]!;
      const place = kind === 'host' ? topology.hostText : topology.rackText;
      if (position > 0) add(hexOf(kind, place(position).id), at);
    }
  }
  return nodes;
}

/** Every application whose servers this vNIC is among; the automatic node of the VM when there is none. */
function applicationsOf({ topology, applications }: Snapshot, inventory: Merged, owner: number): Key[] {
  const vm = inventory.vms[topology.entity[owner]!]!;
  const { addresses } = vm.vnics[topology.nic[owner]!]!;
  const subject = subjectOf(topology, owner);
  const numbers = new Set<number>();
  for (const text of addresses.length > 0 ? addresses : ['']) {
    const address = parseAddress(text);
    const set = applications.setOf(address ? { ...subject, address } : subject);
    const { sets, intervals } = applications;
    const at = set * SET.words;
    for (let i = sets[at + SET.ownStart]!; i < sets[at + SET.ownEnd]!; i++)
      numbers.add(applicationIn(intervals[i * INTERVAL.words + INTERVAL.named]!));
    for (const word of [SET.everyPort, SET.server, SET.client]) numbers.add(sets[at + word]!);
  }
  numbers.delete(0);
  if (numbers.size === 0) return [autoVmNode(vm.name || vm.id).key];
  return [...numbers].map(number => ({
    low: applications.keys[2 * number]!,
    high: applications.keys[2 * number + 1]!,
  }));
}

function subjectOf(topology: Topology, owner: number): Subject {
  const { name, tags, folder, mac, portGroups } = topology.textOf(owner);
  const segment = topology.segmentIds[topology.segment[owner]! - 1];
  return {
    name,
    tags: tags ?? [],
    portGroups: portGroups ?? [],
    ...(segment !== undefined && { segment }),
    ...(folder !== undefined && { folder }),
    ...(mac !== undefined && { mac }),
  };
}

export function populationOf(vmClasses: VmClasses, members: ReadonlySet<number>): Population {
  const byClass = new Map<number, number>();
  for (const vm of members) {
    const number = vmClasses.classOf[vm]! - 1;
    byClass.set(number, (byClass.get(number) ?? 0) + 1);
  }
  return { count: members.size, byClass };
}

/** The VMs of both. */
export function sharedOf(vmClasses: VmClasses, a: ReadonlySet<number>, b: ReadonlySet<number>): Population {
  return populationOf(vmClasses, a === b ? a : new Set([...a].filter(vm => b.has(vm))));
}
