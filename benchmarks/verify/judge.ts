// Judges answers of an API by the truth, version 2: the matrix with its intervals by number of samples, totals, the
// names of each minute around a change, and the pairs that coverage must name as invisible. Pure: verify.ts asks.

import type { TruthV2 } from '../simulation/truth.ts';
import type { Comparison, MatrixAnswer, MatrixTruth } from './comparison.ts';

/** The part of the truth that a matrix is compared with: what some live exporter was passed. */
export function matrixTruthOf(truth: TruthV2): MatrixTruth {
  const lostBytes = truth.exporters.reduce((sum, exporter) => sum + exporter.lostBytes, 0);
  return {
    from: truth.from,
    to: truth.to,
    applications: truth.applications
      .map(({ bytes, unseenBytes, ...cell }) => ({ ...cell, bytes: bytes - unseenBytes }))
      .filter(({ bytes }) => bytes > 0),
    lostBytes,
  };
}

export interface Verdict {
  readonly holds: boolean;
  readonly lines: readonly string[];
}

const STRATA = [
  { name: '1 to 3', from: 1, to: 3 },
  { name: '3 to 10', from: 3, to: 10 },
  { name: '10 to 30', from: 10, to: 30 },
  { name: '30 to 100', from: 30, to: 100 },
  { name: '100 to 1,000', from: 100, to: 1000 },
  { name: 'above 1,000', from: 1000, to: Number.POSITIVE_INFINITY },
] as const;
const COVERAGE_MIN = 0.94;
/** A cell with more of a port may have an interval wider than needed. */
const SHARE_MAX = 0.1;
const DEVIATIONS = 3;

/** Sampled cells by the samples that were to be expected; few cells may miss by chance. */
export function judgeStrata(truth: TruthV2, { cells }: Comparison): Verdict {
  const lines: string[] = [];
  let holds = true;
  const found = new Map(cells.map(cell => [`${cell.src}\n${cell.dst}`, cell]));
  for (const { name, from, to } of STRATA) {
    const sampled = truth.applications.filter(
      ({ samplingRate, expectedSamples }) => samplingRate > 1 && from <= expectedSamples && expectedSamples < to,
    );
    if (sampled.length === 0) continue;
    const inside = sampled.filter(({ src, dst }) => found.get(`${src}\n${dst}`)?.holds).length;
    const small = sampled.filter(({ portShare }) => portShare < SHARE_MAX).length;
    const chance = DEVIATIONS * Math.sqrt((COVERAGE_MIN * (1 - COVERAGE_MIN)) / sampled.length);
    const enough = inside / sampled.length >= COVERAGE_MIN - chance;
    holds &&= enough;
    lines.push(
      `verify: ${name} samples: ${inside} of ${sampled.length} cells in their interval${enough ? '' : ', too few'}; ${small} hold less than a tenth of each port`,
    );
  }
  return { holds, lines };
}

/** Sums of all cells; sampled ones by four standard deviations of their number of samples. */
export function judgeTotal(truth: MatrixTruth, { cells }: Pick<MatrixAnswer, 'cells'>): Verdict {
  const expected = truth.applications.reduce((sum, { bytes }) => sum + bytes, 0);
  const measured = cells.reduce((sum, { value }) => sum + Number(value), 0);
  const samples = truth.applications.reduce((sum, { packets, samplingRate }) => sum + packets / samplingRate, 0);
  const sampled = truth.applications.some(({ samplingRate }) => samplingRate > 1);
  const ratio = expected === 0 ? 1 : measured / expected;
  const lost = expected === 0 ? 0 : (truth.lostBytes ?? 0) / expected;
  // Packet sizes of one cell differ by a factor; 1.3 is more than any mix here has.
  const allowed = sampled ? 0.005 + (4 * 1.3) / Math.sqrt(Math.max(1, samples)) : 0;
  const holds = ratio - 1 <= allowed && 1 - ratio <= allowed + lost;
  return {
    holds,
    lines: [`verify: total ${measured} of ${expected} B, ratio ${ratio.toFixed(4)}${holds ? '' : ': does not hold'}`],
  };
}

/**
 * The names of one minute: those of the truth and no other. A record that lasts longer than its minute reports nothing of
 * when its packets passed, so names of the minutes beside it may be there.
 */
export function judgeMinute(truth: TruthV2, start: string, { cells }: MatrixAnswer): Verdict {
  const atMs = Date.parse(start);
  const namesAt = (ms: number) =>
    truth.minutes.filter(minute => Date.parse(minute.start) === ms).map(({ src, dst }) => `${src} -> ${dst}`);
  const wanted = new Set(namesAt(atMs));
  const near = new Set([...namesAt(atMs - 60_000), ...namesAt(atMs + 60_000)]);
  const reported = new Set(
    cells.filter(({ value }) => Number(value) > 0).map(({ src, dst }) => `${src.name} -> ${dst.name}`),
  );
  const missing = [...wanted].filter(name => !reported.has(name) && !near.has(name));
  const surplus = [...reported].filter(name => !wanted.has(name) && !near.has(name));
  return {
    holds: missing.length === 0 && surplus.length === 0,
    lines: [
      ...missing.map(name => `verify: ${start}: ${name} is missing`),
      ...surplus.map(name => `verify: ${start}: ${name} is not true`),
    ],
  };
}

/** The part of the answer about coverage that is compared. */
export interface CoverageAnswer {
  readonly invisible?: readonly { readonly src: PairEnd; readonly dst: PairEnd }[];
}
type PairEnd = string | { readonly name: string };

const PAIRS_SHOWN_MAX = 10;

/** Pairs that nobody can see at the end of the window, as the API names them. Those that cannot talk do not matter. */
export function judgeCoverage(truth: TruthV2, answer: CoverageAnswer | undefined): Verdict {
  const endMs = Math.max(0, ...[...truth.invisible, ...truth.unreachable].map(({ to }) => Date.parse(to)));
  const atEnd = (pairs: TruthV2['invisible']) =>
    new Set(pairs.filter(({ to }) => Date.parse(to) === endMs).map(({ src, dst }) => `${src} -> ${dst}`));
  const wanted = atEnd(truth.invisible);
  const unreachable = atEnd(truth.unreachable);
  if (!answer?.invisible)
    return wanted.size === 0
      ? { holds: true, lines: [] }
      : { holds: false, lines: [`verify: ${wanted.size} pairs are invisible, and the API does not say which`] };
  const nameOf = (end: PairEnd) => (typeof end === 'string' ? end : end.name);
  const reported = new Set(answer.invisible.map(({ src, dst }) => `${nameOf(src)} -> ${nameOf(dst)}`));
  const missing = [...wanted].filter(name => !reported.has(name));
  const surplus = [...reported].filter(name => !wanted.has(name) && !unreachable.has(name));
  const holds = missing.length === 0 && surplus.length === 0;
  return {
    holds,
    lines: [
      `verify: ${wanted.size - missing.length} of ${wanted.size} invisible pairs are named${holds ? '' : `; ${missing.length} missing, ${surplus.length} surplus`}`,
      ...[...missing.map(name => `  missing ${name}`), ...surplus.map(name => `  surplus ${name}`)].slice(
        0,
        PAIRS_SHOWN_MAX,
      ),
    ],
  };
}
