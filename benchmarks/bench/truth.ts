// `bench truth`: how right volumes are. Two tables are of small networks without any document (truth-cases.ts). Before
// anything is learned the truth must lie within the bounds of the answer; after that the answer must be right within 5 %, or,
// where all exporters sample, hold the truth in its interval as often as it says. A third table is of the intervals of cells
// with few samples (benchmarks/verify/estimator.ts).

import { DocumentError } from '../../schemas/documents.ts';
import { startTestServer } from '../../testing/clickhouse.ts';
import { createQueryHouse } from '../../testing/query-house.ts';
import { type EstimatorOutcome, estimatorTable, judgeEstimator, SMALL_CELLS } from '../verify/estimator.ts';
import { POOLED, type Results, type Table } from './results.ts';
import { CASES, type Case, SMOKE } from './truth-cases.ts';
import { type Answered, KEYS, MINUTES, measureSeeds, type Outcome, PAIRS } from './truth-runs.ts';

/**
 * Chance moves the share of seeds that an interval of 95 % holds: by 1.5 points (a standard error) at 200 seeds, so that of 19
 * cases two or three lie below 94 %; by 0.7 points at 1000.
 */
const SEEDS = 1000;
const SMOKE_SEEDS = 2;
const CELLS_SEEDS = 200;
const SMOKE_CELLS = 2;
const ERROR_MAX = 0.05;
const HOLDS_MIN = 0.94;
/** Cells with so many samples or fewer are small. */
const SMALL_MAX = 30;

export interface TruthOptions {
  readonly seed: number;
  /** Of each sampled network. */
  readonly seeds?: number | undefined;
  /** Names of the networks; all, and the small cells too, when left out. */
  readonly networks?: readonly string[];
}

interface Measured {
  readonly given: Case;
  readonly outcomes: readonly Outcome[];
}

export async function benchTruth(
  smoke: boolean,
  { seed, seeds = smoke ? SMOKE_SEEDS : SEEDS, networks = [] }: TruthOptions,
): Promise<Results> {
  const chosen = networks.length > 0 ? networks : smoke ? SMOKE : CASES.map(({ name }) => name);
  const unknown = chosen.filter(name => CASES.every(given => given.name !== name));
  if (unknown.length > 0)
    throw new DocumentError('command line', [
      { path: '--network', message: `${unknown.join('; ')}: must be of: ${CASES.map(({ name }) => name).join('; ')}` },
    ]);
  const measured = await measureCases(
    CASES.filter(({ name }) => chosen.includes(name)),
    { seed, seeds },
  );
  const [exact, sampled] = [false, true].map(isSampled =>
    measured.filter(({ given }) => given.isSampled === isSampled),
  );
  const small = networks.length > 0 ? [] : SMALL_CELLS.slice(0, smoke ? SMOKE_CELLS : SMALL_CELLS.length);
  const cellsSeeds = smoke ? SMOKE_SEEDS : CELLS_SEEDS;
  const cells = small.map(given => judgeEstimator(given, cellsSeeds));
  const [first, ...further] = [
    ...(exact!.length > 0 ? [exactTable(exact!)] : []),
    ...(sampled!.length > 0 ? [sampledTable(sampled!)] : []),
    ...(cells.length > 0 ? [cellsTable(cells, cellsSeeds)] : []),
  ];
  return {
    name: 'truth',
    ...first!,
    further,
    isPart: networks.length > 0,
    failures: [
      ...measured.flatMap(({ given, outcomes }) => faultsOf(given, outcomes).map(fault => `${given.name}: ${fault}`)),
      // Two seeds of few cells say nothing.
      ...(smoke ? [] : cells.flatMap(cellFaults)),
    ],
  };
}

/** Unsampled cases have no chance in them but the sizes of packets, and run once. */
async function measureCases(
  cases: readonly Case[],
  { seed, seeds }: { readonly seed: number; readonly seeds: number },
): Promise<Measured[]> {
  const server = await startTestServer();
  const nowMs = Date.now();
  try {
    const house = await createQueryHouse(server, 'truth', { nowMs, flows: [], nodes: [] });
    const measured: Measured[] = [];
    for (const given of cases) {
      const some = { seed: seed * 1000, seeds: given.isSampled ? seeds : 1, nowMs };
      measured.push({ given, outcomes: await measureSeeds(house, given, some) });
    }
    await house.api.stop();
    return measured;
  } finally {
    await server.close();
  }
}

const NETWORK = `${PAIRS} pairs of ${KEYS} flow keys for ${MINUTES} minutes. Before: nothing is learned. Learned: minutes of traffic until it was, at the latest.`;

function exactTable(measured: readonly Measured[]): Table {
  return {
    about: `Volumes without any document, unsampled: ${NETWORK} Error: of the value against the bytes that were sent.`,
    columns: ['network', 'before: error', 'within bounds', 'learned', 'after: error', 'method'],
    rows: measured.map(({ given, outcomes }) => [
      given.name,
      percent(errorOf(outcomes, 'before')),
      outcomes.every(({ before, truth }) => holds(before, truth)) ? 'yes' : 'no',
      learnedOf(outcomes),
      percent(errorOf(outcomes, 'after')),
      methodsOf(outcomes),
    ]),
  };
}

function sampledTable(measured: readonly Measured[]): Table {
  const rowOf = (name: string, outcomes: readonly Outcome[]) => [
    name,
    String(outcomes.length),
    percent(errorOf(outcomes, 'before')),
    percent(shareOf(outcomes, ({ before, truth }) => holds(before, truth))),
    learnedOf(outcomes),
    percent(errorOf(outcomes, 'after')),
    percent(shareOf(outcomes, ({ after, truth }) => holds(after, truth))),
    percent(shareOf(outcomes, ({ after, truth }) => after.ciHigh! < truth)),
    percent(shareOf(outcomes, ({ after, truth }) => after.ciLow! > truth)),
    methodsOf(outcomes),
  ];
  const all = measured.flatMap(({ outcomes }) => outcomes);
  return {
    about: `The same where all exporters sample: ${NETWORK} Each seed has packets and samplers of its own. Bounds and 95 % intervals: of how many seeds they held the truth, and for how many it lay above or below. Error: of the mean value against the mean truth.`,
    columns: [
      'network',
      'seeds',
      'before: error',
      'within bounds',
      'learned',
      'after: error',
      'within interval',
      'truth above',
      'below',
      'method',
    ],
    rows: measured.map(({ given, outcomes }) => rowOf(given.name, outcomes)),
    pooled: rowOf(POOLED, all),
  };
}

function cellsTable(outcomes: readonly EstimatorOutcome[], seeds: number): Table {
  return {
    about: `Intervals of small cells, by samples to be expected (columns), at ${seeds} seeds: of how many cells they held the truth, and their width as a multiple of the normal interval with the true variance.`,
    ...estimatorTable(outcomes),
  };
}

function cellFaults({ given: { reporting, rate, mix }, strata }: EstimatorOutcome): string[] {
  return strata
    .filter(({ expected, covered, cells }) => expected <= SMALL_MAX && covered / cells < HOLDS_MIN)
    .map(
      ({ expected, covered, cells }) =>
        `${reporting} 1:${rate}, ${mix}: intervals of ${expected} samples hold the truth in ${percent(covered / cells)}`,
    );
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const holds = ({ ciLow, ciHigh }: Answered, truth: number) => ciLow! <= truth && truth <= ciHigh!;
const shareOf = (outcomes: readonly Outcome[], test: (outcome: Outcome) => boolean) =>
  outcomes.filter(test).length / outcomes.length;
const errorOf = (outcomes: readonly Outcome[], which: 'before' | 'after') => {
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((all, one) => all + of(one), 0);
  return sum(one => one[which].value!) / sum(({ truth }) => truth) - 1;
};
const methodsOf = (outcomes: readonly Outcome[]) => [...new Set(outcomes.map(({ after }) => after.method))].join(', ');

function learnedOf(outcomes: readonly Outcome[]): string {
  const learned = outcomes.map(({ learnedAfter }) => learnedAfter).filter(minute => minute !== undefined);
  if (learned.length === 0) return 'not';
  const latest = `${Math.max(...learned)} min`;
  return learned.length === outcomes.length ? latest : `${latest} in ${percent(learned.length / outcomes.length)}`;
}

/** Of few seeds one may miss. */
const heldOften = (share: number, seeds: number) => share >= Math.min(HOLDS_MIN, 1 - 1 / seeds);

function faultsOf({ isSampled }: Case, outcomes: readonly Outcome[]): string[] {
  const faults: string[] = [];
  const within = shareOf(outcomes, ({ before, truth }) => holds(before, truth));
  if (isSampled ? !heldOften(within, outcomes.length) : within < 1)
    faults.push('the truth is outside the bounds before anything is learned');
  const error = Math.abs(errorOf(outcomes, 'after'));
  if (error > ERROR_MAX) faults.push(`the volume is wrong by ${(100 * error).toFixed(1)} %`);
  const held = shareOf(outcomes, ({ after, truth }) => holds(after, truth));
  if (isSampled && !heldOften(held, outcomes.length))
    faults.push(`the interval holds the truth in ${(100 * held).toFixed(1)} %`);
  return faults;
}
