// Who owns which MAC and address, and where the owner is: the inventory as typed arrays. An owner is one attachment
// (a VM's vNIC, a host's vmkernel NIC or management address, any other endpoint). Positions of places start at 1, so
// that 0 says unknown. `compileTopology` (topology-compiler.ts) runs where the documents are; what it makes holds no document, only arrays and
// texts as bytes, so that it can be handed to the thread that enriches. Names are read when an endpoint is first seen.

import { swap32 } from '../../schemas/address.ts';
import type { InventoryHost } from '../../schemas/inventory.ts';
import { type Finder, openHashTable } from '../lookup/hash-table.ts';
import { openPrefixTable, type PrefixData, type PrefixTable } from '../lookup/prefix-table.ts';
import { type StringTable, stringAt, stringsOf } from '../lookup/string-table.ts';

export const OWNER_KIND = { vm: 0, vmkernel: 1, endpoint: 2 } as const;
export const LISTS = { ipv4: 1, ipv6: 2 } as const;

/** What is reported of an owner in words: one small JSON text each. */
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
  /** Position of the source that reports it. */
  readonly source: Uint16Array;
  readonly vswitch: Uint32Array;
  readonly host: Uint32Array;
  readonly rack: Uint32Array;
  readonly site: Uint32Array;
  readonly segment: Uint32Array;
  /** Number of its place, from 1: owners of one place share everything that locations.ts reports of it. */
  readonly place: Uint32Array;
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
  readonly siteTexts: StringTable;
  readonly vswitchTexts: StringTable;
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
  siteText(position: number): PlaceText;
  /** A vSwitch is of one host: its id and its name begin with those of the host. */
  vswitchText(position: number): PlaceText;
}

const NONE: readonly number[] = [];

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
    siteText: position => JSON.parse(stringAt(data.siteTexts, position - 1)),
    vswitchText: position => JSON.parse(stringAt(data.vswitchTexts, position - 1)),
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
