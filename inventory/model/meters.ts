// Who meters which port: the registered exporters gathered by device (a switch of the inventory, a vSwitch, or an address
// that the inventory does not know), and for every port, direction and class of traffic the one meter that counts there.
// It follows from the registry and from which exporters are silent, never from the flows seen.
//
// Where several exporters meter a port, the one with the lowest stated sampling rate counts, then the first in the
// registry. All names of one cable (LAG, members) have the same meter, and so have its sub-interfaces wherever it meters
// them, so that no packet can count under two names.

import { formatAddress, parseAddress } from '../../schemas/address.ts';
import { PROTOCOL } from '../../schemas/codes.ts';
import type { ExporterRegistry, PORT_ROLES, RegisteredExporter } from '../../schemas/exporters.ts';
import type { Inventory } from '../../schemas/inventory.ts';
import { protocolRow } from '../../schemas/protocols.ts';
import type { Wiring } from './wiring.ts';

/** Classes of traffic that a meter may or may not see: any, inside host-made tunnels, within one host. */
export const TRAFFIC = { plain: 0, inner: 1, internal: 2 } as const;
export type Traffic = (typeof TRAFFIC)[keyof typeof TRAFFIC];
export const FLOW = { ingress: 0, egress: 1 } as const;
export type Flow = (typeof FLOW)[keyof typeof FLOW];
export type PortRole = (typeof PORT_ROLES)[number];

export interface Meter {
  /** Exporter number: its place in the registry, from 1. */
  readonly number: number;
  readonly exporter: RegisteredExporter;
  readonly ports: ReadonlyMap<number, RegisteredExporter['ports'][number]>;
  readonly silent: boolean;
}

export interface Device {
  readonly switchId: string | undefined;
  readonly isVswitch: boolean;
  /** The best first. */
  readonly meters: readonly Meter[];
  /** Ports that matter to somebody: number of the node by ifIndex. */
  readonly nodes: Map<number, number>;
  /** Node that stands for the whole device. */
  readonly node: number;
  readonly chosen: Map<number, number>;
}

export interface Meters {
  readonly devices: readonly Device[];
  /** Node numbers handed out are below this. */
  readonly nodeCount: number;
  atSwitch(switchId: string): Device | undefined;
  atVswitch(exporter: { readonly address: string; readonly domain?: number }): Device | undefined;
  nodeOf(device: Device, ifIndex: number): number;
  meters(device: Device, meter: Meter, ifIndex: number, flow: Flow): boolean;
  roleOf(device: Device, meter: Meter, ifIndex: number): PortRole;
  /** Number of the exporter that counts at the port, 0 when none does. */
  chosen(device: Device, ifIndex: number, traffic: Traffic, flow: Flow): number;
  /** The same as if no exporter were silent. */
  configured(device: Device, ifIndex: number, traffic: Traffic, flow: Flow): number;
  /** Whether every port of the device is metered as packets arrive. */
  metersEveryPort(device: Device, traffic: Traffic): boolean;
}

/** An ifIndex that no list names: what holds for it holds for every unlisted port. */
export const UNLISTED = -1;

export function compileMeters(
  registry: ExporterRegistry,
  inventory: Pick<Inventory, 'hosts'>,
  wiring: Wiring,
  isSilent: (exporter: number) => boolean,
): Meters {
  const meters = registry.exporters.map(
    (exporter, i): Meter => ({
      number: i + 1,
      exporter,
      ports: new Map(exporter.ports.map(port => [port.ifIndex, port])),
      silent: isSilent(i + 1),
    }),
  );
  const devices: Device[] = [];
  const deviceOf = new Map<Meter, Device>();
  const bySwitch = new Map<string, Device>();
  let nodeCount = 1;

  const createDevice = (members: readonly Meter[], switchId: string | undefined, isVswitch: boolean): Device => {
    const ranked = [...members].sort((a, b) => rankOf(a.exporter) - rankOf(b.exporter));
    const device = { switchId, isVswitch, meters: ranked, nodes: new Map(), node: nodeCount++, chosen: new Map() };
    devices.push(device);
    for (const member of members) deviceOf.set(member, device);
    return device;
  };

  for (const [switchId, members] of Map.groupBy(meters, ({ exporter }) => exporter.switch)) {
    if (switchId === undefined) continue;
    bySwitch.set(switchId, createDevice(members, switchId, false));
  }
  const byAddress = Map.groupBy(meters, ({ exporter }) => canonical(exporter.address));
  const fitting = ({ address, domain }: { readonly address: string; readonly domain?: number }) =>
    (byAddress.get(canonical(address)) ?? []).filter(
      ({ exporter }) => domain === undefined || exporter.domain === undefined || exporter.domain === domain,
    );
  for (const { vswitches } of inventory.hosts) {
    for (const { exporter } of vswitches) {
      const free = exporter ? fitting(exporter).filter(meter => !deviceOf.has(meter)) : [];
      if (free.length > 0) createDevice(free, undefined, true);
    }
  }
  const others = Map.groupBy(
    meters.filter(meter => !deviceOf.has(meter)),
    ({ exporter }) => `${canonical(exporter.address)} ${exporter.domain ?? ''}`,
  );
  for (const members of others.values()) createDevice(members, undefined, false);

  const chainOf = ({ switchId }: Device, ifIndex: number): readonly number[] =>
    switchId === undefined || ifIndex === UNLISTED ? [ifIndex] : wiring.chainOf(switchId, ifIndex);

  const isMetered = (device: Device, meter: Meter, ifIndex: number, flow: Flow): boolean => {
    const told = chainOf(device, ifIndex).find(name => meter.ports.get(name)?.metering !== undefined);
    const metering = told === undefined ? meter.exporter.metering : meter.ports.get(told)!.metering;
    return metering === 'both' || metering === (flow === FLOW.ingress ? 'ingress' : 'egress');
  };

  const sees = ({ exporter }: Meter, device: Device, traffic: Traffic): boolean => {
    if (exporter.traffic !== 'all') return exporter.traffic === 'host-internal' && traffic === TRAFFIC.internal;
    return traffic !== TRAFFIC.inner || device.isVswitch || readsTunnels(exporter);
  };

  const choose = (device: Device, ifIndex: number, traffic: Traffic, flow: Flow, withSilent: boolean): number => {
    const able = device.meters.filter(meter => (withSilent || !meter.silent) && sees(meter, device, traffic));
    const { switchId } = device;
    const names = switchId === undefined || ifIndex === UNLISTED ? [ifIndex] : wiring.bundleOf(switchId, ifIndex);
    const ofCable = able.find(meter => names.some(name => isMetered(device, meter, name, flow)));
    if (switchId === undefined || ifIndex === UNLISTED || !wiring.isSubInterface(switchId, ifIndex))
      return ofCable?.number ?? 0;
    if (ofCable && isMetered(device, ofCable, ifIndex, flow)) return ofCable.number;
    return able.find(meter => isMetered(device, meter, ifIndex, flow))?.number ?? 0;
  };

  const remembered = (device: Device, ifIndex: number, traffic: Traffic, flow: Flow, withSilent: boolean): number => {
    const key = (ifIndex + 1) * 12 + traffic * 4 + flow * 2 + (withSilent ? 1 : 0);
    const known = device.chosen.get(key);
    if (known !== undefined) return known;
    const found = choose(device, ifIndex, traffic, flow, withSilent);
    device.chosen.set(key, found);
    return found;
  };

  return {
    devices,
    get nodeCount() {
      return nodeCount;
    },
    atSwitch: switchId => bySwitch.get(switchId),
    atVswitch(exporter) {
      const [first] = fitting(exporter);
      return first && deviceOf.get(first);
    },
    nodeOf({ nodes }, ifIndex) {
      const known = nodes.get(ifIndex);
      if (known !== undefined) return known;
      nodes.set(ifIndex, nodeCount);
      return nodeCount++;
    },
    meters: isMetered,
    roleOf(device, { exporter, ports }, ifIndex) {
      const told = chainOf(device, ifIndex).find(name => (ports.get(name)?.role ?? 'unknown') !== 'unknown');
      return told === undefined ? exporter.role : ports.get(told)!.role;
    },
    chosen: (device, ifIndex, traffic, flow) => remembered(device, ifIndex, traffic, flow, false),
    configured: (device, ifIndex, traffic, flow) => remembered(device, ifIndex, traffic, flow, true),
    metersEveryPort(device, traffic) {
      const { switchId } = device;
      const known = switchId === undefined ? [] : wiring.portsOf(switchId);
      const listed = device.meters.flatMap(({ exporter }) => exporter.ports.map(port => port.ifIndex));
      // Where the inventory lists the ports of a switch there are no others.
      const ports = known.length > 0 ? [...known, ...listed] : [UNLISTED, ...listed];
      return ports.every(ifIndex => remembered(device, ifIndex, traffic, FLOW.ingress, false) !== 0);
    },
  };
}

function readsTunnels({ tunnels, protocol }: RegisteredExporter): boolean {
  if (tunnels !== undefined) return tunnels === 'inner';
  return protocol !== undefined && protocolRow(PROTOCOL[protocol]).readsTunnels;
}

function rankOf(exporter: RegisteredExporter): number {
  return exporter.samplingRate ?? Number.MAX_VALUE;
}

function canonical(address: string): string {
  const words = parseAddress(address);
  return words ? formatAddress(words) : address;
}
