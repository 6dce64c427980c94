// Pushes simulated datagrams through the decoder and the enricher without a socket, a transport or a database, and sums
// what comes out as the tables would: elected records by weight, unelected ones by the largest single point per pair of
// machines and 5 minutes. Fast enough for hundreds of seeds in a test.

import { Decoder } from '../../collector/decode/decoder.ts';
import type { FlowBatch as DecodedBatch } from '../../collector/decode/flow-batch.ts';
import type { FlowBatch } from '../../enricher/stages/enrich.ts';
import { timeAt } from '../../enricher/stages/times.ts';
import { createBatch } from '../../schemas/batch.ts';
import { COUNT_REASON, COUNT_REASONS } from '../../schemas/codes.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { createHarnessEnrichment } from './enrichment-adapter.ts';
import type { Simulated } from './simulate.ts';

export interface MeasuredCell {
  readonly src: string;
  readonly dst: string;
  bytes: number;
  variance: number;
  samples: number;
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
  const enrichment = createHarnessEnrichment(documents);
  const cells = new Map<string, MeasuredCell>();
  const points = new Map<string, Map<string, MeasuredCell>>();
  const reasons: Record<string, number> = {};
  let records = 0;

  const cellAt = (map: Map<string, MeasuredCell>, name: string, src: string, dst: string): MeasuredCell => {
    let cell = map.get(name);
    if (!cell) {
      cell = { src, dst, bytes: 0, variance: 0, samples: 0, unelected: 0 };
      map.set(name, cell);
    }
    return cell;
  };

  const batch = createBatch(FLOW_COLUMNS, ROWS_MAX) as FlowBatch;
  const { columns } = batch;
  const takeRow = (row: number) => {
    const reason = columns.countReason[row]!;
    const name = COUNT_REASONS[reason]!;
    reasons[name] = (reasons[name] ?? 0) + 1;
    const isUnelected = reason === COUNT_REASON.unelected;
    const weight = isUnelected ? 1 : columns.weight[row]!;
    if (weight === 0) return;
    const src = enrichment.nameOf(columns.srcApp, row);
    const dst = enrichment.nameOf(columns.dstApp, row);
    const pair = `${src} -> ${dst}`;
    let map = cells;
    if (isUnelected) {
      const bucket = Math.floor(timeAt(columns.flowStart, row) / BUCKET_MS);
      const ends = `${columns.srcVm[2 * row]} ${columns.srcVm[2 * row + 1]} ${columns.dstVm[2 * row]} ${columns.dstVm[2 * row + 1]}`;
      const group = `${bucket} ${ends} ${pair}`;
      map = points.get(group) ?? new Map();
      points.set(group, map);
    }
    const point = isUnelected ? pointOf(columns, row) : pair;
    const cell = cellAt(map, point, src, dst);
    cell.bytes += weight * numberAt(columns.estBytes, row);
    cell.variance += weight * weight * columns.varBytes[row]!;
    cell.samples += numberAt(columns.packets, row);
  };

  const output = {
    batch: batch as unknown as DecodedBatch,
    flush() {
      records += batch.rows;
      enrichment.enrich(batch);
      for (let row = 0; row < batch.rows; row++) takeRow(row);
      // Rows are written into columns that are zero.
      for (const column of Object.values(columns)) column.fill(0);
      batch.rows = 0;
    },
  };
  const decoder = new Decoder(output, { templatesMax: 4096, exportersMax: 1024 });
  for (const { payload, address, port, receivedMs } of datagrams) decoder.decode(payload, address, port, receivedMs);
  output.flush();

  for (const group of points.values()) {
    let largest: MeasuredCell | undefined;
    for (const cell of group.values()) if (!largest || cell.bytes > largest.bytes) largest = cell;
    const { src, dst, bytes, variance, samples } = largest!;
    const cell = cellAt(cells, `${src} -> ${dst}`, src, dst);
    cell.bytes += bytes;
    cell.unelected += bytes;
    cell.variance += variance;
    cell.samples += samples;
  }
  const faults = decoder.context.faults.reduce((sum, count) => sum + count, 0);
  return { records, faults, cells, reasons };
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
