// Which VMs to move, by a greedy search: of all candidates the move that saves the most byte-hops and keeps every limit, then
// the next one as if it were made. Candidates are the VMs with the most byte-hops, to the hosts of those they talk to most and to
// the emptiest hosts of their racks. The result is the same for the same traffic and inventory.

import type { InventoryHost } from '../../schemas/inventory.ts';
import {
  type AdvisedMove,
  FRAME_BYTES,
  type HotLink,
  type PlacementReport,
  type PlacementRequest,
  type TogetherPair,
} from '../../schemas/planning.ts';
import type { Sums } from './loads.ts';
import type { Placement, PlacementModel, Talk } from './placement-model.ts';

const CANDIDATES_MAX = 300;
/** Of a candidate: VMs that it talks to most, and hosts of each of their racks. */
const PEERS_MAX = 8;
const HOSTS_PER_RACK_MAX = 2;
const PAIRS_PER_LINK_MAX = 5;

type Limits = Pick<PlacementRequest, 'linkLimit' | 'hostVms' | 'hostMemoryMiB' | 'seconds'>;

export function advisePlacement(model: PlacementModel, request: PlacementRequest): Omit<PlacementReport, 'asOfMs'> {
  const search = new Search(model, request);
  const moves: AdvisedMove[] = [];
  while (moves.length < request.moves) {
    const move = search.next();
    if (!move) break;
    moves.push(move);
  }
  const [before, after] = [model.cost(model.current), model.cost(search.placement)];
  return {
    together: togetherPairs(model).slice(0, request.limit),
    hot: hotLinks(model, request).slice(0, request.limit),
    moves,
    byteHopsBefore: before.byteHops,
    byteHopsAfter: after.byteHops,
    bytes: before.bytes,
    unplacedBefore: before.unplaced,
    candidates: search.candidates,
    talking: model.talking.length,
  };
}

interface Candidate {
  readonly vm: number;
  readonly to: InventoryHost;
  readonly gain: number;
}

class Search {
  readonly #model: PlacementModel;
  readonly #limits: Limits;
  readonly #vms: readonly number[];
  readonly #inRack: ReadonlyMap<string, readonly InventoryHost[]>;
  readonly #placement: (InventoryHost | undefined)[];
  readonly #counts = new Map<InventoryHost, number>();
  readonly #memory = new Map<InventoryHost, number>();
  /** Bytes of frames by directed link. */
  readonly #loads: Float64Array;
  readonly #moved = new Set<number>();

  constructor(model: PlacementModel, limits: Limits) {
    this.#model = model;
    this.#limits = limits;
    this.#placement = [...model.current];
    this.#inRack = Map.groupBy(model.hosts.filter(isRunning), ({ rack }) => rack ?? '');
    model.current.forEach((host, vm) => host && this.#settle(vm, host, 1));
    this.#loads = loadsOf(model, this.#placement);
    const cost = (vm: number) =>
      model.talksOf(vm).reduce((sum, at) => {
        const talk = model.talks[at]!;
        return sum + talk.sums.bytes * (model.hops(talk, model.current) ?? 0);
      }, 0);
    this.#vms = model.talking
      .filter(vm => model.current[vm] !== undefined && model.vms[vm]!.status === 'running')
      .map(vm => [vm, cost(vm)] as const)
      .filter(([, size]) => size > 0)
      .sort(([a, x], [b, y]) => y - x || a - b)
      .slice(0, CANDIDATES_MAX)
      .map(([vm]) => vm);
  }

  get placement(): Placement {
    return this.#placement;
  }

  get candidates(): number {
    return this.#vms.length;
  }

  /** Makes the best move that is allowed; undefined where none gains anything. */
  next(): AdvisedMove | undefined {
    const found = this.#vms.filter(vm => !this.#moved.has(vm)).flatMap(vm => this.#candidatesOf(vm));
    found.sort((a, b) => b.gain - a.gain || a.vm - b.vm || (a.to.id < b.to.id ? -1 : 1));
    for (const { vm, to, gain } of found) {
      const delta = this.#deltaOf(vm, to);
      if (this.#overloads(delta)) continue;
      const from = this.#placement[vm]!;
      this.#settle(vm, from, -1);
      this.#settle(vm, to, 1);
      for (const [link, bytes] of delta) this.#loads[link]! += bytes;
      this.#placement[vm] = to;
      this.#moved.add(vm);
      return { ...this.#model.movedVm(vm, from, to), gain };
    }
    return undefined;
  }

  #candidatesOf(vm: number): Candidate[] {
    const from = this.#placement[vm]!;
    const talks = this.#model.talksOf(vm).map(at => this.#model.talks[at]!);
    const before = talks.map(talk => this.#model.hops(talk, this.#placement));
    return [...this.#hostsFor(vm)].flatMap(to => {
      if (to === from || !this.#hasRoom(vm, to)) return [];
      const gain = this.#gainOf(vm, to, talks, before);
      return gain > 0 ? [{ vm, to, gain }] : [];
    });
  }

  #hostsFor(vm: number): ReadonlySet<InventoryHost> {
    const bytes = new Map<InventoryHost, number>();
    for (const at of this.#model.talksOf(vm)) {
      const { src, dst, sums } = this.#model.talks[at]!;
      for (const party of [src, dst]) {
        const host = 'vm' in party && party.vm !== vm ? this.#placement[party.vm] : undefined;
        if (host && isRunning(host)) bytes.set(host, (bytes.get(host) ?? 0) + sums.bytes);
      }
    }
    const peers = [...bytes].sort(([a, x], [b, y]) => y - x || (a.id < b.id ? -1 : 1)).slice(0, PEERS_MAX);
    const hosts = new Set(peers.map(([host]) => host));
    for (const rack of new Set(peers.flatMap(([{ rack }]) => rack ?? []))) {
      const emptiest = [...(this.#inRack.get(rack) ?? [])].sort(
        (a, b) => (this.#counts.get(a) ?? 0) - (this.#counts.get(b) ?? 0) || (a.id < b.id ? -1 : 1),
      );
      for (const host of emptiest.slice(0, HOSTS_PER_RACK_MAX)) hosts.add(host);
    }
    return hosts;
  }

  /** A VM of unknown memory fits nowhere where memory is limited. */
  #hasRoom(vm: number, to: InventoryHost): boolean {
    const { hostVms, hostMemoryMiB } = this.#limits;
    if (hostVms > 0 && (this.#counts.get(to) ?? 0) >= hostVms) return false;
    if (hostMemoryMiB === 0) return true;
    const own = this.#model.vms[vm]!.memoryMiB;
    return own !== undefined && (this.#memory.get(to) ?? 0) + own <= hostMemoryMiB;
  }

  #settle(vm: number, host: InventoryHost, sign: 1 | -1): void {
    // A VM of unknown memory counts as filling its host.
    const memory = this.#model.vms[vm]!.memoryMiB ?? Number.MAX_SAFE_INTEGER;
    this.#counts.set(host, (this.#counts.get(host) ?? 0) + sign);
    this.#memory.set(host, (this.#memory.get(host) ?? 0) + sign * memory);
  }

  /** Byte-hops saved; -Infinity where a path would be lost. */
  #gainOf(vm: number, to: InventoryHost, talks: readonly Talk[], before: readonly (number | undefined)[]): number {
    const after = this.#with(vm, to, () => talks.map(talk => this.#model.hops(talk, this.#placement)));
    return talks.reduce((gain, { sums }, i) => {
      const [own, other] = [before[i], after[i]];
      if (own === undefined && other === undefined) return gain;
      return own === undefined || other === undefined ? Number.NEGATIVE_INFINITY : gain + sums.bytes * (own - other);
    }, 0);
  }

  #deltaOf(vm: number, to: InventoryHost): ReadonlyMap<number, number> {
    const talks = this.#model.talksOf(vm).map(at => this.#model.talks[at]!);
    const delta = new Map<number, number>();
    const add = (sign: 1 | -1) => {
      for (const talk of talks)
        addRoute(this.#model, talk, this.#placement, (link, bytes) =>
          delta.set(link, (delta.get(link) ?? 0) + sign * bytes),
        );
    };
    add(-1);
    this.#with(vm, to, () => add(1));
    return delta;
  }

  #with<T>(vm: number, to: InventoryHost, look: () => T): T {
    const from = this.#placement[vm];
    this.#placement[vm] = to;
    const found = look();
    this.#placement[vm] = from;
    return found;
  }

  /** Whether a link would be filled beyond the limit by it; one that is already may get no fuller. */
  #overloads(delta: ReadonlyMap<number, number>): boolean {
    const { linkLimit, seconds } = this.#limits;
    for (const [link, bytes] of delta) {
      const { speedBps } = this.#model.network.links[link >> 1]!;
      if (
        bytes > 0 &&
        seconds > 0 &&
        speedBps !== null &&
        ((this.#loads[link]! + bytes) * 8) / seconds > linkLimit * speedBps
      )
        return true;
    }
    return false;
  }
}

function isRunning({ status }: InventoryHost): boolean {
  return status === 'running';
}

function frames({ bytes, packets }: Sums): number {
  return bytes + FRAME_BYTES * packets;
}

function addRoute(
  model: PlacementModel,
  talk: Talk,
  placement: Placement,
  add: (link: number, bytes: number) => void,
): void {
  const bytes = frames(talk.sums);
  model.visit(talk, placement, (link, share) => add(link, bytes * share));
}

function loadsOf(model: PlacementModel, placement: Placement): Float64Array {
  const loads = new Float64Array(2 * model.network.links.length);
  for (const talk of model.talks)
    addRoute(model, talk, placement, (link, bytes) => {
      loads[link]! += bytes;
    });
  return loads;
}

/** Pairs of VMs in different racks or sites, both directions together, the most byte-hops first. */
function togetherPairs(model: PlacementModel): TogetherPair[] {
  const pairs = new Map<number, { a: number; b: number; talk: Talk; bytes: number; byteHops: number }>();
  for (const talk of model.talks) {
    const { src, dst } = talk;
    if (!('vm' in src && 'vm' in dst)) continue;
    const locality = model.locality(talk, model.current);
    if (locality !== 'cross-rack' && locality !== 'cross-site') continue;
    const [a, b] = [Math.min(src.vm, dst.vm), Math.max(src.vm, dst.vm)];
    const pair = pairs.get(a * model.vms.length + b) ?? { a, b, talk, bytes: 0, byteHops: 0 };
    pair.bytes += talk.sums.bytes;
    pair.byteHops += talk.sums.bytes * (model.hops(talk, model.current) ?? 0);
    pairs.set(a * model.vms.length + b, pair);
  }
  return [...pairs.values()]
    .sort((x, y) => y.byteHops - x.byteHops || y.bytes - x.bytes || x.a - y.a || x.b - y.b)
    .map(({ a, b, talk, bytes, byteHops }) => ({
      ...{ a: model.named(a), b: model.named(b), locality: model.locality(talk, model.current), bytes, byteHops },
      ...{ hostA: model.current[a]?.id ?? '', hostB: model.current[b]?.id ?? '' },
    }));
}

interface HotPair {
  readonly src: number;
  readonly dst: number;
  readonly bytes: number;
}

/** Links beyond the limit, and the pairs of VMs that fill each most. */
function hotLinks(model: PlacementModel, { linkLimit, seconds }: Limits): HotLink[] {
  const loads = loadsOf(model, model.current);
  const utilisation = (link: number) => {
    const { speedBps } = model.network.links[link >> 1]!;
    // Of no time there is no rate.
    return speedBps === null || seconds === 0 ? 0 : (loads[link]! * 8) / seconds / speedBps;
  };
  const hot = [...loads.keys()].filter(link => utilisation(link) > linkLimit);
  const pairs = new Map(hot.map(link => [link, new Map<number, HotPair>()]));
  for (const { src, dst, ...talk } of model.talks) {
    if (!('vm' in src && 'vm' in dst)) continue;
    // A pair of VMs has several talks where one moved or the wiring changed.
    const key = src.vm * model.vms.length + dst.vm;
    model.visit({ src, dst, ...talk }, model.current, (link, share) => {
      const onLink = pairs.get(link);
      if (!onLink) return;
      const bytes = (onLink.get(key)?.bytes ?? 0) + talk.sums.bytes * share;
      onLink.set(key, { src: src.vm, dst: dst.vm, bytes });
    });
  }
  return hot
    .sort((a, b) => utilisation(b) - utilisation(a) || a - b)
    .map(link => {
      const { kind, ends, speedBps } = model.network.links[link >> 1]!;
      const [from, to] = (link & 1) === 0 ? ends : ([ends[1], ends[0]] as const);
      const largest = [...pairs.get(link)!.values()].sort(
        (a, b) => b.bytes - a.bytes || a.src - b.src || a.dst - b.dst,
      );
      return {
        ...{ kind, from, to, speedBps, bytes: loads[link]!, utilisation: utilisation(link) },
        pairs: largest
          .slice(0, PAIRS_PER_LINK_MAX)
          .map(({ src, dst, bytes }) => ({ src: model.named(src), dst: model.named(dst), bytes })),
      };
    });
}
