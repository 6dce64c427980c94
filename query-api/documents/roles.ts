// Roles of ports, suggested: by what the inventory says is cabled to them, else by whose MACs come in by them. Pure. A
// suggestion changes nothing until somebody confirms it, and a role that somebody stated stays.

import { formatAddress, parseAddress } from '../../schemas/address.ts';
import type { ExporterRegistry, PORT_ROLES, RegisteredExporter } from '../../schemas/exporters.ts';
import type { Inventory } from '../../schemas/inventory.ts';

export type InventorySwitch = Inventory['switches'][number];

type Role = (typeof PORT_ROLES)[number];

/** A port by which records of an exporter came in lately. */
export interface SeenPort {
  readonly exporter: string;
  readonly protocol: RegisteredExporter['protocol'];
  readonly ifIndex: number;
  readonly macs: number;
  /** Hosts of the VMs that were recognised by their own MAC, by id. */
  readonly hosts: readonly string[];
  /** Of the bytes: those of such VMs, and those from outside. */
  readonly macShare: number;
  readonly externalShare: number;
  readonly directions: readonly string[];
}

export interface Evidence {
  readonly exporter: string;
  readonly ifIndex: number;
  readonly role: Role;
  readonly by: 'cabling' | 'macs';
  readonly detail: string;
  /** A role that the registry states and that is another one; it stays. */
  readonly stated?: Role;
}

export interface Suggestions {
  readonly document: ExporterRegistry;
  readonly evidence: readonly Evidence[];
}

/** Hosts behind one port that make it a port of the fabric: two may be a move. */
const FABRIC_HOSTS_MIN = 3;
const SHARE_MIN = 0.5;
/** Ports that agree before an exporter is taken for a switch. */
const VOTES_MIN = 2;

interface Cabling {
  readonly role: 'access' | 'fabric';
  readonly detail: string;
  readonly host?: string;
}

/** `registry` with every role that could be found. */
export function suggestRoles(
  registry: ExporterRegistry,
  switches: readonly InventorySwitch[],
  seen: readonly SeenPort[],
): Suggestions {
  const cabling = new Map(switches.map(entry => [entry.id, cablingOf(entry)]));
  const exporters = registry.exporters.map(entry => ({ ...entry, ports: [...entry.ports] }));
  const names = new Set(registry.exporters.map(({ address, protocol }) => nameOf(address, protocol)));
  // Registries have a hundred thousand entries: seen ports are found by address, never by a walk over all.
  for (const ports of Map.groupBy(seen, ({ exporter, protocol }) => nameOf(exporter, protocol)).values()) {
    const { exporter, protocol } = ports[0]!;
    if (names.has(nameOf(exporter, protocol)) || names.has(nameOf(exporter, undefined))) continue;
    exporters.push(unregistered(ports, switchOf(ports, cabling)));
  }
  const seenAt = Map.groupBy(seen, ({ exporter }) => nameOf(exporter, undefined));
  const evidence: Evidence[] = [];
  for (const entry of exporters) {
    const ports = (seenAt.get(nameOf(entry.address, undefined)) ?? []).filter(
      ({ protocol }) => entry.protocol === undefined || entry.protocol === protocol,
    );
    const cabled = entry.switch === undefined ? undefined : cabling.get(entry.switch);
    evidence.push(...fillIn(entry, rolesOf(ports, cabled ?? new Map())));
  }
  return { document: { exporters }, evidence };
}

type Filled = ExporterRegistry['exporters'][number];
type Found = Omit<Evidence, 'exporter' | 'ifIndex'>;

function unregistered(ports: readonly SeenPort[], id: string | undefined): Filled {
  const { exporter, protocol } = ports[0]!;
  return {
    address: exporter,
    ...(protocol !== undefined && { protocol }),
    ...(id !== undefined && { switch: id }),
    metering: meteringOf(ports),
    role: 'unknown',
    traffic: 'all',
    ports: [],
  };
}

function rolesOf(ports: readonly SeenPort[], cabled: ReadonlyMap<number, Cabling>): Map<number, Found> {
  const found = new Map<number, Found>();
  for (const port of ports) {
    const role = roleByMacs(port);
    if (role) found.set(port.ifIndex, { ...role, by: 'macs' });
  }
  for (const [ifIndex, { role, detail }] of cabled) {
    const other = found.get(ifIndex);
    const against = other && other.role !== role ? `; against it: ${other.detail}` : '';
    found.set(ifIndex, { role, by: 'cabling', detail: detail + against });
  }
  return found;
}

/** Gives `entry` the roles that nobody states; returns what is new or contradicts. */
function fillIn(entry: Filled, found: ReadonlyMap<number, Found>): Evidence[] {
  const evidence: Evidence[] = [];
  const positions = new Map(entry.ports.map(({ ifIndex }, at) => [ifIndex, at]));
  for (const [ifIndex, what] of [...found].sort(([a], [b]) => a - b)) {
    const at = positions.get(ifIndex);
    const stated = (at === undefined ? undefined : entry.ports[at]?.role) ?? 'unknown';
    const isStated = stated !== 'unknown';
    if (isStated && stated === what.role) continue;
    evidence.push({ exporter: entry.address, ifIndex, ...what, ...(isStated && { stated }) });
    if (isStated) continue;
    if (at === undefined) entry.ports.push({ ifIndex, role: what.role });
    else entry.ports[at] = { ...entry.ports[at]!, role: what.role };
  }
  return evidence;
}

function nameOf(address: string, protocol: SeenPort['protocol']): string {
  const words = parseAddress(address);
  return `${words ? formatAddress(words) : address} ${protocol ?? ''}`;
}

/** What is at the other end of each port, of the LAG or the parent that it belongs to, and of their members. */
function cablingOf({ ports }: InventorySwitch): Map<number, Cabling> {
  const cabled = new Map<number, Cabling>();
  for (const { ifIndex, connectsTo } of ports) {
    if (connectsTo?.host !== undefined)
      cabled.set(ifIndex, { role: 'access', detail: `cabled to host ${connectsTo.host}`, host: connectsTo.host });
    else if (connectsTo?.switch !== undefined)
      cabled.set(ifIndex, { role: 'fabric', detail: `cabled to switch ${connectsTo.switch}` });
  }
  for (const { ifIndex, lag, parentIfIndex } of ports) {
    const own = cabled.get(ifIndex);
    if (own && lag !== undefined && !cabled.has(lag))
      cabled.set(lag, { ...own, detail: `${own.detail} by its member ${ifIndex}` });
    const parent = parentIfIndex === undefined ? undefined : cabled.get(parentIfIndex);
    if (!own && parent) cabled.set(ifIndex, { ...parent, detail: `${parent.detail} by its parent ${parentIfIndex}` });
  }
  return cabled;
}

function roleByMacs(port: SeenPort): { role: Role; detail: string } | undefined {
  const { macs, hosts, macShare, externalShare } = port;
  if (hosts.length >= FABRIC_HOSTS_MIN) return { role: 'fabric', detail: `MACs of VMs on ${hosts.length} hosts` };
  if (hosts.length === 1 && macShare >= SHARE_MIN)
    return { role: 'access', detail: `${macs} MACs, those of VMs all on host ${hosts[0]}` };
  if (macs === 1 && externalShare >= SHARE_MIN)
    return {
      role: 'external',
      detail: `addresses from outside behind one MAC, ${percent(externalShare)} of the bytes`,
    };
  return undefined;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

/** The switch whose cabling agrees with the hosts seen behind the most ports, when no other does as well. */
function switchOf(ports: readonly SeenPort[], cabling: ReadonlyMap<string, Map<number, Cabling>>): string | undefined {
  let [best, votes, isAlone] = ['', 0, false];
  for (const [id, cabled] of cabling) {
    const agreeing = ports.filter(({ ifIndex, hosts }) => {
      const host = cabled.get(ifIndex)?.host;
      return host !== undefined && hosts.length === 1 && hosts[0] === host;
    }).length;
    if (agreeing > votes) [best, votes, isAlone] = [id, agreeing, true];
    else if (agreeing === votes) isAlone = false;
  }
  return isAlone && votes >= VOTES_MIN ? best : undefined;
}

/** Ingress when nothing says otherwise: what an exporter meters on one port only says little. */
function meteringOf(ports: readonly SeenPort[]): RegisteredExporter['metering'] {
  const directions = new Set(ports.flatMap(port => port.directions));
  if (directions.has('egress')) return directions.has('ingress') ? 'both' : 'egress';
  return 'ingress';
}
