// Who owns which MAC and address, and where the owner stands: the inventory as typed arrays. An owner is one attachment
// (a VM's vNIC, a host's vmkernel NIC or management address, any other endpoint). Positions of places start at 1, so
// that 0 says unknown. `compileTopology` runs where the documents are; what it makes holds no document, only arrays and
// texts as bytes, so that it can be handed to the thread that enriches. Names are read when an endpoint is first seen.

import { parseAddress, parseMac, parsePrefix, swap32 } from '../../schemas/address.ts';
import { parseUuid } from '../../schemas/facts.ts';
import type { InventoryHost } from '../../schemas/inventory.ts';
import { createHashTable, type Finder, openHashTable } from '../lookup/hash-table.ts';
import { compilePrefixes, openPrefixTable, type PrefixData, type PrefixTable } from '../lookup/prefix-table.ts';
import { packStrings, type StringTable, stringAt, stringsOf } from '../lookup/string-table.ts';
import type { Merged } from './merge.ts';

export const OWNER_KIND = { vm: 0, vmkernel: 1, endpoint: 2 } as const;
export const LISTS = { ipv4: 1, ipv6: 2 } as const;

/** What is told of an owner in words: one small JSON text each. */
export interface OwnerText {
  /** What its node key is computed from; '' where the host speaks for itself. */
  readonly identity: string;
  readonly name: string;
  readonly tags?: readonly string[];
  readonly folder?: string;
  readonly mac?: string;
  /** Id and name of its port group. */
  readonly portGroups?: readonly string[];
  /** Whether it passes on what others sent: a virtual address, a balancer. */
  readonly isVia?: boolean;
  /** Of a vmkernel NIC. */
  readonly purpose?: string;
}

export interface PlaceText {
  readonly id: string;
  readonly name: string;
}

/** Columns by owner. */
interface Owners {
  readonly count: number;
  readonly kind: Uint8Array;
  /** Position of its VM, host or endpoint in the inventory. */
  readonly entity: Uint32Array;
  /** Position in the VM's vNICs or the host's vmkernel NICs; a host's own addresses stand behind its last NIC. */
  readonly nic: Uint32Array;
  /** Position of the source that tells of it. */
  readonly source: Uint16Array;
  readonly vswitch: Uint32Array;
  readonly host: Uint32Array;
  readonly rack: Uint32Array;
  readonly site: Uint32Array;
  readonly segment: Uint32Array;
  readonly vlan: Uint16Array;
  readonly vni: Uint32Array;
  /** Positions of VRFs in `vrfs`. */
  readonly vrf: Uint16Array;
  /** For an owner of a VM, which families of its addresses are listed: bits of LISTS. */
  readonly listsAddresses: Uint8Array;
}

/** Typed arrays, texts and small lists only. */
export interface TopologyData extends Owners {
  readonly sources: readonly { readonly name: string; readonly isStale: boolean }[];
  /** Hash tables to an owner, or to `count` + n for list n of `sharers`. */
  readonly macSlots: Uint32Array;
  readonly addressSlots: Uint32Array;
  readonly stationSlots: Uint32Array;
  readonly knowsStations: boolean;
  readonly sharerStarts: Uint32Array;
  readonly sharers: Uint32Array;
  readonly sharesAddresses: boolean;
  readonly sharesMacs: boolean;
  /** Whether VLAN, VNI or the exporter's site can say more of an address or a MAC. */
  readonly knowsSegments: boolean;
  readonly ownerTexts: StringTable;
  readonly hostTexts: StringTable;
  readonly rackTexts: StringTable;
  readonly siteIds: StringTable;
  readonly segmentIds: StringTable;
  readonly segmentSites: Uint32Array;
  readonly segmentVnis: Uint32Array;
  readonly segmentVlans: Uint16Array;
  /** Names of VRFs that segments name; position 0 is none. */
  readonly vrfs: readonly string[];
  readonly segmentPrefixes: PrefixData;
}

export interface Topology extends Owners {
  readonly hostTexts: StringTable;
  readonly sources: TopologyData['sources'];
  /** An owner of the VM by its UUID: four words as the column `stationId` holds them. */
  readonly byStation: Finder;
  /** Whether any UUID is known, so that the column matters. */
  readonly knowsStations: boolean;
  /** Owners of the MAC whose two words, low first, stand at `words[offset]`; empty when nobody has it. */
  macOwners(words: Uint32Array, offset: number): readonly number[];
  /** Whether it has several. */
  isSharedMac(words: Uint32Array, offset: number): boolean;
  /** Owners of an address, the likeliest first; empty when nobody has it. */
  ownersOf(address: Uint32Array): readonly number[];
  /** Whether some address, or some MAC, has several owners, so that a record's segment or port matters. */
  readonly sharesAddresses: boolean;
  readonly sharesMacs: boolean;
  readonly knowsSegments: boolean;
  readonly vrfs: readonly string[];
  readonly segmentIds: readonly string[];
  /** Site of segment n + 1. */
  readonly segmentSites: Uint32Array;
  /** VNI and VLAN of segment n + 1, 0 none. */
  readonly segmentVnis: Uint32Array;
  readonly segmentVlans: Uint16Array;
  /** Positions of segments, from 1, by their prefixes. */
  readonly segments: PrefixTable;
  textOf(owner: number): OwnerText;
  /** By position, from 1. */
  hostText(position: number): PlaceText;
  rackText(position: number): PlaceText;
}

const NONE: readonly number[] = [];

export function compileTopology(merged: Merged): TopologyData {
  const { hosts, vms, endpoints } = merged;
  const count =
    vms.reduce((sum, vm) => sum + Math.max(1, vm.vnics.length), 0) +
    hosts.reduce((sum, host) => sum + host.vmkernelNics.length + 1, 0) +
    endpoints.length;
  const addresses = countAddresses(merged);
  const word = () => new Uint32Array(count);
  const kind = new Uint8Array(count);
  const vlan = new Uint16Array(count);
  const vrf = new Uint16Array(count);
  const source = new Uint16Array(count);
  const listsAddresses = new Uint8Array(count);
  const running = new Uint8Array(count);
  const places = [word(), word(), word(), word(), word(), word(), word(), word()] as const;
  const [entity, nic, vswitch, host, rack, site, segment, vni] = places;
  const macs = createOwnerLists(2, count, count);
  const byAddress = createOwnerLists(4, addresses, count);
  const byStation = createHashTable(4, vms.length + merged.stations.size);
  const firstOwner = new Uint32Array(vms.length);
  const key = new Uint32Array(4);
  const ownerTexts: string[] = [];
  let owner = 0;

  const rackNumber = numbered(merged.racks);
  const siteNumber = numbered(merged.sites);
  const segmentNumber = numbered(merged.segments);
  const hostNumber = numbered(hosts);
  const vswitchBase = runningTotals(hosts.map(entry => entry.vswitches.length));
  const vrfs = ['', ...new Set(merged.segments.flatMap(entry => entry.vrf ?? []))].slice(0, VRFS_MAX);
  const vrfNumber = new Map(vrfs.map((name, i) => [name, i]));

  const place = (
    ownerKind: number,
    position: number,
    nicPosition: number,
    hostPosition: number,
    rackId: string | undefined,
    text: OwnerText,
  ) => {
    kind[owner] = ownerKind;
    entity[owner] = position;
    nic[owner] = nicPosition;
    host[owner] = hostPosition;
    const rackPosition = rackId === undefined ? 0 : (rackNumber.get(rackId) ?? 0);
    rack[owner] = rackPosition;
    site[owner] = siteNumber.get(merged.racks[rackPosition - 1]?.site ?? '') ?? 0;
    ownerTexts.push(JSON.stringify(text));
  };
  const setSegment = (id: string | undefined, vlanId: number | undefined) => {
    const position = segmentNumber.get(id ?? '') ?? 0;
    const found = merged.segments[position - 1];
    segment[owner] = position;
    vlan[owner] = vlanId ?? found?.vlan ?? 0;
    vni[owner] = found?.vni ?? 0;
    vrf[owner] = vrfNumber.get(found?.vrf ?? '') ?? 0;
    if (site[owner] === 0) site[owner] = siteNumber.get(found?.site ?? '') ?? 0;
  };
  const setMac = (text: string | undefined) => {
    const mac = text === undefined ? undefined : parseMac(text);
    if (!mac) return;
    key[0] = mac.low;
    key[1] = mac.high;
    macs.add(key, owner);
  };
  const setAddress = (text: string) => {
    const words = parseAddress(text);
    if (!words) return;
    key.set(words);
    byAddress.add(key, owner);
  };

  vms.forEach((vm, i) => {
    firstOwner[i] = owner;
    const uuid = vm.uuid === undefined ? undefined : parseUuid(vm.uuid);
    if (uuid !== undefined) {
      key.set(stationWords(uuid));
      byStation.insert(key, 0, owner);
    }
    const at = hostNumber.get(vm.host ?? '') ?? 0;
    const home = hosts[at - 1];
    const from = merged.vmSources[i]!;
    const identity = uuid ?? `${merged.sources[from]!.name}/${vm.uuid ?? vm.id}`;
    const common = {
      identity,
      name: vm.name || vm.id,
      ...(vm.tags.length > 0 && { tags: vm.tags }),
      ...(vm.folder !== undefined && { folder: vm.folder }),
    };
    let listed = 0;
    for (const vnic of vm.vnics)
      for (const text of vnic.addresses) listed |= text.includes(':') ? LISTS.ipv6 : LISTS.ipv4;
    vnicsOf(vm.vnics).forEach((vnic, j) => {
      const switchAt = home ? vswitchOf(home, vnic.vswitch) : -1;
      const group =
        vnic.portGroup === undefined
          ? undefined
          : home?.vswitches[switchAt]?.portGroups.find(entry => entry.id === vnic.portGroup);
      const portGroups = [vnic.portGroup, group?.name].filter(text => text !== undefined);
      place(OWNER_KIND.vm, i, j, at, home?.rack, {
        ...common,
        ...(vnic.mac !== undefined && { mac: vnic.mac }),
        ...(portGroups.length > 0 && { portGroups }),
      });
      if (switchAt >= 0) vswitch[owner] = vswitchBase[at - 1]! + switchAt + 1;
      setSegment(vnic.segment ?? group?.segment, group?.vlan);
      running[owner] = vm.status === 'running' ? 1 : 0;
      source[owner] = from;
      listsAddresses[owner] = listed;
      setMac(vnic.mac);
      vnic.addresses.forEach(setAddress);
      owner++;
    });
  });
  hosts.forEach((entry, i) => {
    [...entry.vmkernelNics, { mac: undefined, addresses: entry.addresses, purpose: 'management' }].forEach((vmk, j) => {
      const purpose = vmk.purpose === undefined ? {} : { purpose: vmk.purpose };
      place(OWNER_KIND.vmkernel, i, j, i + 1, entry.rack, { identity: '', name: '', ...purpose });
      running[owner] = entry.status === 'off' ? 0 : 1;
      setMac(vmk.mac);
      vmk.addresses.forEach(setAddress);
      owner++;
    });
  });
  endpoints.forEach((endpoint, i) => {
    const from = merged.endpointSources[i]!;
    place(OWNER_KIND.endpoint, i, 0, 0, endpoint.rack, {
      identity: `${merged.sources[from]!.name}/${endpoint.id}`,
      name: endpoint.name || endpoint.id,
      ...((endpoint.kind === 'vip' || endpoint.kind === 'appliance') && { isVia: true }),
      ...(endpoint.mac !== undefined && { mac: endpoint.mac }),
    });
    setSegment(endpoint.segment, undefined);
    source[owner] = from;
    // A VIP gives way to whoever else has its address.
    running[owner] = endpoint.kind === 'vip' ? 0 : 1;
    // What a gateway forwards carries its MAC and other people's addresses.
    if (endpoint.kind !== 'gateway') setMac(endpoint.mac);
    endpoint.addresses.forEach(setAddress);
    owner++;
  });

  for (const [uuid, vm] of merged.stations) {
    key.set(stationWords(uuid));
    if (byStation.find(key, 0) < 0) byStation.insert(key, 0, firstOwner[vm]!);
  }

  // Of several owners those that run count; if none does, all. VIPs that share an address are one: the first.
  const sharersOf = (list: readonly number[]) => {
    const alive = list.filter(candidate => running[candidate] === 1);
    if (alive.length > 0) return alive;
    const others = list.filter(candidate => kind[candidate] !== OWNER_KIND.endpoint);
    return others.length > 0 ? others : list.slice(0, 1);
  };
  // The lists of MACs stand behind those of addresses.
  const lists = [...byAddress.lists, ...macs.lists].map(sharersOf);
  const sharerStarts = new Uint32Array(lists.length + 1);
  lists.forEach((list, i) => {
    sharerStarts[i + 1] = sharerStarts[i]! + list.length;
  });

  const segmentSites = Uint32Array.from(merged.segments, entry => siteNumber.get(entry.site ?? '') ?? 0);
  const segmentVnis = Uint32Array.from(merged.segments, entry => entry.vni ?? 0);

  return {
    count,
    kind,
    entity,
    nic,
    source,
    vswitch,
    host,
    rack,
    site,
    segment,
    vlan,
    vni,
    vrf,
    listsAddresses,
    sources: merged.sources.map(({ name, isStale }) => ({ name, isStale })),
    macSlots: macs.slots(byAddress.lists.length),
    addressSlots: byAddress.slots(0),
    stationSlots: byStation.words,
    knowsStations: byStation.size > 0,
    sharerStarts,
    sharers: Uint32Array.from(lists.flat()),
    sharesAddresses: byAddress.lists.length > 0,
    sharesMacs: macs.lists.length > 0,
    knowsSegments:
      vlan.some(id => id !== 0) ||
      vni.some(id => id !== 0) ||
      byAddress.lists.length > 0 ||
      [segmentSites, segmentVnis].some(isVaried),
    ownerTexts: packStrings(ownerTexts),
    hostTexts: packStrings(hosts.map(placeText)),
    rackTexts: packStrings(merged.racks.map(placeText)),
    siteIds: packStrings(merged.sites.map(entry => entry.id)),
    segmentIds: packStrings(merged.segments.map(entry => entry.id)),
    segmentSites,
    segmentVnis,
    segmentVlans: Uint16Array.from(merged.segments, entry => entry.vlan ?? 0),
    vrfs,
    segmentPrefixes: compilePrefixes(
      merged.segments.flatMap((entry, i) => entry.prefixes.map(text => ({ prefix: parsePrefix(text)!, value: i + 1 }))),
    ),
  };
}

export function openTopology(data: TopologyData): Topology {
  const { count, sharerStarts, sharers } = data;
  const byMac = openHashTable(2, data.macSlots);
  const byAddress = openHashTable(4, data.addressSlots);
  const listOf = (found: number): readonly number[] => {
    if (found < 0) return NONE;
    if (found < count) return [found];
    return Array.from(sharers.subarray(sharerStarts[found - count]!, sharerStarts[found - count + 1]!));
  };
  return {
    ...data,
    byStation: openHashTable(4, data.stationSlots),
    macOwners: (words, offset) => listOf(byMac.find(words, offset)),
    isSharedMac: (words, offset) => byMac.find(words, offset) >= count,
    ownersOf: address => listOf(byAddress.find(address, 0)),
    segmentIds: stringsOf(data.segmentIds),
    segments: openPrefixTable(data.segmentPrefixes),
    textOf: owner => JSON.parse(stringAt(data.ownerTexts, owner)),
    hostText: position => JSON.parse(stringAt(data.hostTexts, position - 1)),
    rackText: position => JSON.parse(stringAt(data.rackTexts, position - 1)),
  };
}

/** Whether there are several values besides 0, which stands for none. */
export function isVaried(values: Iterable<number>): boolean {
  let first = 0;
  for (const value of values) {
    if (value === 0) continue;
    if (first !== 0 && value !== first) return true;
    first = value;
  }
  return false;
}

/** Positions of VRFs are 16 bits. */
const VRFS_MAX = 65_536;

/** Keys to owners. One owner is stored as itself; several as a list behind the owners' numbers. */
function createOwnerLists(keyWords: number, entries: number, count: number) {
  const table = createHashTable(keyWords, entries, entries);
  const lists: number[][] = [];
  return {
    lists,
    add(key: Uint32Array, owner: number): void {
      const known = table.find(key, 0);
      if (known < 0) table.insert(key, 0, owner);
      else if (known < count) {
        if (known !== owner) table.insert(key, 0, count + lists.push([known, owner]) - 1);
      } else lists[known - count]!.push(owner);
    },
    /** The finished table, its lists numbered from `base`. */
    slots(base: number): Uint32Array {
      const { words } = table;
      for (let at = keyWords; at < words.length; at += keyWords + 1) if (words[at]! > count) words[at]! += base;
      return words;
    },
  };
}

/** A VM without vNICs still is an owner: its UUID may be told. */
function vnicsOf<T>(vnics: readonly T[]): readonly (T | typeof NO_VNIC)[] {
  return vnics.length > 0 ? vnics : [NO_VNIC];
}
const NO_VNIC = {
  addresses: [],
  mac: undefined,
  vswitch: undefined,
  portGroup: undefined,
  segment: undefined,
} as const;

function placeText({ id, name }: { readonly id: string; readonly name?: string }): string {
  return JSON.stringify({ id, name: name ?? id } satisfies PlaceText);
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

function countAddresses({ vms, hosts, endpoints }: Merged): number {
  let total = 0;
  for (const vm of vms) for (const vnic of vm.vnics) total += vnic.addresses.length;
  for (const host of hosts) {
    total += host.addresses.length;
    for (const vmk of host.vmkernelNics) total += vmk.addresses.length;
  }
  for (const endpoint of endpoints) total += endpoint.addresses.length;
  return total;
}
