// Stations that exporters reported, as a source of the inventory: the lowest one, `in-band`. A MAC that a document knows
// keeps the document's owner, and a VM of a document gains the MACs reported under its UUID. Everything else that has a name or
// an id becomes a VM of this source, on the host reported with it.

import { formatMac, parseMac } from '../../schemas/address.ts';
import { formatUuid, parseUuid } from '../../schemas/facts.ts';
import type { Inventory, InventoryHost, InventoryVm } from '../../schemas/inventory.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';
import { type Merged, merge } from '../model/merge.ts';

export const IN_BAND = 'in-band';
const TWO_32 = 2 ** 32;

/** `merged` and, behind it, what the facts add. */
export function addStations(merged: Merged, facts: Iterable<StoredFact>): Merged {
  const reported = [...facts].filter(fact => fact.kind === 'station' || fact.kind === 'host').sort(newestFirst);
  const stations = reported.filter(fact => fact.kind === 'station' && (fact.name !== '' || fact.stationId !== ''));
  if (stations.length === 0) return merged;
  const documented = documentedMacs(merged);
  // What a gateway of a document forwards carries its MAC, whatever else is said of that MAC.
  const usable = stations.filter(({ mac }) => documented.get(mac) !== GATEWAY);
  const aliases = aliasesOf(merged, usable, documented);
  const hosts = createHosts(merged, reported);
  const vms = new Map<string, InventoryVm>();
  const gained = new Map<number, Vnic[]>();
  const taken = new Set<number>();
  for (const fact of usable) {
    const { mac, stationId } = fact;
    const isFree = mac !== 0 && !documented.has(mac) && !taken.has(mac);
    if (!isFree && (stationId === '' || documented.has(mac))) continue;
    if (isFree) taken.add(mac);
    const vnics = isFree ? [{ mac: macText(mac), addresses: [] }] : [];
    const alias = aliases.get(stationId);
    if (alias !== undefined) {
      gained.set(alias, [...(gained.get(alias) ?? []), ...vnics]);
      continue;
    }
    const id = stationId === '' ? macText(mac) : formatUuid(stationId);
    const known = vms.get(id);
    if (known) known.vnics.push(...vnics);
    else vms.set(id, vmOfStation(fact, id, hosts.idOf(fact.hostId), vnics));
  }
  return join(merged, [...vms.values()], hosts.added, gained, aliases);
}

type Vnic = InventoryVm['vnics'][number];

function join(
  merged: Merged,
  vms: Inventory['vms'],
  hosts: Inventory['hosts'],
  gained: ReadonlyMap<number, Vnic[]>,
  stations: ReadonlyMap<string, number>,
): Merged {
  const none = { sites: [], racks: [], segments: [], switches: [], endpoints: [] };
  const state = { source: '', asOfMs: 0, isStale: false };
  const own = merged.vms.map((vm, i) => {
    const more = gained.get(i);
    return more ? { ...vm, vnics: [...vm.vnics, ...more] } : vm;
  });
  const both = merge([
    { ...merged, vms: own, ...state },
    { ...none, hosts, vms, ...state },
  ]);
  return {
    ...both,
    sources: [...merged.sources, { name: IN_BAND, asOfMs: 0, isStale: false }],
    vmSources: both.vmSources.map((source, i) => (source === 0 ? merged.vmSources[i]! : merged.sources.length)),
    endpointSources: merged.endpointSources,
    stations,
  };
}

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

function vmOfStation({ name }: StoredFact, id: string, host: string | undefined, vnics: Vnic[]): InventoryVm {
  const uuid = parseUuid(id);
  return {
    id,
    name: name || id,
    status: 'running',
    tags: [],
    ...(uuid !== undefined && { uuid }),
    ...(host !== undefined && { host }),
    vnics,
  };
}

/** In the place of a VM's position: a MAC of a gateway, or of another machine that is no VM. */
const GATEWAY = -1;
const OTHER = -2;

/** MACs of the documents, with the position of the VM that has it. */
function documentedMacs({ vms, hosts, endpoints }: Merged): ReadonlyMap<number, number> {
  const macs = new Map<number, number>();
  const put = (text: string | undefined, value: number) => {
    const words = text === undefined ? undefined : parseMac(text);
    if (words) macs.set(words.high * TWO_32 + words.low, value);
  };
  for (const { vmkernelNics } of hosts) for (const { mac } of vmkernelNics) put(mac, OTHER);
  vms.forEach(({ vnics }, i) => {
    for (const { mac } of vnics) put(mac, i);
  });
  for (const { kind, mac } of endpoints) put(mac, kind === 'gateway' ? GATEWAY : OTHER);
  return macs;
}

/** Ids reported with the MAC of a VM whose document does not report that id: one more name of that VM. */
function aliasesOf(
  { vms }: Merged,
  stations: readonly StoredFact[],
  documented: ReadonlyMap<number, number>,
): ReadonlyMap<string, number> {
  const ids = new Set(vms.map(vm => (vm.uuid === undefined ? undefined : parseUuid(vm.uuid))));
  const aliases = new Map<string, number>();
  for (const { mac, stationId } of stations) {
    const vm = documented.get(mac);
    if (vm === undefined || vm < 0 || stationId === '' || ids.has(stationId) || aliases.has(stationId)) continue;
    aliases.set(stationId, vm);
  }
  return aliases;
}

/** Hosts by the ids that stations name: of the document where it has the id or, alone, the name; else reported ones. */
function createHosts(merged: Merged, reported: readonly StoredFact[]) {
  const names = new Map<string, string>();
  for (const { kind, stationId, name } of reported)
    if (kind === 'host' && name !== '' && !names.has(stationId)) names.set(stationId, name);
  const byUuid = new Map(merged.hosts.map(host => [parseUuid(host.id), host.id]));
  const byName = Map.groupBy(merged.hosts, host => (host.name ?? host.id).toLowerCase());
  const added: InventoryHost[] = [];
  const ids = new Map<string, string | undefined>([['', undefined]]);
  const find = (hostId: string): string => {
    const named = byName.get(names.get(hostId)?.toLowerCase() ?? '') ?? [];
    const known = byUuid.get(hostId) ?? (named.length === 1 ? named[0]!.id : undefined);
    if (known !== undefined) return known;
    const id = formatUuid(hostId);
    added.push(hostNamed(id, names.get(hostId) ?? id));
    return id;
  };
  return {
    added,
    idOf(hostId: string): string | undefined {
      if (!ids.has(hostId)) ids.set(hostId, find(hostId));
      return ids.get(hostId);
    },
  };
}

function hostNamed(id: string, name: string): InventoryHost {
  return { id, name, status: 'running', addresses: [], pnics: [], vswitches: [], vmkernelNics: [] };
}
