// What every simulated exporter is given and does. An exporter sits in one device; it has a point for each port and
// direction that it meters, and a sampler for each point, as devices have. It sees packets in trains (traffic.ts) and
// knows no socket and no wall clock.

import type { Random } from '../../random.ts';
import { type ExporterSpec, meteringOf } from '../network/exporter-spec.ts';
import type { Flow5, Frame } from '../network/frame.ts';
import type { Hop } from '../network/path.ts';
import type { Train } from '../network/traffic.ts';
import type { Device, World } from '../network/world.ts';

/** What an sFlow data source counts: one for both directions of a port. */
export interface Source {
  pool: number;
  sequence: number;
}

/** A port and direction with its sampler. */
export interface Point {
  readonly port: number;
  readonly direction: 'ingress' | 'egress';
  readonly source: Source;
  /** Packets that pass until one is taken. */
  skip: number;
  /** Everything that passed, for the truth. */
  packets: number;
  bytes: number;
}

/** What one point sees of the packets of one flow. */
export interface Observation {
  readonly exporter: Exporter;
  readonly point: Point;
  readonly key: string;
  readonly inIf: number;
  readonly outIf: number;
  /** Ports a group's packet leaves by, 1 for others, 0 for one that is dropped. */
  readonly copies: number;
  readonly frame: Frame;
  readonly flow: Flow5;
  /** UUID of the sender. */
  readonly station: string;
}

export interface Exporter {
  readonly spec: ExporterSpec;
  readonly device: Device;
  sampling: number;
  /** From here on it sends nothing. */
  silent: boolean;
  readonly points: ReadonlyMap<string, Point>;
  observationsOf(hop: Hop, flow: Flow5, station: string): Observation[];
  meter(observation: Observation, train: Train): void;
  /** Interface counters. */
  count(hop: Hop, train: Train): void;
  /** Called when simulated time has come to `nowMs`. */
  tick(nowMs: number): void;
  /** Sends everything it still holds. */
  flush(nowMs: number): void;
  /** Starts again: what it held has been sent, counters and sequences begin anew. */
  restart(nowMs: number): void;
}

export interface ExporterContext {
  readonly spec: ExporterSpec;
  readonly device: Device;
  readonly world: World;
  readonly random: Random;
  readonly bootMs: number;
  /** Takes a datagram with its number of records and the bytes they report. */
  readonly send: (payload: Uint8Array, records: number, bytes: number, nowMs: number) => void;
}

/** UDP payload that fits every network without fragments, tunnels included. */
export const DATAGRAM_BYTES_MAX = 1400;

/** Packets that pass before the next one is taken: each has the chance 1 in `rate`. */
export function drawSkip(random: Random, rate: number): number {
  return rate === 1 ? 0 : Math.floor(Math.log(1 - random.unit()) / Math.log1p(-1 / rate));
}

/** Lets `count` packets pass a sampler; `take` gets the number of each packet taken. Costs by packets taken. */
export function passSampler(
  point: Point,
  count: number,
  rate: number,
  random: Random,
  take: (packet: number) => void,
): void {
  let at = 0;
  const { source } = point;
  const before = source.pool;
  while (point.skip < count - at) {
    at += point.skip;
    source.pool = (before + at + 1) >>> 0;
    take(at);
    at++;
    point.skip = drawSkip(random, rate);
  }
  point.skip -= count - at;
  source.pool = (before + count) >>> 0;
}

/** The points of an exporter and the observations they make of a hop. */
export function createPoints(context: ExporterContext, exporter: () => Exporter) {
  const { spec, device, random } = context;
  const points = new Map<string, Point>();
  const sources = new Map<number, Source>();

  const sourceOf = (port: number): Source => {
    const source = sources.get(port) ?? { pool: 0, sequence: 0 };
    sources.set(port, source);
    return source;
  };

  const pointAt = (port: number, direction: Point['direction']): Point => {
    const name = `${port} ${direction}`;
    let point = points.get(name);
    if (!point) {
      const { sampling } = exporter();
      point = { port, direction, source: sourceOf(port), skip: drawSkip(random, sampling), packets: 0, bytes: 0 };
      points.set(name, point);
    }
    return point;
  };

  const reported = (port: number): number => {
    if (device.kind !== 'switch' || port === 0) return port;
    const known = device.ports.get(port);
    if (spec.reports === 'lag') return known?.lag ?? port;
    return spec.reports === 'parent' ? (known?.parent ?? port) : port;
  };

  const isInternal = ({ inPort, outPorts }: Hop) =>
    device.kind === 'vswitch' && inPort !== device.uplinkPort && outPorts.every(port => port !== device.uplinkPort);

  return {
    points,
    observationsOf(hop: Hop, flow: Flow5, station: string): Observation[] {
      if (spec.hostInternalOnly && !isInternal(hop)) return [];
      const { inPort, outPorts } = hop;
      const found: Observation[] = [];
      const observe = (point: Point, outPort: number, frame: Frame) => {
        const inIf = reported(inPort);
        const outIf = reported(outPort);
        const key = `${point.port} ${point.direction} ${inIf} ${outIf} ${flow.src} ${flow.dst} ${flow.proto} ${flow.srcPort} ${flow.dstPort} ${frame.srcMac} ${frame.dstMac} ${outPorts.length === 0}`;
        found.push({ exporter: exporter(), point, key, inIf, outIf, copies: outPorts.length, frame, flow, station });
      };
      const single = outPorts.length === 1 ? outPorts[0]! : 0;
      if (spec.dataSource === 'entity') {
        observe(pointAt(0, 'ingress'), single, hop.frame);
        return found;
      }
      const atInput = meteringOf(spec, inPort);
      if (atInput === 'ingress' || atInput === 'both') observe(pointAt(inPort, 'ingress'), single, hop.frame);
      for (const port of outPorts) {
        const atOutput = meteringOf(spec, port);
        if (atOutput === 'egress' || atOutput === 'both') observe(pointAt(port, 'egress'), port, hop.outFrame);
      }
      return found;
    },
    /** Samplers and counters of a device that starts again. */
    reset() {
      for (const source of sources.values()) Object.assign(source, { pool: 0, sequence: 0 });
      for (const point of points.values()) point.skip = drawSkip(random, exporter().sampling);
    },
  };
}
