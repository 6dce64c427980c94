// Every port that a registered exporter meters, as words of PORT: who counts there, what role the port has, and which host
// is cabled to it.

import type { Inventory } from '../../schemas/inventory.ts';
import { insertPort, PORT, PORT_FLAG } from '../lookup/port-table.ts';
import { type Device, FLOW, type Meter, type Meters, TRAFFIC, UNLISTED } from './meters.ts';
import type { Wiring } from './wiring.ts';

interface PortContext {
  readonly wiring: Wiring;
  readonly meters: Meters;
  /** Position of a host, from 1, by id. */
  readonly hostNumber: ReadonlyMap<string, number>;
  /** The host of an exporting vSwitch; 0 where it is on several. */
  readonly vswitchHosts: ReadonlyMap<Device, number>;
  /** Hosts with a vSwitch that counts for itself. */
  readonly counting: ReadonlySet<number>;
}

interface MeterContext extends PortContext {
  readonly device: Device;
  readonly meter: Meter;
  /** Whether every port of the device is metered as packets arrive. */
  readonly everyPort: boolean;
}

/** The first entries, by exporter number up to `exporters`, hold for ports not listed. */
export function compilePorts(
  exporters: number,
  { hosts }: Pick<Inventory, 'hosts'>,
  wiring: Wiring,
  meters: Meters,
): { readonly ports: Uint32Array; readonly slots: Uint32Array } {
  const context = {
    wiring,
    meters,
    hostNumber: new Map(hosts.map((host, i) => [host.id, i + 1])),
    ...vswitchesOf(hosts, meters),
  };
  for (const device of meters.devices) nameNodes(device, meters, wiring);
  const listed = meters.devices.reduce((sum, { nodes, meters: members }) => sum + nodes.size * members.length, 0);
  let next = exporters + 1;
  const ports = new Uint32Array((next + listed) * PORT.words);
  let slotCount = 16;
  while (slotCount < 2 * listed) slotCount *= 2;
  const slots = new Uint32Array(3 * slotCount);
  for (const device of meters.devices) {
    const everyPort = meters.metersEveryPort(device, TRAFFIC.plain);
    for (const meter of device.meters) {
      const of = { ...context, device, meter, everyPort };
      describePort(ports, meter.number * PORT.words, of, UNLISTED);
      for (const ifIndex of device.nodes.keys()) {
        describePort(ports, next * PORT.words, of, ifIndex);
        insertPort(slots, meter.number, ifIndex, next * PORT.words);
        next++;
      }
    }
  }
  return { ports, slots };
}

function vswitchesOf(hosts: Inventory['hosts'], meters: Meters): Pick<PortContext, 'vswitchHosts' | 'counting'> {
  const vswitchHosts = new Map<Device, number>();
  const counting = new Set<number>();
  hosts.forEach(({ vswitches }, i) => {
    for (const { exporter } of vswitches) {
      const device = exporter && meters.atVswitch(exporter);
      if (!device) continue;
      vswitchHosts.set(device, vswitchHosts.has(device) && vswitchHosts.get(device) !== i + 1 ? 0 : i + 1);
      const counts = [UNLISTED, ...device.nodes.keys()].some(
        name => meters.chosen(device, name, TRAFFIC.plain, FLOW.ingress) !== 0,
      );
      if (counts) counting.add(i + 1);
    }
  });
  return { vswitchHosts, counting };
}

/** Gives numbers to all ports of a device that the documents name, and to what they are parts of. */
function nameNodes(device: Device, meters: Meters, wiring: Wiring): void {
  const { switchId } = device;
  const known = switchId === undefined ? [] : wiring.portsOf(switchId);
  const listed = device.meters.flatMap(({ ports }) => [...ports.keys()]);
  for (const ifIndex of [...known, ...listed, ...device.nodes.keys()]) {
    const chain = switchId === undefined ? [ifIndex] : wiring.chainOf(switchId, ifIndex);
    for (const name of chain) meters.nodeOf(device, name);
  }
}

function describePort(ports: Uint32Array, at: number, of: MeterContext, ifIndex: number): void {
  const { wiring, meters, hostNumber, vswitchHosts, device } = of;
  const { switchId } = device;
  const isListed = switchId !== undefined && ifIndex !== UNLISTED;
  const cabled = isListed ? wiring.hostAt(switchId, ifIndex) : undefined;
  const host = cabled === undefined ? (vswitchHosts.get(device) ?? 0) : (hostNumber.get(cabled) ?? 0);
  const root = isListed ? wiring.chainOf(switchId, ifIndex).at(-1)! : ifIndex;
  const group = device.isVswitch ? device.node : root === UNLISTED ? 0 : meters.nodeOf(device, root);
  ports[at + PORT.node] = ifIndex === UNLISTED ? 0 : device.nodes.get(ifIndex)! * 2 + 1;
  ports[at + PORT.group] = group * 2;
  ports[at + PORT.flags] = meteringFlags(of, ifIndex) | roleFlags(of, ifIndex, host, cabled);
  ports[at + PORT.host] = host;
}

function meteringFlags({ meters, device, meter }: MeterContext, ifIndex: number): number {
  let flags = meter.exporter.biflow === 'repeated' ? PORT_FLAG.repeatsBiflow : 0;
  if (device.isVswitch) flags |= PORT_FLAG.vswitch;
  for (const flow of [FLOW.ingress, FLOW.egress]) {
    if (meters.meters(device, meter, ifIndex, flow)) flags |= PORT_FLAG.meters << flow;
    for (const traffic of [TRAFFIC.plain, TRAFFIC.inner, TRAFFIC.internal])
      if (meters.chosen(device, ifIndex, traffic, flow) === meter.number)
        flags |= PORT_FLAG.counts << (2 * traffic + flow);
  }
  return flags;
}

function roleFlags(
  { meters, counting, device, meter, everyPort }: MeterContext,
  ifIndex: number,
  host: number,
  cabled: string | undefined,
): number {
  const role = meters.roleOf(device, meter, ifIndex);
  // Behind the cable of a host whose vSwitch counts for itself, packets have been counted already.
  const isAccess = role === 'access' || (role === 'unknown' && cabled !== undefined);
  const access = isAccess && (device.isVswitch || !counting.has(host)) ? PORT_FLAG.access : 0;
  if (role !== 'external') return access;
  const leaving = meters.chosen(device, ifIndex, TRAFFIC.plain, FLOW.egress);
  const isByOutput = leaving === 0 && everyPort;
  return access | PORT_FLAG.external | (isByOutput ? PORT_FLAG.exitByOutput : 0);
}
