// Links that carry a segment, a port group or a VLAN: access links of the hosts that have it, ports of endpoints in it, and the
// links between switches on the paths between these; with the bytes of it that took each, and when last. A packet is in a segment
// on the access link of an end that is in it. Between switches it may be, where one end is: that counts, since a link that
// carries it must not be taken for idle.

import type { Merged } from '../../inventory/model/merge.ts';
import type { InventoryHost } from '../../schemas/inventory.ts';
import type { Carrier, CarriersReport, CarriersRequest, Placed, SegmentPairRow } from '../../schemas/planning.ts';
import type { NetworkLink } from './network.ts';
import { keyText, type PairEnds } from './pair-ends.ts';

/** Ways to hang on the network between which paths are looked for. */
const GROUPS_MAX = 200;

interface Carried extends Omit<Carrier, 'from' | 'to'> {
  readonly link: NetworkLink;
  isConfigured: boolean;
  bytes: number;
  lastS: number;
}

export function carriersOf(
  request: CarriersRequest,
  rows: readonly SegmentPairRow[],
  ends: readonly (PairEnds | undefined)[],
  placed: Placed,
): CarriersReport {
  const carried = new Map<string, Carried>();
  const newest = ends.at(-1);
  const { attached, allPaths } = newest ? configure(request, newest, carried) : { attached: 0, allPaths: true };
  for (const row of rows) {
    const own = ends[row.slice];
    const route = own?.route(row);
    if (own === undefined || route === undefined || typeof route === 'string') continue;
    route.links.forEach((number, i) => {
      const link = own.network.links[number >> 1]!;
      if (isIn(link, number & 1, row)) carry(carriedOf(carried, link), row, route.shares[i]!);
    });
  }
  const sorted = [...carried.values()].sort(
    (a, b) => Number(b.isConfigured) - Number(a.isConfigured) || a.bytes - b.bytes || (a.name < b.name ? -1 : 1),
  );
  return {
    ...placed,
    links: sorted.slice(0, request.limit).map(({ link, ...one }) => ({ ...one, from: link.ends[0], to: link.ends[1] })),
    ...{ linkCount: sorted.length, attached, allPaths },
  };
}

function carriedOf(carried: Map<string, Carried>, link: NetworkLink): Carried {
  const { name, kind, speedBps } = link;
  const known = carried.get(name) ?? { link, name, kind, speedBps, isConfigured: false, bytes: 0, lastS: 0 };
  carried.set(name, known);
  return known;
}

/** The first end of what is not between switches is a host, an endpoint, the outside: whose packets these are. */
function isIn({ kind }: NetworkLink, direction: number, { srcIn, dstIn }: SegmentPairRow): boolean {
  if (kind === 'switch' || kind === 'other') return true;
  return (direction === 0 ? srcIn : dstIn) === 1;
}

function carry(carried: Carried, { bytes, lastS }: SegmentPairRow, share: number): void {
  carried.bytes += Number(bytes) * share;
  carried.lastS = Math.max(carried.lastS, lastS);
}

/** Marks the links that the newest state of the inventory has for it. */
function configure(
  request: CarriersRequest,
  { network, keys: { inventory } }: PairEnds,
  carried: Map<string, Carried>,
): Pick<CarriersReport, 'attached' | 'allPaths'> {
  const members = new Members(request, inventory);
  const hangs: number[] = [];
  let attached = 0;
  for (const host of inventory.hosts) {
    const vswitches = members.vswitchesOf(host);
    if (vswitches.length > 0) attached++;
    hangs.push(...vswitches.map(({ uplinks }) => network.hangOfHost(host, uplinks)));
  }
  for (const endpoint of inventory.endpoints) {
    const { id, switch: switchId, ifIndex } = endpoint;
    if (!members.hasSegment(endpoint.segment)) continue;
    attached++;
    if (switchId !== undefined && ifIndex !== undefined) hangs.push(network.hangAtPort(id, { switchId, ifIndex }));
  }
  const own = new Set(hangs.filter(hang => hang >= 0));
  const between = network.linksBetween([...own], GROUPS_MAX);
  const links = [...[...own].flatMap(hang => network.cablesOf(hang)), ...(between ?? [])];
  for (const number of links) carriedOf(carried, network.links[number]!).isConfigured = true;
  return { attached, allPaths: between !== undefined };
}

type VSwitch = InventoryHost['vswitches'][number];

/** What of an inventory is in the segments, port groups or VLANs of a request. */
class Members {
  readonly #by: CarriersRequest['by'];
  readonly #keys: ReadonlySet<string>;
  readonly #segments: ReadonlySet<string>;
  /** By host: vSwitches of its VMs that are in it, '' its first one. */
  readonly #ofVms: ReadonlyMap<string, ReadonlySet<string>>;

  constructor({ by, keys }: CarriersRequest, { segments, vms }: Merged) {
    this.#by = by;
    this.#keys = new Set(keys);
    const isOne = ({ id, vlan }: Merged['segments'][number]) =>
      (by === 'segment' && this.#keys.has(keyText('segment', id))) || (by === 'vlan' && this.#keys.has(String(vlan)));
    this.#segments = new Set(segments.filter(isOne).map(({ id }) => id));
    const ofVms = new Map<string, Set<string>>();
    for (const { host, vnics } of vms)
      for (const { segment, vswitch } of vnics)
        if (host !== undefined && this.hasSegment(segment))
          ofVms.set(host, (ofVms.get(host) ?? new Set<string>()).add(vswitch ?? ''));
    this.#ofVms = ofVms;
  }

  hasSegment(id: string | undefined): boolean {
    return id !== undefined && this.#segments.has(id);
  }

  vswitchesOf({ id, vswitches }: InventoryHost): readonly VSwitch[] {
    const named = this.#ofVms.get(id);
    return vswitches.filter(
      (vswitch, at) =>
        vswitch.portGroups.some(group => this.#hasGroup(group)) ||
        (named !== undefined && (named.has(vswitch.id) || (at === 0 && named.has('')))),
    );
  }

  #hasGroup({ id, segment, vlan, vlanTrunk = [] }: VSwitch['portGroups'][number]): boolean {
    if (this.#by === 'portgroup') return this.#keys.has(keyText('portGroup', id));
    if (this.hasSegment(segment)) return true;
    if (this.#by !== 'vlan') return false;
    const isTrunked = (key: string) => vlanTrunk.some(([from, to]) => Number(key) >= from && Number(key) <= to);
    return this.#keys.has(String(vlan)) || [...this.#keys].some(isTrunked);
  }
}
