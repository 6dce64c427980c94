// Stations that exporters told of, as owners behind those of the inventory: the lowest source. A MAC or an id that a
// document knows keeps the document's owner, and a VM of the document gains the MACs told under its UUID. Everything else
// that has a name or an id becomes a VM of the source `in-band`, on the host told with it. Only this addition is made when
// facts change, which takes some 4 us a station; the documents are not compiled again.

import { formatMac, parseMac } from '../schemas/address.ts';
import { formatUuid, parseUuid } from '../schemas/facts.ts';
import type { Inventory, InventoryHost, InventoryVm } from '../schemas/inventory.ts';
import type { StoredFact } from '../storage/storage.ts';
import { createHashTable, type Finder } from './hash-table.ts';
import type { Snapshot } from './snapshot.ts';
import { OWNER_KIND, stationWords, type Topology } from './topology.ts';

const TWO_32 = 2 ** 32;
/** Position of a vNIC that the document does not list. */
const NO_NIC = 0xffffffff;

const PLACE = ['kind', 'entity', 'nic', 'vswitch', 'host', 'rack', 'site', 'segment', 'vlan', 'vni'] as const;
/** A row of the topology's columns. */
type Attachment = Readonly<Record<(typeof PLACE)[number], number>>;

export function addStations(snapshot: Snapshot, facts: Iterable<StoredFact>): Snapshot {
  const told = [...facts].sort(newestFirst);
  const stations = told.filter(fact => fact.kind === 'station' && (fact.name !== '' || fact.stationId !== ''));
  if (stations.length === 0) return snapshot;
  const { topology, access } = snapshot;
  const { inventory } = topology;
  const gateways = gatewayMacs(inventory);
  const hosts = createHosts(inventory, told);
  const byMac = createHashTable(2, stations.length, stations.length);
  const byStation = createHashTable(4, stations.length, stations.length);
  const added: Attachment[] = [];
  const vms: { readonly vm: InventoryVm; readonly vnics: { mac: string; addresses: string[] }[] }[] = [];
  const id = new Uint32Array(4);
  const mac = new Uint32Array(2);

  const attachmentOf = (owner: number): Attachment =>
    owner < topology.count
      ? (Object.fromEntries(PLACE.map(column => [column, topology[column][owner]!])) as Attachment)
      : added[owner - topology.count]!;

  /** One more attachment of the owner's machine. */
  const addLike = (owner: number, fact: StoredFact): Attachment => {
    const like = attachmentOf(owner);
    const own = like.kind === OWNER_KIND.vm ? vms[like.entity - inventory.vms.length] : undefined;
    return { ...like, nic: own ? own.vnics.push(vnicOf(fact)) - 1 : NO_NIC };
  };

  const addVm = (fact: StoredFact): Attachment => {
    const vnics = fact.mac === 0 ? [] : [vnicOf(fact)];
    const entity = inventory.vms.length + vms.push({ vm: vmOfStation(fact, vnics), vnics }) - 1;
    return { kind: OWNER_KIND.vm, entity, nic: 0, vswitch: 0, ...hosts.placeOf(fact.hostId), ...NO_SEGMENT };
  };

  for (const fact of stations) {
    // What a gateway of the document forwards carries its MAC, whatever else is said of that MAC.
    if (gateways.has(fact.mac)) continue;
    id.set(fact.stationId === '' ? [0, 0, 0, 0] : stationWords(fact.stationId));
    mac[0] = fact.mac % TWO_32;
    mac[1] = Math.floor(fact.mac / TWO_32);
    const byId = fact.stationId === '' ? -1 : findIn(topology.byStation, byStation, id);
    const byItsMac = fact.mac === 0 ? -1 : findIn(topology.byMac, byMac, mac);
    const documented = byItsMac >= 0 && byItsMac < topology.count;
    let owner = byId >= 0 ? byId : documented ? byItsMac : -1;
    const freeMac = fact.mac !== 0 && byItsMac < 0;
    if (freeMac || (owner < 0 && fact.stationId !== '')) {
      added.push(owner >= 0 ? addLike(owner, fact) : addVm(fact));
      owner = topology.count + added.length - 1;
    }
    if (freeMac) byMac.insert(mac, 0, owner);
    if (fact.stationId !== '' && byId < 0) byStation.insert(id, 0, owner);
  }

  const columns = Object.fromEntries(
    PLACE.map(column => [column, extended(topology[column], added, attachment => attachment[column])]),
  ) as Pick<Topology, (typeof PLACE)[number]>;
  return {
    ...snapshot,
    topology: {
      ...topology,
      ...columns,
      count: topology.count + added.length,
      inventory: {
        ...inventory,
        vms: [...inventory.vms, ...vms.map(({ vm }) => vm)],
        hosts: [...inventory.hosts, ...hosts.added],
      },
      byMac: layered(topology.byMac, byMac),
      byStation: layered(topology.byStation, byStation),
      knowsStations: true,
    },
    access: { ...access, idOf: extended(access.idOf, added, () => 0) },
  };
}

const NO_SEGMENT = { segment: 0, vlan: 0, vni: 0 } as const;

/** The newest word first; the rest of the order only makes it the same everywhere. */
function newestFirst(a: StoredFact, b: StoredFact): number {
  return (
    b.receivedAtMs - a.receivedAtMs ||
    b.firstSeenMs - a.firstSeenMs ||
    (a.exporter < b.exporter ? -1 : a.exporter > b.exporter ? 1 : 0) ||
    a.mac - b.mac ||
    a.index - b.index
  );
}

function macText(mac: number): string {
  return formatMac(mac % TWO_32, Math.floor(mac / TWO_32));
}

function vnicOf({ mac }: StoredFact) {
  return { mac: macText(mac), addresses: [] };
}

function vmOfStation({ name, stationId, mac }: StoredFact, vnics: InventoryVm['vnics']): InventoryVm {
  const id = stationId === '' ? macText(mac) : formatUuid(stationId);
  return { id, name: name || id, status: 'running', tags: [], vnics };
}

/** Hosts by the ids that stations name: of the document where it has the id or, alone, the name; else told ones. */
function createHosts(inventory: Inventory, told: readonly StoredFact[]) {
  const names = new Map<string, string>();
  for (const { kind, stationId, name } of told)
    if (kind === 'host' && name !== '' && !names.has(stationId)) names.set(stationId, name);
  const byUuid = new Map(inventory.hosts.map((host, i) => [parseUuid(host.id), i]));
  const byName = Map.groupBy(inventory.hosts.keys(), i =>
    (inventory.hosts[i]!.name ?? inventory.hosts[i]!.id).toLowerCase(),
  );
  const documentedAt = (hostId: string): number => {
    const named = byName.get(names.get(hostId)?.toLowerCase() ?? '') ?? [];
    return byUuid.get(hostId) ?? (named.length === 1 ? named[0]! : -1);
  };
  const added: InventoryHost[] = [];
  const places = new Map<string, { host: number; rack: number; site: number }>([['', { host: 0, rack: 0, site: 0 }]]);
  const find = (hostId: string) => {
    const at = documentedAt(hostId);
    if (at < 0) {
      const id = formatUuid(hostId);
      added.push(hostNamed(id, names.get(hostId) ?? id));
      return { host: inventory.hosts.length + added.length, rack: 0, site: 0 };
    }
    const rack = inventory.racks.findIndex(entry => entry.id === inventory.hosts[at]!.rack);
    const site = inventory.sites.findIndex(entry => entry.id === inventory.racks[rack]?.site);
    return { host: at + 1, rack: rack + 1, site: site + 1 };
  };
  return {
    added,
    placeOf(hostId: string) {
      const place = places.get(hostId) ?? find(hostId);
      places.set(hostId, place);
      return place;
    },
  };
}

function hostNamed(id: string, name: string): InventoryHost {
  return { id, name, status: 'running', addresses: [], pnics: [], vswitches: [], vmkernelNics: [] };
}

function gatewayMacs({ endpoints }: Inventory): ReadonlySet<number> {
  const macs = new Set<number>();
  for (const { kind, mac } of endpoints) {
    const words = kind === 'gateway' && mac !== undefined ? parseMac(mac) : undefined;
    if (words) macs.add(words.high * TWO_32 + words.low);
  }
  return macs;
}

function findIn(documented: Finder, told: Finder, key: Uint32Array): number {
  const found = documented.find(key, 0);
  return found >= 0 ? found : told.find(key, 0);
}

function layered(documented: Finder, told: Finder): Finder {
  return {
    find(words, offset) {
      const found = documented.find(words, offset);
      return found >= 0 ? found : told.find(words, offset);
    },
  };
}

function extended<A extends Uint8Array | Uint16Array | Uint32Array>(
  column: A,
  added: readonly Attachment[],
  value: (attachment: Attachment) => number,
): A {
  const grown = new (column.constructor as new (length: number) => A)(column.length + added.length);
  grown.set(column);
  added.forEach((attachment, i) => {
    grown[column.length + i] = value(attachment);
  });
  return grown;
}
