// A flow cache, as NetFlow and IPFIX exporters have it: packets that a sampler takes are added to the record of their
// flow, which is sent when it has lasted for the active timeout, or nothing was added for the inactive one.

import type { Random } from '../../random.ts';
import type { ExporterSpec } from '../network/exporter-spec.ts';
import { type Flow5, OUTER_BYTES } from '../network/frame.ts';
import type { Hop } from '../network/path.ts';
import { packetBytes, packetMs, type Train, trainBytes } from '../network/traffic.ts';
import type { Device } from '../network/world.ts';
import {
  createPoints,
  type Exporter,
  type ExporterContext,
  type Observation,
  type Point,
  passSampler,
} from './exporter.ts';
import type { Counted, FlowEntry } from './flow-entry.ts';
import { RecordWriter } from './record-writer.ts';

export class FlowCache implements Exporter {
  readonly spec: ExporterSpec;
  readonly device: Device;
  readonly points: ReadonlyMap<string, Point>;
  sampling: number;
  silent = false;
  readonly #random: Random;
  readonly #points: ReturnType<typeof createPoints>;
  readonly #writer: RecordWriter;
  readonly #entries = new Map<string, FlowEntry>();

  constructor(context: ExporterContext) {
    this.spec = context.spec;
    this.device = context.device;
    this.sampling = context.spec.sampling;
    this.#random = context.random;
    this.#writer = new RecordWriter(context, () => this.sampling);
    this.#points = createPoints(context, () => this);
    this.points = this.#points.points;
  }

  observationsOf(hop: Hop, flow: Flow5, station: string): Observation[] {
    return this.#points.observationsOf(hop, flow, station);
  }

  meter(observation: Observation, train: Train): void {
    const { point } = observation;
    point.packets += train.packets;
    point.bytes += trainBytes(train);
    if (this.sampling === 1) this.#addAll(observation, train);
    else
      passSampler(point, train.packets, this.sampling, this.#random, packet => this.#add(observation, train, packet));
  }

  count(): void {}

  tick(nowMs: number): void {
    for (const [key, entry] of this.#entries) {
      if (!this.#isDue(entry, nowMs)) continue;
      this.#writer.write(entry, nowMs);
      this.#entries.delete(key);
    }
    this.#writer.send(nowMs);
  }

  flush(nowMs: number): void {
    for (const entry of this.#entries.values()) this.#writer.write(entry, nowMs);
    this.#entries.clear();
    this.#writer.send(nowMs);
  }

  restart(nowMs: number): void {
    this.flush(nowMs);
    this.#writer.restart(nowMs);
    this.#points.reset();
  }

  /** What the packets of an observation are counted in: the record of their flow, or the reverse half of one. */
  #countedFor(observation: Observation): Counted {
    const known = this.#entries.get(observation.key);
    if (known) return known;
    const forward = this.spec.biflow ? this.#entries.get(reverseKeyOf(observation)) : undefined;
    if (forward) {
      forward.reverse ??= nothing();
      return forward.reverse;
    }
    const entry: FlowEntry = { observation, reverse: undefined, ...nothing() };
    this.#entries.set(observation.key, entry);
    return entry;
  }

  #add(observation: Observation, train: Train, packet: number): void {
    const counted = this.#countedFor(observation);
    const bytes = packetBytes(train, packet) + this.#outerBytesOf(observation);
    const atMs = packetMs(train, packet);
    if (counted.packets === 0) counted.startMs = atMs;
    counted.endMs = atMs;
    counted.packets++;
    counted.bytes += bytes;
    counted.squares += bytes * bytes;
  }

  /** All packets of a train at once, where each is taken. */
  #addAll(observation: Observation, train: Train): void {
    const counted = this.#countedFor(observation);
    if (counted.packets === 0) counted.startMs = packetMs(train, 0);
    counted.endMs = packetMs(train, train.packets - 1);
    counted.packets += train.packets;
    counted.bytes += trainBytes(train) + this.#outerBytesOf(observation) * train.packets;
  }

  #outerBytesOf({ frame }: Observation): number {
    return frame.outer && this.spec.flavour === 'switch' ? OUTER_BYTES : 0;
  }

  #isDue(entry: FlowEntry, nowMs: number): boolean {
    const { activeTimeoutMs, inactiveTimeoutMs } = this.spec;
    const startMs = Math.min(entry.startMs, entry.reverse?.startMs ?? entry.startMs);
    const endMs = Math.max(entry.endMs, entry.reverse?.endMs ?? entry.endMs);
    return nowMs - startMs >= activeTimeoutMs || nowMs - endMs >= inactiveTimeoutMs;
  }
}

function nothing(): Counted {
  return { bytes: 0, packets: 0, squares: 0, startMs: 0, endMs: 0 };
}

/** Key of the same conversation seen the other way: ports of the device and ends exchanged. */
function reverseKeyOf({ point, inIf, outIf, flow, frame, copies }: Observation): string {
  return `${outIf} ${point.direction} ${outIf} ${inIf} ${flow.dst} ${flow.src} ${flow.proto} ${flow.dstPort} ${flow.srcPort} ${frame.dstMac} ${frame.srcMac} ${copies === 0}`;
}
