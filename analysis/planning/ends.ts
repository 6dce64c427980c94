// Where the ends of a pair hang on the network, and what their packets do: stay inside a host, take a path of links, or
// it is not known. Which frames need not leave a host follows the election (enricher/election/election-rule.ts).

import type { Merged } from '../../inventory/model/merge.ts';
import { vswitchOf } from '../../inventory/model/topology.ts';
import type { InventoryHost, InventoryVm } from '../../schemas/inventory.ts';
import type { UnplacedReason } from '../../schemas/planning.ts';
import { type Network, type Path, STAYS } from './network.ts';

interface Nic {
  /** Number of the way it hangs on the network, -1 unknown. */
  readonly hang: number;
  /** The bridge component that it is at, '' none; frames of one component need not leave the host. */
  readonly component: string;
  readonly segment: string;
  /** Frames for a neighbour go to the switch, which turns them back. */
  readonly turnsBack: boolean;
  /** Its vSwitch routes between segments. */
  readonly routes: boolean;
  readonly vswitch: string;
}

export interface End {
  readonly nics: readonly Nic[];
  /** Of all its NICs; -1 where `reason` says why there is none. */
  readonly hang: number;
  readonly reason?: UnplacedReason;
  readonly isOutside: boolean;
  /** '' unknown. */
  readonly host: string;
  readonly rack: string;
  readonly site: string;
}

/** A path, which has no links where packets stay inside a host, or why there is none. */
export type Route = Path | UnplacedReason;

export function routeOf(network: Network, src: End, dst: End): Route {
  const decided = decidedBy(src, dst);
  if (decided === 'stays') return STAYS;
  return decided ?? network.path(src.hang, dst.hang) ?? 'no-path';
}

/** Calls `visit` with each link of the route and its share; not at all where there is none. */
export function visitRoute(network: Network, src: End, dst: End, visit: (link: number, share: number) => void): void {
  if (decidedBy(src, dst) === undefined) network.visit(src.hang, dst.hang, visit);
}

/** Links that a packet takes on the mean, 0 where it stays inside a host; undefined where that is not known. */
export function hopsOf(network: Network, src: End, dst: End): number | undefined {
  const decided = decidedBy(src, dst);
  if (decided === 'stays') return 0;
  return decided === undefined ? network.hops(src.hang, dst.hang) : undefined;
}

/** What the two ends alone say of a route; undefined: the network decides. */
function decidedBy(src: End, dst: End): 'stays' | UnplacedReason | undefined {
  const inside = insideOf(src, dst);
  if (inside === 'stays') return inside;
  return inside === 'both' ? 'several-attachments' : (src.reason ?? dst.reason);
}

/** Of a pair on one component: whether its frames stay there, are turned back by the switch, or each by another vNIC. */
export function insideOf(src: End, dst: End): 'stays' | 'turns-back' | 'both' | undefined {
  // A component is of one host.
  if (src.host !== dst.host) return undefined;
  let found: 'stays' | 'turns-back' | undefined;
  for (const a of src.nics) {
    for (const b of dst.nics) {
      if (a.component === '' || a.component !== b.component) continue;
      if (a.segment !== b.segment && !(a.routes && b.routes)) continue;
      const own = a.turnsBack && b.turnsBack ? 'turns-back' : 'stays';
      if (found !== undefined && found !== own) return 'both';
      found = own;
    }
  }
  return found;
}

/** As the enricher decides it (enricher/stages/locality.ts). */
export function localityOf(src: End, dst: End): string {
  if (src.isOutside || dst.isOutside) return 'external';
  if (src.nics.some(a => a.vswitch !== '' && dst.nics.some(b => a.vswitch === b.vswitch))) return 'same-vswitch';
  if (src.host !== '' && src.host === dst.host) return 'same-host';
  if (src.rack !== '' && src.rack === dst.rack) return 'same-rack';
  const areApart = (a: string, b: string) => a !== '' && b !== '' && a !== b;
  if (areApart(src.site, dst.site)) return 'cross-site';
  return areApart(src.rack, dst.rack) ? 'cross-rack' : 'unknown';
}

const NOWHERE = { nics: [], hang: -1, isOutside: false, host: '', rack: '', site: '' } as const;

export function unknownEnd(reason: UnplacedReason): End {
  return { ...NOWHERE, reason };
}

/** Ends of one state of the inventory. */
export class Ends {
  readonly #network: Network;
  readonly #segments: ReadonlyMap<string, { readonly at: number; readonly entry: Merged['segments'][number] }>;
  readonly #siteOfRack: ReadonlyMap<string, string>;
  readonly #vms = new Map<InventoryVm, Map<InventoryHost, End>>();
  readonly #hosts = new Map<InventoryHost, End>();
  readonly #hangs = new Map<InventoryHost, Map<number, number>>();
  readonly outside: End;

  constructor(network: Network, { segments, racks }: Pick<Merged, 'segments' | 'racks'>) {
    this.#network = network;
    this.#segments = new Map(segments.map((entry, at) => [entry.id, { at: at + 1, entry }]));
    this.#siteOfRack = new Map(racks.map(({ id, site }) => [id, site ?? '']));
    this.outside =
      network.outside < 0
        ? { ...NOWHERE, isOutside: true, reason: 'no-external-port' }
        : { ...NOWHERE, isOutside: true, hang: network.outside };
  }

  /** A VM as it is, or would be, on a host. */
  vmOn(vm: InventoryVm, host: InventoryHost): End {
    const byHost = this.#vms.get(vm) ?? new Map<InventoryHost, End>();
    this.#vms.set(vm, byHost);
    const known = byHost.get(host) ?? this.#placeVm(vm, host);
    byHost.set(host, known);
    return known;
  }

  /** A host itself: its vmkernel NICs and management. The inventory does not say on which vSwitch they are. */
  host(host: InventoryHost): End {
    const known = this.#hosts.get(host) ?? this.#placeHost(host);
    this.#hosts.set(host, known);
    return known;
  }

  endpoint({ id, rack, switch: switchId, ifIndex }: Merged['endpoints'][number]): End {
    const port = switchId === undefined || ifIndex === undefined ? undefined : { switchId, ifIndex };
    const hang = port ? this.#network.hangAtPort(id, port) : -1;
    const at = { ...NOWHERE, hang, ...this.#placeOf(rack) };
    return hang < 0 ? { ...at, reason: 'not-cabled' } : at;
  }

  #placeOf(rack: string | undefined): Pick<End, 'rack' | 'site'> {
    const known = rack !== undefined && this.#siteOfRack.has(rack) ? rack : '';
    return { rack: known, site: this.#siteOfRack.get(known) ?? '' };
  }

  #placeVm(vm: InventoryVm, host: InventoryHost): End {
    const nics = vm.vnics.length > 0 ? vm.vnics.map(vnic => this.#nicOf(vnic, host)) : [this.#nicOf({}, host)];
    const { rack, site } = this.#placeOf(host.rack);
    const segmentSite = vm.vnics.map(({ segment }) => this.#segments.get(segment ?? '')?.entry.site ?? '')[0] ?? '';
    return {
      ...NOWHERE,
      nics,
      host: host.id,
      rack,
      site: site || segmentSite,
      ...hangOfAll(nics.map(({ hang }) => hang)),
    };
  }

  #nicOf(vnic: Partial<InventoryVm['vnics'][number]>, host: InventoryHost): Nic {
    const at = vswitchOf(host, vnic.vswitch);
    const vswitch = host.vswitches[at];
    const channel = vnic.sVlan === undefined ? undefined : vswitch?.channels.find(({ svid }) => svid === vnic.sVlan);
    const hasOwnPort = vnic.ecid !== undefined || (vnic.ifIndex !== undefined && !vswitch?.exporter);
    const switching = hasOwnPort ? 'vsi' : (channel ?? vswitch)?.switching;
    return {
      hang: this.#hangOf(host, at),
      component: vswitch === undefined ? '' : `${at} ${channel?.svid ?? ''} ${host.id}`,
      segment: this.#segmentOf(vnic, vswitch),
      turnsBack: switching !== undefined && switching !== 'veb',
      routes: vswitch?.distributedRouting === true,
      vswitch: vswitch === undefined ? '' : `${at} ${host.id}`,
    };
  }

  /** Of the vSwitch at a position of the host, all pNICs without one. */
  #hangOf(host: InventoryHost, vswitch: number): number {
    const byVswitch = this.#hangs.get(host) ?? new Map<number, number>();
    this.#hangs.set(host, byVswitch);
    const hang = byVswitch.get(vswitch) ?? this.#network.hangOfHost(host, host.vswitches[vswitch]?.uplinks);
    byVswitch.set(vswitch, hang);
    return hang;
  }

  /** What frames of one broadcast domain have in common: the VLAN, else the VNI, else the segment's id. */
  #segmentOf(
    { segment, portGroup }: Partial<InventoryVm['vnics'][number]>,
    vswitch: InventoryHost['vswitches'][number] | undefined,
  ): string {
    const group = portGroup === undefined ? undefined : vswitch?.portGroups.find(({ id }) => id === portGroup);
    const found = this.#segments.get(segment ?? group?.segment ?? '');
    const vlan = group?.vlan ?? found?.entry.vlan ?? 0;
    if (vlan !== 0) return `vlan ${vlan}`;
    return found?.entry.vni ? `vni ${found.entry.vni}` : `segment ${found?.at ?? 0}`;
  }

  #placeHost(host: InventoryHost): End {
    const vswitches = host.vswitches.length > 0 ? host.vswitches.keys() : [-1];
    const hangs = [...vswitches].map(at => this.#hangOf(host, at));
    return { ...NOWHERE, host: host.id, ...this.#placeOf(host.rack), ...hangOfAll(hangs) };
  }
}

function hangOfAll(hangs: readonly number[]): Pick<End, 'hang' | 'reason'> {
  const [first = -1, ...others] = new Set(hangs);
  if (others.length > 0) return { hang: -1, reason: 'several-attachments' };
  return first < 0 ? { hang: -1, reason: 'not-cabled' } : { hang: first };
}
