// Pushes simulated datagrams through the decoder and the enricher without a socket, a transport or a database, and sums
// what comes out as the tables would: elected records by weight, unelected ones by the largest single point per pair of
// machines and 5 minutes. Fast enough for hundreds of seeds in a test.

import type { Output } from '../../collector/decode/context.ts';
import { Decoder } from '../../collector/decode/decoder.ts';
import type { FlowBatch as DecodedBatch } from '../../collector/decode/flow-batch.ts';
import type { FlowBatch } from '../../enricher/stages/enrich.ts';
import { timeAt } from '../../enricher/stages/times.ts';
import { createBatch } from '../../schemas/batch.ts';
import { COUNT_REASON, COUNT_REASONS } from '../../schemas/codes.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { largestBytesOf } from '../largest.ts';
import { createHarnessEnrichment, type HarnessEnrichment } from './enrichment-adapter.ts';
import type { Simulated, SimulatedDocuments } from './simulate.ts';

export interface MeasuredCell {
  readonly src: string;
  readonly dst: string;
  bytes: number;
  variance: number;
  samples: number;
  /** What one sampled packet stands for at most. */
  largest: number;
  /** Part of bytes that no point was elected for. */
  unelected: number;
}

export interface Measured {
  readonly records: number;
  /** What the decoder refused. */
  readonly faults: number;
  /** By `src -> dst`. */
  readonly cells: ReadonlyMap<string, MeasuredCell>;
  /** Records by why they count or not. */
  readonly reasons: Readonly<Record<string, number>>;
}

const ROWS_MAX = 8192;
const BUCKET_MS = 300_000;
const WORD = 2 ** 32;

export function measure({ datagrams, documents }: Pick<Simulated, 'datagrams' | 'documents'>): Measured {
  const measurement = new Measurement(documents);
  const decoder = new Decoder(measurement, { templatesMax: 4096, exportersMax: 1024 });
  for (const { payload, address, port, receivedMs } of datagrams) decoder.decode(payload, address, port, receivedMs);
  measurement.flush();
  const faults = decoder.context.faults.reduce((sum, count) => sum + count, 0);
  const { records, cells, reasons } = measurement.sums();
  return { records, faults, cells, reasons };
}

/** Where the decoder writes its rows; what they add up to. */
class Measurement implements Output {
  readonly batch: DecodedBatch;
  readonly #batch: FlowBatch;
  readonly #enrichment: HarnessEnrichment;
  readonly #sums: CellSums;
  #records = 0;

  constructor(documents: SimulatedDocuments) {
    this.#enrichment = createHarnessEnrichment(documents);
    this.#sums = new CellSums(this.#enrichment);
    this.#batch = createBatch(FLOW_COLUMNS, ROWS_MAX) as FlowBatch;
    this.batch = this.#batch as unknown as DecodedBatch;
  }

  flush(): void {
    const batch = this.#batch;
    this.#records += batch.rows;
    this.#enrichment.enrich(batch);
    this.#sums.take(batch);
    // Rows are written into columns that are zero.
    for (const column of Object.values(batch.columns)) column.fill(0);
    batch.rows = 0;
  }

  /** Called once, after the last flush. */
  sums(): Omit<Measured, 'faults'> {
    return { records: this.#records, ...this.#sums.finish() };
  }
}

/** What enriched rows add up to, by pair of nodes. */
export class CellSums {
  readonly #names: Pick<HarnessEnrichment, 'nameOf'>;
  readonly #cells = new Map<string, MeasuredCell>();
  /** By pair of machines, bucket and pair of nodes: a cell for each point that saw unelected records. */
  readonly #points = new Map<string, Map<string, MeasuredCell>>();
  readonly #reasons: Record<string, number> = {};

  constructor(names: Pick<HarnessEnrichment, 'nameOf'>) {
    this.#names = names;
  }

  take({ columns, rows }: FlowBatch): void {
    for (let row = 0; row < rows; row++) this.#takeRow(columns, row);
  }

  /** Called once: of the points of a group the largest counts. */
  finish(): Pick<Measured, 'cells' | 'reasons'> {
    for (const group of this.#points.values()) {
      let largest: MeasuredCell | undefined;
      for (const cell of group.values()) if (!largest || cell.bytes > largest.bytes) largest = cell;
      const { src, dst, bytes, variance, samples } = largest!;
      const cell = cellAt(this.#cells, `${src} -> ${dst}`, src, dst);
      cell.bytes += bytes;
      cell.unelected += bytes;
      cell.variance += variance;
      cell.samples += samples;
      cell.largest = Math.max(cell.largest, largest!.largest);
    }
    return { cells: this.#cells, reasons: this.#reasons };
  }

  #takeRow(columns: FlowBatch['columns'], row: number): void {
    const reason = columns.countReason[row]!;
    const name = COUNT_REASONS[reason]!;
    this.#reasons[name] = (this.#reasons[name] ?? 0) + 1;
    const weight = reason === COUNT_REASON.unelected ? 1 : columns.weight[row]!;
    if (weight === 0) return;
    const cell = this.#cellOf(columns, row, reason === COUNT_REASON.unelected);
    cell.bytes += weight * numberAt(columns.estBytes, row);
    cell.variance += weight * weight * columns.varBytes[row]!;
    cell.samples += numberAt(columns.packets, row);
    const largest = largestBytesOf({
      samplingRate: columns.samplingRate[row]!,
      bytes: numberAt(columns.bytes, row),
      packets: numberAt(columns.packets, row),
      packetBytesMax: columns.packetBytesMax[row]!,
    });
    cell.largest = Math.max(cell.largest, weight * largest);
  }

  #cellOf(columns: FlowBatch['columns'], row: number, isUnelected: boolean): MeasuredCell {
    const src = this.#names.nameOf(columns.srcApp, row);
    const dst = this.#names.nameOf(columns.dstApp, row);
    const pair = `${src} -> ${dst}`;
    if (!isUnelected) return cellAt(this.#cells, pair, src, dst);
    const bucket = Math.floor(timeAt(columns.flowStart, row) / BUCKET_MS);
    const ends = `${columns.srcVm[2 * row]} ${columns.srcVm[2 * row + 1]} ${columns.dstVm[2 * row]} ${columns.dstVm[2 * row + 1]}`;
    const name = `${bucket} ${ends} ${pair}`;
    const group = this.#points.get(name) ?? new Map<string, MeasuredCell>();
    this.#points.set(name, group);
    return cellAt(group, pointOf(columns, row), src, dst);
  }
}

function cellAt(cells: Map<string, MeasuredCell>, name: string, src: string, dst: string): MeasuredCell {
  let cell = cells.get(name);
  if (!cell) {
    cell = { src, dst, bytes: 0, variance: 0, samples: 0, largest: 0, unelected: 0 };
    cells.set(name, cell);
  }
  return cell;
}

/** Exporter, protocol, domain, port and direction. */
function pointOf(
  { exporter, observationDomain, protocol, direction, inIf, outIf }: FlowBatch['columns'],
  row: number,
): string {
  const port = direction[row] === 2 ? outIf[row] : inIf[row];
  return `${exporter[4 * row + 3]} ${protocol[row]} ${observationDomain[row]} ${direction[row]} ${port}`;
}

function numberAt(words: Uint32Array, row: number): number {
  return words[2 * row]! + words[2 * row + 1]! * WORD;
}
