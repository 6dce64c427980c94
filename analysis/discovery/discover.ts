// Applications that the VMs without one may belong to. Each set of VMs that something holds together is judged by everything
// that is known of its members; what most speaks for comes first, and of sets that overlap only the first remains. VMs that an
// application has are no members, whatever they share. Pure; equal input gives equal suggestions.

import {
  type DiscoverReport,
  type NodeTraffic,
  SUPPORTS,
  type SuggestedApplication,
  type SuggestedServers,
  type Support,
} from '../../schemas/coverage.ts';
import { ALIKE_MIN, Behaviours } from './behaviours.ts';
import { alikeSets, type KnownVm, type Shared, sharedValues } from './candidates.ts';

/** Of the members that a value must hold, and of its holders that must be members, to speak for them. */
const SHARE_MIN = 0.8;
/** Of what members exchange, with each other. */
const INSIDE_MIN = 0.5;
/** Nodes of one candidate that are compared with each other. */
const COMPARED_MAX = 50;
/** Names that a rule lists. */
const NAMES_MAX = 200;
const SERVICES_MAX = 8;
/** Of what is served; less is chance. */
const SERVICE_SHARE_MIN = 0.01;
const ID_LENGTH_MAX = 200;

interface Discovery {
  readonly limit: number;
  readonly membersMax: number;
  /** Ids that applications have. */
  readonly taken: ReadonlySet<string>;
}

interface Judged {
  readonly candidate: Shared;
  readonly supports: readonly Support[];
  readonly evidence: readonly string[];
}

export function discover(
  vms: readonly KnownVm[],
  traffic: readonly NodeTraffic[],
  { limit, membersMax, taken }: Discovery,
): Omit<DiscoverReport, 'asOfMs'> {
  const behaviours = new Behaviours(traffic);
  const shared = sharedValues(vms);
  const world = new World(vms, shared, behaviours);
  const candidates = distinct([...shared, ...alikeSets(vms, behaviours)]);
  const judged = candidates.map(candidate => world.judge(candidate)).filter(({ supports }) => supports.length > 0);
  judged.sort(
    (a, b) =>
      strengthOf(b) - strengthOf(a) ||
      b.candidate.unclaimed.length - a.candidate.unclaimed.length ||
      kindOf(a) - kindOf(b) ||
      (a.candidate.value < b.candidate.value ? -1 : 1),
  );
  const chosen = withoutOverlaps(judged);
  const ids = new Set(taken);
  return {
    vms: vms.length,
    unclaimed: vms.reduce((count, { node }) => count + (node === undefined ? 0 : 1), 0),
    suggestions: chosen.slice(0, limit).map(one => world.suggest(one, membersMax, ids)),
    suggestionCount: chosen.length,
  };
}

/** A port group or a folder often holds what has nothing else in common. */
const STRENGTH: Readonly<Record<Support, number>> = { names: 2, tag: 2, portGroup: 1, folder: 1, traffic: 2 };

function strengthOf({ supports }: Judged): number {
  return supports.reduce((sum, support) => sum + STRENGTH[support], 0);
}

function kindOf({ candidate }: Judged): number {
  return SUPPORTS.indexOf(candidate.kind);
}

/** Of sets with the same members the first. */
function distinct(candidates: readonly Shared[]): Shared[] {
  const bySet = new Map<string, Shared>();
  for (const candidate of candidates) {
    const name = candidate.unclaimed.join();
    if (!bySet.has(name)) bySet.set(name, candidate);
  }
  return [...bySet.values()];
}

function withoutOverlaps(judged: readonly Judged[]): Judged[] {
  const used = new Set<number>();
  return judged.filter(({ candidate: { unclaimed } }) => {
    if (unclaimed.some(vm => used.has(vm))) return false;
    for (const vm of unclaimed) used.add(vm);
    return true;
  });
}

class World {
  readonly #vms: readonly KnownVm[];
  readonly #shared: ReadonlyMap<string, Shared>;
  /** What each VM shares with others. */
  readonly #valuesOf: readonly Shared[][];
  readonly #behaviours: Behaviours;
  /** VMs of each automatic node. */
  readonly #nodes: ReadonlyMap<string, number>;
  readonly #names: ReadonlyMap<string, number>;

  constructor(vms: readonly KnownVm[], shared: readonly Shared[], behaviours: Behaviours) {
    this.#vms = vms;
    this.#shared = new Map(shared.map(entry => [`${entry.kind} ${entry.value}`, entry]));
    this.#valuesOf = vms.map(() => []);
    for (const entry of shared) for (const vm of entry.unclaimed) this.#valuesOf[vm]!.push(entry);
    this.#behaviours = behaviours;
    this.#nodes = counted(vms.flatMap(({ node }) => node ?? []));
    this.#names = counted(vms.map(({ name }) => name.toLowerCase()));
  }

  judge(candidate: Shared): Judged {
    const supports: Support[] = [];
    const evidence: string[] = [];
    for (const [kind, { value, share }] of this.#bestValues(candidate.unclaimed)) {
      supports.push(kind);
      const has = Math.round(share * candidate.unclaimed.length);
      evidence.push(SENTENCES[kind](value, `${has} of ${candidate.unclaimed.length}`));
    }
    const traffic = this.#trafficOf(candidate.unclaimed);
    if (traffic.length > 0) supports.push('traffic');
    evidence.push(...traffic);
    return { candidate, supports, evidence };
  }

  /** Of each kind the value that most members have, and hardly anybody else without an application. */
  #bestValues(members: readonly number[]): Map<Exclude<Support, 'traffic'>, { value: string; share: number }> {
    const has = new Map<Shared, number>();
    for (const vm of members) for (const entry of this.#valuesOf[vm]!) has.set(entry, (has.get(entry) ?? 0) + 1);
    const best = new Map<Exclude<Support, 'traffic'>, { value: string; share: number; all: number }>();
    for (const [entry, count] of has) {
      if (count < SHARE_MIN * members.length || count < SHARE_MIN * entry.unclaimed.length) continue;
      const kind = entry.kind as Exclude<Support, 'traffic'>;
      const share = count / members.length;
      const { share: most, all } = best.get(kind) ?? { share: 0, all: 0 };
      // Of equal ones that which fewer VMs with an application have too.
      if (share > most || (share === most && entry.all < all))
        best.set(kind, { value: entry.value, share, all: entry.all });
    }
    return new Map([...best].sort(([a], [b]) => SUPPORTS.indexOf(a) - SUPPORTS.indexOf(b)));
  }

  /** Automatic nodes that are in the set with most of their VMs: traffic is known of whole nodes. */
  #nodesOf(members: readonly number[]): Set<string> {
    const inside = counted(members.map(vm => this.#vms[vm]!.node!));
    return new Set([...inside].flatMap(([node, vms]) => (vms >= SHARE_MIN * this.#nodes.get(node)! ? [node] : [])));
  }

  #trafficOf(members: readonly number[]): string[] {
    const nodes = this.#nodesOf(members);
    if (nodes.size < 2) return [];
    const sentences: string[] = [];
    const { inside, all } = this.#behaviours.insideOf(nodes);
    if (all > 0 && inside >= INSIDE_MIN * all)
      sentences.push(`${Math.floor((100 * inside) / all)} % of what they exchange stays among them`);
    const compared = [...nodes].slice(0, COMPARED_MAX);
    const likeness = meanLikeness(compared, (a, b) => this.#behaviours.likeness(a, b));
    if (likeness >= ALIKE_MIN)
      sentences.push(`they exchange with the same peers on the same services (likeness ${likeness.toFixed(2)} of 1)`);
    return sentences;
  }

  suggest({ candidate, supports, evidence }: Judged, membersMax: number, ids: Set<string>): SuggestedApplication {
    const { unclaimed } = candidate;
    const names = unclaimed.map(vm => this.#vms[vm]!.name).sort();
    const nodes = this.#nodesOf(unclaimed);
    const services = this.#behaviours.servicesOf(nodes);
    const served = services.reduce((sum, { bytes }) => sum + bytes, 0);
    const isWhole = unclaimed.every(vm => nodes.has(this.#vms[vm]!.node!));
    return {
      id: uniqueId(this.#idOf(candidate, names), ids),
      servers: this.#selectorOf(unclaimed, names) ?? null,
      vms: unclaimed.length,
      members: names.slice(0, membersMax),
      supports,
      evidence,
      services: services
        .filter(({ bytes }) => bytes >= SERVICE_SHARE_MIN * served)
        .slice(0, SERVICES_MAX)
        .map(({ service }) => service),
      bytes: isWhole ? this.#behaviours.insideOf(nodes).all : null,
    };
  }

  #idOf({ kind, value, unclaimed }: Shared, names: readonly string[]): string {
    const best = this.#bestValues(unclaimed);
    const named = best.get('names')?.value ?? best.get('tag')?.value ?? (kind === 'traffic' ? names[0]! : value);
    // `app:shop` and `app=shop` are the tag of shop, and `/prod/shop` its folder.
    return named.replace(/^.*[:=/](?=.)/, '');
  }

  /** Selects all members and no other VM of the inventory. */
  #selectorOf(members: readonly number[], names: readonly string[]): SuggestedServers | undefined {
    for (const [kind, { value }] of this.#bestValues(members)) {
      const entry = this.#shared.get(`${kind} ${value}`)!;
      if (entry.all !== members.length || entry.unclaimed.length !== members.length) continue;
      if (!members.every((vm, i) => vm === entry.unclaimed[i])) continue;
      if (kind === 'names' && !this.#isGlob(value, members.length)) continue;
      return SELECTORS[kind](value);
    }
    const listed = [...new Set(names.map(name => name.toLowerCase()))];
    const isExact = listed.reduce((sum, name) => sum + this.#names.get(name)!, 0) === members.length;
    // A name with a wildcard in it would select others.
    const isPlain = listed.every(name => !/[*?]/.test(name));
    return isExact && isPlain && listed.length <= NAMES_MAX ? { names: listed } : undefined;
  }

  /** Other names may begin like this too: `web` is the beginning of `webshop-1`. */
  #isGlob(beginning: string, count: number): boolean {
    if (/[*?]/.test(beginning)) return false;
    let found = 0;
    for (const [name, vms] of this.#names) if (name.startsWith(beginning)) found += vms;
    return found === count;
  }
}

const SENTENCES: Readonly<Record<Exclude<Support, 'traffic'>, (value: string, count: string) => string>> = {
  names: (value, count) => `${count} have a name that begins with "${value}"`,
  tag: (value, count) => `${count} have the tag "${value}"`,
  portGroup: (value, count) => `${count} are in the port group "${value}"`,
  folder: (value, count) => `${count} are in the folder "${value}"`,
};

const SELECTORS: Readonly<Record<Exclude<Support, 'traffic'>, (value: string) => SuggestedServers>> = {
  names: value => ({ names: [`${value}*`] }),
  tag: value => ({ tags: [value] }),
  portGroup: value => ({ portGroups: [value] }),
  folder: value => ({ folders: [value] }),
};

function meanLikeness(nodes: readonly string[], likeness: (a: string, b: string) => number): number {
  let [sum, pairs] = [0, 0];
  nodes.forEach((a, i) => {
    for (const b of nodes.slice(i + 1)) {
      sum += likeness(a, b);
      pairs++;
    }
  });
  return pairs > 0 ? sum / pairs : 0;
}

function counted(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

/** What may stand in a URL as it is, and no application has. */
function uniqueId(text: string, ids: Set<string>): string {
  const plain =
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, ID_LENGTH_MAX) || 'application';
  let id = plain;
  for (let number = 2; ids.has(id); number++) id = `${plain}-${number}`;
  ids.add(id);
  return id;
}
