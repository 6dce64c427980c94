// Sampled traffic over many seeds: whether the stated intervals hold the truth as often as they say, by how many samples a
// cell has, and whether totals are unbiased. HAIRPIN_TEST_SEEDS=200 runs the full number.

import { expect, test } from 'vitest';
import { interval } from '../../query-api/estimates/interval.ts';
import { measure } from './harness.ts';
import { scenarioOf } from './scenarios/scenarios.ts';
import { simulate } from './simulate.ts';

const SEEDS = Number(process.env['HAIRPIN_TEST_SEEDS'] ?? 8);
const TIMEOUT_MS = 2000 * SEEDS + 30_000;
const STRATA = [
  { from: 1, to: 3 },
  { from: 3, to: 10 },
  { from: 10, to: 30 },
  { from: 30, to: 100 },
  { from: 100, to: 1000 },
  { from: 1000, to: Number.POSITIVE_INFINITY },
] as const;

interface Coverage {
  readonly strata: readonly { readonly cells: number; readonly inside: number }[];
  /** Sum of estimates over sum of truths. */
  readonly ratio: number;
}

function coverageOf(name: string, sampling: number, loss = 0): Coverage {
  const strata = STRATA.map(() => ({ cells: 0, inside: 0 }));
  let estimated = 0;
  let true_ = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const simulated = simulate(scenarioOf(name), { seed, sampling, loss, pairs: false });
    const { cells } = measure(simulated);
    for (const { src, dst, bytes, expectedSamples } of simulated.truth.applications) {
      const cell = cells.get(`${src} -> ${dst}`);
      estimated += cell?.bytes ?? 0;
      true_ += bytes;
      const stratum = STRATA.findIndex(({ from, to }) => from <= expectedSamples && expectedSamples < to);
      if (!cell || stratum < 0) continue;
      const { ciLow, ciHigh } = interval({ ...cell, value: cell.bytes });
      strata[stratum]!.cells++;
      if (ciLow! <= bytes && bytes <= ciHigh!) strata[stratum]!.inside++;
    }
  }
  return { strata, ratio: estimated / true_ };
}

/** The least share that three standard deviations of chance allow where the true one is `share`. */
const atLeast = (share: number, cells: number) => share - 3 * Math.sqrt((share * (1 - share)) / cells);

test.each([
  ['sampled-sflow', 100],
  ['sampled-ipfix', 4096],
  ['sampled-netflow', 1000],
] as const)(
  '%s, 1 in %i: intervals hold the truth in every stratum, and totals are right',
  { timeout: TIMEOUT_MS },
  (name, sampling) => {
    const { strata, ratio } = coverageOf(name, sampling);
    for (const { cells, inside } of strata) {
      expect(cells).toBeGreaterThan(SEEDS);
      expect(inside / cells).toBeGreaterThan(atLeast(0.94, cells));
    }
    // 19,000 samples a seed of packets with a coefficient of variation of about 0.8.
    const deviation = 1.3 / Math.sqrt(19_000 * SEEDS);
    expect(Math.abs(ratio - 1)).toBeLessThan(3 * deviation + 0.001);
  },
);

test('sFlow with 5 % of its datagrams lost is unbiased as it stands', { timeout: TIMEOUT_MS }, () => {
  const { ratio } = coverageOf('sampled-sflow', 400, 0.05);
  expect(Math.abs(ratio - 1)).toBeLessThan(3 * (1.4 / Math.sqrt(19_000 * SEEDS)) + 0.005);
});
