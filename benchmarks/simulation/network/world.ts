// The simulated data centre: what stands where, how it is cabled, and which device meters what. Plain mutable objects,
// because machines move and addresses change hands while packets flow; `world.epoch` shows that paths are out of date.
// Nothing here knows how Hairpin works: the documents are written from it (documents.ts), and so is the truth.

import type { ExporterSpec } from './exporter-spec.ts';

/** IPv4 as a word in host order. */
export type Address = number;
/** 48 bits. */
export type Mac = number;

export type PortRole = 'access' | 'fabric' | 'tunnel' | 'external';
export type Switching = 'veb' | 'vepa' | 'vsi';

export interface Segment {
  readonly id: string;
  readonly site?: string;
  readonly vlan: number;
  /** Set for an overlay: frames travel in VXLAN between the hosts. */
  readonly vni?: number;
  /** First address of its /24. */
  readonly base: Address;
}

export interface Port {
  readonly ifIndex: number;
  readonly role: PortRole;
  /** The physical port of a sub-interface (S-channel, extended port). */
  readonly parent?: number;
  readonly lag?: number;
  readonly to?: { readonly host?: string; readonly pnic?: string; readonly switch?: string; readonly other?: string };
  /** Frames may leave by the port they came in by. */
  relay: boolean;
}

export interface Switch {
  readonly kind: 'switch';
  readonly id: string;
  readonly rack: string;
  readonly site: string;
  readonly ports: Map<number, Port>;
  /** Neighbours and the port towards each. */
  readonly links: Map<Switch, number>;
}

export interface Pnic {
  readonly id: string;
  readonly mac: Mac;
  readonly switch: Switch;
  readonly ifIndex: number;
}

/** An S-channel of the uplink, with the component behind it. */
export interface Channel {
  readonly scid: number;
  readonly svid: number;
  readonly ifIndex: number;
  readonly switching: Switching;
}

export interface VSwitch {
  readonly kind: 'vswitch';
  readonly id: string;
  readonly host: Host;
  readonly switching: Switching;
  readonly relay: { readonly configured: boolean; readonly operational: boolean };
  readonly uplinks: readonly Pnic[];
  /** ifIndex of the uplink as the vSwitch numbers it. */
  readonly uplinkPort: number;
  readonly channels: readonly Channel[];
  readonly distributedRouting: boolean;
}

export interface Host {
  readonly id: string;
  readonly rack: string;
  readonly site: string;
  readonly pnics: readonly Pnic[];
  readonly vswitch: VSwitch;
  /** Tunnel end for overlays. */
  readonly vtep: { readonly address: Address; readonly mac: Mac };
  /** The tag by which its port extender names each VM. */
  readonly extender: 'e-tag' | 'vn-tag' | undefined;
}

export interface Nic {
  readonly mac: Mac;
  address: Address;
  readonly segment: Segment;
  /** At the vSwitch, which numbers a VM's port anew where it arrives. */
  port: number;
  channel: Channel | undefined;
  /** E-CID or vif, and the port that the controlling bridge has for it. */
  ecid: number | undefined;
  extendedPort: number | undefined;
}

export interface Vm {
  readonly kind: 'vm';
  readonly id: string;
  readonly name: string;
  readonly uuid: string;
  /** Application it belongs to; undefined: none selects it. */
  readonly app: string | undefined;
  host: Host;
  readonly nic: Nic;
  status: 'running' | 'off';
}

/** A machine that is no VM: behind the way out, or on a port of its own. */
export interface Outside {
  readonly kind: 'outside';
  readonly name: string;
  readonly address: Address;
  /** Of the router on the other side of the port. */
  readonly mac: Mac;
  readonly switch: Switch;
  readonly ifIndex: number;
}

/** A virtual address that a VM answers for. */
export interface Vip {
  readonly kind: 'vip';
  readonly name: string;
  readonly app: string;
  readonly address: Address;
  readonly port: number;
  readonly balancer: Vm;
}

export interface Group {
  readonly kind: 'group';
  readonly name: string;
  readonly address: Address;
  readonly mac: Mac;
  readonly members: readonly Vm[];
}

export type End = Vm | Outside | Vip | Group;

/** What sends packets from one segment to another: a router with a port, or a VM. */
export interface Router {
  readonly name: string;
  readonly mac: Mac;
  readonly address: Address;
  readonly vm?: Vm;
  readonly at?: { readonly switch: Switch; readonly ifIndex: number };
}

export interface World {
  epoch: number;
  readonly segments: Segment[];
  readonly switches: Switch[];
  readonly hosts: Host[];
  readonly vms: Vm[];
  readonly outsides: Outside[];
  readonly vips: Vip[];
  readonly groups: Group[];
  readonly routers: Router[];
  readonly exporters: PlacedExporter[];
  /** Listening ports of applications: `tcp/443`. */
  readonly applicationPorts: Map<string, string>;
}

export type Device = Switch | VSwitch;

export interface PlacedExporter {
  readonly spec: ExporterSpec;
  readonly device: Device;
}

export const UPLINK_PORT = 1;
const FABRIC_PORT_FIRST = 1000;
export const EXTERNAL_PORT = 2000;
const LAG_FIRST = 3000;
/** Sub-interfaces of S-channels and extended ports: ifIndexes of a range of their own, as switches give them. */
const SUB_INTERFACE_FIRST = 10_000;
const GATEWAY_MAC = 0x00005e000101;
const HOST_MAC = 0x020000000000;
const VM_MAC = 0x525400000000;
const VTEP_BASE = 0x0a630001; // 10.99.0.1
const OUTSIDE_BASE = 0xc6336401; // 198.51.100.1, RFC 5737

export interface HostOptions {
  readonly switching?: Switching;
  /** Reflective relay: asked for by the host, and done by the switch. */
  readonly relay?: { readonly configured: boolean; readonly operational: boolean };
  /** One pNIC to each; `lag` makes them members of one. */
  readonly switches: readonly Switch[];
  readonly lag?: boolean;
  readonly channels?: readonly { readonly svid: number; readonly switching: Switching }[];
  readonly extender?: 'e-tag' | 'vn-tag';
}

export interface VmOptions {
  readonly app?: string;
  /** Position among the channels of its host. */
  readonly channel?: number;
  readonly address?: Address;
}

export function createWorld(): World {
  return {
    epoch: 0,
    segments: [],
    switches: [],
    hosts: [],
    vms: [],
    outsides: [],
    vips: [],
    groups: [],
    routers: [],
    exporters: [],
    applicationPorts: new Map(),
  };
}

/** The nth segment has VLAN 100 + n and 10.20.n.0/24, unless stated otherwise. */
export function addSegment(world: World, id: string, given: Partial<Segment> = {}): Segment {
  const n = world.segments.length;
  const segment = { id, vlan: 100 + n, base: 0x0a140000 + (n << 8), ...given };
  world.segments.push(segment);
  return segment;
}

export function addSwitch(world: World, id: string, site = 'site-1'): Switch {
  const added: Switch = { kind: 'switch', id, rack: `rack-${id}`, site, ports: new Map(), links: new Map() };
  world.switches.push(added);
  return added;
}

export function link(a: Switch, b: Switch): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const ifIndex = FABRIC_PORT_FIRST + from.links.size;
    from.links.set(to, ifIndex);
    addPort(from, { ifIndex, role: 'fabric', to: { switch: to.id } });
  }
}

function addPort(at: Switch, port: Omit<Port, 'relay'> & { relay?: boolean }): void {
  at.ports.set(port.ifIndex, { relay: false, ...port });
}

export function addHost(world: World, options: HostOptions): Host {
  const n = world.hosts.length + 1;
  const id = `host-${String(n).padStart(2, '0')}`;
  const { switching = 'veb', switches, lag = false, channels = [], extender } = options;
  const relay = options.relay ?? { configured: switching === 'vepa', operational: switching === 'vepa' };
  const pnics = switches.map((at, i): Pnic => {
    const ifIndex = 1 + [...at.ports.values()].filter(port => port.role === 'access' && !port.parent).length;
    const name = `vmnic${i}`;
    addPort(at, {
      ifIndex,
      role: 'access',
      to: { host: id, pnic: name },
      relay: relay.operational,
      ...(lag && { lag: LAG_FIRST + n }),
    });
    return { id: name, mac: HOST_MAC + 16 * n + i, switch: at, ifIndex };
  });
  if (lag)
    for (const at of new Set(switches))
      addPort(at, { ifIndex: LAG_FIRST + n, role: 'access', relay: relay.operational });
  const [first] = pnics as [Pnic, ...Pnic[]];
  const host = {
    id,
    rack: first.switch.rack,
    site: first.switch.site,
    pnics,
    vtep: { address: VTEP_BASE + n, mac: HOST_MAC + 0x8000 + n },
    extender,
  } as unknown as Host;
  const vswitch: VSwitch = {
    kind: 'vswitch',
    id: 'vswitch0',
    host,
    switching,
    relay,
    uplinks: pnics,
    uplinkPort: UPLINK_PORT,
    channels: channels.map(({ svid, switching: behind }, i): Channel => {
      const ifIndex = SUB_INTERFACE_FIRST + 100 * first.ifIndex + i;
      addPort(first.switch, { ifIndex, role: 'access', parent: first.ifIndex, relay: behind === 'vepa' });
      return { scid: i + 1, svid, ifIndex, switching: behind };
    }),
    distributedRouting: false,
  };
  Object.assign(host, { vswitch });
  world.hosts.push(host);
  return host;
}

export function addVm(world: World, name: string, host: Host, segment: Segment, options: VmOptions = {}): Vm {
  const n = world.vms.length + 1;
  const inSegment = world.vms.filter(vm => vm.nic.segment === segment).length;
  const hex = n.toString(16).padStart(12, '0');
  const vm: Vm = {
    kind: 'vm',
    id: `vm-${n}`,
    name,
    uuid: `5e000000-0000-4000-8000-${hex}`,
    app: options.app,
    host,
    status: 'running',
    nic: {
      mac: VM_MAC + n,
      address: options.address ?? segment.base + 10 + inSegment,
      segment,
      port: 0,
      channel: undefined,
      ecid: undefined,
      extendedPort: undefined,
    },
  };
  plug(world, vm, host, options.channel);
  world.vms.push(vm);
  world.epoch++;
  return vm;
}

/** Gives a VM its ports at a host. */
export function plug(world: World, vm: Vm, host: Host, channel?: number): void {
  vm.host = host;
  const taken = new Set(world.vms.filter(other => other !== vm && other.host === host).map(({ nic }) => nic.port));
  let port = UPLINK_PORT + 1;
  while (taken.has(port)) port++;
  const { nic } = vm;
  nic.port = port;
  nic.channel = channel === undefined ? undefined : host.vswitch.channels[channel];
  nic.ecid = undefined;
  nic.extendedPort = undefined;
  const [uplink] = host.pnics;
  if (host.extender && uplink) {
    nic.ecid = 0x100 + port;
    nic.extendedPort = SUB_INTERFACE_FIRST + 100 * uplink.ifIndex + port;
    addPort(uplink.switch, { ifIndex: nic.extendedPort, role: 'access', parent: uplink.ifIndex });
  }
  world.epoch++;
}

export function addOutside(world: World, at: Switch, name: string): Outside {
  if (!at.ports.has(EXTERNAL_PORT))
    addPort(at, { ifIndex: EXTERNAL_PORT, role: 'external', to: { other: 'internet' } });
  const outside: Outside = {
    kind: 'outside',
    name,
    address: OUTSIDE_BASE + world.outsides.length,
    mac: GATEWAY_MAC,
    switch: at,
    ifIndex: EXTERNAL_PORT,
  };
  world.outsides.push(outside);
  return outside;
}

export function addRouter(world: World, at: Switch): Router {
  const n = world.routers.length;
  const ifIndex = FABRIC_PORT_FIRST + 500 + n;
  const name = `router-${n + 1}`;
  addPort(at, { ifIndex, role: 'fabric', to: { other: name }, relay: true });
  const router: Router = {
    name,
    mac: GATEWAY_MAC + 0x100 + n,
    address: 0x0a6200fe + (n << 8),
    at: { switch: at, ifIndex },
  };
  world.routers.push(router);
  return router;
}

export function addForwarder(world: World, vm: Vm): Router {
  const router: Router = { name: vm.name, mac: vm.nic.mac, address: vm.nic.address, vm };
  world.routers.push(router);
  return router;
}

/** What the matrix calls an end: its application, or what it is where no application selects it. */
export function nodeOf(end: End): string {
  switch (end.kind) {
    case 'vm':
      return end.app ?? `auto:${end.name.replace(/[\d\s._-]+$/, '') || end.name}`;
    case 'outside':
      return 'external';
    case 'vip':
      return end.app;
    case 'group':
      return 'multicast';
  }
}

export function addressOf(end: End): Address {
  return end.kind === 'vm' ? end.nic.address : end.address;
}

export function physicalPort(at: Switch, ifIndex: number): number {
  return at.ports.get(ifIndex)?.parent ?? ifIndex;
}
