// Who meters which port: the registered exporters gathered by device (a switch of the inventory, a vSwitch, or an address
// that the inventory does not know), and for every port, direction and class of traffic the one meter that counts there.
// It follows from the registry and from which exporters are silent, never from the flows seen.
//
// Where several exporters meter a port, the one with the lowest stated sampling rate counts, then the first in the
// registry. All names of one cable (LAG, members) have the same meter, and so have its sub-interfaces wherever it meters
// them, so that no packet can count under two names.

import { canonicalAddress } from '../../schemas/address.ts';
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

interface ExporterName {
  readonly address: string;
  readonly domain?: number;
}

/** An ifIndex that no list names: what holds for it holds for every unlisted port. */
export const UNLISTED = -1;

export class Meters {
  readonly devices: readonly Device[];
  readonly #wiring: Wiring;
  readonly #byAddress: ReadonlyMap<string, readonly Meter[]>;
  readonly #deviceOf = new Map<Meter, Device>();
  readonly #bySwitch = new Map<string, Device>();
  #nodeCount = 1;

  constructor(
    registry: ExporterRegistry,
    inventory: Pick<Inventory, 'hosts'>,
    wiring: Wiring,
    isSilent: (exporter: number) => boolean,
  ) {
    const meters = registry.exporters.map((exporter, i) => meterOf(exporter, i + 1, isSilent(i + 1)));
    this.#wiring = wiring;
    this.#byAddress = Map.groupBy(meters, ({ exporter }) => canonicalAddress(exporter.address));
    this.devices = [
      ...this.#switchesOf(meters),
      ...this.#vswitchesOf(inventory),
      ...this.#othersOf(meters.filter(meter => !this.#deviceOf.has(meter))),
    ];
  }

  /** Node numbers handed out are below this. */
  get nodeCount(): number {
    return this.#nodeCount;
  }

  atSwitch(switchId: string): Device | undefined {
    return this.#bySwitch.get(switchId);
  }

  atVswitch(exporter: ExporterName): Device | undefined {
    const [first] = this.#fitting(exporter);
    return first && this.#deviceOf.get(first);
  }

  nodeOf({ nodes }: Device, ifIndex: number): number {
    const known = nodes.get(ifIndex);
    if (known !== undefined) return known;
    nodes.set(ifIndex, this.#nodeCount);
    return this.#nodeCount++;
  }

  meters(device: Device, meter: Meter, ifIndex: number, flow: Flow): boolean {
    const stated = this.#chainOf(device, ifIndex).find(name => meter.ports.get(name)?.metering !== undefined);
    const metering = stated === undefined ? meter.exporter.metering : meter.ports.get(stated)!.metering;
    return metering === 'both' || metering === (flow === FLOW.ingress ? 'ingress' : 'egress');
  }

  roleOf(device: Device, { exporter, ports }: Meter, ifIndex: number): PortRole {
    const stated = this.#chainOf(device, ifIndex).find(name => (ports.get(name)?.role ?? 'unknown') !== 'unknown');
    return stated === undefined ? exporter.role : ports.get(stated)!.role;
  }

  /** Number of the exporter that counts at the port, 0 when none does. */
  chosen(device: Device, ifIndex: number, traffic: Traffic, flow: Flow): number {
    return this.#remembered(device, ifIndex, traffic, flow, false);
  }

  /** The same as if no exporter were silent. */
  configured(device: Device, ifIndex: number, traffic: Traffic, flow: Flow): number {
    return this.#remembered(device, ifIndex, traffic, flow, true);
  }

  /** Whether every port of the device is metered as packets arrive. */
  metersEveryPort(device: Device, traffic: Traffic): boolean {
    const { switchId } = device;
    const known = switchId === undefined ? [] : this.#wiring.portsOf(switchId);
    const listed = device.meters.flatMap(({ exporter }) => exporter.ports.map(port => port.ifIndex));
    // Where the inventory lists the ports of a switch there are no others.
    const ports = known.length > 0 ? [...known, ...listed] : [UNLISTED, ...listed];
    return ports.every(ifIndex => this.chosen(device, ifIndex, traffic, FLOW.ingress) !== 0);
  }

  #switchesOf(meters: readonly Meter[]): Device[] {
    const devices: Device[] = [];
    for (const [switchId, members] of Map.groupBy(meters, ({ exporter }) => exporter.switch)) {
      if (switchId === undefined) continue;
      const device = this.#createDevice(members, switchId, false);
      this.#bySwitch.set(switchId, device);
      devices.push(device);
    }
    return devices;
  }

  #vswitchesOf({ hosts }: Pick<Inventory, 'hosts'>): Device[] {
    const devices: Device[] = [];
    for (const { vswitches } of hosts) {
      for (const { exporter } of vswitches) {
        const free = exporter ? this.#fitting(exporter).filter(meter => !this.#deviceOf.has(meter)) : [];
        if (free.length > 0) devices.push(this.#createDevice(free, undefined, true));
      }
    }
    return devices;
  }

  #othersOf(meters: readonly Meter[]): Device[] {
    const groups = Map.groupBy(
      meters,
      ({ exporter }) => `${canonicalAddress(exporter.address)} ${exporter.domain ?? ''}`,
    );
    return Array.from(groups.values(), members => this.#createDevice(members, undefined, false));
  }

  #createDevice(members: readonly Meter[], switchId: string | undefined, isVswitch: boolean): Device {
    const meters = [...members].sort((a, b) => rankOf(a.exporter) - rankOf(b.exporter));
    const device = { switchId, isVswitch, meters, nodes: new Map(), node: this.#nodeCount++, chosen: new Map() };
    for (const member of members) this.#deviceOf.set(member, device);
    return device;
  }

  #fitting({ address, domain }: ExporterName): readonly Meter[] {
    return (this.#byAddress.get(canonicalAddress(address)) ?? []).filter(
      ({ exporter }) => domain === undefined || exporter.domain === undefined || exporter.domain === domain,
    );
  }

  #chainOf({ switchId }: Device, ifIndex: number): readonly number[] {
    return switchId === undefined || ifIndex === UNLISTED ? [ifIndex] : this.#wiring.chainOf(switchId, ifIndex);
  }

  #remembered(device: Device, ifIndex: number, traffic: Traffic, flow: Flow, withSilent: boolean): number {
    const key = (ifIndex + 1) * 12 + traffic * 4 + flow * 2 + (withSilent ? 1 : 0);
    const known = device.chosen.get(key);
    if (known !== undefined) return known;
    const able = device.meters.filter(meter => (withSilent || !meter.silent) && sees(meter, device, traffic));
    const found = this.#choose(device, able, ifIndex, flow);
    device.chosen.set(key, found);
    return found;
  }

  #choose(device: Device, able: readonly Meter[], ifIndex: number, flow: Flow): number {
    const { switchId } = device;
    const wiring = this.#wiring;
    const names = switchId === undefined || ifIndex === UNLISTED ? [ifIndex] : wiring.bundleOf(switchId, ifIndex);
    const ofCable = able.find(meter => names.some(name => this.meters(device, meter, name, flow)));
    if (switchId === undefined || ifIndex === UNLISTED || !wiring.isSubInterface(switchId, ifIndex))
      return ofCable?.number ?? 0;
    if (ofCable && this.meters(device, ofCable, ifIndex, flow)) return ofCable.number;
    return able.find(meter => this.meters(device, meter, ifIndex, flow))?.number ?? 0;
  }
}

function meterOf(exporter: RegisteredExporter, number: number, silent: boolean): Meter {
  return { number, exporter, ports: new Map(exporter.ports.map(port => [port.ifIndex, port])), silent };
}

function sees({ exporter }: Meter, device: Device, traffic: Traffic): boolean {
  if (exporter.traffic !== 'all') return exporter.traffic === 'host-internal' && traffic === TRAFFIC.internal;
  return traffic !== TRAFFIC.inner || device.isVswitch || readsTunnels(exporter);
}

function readsTunnels({ tunnels, protocol }: RegisteredExporter): boolean {
  if (tunnels !== undefined) return tunnels === 'inner';
  return protocol !== undefined && protocolRow(PROTOCOL[protocol]).readsTunnels;
}

function rankOf(exporter: RegisteredExporter): number {
  return exporter.samplingRate ?? Number.MAX_VALUE;
}
