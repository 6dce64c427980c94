// Where a record was seen, as far as it helps to find whose it is: the site of its exporter, what stands behind the port
// it came in by, and which VRF the exporter's number means. Two sites may use one subnet, and two VMs may have one MAC;
// the place distinguishes them. Known from the registry, the inventory and the names of VRFs that exporters report.

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
  const ports = new ExporterPorts(registry.exporters);
  if (registry.exporters.length > 0) {
    const uplinks = uplinksOf(inventory);
    putOwners(ports, inventory, topology, uplinks);
    uplinks.forEach((list, host) => {
      for (const { switchId, ifIndex } of list) ports.putAtSwitch(switchId, ifIndex, host + 1);
    });
  }
  const vrfs = compileVrfs(topology, facts);
  return {
    siteOf: sitesOf(inventory, registry),
    portSlots: ports.table.words,
    knowsPorts: ports.table.size > 0,
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

/** Ports of exporters, and who is behind them. What was put first is the more precise, and stays. */
class ExporterPorts {
  readonly table = createHashTable(2, PORTS_MAX);
  readonly #exporters: readonly RegisteredExporter[];
  readonly #bySwitch: ReadonlyMap<string | undefined, readonly number[]>;
  readonly #byAddress: ReadonlyMap<string, readonly number[]>;
  readonly #key = new Uint32Array(2);

  constructor(exporters: readonly RegisteredExporter[]) {
    this.#exporters = exporters;
    this.#bySwitch = Map.groupBy(exporters.keys(), at => exporters[at]!.switch);
    this.#byAddress = Map.groupBy(exporters.keys(), at => addressKey(exporters[at]!));
  }

  putAtSwitch(id: string | undefined, ifIndex: number | undefined, value: number): void {
    if (id === undefined || ifIndex === undefined) return;
    for (const at of this.#bySwitch.get(id) ?? []) this.#put(at + 1, ifIndex, value);
  }

  /** At all domains of an address that may be the exporter's. */
  putAtExporter(exporter: ExporterAddress, ifIndex: number, value: number): void {
    for (const at of this.#byAddress.get(addressKey(exporter)) ?? []) {
      const { domain } = this.#exporters[at]!;
      if (exporter.domain === undefined || domain === undefined || domain === exporter.domain)
        this.#put(at + 1, ifIndex, value);
    }
  }

  #put(number: number, ifIndex: number, value: number): void {
    this.#key[0] = number;
    this.#key[1] = ifIndex;
    if (this.table.find(this.#key, 0) < 0) this.table.insert(this.#key, 0, value);
  }
}

interface ExporterAddress {
  readonly address: string;
  readonly domain?: number;
}

function addressKey({ address }: ExporterAddress): string {
  return String(parseAddress(address));
}

interface SwitchPort {
  readonly switchId: string;
  readonly ifIndex: number;
}

/** Switch ports that lead to each host: cables reported by either end, their parents, LAGs and sub-interfaces. */
function uplinksOf({ hosts, switches }: Merged): readonly (readonly SwitchPort[])[] {
  const hostAt = new Map(hosts.map((host, i) => [host.id, i]));
  const reported = hosts.map(() => new Map<string, SwitchPort>());
  const report = (host: number | undefined, switchId: string, ifIndex: number) =>
    host !== undefined && reported[host]!.set(`${switchId} ${ifIndex}`, { switchId, ifIndex });
  hosts.forEach((host, i) => {
    for (const pnic of host.pnics)
      if (pnic.switch !== undefined && pnic.ifIndex !== undefined) report(i, pnic.switch, pnic.ifIndex);
  });
  for (const { id, ports } of switches)
    for (const port of ports)
      if (port.connectsTo?.host !== undefined) report(hostAt.get(port.connectsTo.host), id, port.ifIndex);
  const hierarchy = new Map(
    switches.map(({ id, ports }) => [
      id,
      {
        byIndex: new Map(ports.map(port => [port.ifIndex, port])),
        children: Map.groupBy(ports, port => port.parentIfIndex),
      },
    ]),
  );
  reported.forEach((own, host) => {
    for (const { switchId, ifIndex } of [...own.values()]) {
      const known = hierarchy.get(switchId);
      const port = known?.byIndex.get(ifIndex);
      if (port?.parentIfIndex !== undefined) report(host, switchId, port.parentIfIndex);
      if (port?.lag !== undefined) report(host, switchId, port.lag);
      for (const child of known?.children.get(ifIndex) ?? []) report(host, switchId, child.ifIndex);
    }
  });
  return reported.map(own => [...own.values()]);
}

/** Ports that one owner has for itself: of its vSwitch, at the switch, or cabled to bare metal. */
function putOwners(
  ports: ExporterPorts,
  inventory: Merged,
  topology: TopologyData,
  uplinks: readonly (readonly SwitchPort[])[],
): void {
  const vswitches = inventory.hosts.flatMap(host => host.vswitches);
  for (let owner = 0; owner < topology.count; owner++) {
    const value = OWNER_BIT | owner;
    if (topology.kind[owner] === OWNER_KIND.endpoint) {
      const endpoint = inventory.endpoints[topology.entity[owner]!]!;
      ports.putAtSwitch(endpoint.switch, endpoint.ifIndex, value);
      continue;
    }
    if (topology.kind[owner] !== OWNER_KIND.vm) continue;
    const vnic = inventory.vms[topology.entity[owner]!]!.vnics[topology.nic[owner]!];
    if (vnic?.ifIndex === undefined) continue;
    const exporter = vswitches[topology.vswitch[owner]! - 1]?.exporter;
    if (exporter) {
      ports.putAtExporter(exporter, vnic.ifIndex, value);
      continue;
    }
    for (const { switchId } of uplinks[topology.host[owner]! - 1] ?? [])
      ports.putAtSwitch(switchId, vnic.ifIndex, value);
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
