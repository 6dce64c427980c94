// A flow cache, as NetFlow and IPFIX exporters have it: packets that a sampler takes are added to the record of their
// flow, which is sent when it has lasted for the active timeout, or nothing was added for the inactive one.

import { OUTER_BYTES } from '../network/frame.ts';
import { packetBytes, packetMs, type Train, trainBytes } from '../network/traffic.ts';
import { createPoints, type Exporter, type ExporterContext, type Observation, passSampler } from './exporter.ts';
import type { Counted, FlowEntry } from './flow-entry.ts';
import { createRecordWriter } from './record-writer.ts';

export function createFlowCache(context: ExporterContext): Exporter {
  const { spec, random } = context;
  const entries = new Map<string, FlowEntry>();
  const writer = createRecordWriter(context, () => exporter.sampling);

  const entryFor = (observation: Observation): { entry: FlowEntry; counted: Counted } => {
    let entry = entries.get(observation.key);
    if (entry) return { entry, counted: entry };
    if (spec.biflow) {
      const forward = entries.get(reverseKeyOf(observation));
      if (forward) {
        forward.reverse ??= nothing();
        return { entry: forward, counted: forward.reverse };
      }
    }
    entry = { observation, reverse: undefined, ...nothing() };
    entries.set(observation.key, entry);
    return { entry, counted: entry };
  };

  const add = (observation: Observation, train: Train, packet: number) => {
    const { counted } = entryFor(observation);
    const bytes = packetBytes(train, packet) + (observation.frame.outer && spec.flavour === 'switch' ? OUTER_BYTES : 0);
    const atMs = packetMs(train, packet);
    if (counted.packets === 0) counted.startMs = atMs;
    counted.endMs = atMs;
    counted.packets++;
    counted.bytes += bytes;
    counted.squares += bytes * bytes;
  };

  /** All packets of a train at once, where each is taken. */
  const addAll = (observation: Observation, train: Train) => {
    const { counted } = entryFor(observation);
    const extra = observation.frame.outer && spec.flavour === 'switch' ? OUTER_BYTES : 0;
    if (counted.packets === 0) counted.startMs = packetMs(train, 0);
    counted.endMs = packetMs(train, train.packets - 1);
    counted.packets += train.packets;
    counted.bytes += trainBytes(train) + extra * train.packets;
  };

  const isDue = (entry: FlowEntry, nowMs: number) => {
    const startMs = Math.min(entry.startMs, entry.reverse?.startMs ?? entry.startMs);
    const endMs = Math.max(entry.endMs, entry.reverse?.endMs ?? entry.endMs);
    return nowMs - startMs >= spec.activeTimeoutMs || nowMs - endMs >= spec.inactiveTimeoutMs;
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
      if (exporter.sampling === 1) addAll(observation, train);
      else passSampler(point, train.packets, exporter.sampling, random, packet => add(observation, train, packet));
    },
    count() {},
    tick(nowMs) {
      for (const [key, entry] of entries) {
        if (!isDue(entry, nowMs)) continue;
        writer.write(entry, nowMs);
        entries.delete(key);
      }
      writer.send(nowMs);
    },
    flush(nowMs) {
      for (const entry of entries.values()) writer.write(entry, nowMs);
      entries.clear();
      writer.send(nowMs);
    },
    restart(nowMs) {
      exporter.flush(nowMs);
      writer.restart(nowMs);
      reset();
    },
  };
  return exporter;
}

function nothing(): Counted {
  return { bytes: 0, packets: 0, squares: 0, startMs: 0, endMs: 0 };
}

/** Key of the same conversation seen the other way: ports of the device and ends exchanged. */
function reverseKeyOf({ point, inIf, outIf, flow, frame, copies }: Observation): string {
  return `${outIf} ${point.direction} ${outIf} ${inIf} ${flow.dst} ${flow.src} ${flow.proto} ${flow.dstPort} ${flow.srcPort} ${frame.dstMac} ${frame.srcMac} ${copies === 0}`;
}
