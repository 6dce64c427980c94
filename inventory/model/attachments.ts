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
  passesOn: 64,
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
  readonly passesOn: boolean;
}

export interface Attachments {
  /** Gives the owner the attachment of this name, which is described when it is first used. */
  place(owner: number, name: string, describe: () => Attachment): void;
  finish(): { readonly idOf: Uint32Array; readonly attachments: Uint32Array; readonly points: Uint32Array };
}

export function createAttachments(owners: number, meters: Meters): Attachments {
  const idOf = new Uint32Array(owners);
  const ids = new Map<string, number>();
  const components = new Map<string, number>([['', 0]]);
  const points: number[] = [];
  // Number 0 is nowhere.
  let words = new Uint32Array(64 * ATTACHMENT.words);
  /** Hosts with VMs in tunnels, and whether all of them are covered. */
  const innerOf = new Map<number, { in: boolean; out: boolean }>();

  const add = (attachment: Attachment): number => {
    const number = ids.size + 1;
    const at = number * ATTACHMENT.words;
    if (at === words.length) {
      const grown = new Uint32Array(2 * words.length);
      grown.set(words);
      words = grown;
    }
    const { levels, internal, tunnelled, host, component } = attachment;
    const traffic = tunnelled ? TRAFFIC.inner : TRAFFIC.plain;
    const setRange = (word: number, [start, end]: readonly [number, number]) => {
      words[at + word] = start;
      words[at + word + 1] = end;
    };
    const start = points.length;
    const ranges = levels.map(level => {
      const from = points.length;
      for (const { values } of level) points.push(...values);
      return [from, points.length] as const;
    });
    const first = (fits: (spot: Spot) => boolean) => levels.findIndex(level => level.length > 0 && level.every(fits));
    const setFirst = (word: number, level: number) => setRange(word, ranges[level] ?? [0, 0]);
    const inLevel = first(spot => spot.covers(traffic, FLOW.ingress));
    const outLevel = first(spot => spot.covers(traffic, FLOW.egress));
    setFirst(ATTACHMENT.in, inLevel);
    setFirst(ATTACHMENT.out, outLevel);
    setFirst(
      ATTACHMENT.byOutput,
      first(({ device }) => device !== undefined && meters.metersEveryPort(device, traffic)),
    );
    setRange(ATTACHMENT.places, [start, points.length]);
    const isVswitch = (level: number) => levels[level]?.[0]?.device?.isVswitch === true;
    const covers = (flow: Flow) => internal?.covers(TRAFFIC.internal, flow) === true;
    if (internal) {
      const from = points.length;
      points.push(...internal.values);
      setRange(ATTACHMENT.internal, [from, points.length]);
    }
    if (!components.has(component)) components.set(component, components.size);
    words[at + ATTACHMENT.component] = components.get(component)!;
    words[at + ATTACHMENT.segment] = attachment.segment;
    words[at + ATTACHMENT.tag] = attachment.tag;
    words[at + ATTACHMENT.host] = host;
    words[at + ATTACHMENT.flags] =
      (attachment.turnsBack ? ATTACHED.turnsBack : 0) |
      (attachment.relays ? ATTACHED.relays : 0) |
      (attachment.hasOwnPort ? ATTACHED.ownPort : 0) |
      (attachment.router ? ATTACHED.router : 0) |
      (tunnelled ? ATTACHED.tunnelled : 0) |
      (attachment.isTunnelEnd ? ATTACHED.tunnelEnd : 0) |
      (attachment.passesOn ? ATTACHED.passesOn : 0) |
      (covers(FLOW.ingress) ? ATTACHED.internalIn : 0) |
      (covers(FLOW.egress) ? ATTACHED.internalOut : 0) |
      (isVswitch(inLevel) ? ATTACHED.inAtVswitch : 0) |
      (isVswitch(outLevel) ? ATTACHED.outAtVswitch : 0);
    if (tunnelled) {
      const others = innerOf.get(host) ?? { in: true, out: true };
      innerOf.set(host, { in: others.in && inLevel >= 0, out: others.out && outLevel >= 0 });
    }
    return number;
  };

  return {
    place(owner, name, describe) {
      let number = ids.get(name);
      if (number === undefined) {
        number = add(describe());
        ids.set(name, number);
      }
      idOf[owner] = number;
    },
    finish() {
      for (let number = 1; number <= ids.size; number++) {
        const at = number * ATTACHMENT.words;
        const inner = innerOf.get(words[at + ATTACHMENT.host]!);
        if (!inner || (words[at + ATTACHMENT.flags]! & ATTACHED.tunnelEnd) === 0) continue;
        words[at + ATTACHMENT.flags]! |= (inner.in ? ATTACHED.innerIn : 0) | (inner.out ? ATTACHED.innerOut : 0);
      }
      return { idOf, attachments: words, points: Uint32Array.from(points) };
    },
  };
}
