// Whether 95 % intervals hold what they promise: synthetic packets, sampled as exporters sample, through the effective
// rate, the estimate and the interval of the product, against the sum of the packets themselves. 500 ports of 32 cells,
// each port a seed of its own; the shares are printed by stratum of samples.

import { expect, test } from 'vitest';
import { SampleSource } from '../../collector/decode/sflow/effective-rate.ts';
import { estimate } from '../../enricher/stages/estimate.ts';
import { compileExporters } from '../../inventory/model/exporter-table.ts';
import { interval } from '../../query-api/estimates/interval.ts';
import { createBatch } from '../../schemas/batch.ts';
import { RATE_SOURCE } from '../../schemas/codes.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { createRandom, type Random } from '../random.ts';

const SEEDS = 500;
const CELLS = 32;
const STRATA = ['30-100', '100-1000', '>1000'] as const;
type Stratum = (typeof STRATA)[number];

const exporters = compileExporters(exporterRegistryChecker.check('exporters', {}));

/** Sizes of packets with their shares. */
const MIXES: Readonly<Record<string, readonly (readonly [bytes: number, share: number])[]>> = {
  'equal packets': [[1000, 1]],
  'two acknowledgements a full packet': [
    [64, 2 / 3],
    [1500, 1 / 3],
  ],
  'a mix of 40, 576 and 1500 bytes': [
    [40, 7 / 12],
    [576, 4 / 12],
    [1500, 1 / 12],
  ],
};

interface Cell {
  readonly trueBytes: number;
  readonly share: number;
  /** Sizes of its sampled packets. */
  readonly sampled: number[];
}

interface Port {
  readonly cells: readonly Cell[];
  readonly packets: number;
}

/** Cells between 20 and 3,000 expected samples. */
function createPort(random: Random, rate: number, mix: (typeof MIXES)[string]): Port {
  const wanted = Array.from({ length: CELLS }, () => 20 * 150 ** random.unit() * rate);
  const all = wanted.reduce((sum, packets) => sum + packets, 0);
  let packets = 0;
  const cells = wanted.map(cellPackets => {
    let trueBytes = 0;
    const sampled: number[] = [];
    for (const [bytes, share] of mix) {
      const count = Math.round(cellPackets * share);
      trueBytes += count * bytes;
      packets += count;
      for (let at = skip(random, rate); at < count; at += 1 + skip(random, rate)) sampled.push(bytes);
    }
    return { trueBytes, share: cellPackets / all, sampled };
  });
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
  /** octetDeltaSumOfSquares (198), where the exporter sends it. */
  readonly sumOfSquares?: number;
}

interface Sums {
  bytes: number;
  variance: number;
  samples: number;
}

/** What the enricher makes of records, summed by cell. `rateOf` writes the rate of row i. */
function estimateCells(
  records: readonly FlowRecord[],
  rateOf: (samplingRate: Uint32Array, rateSource: Uint8Array, row: number) => void,
): Sums[] {
  const batch = createBatch(FLOW_COLUMNS, records.length);
  const { columns } = batch;
  records.forEach(({ bytes, packets, sumOfSquares = 0 }, row) => {
    columns.bytes[2 * row] = bytes;
    columns.packets[2 * row] = packets;
    columns.bytesSumOfSquares[2 * row] = sumOfSquares;
    rateOf(columns.samplingRate, columns.rateSource, row);
  });
  estimate(columns, 0, records.length, new Uint32Array(records.length), exporters);
  const sums = Array.from({ length: CELLS }, (): Sums => ({ bytes: 0, variance: 0, samples: 0 }));
  records.forEach(({ cell, packets }, row) => {
    const sum = sums[cell]!;
    sum.bytes += columns.estBytes[2 * row]! + columns.estBytes[2 * row + 1]! * 2 ** 32;
    sum.variance += columns.varBytes[row]!;
    sum.samples += packets;
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
function throughSflow(random: Random, port: Port, rate: number, loss: number): Sums[] {
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
  return estimateCells(records, (samplingRate, rateSource, i) => {
    samplingRate[i] = rates[i]!;
    rateSource[i] = sources[i]!;
  });
}

/** Sampled NetFlow and IPFIX: records of one to twenty sampled packets, of whose sizes at most the squares are reported. */
function throughFlowRecords(random: Random, port: Port, rate: number, reportsSquares: boolean): Sums[] {
  const records: FlowRecord[] = [];
  for (const [cell, { sampled }] of port.cells.entries()) {
    const mixed = sampled.map(bytes => ({ bytes, at: random.unit() })).sort((a, b) => a.at - b.at);
    for (let at = 0; at < mixed.length; ) {
      const packets = Math.min(mixed.length - at, 1 + Math.floor(20 * random.unit()));
      const sizes = mixed.slice(at, at + packets).map(packet => packet.bytes);
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      const sumOfSquares = reportsSquares ? sizes.reduce((sum, size) => sum + size * size, 0) : 0;
      records.push({ cell, bytes, packets, sumOfSquares });
      at += packets;
    }
  }
  return estimateCells(records, (samplingRate, rateSource, row) => {
    samplingRate[row] = rate;
    rateSource[row] = RATE_SOURCE.record;
  });
}

interface Tally {
  covered: number;
  cells: number;
}
interface Outcome {
  readonly byStratum: Readonly<Record<Stratum, Tally>>;
  /** Cells below a tenth of the port. */
  readonly small: Readonly<Record<Stratum, Tally>>;
  readonly bias: number;
}

function judge(mix: (typeof MIXES)[string], rate: number, through: (random: Random, port: Port) => Sums[]): Outcome {
  const tallies = () =>
    Object.fromEntries(STRATA.map(name => [name, { covered: 0, cells: 0 }])) as Record<Stratum, Tally>;
  const byStratum = tallies();
  const small = tallies();
  let [estimated, truth] = [0, 0];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = createRandom(seed);
    const port = createPort(random, rate, mix);
    const sums = through(random, port);
    for (const [i, { bytes, variance, samples }] of sums.entries()) {
      const { trueBytes, share } = port.cells[i]!;
      estimated += bytes;
      truth += trueBytes;
      if (samples < 30) continue;
      const stratum = samples <= 100 ? '30-100' : samples <= 1000 ? '100-1000' : '>1000';
      const { ciLow, ciHigh } = interval(bytes, variance, samples);
      const covered = ciLow! <= trueBytes && trueBytes <= ciHigh! ? 1 : 0;
      for (const tally of share < 0.1 ? [byStratum, small] : [byStratum]) {
        tally[stratum].covered += covered;
        tally[stratum].cells++;
      }
    }
  }
  return { byStratum, small, bias: estimated / truth - 1 };
}

function print(name: string, { byStratum, small, bias }: Outcome): void {
  const percent = ({ covered, cells }: Tally) => `${((100 * covered) / cells).toFixed(1)} % of ${cells}`;
  const strata = STRATA.map(stratum => `${stratum}: ${percent(byStratum[stratum])}`).join(', ');
  const below = STRATA.map(stratum => percent(small[stratum])).join(', ');
  console.log(`${name}: ${strata}; below a tenth of the port ${below}; bias of totals ${(100 * bias).toFixed(2)} %`);
}

const shareOf = ({ covered, cells }: Tally) => covered / cells;

/** Where the variance is that of the very packets: at least 93 % of all cells, and at most 97 % of small ones. */
function expectCovered({ byStratum, small, bias }: Outcome): void {
  for (const stratum of STRATA) {
    expect(shareOf(byStratum[stratum])).toBeGreaterThanOrEqual(0.93);
    expect(shareOf(small[stratum])).toBeGreaterThanOrEqual(0.93);
    expect(shareOf(small[stratum])).toBeLessThanOrEqual(0.97);
  }
  expect(Math.abs(bias)).toBeLessThan(0.005);
}

test.each([
  { mix: 'equal packets', rate: 100, loss: 0.05 },
  { mix: 'two acknowledgements a full packet', rate: 4096, loss: 0 },
  { mix: 'two acknowledgements a full packet', rate: 100, loss: 0.05 },
  { mix: 'a mix of 40, 576 and 1500 bytes', rate: 4096, loss: 0.05 },
])(
  'sFlow 1:$rate, $mix, loss $loss: 93 to 97 % of small cells are covered',
  ({ mix, rate, loss }) => {
    const outcome = judge(MIXES[mix]!, rate, (random, port) => throughSflow(random, port, rate, loss));
    print(`sFlow 1:${rate}, ${mix}, loss ${100 * loss} %`, outcome);
    expectCovered(outcome);
  },
  180_000,
);

test.each(Object.keys(MIXES).map((mix, i) => ({ mix, rate: i === 0 ? 100 : 4096 })))(
  'NetFlow 1:$rate, $mix: its upper bound of the variance covers at least 93 %',
  ({ mix, rate }) => {
    const outcome = judge(MIXES[mix]!, rate, (random, port) => throughFlowRecords(random, port, rate, false));
    print(`NetFlow 1:${rate}, ${mix}`, outcome);
    for (const stratum of STRATA) expect(shareOf(outcome.byStratum[stratum])).toBeGreaterThanOrEqual(0.93);
    expect(Math.abs(outcome.bias)).toBeLessThan(0.005);
  },
  180_000,
);

test.each([
  { mix: 'two acknowledgements a full packet', rate: 100 },
  { mix: 'a mix of 40, 576 and 1500 bytes', rate: 4096 },
])(
  'IPFIX 1:$rate with sums of squares, $mix: 93 to 97 % of small cells are covered',
  ({ mix, rate }) => {
    const outcome = judge(MIXES[mix]!, rate, (random, port) => throughFlowRecords(random, port, rate, true));
    print(`IPFIX 1:${rate} with sums of squares, ${mix}`, outcome);
    expectCovered(outcome);
  },
  180_000,
);
