// From traffic to datagrams: makes flows, writes them into the truth, then shows them to the exporters on their way.
// Every bridge meters what comes in by any of its ports, so a flow between two bridges is reported twice: by the access
// port of its source and by the fabric port of its destination. No clock and no socket: the same calls give the same bytes.

import { createRandom } from '../random.ts';
import { createExporter } from './exporters/create-exporter.ts';
import { type DataCentre, FABRIC_IF_INDEX } from './model/data-centre.ts';
import { createFlowTable } from './model/flow-table.ts';
import { createTraffic, NUMBERED_BYTES_BASE, type TrafficOptions } from './model/traffic.ts';
import { createTruthBook, type Truth } from './truth.ts';

export interface FeedOptions extends TrafficOptions {
  readonly dataCentre: DataCentre;
  /** Options to repeat in the truth. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly startMs: number;
  /** Share of the datagrams that are dropped instead of sent. */
  readonly loss?: number;
  readonly bucketsMax?: number;
  /** Told before each datagram is sent: the numbers of the flows in it. Scenario numbered only. */
  readonly onNumbers?: (numbers: readonly number[]) => void;
  /** Sends a datagram of a bridge and returns the buffer for its next one. */
  readonly send: (bridge: number, datagram: Uint8Array, length: number) => Uint8Array;
}

export interface FeedCounts {
  flows: number;
  /** Records or samples in the datagrams sent. */
  records: number;
  datagrams: number;
  datagramBytes: number;
  droppedDatagrams: number;
  droppedRecords: number;
}

export interface Emission {
  /** When the flows end, in ms since the epoch. */
  readonly endMs: number;
  /** The present. */
  readonly exportMs: number;
  readonly scale?: number;
  /** Flows of the past, told only by exporters that report flow times. */
  readonly isPast?: boolean;
}

export interface Feed {
  readonly counts: Readonly<FeedCounts>;
  readonly timedShare: number;
  /** Makes `count` flows or one more, at most `SLOT_FLOWS_MAX`; returns how many. */
  emit(count: number, emission: Emission): number;
  setTide(nowMs: number): void;
  flush(exportMs: number): void;
  /** The truth so far; `toMs` says that no flow after it has been made. */
  truth(toMs?: number): Truth;
}

export const SLOT_FLOWS_MAX = 4096;
const UPTIME_MS = 86_400_000;

export function createFeed(options: FeedOptions): Feed {
  const { dataCentre, loss = 0 } = options;
  const { endpoints, bridges } = dataCentre;
  const { seed } = dataCentre.options;
  const traffic = createTraffic(dataCentre, options);
  const { src, dst } = traffic.conversations;
  const book = createTruthBook(dataCentre, traffic.conversations, options.bucketsMax);
  const flows = createFlowTable(SLOT_FLOWS_MAX + 1);
  const lossRandom = createRandom(seed, 4);
  const counts: FeedCounts = {
    flows: 0,
    records: 0,
    datagrams: 0,
    datagramBytes: 0,
    droppedDatagrams: 0,
    droppedRecords: 0,
  };
  /** Numbers of the flows in each bridge's open datagram, one a record, and of those dropped; kept only where they matter. */
  const openNumbers: number[][] | undefined =
    options.numbered && (loss > 0 || options.onNumbers) ? bridges.map(() => []) : undefined;
  const droppedNumbers: number[] = [];

  const sendFrom = (bridge: number) => (datagram: Uint8Array, length: number, records: number) => {
    const isDropped = loss > 0 && lossRandom.unit() < loss;
    const numbers = openNumbers?.[bridge]?.splice(0, records) ?? [];
    if (isDropped) {
      droppedNumbers.push(...numbers);
      counts.droppedDatagrams++;
      counts.droppedRecords += records;
      return datagram;
    }
    counts.datagrams++;
    counts.datagramBytes += length;
    counts.records += records;
    options.onNumbers?.(numbers);
    return options.send(bridge, datagram, length);
  };

  const exporters = bridges.map(bridge =>
    createExporter({
      bridge,
      dataCentre,
      conversations: traffic.conversations,
      random: createRandom(seed, 1000 + bridge.index),
      bootMs: Math.floor(options.startMs / 1000) * 1000 - UPTIME_MS,
      send: sendFrom(bridge.index),
    }),
  );

  return {
    counts,
    timedShare: traffic.timedShare,
    emit(count, { endMs, exportMs, scale = 1, isPast = false }) {
      traffic.generate(flows, count, endMs, scale, isPast);
      book.add(flows);
      for (let row = 0; row < flows.rows; row++) {
        const conversation = flows.conversation[row]!;
        const from = src[conversation]!;
        const to = dst[conversation]!;
        const fromBridge = endpoints.bridge[from]!;
        const toBridge = endpoints.bridge[to]!;
        openNumbers?.[fromBridge]?.push(flows.bytes[row]! - NUMBERED_BYTES_BASE);
        if (fromBridge === toBridge) {
          exporters[fromBridge]!.observe(flows, row, endpoints.ifIndex[from]!, endpoints.ifIndex[to]!, exportMs);
          continue;
        }
        exporters[fromBridge]!.observe(flows, row, endpoints.ifIndex[from]!, FABRIC_IF_INDEX, exportMs);
        if (!options.numbered)
          exporters[toBridge]!.observe(flows, row, FABRIC_IF_INDEX, endpoints.ifIndex[to]!, exportMs);
      }
      counts.flows += flows.rows;
      return flows.rows;
    },
    setTide: traffic.setTide,
    flush(exportMs) {
      for (const exporter of exporters) exporter.flush(exportMs);
    },
    truth: toMs =>
      book.document({
        options: options.options,
        dropped: { datagrams: counts.droppedDatagrams, records: counts.droppedRecords },
        ...(toMs === undefined ? {} : { toMs }),
        ...(options.numbered
          ? {
              numbered: {
                bytesBase: NUMBERED_BYTES_BASE,
                highest: counts.flows - 1,
                sent: rangesWithout(counts.flows, droppedNumbers),
              },
            }
          : {}),
      }),
  };
}

/** The ranges of 0 .. count - 1 that are left when `missing` is taken out. */
function rangesWithout(count: number, missing: readonly number[]): [number, number][] {
  const ranges: [number, number][] = [];
  let next = 0;
  for (const gap of [...missing].sort((a, b) => a - b)) {
    if (gap > next) ranges.push([next, gap - 1]);
    next = gap + 1;
  }
  if (next < count) ranges.push([next, count - 1]);
  return ranges;
}
