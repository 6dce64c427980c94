// Attachments: how owners hang on the network, each kind once, as a few words and ranges of points. Owners that share
// port, segment and component share the attachment.

import { type Device, FLOW, type Flow, type Meters, TRAFFIC, type Traffic } from './meters.ts';

/** Words of an attachment. A range is two: its first point, and the one behind its last. */
export const ATTACHMENT = {
  /** Ports of the first level that is covered as packets arrive, and as they leave. */
  in: 0,
  out: 2,
  /** Ports of the first level whose devices meter everything that arrives. */
  byOutput: 4,
  /** Ports of every level, covered or not. */
  places: 6,
  /** The port at the vSwitch, or the vSwitch, for traffic inside it. */
  internal: 8,
  /** Number of the vSwitch or S-channel component, 0 none. */
  component: 10,
  segment: 11,
  flags: 12,
  /** S-VID, or ECID_BIT and E-CID, that its packets bear at the switch; 0 none. */
  tag: 13,
  host: 14,
  words: 16,
} as const;

export const ATTACHED = {
  /** Frames for a neighbour go to the bridge (VEPA, VSI), which turns them back. */
  turnsBack: 1,
  relays: 2,
  ownPort: 4,
  /** Its vSwitch routes between segments. */
  router: 8,
  tunnelled: 16,
  /** An address of a host, where tunnels may end. */
  tunnelEnd: 32,
  /** A gateway, balancer or virtual address. */
  forwards: 64,
  /** The vSwitch counts what stays inside as it arrives; as it leaves. */
  internalIn: 128,
  internalOut: 256,
  /** Of a tunnel end: what its host's VMs send in tunnels is counted as it arrives; what they get, as it leaves. */
  innerIn: 512,
  innerOut: 1024,
  /** `in` is the port at a vSwitch, which sees traffic that stays inside too; the same for `out`. */
  inAtVswitch: 2048,
  outAtVswitch: 4096,
} as const;

/** One port of a level. */
export interface Spot {
  readonly device: Device | undefined;
  /** What PORT.node or PORT.group of a record's port must be. */
  readonly values: readonly number[];
  readonly covers: (traffic: Traffic, flow: Flow) => boolean;
}

export interface Attachment {
  /** From the vNIC outwards. */
  readonly levels: readonly (readonly Spot[])[];
  readonly internal?: Spot;
  readonly component: string;
  readonly segment: number;
  readonly router: boolean;
  readonly turnsBack: boolean;
  readonly relays: boolean;
  readonly hasOwnPort: boolean;
  readonly tag: number;
  readonly tunnelled: boolean;
  readonly host: number;
  readonly isTunnelEnd: boolean;
  readonly forwards: boolean;
}

/** Points from the first to the one behind the last. */
type Range = readonly [number, number];
const NO_POINTS: Range = [0, 0];

export class Attachments {
  readonly #meters: Meters;
  readonly #idOf: Uint32Array;
  readonly #ids = new Map<string, number>();
  readonly #components = new Map<string, number>([['', 0]]);
  readonly #points: number[] = [];
  /** Number 0 is nowhere. */
  #words = new Uint32Array(64 * ATTACHMENT.words);
  /** Hosts with VMs in tunnels, and whether all of them are covered. */
  readonly #innerOf = new Map<number, { readonly in: boolean; readonly out: boolean }>();

  constructor(owners: number, meters: Meters) {
    this.#meters = meters;
    this.#idOf = new Uint32Array(owners);
  }

  /** Gives the owner the attachment of this name, which is described when it is first used. */
  place(owner: number, name: string, describe: () => Attachment): void {
    let number = this.#ids.get(name);
    if (number === undefined) {
      number = this.#add(describe());
      this.#ids.set(name, number);
    }
    this.#idOf[owner] = number;
  }

  finish(): { readonly idOf: Uint32Array; readonly attachments: Uint32Array; readonly points: Uint32Array } {
    const words = this.#words;
    for (let number = 1; number <= this.#ids.size; number++) {
      const at = number * ATTACHMENT.words;
      const inner = this.#innerOf.get(words[at + ATTACHMENT.host]!);
      if (!inner || (words[at + ATTACHMENT.flags]! & ATTACHED.tunnelEnd) === 0) continue;
      words[at + ATTACHMENT.flags]! |= (inner.in ? ATTACHED.innerIn : 0) | (inner.out ? ATTACHED.innerOut : 0);
    }
    return { idOf: this.#idOf, attachments: words, points: Uint32Array.from(this.#points) };
  }

  #add(attachment: Attachment): number {
    const number = this.#ids.size + 1;
    const at = number * ATTACHMENT.words;
    if (at === this.#words.length) this.#grow();
    const { levels, internal, tunnelled } = attachment;
    const traffic = tunnelled ? TRAFFIC.inner : TRAFFIC.plain;
    const start = this.#points.length;
    const ranges = levels.map(level => this.#addPoints(level.flatMap(({ values }) => values)));
    const inLevel = firstLevel(levels, spot => spot.covers(traffic, FLOW.ingress));
    const outLevel = firstLevel(levels, spot => spot.covers(traffic, FLOW.egress));
    const byOutput = firstLevel(
      levels,
      ({ device }) => device !== undefined && this.#meters.metersEveryPort(device, traffic),
    );
    this.#setRange(at + ATTACHMENT.in, ranges[inLevel]);
    this.#setRange(at + ATTACHMENT.out, ranges[outLevel]);
    this.#setRange(at + ATTACHMENT.byOutput, ranges[byOutput]);
    this.#setRange(at + ATTACHMENT.places, [start, this.#points.length]);
    if (internal) this.#setRange(at + ATTACHMENT.internal, this.#addPoints(internal.values));
    const words = this.#words;
    words[at + ATTACHMENT.component] = this.#componentNumber(attachment.component);
    words[at + ATTACHMENT.segment] = attachment.segment;
    words[at + ATTACHMENT.tag] = attachment.tag;
    words[at + ATTACHMENT.host] = attachment.host;
    words[at + ATTACHMENT.flags] = flagsOf(attachment, levels[inLevel], levels[outLevel]);
    if (tunnelled) this.#addInner(attachment.host, inLevel >= 0, outLevel >= 0);
    return number;
  }

  #grow(): void {
    const grown = new Uint32Array(2 * this.#words.length);
    grown.set(this.#words);
    this.#words = grown;
  }

  #addPoints(values: readonly number[]): Range {
    const from = this.#points.length;
    this.#points.push(...values);
    return [from, this.#points.length];
  }

  #setRange(at: number, [start, end]: Range = NO_POINTS): void {
    this.#words[at] = start;
    this.#words[at + 1] = end;
  }

  #componentNumber(component: string): number {
    if (!this.#components.has(component)) this.#components.set(component, this.#components.size);
    return this.#components.get(component)!;
  }

  #addInner(host: number, isInCovered: boolean, isOutCovered: boolean): void {
    const others = this.#innerOf.get(host) ?? { in: true, out: true };
    this.#innerOf.set(host, { in: others.in && isInCovered, out: others.out && isOutCovered });
  }
}

/** The first level all of whose ports fit, -1 when there is none. */
function firstLevel(levels: Attachment['levels'], fits: (spot: Spot) => boolean): number {
  return levels.findIndex(level => level.length > 0 && level.every(fits));
}

function flagsOf(
  attachment: Attachment,
  inLevel: readonly Spot[] | undefined,
  outLevel: readonly Spot[] | undefined,
): number {
  const covers = (flow: Flow) => attachment.internal?.covers(TRAFFIC.internal, flow) === true;
  const isVswitch = (level: readonly Spot[] | undefined) => level?.[0]?.device?.isVswitch === true;
  return (
    (attachment.turnsBack ? ATTACHED.turnsBack : 0) |
    (attachment.relays ? ATTACHED.relays : 0) |
    (attachment.hasOwnPort ? ATTACHED.ownPort : 0) |
    (attachment.router ? ATTACHED.router : 0) |
    (attachment.tunnelled ? ATTACHED.tunnelled : 0) |
    (attachment.isTunnelEnd ? ATTACHED.tunnelEnd : 0) |
    (attachment.forwards ? ATTACHED.forwards : 0) |
    (covers(FLOW.ingress) ? ATTACHED.internalIn : 0) |
    (covers(FLOW.egress) ? ATTACHED.internalOut : 0) |
    (isVswitch(inLevel) ? ATTACHED.inAtVswitch : 0) |
    (isVswitch(outLevel) ? ATTACHED.outAtVswitch : 0)
  );
}
