// An sFlow v5 agent: flow samples with the header of each sampled packet and the VLANs of extended_switch, and interface
// counters. A data source is a port (class 0) or the bridge as a whole (class 2, as Open vSwitch does it).
//
//   datagram: version 4 | address type 4 | agent 4 | sub-agent 4 | sequence 4 | uptime 4 | samples 4
//   flow_sample: tag 4 | length 4 | sequence 4 | source_id 4 | sampling_rate 4 | sample_pool 4 | drops 4 | input 4 |
//                output 4 | records 4 | sampled_header | extended_switch
//   counters_sample: tag 4 | length 4 | sequence 4 | source_id 4 | records 4 | if_counters 8 + 88

import { parseAddress } from '../../../schemas/address.ts';
import { type Header, headerOf } from '../network/frame.ts';
import type { Hop } from '../network/path.ts';
import { packetBytes, packetMs, type Train, trainBytes } from '../network/traffic.ts';
import {
  createPoints,
  DATAGRAM_BYTES_MAX,
  type Exporter,
  type ExporterContext,
  type Observation,
  passSampler,
  type Source,
} from './exporter.ts';

const DATAGRAM_HEADER_BYTES = 28;
const SAMPLE_BYTES = 40;
const HEADER_RECORD_BYTES = 24;
const SWITCH_RECORD_BYTES = 24;
const IF_COUNTERS_BYTES = 88;
const COUNTERS_SAMPLE_BYTES = 20 + 8 + IF_COUNTERS_BYTES;
const FCS_BYTES = 4;
/** Class 2, index 1000: what Open vSwitch sends. */
const ENTITY_SOURCE = 0x020003e8;
/** Format 1 (discarded), reason 256 (unknown). */
const DISCARDED = 0x40000100;
const SEVERAL = 0x80000000;
const IF_SPEED = 25_000_000_000;

/** A packet taken, until its tick is over: what ports take is then sent in the order of time. */
interface Taken {
  readonly atMs: number;
  readonly observation: Observation;
  readonly ipBytes: number;
}

interface PortCounters {
  inOctets: number;
  inPackets: number;
  outOctets: number;
  outPackets: number;
  sequence: number;
}

export function createSflowAgent(context: ExporterContext): Exporter {
  const { spec, random } = context;
  const agent = parseAddress(spec.address)![3];
  let datagram = new Uint8Array(DATAGRAM_BYTES_MAX);
  let view = new DataView(datagram.buffer);
  let end = DATAGRAM_HEADER_BYTES;
  let samples = 0;
  let sampledBytes = 0;
  let sequence = 0;
  let bootMs = context.bootMs;
  let countedMs = context.bootMs;
  let sentMs = context.bootMs;
  let taken: Taken[] = [];
  /** Pools of each source as its packets were taken, in order. */
  const pools = new Map<Source, number[]>();
  const headers = new WeakMap<Observation, Map<number, Header>>();
  const counters = new Map<number, PortCounters>();

  const send = (nowMs: number) => {
    if (samples === 0) return;
    sentMs = Math.max(sentMs, Math.floor(nowMs));
    view.setUint32(0, 5);
    view.setUint32(4, 1);
    view.setUint32(8, agent);
    view.setUint32(12, spec.domain);
    view.setUint32(16, sequence++);
    view.setUint32(20, (sentMs + spec.clockOffsetMs - bootMs) >>> 0);
    view.setUint32(24, samples);
    context.send(datagram.subarray(0, end), samples, sampledBytes, sentMs);
    datagram = new Uint8Array(DATAGRAM_BYTES_MAX);
    view = new DataView(datagram.buffer);
    end = DATAGRAM_HEADER_BYTES;
    samples = 0;
    sampledBytes = 0;
  };

  const headerFor = (observation: Observation, ipBytes: number): Header => {
    let known = headers.get(observation);
    if (!known) {
      known = new Map();
      headers.set(observation, known);
    }
    let header = known.get(ipBytes);
    if (!header) {
      header = headerOf(observation.frame, observation.flow, ipBytes);
      known.set(ipBytes, header);
    }
    return header;
  };

  const writeSample = ({ observation, ipBytes, atMs: nowMs }: Taken, pool: number) => {
    const { point, frame, copies } = observation;
    const { bytes, frameBytes } = headerFor(observation, ipBytes);
    const padded = (bytes.length + 3) & ~3;
    const length = SAMPLE_BYTES + HEADER_RECORD_BYTES + padded + SWITCH_RECORD_BYTES;
    if (end + length > DATAGRAM_BYTES_MAX) send(nowMs);
    const at = end;
    view.setUint32(at, 1);
    view.setUint32(at + 4, length - 8);
    view.setUint32(at + 8, ++point.source.sequence);
    view.setUint32(at + 12, spec.dataSource === 'entity' ? ENTITY_SOURCE : point.port);
    view.setUint32(at + 16, exporter.sampling);
    view.setUint32(at + 20, pool);
    view.setUint32(at + 28, observation.inIf);
    view.setUint32(
      at + 32,
      copies === 0 ? DISCARDED : copies > 1 && observation.outIf === 0 ? SEVERAL + copies : observation.outIf,
    );
    view.setUint32(at + 36, 2);
    const record = at + SAMPLE_BYTES;
    view.setUint32(record, 1);
    view.setUint32(record + 4, HEADER_RECORD_BYTES - 8 + padded);
    view.setUint32(record + 8, 1);
    view.setUint32(record + 12, frameBytes + FCS_BYTES);
    view.setUint32(record + 16, FCS_BYTES);
    view.setUint32(record + 20, bytes.length);
    datagram.set(bytes, record + HEADER_RECORD_BYTES);
    const extended = record + HEADER_RECORD_BYTES + padded;
    view.setUint32(extended, 1001);
    view.setUint32(extended + 4, SWITCH_RECORD_BYTES - 8);
    view.setUint32(extended + 8, frame.vlan);
    view.setUint32(extended + 16, frame.vlan);
    end = at + length;
    samples++;
    sampledBytes += ipBytes;
  };

  const writeTaken = () => {
    taken.sort((a, b) => a.atMs - b.atMs);
    const written = new Map<Source, number>();
    for (const sample of taken) {
      const { source } = sample.observation.point;
      const n = written.get(source) ?? 0;
      written.set(source, n + 1);
      writeSample(sample, pools.get(source)![n]!);
    }
    taken = [];
    pools.clear();
  };

  const counterOf = (port: number): PortCounters => {
    let found = counters.get(port);
    if (!found) {
      found = { inOctets: 0, inPackets: 0, outOctets: 0, outPackets: 0, sequence: 0 };
      counters.set(port, found);
    }
    return found;
  };

  const sendCounters = (nowMs: number) => {
    for (const [port, counted] of counters) {
      if (end + COUNTERS_SAMPLE_BYTES > DATAGRAM_BYTES_MAX) send(nowMs);
      view.setUint32(end, 2);
      view.setUint32(end + 4, COUNTERS_SAMPLE_BYTES - 8);
      view.setUint32(end + 8, ++counted.sequence);
      view.setUint32(end + 12, port);
      view.setUint32(end + 16, 1);
      view.setUint32(end + 20, 1);
      view.setUint32(end + 24, IF_COUNTERS_BYTES);
      const at = end + 28;
      view.setUint32(at, port);
      view.setUint32(at + 4, 6); // ethernetCsmacd
      setUint64(view, at + 8, IF_SPEED);
      view.setUint32(at + 16, 1); // full duplex
      view.setUint32(at + 20, 3); // admin and oper up
      setUint64(view, at + 24, counted.inOctets);
      view.setUint32(at + 32, counted.inPackets >>> 0);
      setUint64(view, at + 56, counted.outOctets);
      view.setUint32(at + 64, counted.outPackets >>> 0);
      end += COUNTERS_SAMPLE_BYTES;
      samples++;
    }
  };

  const { points, observationsOf, reset } = createPoints(context, () => exporter);
  const exporter: Exporter = {
    spec,
    device: context.device,
    sampling: spec.sampling,
    silent: false,
    points,
    observationsOf,
    meter(observation, train) {
      const { point } = observation;
      point.packets += train.packets;
      point.bytes += trainBytes(train);
      const { source } = point;
      const list = pools.get(source) ?? [];
      pools.set(source, list);
      passSampler(point, train.packets, exporter.sampling, random, packet => {
        list.push(source.pool);
        taken.push({ atMs: packetMs(train, packet), observation, ipBytes: packetBytes(train, packet) });
      });
    },
    count(hop: Hop, train: Train) {
      if (spec.countersEveryMs === 0) return;
      const octets = (frame: Hop['frame']) => {
        const { frameBytes } = headerOf(frame, train.flow, packetBytes(train, 0));
        return trainBytes(train) + train.packets * (frameBytes - packetBytes(train, 0) + FCS_BYTES);
      };
      const input = counterOf(hop.inPort);
      input.inOctets += octets(hop.frame);
      input.inPackets += train.packets;
      for (const port of hop.outPorts) {
        const output = counterOf(port);
        output.outOctets += octets(hop.outFrame);
        output.outPackets += train.packets;
      }
    },
    tick(nowMs) {
      writeTaken();
      if (spec.countersEveryMs > 0 && nowMs - countedMs >= spec.countersEveryMs) {
        countedMs = nowMs;
        sendCounters(nowMs);
      }
      send(nowMs);
    },
    flush(nowMs) {
      writeTaken();
      send(nowMs);
    },
    restart(nowMs) {
      exporter.flush(nowMs);
      bootMs = nowMs;
      sequence = 0;
      counters.clear();
      reset();
    },
  };
  return exporter;
}

function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value % 2 ** 32);
}
