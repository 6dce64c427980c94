// Where a record was seen, as far as it helps to tell whose it is: the site of its exporter, what stands behind the port
// it came in by, and which VRF the exporter's number means. Two sites may use one subnet, and two VMs may have one MAC;
// the place tells them apart. Known from the registry, the inventory and the names of VRFs that exporters tell.

import { parseAddress, swap32 } from '../../schemas/address.ts';
import type { ExporterRegistry, RegisteredExporter } from '../../schemas/exporters.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';
import { createHashTable, type Finder, openHashTable } from '../lookup/hash-table.ts';
import type { Merged } from './merge.ts';
import { OWNER_KIND, type TopologyData } from './topology.ts';

/** What is behind a port: a host, or one owner alone. */
export const OWNER_BIT = 0x40000000;

export interface ExporterContextData {
  /** Position of the site by exporter number, 0 unknown. */
  readonly siteOf: Uint32Array;
  /** (exporter number, ifIndex) to the position of a host, or OWNER_BIT | owner. */
  readonly portSlots: Uint32Array;
  readonly knowsPorts: boolean;
  /** (exporter as in the column, VRF id) to the position of a VRF. */
  readonly vrfSlots: Uint32Array;
  readonly knowsVrfs: boolean;
}

export interface ExporterContext extends Pick<ExporterContextData, 'siteOf' | 'knowsPorts' | 'knowsVrfs'> {
  readonly behindPort: Finder;
  readonly vrfs: Finder;
}

export function compileExporterContext(
  inventory: Merged,
  topology: TopologyData,
  registry: ExporterRegistry,
  facts: Iterable<StoredFact>,
): ExporterContextData {
  const { exporters } = registry;
  const ports = createHashTable(2, PORTS_MAX);
  const key = new Uint32Array(2);
  const put = (number: number, ifIndex: number, value: number) => {
    key[0] = number;
    key[1] = ifIndex;
    // What was put first is the more precise.
    if (ports.find(key, 0) < 0) ports.insert(key, 0, value);
  };
  const numbersOf = Map.groupBy(exporters.keys(), at => exporters[at]!.switch);
  const atSwitch = (id: string | undefined, ifIndex: number | undefined, value: number) => {
    if (id === undefined || ifIndex === undefined) return;
    for (const at of numbersOf.get(id) ?? []) put(at + 1, ifIndex, value);
  };
  if (exporters.length > 0) {
    const uplinks = uplinksOf(inventory);
    putOwners(inventory, topology, exporters, put, atSwitch, uplinks);
    uplinks.forEach((list, host) => {
      for (const { switchId, ifIndex } of list) atSwitch(switchId, ifIndex, host + 1);
    });
  }
  const vrfs = compileVrfs(topology, facts);
  return {
    siteOf: sitesOf(inventory, registry),
    portSlots: ports.words,
    knowsPorts: ports.size > 0,
    vrfSlots: vrfs.words,
    knowsVrfs: vrfs.size > 0,
  };
}

export function openExporterContext({
  siteOf,
  knowsPorts,
  knowsVrfs,
  portSlots,
  vrfSlots,
}: ExporterContextData): ExporterContext {
  return {
    siteOf,
    knowsPorts,
    knowsVrfs,
    behindPort: openHashTable(2, portSlots),
    vrfs: openHashTable(5, vrfSlots),
  };
}

const PORTS_MAX = 4_194_304;
const VRF_FACTS_MAX = 65_536;

interface SwitchPort {
  readonly switchId: string;
  readonly ifIndex: number;
}

/** Switch ports that lead to each host: cables told by either end, their parents, LAGs and sub-interfaces. */
function uplinksOf({ hosts, switches }: Merged): readonly (readonly SwitchPort[])[] {
  const hostAt = new Map(hosts.map((host, i) => [host.id, i]));
  const told = hosts.map(() => new Map<string, SwitchPort>());
  const tell = (host: number | undefined, switchId: string, ifIndex: number) =>
    host !== undefined && told[host]!.set(`${switchId} ${ifIndex}`, { switchId, ifIndex });
  hosts.forEach((host, i) => {
    for (const pnic of host.pnics)
      if (pnic.switch !== undefined && pnic.ifIndex !== undefined) tell(i, pnic.switch, pnic.ifIndex);
  });
  for (const { id, ports } of switches)
    for (const port of ports)
      if (port.connectsTo?.host !== undefined) tell(hostAt.get(port.connectsTo.host), id, port.ifIndex);
  const hierarchy = new Map(
    switches.map(({ id, ports }) => [
      id,
      {
        byIndex: new Map(ports.map(port => [port.ifIndex, port])),
        children: Map.groupBy(ports, port => port.parentIfIndex),
      },
    ]),
  );
  told.forEach((own, host) => {
    for (const { switchId, ifIndex } of [...own.values()]) {
      const known = hierarchy.get(switchId);
      const port = known?.byIndex.get(ifIndex);
      if (port?.parentIfIndex !== undefined) tell(host, switchId, port.parentIfIndex);
      if (port?.lag !== undefined) tell(host, switchId, port.lag);
      for (const child of known?.children.get(ifIndex) ?? []) tell(host, switchId, child.ifIndex);
    }
  });
  return told.map(own => [...own.values()]);
}

/** Ports that one owner has for itself: of its vSwitch, at the switch, or cabled to bare metal. */
function putOwners(
  inventory: Merged,
  topology: TopologyData,
  exporters: readonly RegisteredExporter[],
  put: (number: number, ifIndex: number, value: number) => void,
  atSwitch: (id: string | undefined, ifIndex: number | undefined, value: number) => void,
  uplinks: readonly (readonly SwitchPort[])[],
): void {
  const byAddress = Map.groupBy(exporters.keys(), at => String(parseAddress(exporters[at]!.address)));
  const vswitches = inventory.hosts.flatMap(host => host.vswitches);
  for (let owner = 0; owner < topology.count; owner++) {
    const value = OWNER_BIT | owner;
    if (topology.kind[owner] === OWNER_KIND.endpoint) {
      const endpoint = inventory.endpoints[topology.entity[owner]!]!;
      atSwitch(endpoint.switch, endpoint.ifIndex, value);
      continue;
    }
    if (topology.kind[owner] !== OWNER_KIND.vm) continue;
    const vnic = inventory.vms[topology.entity[owner]!]!.vnics[topology.nic[owner]!];
    if (vnic?.ifIndex === undefined) continue;
    const exporter = vswitches[topology.vswitch[owner]! - 1]?.exporter;
    if (exporter) {
      for (const at of byAddress.get(String(parseAddress(exporter.address))) ?? []) {
        const { domain } = exporters[at]!;
        if (exporter.domain === undefined || domain === undefined || domain === exporter.domain)
          put(at + 1, vnic.ifIndex, value);
      }
      continue;
    }
    for (const { switchId } of uplinks[topology.host[owner]! - 1] ?? []) atSwitch(switchId, vnic.ifIndex, value);
  }
}

/** By number: the registered site, else that of the rack of its switch. */
function sitesOf({ sites, racks, switches }: Merged, { exporters }: ExporterRegistry): Uint32Array {
  const siteAt = new Map(sites.map((site, i) => [site.id, i + 1]));
  const siteOfRack = new Map(racks.map(rack => [rack.id, rack.site]));
  const siteOfSwitch = new Map(switches.map(entry => [entry.id, siteOfRack.get(entry.rack ?? '')]));
  return Uint32Array.from([
    0,
    ...exporters.map(({ site, switch: id }) => siteAt.get(site ?? siteOfSwitch.get(id ?? '') ?? '') ?? 0),
  ]);
}

function compileVrfs({ vrfs }: TopologyData, facts: Iterable<StoredFact>) {
  const table = createHashTable(5, VRF_FACTS_MAX);
  const key = new Uint32Array(5);
  const numberOf = new Map(vrfs.map((name, i) => [name, i]));
  for (const { kind, name, exporter, index } of facts) {
    const number = kind === 'vrf' ? (numberOf.get(name) ?? 0) : 0;
    const words = number === 0 ? undefined : parseAddress(exporter);
    if (!words) continue;
    for (let i = 0; i < 4; i++) key[i] = swap32(words[i]!);
    key[4] = index;
    table.insert(key, 0, number);
  }
  return table;
}
