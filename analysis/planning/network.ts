// The physical network of one state of the inventory as a graph: hosts and endpoints hang on switches by their cables, and
// switches on each other. It finds the links that packets from one to another take: the shortest path by hops, and of
// several the same share on each. docs/PLANNING.md says what of this is assumed. What is not known has no path.
//
// A LAG is one link, and so are all cables between two switches, because the inventory does not say which port of one is
// cabled to which of the other. Cables of a host are links of their own: its vSwitches may use different ones. A name at
// the other end of ports (`connectsTo.other`) that several switches state is one thing that connects them, taken only
// where no path of switches alone leads.

import type { Merged } from '../../inventory/model/merge.ts';
import { compileWiring, type SwitchPort, type Wiring } from '../../inventory/model/wiring.ts';
import type { ExporterRegistry } from '../../schemas/exporters.ts';
import type { InventoryHost } from '../../schemas/inventory.ts';
import type { LinkKind, LinkSide } from '../../schemas/planning.ts';
import { externalPorts } from './external-ports.ts';

export interface NetworkLink {
  /** The same in every state of the inventory in which it has these ends. */
  readonly name: string;
  readonly kind: LinkKind;
  readonly ends: readonly [LinkSide, LinkSide];
  /** Of all its members together, null where one is not known. */
  readonly speedBps: number | null;
}

/** Links of a path with their direction (see `directed`), and which share of the packets each carries. */
export interface Path {
  readonly links: readonly number[];
  readonly shares: readonly number[];
}

/** Number of a link in one direction: 0 from its first end to its second, 1 back. */
export function directed(link: number, direction: 0 | 1): number {
  return 2 * link + direction;
}

export const STAYS: Path = { links: [], shares: [] };

/** How an end hangs on the network: its cables, and the switch at the end of each. */
interface Hang {
  readonly cables: readonly { readonly link: number; readonly node: number }[];
  /** Switches by how many of the cables end there, as a number that hangs alike share. */
  readonly group: number;
}

interface Edge {
  readonly to: number;
  /** Directed link. */
  readonly link: number;
  readonly cost: number;
}

/** From one switch to every other: the cost of the shortest path, and how many there are. */
interface Distances {
  readonly cost: Float64Array;
  readonly paths: Float64Array;
}

/** What lies between two groups: shares by switch of entry and exit, and of the links between. */
interface Transit {
  readonly entry: ReadonlyMap<number, number>;
  readonly exit: ReadonlyMap<number, number>;
  readonly links: readonly number[];
  readonly shares: readonly number[];
  /** Of them and a cable at each end. */
  readonly hops: number;
}

/** Switches by how many cables end there. */
type Group = readonly (readonly [node: number, cables: number])[];

/** Half of what it costs to cross a thing that is no switch: more than any path of switches. */
const OTHER_COST = 1e6;
/** Hangs are fewer: an inventory has some millions of ports at most. */
const GROUPS_MAX = 2 ** 26;
/** Pairs of groups whose paths are kept. */
const TRANSITS_MAX = 100_000;

export class Network {
  readonly links: NetworkLink[] = [];
  readonly #transitsMax: number;
  readonly #wiring: Wiring;
  readonly #ports: ReadonlyMap<string, ReadonlyMap<number, Port>>;
  readonly #nodes = new Map<string, number>();
  readonly #edges: Edge[][] = [];
  readonly #linkOf = new Map<string, number>();
  readonly #hangs: Hang[] = [];
  readonly #hangOf = new Map<string, number>();
  readonly #groups: Group[] = [];
  readonly #groupOf = new Map<string, number>();
  readonly #distances = new Map<number, Distances>();
  /** By the numbers of two groups in one. */
  readonly #transits = new Map<number, Transit | undefined>();
  /** Where packets leave and enter: the ports that the registry calls external; -1 without any. */
  readonly outside: number;

  constructor(documents: Pick<Merged, 'switches' | 'hosts'>, registry: ExporterRegistry, transitsMax = TRANSITS_MAX) {
    this.#transitsMax = transitsMax;
    this.#wiring = compileWiring(documents);
    this.#ports = new Map(
      documents.switches.map(({ id, ports }) => [id, new Map(ports.map(port => [port.ifIndex, port]))]),
    );
    for (const { id } of documents.switches) this.#node(id);
    const external = externalPorts(documents, registry);
    this.outside = this.#hangOutside(documents, external);
    this.#connectSwitches(documents, external);
  }

  /** How a host hangs on the network with these uplinks, with all its pNICs where none are named; -1 unknown. */
  hangOfHost(host: InventoryHost, uplinks: readonly string[] | undefined): number {
    const roots = new Map<string, SwitchPort>();
    for (const port of this.#wiring.uplinksOf(host, uplinks)) {
      const root = this.#rootOf(port);
      if (this.#nodes.has(root.switchId)) roots.set(`${root.switchId} ${root.ifIndex}`, root);
    }
    const cables = [...roots.values()].map(root => {
      const pnics = host.pnics.filter(({ switch: id, ifIndex, id: pnic }) => {
        const own = id !== undefined && ifIndex !== undefined ? this.#rootOf({ switchId: id, ifIndex }) : undefined;
        const named = own ?? this.#wiring.uplinksOf(host, [pnic]).map(port => this.#rootOf(port))[0];
        return named?.switchId === root.switchId && named.ifIndex === root.ifIndex;
      });
      return this.#cable('access', { kind: 'host', id: host.id, ports: pnics.map(({ id }) => ({ name: id })) }, root);
    });
    return this.#hang(cables);
  }

  /** Every link of a host, whatever uses it. */
  addHost(host: InventoryHost): void {
    this.hangOfHost(host, undefined);
    for (const { uplinks } of host.vswitches) this.hangOfHost(host, uplinks);
  }

  /** The same of an endpoint at a port of a switch. */
  hangAtPort(id: string, port: SwitchPort): number {
    const root = this.#rootOf(port);
    if (!this.#nodes.has(root.switchId)) return -1;
    return this.#hang([this.#cable('endpoint', { kind: 'endpoint', id, ports: [] }, root)]);
  }

  /** Links of the cables by which something hangs on the network. */
  cablesOf(hang: number): number[] {
    return this.#hangs[hang]?.cables.map(({ link }) => link) ?? [];
  }

  /** Links between switches on the paths between any two of these; undefined where they hang in more than `groupsMax` ways. */
  linksBetween(hangs: readonly number[], groupsMax: number): ReadonlySet<number> | undefined {
    const groups = [...new Set(hangs.flatMap(hang => this.#hangs[hang]?.group ?? []))];
    if (groups.length > groupsMax) return undefined;
    const found = new Set<number>();
    // Shortest paths are the same both ways.
    groups.forEach((from, i) => {
      for (const to of groups.slice(i)) for (const link of this.#transit(from, to)?.links ?? []) found.add(link >> 1);
    });
    return found;
  }

  /** Undefined where the inventory knows no path. Ends that hang alike meet at their switch. */
  path(from: number, to: number): Path | undefined {
    const [links, shares]: [number[], number[]] = [[], []];
    const isKnown = this.visit(from, to, (link, share) => {
      links.push(link);
      shares.push(share);
    });
    return isKnown ? { links, shares } : undefined;
  }

  /** Calls `visit` with each link of the path and its share; false where the inventory knows none. */
  visit(from: number, to: number, visit: (link: number, share: number) => void): boolean {
    const [source, target] = [this.#hangs[from], this.#hangs[to]];
    const transit = source && target && this.#transit(source.group, target.group);
    if (!transit) return false;
    const { links, shares, entry, exit } = transit;
    for (let i = 0; i < links.length; i++) visit(links[i]!, shares[i]!);
    visitCables(source, entry, 0, visit);
    visitCables(target, exit, 1, visit);
    return true;
  }

  /** Links that a packet takes on the mean; undefined where the inventory knows no path. */
  hops(from: number, to: number): number | undefined {
    const [source, target] = [this.#hangs[from], this.#hangs[to]];
    return source && target && this.#transit(source.group, target.group)?.hops;
  }

  #node(id: string): number {
    const known = this.#nodes.get(id);
    if (known !== undefined) return known;
    this.#nodes.set(id, this.#edges.length);
    return this.#edges.push([]) - 1;
  }

  #rootOf({ switchId, ifIndex }: SwitchPort): SwitchPort {
    return { switchId, ifIndex: this.#wiring.chainOf(switchId, ifIndex).at(-1)! };
  }

  /** Root ports of a switch among those given. */
  #rootsOf(switchId: string, ports: readonly Port[]): number[] {
    return [...new Set(ports.map(({ ifIndex }) => this.#rootOf({ switchId, ifIndex }).ifIndex))];
  }

  #endAtSwitch(switchId: string, roots: readonly number[]): LinkSide {
    const ports = this.#ports.get(switchId);
    const named = roots.flatMap(root =>
      this.#wiring.bundleOf(switchId, root).map(ifIndex => {
        const name = ports?.get(ifIndex)?.name;
        return { ifIndex, ...(name !== undefined && { name }), ...(ifIndex !== root && { lag: root }) };
      }),
    );
    return { kind: 'switch', id: switchId, ports: named };
  }

  /** Speed of a port or LAG: its own, or that of its members together. */
  #speedOf(switchId: string, root: number): number | null {
    const ports = this.#ports.get(switchId);
    const own = ports?.get(root)?.speedBps ?? 0;
    if (own > 0) return own;
    const members = this.#wiring.bundleOf(switchId, root).filter(ifIndex => ifIndex !== root);
    return sumOfKnown(members.map(ifIndex => ports?.get(ifIndex)?.speedBps || null));
  }

  #link(link: NetworkLink): number {
    const known = this.#linkOf.get(link.name);
    if (known !== undefined) return known;
    this.#linkOf.set(link.name, this.links.length);
    return this.links.push(link) - 1;
  }

  /** The link between something and the root port of a switch. */
  #cable(kind: LinkKind, end: LinkSide, { switchId, ifIndex }: SwitchPort): Hang['cables'][number] {
    const link = this.#link({
      name: `${end.kind}:${end.id} ${switchId}/${ifIndex}`,
      kind,
      ends: [end, this.#endAtSwitch(switchId, [ifIndex])],
      speedBps: this.#speedOf(switchId, ifIndex),
    });
    return { link, node: this.#nodes.get(switchId)! };
  }

  #hang(cables: readonly Hang['cables'][number][]): number {
    if (cables.length === 0) return -1;
    const ordered = [...cables].sort((a, b) => a.link - b.link);
    const name = ordered.map(({ link }) => link).join();
    const known = this.#hangOf.get(name);
    if (known !== undefined) return known;
    const counts = Map.groupBy(ordered, ({ node }) => node);
    const group = [...counts].map(([node, list]) => [node, list.length] as const).sort(([a], [b]) => a - b);
    const groupName = group.join(' ');
    const number = this.#groupOf.get(groupName) ?? this.#groups.push(group) - 1;
    this.#groupOf.set(groupName, number);
    this.#hangOf.set(name, this.#hangs.length);
    return this.#hangs.push({ cables: ordered, group: number }) - 1;
  }

  #hangOutside(
    { switches }: Pick<Merged, 'switches' | 'hosts'>,
    external: (switchId: string, ifIndex: number) => boolean,
  ): number {
    const end: LinkSide = { kind: 'outside', id: 'outside', ports: [] };
    const cables = switches.flatMap(({ id, ports }) =>
      this.#rootsOf(
        id,
        ports.filter(({ ifIndex }) => external(id, ifIndex)),
      ).map(ifIndex => this.#cable('external', end, { switchId: id, ifIndex })),
    );
    return this.#hang(cables);
  }

  #connectSwitches(
    { switches }: Pick<Merged, 'switches' | 'hosts'>,
    external: (switchId: string, ifIndex: number) => boolean,
  ): void {
    const between = new Map<string, [string, string]>();
    const portsTo = new Map<string, Port[]>();
    const key = (from: string, to: string) => JSON.stringify([from, to]);
    for (const { id, ports } of switches) {
      for (const port of ports) {
        const { switch: peer, other, host } = port.connectsTo ?? {};
        if (host !== undefined || external(id, port.ifIndex)) continue;
        if (peer !== undefined && peer !== id && this.#ports.has(peer)) {
          const ends = [id, peer].sort() as [string, string];
          between.set(key(...ends), ends);
          const name = key(id, peer);
          portsTo.set(name, [...(portsTo.get(name) ?? []), port]);
        } else if (peer === undefined && other !== undefined) this.#connectOther(id, port, other);
      }
    }
    for (const [a, b] of between.values()) {
      const [fromA, fromB] = [key(a, b), key(b, a)].map(name => portsTo.get(name) ?? []) as [Port[], Port[]];
      const [rootsA, rootsB] = [this.#rootsOf(a, fromA), this.#rootsOf(b, fromB)];
      const link = this.#link({
        name: `switch:${a} ${b}`,
        kind: 'switch',
        ends: [this.#endAtSwitch(a, rootsA), this.#endAtSwitch(b, rootsB)],
        speedBps: slower(this.#speedOfAll(a, rootsA), this.#speedOfAll(b, rootsB)),
      });
      this.#connect(this.#node(a), this.#node(b), link, 1);
    }
  }

  #connectOther(switchId: string, port: Port, other: string): void {
    const root = this.#rootOf({ switchId, ifIndex: port.ifIndex });
    const { link, node } = this.#cable('other', { kind: 'other', id: other, ports: [] }, root);
    const thing = this.#node(`other ${JSON.stringify(other)}`);
    // Another port of one LAG is the same link.
    if (!this.#edges[thing]!.some(edge => edge.link === directed(link, 0)))
      this.#connect(thing, node, link, OTHER_COST);
  }

  #speedOfAll(switchId: string, roots: readonly number[]): number | null {
    return sumOfKnown(roots.map(root => this.#speedOf(switchId, root)));
  }

  #connect(a: number, b: number, link: number, cost: number): void {
    this.#edges[a]!.push({ to: b, link: directed(link, 0), cost });
    this.#edges[b]!.push({ to: a, link: directed(link, 1), cost });
  }

  #transit(from: number, to: number): Transit | undefined {
    const name = from * GROUPS_MAX + to;
    const known = this.#transits.get(name);
    if (known || this.#transits.has(name)) return known;
    if (this.#transits.size >= this.#transitsMax) this.#transits.clear();
    const found = this.#findTransit(this.#groups[from]!, this.#groups[to]!);
    this.#transits.set(name, found);
    return found;
  }

  #findTransit(from: Group, to: Group): Transit | undefined {
    const routes = from.flatMap(([s, sources]) =>
      to.map(([t, targets]) => ({ s, t, cables: sources * targets, cost: this.#from(s).cost[t]! })),
    );
    const least = routes.reduce((cost, route) => Math.min(cost, route.cost), Number.POSITIVE_INFINITY);
    if (least === Number.POSITIVE_INFINITY) return undefined;
    const shortest = routes.filter(({ cost }) => cost === least);
    const total = shortest.reduce((sum, { s, t, cables }) => sum + cables * this.#from(s).paths[t]!, 0);
    const [entry, exit, between] = [new Map<number, number>(), new Map<number, number>(), new Map<number, number>()];
    const add = (map: Map<number, number>, at: number, share: number) => map.set(at, (map.get(at) ?? 0) + share);
    for (const { s, t, cables } of shortest) {
      const share = (cables * this.#from(s).paths[t]!) / total;
      // By cable, of those that end at the same switch.
      add(entry, s, share / from.find(([node]) => node === s)![1]);
      add(exit, t, share / to.find(([node]) => node === t)![1]);
      this.#walk(s, t, (link, paths) => add(between, link, (cables * paths) / total));
    }
    const shares = [...between.values()];
    return { entry, exit, links: [...between.keys()], shares, hops: shares.reduce((sum, share) => sum + share, 2) };
  }

  /** Calls `visit` with each link of the shortest paths from one switch to another, and how many of them take it. */
  #walk(s: number, t: number, visit: (link: number, paths: number) => void): void {
    const [ahead, back] = [this.#from(s), this.#from(t)];
    const whole = ahead.cost[t]!;
    const reached = new Set([s]);
    // A Set is walked in order of insertion, additions included.
    for (const node of reached) {
      for (const { to, link, cost } of this.#edges[node]!) {
        if (ahead.cost[node]! + cost + back.cost[to]! !== whole) continue;
        visit(link, ahead.paths[node]! * back.paths[to]!);
        reached.add(to);
      }
    }
  }

  /** Dijkstra with the number of shortest paths. Costs are whole numbers, so that equal ones are equal. */
  #from(source: number): Distances {
    const known = this.#distances.get(source);
    if (known) return known;
    const count = this.#edges.length;
    const cost = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
    const paths = new Float64Array(count);
    const open = new Set([source]);
    cost[source] = 0;
    paths[source] = 1;
    while (open.size > 0) {
      let nearest = -1;
      for (const node of open) if (nearest < 0 || cost[node]! < cost[nearest]!) nearest = node;
      open.delete(nearest);
      for (const edge of this.#edges[nearest]!) {
        const reached = cost[nearest]! + edge.cost;
        if (reached > cost[edge.to]!) continue;
        if (reached < cost[edge.to]!) paths[edge.to] = 0;
        cost[edge.to] = reached;
        paths[edge.to]! += paths[nearest]!;
        open.add(edge.to);
      }
    }
    const found = { cost, paths };
    this.#distances.set(source, found);
    return found;
  }
}

function visitCables(
  { cables }: Hang,
  shares: ReadonlyMap<number, number>,
  direction: 0 | 1,
  visit: (link: number, share: number) => void,
): void {
  for (const { link, node } of cables) {
    const share = shares.get(node);
    if (share !== undefined) visit(directed(link, direction), share);
  }
}

type Port = Merged['switches'][number]['ports'][number];

function sumOfKnown(values: readonly (number | null)[]): number | null {
  if (values.length === 0) return null;
  return values.reduce<number | null>((sum, value) => (sum === null || value === null ? null : sum + value), 0);
}

/** Two ends of a link that state a speed: the slower one is what it carries. */
function slower(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}
