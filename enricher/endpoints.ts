// From (address, MAC, VLAN) to an endpoint: who it is, where it stands, which applications it may belong to and what it
// is called otherwise. The slow way (owners, globs, prefixes, hashes) is taken once per distinct triple; its result is an
// entry, shared by all triples that mean the same, and a bounded cache leads from triple to entry.
//
// Identity (docs/ARCHITECTURE.md, "Who is it"): the station id that a record tells of one end, or else a MAC, decides unless
// another known owner has the address; else the address decides, within the record's segment when several own it; else
// `ambiguous`.

import { swap32, type Words } from '../schemas/address.ts';
import { DIRECTION, IDENTITY } from '../schemas/codes.ts';
import type { FlowColumns } from '../schemas/flow.ts';
import type { InventoryVm } from '../schemas/inventory.ts';
import { hashedKey, type Key, NO_KEY } from '../schemas/keys.ts';
import type { Subject } from './applications.ts';
import {
  type AutoNode,
  addressClassOf,
  autoEndpointNode,
  autoPrefixNode,
  autoVmkernelNode,
  autoVmNode,
  EXPLICIT,
} from './auto-nodes.ts';
import { passedBits } from './election-rule.ts';
import { createHashTable } from './hash-table.ts';
import type { NodeNames } from './node-names.ts';
import type { Snapshot } from './snapshot.ts';
import { endpointOf, hostOf, OWNER_KIND, vmOf, vswitchOf } from './topology.ts';

/** Words of an entry: one cache line, all that a record needs to know of an endpoint. Places count from 1. */
export const ENTRY = {
  vm: 0,
  host: 2,
  rack: 4,
  auto: 6,
  autoRule: 8,
  set: 9,
  identity: 10,
  /** Attachment number, and the bits of PASSED. */
  access: 11,
  vswitchAt: 12,
  hostAt: 13,
  rackAt: 14,
  siteAt: 15,
  words: 16,
} as const;

export const ENDPOINTS_MAX = 1_048_576;

export interface Endpoints {
  /** Writes the offset of each row's entries (into `entries`) to `src` and `dst`, for rows `from` to `to`. */
  resolve(columns: FlowColumns, from: number, to: number, src: Uint32Array, dst: Uint32Array): void;
  /** Offset of an entry with the keys and places of a host (position from 1), made when first asked for. */
  hostEntry(position: number): number;
  /** Grows while rows are resolved: read it again for each batch. */
  readonly entries: Uint32Array;
  /** Called when a record uses the automatic node of an entry for the first time, so that only nodes in use get names. */
  useAuto(entry: number): void;
  /** Times the cache was full and emptied. */
  readonly resets: number;
}

const GROUP_BIT = 0x0100;
/** In the place of the upper MAC word: the lower one is the owner that a station id named. No MAC has so many bits. */
const STATION_MARK = 0xffffffff;
const VNI_TAG = 0x1000000;
/** Source of what exporters told, in identities of nodes. */
const IN_BAND = 'in-band';
const UNLISTED_NIC: Partial<InventoryVm['vnics'][number]> = {};

export function createEndpoints(snapshot: Snapshot, names: NodeNames, endpointsMax = ENDPOINTS_MAX): Endpoints {
  const { topology, applications, access } = snapshot;
  const { inventory } = topology;
  // Key: the four words of the address as in the column, the two of the MAC, the segment tag.
  const cache = createHashTable(7, endpointsMax);
  const key = new Uint32Array(7);
  const station = new Uint32Array(2);
  const endsPerRow = topology.knowsStations ? 3 : 2;
  const hostOrder = new Uint32Array(4);
  const offsets = new Map<string, number>();
  let entries = new Uint32Array(1024 * ENTRY.words);
  let autos: (AutoNode | undefined)[] = [];
  let resets = 0;

  /** The segment as far as the record tells it; 0 as well where no address has two owners that it could tell apart. */
  const segmentTag = (vlan: number, vni: number): number =>
    !topology.sharesAddresses ? 0 : vni !== 0 ? VNI_TAG | vni : vlan;

  const sameEntity = (a: number, b: number) =>
    topology.kind[a] === topology.kind[b] && topology.entity[a] === topology.entity[b];

  const inSegment = (owner: number, tag: number) =>
    tag >= VNI_TAG
      ? (topology.vni[owner]! | VNI_TAG) === tag && topology.vni[owner] !== 0
      : topology.vlan[owner] === tag;

  /** `forwarder`: another owner, whose MAC address the record bears. */
  const identify = (tag: number): { owner: number; identity: number; forwarder?: number } => {
    const owners = hostOrder[0] || hostOrder[1] || hostOrder[2] || hostOrder[3] ? topology.ownersOf(hostOrder) : [];
    const isStation = key[5] === STATION_MARK;
    const named = isStation ? key[4]! : topology.byMac.find(key, 4);
    if (named >= 0) {
      const own = owners.find(owner => sameEntity(owner, named));
      if (isStation && (own !== undefined || owners.length === 0))
        return { owner: own ?? named, identity: IDENTITY.station };
      if (own !== undefined || owners.length === 0) return { owner: named, identity: IDENTITY.mac };
    }
    if (owners.length === 0) return { owner: -1, identity: IDENTITY.none };
    for (const candidates of tag === 0 ? [owners] : [owners, owners.filter(owner => inSegment(owner, tag))]) {
      const [first] = candidates;
      if (first !== undefined && candidates.every(owner => sameEntity(owner, first)))
        return { owner: first, identity: IDENTITY.address, ...(!isStation && named >= 0 && { forwarder: named }) };
    }
    return { owner: -1, identity: IDENTITY.ambiguous };
  };

  const build = (): number => {
    for (let i = 0; i < 4; i++) hostOrder[i] = swap32(key[i]!);
    const address: Words = [hostOrder[0]!, hostOrder[1]!, hostOrder[2]!, hostOrder[3]!];
    const toGroup = (key[5]! & GROUP_BIT) !== 0;
    const toAll = key[4] === 0xffffffff && key[5] === 0xffff;
    const addressClass = addressClassOf(address);
    const none = (address[0] | address[1] | address[2] | address[3]) === 0;
    if (addressClass === 'multicast') return intern(-1, IDENTITY.none, 0, EXPLICIT.multicast);
    const { owner, identity, forwarder } = identify(key[6]!);
    if (owner >= 0) {
      const set = applications.setOf(subjectOf(owner, none ? undefined : address));
      const passed = forwarder === undefined ? 0 : passedBits(access, topology, owner, forwarder);
      return intern(owner, identity, set, undefined, passed);
    }
    if (identity === IDENTITY.ambiguous) return intern(-1, identity, 0, EXPLICIT.ambiguous);
    if (toAll || (toGroup && none)) return intern(-1, identity, 0, EXPLICIT.multicast);
    if (addressClass === 'infrastructure') return intern(-1, identity, 0, EXPLICIT.infrastructure);
    const segment = inventory.segments[topology.segments.longest(address) - 1]?.id;
    const set = applications.setOf({ address, ...(segment !== undefined && { segment }) });
    return intern(
      -1,
      identity,
      set,
      applications.internal.longest(address) >= 0 ? autoPrefixNode(address) : EXPLICIT.external,
    );
  };

  const subjectOf = (owner: number, address: Words | undefined): Subject => {
    const segment =
      inventory.segments[topology.segment[owner]! - 1]?.id ??
      (address && inventory.segments[topology.segments.longest(address) - 1]?.id);
    const shared = { ...(segment !== undefined && { segment }), ...(address && { address }) };
    if (topology.kind[owner] === OWNER_KIND.vm) {
      const vm = vmOf(topology, owner);
      const vnic = vm.vnics[topology.nic[owner]!] ?? UNLISTED_NIC;
      const host = hostOf(topology, owner);
      const group = host?.vswitches[vswitchOf(host, vnic.vswitch)]?.portGroups.find(
        entry => entry.id === vnic.portGroup,
      );
      const portGroups = [vnic.portGroup, group?.name].filter(text => text !== undefined);
      return {
        ...shared,
        name: vm.name,
        tags: vm.tags,
        portGroups,
        ...(vm.folder !== undefined && { folder: vm.folder }),
        ...(vnic.mac !== undefined && { mac: vnic.mac }),
      };
    }
    if (topology.kind[owner] === OWNER_KIND.endpoint) {
      const { name, mac } = endpointOf(topology, owner);
      return { ...shared, name: name.toLowerCase(), ...(mac !== undefined && { mac }) };
    }
    return shared;
  };

  const autoOf = (owner: number): AutoNode => {
    if (topology.kind[owner] === OWNER_KIND.vm) {
      const { name, id } = vmOf(topology, owner);
      return autoVmNode(name || id);
    }
    if (topology.kind[owner] === OWNER_KIND.endpoint) {
      const { name, id } = endpointOf(topology, owner);
      return autoEndpointNode(name || id);
    }
    const host = hostOf(topology, owner)!;
    const vmk = host.vmkernelNics[topology.nic[owner]!];
    return autoVmkernelNode(vmk ? vmk.purpose : 'management');
  };

  const intern = (owner: number, identity: number, set: number, given: AutoNode | undefined, passed = 0): number => {
    const name = `${owner} ${identity} ${set} ${given?.name ?? ''} ${passed}`;
    const known = offsets.get(name);
    if (known !== undefined) return known;
    const at = offsets.size * ENTRY.words;
    offsets.set(name, at);
    if (at === entries.length) {
      const grown = new Uint32Array(2 * entries.length);
      grown.set(entries);
      entries = grown;
    }
    const auto = given ?? autoOf(owner);
    autos[at / ENTRY.words] = auto;
    const [vm, host, rack] = owner < 0 ? [NO_KEY, NO_KEY, NO_KEY] : keysOf(owner);
    entries.set(
      [
        vm.low,
        vm.high,
        host.low,
        host.high,
        rack.low,
        rack.high,
        auto.key.low,
        auto.key.high,
        auto.rule,
        set,
        identity,
      ],
      at,
    );
    if (owner < 0) entries.fill(0, at + ENTRY.access, at + ENTRY.words);
    else
      entries.set(
        [
          (access.idOf[owner]! | passed) >>> 0,
          topology.vswitch[owner]!,
          topology.host[owner]!,
          topology.rack[owner]!,
          topology.site[owner]!,
        ],
        at + ENTRY.access,
      );
    return at;
  };

  const hostOwners = new Map<number, number>();
  const placeKeys = new Map<string, Key>();

  const named = (
    nodeClass: 'vm' | 'endpoint' | 'host' | 'rack',
    id: string,
    name: string,
    source = inventory.source,
  ): Key => {
    const identity = `${source}/${id}`;
    const key = hashedKey(nodeClass, identity);
    names.announce(key, name, identity);
    return key;
  };

  /** Hosts and racks are shared by many owners and hashed once. */
  const namedPlace = (
    nodeClass: 'host' | 'rack',
    { id, name }: { readonly id: string; readonly name?: string },
    source = inventory.source,
  ): Key => {
    const known = placeKeys.get(`${nodeClass} ${id}`);
    if (known) return known;
    const key = named(nodeClass, id, name ?? id, source);
    placeKeys.set(`${nodeClass} ${id}`, key);
    return key;
  };

  const sourceOf = (position: number, documented: number) => (position < documented ? inventory.source : IN_BAND);

  /** Keys of the owner's VM (or other endpoint), host and rack; their names are announced. */
  const keysOf = (owner: number): readonly [Key, Key, Key] => {
    const host = hostOf(topology, owner);
    const rack = inventory.racks[topology.rack[owner]! - 1];
    const vm = topology.kind[owner] === OWNER_KIND.vm ? vmOf(topology, owner) : undefined;
    const endpoint = topology.kind[owner] === OWNER_KIND.endpoint ? endpointOf(topology, owner) : undefined;
    return [
      vm
        ? named('vm', vm.uuid ?? vm.id, vm.name || vm.id, sourceOf(topology.entity[owner]!, topology.documented.vms))
        : endpoint
          ? named('endpoint', endpoint.id, endpoint.name || endpoint.id)
          : NO_KEY,
      host ? namedPlace('host', host, sourceOf(topology.host[owner]! - 1, topology.documented.hosts)) : NO_KEY,
      rack ? namedPlace('rack', rack) : NO_KEY,
    ];
  };

  return {
    resolve(columns, from, to, src, dst) {
      // Emptied between calls only, so that offsets handed out stay good for all rows of one.
      if (cache.size > 0 && cache.size + endsPerRow * (to - from) > endpointsMax) {
        cache.clear();
        offsets.clear();
        autos = [];
        resets++;
      }
      const { srcAddr, dstAddr, srcMac, dstMac, vlan, vni } = columns;
      for (let row = from; row < to; row++) {
        const tag = segmentTag(vlan[row]!, vni[row]!);
        src[row] = entryOf(srcAddr, srcMac, row, tag);
        dst[row] = entryOf(dstAddr, dstMac, row, tag);
      }
      if (topology.knowsStations) useStations(columns, from, to, src, dst);
    },
    hostEntry(position) {
      let owner = hostOwners.get(position);
      if (owner === undefined) {
        owner = topology.kind.findIndex((kind, i) => kind === OWNER_KIND.vmkernel && topology.host[i] === position);
        hostOwners.set(position, owner);
      }
      return owner < 0 ? -1 : intern(owner, IDENTITY.none, 0, undefined);
    },
    get entries() {
      return entries;
    },
    useAuto(entry) {
      const at = entry / ENTRY.words;
      const auto = autos[at];
      if (!auto) return;
      names.announce(auto.key, auto.name, auto.name);
      autos[at] = undefined;
    },
    get resets() {
      return resets;
    },
  };

  /** Puts the station that a record names in the place of the end that it is. */
  function useStations(columns: FlowColumns, from: number, to: number, src: Uint32Array, dst: Uint32Array): void {
    const { stationId, direction, srcAddr, dstAddr, vlan, vni } = columns;
    for (let row = from; row < to; row++) {
      const at = 4 * row;
      if ((stationId[at]! | stationId[at + 1]! | stationId[at + 2]! | stationId[at + 3]!) === 0) continue;
      const named = topology.byStation.find(stationId, at);
      if (named < 0) continue;
      station[0] = named;
      station[1] = STATION_MARK;
      // The interface towards a station is an ingress for what it sends and an egress for what it gets.
      const tag = segmentTag(vlan[row]!, vni[row]!);
      if (direction[row] === DIRECTION.egress) dst[row] = entryAt(dstAddr, at, station, 0, tag);
      else {
        const sender = entryAt(srcAddr, at, station, 0, tag);
        const isReceiver =
          direction[row] === DIRECTION.unknown &&
          entries[dst[row]! + ENTRY.vm] === entries[sender + ENTRY.vm] &&
          entries[dst[row]! + ENTRY.vm + 1] === entries[sender + ENTRY.vm + 1];
        if (!isReceiver) src[row] = sender;
      }
    }
  }

  function entryOf(address: Uint32Array, mac: Uint32Array, row: number, tag: number): number {
    return entryAt(address, 4 * row, mac, 2 * row, tag);
  }

  function entryAt(address: Uint32Array, at: number, mac: Uint32Array, macAt: number, tag: number): number {
    key[0] = address[at]!;
    key[1] = address[at + 1]!;
    key[2] = address[at + 2]!;
    key[3] = address[at + 3]!;
    key[4] = mac[macAt]!;
    key[5] = mac[macAt + 1]!;
    key[6] = tag;
    const found = cache.find(key, 0);
    if (found >= 0) return found;
    const built = build();
    cache.insert(key, 0, built);
    return built;
  }
}
