// From (address, MAC, and where it was seen) to an endpoint: who it is, where it stands, which applications it may belong to
// and what it is called otherwise. The slow way (owners, globs, prefixes, hashes) is taken once per distinct key; its result
// is an entry, shared by all keys that mean the same, and a bounded cache leads from key to entry. Who it is: identity.ts.

import { swap32, type Words } from '../schemas/address.ts';
import { DIRECTION, IDENTITY } from '../schemas/codes.ts';
import type { FlowColumns } from '../schemas/flow.ts';
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
import { createIdentifier, NO_OWNER, segmentOf, tagOf } from './identity.ts';
import type { NodeNames } from './node-names.ts';
import type { Snapshot } from './snapshot.ts';
import { OWNER_KIND } from './topology.ts';

/** Words of an entry: one cache line, all that a record needs to know of an endpoint. Places count from 1. */
export const ENTRY = {
  vm: 0,
  host: 2,
  rack: 4,
  auto: 6,
  autoRule: 8,
  set: 9,
  /** The code of IDENTITIES in the low byte, bits of ENTRY_FLAGS above it. */
  identity: 10,
  /** Attachment number, and the bits of PASSED. */
  access: 11,
  vswitchAt: 12,
  hostAt: 13,
  rackAt: 14,
  siteAt: 15,
  words: 16,
} as const;

export const ENTRY_FLAGS = {
  /** Recognised by facts of a source that has been silent for too long. */
  stale: 0x100,
  /** Its address is neither internal nor anybody's of the inventory (`isOutside`). */
  outside: 0x200,
} as const;

export const ENDPOINTS_MAX = 1_048_576;

/**
 * Whether an address belongs to somebody outside: beyond the `internal` prefixes and every known segment, and of nobody
 * that the inventory knows. `address` is in host order.
 */
export function isOutside({ topology, applications }: Snapshot, address: Words): boolean {
  return (
    addressClassOf(address) === 'unicast' &&
    applications.internal.longest(address) < 0 &&
    topology.segments.longest(address) < 0 &&
    topology.ownersOf(Uint32Array.from(address)).length === 0
  );
}

export interface Endpoints {
  /**
   * Writes the offset of each row's entries (into `entries`) to `src` and `dst`, for rows `from` to `to`; `exporterOf`
   * are exporter numbers of the registry.
   */
  resolve(
    columns: FlowColumns,
    from: number,
    to: number,
    exporterOf: Uint32Array,
    src: Uint32Array,
    dst: Uint32Array,
  ): void;
  /** Offset of an entry with the keys and places of a host (position from 1), made when first asked for. */
  hostEntry(position: number): number;
  /** Grows while rows are resolved: read it again for each batch. */
  readonly entries: Uint32Array;
  /** The owner that an entry stands for, NO_OWNER where it is none. */
  ownerOf(entry: number): number;
  /** Called when a record uses the automatic node of an entry for the first time, so that only nodes in use get names. */
  useAuto(entry: number): void;
  /** Times the cache was full and emptied. */
  readonly resets: number;
}

/** Words of a key: the address as in the column, the two of the MAC, the segment tag, and more where it matters. */
const KEY = { address: 0, mac: 4, tag: 6, extra: 7, words: 8 } as const;
const GROUP_BIT = 0x0100;
/** In the place of the upper MAC word: the lower one is the owner that a station id named. No MAC has so many bits. */
const STATION_MARK = 0xffffffff;
/** In `extra`: a VRF, not a port. */
const VRF_BIT = 0x80000000;

export function createEndpoints(snapshot: Snapshot, names: NodeNames, endpointsMax = ENDPOINTS_MAX): Endpoints {
  const { topology, vantage, applications, access } = snapshot;
  const identify = createIdentifier(topology, applications.internal);
  const cache = createHashTable(KEY.words, endpointsMax);
  const key = new Uint32Array(KEY.words);
  const station = new Uint32Array(2);
  const port = new Uint32Array(2);
  const vrfKey = new Uint32Array(5);
  const endsPerRow = topology.knowsStations ? 3 : 2;
  const hostOrder = new Uint32Array(4);
  const offsets = new Map<string, number>();
  let entries = new Uint32Array(1024 * ENTRY.words);
  let autos: (AutoNode | undefined)[] = [];
  const owners: number[] = [];
  let resets = 0;

  const build = (): number => {
    for (let i = 0; i < 4; i++) hostOrder[i] = swap32(key[i]!);
    const address: Words = [hostOrder[0]!, hostOrder[1]!, hostOrder[2]!, hostOrder[3]!];
    const toGroup = (key[5]! & GROUP_BIT) !== 0;
    const toAll = key[4] === 0xffffffff && key[5] === 0xffff;
    const addressClass = addressClassOf(address);
    const none = (address[0] | address[1] | address[2] | address[3]) === 0;
    if (addressClass === 'multicast') return intern(-1, IDENTITY.none, 0, EXPLICIT.multicast);
    const isStation = key[5] === STATION_MARK;
    const extra = key[KEY.extra]!;
    const { owner, identity, forwarder } = identify({
      address: none ? undefined : hostOrder,
      station: isStation ? key[4]! : NO_OWNER,
      macs: isStation ? [] : topology.macOwners(key, KEY.mac),
      tag: key[KEY.tag]!,
      port: (extra & VRF_BIT) === 0 ? extra : 0,
      vrf: (extra & VRF_BIT) === 0 ? 0 : extra & ~VRF_BIT,
    });
    const outside = isOutside(snapshot, address) ? ENTRY_FLAGS.outside : 0;
    if (owner >= 0) {
      const isStale = topology.sources[topology.source[owner]!]?.isStale ?? false;
      const set = applications.setOf(subjectOf(owner, none ? undefined : address));
      const passed = forwarder < 0 ? 0 : passedBits(access, topology, owner, forwarder);
      return intern(owner, identity | outside | (isStale ? ENTRY_FLAGS.stale : 0), set, undefined, passed);
    }
    if (identity === IDENTITY.ambiguous) return intern(-1, identity | outside, 0, EXPLICIT.ambiguous);
    if (toAll || (toGroup && none)) return intern(-1, identity, 0, EXPLICIT.multicast);
    if (addressClass === 'infrastructure') return intern(-1, identity, 0, EXPLICIT.infrastructure);
    const segment = topology.segmentIds[segmentOf(topology, address, key[KEY.tag]!) - 1];
    const set = applications.setOf({ address, ...(segment !== undefined && { segment }) });
    return intern(
      -1,
      identity | outside,
      set,
      applications.internal.longest(address) >= 0 ? autoPrefixNode(address) : EXPLICIT.external,
    );
  };

  const subjectOf = (owner: number, address: Words | undefined): Subject => {
    const at =
      topology.segment[owner]! || (address ? segmentOf(topology, address, tagOf(topology.site[owner]!, 0, 0)) : 0);
    const segment = topology.segmentIds[at - 1];
    const shared = { ...(segment !== undefined && { segment }), ...(address && { address }) };
    if (topology.kind[owner] === OWNER_KIND.vmkernel) return shared;
    const { name, tags, folder, mac, portGroups, isVia } = topology.textOf(owner);
    const own = { ...shared, name, ...(mac !== undefined && { mac }) };
    if (topology.kind[owner] === OWNER_KIND.endpoint) return { ...own, isVia: isVia ?? false };
    return { ...own, tags: tags ?? [], portGroups: portGroups ?? [], ...(folder !== undefined && { folder }) };
  };

  const autoOf = (owner: number): AutoNode => {
    const { name, purpose } = topology.textOf(owner);
    if (topology.kind[owner] === OWNER_KIND.vm) return autoVmNode(name);
    if (topology.kind[owner] === OWNER_KIND.endpoint) return autoEndpointNode(name);
    return autoVmkernelNode(purpose);
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
    owners[at / ENTRY.words] = owner;
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

  const named = (nodeClass: 'vm' | 'endpoint' | 'host' | 'rack', identity: string, name: string): Key => {
    const key = hashedKey(nodeClass, identity);
    names.announce(key, name, identity);
    return key;
  };

  /** Hosts and racks are shared by many owners and hashed once. */
  const namedPlace = (nodeClass: 'host' | 'rack', position: number): Key => {
    if (position === 0) return NO_KEY;
    const at = `${nodeClass} ${position}`;
    const known = placeKeys.get(at);
    if (known) return known;
    const { id, name } = nodeClass === 'host' ? topology.hostText(position) : topology.rackText(position);
    const key = named(nodeClass, id, name);
    placeKeys.set(at, key);
    return key;
  };

  /** Keys of the owner's VM (or other endpoint), host and rack; their names are announced. */
  const keysOf = (owner: number): readonly [Key, Key, Key] => {
    const { identity, name } = topology.textOf(owner);
    const nodeClass = topology.kind[owner] === OWNER_KIND.vm ? 'vm' : 'endpoint';
    return [
      topology.kind[owner] === OWNER_KIND.vmkernel ? NO_KEY : named(nodeClass, identity, name),
      namedPlace('host', topology.host[owner]!),
      namedPlace('rack', topology.rack[owner]!),
    ];
  };

  return {
    resolve(columns, from, to, exporterOf, src, dst) {
      // Emptied between calls only, so that offsets handed out stay good for all rows of one.
      if (cache.size > 0 && cache.size + endsPerRow * (to - from) > endpointsMax) {
        cache.clear();
        offsets.clear();
        autos = [];
        resets++;
      }
      const { srcAddr, dstAddr, srcMac, dstMac, inIf, outIf } = columns;
      for (let row = from; row < to; row++) {
        const tag = rowTag(columns, row, exporterOf[row]!);
        const vrf = rowVrf(columns, row);
        src[row] = entryAt(
          srcAddr,
          4 * row,
          srcMac,
          2 * row,
          tag,
          vrf || rowPort(srcMac, row, exporterOf[row]!, inIf[row]!),
        );
        dst[row] = entryAt(
          dstAddr,
          4 * row,
          dstMac,
          2 * row,
          tag,
          vrf || rowPort(dstMac, row, exporterOf[row]!, outIf[row]!),
        );
      }
      if (topology.knowsStations) useStations(columns, from, to, exporterOf, src, dst);
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
    ownerOf: entry => owners[entry / ENTRY.words] ?? NO_OWNER,
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

  /** Segment and site as far as the record tells them and the inventory knows any. */
  function rowTag({ vlan, vni }: FlowColumns, row: number, exporter: number): number {
    return topology.knowsSegments ? tagOf(vantage.siteOf[exporter] ?? 0, vlan[row]!, vni[row]!) : 0;
  }

  /** The VRF that the exporter's number means, with VRF_BIT; 0 where nothing is known of it. */
  function rowVrf({ exporter, vrf }: FlowColumns, row: number): number {
    if (!vantage.knowsVrfs || vrf[row] === 0) return 0;
    for (let i = 0; i < 4; i++) vrfKey[i] = exporter[4 * row + i]!;
    vrfKey[4] = vrf[row]!;
    const found = vantage.vrfs.find(vrfKey, 0);
    return found <= 0 ? 0 : (VRF_BIT | found) >>> 0;
  }

  /** What is behind the port, where the MAC has several owners. */
  function rowPort(mac: Uint32Array, row: number, exporter: number, ifIndex: number): number {
    if (!topology.sharesMacs || !vantage.knowsPorts || topology.macOwners(mac, 2 * row).length < 2) return 0;
    port[0] = exporter;
    port[1] = ifIndex;
    return Math.max(0, vantage.behindPort.find(port, 0));
  }

  /** Puts the station that a record names in the place of the end that it is. */
  function useStations(
    columns: FlowColumns,
    from: number,
    to: number,
    exporterOf: Uint32Array,
    src: Uint32Array,
    dst: Uint32Array,
  ): void {
    const { stationId, direction, srcAddr, dstAddr } = columns;
    for (let row = from; row < to; row++) {
      const at = 4 * row;
      if ((stationId[at]! | stationId[at + 1]! | stationId[at + 2]! | stationId[at + 3]!) === 0) continue;
      const named = topology.byStation.find(stationId, at);
      if (named < 0) continue;
      station[0] = named;
      station[1] = STATION_MARK;
      // The interface towards a station is an ingress for what it sends and an egress for what it gets.
      const tag = rowTag(columns, row, exporterOf[row]!);
      const vrf = rowVrf(columns, row);
      if (direction[row] === DIRECTION.egress) dst[row] = entryAt(dstAddr, at, station, 0, tag, vrf);
      else {
        const sender = entryAt(srcAddr, at, station, 0, tag, vrf);
        const isReceiver =
          direction[row] === DIRECTION.unknown &&
          entries[dst[row]! + ENTRY.vm] === entries[sender + ENTRY.vm] &&
          entries[dst[row]! + ENTRY.vm + 1] === entries[sender + ENTRY.vm + 1];
        if (!isReceiver) src[row] = sender;
      }
    }
  }

  function entryAt(
    address: Uint32Array,
    at: number,
    mac: Uint32Array,
    macAt: number,
    tag: number,
    extra: number,
  ): number {
    key[0] = address[at]!;
    key[1] = address[at + 1]!;
    key[2] = address[at + 2]!;
    key[3] = address[at + 3]!;
    key[4] = mac[macAt]!;
    key[5] = mac[macAt + 1]!;
    key[KEY.tag] = tag;
    key[KEY.extra] = extra;
    const found = cache.find(key, 0);
    if (found >= 0) return found;
    const built = build();
    cache.insert(key, 0, built);
    return built;
  }
}
