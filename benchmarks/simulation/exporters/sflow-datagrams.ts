// The datagrams of an sFlow v5 agent: flow samples with the header of each sampled packet and the VLANs of
// extended_switch, and interface counters.
//
//   datagram: version 4 | address type 4 | agent 4 | sub-agent 4 | sequence 4 | uptime 4 | samples 4
//   flow_sample: tag 4 | length 4 | sequence 4 | source_id 4 | sampling_rate 4 | sample_pool 4 | drops 4 | input 4 |
//                output 4 | records 4 | sampled_header | extended_switch
//   counters_sample: tag 4 | length 4 | sequence 4 | source_id 4 | records 4 | if_counters 8 + 88

import { parseAddress } from '../../../schemas/address.ts';
import type { Header } from '../network/frame.ts';
import { DATAGRAM_BYTES_MAX, type ExporterContext, type Observation } from './exporter.ts';

const DATAGRAM_HEADER_BYTES = 28;
const SAMPLE_BYTES = 40;
const HEADER_RECORD_BYTES = 24;
const SWITCH_RECORD_BYTES = 24;
const IF_COUNTERS_BYTES = 88;
const COUNTERS_SAMPLE_BYTES = 20 + 8 + IF_COUNTERS_BYTES;
export const FCS_BYTES = 4;
/** Class 2, index 1000: what Open vSwitch sends. */
const ENTITY_SOURCE = 0x020003e8;
/** Format 1 (discarded), reason 256 (unknown). */
const DISCARDED = 0x40000100;
const SEVERAL = 0x80000000;
const IF_SPEED = 25_000_000_000;

/** A packet that a sampler took. */
export interface Taken {
  readonly atMs: number;
  readonly observation: Observation;
  readonly ipBytes: number;
}

export interface PortCounters {
  inOctets: number;
  inPackets: number;
  outOctets: number;
  outPackets: number;
  sequence: number;
}

export class SflowDatagrams {
  readonly #context: ExporterContext;
  readonly #agent: number;
  #datagram = new Uint8Array(DATAGRAM_BYTES_MAX);
  #view = new DataView(this.#datagram.buffer);
  #end = DATAGRAM_HEADER_BYTES;
  #samples = 0;
  #sampledBytes = 0;
  #sequence = 0;
  #bootMs: number;
  #sentMs: number;

  constructor(context: ExporterContext) {
    this.#context = context;
    this.#agent = parseAddress(context.spec.address)![3];
    this.#bootMs = context.bootMs;
    this.#sentMs = context.bootMs;
  }

  /** Sends the open datagram. */
  send(nowMs: number): void {
    if (this.#samples === 0) return;
    this.#sentMs = Math.max(this.#sentMs, Math.floor(nowMs));
    this.#view.setUint32(0, 5);
    this.#view.setUint32(4, 1);
    this.#view.setUint32(8, this.#agent);
    this.#view.setUint32(12, this.#context.spec.domain);
    this.#view.setUint32(16, this.#sequence++);
    this.#view.setUint32(20, (this.#sentMs + this.#context.spec.clockOffsetMs - this.#bootMs) >>> 0);
    this.#view.setUint32(24, this.#samples);
    this.#context.send(this.#datagram.subarray(0, this.#end), this.#samples, this.#sampledBytes, this.#sentMs);
    this.#datagram = new Uint8Array(DATAGRAM_BYTES_MAX);
    this.#view = new DataView(this.#datagram.buffer);
    this.#end = DATAGRAM_HEADER_BYTES;
    this.#samples = 0;
    this.#sampledBytes = 0;
  }

  writeFlowSample(
    { observation, ipBytes, atMs }: Taken,
    { bytes, frameBytes }: Header,
    pool: number,
    sampling: number,
  ): void {
    const { point, frame, copies } = observation;
    const padded = (bytes.length + 3) & ~3;
    const length = SAMPLE_BYTES + HEADER_RECORD_BYTES + padded + SWITCH_RECORD_BYTES;
    if (this.#end + length > DATAGRAM_BYTES_MAX) this.send(atMs);
    const at = this.#end;
    this.#view.setUint32(at, 1);
    this.#view.setUint32(at + 4, length - 8);
    this.#view.setUint32(at + 8, ++point.source.sequence);
    this.#view.setUint32(at + 12, this.#context.spec.dataSource === 'entity' ? ENTITY_SOURCE : point.port);
    this.#view.setUint32(at + 16, sampling);
    this.#view.setUint32(at + 20, pool);
    this.#view.setUint32(at + 28, observation.inIf);
    this.#view.setUint32(
      at + 32,
      copies === 0 ? DISCARDED : copies > 1 && observation.outIf === 0 ? SEVERAL + copies : observation.outIf,
    );
    this.#view.setUint32(at + 36, 2);
    const record = at + SAMPLE_BYTES;
    this.#view.setUint32(record, 1);
    this.#view.setUint32(record + 4, HEADER_RECORD_BYTES - 8 + padded);
    this.#view.setUint32(record + 8, 1);
    this.#view.setUint32(record + 12, frameBytes + FCS_BYTES);
    this.#view.setUint32(record + 16, FCS_BYTES);
    this.#view.setUint32(record + 20, bytes.length);
    this.#datagram.set(bytes, record + HEADER_RECORD_BYTES);
    const extended = record + HEADER_RECORD_BYTES + padded;
    this.#view.setUint32(extended, 1001);
    this.#view.setUint32(extended + 4, SWITCH_RECORD_BYTES - 8);
    this.#view.setUint32(extended + 8, frame.vlan);
    this.#view.setUint32(extended + 16, frame.vlan);
    this.#end = at + length;
    this.#samples++;
    this.#sampledBytes += ipBytes;
  }

  writeCounters(port: number, counted: PortCounters, nowMs: number): void {
    if (this.#end + COUNTERS_SAMPLE_BYTES > DATAGRAM_BYTES_MAX) this.send(nowMs);
    this.#view.setUint32(this.#end, 2);
    this.#view.setUint32(this.#end + 4, COUNTERS_SAMPLE_BYTES - 8);
    this.#view.setUint32(this.#end + 8, ++counted.sequence);
    this.#view.setUint32(this.#end + 12, port);
    this.#view.setUint32(this.#end + 16, 1);
    this.#view.setUint32(this.#end + 20, 1);
    this.#view.setUint32(this.#end + 24, IF_COUNTERS_BYTES);
    const at = this.#end + 28;
    this.#view.setUint32(at, port);
    this.#view.setUint32(at + 4, 6); // ethernetCsmacd
    setUint64(this.#view, at + 8, IF_SPEED);
    this.#view.setUint32(at + 16, 1); // full duplex
    this.#view.setUint32(at + 20, 3); // admin and oper up
    setUint64(this.#view, at + 24, counted.inOctets);
    this.#view.setUint32(at + 32, counted.inPackets >>> 0);
    setUint64(this.#view, at + 56, counted.outOctets);
    this.#view.setUint32(at + 64, counted.outPackets >>> 0);
    this.#end += COUNTERS_SAMPLE_BYTES;
    this.#samples++;
  }

  restart(nowMs: number): void {
    this.#bootMs = nowMs;
    this.#sequence = 0;
  }
}

function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value % 2 ** 32);
}
