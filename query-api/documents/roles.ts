// Roles of ports, suggested: by what the inventory says is cabled to them, else by whose MACs come in by them. Pure. A
// suggestion changes nothing until somebody confirms it, and a role that somebody stated stays.

import { parseAddress } from '../../schemas/address.ts';
import type { ExporterRegistry, PORT_ROLES, RegisteredExporter } from '../../schemas/exporters.ts';
import type { InventorySwitch } from './entities.ts';

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
  const evidence: Evidence[] = [];
  const exporters = registry.exporters.map(entry => ({ ...entry, ports: [...entry.ports] }));
  const bySeen = Map.groupBy(seen, ({ exporter, protocol }) => `${exporter} ${protocol}`);
  for (const ports of bySeen.values()) {
    const { exporter, protocol } = ports[0]!;
    const known = exporters.find(entry => isOf(entry, exporter, protocol));
    if (known) continue;
    const id = switchOf(ports, cabling);
    exporters.push({
      address: exporter,
      ...(protocol !== undefined && { protocol }),
      ...(id !== undefined && { switch: id }),
      metering: meteringOf(ports),
      role: 'unknown',
      traffic: 'all',
      ports: [],
    } as (typeof exporters)[number]);
  }
  for (const entry of exporters) {
    const cabled = (entry.switch !== undefined && cabling.get(entry.switch)) || new Map<number, Cabling>();
    const ports = seen.filter(port => isOf(entry, port.exporter, port.protocol));
    const found = new Map<number, Omit<Evidence, 'exporter' | 'ifIndex'>>();
    for (const port of ports) {
      const role = roleByMacs(port);
      if (role) found.set(port.ifIndex, { ...role, by: 'macs' });
    }
    for (const [ifIndex, { role, detail }] of cabled) {
      const other = found.get(ifIndex);
      const against = other && other.role !== role ? `; against it: ${other.detail}` : '';
      found.set(ifIndex, { role, by: 'cabling', detail: detail + against });
    }
    for (const [ifIndex, what] of [...found].sort(([a], [b]) => a - b)) {
      const at = entry.ports.findIndex(port => port.ifIndex === ifIndex);
      const stated = entry.ports[at]?.role ?? 'unknown';
      const isStated = stated !== 'unknown';
      if (isStated && stated === what.role) continue;
      evidence.push({ exporter: entry.address, ifIndex, ...what, ...(isStated && { stated }) });
      if (isStated) continue;
      if (at >= 0) entry.ports[at] = { ...entry.ports[at]!, role: what.role };
      else entry.ports.push({ ifIndex, role: what.role });
    }
  }
  return { document: { exporters }, evidence };
}

function isOf(entry: RegisteredExporter, exporter: string, protocol: SeenPort['protocol']): boolean {
  return (
    String(parseAddress(entry.address)) === String(parseAddress(exporter)) &&
    (entry.protocol === undefined || entry.protocol === protocol)
  );
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
