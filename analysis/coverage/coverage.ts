// What an installation can see and what it cannot, from the documents and from the exporters seen: never from a flow. Pairs of
// VMs are counted by class (vm-classes.ts); only requested pairs are listed, up to a bound.

import { type Liveness, nameOfEntry } from '../../inventory/model/liveness.ts';
import type { Merged } from '../../inventory/model/merge.ts';
import { type Topology, vswitchOf } from '../../inventory/model/topology.ts';
import type { Snapshot } from '../../inventory/snapshot/snapshot.ts';
import { PROTOCOLS } from '../../schemas/codes.ts';
import type {
  BlindReason,
  BlindSpot,
  CellsRequest,
  CoverageReport,
  CoverageRequest,
  InvisiblePair,
} from '../../schemas/coverage.ts';
import { BLIND_REASONS } from '../../schemas/coverage.ts';
import type { ExporterRegistry, RegisteredExporter } from '../../schemas/exporters.ts';
import { globMatches } from '../../schemas/glob.ts';
import type { InventoryHost, InventoryVm } from '../../schemas/inventory.ts';
import { type LastSeen, namesOfSeen } from './liveness.ts';
import { type Memberships, membershipsOf, type NodeKind, populationOf, sharedOf } from './memberships.ts';
import { Cabling, remediesFor } from './remedies.ts';
import { compileVisibility, type Visibility } from './visibility.ts';
import { classifyVms, countPairs, everyone, type PairCount, type Population, type VmClasses } from './vm-classes.ts';

/** Documents of one time and what was compiled from them. */
export interface Known {
  readonly documents: { readonly inventory: Merged; readonly exporters: ExporterRegistry };
  readonly snapshot: Snapshot;
}

/** Which exporters are silent at a moment. */
export interface Silence {
  isSilent(exporter: RegisteredExporter): boolean;
  /** When it was last seen in the requested window; -Infinity when it was not. */
  lastSeenMs(exporter: RegisteredExporter): number;
}

export interface View extends Silence {
  readonly known: Known;
  readonly visibility: Visibility;
  readonly vmClasses: VmClasses;
  readonly cabling: Cabling;
  /** Made when they are first needed. */
  memberships(kind: NodeKind): Memberships;
}

export function silenceAt(liveness: Liveness, lastSeen: LastSeen, atMs: number): Silence {
  return {
    isSilent: exporter => liveness.isSilent(exporter, atMs),
    lastSeenMs: exporter => lastSeen.of(exporter),
  };
}

/** Everything that follows from the documents and from the exporters seen. */
export function viewOf(known: Known, silence: Silence): View {
  const { inventory, exporters } = known.documents;
  const { topology } = known.snapshot;
  const visibility = compileVisibility(inventory, topology, exporters, silence.isSilent);
  const vmClasses = classifyVms(inventory.vms, topology, visibility);
  const memberships = new Map<NodeKind, Memberships>();
  return {
    ...silence,
    known,
    visibility,
    vmClasses,
    memberships(kind) {
      const found = memberships.get(kind) ?? membershipsOf(known.snapshot, inventory, vmClasses, kind);
      memberships.set(kind, found);
      return found;
    },
    cabling: new Cabling(inventory, exporters, silence.isSilent),
  };
}

/** A spot before it is described: whose packets to whom are not seen. */
interface Found {
  readonly reason: BlindReason;
  readonly id: string;
  readonly owner: number;
  readonly segment: string;
  /** Classes of neighbours. */
  readonly near: (readonly [source: number, destination: number])[];
  /** Classes that nobody sees reach any VM that is no neighbour and not seen as a receiver. */
  readonly far: number[];
  readonly sources: Set<number>;
  pairs: number;
}

/** Blind spots by name. The name is the same in every version of the inventory, so that their age can be found. */
export function findSpots({ known, vmClasses, cabling }: View): Map<string, Found> {
  const { topology } = known.snapshot;
  const { inventory } = known.documents;
  const spots = new Map<string, Found>();
  const unseen = vmClasses.classes.map(({ receives, members }) => (receives ? 0 : members.length));
  const unseenReceivers = unseen.reduce((sum, count) => sum + count, 0);
  const spotOf = (reason: BlindReason, place: string, owner: number, segment: string): Found => {
    const id = `${reason}/${place}/${segment}`;
    const found = spots.get(id) ?? { reason, id, owner, segment, near: [], far: [], sources: new Set(), pairs: 0 };
    spots.set(id, found);
    return found;
  };
  vmClasses.classes.forEach((source, s) => {
    const { owner, members } = source;
    const host = hostOf(inventory, topology, owner);
    const vnic = vnicOf(inventory, topology, owner);
    const vswitch = host?.vswitches[vswitchOf(host, vnic.vswitch)];
    const place = `${host?.id ?? ''}/${vswitch?.id ?? ''}`;
    const addNear = (spot: Found, d: number, pairs: number) => {
      spot.near.push([s, d]);
      spot.sources.add(s);
      spot.pairs += pairs;
    };
    const outside = () => spotOf(host ? cabling.accessReason(host, vswitch) : 'no-access-port', place, owner, '');
    let others = unseenReceivers;
    for (const d of vmClasses.neighbours[s]!) {
      others -= unseen[d]!;
      const { seen, hostInternal } = vmClasses.meet(s, d);
      const pairs = members.length * (vmClasses.classes[d]!.members.length - (s === d ? 1 : 0));
      if (seen || pairs === 0) continue;
      if (!hostInternal || !host || !vswitch) addNear(outside(), d, pairs);
      else
        addNear(
          spotOf(cabling.internalReason(host, vswitch, vnic), place, owner, segmentName(inventory, topology, owner)),
          d,
          pairs,
        );
    }
    if (source.sends || others === 0) return;
    const spot = outside();
    spot.far.push(s);
    spot.sources.add(s);
    spot.pairs += members.length * others;
  });
  return spots;
}

function hostOf(inventory: Merged, topology: Topology, owner: number): InventoryHost | undefined {
  return inventory.hosts[topology.host[owner]! - 1];
}

function vnicOf(inventory: Merged, topology: Topology, owner: number): InventoryVm['vnics'][number] {
  return inventory.vms[topology.entity[owner]!]!.vnics[topology.nic[owner]!]!;
}

function segmentName(inventory: Merged, topology: Topology, owner: number): string {
  const segment = inventory.segments[topology.segment[owner]! - 1];
  return segment?.id ?? (topology.vlan[owner] ? `VLAN ${topology.vlan[owner]}` : '');
}

/** When each blind spot began, as far as it is known. */
export interface Since {
  readonly ms: number;
  readonly orEarlier: boolean;
}
export type SinceOf = (spotId: string) => Since;

/** What holds at the end of the window; what holds of all of it is added (advice.ts). */
export function answerCoverage(
  question: CoverageRequest,
  view: View,
  sinceOf: SinceOf,
): Omit<CoverageReport, 'share' | 'states'> {
  const { known, vmClasses, cabling } = view;
  const { inventory, exporters } = known.documents;
  const { pairs, invisible } = countAll(view);
  const found = [...findSpots(view).values()].sort((a, b) => b.pairs - a.pairs || (a.id < b.id ? -1 : 1));
  const byReason = Object.fromEntries(BLIND_REASONS.map(reason => [reason, 0])) as Record<BlindReason, number>;
  for (const spot of found) byReason[spot.reason] += spot.pairs;
  const requested = found.filter(spot => isRequested(question, view, spot));
  const registered = new Set(exporters.exporters.map(nameOfEntry));
  return {
    asOfMs: known.snapshot.asOfMs,
    vms: vmClasses.vms,
    pairs,
    invisiblePairs: invisible,
    byReason,
    spots: requested.slice(0, question.spotsMax).map(spot => describeSpot(spot, view, sinceOf)),
    spotCount: requested.length,
    invisible: listPairs(question, view, requested, sinceOf),
    unseen: exporters.exporters.filter(view.isSilent).map(exporterName),
    unregistered: question.seen
      .filter(seen => !namesOfSeen(seen).some(name => registered.has(name)))
      .map(
        ({ address, domain, protocol }) =>
          `${address} ${PROTOCOLS[protocol] ?? 'unknown'}${domain === 0 ? '' : ` domain ${domain}`}`,
      ),
    accessPorts: cabling.meteredPorts(inventory),
  };
}

function exporterName({ name, address, protocol, domain }: RegisteredExporter): string {
  const parts = [name ?? address, protocol ?? '', domain === undefined ? '' : `domain ${domain}`];
  return parts.filter(Boolean).join(' ');
}

function isRequested({ host, vm }: CoverageRequest, { known, vmClasses }: View, spot: Found): boolean {
  const { inventory } = known.documents;
  if (host !== '') {
    const own = hostOf(inventory, known.snapshot.topology, spot.owner);
    if (own?.id !== host && own?.name !== host) return false;
  }
  if (vm === '') return true;
  const named = (member: number) => globMatches(vm, inventory.vms[member]!.name);
  const holds = (number: number) => vmClasses.classes[number]!.members.some(named);
  if ([...spot.sources].some(holds) || spot.near.some(([, destination]) => holds(destination))) return true;
  return spot.far.length > 0 && vmClasses.classes.some(({ receives, members }) => !receives && members.some(named));
}

function describeSpot(spot: Found, view: View, sinceOf: SinceOf): BlindSpot {
  const { known, vmClasses, cabling } = view;
  const { inventory } = known.documents;
  const { topology } = known.snapshot;
  const host = hostOf(inventory, topology, spot.owner);
  const vnic = vnicOf(inventory, topology, spot.owner);
  const vswitch = host?.vswitches[vswitchOf(host, vnic.vswitch)];
  const ports = host ? cabling.portsOf(host, vswitch) : [];
  const since = ageOf(spot, view, sinceOf);
  return {
    reason: spot.reason,
    site: inventory.sites[topology.site[spot.owner]! - 1]?.id ?? '',
    rack: host?.rack ?? '',
    host: host ? (host.name ?? host.id) : '',
    vswitch: vswitch ? (vswitch.name ?? vswitch.id) : '',
    segment: spot.segment,
    vms: [...spot.sources].reduce((sum, number) => sum + vmClasses.classes[number]!.members.length, 0),
    pairs: spot.pairs,
    sinceMs: since.ms,
    sinceOrEarlier: since.orEarlier,
    ports,
    remedies: remediesFor(spot.reason, vswitch, ports),
  };
}

/** What a silent exporter would show is unseen since it was last seen; everything else since the documents say so. */
function ageOf(spot: Found, { known, cabling, lastSeenMs }: View, sinceOf: SinceOf): Since {
  const { inventory } = known.documents;
  const { topology } = known.snapshot;
  const host = hostOf(inventory, topology, spot.owner);
  if (spot.reason === 'exporter-silent' && host) {
    const vswitch = host.vswitches[vswitchOf(host, vnicOf(inventory, topology, spot.owner).vswitch)];
    const meters = cabling.metersOf(host, vswitch);
    const lastSeen = meters.reduce((newest, meter) => Math.max(newest, lastSeenMs(meter)), Number.NEGATIVE_INFINITY);
    if (Number.isFinite(lastSeen)) return { ms: lastSeen, orEarlier: false };
  }
  return sinceOf(spot.id);
}

/** The pairs themselves, spot by spot, until there are enough. */
function listPairs(question: CoverageRequest, view: View, spots: readonly Found[], sinceOf: SinceOf): InvisiblePair[] {
  const { known, vmClasses } = view;
  const { inventory } = known.documents;
  const { topology } = known.snapshot;
  const listed: InvisiblePair[] = [];
  const { vm, pairsMax } = question;
  const wanted = (at: number) => vm === '' || globMatches(vm, inventory.vms[at]!.name);
  for (const spot of spots) {
    const host = hostOf(inventory, topology, spot.owner);
    const { ms } = ageOf(spot, view, sinceOf);
    for (const [source, destination] of classPairs(spot, vmClasses)) {
      for (const src of vmClasses.classes[source]!.members) {
        const isWanted = wanted(src);
        for (const dst of vmClasses.classes[destination]!.members) {
          if (listed.length >= pairsMax) return listed;
          if (src === dst || !(isWanted || wanted(dst))) continue;
          listed.push({
            src: inventory.vms[src]!.name,
            dst: inventory.vms[dst]!.name,
            reason: spot.reason,
            host: host ? (host.name ?? host.id) : '',
            sinceMs: ms,
          });
        }
      }
    }
  }
  return listed;
}

function* classPairs({ near, far }: Found, vmClasses: VmClasses): Generator<readonly [number, number]> {
  yield* near;
  for (const source of far) {
    const neighbours = new Set(vmClasses.neighbours[source]);
    for (let d = 0; d < vmClasses.classes.length; d++)
      if (!neighbours.has(d) && !vmClasses.classes[d]!.receives) yield [source, d];
  }
}

/** Of all running VMs. */
export function countAll({ vmClasses }: View): PairCount {
  const whole = everyone(vmClasses);
  return countPairs(vmClasses, whole, whole, whole);
}

const NO_PAIRS: PairCount = { pairs: 0, invisible: 0 };

/** By cell; no pairs where a node has no VM that the inventory knows. */
export function countCells({ by, cells }: CellsRequest, { vmClasses, memberships }: View): PairCount[] {
  const members = memberships(by);
  const populations = new Map<string, Population>();
  const population = (key: string, vms: ReadonlySet<number>) => {
    const found = populations.get(key) ?? populationOf(vmClasses, vms);
    populations.set(key, found);
    return found;
  };
  return cells.map(([src, dst]) => {
    const [a, b] = [members.get(src), members.get(dst)];
    if (!a || !b) return NO_PAIRS;
    return countPairs(vmClasses, population(src, a), population(dst, b), sharedOf(vmClasses, a, b));
  });
}
