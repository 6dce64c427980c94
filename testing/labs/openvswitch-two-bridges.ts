// For tests: two Open vSwitch bridges with a link between them, three machines in namespaces, two VLANs, and a hairpin.
//
//   v1 (eth0) --+ macvlan, mode vepa                       +-- eth0 (c)   VLAN 10
//               +-- p1 [bridge 1] l1 ---- l2 [bridge 2] ---+
//   v2 (eth0) --+       |                                  +-- eth1 (c)   VLAN 20
//   v2 (eth1) --------- p2
//
// v1 and v2 share the port p1: what one sends to the other, bridge 1 turns back to where it came from (actions=IN_PORT).

import { readFileSync } from 'node:fs';
import { openSwitch, type VirtualSwitch } from './openvswitch-lab.ts';

export interface Transfer {
  readonly about: string;
  readonly from: Machine;
  readonly to: Machine;
  readonly device: string;
}
type Machine = 'v1' | 'v2' | 'c';

/** One in so many packets, by protocol. */
export interface Sampling {
  readonly sflow: number;
  readonly ipfix: number;
}

export interface TwoBridges {
  readonly bridges: readonly [string, string];
  readonly transfers: readonly Transfer[];
  readonly inventory: object;
  readonly applications: object;
  /** Of both protocols of both bridges. */
  registry(sampling: Sampling): object;
  vsctl(...args: string[]): string;
  /** IP bytes that the interfaces of a transfer sent and received, there and back. */
  counted(transfer: Transfer): Record<'there' | 'back', { readonly sent: number; readonly received: number }>;
  talk(transfer: Transfer, megabytes: number): Promise<void>;
  down(): void;
}

/** Addresses that the agents of the bridges name. */
const AGENTS = ['198.51.100.11', '198.51.100.12'] as const;
const VLANS = { eth0: 10, eth1: 20 } as const;
const MACHINES = { v1: 1, v2: 2, c: 3 } as const;
const macOf = (machine: Machine, device: string) =>
  `02:77:00:00:${device === 'eth0' ? '10' : '20'}:0${MACHINES[machine]}`;
const addressOf = (machine: Machine, device: string) => `10.78.${device === 'eth0' ? 10 : 20}.${MACHINES[machine]}`;

const MEMBERS = [
  ['v1', 'eth0'],
  ['v2', 'eth0'],
  ['v2', 'eth1'],
  ['c', 'eth0'],
  ['c', 'eth1'],
] as const;
/** Access ports and the end of the link, by bridge. */
const PORTS = [
  ['p1', 'p2', 'l1'],
  ['c0', 'c1', 'l2'],
] as const;
type Port = (typeof PORTS)[number][number];
const TRANSFERS: readonly Transfer[] = [
  { about: 'hairpin', from: 'v1', to: 'v2', device: 'eth0' },
  { about: 'two bridges, VLAN 10', from: 'v1', to: 'c', device: 'eth0' },
  { about: 'two bridges, VLAN 20', from: 'c', to: 'v2', device: 'eth1' },
];

/** The switch of a lab, and the names of what is in it. */
interface Wiring {
  readonly ovs: VirtualSwitch;
  readonly bridges: readonly [string, string];
  /** Devices that are ports of the bridges. */
  readonly ports: Readonly<Record<Port, string>>;
  namespaceOf(machine: Machine): string;
}

export function openTwoBridges(): TwoBridges {
  const ovs = openSwitch();
  const wiring = wiringOf(ovs);
  const { bridges, namespaceOf } = wiring;
  try {
    addBridges(wiring);
    for (const machine of ['v1', 'v2', 'c'] as const) ovs.addNamespace(namespaceOf(machine));
    addDevices(wiring);
    for (const [machine, device] of MEMBERS) {
      ovs.run('ip', '-n', namespaceOf(machine), 'link', 'set', device, 'address', macOf(machine, device));
      ovs.setUp(namespaceOf(machine), device, `${addressOf(machine, device)}/24`);
    }
    turnBack(wiring, 'v1', 'v2');
    turnBack(wiring, 'v2', 'v1');
  } catch (error) {
    ovs.down();
    throw error;
  }
  const ifIndex = (port: Port) => Number(readFileSync(`/sys/class/net/${wiring.ports[port]}/ifindex`, 'utf8'));
  return {
    bridges,
    transfers: TRANSFERS,
    inventory: inventoryOf(ifIndex),
    applications: {
      applications: (['v1', 'v2', 'c'] as const).map(name => ({ id: name, servers: { names: [name] } })),
    },
    registry: sampling => ({ exporters: [0, 1].flatMap(i => exportersOf(i, sampling, ifIndex)) }),
    vsctl: (...args) => ovs.vsctl(...args),
    counted({ from, to, device }) {
      const [source, destination] = [namespaceOf(from), namespaceOf(to)];
      return {
        there: { sent: ovs.ipBytes(source, device, 'tx'), received: ovs.ipBytes(destination, device, 'rx') },
        back: { sent: ovs.ipBytes(destination, device, 'tx'), received: ovs.ipBytes(source, device, 'rx') },
      };
    },
    talk: ({ from, to, device }, megabytes) =>
      ovs.talk(namespaceOf(from), namespaceOf(to), addressOf(to, device), megabytes),
    down: () => ovs.down(),
  };
}

function wiringOf(ovs: VirtualSwitch): Wiring {
  const { tag } = ovs;
  return {
    ovs,
    bridges: [`hx${tag}`, `hy${tag}`],
    ports: { p1: `ha${tag}`, p2: `hb${tag}`, l1: `hl${tag}`, l2: `hm${tag}`, c0: `hc${tag}`, c1: `hd${tag}` },
    namespaceOf: machine => `hairpin-${tag}-${machine}`,
  };
}

function addBridges({ ovs, bridges }: Wiring): void {
  for (const [i, bridge] of bridges.entries()) {
    ovs.addBridge(bridge);
    ovs.run('ip', 'addr', 'add', `${AGENTS[i]}/32`, 'dev', bridge);
    ovs.run('ip', 'link', 'set', bridge, 'up');
  }
}

/** The ports of both bridges, and what is behind them. */
function addDevices({ ovs, bridges, ports, namespaceOf }: Wiring): void {
  const shared = `hv${ovs.tag}`;
  ovs.addPort(bridges[0], ports.p1, shared, undefined, 'tag=10');
  for (const machine of ['v1', 'v2'] as const) {
    const at = ['link', shared, 'name', 'eth0', 'netns', namespaceOf(machine)];
    ovs.run('ip', 'link', 'add', ...at, 'address', macOf(machine, 'eth0'), 'type', 'macvlan', 'mode', 'vepa');
    // A macvlan counts what the device below it cuts up as one packet, whatever ethtool says.
    ovs.run('ip', '-n', namespaceOf(machine), 'link', 'set', 'eth0', 'gso_max_segs', '1');
  }
  ovs.addPort(bridges[0], ports.p2, 'eth1', namespaceOf('v2'), 'tag=20');
  ovs.addPort(bridges[0], ports.l1, ports.l2, undefined);
  ovs.vsctl('add-port', bridges[1], ports.l2);
  ovs.addPort(bridges[1], ports.c0, 'eth0', namespaceOf('c'), 'tag=10');
  ovs.addPort(bridges[1], ports.c1, 'eth1', namespaceOf('c'), 'tag=20');
}

/** Frames between the two are turned back; who asks for whom would not be, so they know each other. */
function turnBack({ ovs, bridges, ports, namespaceOf }: Wiring, from: Machine, to: Machine): void {
  const mac = macOf(to, 'eth0');
  const neighbour = [addressOf(to, 'eth0'), 'lladdr', mac, 'dev', 'eth0', 'nud', 'permanent'];
  ovs.run('ip', '-n', namespaceOf(from), 'neigh', 'replace', ...neighbour);
  const port = ovs.vsctl('get', 'Interface', ports.p1, 'ofport').trim();
  ovs.run('ovs-ofctl', 'add-flow', bridges[0], `priority=100,in_port=${port},dl_dst=${mac},actions=IN_PORT`);
}

type IfIndex = (port: Port) => number;

function inventoryOf(ifIndex: IfIndex): object {
  const access = (port: Port, host: string) => ({ ifIndex: ifIndex(port), name: port, connectsTo: { host } });
  const link = (port: Port) => ({ ifIndex: ifIndex(port), name: port });
  return {
    source: 'lab',
    asOf: new Date(Date.now() - 3_600_000).toISOString(),
    segments: [10, 20].map(vlan => ({ id: `vlan-${vlan}`, vlan, prefixes: [`10.78.${vlan}.0/24`] })),
    switches: [
      { id: 'bridge-1', ports: [access('p1', 'left'), access('p2', 'left'), link('l1')] },
      { id: 'bridge-2', ports: [access('c0', 'right'), access('c1', 'right'), link('l2')] },
    ],
    hosts: [
      {
        id: 'left',
        pnics: [
          { id: 'n0', switch: 'bridge-1', ifIndex: ifIndex('p1') },
          { id: 'n1', switch: 'bridge-1', ifIndex: ifIndex('p2') },
        ],
        vswitches: [
          vswitch('vs0', 'n0', { switching: 'vepa', reflectiveRelay: { configured: true, operational: true } }),
          vswitch('vs1', 'n1'),
        ],
      },
      {
        id: 'right',
        pnics: [
          { id: 'n0', switch: 'bridge-2', ifIndex: ifIndex('c0') },
          { id: 'n1', switch: 'bridge-2', ifIndex: ifIndex('c1') },
        ],
        vswitches: [vswitch('vs0', 'n0'), vswitch('vs1', 'n1')],
      },
    ],
    vms: [
      { id: 'v1', name: 'v1', host: 'left', vnics: [vnic('v1', 'eth0', 'vs0')] },
      { id: 'v2', name: 'v2', host: 'left', vnics: [vnic('v2', 'eth0', 'vs0'), vnic('v2', 'eth1', 'vs1')] },
      { id: 'c', name: 'c', host: 'right', vnics: [vnic('c', 'eth0', 'vs0'), vnic('c', 'eth1', 'vs1')] },
    ],
  };
}

function vswitch(id: string, uplink: string, settings: object = {}): object {
  const portGroups = [10, 20].map(vlan => ({ id: `vlan-${vlan}`, segment: `vlan-${vlan}`, vlan }));
  return { id, uplinks: [uplink], portGroups, ...settings };
}

function vnic(machine: Machine, device: keyof typeof VLANS, vswitchId: string): object {
  return {
    mac: macOf(machine, device),
    addresses: [addressOf(machine, device)],
    vswitch: vswitchId,
    portGroup: `vlan-${VLANS[device]}`,
    segment: `vlan-${VLANS[device]}`,
  };
}

/** Both protocols of a bridge, by its number. */
function exportersOf(i: number, sampling: Sampling, ifIndex: IfIndex): object[] {
  const own = {
    switch: `bridge-${i + 1}`,
    metering: 'ingress',
    ports: PORTS[i]!.map(port => ({ ifIndex: ifIndex(port), role: port.startsWith('l') ? 'fabric' : 'access' })),
  };
  const ipfix = { protocol: 'ipfix', samplingRate: sampling.ipfix, prescaled: true };
  return [
    { address: AGENTS[i], protocol: 'sflow5', samplingRate: sampling.sflow, ...own },
    { address: '127.0.0.1', domain: i + 1, ...ipfix, ...own },
  ];
}
