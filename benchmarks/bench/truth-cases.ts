// Small networks without any document, for `bench truth`: which interfaces a flow passes, and the records that exporters
// there make of it. The truth is the sum of the packets before any exporter sees them.
//
// Packets of a flow key have one size and are spread evenly over the minutes of the run. A sampler takes each packet with
// the same chance, at each exporter anew. sFlow has a record a sample, sent at once; a flow cache has a record a key and
// minute, sent up to 20 s after its end. Clocks of exporters are off, those of the collector are not.
//
// Each case has random numbers of its own. With the same ones in all of them, a few seeds that happen to be far off are far off
// in every case that samples alike, and look like a fault of the intervals.

import { createHash } from 'node:crypto';
import { COUNT_REASON, DIRECTION, PROTOCOL, RATE_SOURCE } from '../../schemas/codes.ts';
import { type FlowObject, flow } from '../../testing/data/stored-rows.ts';
import { createRandom, type Random, samplePackets } from '../random.ts';

const MINUTE_MS = 60_000;
const EXPORT_MS_MAX = 20_000;

export interface Flow {
  readonly place: number;
  readonly pair: number;
  /** Two networks have the same addresses. */
  readonly network: number;
  readonly srcPort: number;
  readonly packetsAMinute: number;
  readonly size: number;
}

export type Kind = 'sflow5' | 'netflow9' | 'netflow5';

/** An interface that a flow passes, and how it is metered there. */
export interface Tap {
  readonly exporter: number;
  readonly kind: Kind;
  readonly rate: number;
  readonly skewMs?: number;
  readonly port?: number;
  readonly egress?: boolean;
  readonly vlan?: number;
  /** The neighbours on either side; left out: not reported. */
  readonly macs?: readonly [number, number];
}

export interface Case {
  readonly name: string;
  /** Packets of a key in a minute; networks with equal addresses, where there are two. */
  readonly packetsAMinute: number;
  readonly networks?: number;
  readonly isSampled: boolean;
  readonly taps: (flow: Flow) => readonly Tap[];
}

const KINDS: readonly Kind[] = ['sflow5', 'netflow9', 'netflow5'];
/** What a key sends in a minute, so that some samples of it are taken in ten. */
const packetsFor = (rate: number) => (rate === 1 ? 4 : Math.max(4, rate / 5));
const named = (name: string, rate: number) => (rate === 1 ? name : `${name}, 1:${rate}`);
const spreadOver = ({ pair, srcPort }: Flow, ways: number) =>
  (pair * 7 + srcPort * 13 + ((pair * srcPort) >> 3)) % ways;

/** Bridges one behind the other; every bridge sees every packet. With many packets senders are learned one by one. */
function series(bridges: number, rate: number, times = 1): Case {
  const taps = Array.from({ length: bridges }, (_, i): Tap => ({ exporter: i, kind: 'sflow5', rate, macs: [1, 2] }));
  return {
    name: named(`${bridges} in series${times > 1 ? `, ${times} times the packets` : ''}`, rate),
    packetsAMinute: times * packetsFor(rate),
    isSampled: rate > 1,
    taps: () => taps,
  };
}

/** Spines side by side: each flow key takes one; with leaves a switch before them sees every packet. */
function parallel(spines: number, rate: number, leaf = false): Case {
  return {
    name: named(`${spines} in parallel${leaf ? ' behind a leaf' : ''}`, rate),
    packetsAMinute: packetsFor(rate),
    isSampled: rate > 1,
    taps: flow => [
      { exporter: spreadOver(flow, spines), kind: 'sflow5', rate, macs: [1, 2] },
      ...(leaf ? [{ exporter: 9, kind: 'sflow5', rate, macs: [1, 2] } satisfies Tap] : []),
    ],
  };
}

/** Ports of one switch that share their flows. */
function lag(ports: number, rate: number): Case {
  return {
    name: named(`LAG of ${ports}`, rate),
    packetsAMinute: packetsFor(rate),
    isSampled: rate > 1,
    taps: flow => [{ exporter: 0, kind: 'sflow5', rate, port: spreadOver(flow, ports), macs: [1, 2] }],
  };
}

/** Two bridges in series, both with two networks of the same addresses. */
function overlapping(rate: number): Case {
  return {
    name: named('same addresses in 2 VLANs', rate),
    packetsAMinute: packetsFor(rate),
    networks: 2,
    isSampled: rate > 1,
    taps: ({ network }) =>
      [0, 1].map(exporter => ({
        exporter,
        kind: 'sflow5',
        rate,
        vlan: 10 * (network + 1),
        macs: [10 * network + 1, 10 * network + 2],
      })),
  };
}

function clocksApart(skewMs: number, rate: number): Case {
  return {
    name: named(`clocks ${skewMs / 1000} s apart`, rate),
    packetsAMinute: packetsFor(rate),
    isSampled: rate > 1,
    taps: () => [0, 1].map(exporter => ({ exporter, kind: 'netflow9', rate, skewMs: exporter * skewMs })),
  };
}

/** sFlow, NetFlow v9 and v5 in series, each sampled in its own way. */
function mixed(rates: readonly [number, number, number]): Case {
  return {
    name: `sFlow 1:${rates[0]}, v9 1:${rates[1]}, v5 1:${rates[2]} in series`,
    packetsAMinute: packetsFor(Math.max(...rates)),
    isSampled: Math.min(...rates) > 1,
    taps: () => KINDS.map((kind, i) => ({ exporter: i, kind, rate: rates[i]!, macs: [1, 2] })),
  };
}

/** A router with one arm: the switch sees each packet on its way to it and on its way back. */
function hairpin(rate: number, hasMacs: boolean): Case {
  const leg = (port: number, macs: readonly [number, number]): Tap => ({
    exporter: 0,
    kind: 'netflow9',
    rate,
    port,
    ...(hasMacs && { macs }),
  });
  return {
    name: named(`routed hairpin${hasMacs ? '' : ' without MACs'}`, rate),
    packetsAMinute: packetsFor(rate),
    isSampled: rate > 1,
    taps: () => [leg(1, [1, 9]), leg(2, [9, 2])],
  };
}

function bothDirections(rate: number): Case {
  return {
    name: named('ingress and egress metered', rate),
    packetsAMinute: packetsFor(rate),
    isSampled: rate > 1,
    taps: () => [
      { exporter: 0, kind: 'netflow9', rate, port: 1 },
      { exporter: 0, kind: 'netflow9', rate, port: 2, egress: true },
    ],
  };
}

export const CASES: readonly Case[] = [
  ...[1, 2, 3, 4].map(bridges => series(bridges, 1)),
  ...[2, 4].map(spines => parallel(spines, 1)),
  parallel(4, 1, true),
  ...[2, 4].map(ports => lag(ports, 1)),
  overlapping(1),
  ...[35_000, 60_000].map(skewMs => clocksApart(skewMs, 1)),
  mixed([100, 1, 1]),
  hairpin(1, true),
  hairpin(1, false),
  bothDirections(1),
  ...[100, 1000].flatMap(rate => [1, 2, 3, 4].map(bridges => series(bridges, rate))),
  ...[5, 20].map(times => series(3, 100, times)),
  ...[2, 4].map(spines => parallel(spines, 100)),
  parallel(4, 1000, true),
  lag(2, 100),
  overlapping(100),
  clocksApart(60_000, 100),
  mixed([100, 1000, 10]),
  hairpin(100, true),
  bothDirections(100),
];

/** Those that `--smoke` runs. */
export const SMOKE: readonly string[] = ['2 in series', '2 in parallel', 'LAG of 2', '3 in series, 1:100'];

export interface CaseRun {
  readonly rows: readonly FlowObject[];
  readonly truth: number;
}

export interface CaseOptions {
  readonly fromMs: number;
  readonly minutes: number;
  readonly pairs: number;
  readonly keys: number;
  readonly seed: number;
  /** Each place has addresses and exporters of its own. */
  readonly place: number;
}

/** The records of a run, each with its time of receipt, and the bytes that were sent. */
export function runCase(given: Case, { fromMs, minutes, pairs, keys, seed, place }: CaseOptions): CaseRun {
  const random = createRandom(seed, streamOf(given));
  const rows: FlowObject[] = [];
  let truth = 0;
  for (let pair = 0; pair < pairs; pair++)
    for (let network = 0; network < (given.networks ?? 1); network++)
      for (let key = 0; key < keys; key++) {
        const srcPort = 40_000 + 100 * network + key;
        const size = 64 + random.below(1400);
        const sent: Flow = {
          place,
          pair: place * pairs + pair,
          network,
          srcPort,
          size,
          packetsAMinute: given.packetsAMinute + random.below(given.packetsAMinute),
        };
        truth += minutes * sent.packetsAMinute * size;
        for (const tap of given.taps(sent))
          for (let minute = 0; minute < minutes; minute++)
            rows.push(...recordsOf(sent, tap, fromMs + minute * MINUTE_MS, random));
      }
  return { rows, truth };
}

function streamOf({ name }: Case): number {
  return createHash('sha256').update(name).digest().readUInt32LE();
}

function recordsOf(sent: Flow, tap: Tap, startMs: number, random: Random): FlowObject[] {
  const taken = samplePackets(random, sent.packetsAMinute, tap.rate);
  if (taken === 0) return [];
  const common = commonOf(sent, tap);
  const skewMs = tap.skewMs ?? 0;
  if (tap.kind === 'sflow5')
    return Array.from({ length: taken }, () => {
      const at = startMs + random.below(MINUTE_MS);
      return {
        ...common,
        ...volumeOf(1, sent.size, tap.rate),
        receivedAt: at,
        flowStart: at + skewMs,
        flowEnd: at + skewMs,
      };
    });
  const endMs = startMs + MINUTE_MS - 1;
  const receivedAt = endMs + random.below(EXPORT_MS_MAX);
  return [
    {
      ...common,
      ...volumeOf(taken, sent.size, tap.rate),
      receivedAt,
      flowStart: startMs + skewMs,
      flowEnd: endMs + skewMs,
    },
  ];
}

function commonOf({ place, pair, srcPort }: Flow, tap: Tap): FlowObject {
  const { exporter, kind, rate, port = 1, egress = false, vlan = 0, macs } = tap;
  const hasLayer2 = kind !== 'netflow5' && macs !== undefined;
  const mac = (at: number) => 0x020000000000 + pair * 256 + at;
  return flow({
    exporter: `198.18.${place}.${exporter + 1}`,
    protocol: PROTOCOL[kind],
    ...(egress ? { outIf: port + 1, inIf: 0 } : { inIf: port + 1 }),
    direction: kind === 'netflow5' ? DIRECTION.unknown : egress ? DIRECTION.egress : DIRECTION.ingress,
    samplingRate: rate,
    rateSource: RATE_SOURCE.record,
    srcAddr: `10.0.${pair >> 8}.${pair & 255}`,
    dstAddr: `10.1.${pair >> 8}.${pair & 255}`,
    srcPort,
    dstPort: 443,
    weight: 0,
    countReason: COUNT_REASON.unelected,
    ...(hasLayer2 && { vlan, srcMac: mac(macs[0]), dstMac: mac(macs[1]) }),
  });
}

/** Estimates as the enricher makes them of packets whose sizes are known. */
function volumeOf(packets: number, size: number, rate: number): FlowObject {
  const bytes = packets * size;
  return {
    packets,
    bytes,
    estPackets: packets * rate,
    estBytes: bytes * rate,
    varBytes: rate * (rate - 1) * packets * size * size,
  };
}
