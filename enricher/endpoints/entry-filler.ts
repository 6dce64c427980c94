// What the entry of a key says: who the endpoint is, where it is, which applications it may belong to and what it is called
// otherwise. This is the slow way (owners, globs, prefixes, hashes), taken once per distinct key.

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
import { OWNER_KIND, type OwnerText, type Topology } from '../../inventory/model/topology.ts';
import type { Snapshot } from '../../inventory/snapshot/snapshot.ts';
import { swap32, type Words } from '../../schemas/address.ts';
import { IDENTITY } from '../../schemas/codes.ts';
import { hashedKey, type Key, NO_KEY } from '../../schemas/keys.ts';
import { stemOf } from '../../schemas/stem.ts';
import { forwardedBits } from '../election/election-rule.ts';
import { autoRuleIn, ENTRY, ENTRY_FLAGS, identityWord } from '../entries/endpoint-table.ts';
import { certainSegmentOf, distinctSegmentOf, Identifier, NO_OWNER, segmentOf, tagOf } from './identity.ts';
import type { Locations } from './locations.ts';
import type { NodeNames } from './node-names.ts';

/** In the place of the upper MAC word: the lower one is the owner that a station id named. No MAC has so many bits. */
export const STATION_MARK = 0xffffffff;
/** In `extra`: a VRF, not a port. */
export const VRF_BIT = 0x80000000;
const GROUP_BIT = 0x0100;

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

/** What was found out of an end. */
interface Meaning {
  /** NO_OWNER when nobody known. */
  readonly owner: number;
  /** With the bits of ENTRY_FLAGS. */
  readonly identity: number;
  readonly set: number;
  /** Position of its segment, 0 unknown. */
  readonly segment: number;
  /** The automatic node, where it does not follow from the owner. */
  readonly auto: AutoNode | undefined;
  readonly forwarded: number;
}

function nobody(identity: number, auto: AutoNode, set = 0, segment = 0): Meaning {
  return { owner: NO_OWNER, identity, set, segment, auto, forwarded: 0 };
}

export class EntryFiller {
  readonly #snapshot: Snapshot;
  readonly #topology: Topology;
  readonly #identifier: Identifier;
  readonly #locations: Locations;
  readonly #names: NodeNames;
  readonly #hostOrder = new Uint32Array(4);
  /** By owner, the offset of its first entry; 0 none. */
  readonly #firstOf: Uint32Array;
  /** By stem. */
  readonly #vmNodes = new Map<string, AutoNode>();
  /** By number of the entry. */
  #autos: (AutoNode | undefined)[] = [];
  #owners: number[] = [];
  #textOwner = NO_OWNER;
  #text: OwnerText | undefined;

  constructor(snapshot: Snapshot, locations: Locations, names: NodeNames) {
    this.#snapshot = snapshot;
    this.#topology = snapshot.topology;
    this.#identifier = new Identifier(snapshot.topology, snapshot.applications.internal);
    this.#locations = locations;
    this.#names = names;
    this.#firstOf = new Uint32Array(snapshot.topology.count);
  }

  /** Completes the entry at `at`, whose key is written. */
  fill(entries: Uint32Array, at: number): void {
    const { owner, identity, set, segment, auto, forwarded } = this.#meaningOf(entries, at);
    const number = at / ENTRY.words;
    this.#owners[number] = owner;
    const first = owner < 0 ? 0 : this.#firstOf[owner]!;
    if (first === 0) {
      const node = auto ?? this.#autoOf(owner);
      const vm = this.#vmKeyOf(owner);
      entries[at + ENTRY.vm] = vm.low;
      entries[at + ENTRY.vm + 1] = vm.high;
      entries[at + ENTRY.auto] = node.key.low;
      entries[at + ENTRY.auto + 1] = node.key.high;
      entries[at + ENTRY.identity] = identityWord(identity, node.rule);
      this.#autos[number] = node;
      if (owner >= 0) this.#firstOf[owner] = at;
    } else {
      // What is the owner's is that of its first entry.
      for (let word = ENTRY.vm; word < ENTRY.location; word++) entries[at + word] = entries[first + word]!;
      entries[at + ENTRY.identity] = identityWord(identity, autoRuleIn(entries[first + ENTRY.identity]!));
      this.#autos[number] = this.#autos[first / ENTRY.words];
    }
    // An owner in no segment is in that of the address by which it is met.
    entries[at + ENTRY.location] = this.#locations.of(owner, segment);
    entries[at + ENTRY.set] = set;
    entries[at + ENTRY.access] = owner < 0 ? 0 : (this.#snapshot.access.idOf[owner]! | forwarded) >>> 0;
  }

  /** The owner that the entry at `at` is of, NO_OWNER where it has none. */
  ownerOf(at: number): number {
    return this.#owners[at / ENTRY.words] ?? NO_OWNER;
  }

  /** Announces the name of an entry's automatic node, the first time that it is used. */
  useAuto(at: number): void {
    const number = at / ENTRY.words;
    const auto = this.#autos[number];
    if (!auto) return;
    this.#names.announce(auto.key, auto.name, auto.name);
    this.#autos[number] = undefined;
  }

  clear(): void {
    this.#firstOf.fill(0);
    this.#vmNodes.clear();
    this.#autos = [];
    this.#owners = [];
  }

  /** What the key of the entry at `at` means. */
  #meaningOf(entries: Uint32Array, at: number): Meaning {
    const { access, applications } = this.#snapshot;
    const hostOrder = this.#hostOrder;
    for (let i = 0; i < 4; i++) hostOrder[i] = swap32(entries[at + ENTRY.address + i]!);
    const address: Words = [hostOrder[0]!, hostOrder[1]!, hostOrder[2]!, hostOrder[3]!];
    const addressClass = addressClassOf(address);
    if (addressClass === 'multicast') return nobody(IDENTITY.none, EXPLICIT.multicast);
    const hasAddress = (address[0] | address[1] | address[2] | address[3]) !== 0;
    const { owner, identity, forwarder } = this.#identify(entries, at, hasAddress);
    const outside = isOutside(this.#snapshot, address) ? ENTRY_FLAGS.outside : 0;
    if (owner >= 0) {
      const isStale = this.#topology.sources[this.#topology.source[owner]!]?.isStale ?? false;
      const set = applications.setOf(this.#subjectOf(owner, hasAddress ? address : undefined));
      const forwarded = forwarder < 0 ? 0 : forwardedBits(access, this.#topology, owner, forwarder);
      return {
        owner,
        identity: identity | outside | (isStale ? ENTRY_FLAGS.stale : 0),
        set,
        segment: this.#segmentAt(owner, hasAddress ? address : undefined),
        auto: undefined,
        forwarded,
      };
    }
    if (identity === IDENTITY.ambiguous) return nobody(identity | outside, EXPLICIT.ambiguous);
    if (isForMany(entries, at + ENTRY.mac, hasAddress)) return nobody(identity, EXPLICIT.multicast);
    if (addressClass === 'infrastructure') return nobody(identity, EXPLICIT.infrastructure);
    return this.#meaningOfAddress(address, entries[at + ENTRY.tag]!, identity | outside);
  }

  #identify(entries: Uint32Array, at: number, hasAddress: boolean) {
    const mac = at + ENTRY.mac;
    const isStation = entries[mac + 1] === STATION_MARK;
    const extra = entries[at + ENTRY.extra]!;
    return this.#identifier.identify({
      address: hasAddress ? this.#hostOrder : undefined,
      station: isStation ? entries[mac]! : NO_OWNER,
      macs: isStation ? [] : this.#topology.macOwners(entries, mac),
      tag: entries[at + ENTRY.tag]!,
      port: (extra & VRF_BIT) === 0 ? extra : 0,
      vrf: (extra & VRF_BIT) === 0 ? 0 : extra & ~VRF_BIT,
    });
  }

  /** Of an address that has no owner. */
  #meaningOfAddress(address: Words, tag: number, identity: number): Meaning {
    const { applications } = this.#snapshot;
    const topology = this.#topology;
    const segment = topology.segmentIds[segmentOf(topology, address, tag) - 1];
    const set = applications.setOf({ address, ...(segment !== undefined && { segment }) });
    const certain = certainSegmentOf(topology, address, tag);
    if (applications.internal.longest(address) < 0) return nobody(identity, EXPLICIT.external, set, certain);
    const own = topology.segmentIds[distinctSegmentOf(topology, address, tag) - 1];
    return nobody(identity, autoPrefixNode(address, own), set, certain);
  }

  #segmentAt(owner: number, address: Words | undefined): number {
    const { segment, site } = this.#topology;
    const own = segment[owner]!;
    return own !== 0 || !address ? own : certainSegmentOf(this.#topology, address, tagOf(site[owner]!, 0, 0));
  }

  /** Of the owner at hand, whose texts are needed several times: read once. */
  #textOf(owner: number): OwnerText {
    if (owner !== this.#textOwner) {
      this.#text = this.#topology.textOf(owner);
      this.#textOwner = owner;
    }
    return this.#text!;
  }

  #subjectOf(owner: number, address: Words | undefined): Subject {
    const { kind, segment, segmentIds, site } = this.#topology;
    const at = segment[owner]! || (address ? segmentOf(this.#topology, address, tagOf(site[owner]!, 0, 0)) : 0);
    const segmentId = segmentIds[at - 1];
    const shared = { ...(segmentId !== undefined && { segment: segmentId }), ...(address && { address }) };
    if (kind[owner] === OWNER_KIND.vmkernel) return shared;
    const { name, tags, folder, mac, portGroups, isVia } = this.#textOf(owner);
    const own = { ...shared, name, ...(mac !== undefined && { mac }) };
    if (kind[owner] === OWNER_KIND.endpoint) return { ...own, isVia: isVia ?? false };
    return { ...own, tags: tags ?? [], portGroups: portGroups ?? [], ...(folder !== undefined && { folder }) };
  }

  #autoOf(owner: number): AutoNode {
    const { name, purpose } = this.#textOf(owner);
    const kind = this.#topology.kind[owner];
    if (kind === OWNER_KIND.vm) return this.#vmNodeOf(stemOf(name));
    if (kind === OWNER_KIND.endpoint) return autoEndpointNode(name);
    return autoVmkernelNode(purpose);
  }

  /** Shared by many VMs and hashed once. */
  #vmNodeOf(stem: string): AutoNode {
    let node = this.#vmNodes.get(stem);
    if (!node) {
      node = autoVmNode(stem);
      this.#vmNodes.set(stem, node);
    }
    return node;
  }

  /** Key of the owner's VM or other endpoint, whose name is announced. */
  #vmKeyOf(owner: number): Key {
    const kind = this.#topology.kind[owner];
    if (owner < 0 || kind === OWNER_KIND.vmkernel) return NO_KEY;
    const { identity, name } = this.#textOf(owner);
    const key = hashedKey(kind === OWNER_KIND.vm ? 'vm' : 'endpoint', identity);
    this.#names.announce(key, name, identity);
    return key;
  }
}

/** Whether a frame is for all, or for a group and without an address. `mac`: offset of its two words. */
function isForMany(entries: Uint32Array, mac: number, hasAddress: boolean): boolean {
  if (entries[mac] === 0xffffffff && entries[mac + 1] === 0xffff) return true;
  return (entries[mac + 1]! & GROUP_BIT) !== 0 && !hasAddress;
}
