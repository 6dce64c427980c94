// Where endpoints stand: keys and positions of host, rack, site and vSwitch, and the key of their place, which says more of
// the attachment (storage/tables/places.ts). VMs of one place share a location, so that all locations together stay in the
// processor's cache, and entries stay short.

import { OWNER_KIND, type PlaceText, type Topology } from '../../inventory/model/topology.ts';
import { hashedKey, type Key, keyToBigint, NO_KEY, type NodeClass } from '../../schemas/keys.ts';
import { wordsOnLines } from '../entries/cache-lines.ts';
import type { NodeNames } from './node-names.ts';

/** Words of a location, a line of the processor's cache. Positions count from 1, 0 is unknown. */
export const LOCATION = {
  host: 0,
  rack: 2,
  vswitchAt: 4,
  hostAt: 5,
  rackAt: 6,
  siteAt: 7,
  place: 8,
  words: 16,
} as const;

/** Tags of a place; of more the first by name, and the tier in any case. */
export const TAGS_MAX = 64;

/** A tag that states the tier of a VM: `tier:web`, `tier=web`. */
const TIER = /^tier\s*[:=]\s*(\S.*)$/i;

/** What is said of an attachment beside VM, host and rack; positions, 0 unknown. */
interface Attachment {
  readonly site: number;
  readonly vswitch: number;
  readonly segment: number;
  readonly portGroup: PlaceText | undefined;
  readonly tags: readonly string[];
}

/** Words of a location that are positions. */
interface Position {
  readonly vswitch: number;
  readonly host: number;
  readonly rack: number;
  readonly site: number;
}

interface Node {
  readonly id: string;
  readonly key: Key;
}

const NOWHERE: Position = { vswitch: 0, host: 0, rack: 0, site: 0 };
const UNKNOWN: Attachment = { site: 0, vswitch: 0, segment: 0, portGroup: undefined, tags: [] };
const NO_NODE: Node = { id: '', key: NO_KEY };

/** Names of what locations are made of, and places, are announced as they are met. */
export class Locations {
  readonly #topology: Topology;
  readonly #names: NodeNames;
  readonly #hostOwners = new Map<number, number>();
  /** By class and id, or position. */
  readonly #nodes = new Map<string, Node>();
  /** By number of the place in the topology; 0 none. */
  readonly #ofPlace: Uint32Array;
  /** Of ends whose segment is known by their address alone. */
  readonly #others = new Map<string, number>();
  /** Of ends that moved, by location and host in one number: looked up for every record of such an end. */
  readonly #moved = new Map<number, number>();
  readonly #attachments: Attachment[] = [UNKNOWN];
  #words = wordsOnLines(64 * LOCATION.words);
  #end: number = LOCATION.words;

  constructor(topology: Topology, names: NodeNames) {
    this.#topology = topology;
    this.#names = names;
    this.#ofPlace = new Uint32Array(topology.count + 1);
  }

  /**
   * Offset of the location of an owner in a segment (position from 1, 0 unknown); 0, which is nowhere, without either. The
   * segment of an end without an owner does not say where it stands.
   */
  of(owner: number, segment: number): number {
    if (owner < 0) {
      if (segment === 0) return 0;
      const site = this.#topology.segmentSites[segment - 1]!;
      return this.#other(`segment ${segment}`, () => this.#add(NOWHERE, { ...UNKNOWN, site, segment }));
    }
    const place = this.#topology.place[owner]!;
    if (segment !== this.#topology.segment[owner])
      return this.#other(`place ${place} ${segment}`, () => this.#addOwner(owner, segment));
    let at = this.#ofPlace[place]!;
    if (at === 0) {
      at = this.#addOwner(owner, segment);
      this.#ofPlace[place] = at;
    }
    return at;
  }

  /**
   * Offset of where the location at an offset has moved to: a host (position from 1), 0 unknown. It takes its port
   * group, segment and tags along; of the vSwitch nothing is known before the inventory has the move.
   */
  movedTo(from: number, host: number): number {
    // Hosts are numbered from 1 and fewer than 2^21, so the key is an exact number.
    const key = host * 2 ** 32 + from;
    let at = this.#moved.get(key);
    if (at === undefined) {
      at = this.#addMoved(from, host);
      this.#moved.set(key, at);
    }
    return at;
  }

  #addMoved(from: number, host: number): number {
    const { vswitch, host: hosts, rack, site: sites } = this.#topology;
    const owner = host === 0 ? -1 : this.#hostOwner(host);
    const at =
      owner < 0 ? NOWHERE : { vswitch: vswitch[owner]!, host: hosts[owner]!, rack: rack[owner]!, site: sites[owner]! };
    const attachment = this.#attachments[from / LOCATION.words]!;
    const site = at.site || (this.#topology.segmentSites[attachment.segment - 1] ?? 0);
    return this.#add(at, { ...attachment, vswitch: 0, site });
  }

  /** Locations that are held. */
  get size(): number {
    return this.#end / LOCATION.words - 1;
  }

  clear(): void {
    this.#ofPlace.fill(0);
    this.#others.clear();
    this.#moved.clear();
    this.#attachments.length = 1;
    this.#end = LOCATION.words;
  }

  /** Grows as locations are met: read it again for each block. */
  get words(): Uint32Array {
    return this.#words;
  }

  #other(name: string, add: () => number): number {
    let at = this.#others.get(name);
    if (at === undefined) {
      at = add();
      this.#others.set(name, at);
    }
    return at;
  }

  #addOwner(owner: number, segment: number): number {
    const topology = this.#topology;
    const { tags = [], portGroups } = topology.textOf(owner);
    const [vswitch, site] = [topology.vswitch[owner]!, topology.site[owner]!];
    const id = portGroups?.[0];
    const portGroup = id === undefined ? undefined : { id, name: portGroups?.[1] ?? id };
    return this.#add(
      { vswitch, host: topology.host[owner]!, rack: topology.rack[owner]!, site },
      { site: site || (topology.segmentSites[segment - 1] ?? 0), vswitch, segment, portGroup, tags: placeTags(tags) },
    );
  }

  #add({ vswitch, host, rack, site }: Position, attachment: Attachment): number {
    const at = this.#end;
    if (at === this.#words.length) {
      const grown = wordsOnLines(2 * at);
      grown.set(this.#words);
      this.#words = grown;
    }
    const hostKey = this.#node('host', host, () => this.#topology.hostText(host)).key;
    const rackKey = this.#node('rack', rack, () => this.#topology.rackText(rack)).key;
    const place = this.#placeOf(attachment);
    const keys = [hostKey.low, hostKey.high, rackKey.low, rackKey.high];
    this.#words.set([...keys, vswitch, host, rack, site, place.low, place.high], at);
    this.#attachments[at / LOCATION.words] = attachment;
    this.#end += LOCATION.words;
    return at;
  }

  #placeOf({ site, vswitch, segment, portGroup, tags }: Attachment): Key {
    const topology = this.#topology;
    const segmentId = topology.segmentIds[segment - 1] ?? '';
    const tier = tierOf(tags);
    const nodes = {
      site: this.#node('site', site, () => topology.siteText(site)),
      vswitch: this.#node('vswitch', vswitch, () => topology.vswitchText(vswitch)),
      portGroup: this.#node('portGroup', portGroup?.id ?? 0, () => portGroup!),
      segment: this.#node('segment', segment, () => ({ id: segmentId, name: segmentId })),
    };
    const ids = Object.values(nodes).map(({ id }) => id);
    if (tags.length === 0 && ids.every(id => id === '')) return NO_KEY;
    const key = hashedKey('place', JSON.stringify([...ids, tags]));
    this.#names.announcePlace({
      key: keyToBigint(key),
      site: keyToBigint(nodes.site.key),
      vswitch: keyToBigint(nodes.vswitch.key),
      portGroup: keyToBigint(nodes.portGroup.key),
      segment: keyToBigint(nodes.segment.key),
      tier: keyToBigint(this.#node('tier', tier ?? 0, () => ({ id: tier!, name: tier! })).key),
      tags,
    });
    return key;
  }

  /** Shared by many owners, hashed and announced once. `name`: a position or an id, 0 none. */
  #node(nodeClass: NodeClass, name: number | string, text: () => PlaceText): Node {
    if (name === 0) return NO_NODE;
    const at = `${nodeClass} ${name}`;
    let node = this.#nodes.get(at);
    if (!node) {
      const { id, name: shown } = text();
      node = { id, key: hashedKey(nodeClass, id) };
      this.#names.announce(node.key, shown, id);
      this.#nodes.set(at, node);
    }
    return node;
  }

  #hostOwner(position: number): number {
    let owner = this.#hostOwners.get(position);
    if (owner === undefined) {
      const { kind, host } = this.#topology;
      owner = kind.findIndex((one, i) => one === OWNER_KIND.vmkernel && host[i] === position);
      this.#hostOwners.set(position, owner);
    }
    return owner;
  }
}

function placeTags(tags: readonly string[]): readonly string[] {
  if (tags.length === 0) return tags;
  const sorted = [...new Set(tags)].sort();
  if (sorted.length <= TAGS_MAX) return sorted;
  const tier = sorted.find(tag => TIER.test(tag));
  const kept = sorted.filter(tag => tag !== tier).slice(0, tier === undefined ? TAGS_MAX : TAGS_MAX - 1);
  return tier === undefined ? kept : [...kept, tier].sort();
}

/** The first by name, where several tags state one. */
function tierOf(tags: readonly string[]): string | undefined {
  for (const tag of tags) {
    const tier = TIER.exec(tag)?.[1];
    if (tier !== undefined) return tier.trimEnd();
  }
  return undefined;
}
