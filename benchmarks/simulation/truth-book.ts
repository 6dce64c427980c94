// Adds up the truth while packets flow. It is told of each train with its path before an exporter is, and knows nothing
// of which observation anybody counts: "first seen" is the first meter on the way, whatever it is.

import type { Observation } from './exporters/exporter.ts';
import type { Path } from './network/path.ts';
import { type Direction, type Train, trainBytes } from './network/traffic.ts';
import { type Device, nodeOf } from './network/world.ts';
import type { CHANGE_KINDS, TruthV2 } from './truth.ts';

const MINUTE_MS = 60_000;
const BUCKET_MS = 300_000;
/** Minutes on either side of a change that are told one by one. */
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

export interface TruthBook {
  add(direction: Direction, train: Train, path: Path, seen: readonly Observation[]): void;
  change(change: Change): void;
  readonly changes: readonly Change[];
  /** What the book itself knows. */
  told(): Pick<TruthV2, 'bytes' | 'packets' | 'discarded' | 'applications' | 'minutes' | 'cells'>;
}

export interface Change {
  readonly atMs: number;
  readonly kind: (typeof CHANGE_KINDS)[number];
  readonly subject: string;
  readonly from?: string;
  readonly to?: string;
  readonly knownAtMs?: number;
}

export function createTruthBook(): TruthBook {
  const total: Volume = { bytes: 0, packets: 0 };
  const discarded: Volume = { bytes: 0, packets: 0 };
  const applications = new Map<string, ApplicationCell>();
  const minutes = new Map<string, Volume>();
  const pairs = new Map<string, PairCell>();
  const changes: Change[] = [];

  const addTo = (volume: Volume, bytes: number, packets: number) => {
    volume.bytes += bytes;
    volume.packets += packets;
  };

  return {
    changes,
    change: change => void changes.push(change),
    add(direction, train, path, seen) {
      const bytes = trainBytes(train);
      const { packets, startMs } = train;
      if (!path.delivered) {
        addTo(discarded, bytes, packets);
        return;
      }
      addTo(total, bytes, packets);
      const { from, to, conversation } = direction;
      const src = nodeOf(from);
      const dst = nodeOf(to);
      const cell = entry(applications, `${src}\n${dst}`, () => ({
        src,
        dst,
        bytes: 0,
        packets: 0,
        unseenBytes: 0,
        samplingRate: 1,
        expectedSamples: 0,
        ports: new Map(),
      }));
      addTo(cell, bytes, packets);
      const first = firstSeen(seen);
      if (first) {
        const rate = first.exporter.sampling;
        cell.samplingRate = Math.max(cell.samplingRate, rate);
        cell.expectedSamples += packets / rate;
        cell.ports.set(first.point, (cell.ports.get(first.point) ?? 0) + packets);
      } else cell.unseenBytes += bytes;

      const minute = startMs - (startMs % MINUTE_MS);
      addTo(
        entry(minutes, `${minute}\n${src}\n${dst}`, () => ({ bytes: 0, packets: 0 })),
        bytes,
        packets,
      );

      const service = `${conversation.proto === 6 ? 'tcp' : 'udp'}/${conversation.port}`;
      const links = path.hops.map(({ device, inPort }) => `${nameOf(device)}/${inPort}`);
      const pair = entry(pairs, `${from.name}\n${to.name}\n${service}\n${links.join()}`, () => ({
        src: from.name,
        dst: to.name,
        srcApp: src,
        dstApp: dst,
        service,
        links,
        bytes: 0,
        packets: 0,
        buckets: new Map(),
      }));
      addTo(pair, bytes, packets);
      addTo(
        entry(pair.buckets, startMs - (startMs % BUCKET_MS), () => ({ bytes: 0, packets: 0 })),
        bytes,
        packets,
      );
    },
    told() {
      const near = (minute: number) =>
        changes.some(({ atMs }) => Math.abs(minute - atMs) <= MINUTES_AROUND * MINUTE_MS);
      return {
        ...total,
        discarded,
        applications: [...applications.values()].map(({ ports, ...cell }) => ({
          ...cell,
          portShare: Math.max(0, ...[...ports].map(([point, packets]) => Math.min(1, packets / point.packets))),
        })),
        minutes: [...minutes].flatMap(([name, volume]) => {
          const [minute, src, dst] = name.split('\n') as [string, string, string];
          return near(Number(minute)) ? [{ start: timeText(Number(minute)), src, dst, ...volume }] : [];
        }),
        cells: [...pairs.values()].map(({ buckets, ...pair }) => ({
          ...pair,
          buckets: [...buckets].map(([start, volume]) => ({ start: timeText(start), ...volume })),
        })),
      };
    },
  };
}

/** The least sampled meter of the first device on the way that tells anything. */
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
