// A load without clock and socket, for tests: the datagrams of a data centre, kept.

import { Feed, type FeedOptions } from '../../benchmarks/load/feed.ts';
import { buildDataCentre, type DataCentre, type DataCentreOptions } from '../../benchmarks/load/model/data-centre.ts';
import type { CapturedDatagram } from './pcap-writer.ts';

export const START_MS = Date.parse('2026-03-01T12:04:30.250Z');

export interface Recorded {
  readonly dataCentre: DataCentre;
  readonly feed: Feed;
  readonly datagrams: readonly CapturedDatagram[];
}

/** `slots` of 50 flows, 100 ms apart. */
export function record(
  options: Partial<DataCentreOptions> = {},
  slots = 20,
  feedOptions: Partial<Omit<FeedOptions, 'send'>> = {},
): Recorded {
  const dataCentre = buildDataCentre({
    seed: 7,
    bridges: 3,
    vms: 24,
    apps: 9,
    protocols: ['netflow9'],
    sampling: 1,
    ...options,
  });
  const datagrams: CapturedDatagram[] = [];
  let nowMs = START_MS;
  const feed = new Feed({
    dataCentre,
    options: { seed: dataCentre.options.seed },
    startMs: START_MS,
    ...feedOptions,
    send(bridge, datagram, length) {
      const { agentAddress, protocol } = dataCentre.bridges[bridge]!;
      datagrams.push({
        payload: datagram.slice(0, length),
        timeMs: nowMs,
        srcAddress: agentAddress,
        srcPort: 50_000 + bridge,
        dstAddress: '127.0.0.1',
        dstPort: protocol === 'sflow5' ? 6343 : 2055,
      });
      return datagram;
    },
  });
  for (let slot = 0; slot < slots; slot++) {
    feed.emit(50, { endMs: nowMs, exportMs: nowMs });
    nowMs += 100;
  }
  feed.flush(nowMs);
  return { dataCentre, feed, datagrams };
}
