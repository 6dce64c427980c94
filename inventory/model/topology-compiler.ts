// Makes the columns of the topology from the merged documents: one owner after the other, and with each its MACs,
// addresses and station. What it makes is plain data; topology.ts opens it.

import { parseAddress, parseMac, parsePrefix } from '../../schemas/address.ts';
import { parseUuid } from '../../schemas/facts.ts';
import type { InventoryEndpoint, InventoryHost, InventoryVm } from '../../schemas/inventory.ts';
import { createHashTable } from '../lookup/hash-table.ts';
import { compilePrefixes } from '../lookup/prefix-table.ts';
import { packStrings } from '../lookup/string-table.ts';
import type { Merged } from './merge.ts';
import {
  isVaried,
  LISTS,
  OWNER_KIND,
  type OwnerText,
  type PlaceText,
  stationWords,
  type TopologyData,
  vswitchOf,
} from './topology.ts';

export function compileTopology(merged: Merged): TopologyData {
  const compiler = new TopologyCompiler(merged);
  merged.vms.forEach((vm, i) => compiler.addVm(vm, i));
  merged.hosts.forEach((host, i) => compiler.addHost(host, i));
  merged.endpoints.forEach((endpoint, i) => compiler.addEndpoint(endpoint, i));
  compiler.addStations();
  return compiler.finish();
}

/** What the node key of the VM at a position is computed from. */
export function vmIdentityOf({ vms, vmSources, sources }: Merged, position: number): string {
  const { uuid, id } = vms[position]!;
  const parsed = uuid === undefined ? undefined : parseUuid(uuid);
  return parsed ?? `${sources[vmSources[position]!]!.name}/${uuid ?? id}`;
}

/** What is known of an owner's place in the documents. */
interface OwnerPosition {
  readonly kind: number;
  readonly entity: number;
  readonly nic: number;
  /** Position of the host, from 1; 0 none. */
  readonly host: number;
  readonly rack: string | undefined;
}

class TopologyCompiler {
  readonly #merged: Merged;
  readonly #columns: ReturnType<typeof createColumns>;
  readonly #numbers: ReturnType<typeof numbersOf>;
  readonly #running: Uint8Array;
  readonly #macs: ReturnType<typeof createOwnerLists>;
  readonly #addresses: ReturnType<typeof createOwnerLists>;
  readonly #stations: ReturnType<typeof createHashTable>;
  readonly #firstOwner: Uint32Array;
  readonly #key = new Uint32Array(4);
  readonly #texts: string[] = [];
  /** Numbers of places, by what an owner says of its own. */
  readonly #places = new Map<string, number>();
  /** The owner that is being added. */
  #owner = 0;

  constructor(merged: Merged) {
    const count = countOwners(merged);
    this.#merged = merged;
    this.#columns = createColumns(count);
    this.#numbers = numbersOf(merged);
    this.#running = new Uint8Array(count);
    this.#macs = createOwnerLists(2, count, count);
    this.#addresses = createOwnerLists(4, countAddresses(merged), count);
    this.#stations = createHashTable(4, merged.vms.length + merged.stations.size);
    this.#firstOwner = new Uint32Array(merged.vms.length);
  }

  addVm(vm: InventoryVm, position: number): void {
    const merged = this.#merged;
    const uuid = vm.uuid === undefined ? undefined : parseUuid(vm.uuid);
    this.#firstOwner[position] = this.#owner;
    if (uuid !== undefined) this.#addStation(uuid, this.#owner);
    const host = this.#numbers.hosts.get(vm.host ?? '') ?? 0;
    const source = merged.vmSources[position]!;
    const common = {
      identity: vmIdentityOf(merged, position),
      name: vm.name || vm.id,
      ...(vm.tags.length > 0 && { tags: vm.tags }),
      ...(vm.folder !== undefined && { folder: vm.folder }),
    };
    const listed = listedFamilies(vm);
    vnicsOf(vm.vnics).forEach((vnic, nic) => {
      this.#columns.listsAddresses[this.#owner] = listed;
      this.#columns.source[this.#owner] = source;
      this.#running[this.#owner] = vm.status === 'running' ? 1 : 0;
      this.#addVnic(vnic, { entity: position, nic, host }, common);
    });
  }

  addHost(host: InventoryHost, position: number): void {
    const own = { mac: undefined, addresses: host.addresses, purpose: 'management' };
    [...host.vmkernelNics, own].forEach(({ mac, addresses, purpose }, nic) => {
      const { rack } = host;
      const text = { identity: '', name: '', ...(purpose !== undefined && { purpose }) };
      this.#place({ kind: OWNER_KIND.vmkernel, entity: position, nic, host: position + 1, rack }, text);
      this.#running[this.#owner] = host.status === 'off' ? 0 : 1;
      this.#finishOwner(mac, addresses);
    });
  }

  addEndpoint(endpoint: InventoryEndpoint, position: number): void {
    const { kind, rack, mac, addresses } = endpoint;
    const source = this.#merged.endpointSources[position]!;
    this.#place(
      { kind: OWNER_KIND.endpoint, entity: position, nic: 0, host: 0, rack },
      {
        identity: `${this.#merged.sources[source]!.name}/${endpoint.id}`,
        name: endpoint.name || endpoint.id,
        ...((kind === 'vip' || kind === 'appliance') && { isVia: true }),
        ...(mac !== undefined && { mac }),
      },
    );
    this.#setSegment(endpoint.segment, undefined);
    this.#columns.source[this.#owner] = source;
    // Whoever else has the address of a VIP comes before it.
    this.#running[this.#owner] = kind === 'vip' ? 0 : 1;
    // What a gateway forwards carries its MAC and other people's addresses.
    this.#finishOwner(kind === 'gateway' ? undefined : mac, addresses);
  }

  /** Further names of VMs. */
  addStations(): void {
    for (const [uuid, vm] of this.#merged.stations) this.#addStation(uuid, this.#firstOwner[vm]!, true);
  }

  finish(): TopologyData {
    const { racks, sites, segments, hosts, sources } = this.#merged;
    const { vrfs, sites: siteNumbers } = this.#numbers;
    const columns = this.#columns;
    const segmentSites = Uint32Array.from(segments, entry => siteNumbers.get(entry.site ?? '') ?? 0);
    const segmentVnis = Uint32Array.from(segments, entry => entry.vni ?? 0);
    const sharesAddresses = this.#addresses.lists.length > 0;
    return {
      ...columns,
      ...this.#sharers(),
      sources: sources.map(({ name, isStale }) => ({ name, isStale })),
      macSlots: this.#macs.slots(this.#addresses.lists.length),
      addressSlots: this.#addresses.slots(0),
      stationSlots: this.#stations.words,
      knowsStations: this.#stations.size > 0,
      sharesAddresses,
      sharesMacs: this.#macs.lists.length > 0,
      knowsSegments:
        columns.vlan.some(id => id !== 0) ||
        columns.vni.some(id => id !== 0) ||
        sharesAddresses ||
        [segmentSites, segmentVnis].some(isVaried),
      ownerTexts: packStrings(this.#texts),
      hostTexts: packStrings(hosts.map(placeText)),
      rackTexts: packStrings(racks.map(placeText)),
      siteTexts: packStrings(sites.map(placeText)),
      vswitchTexts: packStrings(hosts.flatMap(vswitchTexts)),
      segmentIds: packStrings(segments.map(entry => entry.id)),
      segmentSites,
      segmentVnis,
      segmentVlans: Uint16Array.from(segments, entry => entry.vlan ?? 0),
      vrfs: [...vrfs.keys()],
      segmentPrefixes: compilePrefixes(
        segments.flatMap((entry, i) => entry.prefixes.map(text => ({ prefix: parsePrefix(text)!, value: i + 1 }))),
      ),
    };
  }

  #addVnic(
    vnic: Vnic | typeof NO_VNIC,
    at: Pick<OwnerPosition, 'entity' | 'nic' | 'host'>,
    common: Pick<OwnerText, 'identity' | 'name' | 'tags' | 'folder'>,
  ): void {
    const { mac, portGroup, addresses } = vnic;
    const home = this.#merged.hosts[at.host - 1];
    const switchAt = home ? vswitchOf(home, vnic.vswitch) : -1;
    const group =
      portGroup === undefined ? undefined : home?.vswitches[switchAt]?.portGroups.find(entry => entry.id === portGroup);
    const portGroups = [portGroup, group?.name].filter(text => text !== undefined);
    this.#place(
      { ...at, kind: OWNER_KIND.vm, rack: home?.rack },
      { ...common, ...(mac !== undefined && { mac }), ...(portGroups.length > 0 && { portGroups }) },
    );
    if (switchAt >= 0) this.#columns.vswitch[this.#owner] = this.#numbers.vswitchBase[at.host - 1]! + switchAt + 1;
    this.#setSegment(vnic.segment ?? group?.segment, group?.vlan);
    this.#finishOwner(mac, addresses, `${portGroup ?? ''}\n${common.tags?.join('\n') ?? ''}`);
  }

  #place({ kind, entity, nic, host, rack }: OwnerPosition, text: OwnerText): void {
    const columns = this.#columns;
    const owner = this.#owner;
    const rackPosition = rack === undefined ? 0 : (this.#numbers.racks.get(rack) ?? 0);
    columns.kind[owner] = kind;
    columns.entity[owner] = entity;
    columns.nic[owner] = nic;
    columns.host[owner] = host;
    columns.rack[owner] = rackPosition;
    columns.site[owner] = this.#numbers.sites.get(this.#merged.racks[rackPosition - 1]?.site ?? '') ?? 0;
    this.#texts.push(JSON.stringify(text));
  }

  #setSegment(id: string | undefined, vlan: number | undefined): void {
    const columns = this.#columns;
    const owner = this.#owner;
    const position = this.#numbers.segments.get(id ?? '') ?? 0;
    const found = this.#merged.segments[position - 1];
    columns.segment[owner] = position;
    columns.vlan[owner] = vlan ?? found?.vlan ?? 0;
    columns.vni[owner] = found?.vni ?? 0;
    columns.vrf[owner] = this.#numbers.vrfs.get(found?.vrf ?? '') ?? 0;
    if (columns.site[owner] === 0) columns.site[owner] = this.#numbers.sites.get(found?.site ?? '') ?? 0;
  }

  /** Adds its MAC and addresses, and goes on to the next owner. `own`: what is of its place and in no column. */
  #finishOwner(macText: string | undefined, addresses: readonly string[], own = ''): void {
    const key = this.#key;
    const owner = this.#owner++;
    this.#setPlace(owner, own);
    const mac = macText === undefined ? undefined : parseMac(macText);
    if (mac) {
      key[0] = mac.low;
      key[1] = mac.high;
      this.#macs.add(key, owner);
    }
    for (const text of addresses) {
      const words = parseAddress(text);
      if (!words) continue;
      key.set(words);
      this.#addresses.add(key, owner);
    }
  }

  #setPlace(owner: number, own: string): void {
    const { vswitch, host, rack, site, segment, place } = this.#columns;
    const text = `${vswitch[owner]} ${host[owner]} ${rack[owner]} ${site[owner]} ${segment[owner]} ${own}`;
    let number = this.#places.get(text);
    if (number === undefined) {
      number = this.#places.size + 1;
      this.#places.set(text, number);
    }
    place[owner] = number;
  }

  #addStation(uuid: string, owner: number, onlyNew = false): void {
    this.#key.set(stationWords(uuid));
    if (!onlyNew || this.#stations.find(this.#key, 0) < 0) this.#stations.insert(this.#key, 0, owner);
  }

  /** Owners that share an address or a MAC, list by list. The lists of MACs stand behind those of addresses. */
  #sharers(): Pick<TopologyData, 'sharerStarts' | 'sharers'> {
    const lists = [...this.#addresses.lists, ...this.#macs.lists].map(list => this.#sharersOf(list));
    const sharerStarts = new Uint32Array(lists.length + 1);
    lists.forEach((list, i) => {
      sharerStarts[i + 1] = sharerStarts[i]! + list.length;
    });
    return { sharerStarts, sharers: Uint32Array.from(lists.flat()) };
  }

  /** Of several owners those that run count; if none does, all. VIPs that share an address are one: the first. */
  #sharersOf(list: readonly number[]): readonly number[] {
    const running = list.filter(owner => this.#running[owner] === 1);
    if (running.length > 0) return running;
    const others = list.filter(owner => this.#columns.kind[owner] !== OWNER_KIND.endpoint);
    return others.length > 0 ? others : list.slice(0, 1);
  }
}

function createColumns(count: number) {
  return {
    count,
    kind: new Uint8Array(count),
    entity: new Uint32Array(count),
    nic: new Uint32Array(count),
    source: new Uint16Array(count),
    vswitch: new Uint32Array(count),
    host: new Uint32Array(count),
    rack: new Uint32Array(count),
    site: new Uint32Array(count),
    segment: new Uint32Array(count),
    place: new Uint32Array(count),
    vlan: new Uint16Array(count),
    vni: new Uint32Array(count),
    vrf: new Uint16Array(count),
    listsAddresses: new Uint8Array(count),
  };
}

/** Positions by id, from 1; of VRFs from 0, which is none. */
function numbersOf({ racks, sites, segments, hosts }: Merged) {
  const vrfs = ['', ...new Set(segments.flatMap(entry => entry.vrf ?? []))].slice(0, VRFS_MAX);
  return {
    racks: numbered(racks),
    sites: numbered(sites),
    segments: numbered(segments),
    hosts: numbered(hosts),
    vswitchBase: runningTotals(hosts.map(entry => entry.vswitches.length)),
    vrfs: new Map(vrfs.map((name, i) => [name, i])),
  };
}

function countOwners({ vms, hosts, endpoints }: Merged): number {
  return (
    vms.reduce((sum, vm) => sum + Math.max(1, vm.vnics.length), 0) +
    hosts.reduce((sum, host) => sum + host.vmkernelNics.length + 1, 0) +
    endpoints.length
  );
}

/** Families of the addresses that the document lists for a VM: bits of LISTS. */
function listedFamilies({ vnics }: InventoryVm): number {
  let listed = 0;
  for (const vnic of vnics) for (const text of vnic.addresses) listed |= text.includes(':') ? LISTS.ipv6 : LISTS.ipv4;
  return listed;
}

type Vnic = InventoryVm['vnics'][number];

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

/** A VM without vNICs still is an owner: records may carry its UUID. */
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

/** A vSwitch is its host's own, and hosts name theirs alike. */
function vswitchTexts({ id, name, vswitches }: InventoryHost): string[] {
  return vswitches.map(entry =>
    placeText({ id: JSON.stringify([id, entry.id]), name: `${name ?? id}/${entry.name ?? entry.id}` }),
  );
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
