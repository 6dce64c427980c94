// From (address, MAC, and where it was seen) to an endpoint: who it is, where it stands, which applications it may belong to
// and what it is called otherwise. The slow way (owners, globs, prefixes, hashes) is taken once per distinct key; its result
// is kept as an entry of a bounded table (endpoint-table.ts). Who it is: identity.ts.

import type { Subject } from '../../inventory/applications/applications.ts';
import {
  type AutoNode,
  addressClassOf,
  autoEndpointNode,
  autoPrefixNode,
  autoVmkernelNode,
  autoVmNode,
  EXPLICIT,
} from '../../inventory/applications/auto-nodes.ts';
import { OWNER_KIND, type OwnerText } from '../../inventory/model/topology.ts';
import type { Snapshot } from '../../inventory/snapshot/snapshot.ts';
import { swap32, type Words } from '../../schemas/address.ts';
import { DIRECTION, IDENTITY } from '../../schemas/codes.ts';
import type { FlowColumns } from '../../schemas/flow.ts';
import { hashedKey, type Key, NO_KEY } from '../../schemas/keys.ts';
import { stemOf } from '../../schemas/stem.ts';
import { passedBits } from '../election/election-rule.ts';
import {
  autoRuleIn,
  BLOCK_ROWS,
  createEndpointTable,
  ENTRIES_MAX,
  ENTRY,
  ENTRY_FLAGS,
  identityWord,
  KEY_WORDS,
} from '../entries/endpoint-table.ts';
import { createIdentifier, distinctSegmentOf, NO_OWNER, segmentOf, tagOf } from './identity.ts';
import { createPlaces } from './locations.ts';
import type { NodeNames } from './node-names.ts';

export const ENDPOINTS_MAX = ENTRIES_MAX;

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
  /** Offset of the place of a host (position from 1), -1 when the inventory does not have it. */
  placeOfHost(position: number): number;
  /** These two grow while rows are resolved: read them again for each block. */
  readonly entries: Uint32Array;
  /** PLACE.words for each place. */
  readonly places: Uint32Array;
  /** The owner that an entry stands for, NO_OWNER where it is none. */
  ownerOf(entry: number): number;
  /** Called when a record uses the automatic node of an entry for the first time, so that only nodes in use get names. */
  useAuto(entry: number): void;
  /** Keys of the entries at these offsets, and of those that were made last: what is likely to be met. */
  likelyKeys(offsets: readonly Uint32Array[], rows: number): Uint32Array;
  /** Makes the entry of a key of another snapshot's, at `from` of `keys`, unless it is there. */
  know(keys: Uint32Array, from: number): void;
  /** Times the cache was full and emptied. */
  readonly resets: number;
}

/** Two for each record of the largest batch. */
const LIKELY_KEYS_MAX = 131_072;
const GROUP_BIT = 0x0100;
/** In the place of the upper MAC word: the lower one is the owner that a station id named. No MAC has so many bits. */
const STATION_MARK = 0xffffffff;
/** In `extra`: a VRF, not a port. */
const VRF_BIT = 0x80000000;

export function createEndpoints(snapshot: Snapshot, names: NodeNames, endpointsMax = ENDPOINTS_MAX): Endpoints {
  const { topology, exporterContext, applications, access } = snapshot;
  const identify = createIdentifier(topology, applications.internal);
  const table = createEndpointTable(endpointsMax, fill);
  const places = createPlaces(topology, names);
  const stationKey = new Uint32Array(KEY_WORDS);
  const port = new Uint32Array(2);
  const vrfKey = new Uint32Array(5);
  const endsPerRow = topology.knowsStations ? 3 : 2;
  const hostOrder = new Uint32Array(4);
  const tellsExtras = exporterContext.knowsVrfs || (topology.sharesMacs && exporterContext.knowsPorts);
  const tags = new Uint32Array(BLOCK_ROWS);
  const srcExtras = new Uint32Array(BLOCK_ROWS);
  const dstExtras = tellsExtras ? new Uint32Array(BLOCK_ROWS) : srcExtras;
  /** By owner, the offset of its first entry; 0 none. */
  const firstOf = new Uint32Array(topology.count);
  /** By stem. */
  const vmNodes = new Map<string, AutoNode>();
  /** By number of the entry. */
  let autos: (AutoNode | undefined)[] = [];
  let owners: number[] = [];
  let resets = 0;
  let textOwner = NO_OWNER;
  let text: OwnerText | undefined;

  /** What the key of the entry at `at` means. */
  const meaningOf = (entries: Uint32Array, at: number): Meaning => {
    const mac = at + ENTRY.mac;
    for (let i = 0; i < 4; i++) hostOrder[i] = swap32(entries[at + ENTRY.address + i]!);
    const address: Words = [hostOrder[0]!, hostOrder[1]!, hostOrder[2]!, hostOrder[3]!];
    const toGroup = (entries[mac + 1]! & GROUP_BIT) !== 0;
    const toAll = entries[mac] === 0xffffffff && entries[mac + 1] === 0xffff;
    const addressClass = addressClassOf(address);
    const none = (address[0] | address[1] | address[2] | address[3]) === 0;
    if (addressClass === 'multicast') return nobody(IDENTITY.none, EXPLICIT.multicast);
    const isStation = entries[mac + 1] === STATION_MARK;
    const extra = entries[at + ENTRY.extra]!;
    const { owner, identity, forwarder } = identify({
      address: none ? undefined : hostOrder,
      station: isStation ? entries[mac]! : NO_OWNER,
      macs: isStation ? [] : topology.macOwners(entries, mac),
      tag: entries[at + ENTRY.tag]!,
      port: (extra & VRF_BIT) === 0 ? extra : 0,
      vrf: (extra & VRF_BIT) === 0 ? 0 : extra & ~VRF_BIT,
    });
    const outside = isOutside(snapshot, address) ? ENTRY_FLAGS.outside : 0;
    if (owner >= 0) {
      const isStale = topology.sources[topology.source[owner]!]?.isStale ?? false;
      const set = applications.setOf(subjectOf(owner, none ? undefined : address));
      const passed = forwarder < 0 ? 0 : passedBits(access, topology, owner, forwarder);
      return { owner, identity: identity | outside | (isStale ? ENTRY_FLAGS.stale : 0), set, auto: undefined, passed };
    }
    if (identity === IDENTITY.ambiguous) return nobody(identity | outside, EXPLICIT.ambiguous);
    if (toAll || (toGroup && none)) return nobody(identity, EXPLICIT.multicast);
    if (addressClass === 'infrastructure') return nobody(identity, EXPLICIT.infrastructure);
    const tag = entries[at + ENTRY.tag]!;
    const segment = topology.segmentIds[segmentOf(topology, address, tag) - 1];
    const set = applications.setOf({ address, ...(segment !== undefined && { segment }) });
    if (applications.internal.longest(address) < 0) return nobody(identity | outside, EXPLICIT.external, set);
    const own = topology.segmentIds[distinctSegmentOf(topology, address, tag) - 1];
    return nobody(identity | outside, autoPrefixNode(address, own), set);
  };

  /** Of the owner at hand, which is asked for several times: read once. */
  const textOf = (owner: number): OwnerText => {
    if (owner !== textOwner) {
      text = topology.textOf(owner);
      textOwner = owner;
    }
    return text!;
  };

  const subjectOf = (owner: number, address: Words | undefined): Subject => {
    const at =
      topology.segment[owner]! || (address ? segmentOf(topology, address, tagOf(topology.site[owner]!, 0, 0)) : 0);
    const segment = topology.segmentIds[at - 1];
    const shared = { ...(segment !== undefined && { segment }), ...(address && { address }) };
    if (topology.kind[owner] === OWNER_KIND.vmkernel) return shared;
    const { name, tags, folder, mac, portGroups, isVia } = textOf(owner);
    const own = { ...shared, name, ...(mac !== undefined && { mac }) };
    if (topology.kind[owner] === OWNER_KIND.endpoint) return { ...own, isVia: isVia ?? false };
    return { ...own, tags: tags ?? [], portGroups: portGroups ?? [], ...(folder !== undefined && { folder }) };
  };

  const autoOf = (owner: number): AutoNode => {
    const { name, purpose } = textOf(owner);
    if (topology.kind[owner] === OWNER_KIND.vm) return vmNodeOf(stemOf(name));
    if (topology.kind[owner] === OWNER_KIND.endpoint) return autoEndpointNode(name);
    return autoVmkernelNode(purpose);
  };

  /** Shared by many VMs and hashed once. */
  const vmNodeOf = (stem: string): AutoNode => {
    let node = vmNodes.get(stem);
    if (!node) {
      node = autoVmNode(stem);
      vmNodes.set(stem, node);
    }
    return node;
  };

  /** Completes the entry at `at`, whose key is written. */
  function fill(entries: Uint32Array, at: number): void {
    const { owner, identity, set, auto, passed } = meaningOf(entries, at);
    const number = at / ENTRY.words;
    owners[number] = owner;
    const first = owner < 0 ? 0 : firstOf[owner]!;
    if (first === 0) {
      const node = auto ?? autoOf(owner);
      const vm = vmKeyOf(owner);
      entries[at + ENTRY.vm] = vm.low;
      entries[at + ENTRY.vm + 1] = vm.high;
      entries[at + ENTRY.auto] = node.key.low;
      entries[at + ENTRY.auto + 1] = node.key.high;
      entries[at + ENTRY.place] = places.ofOwner(owner);
      entries[at + ENTRY.identity] = identityWord(identity, node.rule);
      autos[number] = node;
      if (owner >= 0) firstOf[owner] = at;
    } else {
      // What is the owner's is that of its first entry.
      for (let word = ENTRY.vm; word <= ENTRY.place; word++) entries[at + word] = entries[first + word]!;
      entries[at + ENTRY.identity] = identityWord(identity, autoRuleIn(entries[first + ENTRY.identity]!));
      autos[number] = autos[first / ENTRY.words];
    }
    entries[at + ENTRY.set] = set;
    entries[at + ENTRY.access] = owner < 0 ? 0 : (access.idOf[owner]! | passed) >>> 0;
  }

  /** Key of the owner's VM or other endpoint, whose name is announced. */
  const vmKeyOf = (owner: number): Key => {
    if (owner < 0 || topology.kind[owner] === OWNER_KIND.vmkernel) return NO_KEY;
    const { identity, name } = textOf(owner);
    const key = hashedKey(topology.kind[owner] === OWNER_KIND.vm ? 'vm' : 'endpoint', identity);
    names.announce(key, name, identity);
    return key;
  };

  return {
    resolve(columns, from, to, exporterOf, src, dst) {
      // Emptied between calls only, so that offsets handed out stay good for all rows of one.
      if (table.size > 0 && table.size + endsPerRow * (to - from) > endpointsMax) {
        table.clear();
        places.clear();
        firstOf.fill(0);
        vmNodes.clear();
        autos = [];
        owners = [];
        resets++;
      }
      const { srcAddr, dstAddr, srcMac, dstMac } = columns;
      const senders = { address: srcAddr, mac: srcMac, tags, extras: srcExtras };
      const receivers = { address: dstAddr, mac: dstMac, tags, extras: dstExtras };
      for (let block = from; block < to; block += BLOCK_ROWS) {
        const end = Math.min(to, block + BLOCK_ROWS);
        if (topology.knowsSegments) fillTags(columns, block, end, exporterOf);
        if (tellsExtras) fillExtras(columns, block, end, exporterOf);
        table.resolve(senders, block, end, src);
        table.resolve(receivers, block, end, dst);
      }
      if (topology.knowsStations) useStations(columns, from, to, exporterOf, src, dst);
    },
    placeOfHost: places.ofHost,
    get entries() {
      return table.entries;
    },
    get places() {
      return places.words;
    },
    ownerOf: entry => owners[entry / ENTRY.words] ?? NO_OWNER,
    useAuto(entry) {
      const at = entry / ENTRY.words;
      const auto = autos[at];
      if (!auto) return;
      names.announce(auto.key, auto.name, auto.name);
      autos[at] = undefined;
    },
    likelyKeys: (offsets, rows) => table.keys(offsets, rows, LIKELY_KEYS_MAX),
    know(keys, from) {
      // A station is an owner's number, which is another's here. Sites, ports and VRFs are numbers too: where those changed, the
      // entry is one that nothing asks for.
      if (keys[from + ENTRY.mac + 1] !== STATION_MARK) table.at(keys, from);
    },
    get resets() {
      return resets;
    },
  };

  function fillTags({ vlan, vni }: FlowColumns, from: number, to: number, exporterOf: Uint32Array): void {
    const { siteOf } = exporterContext;
    for (let row = from; row < to; row++) tags[row - from] = tagOf(siteOf[exporterOf[row]!]!, vlan[row]!, vni[row]!);
  }

  function fillExtras(columns: FlowColumns, from: number, to: number, exporterOf: Uint32Array): void {
    const { srcMac, dstMac, inIf, outIf } = columns;
    for (let row = from; row < to; row++) {
      const vrf = rowVrf(columns, row);
      srcExtras[row - from] = vrf || rowPort(srcMac, row, exporterOf[row]!, inIf[row]!);
      dstExtras[row - from] = vrf || rowPort(dstMac, row, exporterOf[row]!, outIf[row]!);
    }
  }

  /** Segment and site as far as the record tells them and the inventory knows any. */
  function rowTag({ vlan, vni }: FlowColumns, row: number, exporter: number): number {
    return topology.knowsSegments ? tagOf(exporterContext.siteOf[exporter]!, vlan[row]!, vni[row]!) : 0;
  }

  /** The VRF that the exporter's number means, with VRF_BIT; 0 where nothing is known of it. */
  function rowVrf({ exporter, vrf }: FlowColumns, row: number): number {
    if (!exporterContext.knowsVrfs || vrf[row] === 0) return 0;
    for (let i = 0; i < 4; i++) vrfKey[i] = exporter[4 * row + i]!;
    vrfKey[4] = vrf[row]!;
    const found = exporterContext.vrfs.find(vrfKey, 0);
    return found <= 0 ? 0 : (VRF_BIT | found) >>> 0;
  }

  /** What is behind the port, where the MAC has several owners. */
  function rowPort(mac: Uint32Array, row: number, exporter: number, ifIndex: number): number {
    if (!topology.sharesMacs || !exporterContext.knowsPorts || !topology.isSharedMac(mac, 2 * row)) return 0;
    port[0] = exporter;
    port[1] = ifIndex;
    return Math.max(0, exporterContext.behindPort.find(port, 0));
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
      // The interface towards a station is an ingress for what it sends and an egress for what it gets.
      const tag = rowTag(columns, row, exporterOf[row]!);
      const vrf = rowVrf(columns, row);
      if (direction[row] === DIRECTION.egress) dst[row] = stationEntry(named, dstAddr, at, tag, vrf);
      else {
        const sender = stationEntry(named, srcAddr, at, tag, vrf);
        const { entries } = table;
        const isReceiver =
          direction[row] === DIRECTION.unknown &&
          entries[dst[row]! + ENTRY.vm] === entries[sender + ENTRY.vm] &&
          entries[dst[row]! + ENTRY.vm + 1] === entries[sender + ENTRY.vm + 1];
        if (!isReceiver) src[row] = sender;
      }
    }
  }

  function stationEntry(named: number, address: Uint32Array, at: number, tag: number, vrf: number): number {
    for (let i = 0; i < 4; i++) stationKey[ENTRY.address + i] = address[at + i]!;
    stationKey[ENTRY.mac] = named;
    stationKey[ENTRY.mac + 1] = STATION_MARK;
    stationKey[ENTRY.tag] = tag;
    stationKey[ENTRY.extra] = vrf;
    return table.at(stationKey);
  }
}

/** What was found out of an end. */
interface Meaning {
  /** NO_OWNER when nobody known. */
  readonly owner: number;
  /** With the bits of ENTRY_FLAGS. */
  readonly identity: number;
  readonly set: number;
  /** The automatic node, where it does not follow from the owner. */
  readonly auto: AutoNode | undefined;
  readonly passed: number;
}

function nobody(identity: number, auto: AutoNode, set = 0): Meaning {
  return { owner: NO_OWNER, identity, set, auto, passed: 0 };
}
