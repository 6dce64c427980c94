// Where each owner's traffic enters the network, as points that a registered exporter meters there: the attachment of
// its vNIC outwards, the first level that is covered. Coverage comes from the registry alone, never from a flow.
//
// Levels: the port of a vSwitch that exports itself; the vNIC's own port at the switch (VSI interface, S-channel); the
// uplinks of its vSwitch, any of them. A parent, a LAG and the sub-interfaces of an uplink are the same attachment.
// One meter per port: where several registered exporters cover it, the one with the lowest stated sampling rate counts,
// then the first in the registry.

import { parseAddress } from '../schemas/address.ts';
import type { ExporterRegistry, RegisteredExporter } from '../schemas/exporters.ts';
import type { InventoryHost } from '../schemas/inventory.ts';
import type { Merged } from './knowledge/merge.ts';
import { OWNER_KIND, type TopologyData, vswitchOf } from './topology.ts';

/** How the canonical exporter meters the port. */
export const METERS = { ingress: 1, both: 2 } as const;

export interface AccessTable {
  /** Access number by owner, 0 when no registered exporter meters its ingress. */
  readonly idOf: Uint32Array;
  /** Points of access number n: from starts[n] to starts[n + 1]. */
  readonly starts: Uint32Array;
  readonly exporter: Uint32Array;
  readonly ifIndex: Uint32Array;
  readonly meters: Uint8Array;
  /** Registry entries that name a switch the inventory does not have. */
  readonly unknownSwitches: readonly string[];
}

interface Point {
  readonly exporter: number;
  readonly ifIndex: number;
  readonly meters: number;
}

interface SwitchPort {
  readonly switchId: string;
  readonly ifIndex: number;
}

/** Runs where the documents are: `topology` is what compileTopology made of `inventory`. */
export function compileAccess(inventory: Merged, topology: TopologyData, registry: ExporterRegistry): AccessTable {
  const meters = compileMeters(registry);
  const wiring = compileWiring(inventory);
  const idOf = new Uint32Array(topology.count);
  const ids = new Map<string, number>();
  const starts = [0, 0];
  const points: Point[] = [];

  const idFor = (name: string, find: () => Point[]): number => {
    const known = ids.get(name);
    if (known !== undefined) return known;
    const found = find();
    const id = found.length === 0 ? 0 : starts.length - 1;
    if (id > 0) {
      points.push(...found);
      starts.push(points.length);
    }
    ids.set(name, id);
    return id;
  };
  /** Points of a switch port: whichever of its names the canonical meter of the port uses. */
  const pointsOf = (ports: readonly SwitchPort[], withChildren: boolean): Point[] =>
    ports.flatMap(port => meters.atSwitch(port.switchId, wiring.namesOf(port, withChildren)));

  // Without a registry nothing is covered, and the walk over every owner can be saved.
  const owners = registry.exporters.length === 0 ? 0 : topology.count;
  for (let owner = 0; owner < owners; owner++) {
    const kind = topology.kind[owner];
    if (kind === OWNER_KIND.endpoint) {
      const { switch: switchId, ifIndex } = inventory.endpoints[topology.entity[owner]!]!;
      if (switchId !== undefined && ifIndex !== undefined)
        idOf[owner] = idFor(`${switchId}/${ifIndex}`, () => pointsOf([{ switchId, ifIndex }], true));
      continue;
    }
    const host = inventory.hosts[topology.host[owner]! - 1];
    if (!host) continue;
    const hostAt = topology.host[owner]!;
    if (kind === OWNER_KIND.vmkernel) {
      idOf[owner] = idFor(`host ${hostAt}`, () => pointsOf(wiring.uplinksOf(host, undefined), true));
      continue;
    }
    const vnic = inventory.vms[topology.entity[owner]!]!.vnics[topology.nic[owner]!];
    if (!vnic) continue;
    const vswitch = host.vswitches[vswitchOf(host, vnic.vswitch)];
    const channel =
      vnic.sVlan === undefined ? undefined : vswitch?.channels.find(entry => entry.svid === vnic.sVlan)?.ifIndex;
    idOf[owner] = idFor(`${hostAt} ${topology.vswitch[owner]} ${vnic.ifIndex} ${channel}`, () => {
      const uplinks = wiring.uplinksOf(host, vswitch?.uplinks);
      const own = vswitch?.exporter ? channel : (vnic.ifIndex ?? channel);
      const levels = [
        () => (vswitch?.exporter && vnic.ifIndex !== undefined ? meters.atVswitch(vswitch.exporter, vnic.ifIndex) : []),
        () =>
          own === undefined
            ? []
            : pointsOf(
                uplinks.map(({ switchId }) => ({ switchId, ifIndex: own })),
                false,
              ),
        () => pointsOf(uplinks, true),
      ];
      for (const level of levels) {
        const found = level();
        if (found.length > 0) return found;
      }
      return [];
    });
  }
  const switches = new Set(inventory.switches.map(entry => entry.id));
  return {
    idOf,
    starts: Uint32Array.from(starts),
    exporter: Uint32Array.from(points, point => point.exporter),
    ifIndex: Uint32Array.from(points, point => point.ifIndex),
    meters: Uint8Array.from(points, point => point.meters),
    unknownSwitches: registry.exporters
      .map(entry => entry.switch)
      .filter(id => id !== undefined && !switches.has(id)) as string[],
  };
}

/** The registered exporters, asked which of them meters the ingress of a port. */
function compileMeters(registry: ExporterRegistry) {
  const numbered = registry.exporters
    .map((exporter, i) => ({
      exporter,
      number: i + 1,
      ports: new Map(exporter.ports.map(port => [port.ifIndex, port.metering])),
    }))
    .filter(({ exporter }) => exporter.traffic === 'all')
    .sort((a, b) => rankOf(a.exporter) - rankOf(b.exporter));
  const bySwitch = Map.groupBy(numbered, ({ exporter }) => exporter.switch);

  const ofFirst = (candidates: typeof numbered, names: readonly number[]): Point[] => {
    for (const { exporter, number, ports } of candidates) {
      const points = names.flatMap(ifIndex => {
        const metering = ports.get(ifIndex) ?? exporter.metering;
        return metering === 'ingress' || metering === 'both'
          ? [{ exporter: number, ifIndex, meters: METERS[metering] }]
          : [];
      });
      if (points.length > 0) return points;
    }
    return [];
  };
  return {
    atSwitch: (switchId: string, names: readonly number[]) => ofFirst(bySwitch.get(switchId) ?? [], names),
    atVswitch({ address, domain }: { address: string; domain?: number }, ifIndex: number) {
      const wanted = String(parseAddress(address));
      const fits = numbered.filter(
        ({ exporter }) =>
          String(parseAddress(exporter.address)) === wanted &&
          (domain === undefined || exporter.domain === undefined || exporter.domain === domain),
      );
      return ofFirst(fits, [ifIndex]);
    },
  };
}

function rankOf(exporter: RegisteredExporter): number {
  return exporter.samplingRate ?? Number.MAX_VALUE;
}

/** Cables and port hierarchies of the inventory. */
function compileWiring(inventory: Merged) {
  const switches = new Map(
    inventory.switches.map(entry => {
      const byIndex = new Map(entry.ports.map(port => [port.ifIndex, port]));
      return [entry.id, { byIndex, children: Map.groupBy(entry.ports, port => port.parentIfIndex) }];
    }),
  );
  const cabled = new Map<string, SwitchPort[]>();
  for (const { id, ports } of inventory.switches) {
    for (const { ifIndex, connectsTo } of ports) {
      if (connectsTo?.host === undefined) continue;
      const end = `${connectsTo.host} ${connectsTo.pnic ?? ''}`;
      cabled.set(end, [...(cabled.get(end) ?? []), { switchId: id, ifIndex }]);
    }
  }
  return {
    /** Switch ports behind a vSwitch's uplinks; behind every pNIC of the host when it names none. */
    uplinksOf(host: InventoryHost, uplinks: readonly string[] | undefined): SwitchPort[] {
      const pnics = uplinks && uplinks.length > 0 ? host.pnics.filter(pnic => uplinks.includes(pnic.id)) : host.pnics;
      const told = pnics.flatMap(pnic => [
        ...(pnic.switch !== undefined && pnic.ifIndex !== undefined
          ? [{ switchId: pnic.switch, ifIndex: pnic.ifIndex }]
          : []),
        ...(cabled.get(`${host.id} ${pnic.id}`) ?? []),
      ]);
      const ports = told.length > 0 ? told : (cabled.get(`${host.id} `) ?? []);
      return [...new Map(ports.map(port => [`${port.switchId} ${port.ifIndex}`, port])).values()];
    },
    /** The ifIndex of a port, of its parents and LAG, and on request of its sub-interfaces. */
    namesOf({ switchId, ifIndex }: SwitchPort, withChildren: boolean): number[] {
      const entry = switches.get(switchId);
      const names = new Set([ifIndex]);
      // A Set is walked in order of insertion, additions included.
      for (const name of names) {
        const port = entry?.byIndex.get(name);
        if (port?.parentIfIndex !== undefined) names.add(port.parentIfIndex);
        if (port?.lag !== undefined) names.add(port.lag);
      }
      if (withChildren) for (const child of entry?.children.get(ifIndex) ?? []) names.add(child.ifIndex);
      return [...names];
    },
  };
}
