// Where each owner's traffic enters and leaves the network, as points that a registered exporter meters: the attachment
// of its vNIC outwards, at the first level that is covered in the direction asked for. Coverage comes from the registry
// and from which exporters are silent, never from a flow. All of it is numbers in typed arrays, so that a table can be
// compiled in one thread and used in another.
//
// Levels: the port of a vSwitch that exports itself; the vNIC's own port at the switch (VSI interface, S-channel); the
// uplinks of its vSwitch. A level is covered when all of its ports are: a packet may take any of them.

import type { ExporterRegistry } from '../../schemas/exporters.ts';
import type { Inventory } from '../../schemas/inventory.ts';
import { findPort, PORT } from '../lookup/port-table.ts';
import { type Attachment, Attachments, type Spot } from './attachments.ts';
import { compilePorts } from './metered-ports.ts';
import { type Device, FLOW, Meters, TRAFFIC, UNLISTED } from './meters.ts';
import { OWNER_KIND, type TopologyData, vswitchOf } from './topology.ts';
import { compileWiring, type SwitchPort, type Wiring } from './wiring.ts';

export interface AccessTable {
  /** Attachment number by owner, 0 for one whose place is not known. */
  readonly idOf: Uint32Array;
  /** ATTACHMENT.words for each attachment number. */
  readonly attachments: Uint32Array;
  /** Port names that attachments point to: values of PORT.node or PORT.group. */
  readonly points: Uint32Array;
  /** PORT.words for each metered port; the first ones, by exporter number, hold for ports not listed. */
  readonly ports: Uint32Array;
  /** Hash table from (exporter, ifIndex) to the number of a metered port. */
  readonly slots: Uint32Array;
  /** What comes from outside is metered wherever it can enter, and what leaves wherever it can leave. */
  readonly metersEntry: boolean;
  readonly metersExit: boolean;
  /** Registry entries that name a switch the inventory does not have. */
  readonly unknownSwitches: readonly string[];
}

/** What of the documents and of the topology matters here. */
export type AccessInventory = Pick<Inventory, 'switches' | 'hosts' | 'vms' | 'endpoints'>;
export type AccessTopology = Pick<
  TopologyData,
  'count' | 'kind' | 'entity' | 'nic' | 'vswitch' | 'host' | 'segment' | 'vlan' | 'vni'
>;

const NOBODY_SILENT = () => false;

/**
 * `inventory` is the document that `topology` was made from. `isSilent` says by exporter number (place in the registry,
 * from 1) that has not been seen for so long that it covers nothing.
 */
export function compileAccess(
  inventory: AccessInventory,
  topology: AccessTopology,
  registry: ExporterRegistry,
  isSilent: (exporter: number) => boolean = NOBODY_SILENT,
): AccessTable {
  const wiring = compileWiring(inventory);
  const meters = new Meters(registry, inventory, wiring, isSilent);
  const attachments = new Attachments(topology.count, meters);
  placeVms(topology, inventory, wiring, meters, attachments);
  placeOthers(topology, inventory, wiring, meters, attachments);
  const switches = new Set(inventory.switches.map(entry => entry.id));
  const outside = nameOutside(meters, wiring);
  return {
    ...attachments.finish(),
    ...compilePorts(registry.exporters.length, inventory, wiring, meters),
    ...outside,
    unknownSwitches: registry.exporters
      .map(entry => entry.switch)
      .filter(id => id !== undefined && !switches.has(id)) as string[],
  };
}

/** Position of the host, from 1, that the inventory cables to a port of a registered exporter; 0 none. */
export function hostAtPort(access: AccessTable, exporter: number, ifIndex: number): number {
  return access.ports[findPort(access, exporter, ifIndex) + PORT.host]!;
}

function placeVms(
  topology: AccessTopology,
  { hosts, vms }: AccessInventory,
  wiring: Wiring,
  meters: Meters,
  attachments: Attachments,
): void {
  const spots = createSpots(wiring, meters);
  for (let owner = 0; owner < topology.count; owner++) {
    if (topology.kind[owner] !== OWNER_KIND.vm) continue;
    const hostAt = topology.host[owner]!;
    const host = hosts[hostAt - 1];
    const vnic = vms[topology.entity[owner]!]?.vnics[topology.nic[owner]!];
    if (!host || !vnic) continue;
    const vswitchAt = topology.vswitch[owner]!;
    const vswitch = host.vswitches[vswitchOf(host, vnic.vswitch)];
    const channel = vnic.sVlan === undefined ? undefined : vswitch?.channels.find(entry => entry.svid === vnic.sVlan);
    const device = vswitch?.exporter && meters.atVswitch(vswitch.exporter);
    // What is no port of the vSwitch is one of the switch.
    const own = vswitch?.exporter ? channel?.ifIndex : (vnic.ifIndex ?? channel?.ifIndex);
    const hasOwnPort = vnic.ecid !== undefined || (vnic.ifIndex !== undefined && !vswitch?.exporter);
    const vlan = topology.vlan[owner]!;
    const vni = topology.vni[owner]!;
    const segment = vlan !== 0 ? vlan : vni !== 0 ? VNI | vni : topology.segment[owner]! * SEGMENT;
    const name = `${hostAt} ${vswitchAt} ${vnic.ifIndex} ${own} ${channel?.svid ?? vnic.sVlan} ${vnic.ecid} ${segment}`;
    attachments.place(owner, name, (): Attachment => {
      const uplinks = wiring.uplinksOf(host, vswitch?.uplinks);
      const levels = [
        device && vnic.ifIndex !== undefined ? [spots.ofVswitchPort(device, vnic.ifIndex)] : [],
        own === undefined ? [] : uplinks.map(({ switchId }) => spots.ofOwnPort({ switchId, ifIndex: own })),
        uplinks.map(spots.ofUplink),
      ];
      const switching = hasOwnPort ? 'vsi' : (channel ?? vswitch)?.switching;
      return {
        levels,
        ...(device && {
          internal: vnic.ifIndex === undefined ? spots.ofVswitch(device) : spots.ofVswitchPort(device, vnic.ifIndex),
        }),
        component: vswitch === undefined ? '' : `${vswitchAt} ${channel?.svid ?? ''}`,
        segment,
        router: vswitch?.distributedRouting === true,
        turnsBack: switching !== undefined && switching !== 'veb',
        relays: vswitch?.reflectiveRelay?.operational === true,
        hasOwnPort,
        tag: vnic.ecid !== undefined ? ECID | vnic.ecid : (vnic.sVlan ?? 0),
        // A segment with an overlay id and no VLAN exists in tunnels between hosts only.
        tunnelled: vni !== 0 && vlan === 0,
        host: hostAt,
        isTunnelEnd: false,
        forwards: false,
      };
    });
  }
}

const VNI = 0x1000000;
const SEGMENT = 0x2000000;
const ECID = 0x80000000;

function placeOthers(
  topology: AccessTopology,
  { hosts, endpoints }: AccessInventory,
  wiring: Wiring,
  meters: Meters,
  attachments: Attachments,
): void {
  const spots = createSpots(wiring, meters);
  const plain = {
    component: '',
    segment: 0,
    router: false,
    turnsBack: false,
    relays: false,
    hasOwnPort: false,
    tag: 0,
    tunnelled: false,
  };
  for (let owner = 0; owner < topology.count; owner++) {
    const hostAt = topology.host[owner]!;
    const host = hosts[hostAt - 1];
    if (topology.kind[owner] === OWNER_KIND.vmkernel && host) {
      attachments.place(owner, `host ${hostAt}`, () => ({
        ...plain,
        levels: [wiring.uplinksOf(host, undefined).map(spots.ofUplink)],
        host: hostAt,
        isTunnelEnd: true,
        forwards: false,
      }));
    }
    if (topology.kind[owner] !== OWNER_KIND.endpoint) continue;
    const endpoint = endpoints[topology.entity[owner]!];
    if (!endpoint) continue;
    const { switch: switchId, ifIndex, kind } = endpoint;
    const port = switchId === undefined || ifIndex === undefined ? undefined : { switchId, ifIndex };
    const forwards = kind === 'vip' || kind === 'gateway' || kind === 'appliance';
    if (!port && !forwards) continue;
    attachments.place(owner, `${port && `${switchId} ${ifIndex}`} ${forwards}`, () => ({
      ...plain,
      levels: [port ? [spots.ofUplink(port)] : []],
      host: 0,
      isTunnelEnd: false,
      forwards,
    }));
  }
}

/** Ports as places where a packet may be metered. */
function createSpots(wiring: Wiring, meters: Meters) {
  const named = (device: Device | undefined, names: readonly number[], covering: readonly number[]): Spot => ({
    device,
    values: device ? names.map(name => meters.nodeOf(device, name) * 2 + 1) : [],
    covers: (traffic, flow) =>
      device !== undefined &&
      covering.length > 0 &&
      covering.every(name => meters.chosen(device, name, traffic, flow) !== 0),
  });
  return {
    ofVswitchPort: (device: Device, ifIndex: number): Spot => named(device, [ifIndex], [ifIndex]),
    /** Any port of it: where the vNIC's own is not known. */
    ofVswitch: (device: Device): Spot => ({
      device,
      values: [device.node * 2],
      covers: (traffic, flow) => meters.chosen(device, UNLISTED, traffic, flow) !== 0,
    }),
    ofOwnPort: ({ switchId, ifIndex }: SwitchPort): Spot =>
      named(meters.atSwitch(switchId), wiring.chainOf(switchId, ifIndex), [ifIndex]),
    ofUplink: ({ switchId, ifIndex }: SwitchPort): Spot => {
      const device = meters.atSwitch(switchId);
      const chain = wiring.chainOf(switchId, ifIndex);
      const below = wiring.subInterfacesOf(switchId, ifIndex);
      if (wiring.isSubInterface(switchId, ifIndex)) return named(device, [...chain, ...below], [ifIndex]);
      const root = chain.at(-1)!;
      const covers = (traffic: Parameters<Spot['covers']>[0], flow: Parameters<Spot['covers']>[1]) => {
        if (!device) return false;
        if (meters.chosen(device, root, traffic, flow) !== 0) return true;
        const subs = wiring.underRoot(switchId, root).filter(name => wiring.isSubInterface(switchId, name));
        return subs.length > 0 && subs.every(name => meters.chosen(device, name, traffic, flow) !== 0);
      };
      if (device) for (const name of wiring.underRoot(switchId, root)) meters.nodeOf(device, name);
      return { device, values: device ? [meters.nodeOf(device, root) * 2] : [], covers };
    },
  };
}

/** External ports: whether all of them are metered, and one at least by somebody who is not silent. */
function nameOutside(meters: Meters, wiring: Wiring): { metersEntry: boolean; metersExit: boolean } {
  let [entries, exits, missedEntries, missedExits] = [0, 0, 0, 0];
  for (const device of meters.devices) {
    const everyPort = meters.metersEveryPort(device, TRAFFIC.plain);
    for (const ifIndex of externalPorts(device, meters, wiring)) {
      if (meters.chosen(device, ifIndex, TRAFFIC.plain, FLOW.ingress) !== 0) entries++;
      else if (meters.configured(device, ifIndex, TRAFFIC.plain, FLOW.ingress) === 0) missedEntries++;
      if (everyPort || meters.chosen(device, ifIndex, TRAFFIC.plain, FLOW.egress) !== 0) exits++;
      else if (meters.configured(device, ifIndex, TRAFFIC.plain, FLOW.egress) === 0) missedExits++;
    }
  }
  return { metersEntry: entries > 0 && missedEntries === 0, metersExit: exits > 0 && missedExits === 0 };
}

function externalPorts(device: Device, meters: Meters, wiring: Wiring): ReadonlySet<number> {
  const ports = new Set<number>();
  for (const meter of device.meters) {
    if (meter.exporter.role === 'external') ports.add(UNLISTED);
    for (const ifIndex of meter.ports.keys()) {
      if (meters.roleOf(device, meter, ifIndex) !== 'external') continue;
      ports.add(device.switchId === undefined ? ifIndex : wiring.chainOf(device.switchId, ifIndex).at(-1)!);
    }
  }
  return ports;
}
