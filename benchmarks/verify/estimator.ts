// Whether 95 % intervals hold what they promise: synthetic packets, sampled as exporters sample, through the effective
// rate, the estimate and the interval of the product, against the sum of the packets themselves. Each seed is a port with
// cells of every stratum of expected samples; a cell of which nothing was sampled has the interval of nothing seen.

import { SampleSource } from '../../collector/decode/sflow/effective-rate.ts';
import { estimate } from '../../enricher/stages/estimate.ts';
import { compileExporters } from '../../inventory/model/exporter-table.ts';
import { interval, unseenInterval } from '../../query-api/estimates/interval.ts';
import { createBatch } from '../../schemas/batch.ts';
import { RATE_SOURCE } from '../../schemas/codes.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { largestBytesOf } from '../largest.ts';
import { createRandom, type Random } from '../random.ts';

/** Samples to be expected, and cells of a port with so many. No cell has more than a tenth of its port. */
export const STRATA = [
  { expected: 1, cells: 20 },
  { expected: 2, cells: 20 },
  { expected: 3, cells: 20 },
  { expected: 5, cells: 20 },
  { expected: 10, cells: 20 },
  { expected: 20, cells: 20 },
  { expected: 30, cells: 20 },
  { expected: 100, cells: 12 },
  { expected: 300, cells: 12 },
  { expected: 1000, cells: 10 },
] as const;

type Mix = readonly (readonly [bytes: number, share: number])[];

/** Sizes of packets with their shares. */
export const MIXES = {
  'full packets': [[1500, 1]],
  'two acknowledgements a full packet': [
    [64, 2 / 3],
    [1500, 1 / 3],
  ],
  '40, 576 and 1500 bytes': [
    [40, 7 / 12],
    [576, 4 / 12],
    [1500, 1 / 12],
  ],
  'one full packet in a hundred': [
    [64, 0.99],
    [1500, 0.01],
  ],
} as const satisfies Readonly<Record<string, Mix>>;

/** How an exporter samples and what it reports: `squares` is octetDeltaSumOfSquares (198), `longest` maximumIpTotalLength (26). */
export type Reporting = 'sflow' | 'records' | 'records with squares' | 'records with longest packets';

export interface EstimatorCase {
  readonly reporting: Reporting;
  readonly rate: number;
  readonly mix: keyof typeof MIXES;
  /** Share of sFlow datagrams that get lost. */
  readonly loss?: number;
}

/** Of each way of reporting one, those of `bench truth`. */
export const SMALL_CELLS: readonly EstimatorCase[] = [
  { reporting: 'sflow', rate: 100, mix: 'full packets', loss: 0.05 },
  { reporting: 'sflow', rate: 4096, mix: '40, 576 and 1500 bytes', loss: 0.05 },
  { reporting: 'sflow', rate: 100, mix: 'one full packet in a hundred' },
  { reporting: 'records', rate: 4096, mix: 'two acknowledgements a full packet' },
  { reporting: 'records with squares', rate: 4096, mix: '40, 576 and 1500 bytes' },
  { reporting: 'records with longest packets', rate: 1000, mix: '40, 576 and 1500 bytes' },
];

export interface StratumOutcome {
  readonly expected: number;
  cells: number;
  covered: number;
  /** Those of which something was sampled. */
  seen: number;
  seenCovered: number;
  /** Sum over cells of the width over that of a normal interval with the true variance. */
  widths: number;
}

export interface EstimatorOutcome {
  readonly given: EstimatorCase;
  readonly strata: readonly StratumOutcome[];
  /** Of the sum of all estimates, relative. */
  readonly bias: number;
}

interface Cell {
  readonly stratum: number;
  readonly trueBytes: number;
  readonly trueSquares: number;
  /** Sizes of its sampled packets. */
  readonly sampled: number[];
}

interface Port {
  readonly cells: readonly Cell[];
  readonly packets: number;
}

const Z = 1.959964;
const exporters = compileExporters(exporterRegistryChecker.check('exporters', {}));

export function judgeEstimator(given: EstimatorCase, seeds: number): EstimatorOutcome {
  const { reporting, rate, loss = 0 } = given;
  const strata = STRATA.map(
    ({ expected }): StratumOutcome => ({ expected, cells: 0, covered: 0, seen: 0, seenCovered: 0, widths: 0 }),
  );
  let [estimated, truth] = [0, 0];
  for (let seed = 1; seed <= seeds; seed++) {
    const random = createRandom(seed);
    const port = createPort(random, rate, MIXES[given.mix]);
    const sums =
      reporting === 'sflow' ? throughSflow(random, port, rate, loss) : throughRecords(random, port, rate, reporting);
    for (const [i, sum] of sums.entries()) {
      const cell = port.cells[i]!;
      estimated += sum.value;
      truth += cell.trueBytes;
      addCell(strata[cell.stratum]!, cell, sum, rate);
    }
  }
  return { given, strata, bias: estimated / truth - 1 };
}

function addCell(stratum: StratumOutcome, { trueBytes, trueSquares }: Cell, sum: Sum, rate: number): void {
  const unseen = largestBytesOf({ samplingRate: rate, bytes: 0, packets: 0, packetBytesMax: 0 });
  const { ciLow, ciHigh } = sum.samples === 0 ? unseenInterval(unseen) : interval(sum);
  const covered = ciLow! <= trueBytes && trueBytes <= ciHigh! ? 1 : 0;
  stratum.cells++;
  stratum.covered += covered;
  stratum.widths += (ciHigh! - ciLow!) / (2 * Z * Math.sqrt((rate - 1) * trueSquares));
  if (sum.samples === 0) return;
  stratum.seen++;
  stratum.seenCovered += covered;
}

/** As `Table` of benchmarks/bench/results.ts has them: a row a case, a column a stratum. */
export function estimatorTable(outcomes: readonly EstimatorOutcome[]): { columns: string[]; rows: string[][] } {
  const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)} %`;
  return {
    columns: ['exporter, packets', ...STRATA.map(({ expected }) => `${expected}`), 'bias'],
    rows: outcomes.map(({ given: { reporting, rate, mix, loss = 0 }, strata, bias }) => [
      `${reporting} 1:${rate}${loss > 0 ? `, ${percent(loss, 1)} lost` : ''}, ${mix}`,
      ...strata.map(({ covered, cells, widths }) => `${percent(covered, cells)}, ${(widths / cells).toFixed(1)} x`),
      percent(bias, 1),
    ]),
  };
}

function createPort(random: Random, rate: number, mix: Mix): Port {
  let packets = 0;
  const cells = STRATA.flatMap(({ expected, cells: count }, stratum) =>
    Array.from({ length: count }, (): Cell => {
      let [trueBytes, trueSquares] = [0, 0];
      const sampled: number[] = [];
      for (const [bytes, share] of mix) {
        const sent = Math.round(expected * rate * share);
        trueBytes += sent * bytes;
        trueSquares += sent * bytes * bytes;
        packets += sent;
        for (let at = skip(random, rate); at < sent; at += 1 + skip(random, rate)) sampled.push(bytes);
      }
      return { stratum, trueBytes, trueSquares, sampled };
    }),
  );
  return { cells, packets };
}

/** Packets passed over before the next sampled one, each sampled with 1 / rate. */
function skip(random: Random, rate: number): number {
  return Math.floor(Math.log(1 - random.unit()) / Math.log(1 - 1 / rate));
}

interface FlowRecord {
  readonly cell: number;
  readonly bytes: number;
  readonly packets: number;
  readonly sumOfSquares?: number;
  readonly longest?: number;
}

interface Sum {
  value: number;
  variance: number;
  samples: number;
  largest: number;
}

/** What the enricher makes of records, summed by cell. `rateOf` writes the rate of row i. */
function estimateCells(
  cells: number,
  records: readonly FlowRecord[],
  rateOf: (samplingRate: Uint32Array, rateSource: Uint8Array, row: number) => void,
): Sum[] {
  const { columns } = createBatch(FLOW_COLUMNS, records.length);
  records.forEach(({ bytes, packets, sumOfSquares = 0, longest = 0 }, row) => {
    columns.bytes[2 * row] = bytes;
    columns.packets[2 * row] = packets;
    columns.bytesSumOfSquares[2 * row] = sumOfSquares;
    columns.packetBytesMax[row] = longest;
    rateOf(columns.samplingRate, columns.rateSource, row);
  });
  estimate(columns, 0, records.length, new Uint32Array(records.length), exporters);
  const sums = Array.from({ length: cells }, (): Sum => ({ value: 0, variance: 0, samples: 0, largest: 0 }));
  records.forEach(({ cell, bytes, packets, longest = 0 }, row) => {
    const sum = sums[cell]!;
    sum.value += columns.estBytes[2 * row]! + columns.estBytes[2 * row + 1]! * 2 ** 32;
    sum.variance += columns.varBytes[row]!;
    sum.samples += packets;
    const largest = largestBytesOf({
      samplingRate: columns.samplingRate[row]!,
      bytes,
      packets,
      packetBytesMax: longest,
    });
    sum.largest = Math.max(sum.largest, largest);
  });
  return sums;
}

/** All sampled packets of a port, in an order of their own, at random places among its packets. */
function samplesOf(random: Random, port: Port): { cell: number; bytes: number; place: number }[] {
  const samples = port.cells.flatMap(({ sampled }, cell) =>
    sampled.map(bytes => ({ cell, bytes, place: Math.floor(random.unit() * port.packets) })),
  );
  return samples.sort((a, b) => a.place - b.place);
}

const SAMPLES_PER_DATAGRAM = 7;
const PORT_MS = 3_600_000;

/** sFlow: samples in datagrams, of which a share is lost; the pool and the sequence go on. */
function throughSflow(random: Random, port: Port, rate: number, loss: number): Sum[] {
  const source = new SampleSource(0, 0, 0, rate, 0, 0);
  const rates: number[] = [];
  const sources: number[] = [];
  const row = { rate: new Uint32Array(1), source: new Uint8Array(1) };
  let gaps = 0;
  let lost = false;
  const records = samplesOf(random, port).flatMap(({ cell, bytes, place }, i) => {
    if (i % SAMPLES_PER_DATAGRAM === 0) {
      lost = random.unit() < loss;
      if (lost) gaps++;
    }
    if (lost) return [];
    source.see(i + 1, place + 1, 0, rate, Math.floor((place / port.packets) * PORT_MS), gaps);
    source.write(row.rate, row.source, 0);
    rates.push(row.rate[0]!);
    sources.push(row.source[0]!);
    return [{ cell, bytes, packets: 1 }];
  });
  return estimateCells(port.cells.length, records, (samplingRate, rateSource, i) => {
    samplingRate[i] = rates[i]!;
    rateSource[i] = sources[i]!;
  });
}

const RECORD_PACKETS_MAX = 20;

/** Sampled NetFlow and IPFIX: records of one to twenty sampled packets, of whose sizes `reporting` says what is reported. */
function throughRecords(random: Random, port: Port, rate: number, reporting: Reporting): Sum[] {
  const records: FlowRecord[] = [];
  for (const [cell, { sampled }] of port.cells.entries()) {
    const mixed = sampled.map(bytes => ({ bytes, at: random.unit() })).sort((a, b) => a.at - b.at);
    for (let at = 0; at < mixed.length; ) {
      const packets = Math.min(mixed.length - at, 1 + Math.floor(RECORD_PACKETS_MAX * random.unit()));
      const sizes = mixed.slice(at, at + packets).map(packet => packet.bytes);
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      const sumOfSquares = sizes.reduce((sum, size) => sum + size * size, 0);
      records.push({
        cell,
        bytes,
        packets,
        ...(reporting === 'records with squares' && { sumOfSquares }),
        ...(reporting === 'records with longest packets' && { longest: Math.max(...sizes) }),
      });
      at += packets;
    }
  }
  return estimateCells(port.cells.length, records, (samplingRate, rateSource, row) => {
    samplingRate[row] = rate;
    rateSource[row] = RATE_SOURCE.record;
  });
}
