// A small virtualised data centre made from a seed: sites, racks with one access switch (the bridge, which is one
// exporter), hosts cabled to it, VMs on a VEPA vSwitch whose switch turns frames back, so that traffic between two VMs
// of one host shows at the access port too. One VLAN spans everything: nothing is routed inside, MAC addresses are the
// VMs' own at every bridge. The way out is a port of the first bridge.

import { createRandom } from '../../random.ts';
import { type App, applicationsOf, EDGE, EXTERNAL, LAB } from './applications.ts';

export const EXPORT_PROTOCOLS = ['netflow5', 'netflow9', 'ipfix', 'sflow5'] as const;
export type ExportProtocol = (typeof EXPORT_PROTOCOLS)[number];

export interface DataCentreOptions {
  readonly seed: number;
  readonly bridges: number;
  readonly vms: number;
  readonly apps: number;
  /** Bridges take turns. */
  readonly protocols: readonly ExportProtocol[];
  /** 1 in N packets; 1 is every packet. */
  readonly sampling: number;
}

export interface Bridge {
  readonly id: string;
  readonly index: number;
  readonly protocol: ExportProtocol;
  readonly domain: number;
  /** Loopback address of its own; sFlow names it as agent, the sender binds to it where it can. */
  readonly agentAddress: string;
  readonly sampling: number;
  readonly rack: string;
  readonly site: string;
}

export interface Host {
  readonly id: string;
  readonly bridge: number;
  /** Access port of the bridge that its pNIC is cabled to. */
  readonly ifIndex: number;
  readonly mac: string;
}

export interface Vm {
  readonly name: string;
  /** Application id; undefined when no application selects it. */
  readonly app: string | undefined;
  readonly host: number;
}

/**
 * Everything that has an address, as columns: VMs first, in the order of `vms`, then clients outside. Addresses are
 * words in host order.
 */
export interface Endpoints {
  readonly count: number;
  readonly names: readonly string[];
  /** Index into `nodes` of the data centre. */
  readonly node: Uint32Array;
  readonly address4: Uint32Array;
  /** Four words each, all zero for an endpoint without IPv6. */
  readonly address6: Uint32Array;
  readonly macHigh: Uint16Array;
  readonly macLow: Uint32Array;
  readonly bridge: Uint16Array;
  /** Port of its bridge by which its packets come in. */
  readonly ifIndex: Uint32Array;
}

export interface DataCentre {
  readonly options: DataCentreOptions;
  readonly bridges: readonly Bridge[];
  readonly hosts: readonly Host[];
  readonly vms: readonly Vm[];
  readonly apps: readonly App[];
  readonly endpoints: Endpoints;
  /** Names of the matrix' nodes, as Hairpin gives them. */
  readonly nodes: readonly string[];
}

export const VLAN = 100;
export const PREFIX4 = '10.20.0.0/16';
export const PREFIX6 = 'fd20::/64';
/** Ports 1 to 999 are access ports. */
export const FABRIC_IF_INDEX = 1000;
export const EXTERNAL_IF_INDEX = 1001;

const ADDRESS4_BASE = 0x0a140100; // 10.20.1.0
const EXTERNAL4_BASE = 0xc6336400; // 198.51.100.0, RFC 5737
const VM_MAC_HIGH = 0x5254; // 52:54:00, KVM
const ROUTER_MAC = { high: 0x0000, low: 0x5e000101 };

const VMS_PER_HOST = 8;
const HOSTS_PER_BRIDGE_MIN = 2;
const EXTERNAL_CLIENTS = 24;
const VMS_PER_LAB_VM = 24;
const SWITCHES_PER_SITE = 8;
const IPV6_ONE_IN = 4;

const twoDigits = (value: number) => String(value).padStart(2, '0');

export function buildDataCentre(options: DataCentreOptions): DataCentre {
  const apps = applicationsOf(options.apps);
  const bridges = Array.from({ length: options.bridges }, (_, index): Bridge => {
    const number = twoDigits(index + 1);
    const site = `site-${1 + Math.floor(index / SWITCHES_PER_SITE)}`;
    const protocol = options.protocols[index % options.protocols.length]!;
    const agentAddress = `127.${1 + (index >> 8)}.${index & 255}.1`;
    return {
      id: `leaf-${number}`,
      index,
      protocol,
      domain: index + 1,
      agentAddress,
      sampling: options.sampling,
      rack: `rack-${number}`,
      site,
    };
  });
  const hosts = buildHosts(options);
  const vms = placeVms(options, apps, hosts);
  const nodes = [...apps.map(app => app.id), `auto:${LAB}`, EXTERNAL];
  return {
    options,
    bridges,
    hosts,
    vms,
    apps,
    endpoints: buildEndpoints(options.seed, vms, hosts, bridges, nodes),
    nodes,
  };
}

function buildHosts({ bridges, vms }: DataCentreOptions): Host[] {
  const perBridge = Math.max(HOSTS_PER_BRIDGE_MIN, Math.ceil(vms / bridges / VMS_PER_HOST));
  return Array.from({ length: perBridge * bridges }, (_, i) => ({
    id: `host-${String(i + 1).padStart(3, '0')}`,
    bridge: i % bridges,
    ifIndex: 1 + Math.floor(i / bridges),
    mac: `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`,
  }));
}

/** VMs of an application go round the hosts, those of the edge round the hosts of the first bridge. */
function placeVms({ vms: count, bridges }: DataCentreOptions, apps: readonly App[], hosts: readonly Host[]): Vm[] {
  const labs = Math.max(1, Math.floor(count / VMS_PER_LAB_VM));
  const perApp = Math.floor((count - labs) / apps.length);
  const more = (count - labs) % apps.length;
  const vms: Vm[] = [];
  const edgeHosts = hosts.length / bridges;
  const place = (stem: string, app: string | undefined, size: number) => {
    for (let i = 0; i < size; i++) {
      const host = app === EDGE ? (i % edgeHosts) * bridges : vms.length % hosts.length;
      vms.push({ name: `${stem}-${twoDigits(i + 1)}`, app, host });
    }
  };
  apps.forEach((app, i) => {
    place(app.id, app.id, perApp + (i < more ? 1 : 0));
  });
  place(LAB, undefined, labs);
  return vms;
}

function buildEndpoints(
  seed: number,
  vms: readonly Vm[],
  hosts: readonly Host[],
  bridges: readonly Bridge[],
  nodes: readonly string[],
): Endpoints {
  const random = createRandom(seed, 1);
  const count = vms.length + EXTERNAL_CLIENTS;
  const names = [
    ...vms.map(vm => vm.name),
    ...Array.from({ length: EXTERNAL_CLIENTS }, (_, i) => `client-${twoDigits(i + 1)}`),
  ];
  const endpoints = {
    count,
    names,
    node: new Uint32Array(count),
    address4: new Uint32Array(count),
    address6: new Uint32Array(4 * count),
    macHigh: new Uint16Array(count),
    macLow: new Uint32Array(count),
    bridge: new Uint16Array(count),
    ifIndex: new Uint32Array(count),
  };
  vms.forEach((vm, i) => {
    const host = hosts[vm.host]!;
    endpoints.node[i] = nodes.indexOf(vm.app ?? `auto:${LAB}`);
    endpoints.address4[i] = ADDRESS4_BASE + i;
    endpoints.macHigh[i] = VM_MAC_HIGH;
    endpoints.macLow[i] = i + 1;
    endpoints.bridge[i] = host.bridge;
    endpoints.ifIndex[i] = host.ifIndex;
    // NetFlow v5 cannot describe IPv6, so VMs behind such a bridge have none.
    const withIPv6 = random.below(IPV6_ONE_IN) === 0 && bridges[host.bridge]!.protocol !== 'netflow5';
    if (withIPv6) endpoints.address6.set([0xfd200000, 0, 0x52540000, i + 1], 4 * i);
  });
  for (let i = vms.length; i < count; i++) {
    endpoints.node[i] = nodes.indexOf(EXTERNAL);
    endpoints.address4[i] = EXTERNAL4_BASE + 1 + i - vms.length;
    endpoints.macHigh[i] = ROUTER_MAC.high;
    endpoints.macLow[i] = ROUTER_MAC.low;
    endpoints.ifIndex[i] = EXTERNAL_IF_INDEX;
  }
  return endpoints;
}
