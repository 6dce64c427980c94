// An sFlow v5 agent. A data source is a port (class 0) or the bridge as a whole (class 2, as Open vSwitch does it).

import type { ExporterSpec } from '../network/exporter-spec.ts';
import { type Flow5, type Frame, type Header, headerOf } from '../network/frame.ts';
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
  type Source,
} from './exporter.ts';
import { FCS_BYTES, type PortCounters, SflowDatagrams, type Taken } from './sflow-datagrams.ts';

export class SflowAgent implements Exporter {
  readonly spec: ExporterSpec;
  readonly device: Device;
  readonly points: ReadonlyMap<string, Point>;
  sampling: number;
  silent = false;
  readonly #context: ExporterContext;
  readonly #points: ReturnType<typeof createPoints>;
  readonly #datagrams: SflowDatagrams;
  #countedMs: number;
  /** The packets of a tick: samples of several ports are sent in the order of time. */
  #taken: Taken[] = [];
  /** Pools of each source as its packets were taken, in order. */
  readonly #pools = new Map<Source, number[]>();
  readonly #headers = new WeakMap<Observation, Map<number, Header>>();
  readonly #counters = new Map<number, PortCounters>();

  constructor(context: ExporterContext) {
    this.#context = context;
    this.spec = context.spec;
    this.device = context.device;
    this.sampling = context.spec.sampling;
    this.#countedMs = context.bootMs;
    this.#datagrams = new SflowDatagrams(context);
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
    const { source } = point;
    const list = this.#pools.get(source) ?? [];
    this.#pools.set(source, list);
    passSampler(point, train.packets, this.sampling, this.#context.random, packet => {
      list.push(source.pool);
      this.#taken.push({ atMs: packetMs(train, packet), observation, ipBytes: packetBytes(train, packet) });
    });
  }

  count(hop: Hop, train: Train): void {
    if (this.spec.countersEveryMs === 0) return;
    const input = this.#countersOf(hop.inPort);
    input.inOctets += octetsOf(hop.frame, train);
    input.inPackets += train.packets;
    for (const port of hop.outPorts) {
      const output = this.#countersOf(port);
      output.outOctets += octetsOf(hop.outFrame, train);
      output.outPackets += train.packets;
    }
  }

  tick(nowMs: number): void {
    this.#writeTaken();
    if (this.spec.countersEveryMs > 0 && nowMs - this.#countedMs >= this.spec.countersEveryMs) {
      this.#countedMs = nowMs;
      for (const [port, counted] of this.#counters) this.#datagrams.writeCounters(port, counted, nowMs);
    }
    this.#datagrams.send(nowMs);
  }

  flush(nowMs: number): void {
    this.#writeTaken();
    this.#datagrams.send(nowMs);
  }

  restart(nowMs: number): void {
    this.flush(nowMs);
    this.#datagrams.restart(nowMs);
    this.#counters.clear();
    this.#points.reset();
  }

  #writeTaken(): void {
    this.#taken.sort((a, b) => a.atMs - b.atMs);
    const written = new Map<Source, number>();
    for (const taken of this.#taken) {
      const { source } = taken.observation.point;
      const n = written.get(source) ?? 0;
      written.set(source, n + 1);
      this.#datagrams.writeFlowSample(taken, this.#headerOf(taken), this.#pools.get(source)![n]!, this.sampling);
    }
    this.#taken = [];
    this.#pools.clear();
  }

  #headerOf({ observation, ipBytes }: Taken): Header {
    let known = this.#headers.get(observation);
    if (!known) {
      known = new Map();
      this.#headers.set(observation, known);
    }
    let header = known.get(ipBytes);
    if (!header) {
      header = headerOf(observation.frame, observation.flow, ipBytes);
      known.set(ipBytes, header);
    }
    return header;
  }

  #countersOf(port: number): PortCounters {
    let found = this.#counters.get(port);
    if (!found) {
      found = { inOctets: 0, inPackets: 0, outOctets: 0, outPackets: 0, sequence: 0 };
      this.#counters.set(port, found);
    }
    return found;
  }
}

function octetsOf(frame: Frame, train: Train): number {
  const ipBytes = packetBytes(train, 0);
  const { frameBytes } = headerOf(frame, train.flow, ipBytes);
  return trainBytes(train) + train.packets * (frameBytes - ipBytes + FCS_BYTES);
}
