// The running VMs of an inventory, and which of them no application has: all that is known of those is their automatic node.

import type { Merged } from '../../inventory/model/merge.ts';
import { NODE_CLASSES } from '../../schemas/keys.ts';
import type { KnownVm } from './candidates.ts';

const AUTOMATIC = NODE_CLASSES.autoGroup.toString(16).padStart(2, '0');

/** `members`: positions of running VMs by application or automatic node. */
export function knownVms({ vms }: Pick<Merged, 'vms'>, members: ReadonlyMap<string, ReadonlySet<number>>): KnownVm[] {
  const nodeOf = new Map<number, string | undefined>();
  for (const [key, positions] of members) {
    const isAutomatic = key.startsWith(AUTOMATIC);
    // Of a VM that an application has with one vNIC alone, the others are its own affair.
    for (const vm of positions) if (!isAutomatic || !nodeOf.has(vm)) nodeOf.set(vm, isAutomatic ? key : undefined);
  }
  return [...nodeOf].map(([position, node]) => {
    const { id, name, tags, folder = '', vnics } = vms[position]!;
    const portGroups = vnics.flatMap(({ portGroup }) => portGroup ?? []);
    return { name: name || id, tags, portGroups, folder, node };
  });
}
