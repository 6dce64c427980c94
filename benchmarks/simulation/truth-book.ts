// Adds up the truth while packets flow. It is given each train with its path before an exporter is, and knows nothing
// of which observation anybody counts: "first seen" is the first meter on the way, whatever it is.

import type { Observation } from './exporters/exporter.ts';
import type { Path } from './network/path.ts';
import { type Direction, type Train, trainBytes } from './network/traffic.ts';
import { type Device, nodeOf } from './network/world.ts';
import type { CHANGE_KINDS, TruthV2 } from './truth.ts';

const MINUTE_MS = 60_000;
const BUCKET_MS = 300_000;
/** Minutes on either side of a change that are reported one by one. */
const MINUTES_AROUND = 10;

interface Volume {
  bytes: number;
  packets: number;
}

interface ApplicationCell extends Volume {
  readonly src: string;
  readonly dst: string;
  unseenBytes: number;
  samplingRate: number;
  expectedSamples: number;
  /** Packets by the name of the port where they were first seen. */
  readonly ports: Map<Observation['point'], number>;
}

interface PairCell extends Volume {
  readonly src: string;
  readonly dst: string;
  readonly srcApp: string;
  readonly dstApp: string;
  readonly service: string;
  readonly links: string[];
  readonly buckets: Map<number, Volume>;
}

export interface Change {
  readonly atMs: number;
  readonly kind: (typeof CHANGE_KINDS)[number];
  readonly subject: string;
  readonly from?: string;
  readonly to?: string;
  readonly knownAtMs?: number;
}

/** Nodes of the application matrix at the ends of a direction. */
interface Nodes {
  readonly src: string;
  readonly dst: string;
}

export class TruthBook {
  readonly #total = nothing();
  readonly #discarded = nothing();
  readonly #applications = new Map<string, ApplicationCell>();
  readonly #minutes = new Map<string, Volume>();
  readonly #pairs = new Map<string, PairCell>();
  readonly #changes: Change[] = [];

  get changes(): readonly Change[] {
    return this.#changes;
  }

  change(change: Change): void {
    this.#changes.push(change);
  }

  add(direction: Direction, train: Train, path: Path, seen: readonly Observation[]): void {
    const volume: Volume = { bytes: trainBytes(train), packets: train.packets };
    if (!path.delivered) {
      addTo(this.#discarded, volume);
      return;
    }
    addTo(this.#total, volume);
    const nodes: Nodes = { src: nodeOf(direction.from), dst: nodeOf(direction.to) };
    this.#addToApplications(nodes, volume, seen);
    this.#addToMinutes(nodes, volume, train.startMs);
    this.#addToPairs(direction, nodes, volume, path, train.startMs);
  }

  /** What the book itself knows. */
  reported(): Pick<TruthV2, 'bytes' | 'packets' | 'discarded' | 'applications' | 'minutes' | 'cells'> {
    return {
      ...this.#total,
      discarded: this.#discarded,
      applications: [...this.#applications.values()].map(({ ports, ...cell }) => ({
        ...cell,
        portShare: Math.max(0, ...[...ports].map(([point, packets]) => Math.min(1, packets / point.packets))),
      })),
      minutes: [...this.#minutes].flatMap(([name, volume]) => {
        const [minute, src, dst] = name.split('\n') as [string, string, string];
        return this.#isNearChange(Number(minute)) ? [{ start: timeText(Number(minute)), src, dst, ...volume }] : [];
      }),
      cells: [...this.#pairs.values()].map(({ buckets, ...pair }) => ({
        ...pair,
        buckets: [...buckets].map(([start, volume]) => ({ start: timeText(start), ...volume })),
      })),
    };
  }

  #isNearChange(minute: number): boolean {
    return this.#changes.some(({ atMs }) => Math.abs(minute - atMs) <= MINUTES_AROUND * MINUTE_MS);
  }

  #addToApplications({ src, dst }: Nodes, volume: Volume, seen: readonly Observation[]): void {
    const cell = entry(this.#applications, `${src}\n${dst}`, () => ({
      src,
      dst,
      ...nothing(),
      unseenBytes: 0,
      samplingRate: 1,
      expectedSamples: 0,
      ports: new Map(),
    }));
    addTo(cell, volume);
    const first = firstSeen(seen);
    if (!first) {
      cell.unseenBytes += volume.bytes;
      return;
    }
    const rate = first.exporter.sampling;
    cell.samplingRate = Math.max(cell.samplingRate, rate);
    cell.expectedSamples += volume.packets / rate;
    cell.ports.set(first.point, (cell.ports.get(first.point) ?? 0) + volume.packets);
  }

  #addToMinutes({ src, dst }: Nodes, volume: Volume, startMs: number): void {
    const minute = startMs - (startMs % MINUTE_MS);
    addTo(entry(this.#minutes, `${minute}\n${src}\n${dst}`, nothing), volume);
  }

  #addToPairs({ from, to, conversation }: Direction, nodes: Nodes, volume: Volume, path: Path, startMs: number): void {
    const service = `${conversation.proto === 6 ? 'tcp' : 'udp'}/${conversation.port}`;
    const links = path.hops.map(({ device, inPort }) => `${nameOf(device)}/${inPort}`);
    const pair = entry(this.#pairs, `${from.name}\n${to.name}\n${service}\n${links.join()}`, () => ({
      src: from.name,
      dst: to.name,
      srcApp: nodes.src,
      dstApp: nodes.dst,
      service,
      links,
      ...nothing(),
      buckets: new Map(),
    }));
    addTo(pair, volume);
    addTo(entry(pair.buckets, startMs - (startMs % BUCKET_MS), nothing), volume);
  }
}

function nothing(): Volume {
  return { bytes: 0, packets: 0 };
}

function addTo(sum: Volume, { bytes, packets }: Volume): void {
  sum.bytes += bytes;
  sum.packets += packets;
}

/** The least sampled meter of the first device on the way that reports anything. */
function firstSeen(seen: readonly Observation[]): Observation | undefined {
  const live = seen.filter(({ exporter }) => !exporter.silent);
  const device = live[0]?.exporter.device;
  return live
    .filter(({ exporter }) => exporter.device === device)
    .reduce<Observation | undefined>(
      (best, each) => (best && best.exporter.sampling <= each.exporter.sampling ? best : each),
      undefined,
    );
}

export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

function nameOf(device: Device): string {
  return device.kind === 'switch' ? device.id : `${device.host.id}/${device.id}`;
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
