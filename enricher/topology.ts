// Who owns which MAC and address, and where the owner stands: the inventory as typed arrays. An owner is one attachment
// (a VM's vNIC, a host's vmkernel NIC or management address, any other endpoint). Positions of places start at 1, so
// that 0 says unknown. Names are not copied: they are read from the document when an endpoint is first seen.

import { parseAddress, parseMac, parsePrefix, swap32 } from '../schemas/address.ts';
import { parseUuid } from '../schemas/facts.ts';
import type { Inventory, InventoryEndpoint, InventoryHost, InventoryVm } from '../schemas/inventory.ts';
import { createHashTable, type Finder } from './hash-table.ts';
import { createPrefixTable, type PrefixTable } from './prefix-table.ts';

export const OWNER_KIND = { vm: 0, vmkernel: 1, endpoint: 2 } as const;

export interface Topology {
  readonly inventory: Inventory;
  readonly count: number;
  readonly kind: Uint8Array;
  /** Position in `vms`, `hosts` or `endpoints`. */
  readonly entity: Uint32Array;
  /** Position in the VM's vNICs or the host's vmkernel NICs; a host's own addresses stand behind its last NIC. */
  readonly nic: Uint32Array;
  readonly vswitch: Uint32Array;
  readonly host: Uint32Array;
  readonly rack: Uint32Array;
  readonly site: Uint32Array;
  readonly segment: Uint32Array;
  /** Owner by MAC: two words, low first. */
  readonly byMac: Finder;
  /** An owner of the VM by its UUID: four words as the column `stationId` holds them. */
  readonly byStation: Finder;
  /** Whether any UUID is known, so that the column matters. */
  readonly knowsStations: boolean;
  /** Owners of an address, the likeliest first; empty when nobody has it. */
  ownersOf(address: Uint32Array): readonly number[];
  /** Whether some address has several owners, so that a record's segment matters. */
  readonly sharesAddresses: boolean;
  readonly vlan: Uint16Array;
  readonly vni: Uint32Array;
  /** VMs and hosts of the document; those behind them were told by exporters. */
  readonly documented: { readonly vms: number; readonly hosts: number };
  /** Positions of segments, from 1, by their prefixes. */
  readonly segments: PrefixTable;
}

const NONE: readonly number[] = [];

export function compileTopology(inventory: Inventory): Topology {
  const { hosts, vms, endpoints } = inventory;
  const vnics = vms.reduce((sum, vm) => sum + vm.vnics.length, 0);
  const count = vnics + hosts.reduce((sum, host) => sum + host.vmkernelNics.length + 1, 0) + endpoints.length;
  const addresses = countAddresses(inventory);
  const word = () => new Uint32Array(count);
  const kind = new Uint8Array(count);
  const vlan = new Uint16Array(count);
  const [entity, nic, vswitch, host, rack, site, segment, vni] = [
    word(),
    word(),
    word(),
    word(),
    word(),
    word(),
    word(),
    word(),
  ];
  const byMac = createHashTable(2, count, count);
  const byStation = createHashTable(4, vms.length);
  const byAddress = createHashTable(4, addresses, addresses);
  const sharers: number[][] = [];
  const key = new Uint32Array(4);
  const running = new Uint8Array(count);
  let owner = 0;

  const rackNumber = numbered(inventory.racks);
  const siteNumber = numbered(inventory.sites);
  const segmentNumber = numbered(inventory.segments);
  const hostNumber = numbered(hosts);
  const vswitchBase = runningTotals(hosts.map(entry => entry.vswitches.length));

  const place = (
    ownerKind: number,
    position: number,
    nicPosition: number,
    hostPosition: number,
    rackId: string | undefined,
  ) => {
    kind[owner] = ownerKind;
    entity[owner] = position;
    nic[owner] = nicPosition;
    host[owner] = hostPosition;
    const rackPosition = rackId === undefined ? 0 : (rackNumber.get(rackId) ?? 0);
    rack[owner] = rackPosition;
    site[owner] = siteNumber.get(inventory.racks[rackPosition - 1]?.site ?? '') ?? 0;
  };
  const setSegment = (id: string | undefined, vlanId: number | undefined) => {
    const position = segmentNumber.get(id ?? '') ?? 0;
    const found = inventory.segments[position - 1];
    segment[owner] = position;
    vlan[owner] = vlanId ?? found?.vlan ?? 0;
    vni[owner] = found?.vni ?? 0;
  };
  const setMac = (text: string | undefined) => {
    const mac = text === undefined ? undefined : parseMac(text);
    if (!mac) return;
    key[0] = mac.low;
    key[1] = mac.high;
    byMac.insert(key, 0, owner);
  };
  // One owner is stored as itself; several as a list behind the owners' numbers.
  const setAddress = (text: string) => {
    const words = parseAddress(text);
    if (!words) return;
    key.set(words);
    const known = byAddress.find(key, 0);
    if (known < 0) byAddress.insert(key, 0, owner);
    else if (known < count) byAddress.insert(key, 0, count + sharers.push([known, owner]) - 1);
    else sharers[known - count]!.push(owner);
  };

  vms.forEach((vm, i) => {
    const uuid = vm.uuid === undefined || vm.vnics.length === 0 ? undefined : parseUuid(vm.uuid);
    if (uuid !== undefined) {
      key.set(stationWords(uuid));
      byStation.insert(key, 0, owner);
    }
    const at = hostNumber.get(vm.host ?? '') ?? 0;
    const home = hosts[at - 1];
    vm.vnics.forEach((vnic, j) => {
      place(OWNER_KIND.vm, i, j, at, home?.rack);
      const switchAt = home ? vswitchOf(home, vnic.vswitch) : -1;
      if (switchAt >= 0) vswitch[owner] = vswitchBase[at - 1]! + switchAt + 1;
      const group = home?.vswitches[switchAt]?.portGroups.find(entry => entry.id === vnic.portGroup);
      setSegment(vnic.segment ?? group?.segment, group?.vlan);
      running[owner] = vm.status === 'running' ? 1 : 0;
      setMac(vnic.mac);
      vnic.addresses.forEach(setAddress);
      owner++;
    });
  });
  hosts.forEach((entry, i) => {
    [...entry.vmkernelNics, { mac: undefined, addresses: entry.addresses }].forEach((vmk, j) => {
      place(OWNER_KIND.vmkernel, i, j, i + 1, entry.rack);
      running[owner] = entry.status === 'off' ? 0 : 1;
      setMac(vmk.mac);
      vmk.addresses.forEach(setAddress);
      owner++;
    });
  });
  endpoints.forEach((endpoint, i) => {
    place(OWNER_KIND.endpoint, i, 0, 0, endpoint.rack);
    setSegment(endpoint.segment, undefined);
    // A VIP gives way to whoever else has its address.
    running[owner] = endpoint.kind === 'vip' ? 0 : 1;
    // What a gateway forwards carries its MAC and other people's addresses.
    if (endpoint.kind !== 'gateway') setMac(endpoint.mac);
    endpoint.addresses.forEach(setAddress);
    owner++;
  });

  // Of several owners those that run count; if none does, all. VIPs that share an address are one: the first.
  const sharersOf = sharers.map(list => {
    const alive = list.filter(candidate => running[candidate] === 1);
    if (alive.length > 0) return alive;
    const others = list.filter(candidate => kind[candidate] !== OWNER_KIND.endpoint);
    return others.length > 0 ? others : list.slice(0, 1);
  });

  return {
    inventory,
    count,
    kind,
    entity,
    nic,
    vswitch,
    host,
    rack,
    site,
    segment,
    byMac,
    byStation,
    knowsStations: byStation.size > 0,
    ownersOf(address) {
      const found = byAddress.find(address, 0);
      if (found < 0) return NONE;
      return found < count ? [found] : sharersOf[found - count]!;
    },
    sharesAddresses: sharers.length > 0,
    vlan,
    vni,
    documented: { vms: vms.length, hosts: hosts.length },
    segments: createPrefixTable(
      inventory.segments.flatMap((entry, i) =>
        entry.prefixes.map(text => ({ prefix: parsePrefix(text)!, value: i + 1 })),
      ),
    ),
  };
}

/** 32 hexadecimal digits as the words of a `bytes16` column. */
export function stationWords(uuid: string): readonly [number, number, number, number] {
  const word = (i: number) => swap32(Number.parseInt(uuid.slice(8 * i, 8 * i + 8), 16));
  return [word(0), word(1), word(2), word(3)];
}

/** Position of a vSwitch in its host: by id, or the first one; -1 when there is none. */
export function vswitchOf(host: InventoryHost, id: string | undefined): number {
  if (id === undefined) return host.vswitches.length > 0 ? 0 : -1;
  return host.vswitches.findIndex(entry => entry.id === id);
}

export function vmOf(topology: Topology, owner: number): InventoryVm {
  return topology.inventory.vms[topology.entity[owner]!]!;
}

export function endpointOf(topology: Topology, owner: number): InventoryEndpoint {
  return topology.inventory.endpoints[topology.entity[owner]!]!;
}

export function hostOf(topology: Topology, owner: number): InventoryHost | undefined {
  return topology.inventory.hosts[topology.host[owner]! - 1];
}

function numbered(list: readonly { readonly id: string }[]): ReadonlyMap<string, number> {
  return new Map(list.map((entry, i) => [entry.id, i + 1]));
}

function runningTotals(counts: readonly number[]): number[] {
  let total = 0;
  return counts.map(value => {
    total += value;
    return total - value;
  });
}

function countAddresses({ vms, hosts, endpoints }: Inventory): number {
  let total = 0;
  for (const vm of vms) for (const vnic of vm.vnics) total += vnic.addresses.length;
  for (const host of hosts) {
    total += host.addresses.length;
    for (const vmk of host.vmkernelNics) total += vmk.addresses.length;
  }
  for (const endpoint of endpoints) total += endpoint.addresses.length;
  return total;
}
