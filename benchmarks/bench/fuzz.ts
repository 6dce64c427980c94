// `bench fuzz`: ten million random and mutated datagrams, and floods of a million distinct templates, domains, sources, names,
// agents and unknown data sets beside an honest exporter. Each runs in a process of its own, which collects its garbage
// before it looks at its memory. A decoder that throws, grows by more than a tenth once its tables are full, or loses a
// record of the honest exporter ends the benchmark with an error. Mutants are of built-in datagrams, of captures that are
// named, and else of the corpus of other projects' captures where it is there; the result says which.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Limits, STEPS_PER_DATAGRAM_MAX } from '../../collector/decode/context.ts';
import { Decoder } from '../../collector/decode/decoder.ts';
import type { FlowBatch } from '../../collector/decode/flow-batch.ts';
import { createBatch } from '../../schemas/batch.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { HairpinError } from '../../service/errors.ts';
import { createMutants, FLOODS, honestExporter, type NextDatagram, type Source } from './fuzz-inputs.ts';
import { captureFiles, seedsOf } from './mutant-seeds.ts';
import type { Results } from './results.ts';

/** In the bundle, a file with all that it imports, as threads are. */
const PROGRAM = fileURLToPath(new URL('./fuzz.ts', import.meta.url));

const MUTANTS = 'mutants';
const MUTANTS_SEED = 20200101;
const MiB = 1024 * 1024;
const GROWTH_MAX = 1.1;
/** The honest exporter sends a datagram after so many of the flood. */
const HONEST_EVERY = 10;
/** How often memory is looked at. */
const CHECKS = 20;
/** Share of the datagrams after which it counts: the tables are bounded, and fill slowly. */
const WARM_UP = 0.4;
const EXPIRE_MS = 60_000;

/** `rate`: datagrams a second, for the clock that the decoder is given. Limits are small, for the tables to fill. */
interface Pace {
  readonly rate: number;
  readonly limits: Limits;
}
const FLOOD_PACE: Pace = { rate: 50_000, limits: { templatesMax: 128, exportersMax: 1024 } };
/** What waits for its template is given up after half an hour: by then a third of the datagrams has come. */
const MUTANTS_PACE: Pace = { rate: 2000, limits: { templatesMax: 64, exportersMax: 64 } };

interface Measured {
  readonly datagrams: number;
  readonly records: number;
  readonly honestMissing: number;
  readonly stepsMax: number;
  readonly exporters: number;
  /** MiB in use after garbage collection, when the tables are full and at its highest after that. */
  readonly memoryFirst: number;
  readonly memoryHighest: number;
  readonly cpuSeconds: number;
}

/** `named`: files whose datagrams are mutated besides the built-in ones. */
export function benchFuzz(smoke: boolean, named: readonly string[] = []): Results {
  const captures = named.length > 0 || smoke ? named : captureFiles();
  const names = [MUTANTS, ...Object.keys(FLOODS)];
  const rows = names.map(name => {
    const count = (name === MUTANTS ? 10_000_000 : 1_000_000) / (smoke ? 100 : 1);
    const reported: Measured = JSON.parse(
      execFileSync(
        process.execPath,
        ['--expose-gc', PROGRAM, name, String(count), ...(name === MUTANTS ? captures : [])],
        {
          encoding: 'utf8',
          maxBuffer: 16 * MiB,
        },
      ),
    );
    judge(name, reported, smoke);
    return [
      name === MUTANTS ? 'random and mutated' : FLOODS[name]!.about,
      reported.datagrams.toLocaleString('en'),
      reported.records.toLocaleString('en'),
      name === MUTANTS ? '-' : String(reported.honestMissing),
      reported.stepsMax.toLocaleString('en'),
      String(reported.exporters),
      `${reported.memoryFirst.toFixed(1)} / ${reported.memoryHighest.toFixed(1)}`,
      reported.cpuSeconds.toFixed(1),
    ];
  });
  return {
    name: 'fuzz',
    about: `Hostile datagrams into one decoder; none threw. ${seedsAre(named, captures)} Memory: heap and array buffers after garbage collection, at four tenths of the way, when the tables are full, and highest after it. The honest exporter announced its template before the flood began.`,
    columns: [
      'datagrams of',
      'number',
      'records',
      'honest records missing',
      `most steps a datagram (bound ${STEPS_PER_DATAGRAM_MAX.toLocaleString('en')})`,
      'sources kept',
      'memory MiB',
      'CPU s',
    ],
    rows,
  };
}

function judge(name: string, reported: Measured, smoke: boolean): void {
  const faults = [
    reported.honestMissing !== 0 && `${reported.honestMissing} records of the honest exporter are missing`,
    // A short run still fills its tables.
    !smoke &&
      reported.memoryHighest > reported.memoryFirst * GROWTH_MAX &&
      `memory grew from ${reported.memoryFirst.toFixed(1)} to ${reported.memoryHighest.toFixed(1)} MiB`,
    reported.stepsMax > STEPS_PER_DATAGRAM_MAX && `a datagram took ${reported.stepsMax} steps`,
  ].filter(fault => fault !== false);
  if (faults.length > 0) throw new HairpinError('FUZZ_FAILED', `bench fuzz, ${name}: ${faults.join('; ')}`);
}

function seedsAre(named: readonly string[], captures: readonly string[]): string {
  const builtIn = 'Mutants are of the datagrams of `bench decode`';
  if (captures.length === 0) return `${builtIn} only: the corpus of captures was not used.`;
  const origin = named.length > 0 ? 'named captures' : "captures of the corpus of other projects' captures";
  return `${builtIn} and of ${captures.length} ${origin}, ${(seedsOf(captures).length).toLocaleString('en')} datagrams in all.`;
}

function memoryMiB(): number {
  (globalThis as { gc?: () => void }).gc!();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / MiB;
}

function measure(name: string, count: number, captures: readonly string[]): Measured {
  const output = {
    batch: createBatch(DECODED_COLUMNS, 65536) as unknown as FlowBatch,
    flush() {
      output.batch.rows = 0;
    },
  };
  const { rate, limits } = name === MUTANTS ? MUTANTS_PACE : FLOOD_PACE;
  const decoder = new Decoder(output, limits);
  const honest = honestExporter();
  const source: Source = { address: '203.0.113.66', port: 50_000 };
  const next: NextDatagram = name === MUTANTS ? createMutants(seedsOf(captures), MUTANTS_SEED) : FLOODS[name]!.next(0);
  const start = 1_700_000_000_000;
  decoder.decode(honest.first, '198.51.100.1', 2055, start);
  // Proven before the flood, as an exporter that has been there for a while is.
  decoder.decode(honest.data, '198.51.100.1', 2055, start);

  let records = 0;
  let honestMissing = 0;
  let stepsMax = 0;
  let memoryFirst = 0;
  let memoryHighest = 0;
  let expiredAt = start;
  for (let i = 1; i <= count; i++) {
    const now = start + Math.floor((i * 1000) / rate);
    if (now - expiredAt >= EXPIRE_MS) {
      expiredAt = now;
      decoder.expire(now);
    }
    const datagram = next(source);
    records += decoder.decode(datagram, source.address, source.port, now);
    if (decoder.context.steps > stepsMax) stepsMax = decoder.context.steps;
    if (name !== MUTANTS && i % HONEST_EVERY === 0)
      honestMissing += honest.records - decoder.decode(honest.data, '198.51.100.1', 2055, now);
    if (i % Math.floor(count / CHECKS) !== 0) continue;
    // What reports take along every ten seconds.
    for (const domain of decoder.exporters.domains()) domain.datagrams = 0;
    const memory = memoryMiB();
    if (i < count * WARM_UP) continue;
    if (memoryFirst === 0) memoryFirst = memory;
    memoryHighest = Math.max(memoryHighest, memory);
  }
  const { user, system } = process.cpuUsage();
  return {
    datagrams: count,
    records,
    honestMissing,
    stepsMax,
    exporters: decoder.exporters.size,
    memoryFirst,
    memoryHighest,
    cpuSeconds: (user + system) / 1e6,
  };
}

if (process.argv[1] === PROGRAM) {
  const [, , name, count, ...captures] = process.argv;
  console.log(JSON.stringify(measure(name!, Number(count), captures)));
}
