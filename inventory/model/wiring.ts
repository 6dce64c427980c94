// Cables and port hierarchies of the inventory: which switch ports a host hangs on, and which interface indexes name one
// port. A port is named by its own index, by its LAG's and by its parent's; the top of that chain is its root, and all
// ports with one root carry the same cable's traffic.

import type { Inventory, InventoryHost } from '../../schemas/inventory.ts';

export interface SwitchPort {
  readonly switchId: string;
  readonly ifIndex: number;
}

type InventoryPort = Inventory['switches'][number]['ports'][number];

export interface Wiring {
  /** Switch ports behind a vSwitch's uplinks; behind every pNIC of the host when it names none. */
  uplinksOf(host: InventoryHost, uplinks: readonly string[] | undefined): readonly SwitchPort[];
  /** The port itself, then its parents and LAG up to the root. */
  chainOf(switchId: string, ifIndex: number): readonly number[];
  /** Root, LAG and members of the port's cable, without sub-interfaces. */
  bundleOf(switchId: string, ifIndex: number): readonly number[];
  /** Every port under the root, sub-interfaces included. */
  underRoot(switchId: string, root: number): readonly number[];
  /** Whether the port is a sub-interface of another. */
  isSubInterface(switchId: string, ifIndex: number): boolean;
  subInterfacesOf(switchId: string, ifIndex: number): readonly number[];
  portsOf(switchId: string): readonly number[];
  /** Id of the host that a switch port is cabled to, itself or by the ports that it names. */
  hostAt(switchId: string, ifIndex: number): string | undefined;
}

const NONE: readonly number[] = [];

export function compileWiring(inventory: Pick<Inventory, 'switches' | 'hosts'>): Wiring {
  const switches = new Map(
    inventory.switches.map(({ id, ports }) => {
      const byIndex = new Map(ports.map(port => [port.ifIndex, port]));
      const chains = new Map(ports.map(port => [port.ifIndex, chainFrom(byIndex, port.ifIndex)]));
      const byRoot = Map.groupBy(chains.keys(), ifIndex => chains.get(ifIndex)!.at(-1)!);
      const children = Map.groupBy(ports, port => port.parentIfIndex);
      return [id, { byIndex, chains, byRoot, children }] as const;
    }),
  );
  const cabled = new Map<string, SwitchPort[]>();
  const hosts = new Map<string, string>();
  for (const { id, ports } of inventory.switches) {
    for (const { ifIndex, connectsTo } of ports) {
      if (connectsTo?.host === undefined) continue;
      const end = `${connectsTo.host} ${connectsTo.pnic ?? ''}`;
      const known = cabled.get(end);
      if (known) known.push({ switchId: id, ifIndex });
      else cabled.set(end, [{ switchId: id, ifIndex }]);
    }
  }
  const chainOf = (switchId: string, ifIndex: number): readonly number[] =>
    switches.get(switchId)?.chains.get(ifIndex) ?? [ifIndex];
  const underRoot = (switchId: string, root: number): readonly number[] =>
    switches.get(switchId)?.byRoot.get(root) ?? [root];
  const isSubInterface = (switchId: string, ifIndex: number) =>
    switches.get(switchId)?.byIndex.get(ifIndex)?.parentIfIndex !== undefined;
  const setHost = (switchId: string, ifIndex: number, host: string) => {
    for (const name of chainOf(switchId, ifIndex)) hosts.set(`${switchId} ${name}`, host);
  };
  for (const { id, ports } of inventory.switches)
    for (const { ifIndex, connectsTo } of ports)
      if (connectsTo?.host !== undefined) setHost(id, ifIndex, connectsTo.host);
  for (const { id, pnics } of inventory.hosts)
    for (const pnic of pnics)
      if (pnic.switch !== undefined && pnic.ifIndex !== undefined) setHost(pnic.switch, pnic.ifIndex, id);

  return {
    uplinksOf(host, uplinks) {
      const pnics = uplinks && uplinks.length > 0 ? host.pnics.filter(pnic => uplinks.includes(pnic.id)) : host.pnics;
      const reported = pnics.flatMap(pnic => [
        ...(pnic.switch !== undefined && pnic.ifIndex !== undefined
          ? [{ switchId: pnic.switch, ifIndex: pnic.ifIndex }]
          : []),
        ...(cabled.get(`${host.id} ${pnic.id}`) ?? []),
      ]);
      const ports = reported.length > 0 ? reported : (cabled.get(`${host.id} `) ?? []);
      return [...new Map(ports.map(port => [`${port.switchId} ${port.ifIndex}`, port])).values()];
    },
    chainOf,
    bundleOf: (switchId, ifIndex) =>
      underRoot(switchId, chainOf(switchId, ifIndex).at(-1)!).filter(name => !isSubInterface(switchId, name)),
    underRoot,
    isSubInterface,
    subInterfacesOf: (switchId, ifIndex) =>
      switches
        .get(switchId)
        ?.children.get(ifIndex)
        ?.map(port => port.ifIndex) ?? NONE,
    portsOf: switchId => [...(switches.get(switchId)?.byIndex.keys() ?? [])],
    hostAt(switchId, ifIndex) {
      for (const name of chainOf(switchId, ifIndex)) {
        const host = hosts.get(`${switchId} ${name}`);
        if (host !== undefined) return host;
      }
      return undefined;
    },
  };
}

function chainFrom(byIndex: ReadonlyMap<number, InventoryPort>, ifIndex: number): readonly number[] {
  const names = new Set([ifIndex]);
  // A Set is walked in order of insertion, additions included. A parent goes before the LAG, which ends the chain.
  for (const name of names) {
    const port = byIndex.get(name);
    if (port?.parentIfIndex !== undefined) names.add(port.parentIfIndex);
    if (port?.lag !== undefined) names.add(port.lag);
  }
  return [...names];
}
