// From traffic to datagrams: makes flows, writes them into the truth, then shows them to the exporters on their way.
// Every bridge meters what comes in by any of its ports, so a flow between two bridges is reported twice: by the access
// port of its source and by the fabric port of its destination. No clock and no socket: the same calls give the same bytes.

import { createRandom, type Random } from '../random.ts';
import { createExporter } from './exporters/create-exporter.ts';
import type { FlowExporter } from './exporters/exporter.ts';
import { type Bridge, type DataCentre, FABRIC_IF_INDEX } from './model/data-centre.ts';
import { createFlowTable } from './model/flow-table.ts';
import { NUMBERED_BYTES_BASE, Traffic, type TrafficOptions } from './model/traffic.ts';
import { type Truth, TruthBook } from './truth.ts';

export interface FeedOptions extends TrafficOptions {
  readonly dataCentre: DataCentre;
  /** Options to repeat in the truth. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly startMs: number;
  /** Share of the datagrams that are dropped instead of sent. */
  readonly loss?: number;
  readonly bucketsMax?: number;
  /** Called before each datagram is sent, with the numbers of the flows in it. Scenario numbered only. */
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
  /** Flows of the past, reported only by exporters that report flow times. */
  readonly isPast?: boolean;
}

export const SLOT_FLOWS_MAX = 4096;
const UPTIME_MS = 86_400_000;

export class Feed {
  readonly timedShare: number;
  readonly #options: FeedOptions;
  readonly #loss: number;
  readonly #lossRandom: Random;
  readonly #traffic: Traffic;
  readonly #book: TruthBook;
  readonly #flows = createFlowTable(SLOT_FLOWS_MAX + 1);
  readonly #counts: FeedCounts = {
    flows: 0,
    records: 0,
    datagrams: 0,
    datagramBytes: 0,
    droppedDatagrams: 0,
    droppedRecords: 0,
  };
  readonly #exporters: readonly FlowExporter[];
  /** Numbers of the flows in each bridge's open datagram, one a record, and of those dropped; kept only where they matter. */
  readonly #openNumbers: readonly number[][] | undefined;
  readonly #droppedNumbers: number[] = [];

  constructor(options: FeedOptions) {
    const { dataCentre, loss = 0 } = options;
    const { bridges } = dataCentre;
    this.#options = options;
    this.#loss = loss;
    this.#lossRandom = createRandom(dataCentre.options.seed, 4);
    this.#traffic = new Traffic(dataCentre, options);
    this.timedShare = this.#traffic.timedShare;
    this.#book = new TruthBook(dataCentre, this.#traffic.conversations, options.bucketsMax);
    if (options.numbered && (loss > 0 || options.onNumbers)) this.#openNumbers = bridges.map(() => []);
    this.#exporters = bridges.map(bridge => this.#exporterOf(bridge));
  }

  get counts(): Readonly<FeedCounts> {
    return this.#counts;
  }

  /** Makes `count` flows or one more, at most `SLOT_FLOWS_MAX`; returns how many. */
  emit(count: number, { endMs, exportMs, scale = 1, isPast = false }: Emission): number {
    const flows = this.#flows;
    this.#traffic.generate(flows, count, endMs, scale, isPast);
    this.#book.add(flows);
    for (let row = 0; row < flows.rows; row++) this.#observe(row, exportMs);
    this.#counts.flows += flows.rows;
    return flows.rows;
  }

  setTide(nowMs: number): void {
    this.#traffic.setTide(nowMs);
  }

  flush(exportMs: number): void {
    for (const exporter of this.#exporters) exporter.flush(exportMs);
  }

  /** The truth so far; `toMs` says that no flow after it has been made. */
  truth(toMs?: number): Truth {
    const { flows, droppedDatagrams, droppedRecords } = this.#counts;
    return this.#book.document({
      options: this.#options.options,
      dropped: { datagrams: droppedDatagrams, records: droppedRecords },
      ...(toMs === undefined ? {} : { toMs }),
      ...(this.#options.numbered
        ? {
            numbered: {
              bytesBase: NUMBERED_BYTES_BASE,
              highest: flows - 1,
              sent: rangesWithout(flows, this.#droppedNumbers),
            },
          }
        : {}),
    });
  }

  #exporterOf(bridge: Bridge): FlowExporter {
    const { dataCentre, startMs } = this.#options;
    return createExporter({
      bridge,
      dataCentre,
      conversations: this.#traffic.conversations,
      random: createRandom(dataCentre.options.seed, 1000 + bridge.index),
      bootMs: Math.floor(startMs / 1000) * 1000 - UPTIME_MS,
      send: (datagram, length, records) => this.#send(bridge.index, datagram, length, records),
    });
  }

  /** Shows a flow to the bridges on its way. */
  #observe(row: number, exportMs: number): void {
    const flows = this.#flows;
    const { src, dst } = this.#traffic.conversations;
    const { bridge, ifIndex } = this.#options.dataCentre.endpoints;
    const conversation = flows.conversation[row]!;
    const from = src[conversation]!;
    const to = dst[conversation]!;
    const fromBridge = bridge[from]!;
    const toBridge = bridge[to]!;
    this.#openNumbers?.[fromBridge]?.push(flows.bytes[row]! - NUMBERED_BYTES_BASE);
    if (fromBridge === toBridge) {
      this.#exporters[fromBridge]!.observe(flows, row, ifIndex[from]!, ifIndex[to]!, exportMs);
      return;
    }
    this.#exporters[fromBridge]!.observe(flows, row, ifIndex[from]!, FABRIC_IF_INDEX, exportMs);
    if (this.#options.numbered) return;
    this.#exporters[toBridge]!.observe(flows, row, FABRIC_IF_INDEX, ifIndex[to]!, exportMs);
  }

  #send(bridge: number, datagram: Uint8Array, length: number, records: number): Uint8Array {
    const counts = this.#counts;
    const isDropped = this.#loss > 0 && this.#lossRandom.unit() < this.#loss;
    const numbers = this.#openNumbers?.[bridge]?.splice(0, records) ?? [];
    if (isDropped) {
      this.#droppedNumbers.push(...numbers);
      counts.droppedDatagrams++;
      counts.droppedRecords += records;
      return datagram;
    }
    counts.datagrams++;
    counts.datagramBytes += length;
    counts.records += records;
    this.#options.onNumbers?.(numbers);
    return this.#options.send(bridge, datagram, length);
  }
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
