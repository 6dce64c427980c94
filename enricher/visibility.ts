// Which pairs of attachments some live meter sees, and which need no bridge outside their host. Attachments stand for all
// vNICs that hang on the network alike, so that pairs of VMs can be counted without walking over them.

import { formatAddress, parseAddress } from '../schemas/address.ts';
import { ELECTION_RULE } from '../schemas/codes.ts';
import type { ExporterRegistry, RegisteredExporter } from '../schemas/exporters.ts';
import { compileAccess } from './access.ts';
import { hostOf, OWNER_KIND, type Topology, vmOf, vswitchOf } from './topology.ts';

export interface PairVisibility {
  /** Code of ELECTION_RULES. */
  readonly rule: number;
  readonly covered: boolean;
  /** The frame need not leave its host. */
  readonly hostInternal: boolean;
}

export interface Visibility {
  /** Attachment number by owner, 0 for one whose place is not known. */
  readonly idOf: Uint32Array;
  /** By attachment: only those of one component, which is not 0, may be host-internal. */
  readonly componentOf: Uint32Array;
  /** What would be seen of packets from one attachment to another; 0 stands for somewhere that meters nothing. */
  pair(source: number, destination: number): PairVisibility;
}

interface Attachment {
  readonly component: number;
  readonly segment: string;
  readonly router: boolean;
  readonly turnsBack: boolean;
  readonly ingress: boolean;
  readonly exportsItself: boolean;
}

const NOWHERE: Attachment = {
  component: 0,
  segment: '',
  router: false,
  turnsBack: false,
  ingress: false,
  exportsItself: false,
};

/** `isSilent` tells which registered exporters are not heard and cover nothing. */
export function compileVisibility(
  topology: Topology,
  registry: ExporterRegistry,
  isSilent: (exporter: RegisteredExporter) => boolean,
): Visibility {
  const live = { exporters: registry.exporters.filter(exporter => !isSilent(exporter)) };
  const access = compileAccess(topology, live);
  const exports = vswitchExports(live);
  const idOf = new Uint32Array(topology.count);
  const attachments: Attachment[] = [NOWHERE];
  const numbers = new Map<string, number>();
  const components = new Map<string, number>();

  for (let owner = 0; owner < topology.count; owner++) {
    if (topology.kind[owner] !== OWNER_KIND.vm) continue;
    const host = hostOf(topology, owner);
    const vnic = vmOf(topology, owner).vnics[topology.nic[owner]!];
    if (!host || !vnic) continue;
    const vswitch = host.vswitches[vswitchOf(host, vnic.vswitch)];
    const channel = vswitch?.channels.find(entry => vnic.sVlan !== undefined && entry.svid === vnic.sVlan);
    const place = `${topology.vswitch[owner]} ${channel?.svid ?? ''}`;
    const segment = segmentOf(topology, owner);
    const ingress = access.idOf[owner]! > 0;
    const hasOwnPort = vnic.ecid !== undefined || (vnic.ifIndex !== undefined && !vswitch?.exporter);
    const name = `${place} ${segment} ${access.idOf[owner]} ${hasOwnPort}`;
    let number = numbers.get(name);
    if (number === undefined) {
      number = attachments.length;
      numbers.set(name, number);
      if (vswitch && !components.has(place)) components.set(place, components.size + 1);
      const switching = hasOwnPort ? 'vsi' : (channel ?? vswitch)?.switching;
      const relays = vswitch?.reflectiveRelay?.operational === true;
      attachments.push({
        component: vswitch ? components.get(place)! : 0,
        segment,
        router: vswitch?.distributedRouting === true,
        turnsBack: switching === 'vsi' || (switching === 'vepa' && relays),
        ingress,
        exportsItself: vswitch?.exporter !== undefined && exports(vswitch.exporter),
      });
    }
    idOf[owner] = number;
  }

  const { none, vswitch: byVswitch, relay } = ELECTION_RULE;
  return {
    idOf,
    componentOf: Uint32Array.from(attachments, attachment => attachment.component),
    pair(source, destination) {
      const s = attachments[source]!;
      const d = attachments[destination]!;
      const hostInternal =
        s.component !== 0 && s.component === d.component && (s.segment === d.segment || (s.router && d.router));
      const rule = hostInternal
        ? s.exportsItself
          ? byVswitch
          : s.turnsBack && d.turnsBack && s.ingress
            ? relay
            : none
        : s.ingress
          ? ELECTION_RULE['source-ingress']
          : none;
      return { rule, covered: rule !== none, hostInternal };
    },
  };
}

/** Segments with one VLAN are one inside a host, whatever the inventory calls them. */
function segmentOf(topology: Topology, owner: number): string {
  if (topology.vlan[owner] !== 0) return `vlan ${topology.vlan[owner]}`;
  return topology.vni[owner] !== 0 ? `vni ${topology.vni[owner]}` : `${topology.segment[owner]}`;
}

/** Whether a registered exporter is the vSwitch and meters what stays inside. */
function vswitchExports({ exporters }: ExporterRegistry) {
  const byAddress = Map.groupBy(exporters, exporter => canonical(exporter.address));
  return ({ address, domain }: { readonly address: string; readonly domain?: number }): boolean =>
    (byAddress.get(canonical(address)) ?? []).some(
      exporter =>
        exporter.traffic !== 'rule-hits' &&
        exporter.metering !== 'none' &&
        (domain === undefined || exporter.domain === undefined || exporter.domain === domain),
    );
}

export function canonical(address: string): string {
  const words = parseAddress(address);
  return words ? formatAddress(words) : address;
}
