// Who an end of a record is, by what is known best (docs/COUNTING.md, "Identity"): the id of a station that the record
// reports; access port and MAC; segment and MAC; a MAC that one machine alone has; segment and address; VRF and address; an
// address that one owner alone has. A MAC or a station decides only where no other known owner has the record's address,
// or a VM that routes, filters or balances would be blamed for all that it passes on.

import { addressClassOf } from '../../inventory/applications/auto-nodes.ts';
import type { PrefixTable } from '../../inventory/lookup/prefix-table.ts';
import { OWNER_BIT } from '../../inventory/model/exporter-context.ts';
import { isVaried, LISTS, OWNER_KIND, type Topology } from '../../inventory/model/topology.ts';
import { IN_BAND } from '../../inventory/sources/stations.ts';
import { isMapped4, type Words } from '../../schemas/address.ts';
import { IDENTITY } from '../../schemas/codes.ts';

export const NO_OWNER = -1;

/** What a record reports of one of its ends. */
export interface Evidence {
  /** In host order; undefined when it has none. */
  readonly address: Uint32Array | undefined;
  /** The owner that a station id names, or NO_OWNER. */
  readonly station: number;
  /** Owners of its MAC. */
  readonly macs: readonly number[];
  /** Segment and site; see tagOf. */
  readonly tag: number;
  /** What is behind the port it came by (exporter-context.ts), 0 unknown. */
  readonly port: number;
  /** Position of its VRF, 0 unknown. */
  readonly vrf: number;
}

export interface Identified {
  /** NO_OWNER when nobody known. */
  readonly owner: number;
  /** Code of IDENTITIES. */
  readonly identity: number;
  /** The owner of the MAC where that is another machine, which passes on what this end sent; else NO_OWNER. */
  readonly forwarder: number;
}

const VNI_BIT = 0x80000000;
const VLAN_BITS = 12;

/** A word that says what segment and site a record names: a VNI holds everywhere, a VLAN within its site. */
export function tagOf(site: number, vlan: number, vni: number): number {
  return vni !== 0 ? (VNI_BIT | vni) >>> 0 : (site << VLAN_BITS) | (vlan & 0xfff);
}

const siteOfTag = (tag: number) => (tag >= VNI_BIT ? 0 : tag >>> VLAN_BITS);
const vlanOfTag = (tag: number) => (tag >= VNI_BIT ? 0 : tag & 0xfff);

interface Named {
  readonly owner: number;
  readonly identity: number;
}

export class Identifier {
  readonly #topology: Topology;
  readonly #internal: PrefixTable;

  constructor(topology: Topology, internal: PrefixTable) {
    this.#topology = topology;
    this.#internal = internal;
  }

  identify(evidence: Evidence): Identified {
    const { address, station } = evidence;
    const owners = address ? this.#topology.ownersOf(address) : [];
    const named = station >= 0 ? { owner: station, identity: IDENTITY.station } : this.#byMac(evidence);
    if (named.owner >= 0) {
      const own = owners.find(owner => this.#isSame(owner, named.owner));
      // A MAC names the vNIC; a station names its machine, whose address then names the vNIC.
      if (own !== undefined)
        return { owner: station >= 0 ? own : named.owner, identity: named.identity, forwarder: NO_OWNER };
      if (owners.length === 0) {
        if (address && this.#forwards(named.owner, wordsOf(address)))
          return { owner: NO_OWNER, identity: IDENTITY.none, forwarder: named.owner };
        return { ...named, forwarder: NO_OWNER };
      }
    }
    const addressed = this.#byAddress(owners, evidence);
    if (owners.length === 0 && named.identity === IDENTITY.ambiguous) return { ...named, forwarder: NO_OWNER };
    return { ...addressed, forwarder: station >= 0 ? NO_OWNER : named.owner };
  }

  #byMac({ macs, tag, port }: Evidence): Named {
    if (macs.length === 0) return { owner: NO_OWNER, identity: IDENTITY.none };
    const atPort = this.#oneOf(macs.filter(owner => this.#isBehind(owner, port)));
    if (atPort >= 0) return { owner: atPort, identity: IDENTITY['port-mac'] };
    const within = this.#oneOf(macs.filter(owner => this.#isInSegment(owner, tag)));
    if (within >= 0) return { owner: within, identity: IDENTITY['segment-mac'] };
    const alone = this.#oneOf(macs);
    if (alone < 0) return { owner: NO_OWNER, identity: IDENTITY.ambiguous };
    const isInBand = this.#topology.sources[this.#topology.source[alone]!]?.name === IN_BAND;
    return { owner: alone, identity: isInBand ? IDENTITY['in-band'] : IDENTITY.mac };
  }

  #byAddress(owners: readonly number[], { tag, vrf }: Evidence): Named {
    const topology = this.#topology;
    if (owners.length === 0) return { owner: NO_OWNER, identity: IDENTITY.none };
    const within = this.#oneOf(owners.filter(owner => this.#isInSegment(owner, tag)));
    if (within >= 0) return { owner: within, identity: IDENTITY['segment-address'] };
    const routed = vrf === 0 ? NO_OWNER : this.#oneOf(owners.filter(owner => topology.vrf[owner] === vrf));
    if (routed >= 0) return { owner: routed, identity: IDENTITY['vrf-address'] };
    const alone = this.#oneOf(owners);
    if (alone >= 0) return { owner: alone, identity: IDENTITY.address };
    // Of subnets that two sites use, the exporter's site has the one it sees.
    const site = siteOfTag(tag);
    const near = site === 0 ? NO_OWNER : this.#oneOf(owners.filter(owner => topology.site[owner] === site));
    if (near >= 0) return { owner: near, identity: IDENTITY.address };
    return { owner: NO_OWNER, identity: IDENTITY.ambiguous };
  }

  /**
   * A machine whose addresses are listed does not send from one outside: it forwards it. IPv6 addresses come and go,
   * so what is in a known segment is taken for its own.
   */
  #forwards(owner: number, address: Words): boolean {
    const topology = this.#topology;
    return (
      topology.kind[owner] === OWNER_KIND.vm &&
      (topology.listsAddresses[owner]! & (isMapped4(address) ? LISTS.ipv4 : LISTS.ipv6)) !== 0 &&
      addressClassOf(address) === 'unicast' &&
      this.#internal.longest(address) < 0 &&
      topology.segments.longest(address) < 0
    );
  }

  /** The machine that all of these are, or NO_OWNER. */
  #oneOf(owners: readonly number[]): number {
    const [first] = owners;
    return first !== undefined && owners.every(owner => this.#isSame(owner, first)) ? first : NO_OWNER;
  }

  #isSame(a: number, b: number): boolean {
    const { kind, entity } = this.#topology;
    return kind[a] === kind[b] && entity[a] === entity[b];
  }

  #isInSegment(owner: number, tag: number): boolean {
    const { vni, vlan } = this.#topology;
    if (tag >= VNI_BIT) return vni[owner] === tag - VNI_BIT && vni[owner] !== 0;
    return vlanOfTag(tag) !== 0 && vlan[owner] === vlanOfTag(tag) && this.#isAtSite(owner, siteOfTag(tag));
  }

  /** A site that nobody stated is any site. */
  #isAtSite(owner: number, at: number): boolean {
    const { site } = this.#topology;
    return at === 0 || site[owner] === 0 || site[owner] === at;
  }

  #isBehind(owner: number, port: number): boolean {
    if (port === 0) return false;
    return port === (OWNER_BIT | owner) || (port < OWNER_BIT && port === this.#topology.host[owner]);
  }
}

/** The segment by whose prefix an address is known, nearest to where it was seen: a position, or 0. */
export function segmentOf(topology: Topology, address: Words, tag: number): number {
  const found = topology.segments.byPrefix(address);
  if (found.length === 0) return 0;
  if (found.length === 1 && found[0]!.length === 1) return found[0]![0]!;
  const all = found.flat();
  return seenIn(topology, found, tag)[0] ?? all.find(position => topology.segmentSites[position - 1] === 0) ?? all[0]!;
}

/** The same, and 0 where several may be meant: what is stored of a record is no guess. */
export function certainSegmentOf(topology: Topology, address: Words, tag: number): number {
  const found = topology.segments.byPrefix(address);
  const [longest] = found;
  if (!longest) return 0;
  const near = seenIn(topology, found, tag);
  const meant = near.length > 0 ? near : longest;
  return meant.length === 1 ? meant[0]! : 0;
}

/**
 * The same where several sites, or several VNIs, use the address and the record reports which of them it is; 0 where one alone
 * has it, or nobody knows.
 */
export function distinctSegmentOf(topology: Topology, address: Words, tag: number): number {
  // A subnet inside a prefix of another site, such as the summary of a router, is of one site all the same.
  const [longest = []] = topology.segments.byPrefix(address);
  const varies = (values: Uint32Array) => isVaried(longest.map(position => values[position - 1]!));
  if (!varies(topology.segmentSites) && !varies(topology.segmentVnis)) return 0;
  const [segment, another] = seenIn(topology, [longest], tag);
  return segment === undefined || another !== undefined ? 0 : segment;
}

/**
 * The segments of the longest prefix that the record's VNI has, or else the exporter's site; of several at one site those of
 * the record's VLAN, if any is. A VLAN alone is no evidence for a shorter prefix: a routed record has that of one end.
 */
function seenIn(topology: Topology, found: readonly (readonly number[])[], tag: number): readonly number[] {
  const { segmentSites, segmentVnis, segmentVlans } = topology;
  const [site, vlan] = [siteOfTag(tag), vlanOfTag(tag)];
  const isNear = (position: number) =>
    tag >= VNI_BIT ? segmentVnis[position - 1] === tag - VNI_BIT : site !== 0 && segmentSites[position - 1] === site;
  for (const segments of found) {
    const near = segments.filter(isNear);
    if (near.length === 0) continue;
    const within = near.filter(position => vlan !== 0 && segmentVlans[position - 1] === vlan);
    return within.length > 0 ? within : near;
  }
  return [];
}

function wordsOf(address: Uint32Array): Words {
  return [address[0]!, address[1]!, address[2]!, address[3]!];
}
