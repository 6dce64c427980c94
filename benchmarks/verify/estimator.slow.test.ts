// 95 % intervals by stratum of expected samples, at many seeds. The table is printed; the shares include cells of which nothing
// was sampled.

import { afterAll, expect, test } from 'vitest';
import { type EstimatorCase, type EstimatorOutcome, estimatorTable, judgeEstimator } from './estimator.ts';

const SEEDS = 300;
const COVERED_MIN = 0.94;
/** The smallest stratum has 3,000 cells: three of its standard deviations are 1.3 %. */
const DEVIATIONS = 3;
const TIMEOUT = { timeout: 300_000 };

const outcomes: EstimatorOutcome[] = [];
afterAll(() => {
  const { columns, rows } = estimatorTable(outcomes);
  console.log([columns, ...rows].map(cells => cells.join(' | ')).join('\n'));
});

function expectCovered(given: EstimatorCase): EstimatorOutcome {
  const outcome = judgeEstimator(given, SEEDS);
  outcomes.push(outcome);
  for (const { expected, cells, covered, seen, seenCovered } of outcome.strata) {
    const least = (of: number) => COVERED_MIN - DEVIATIONS * Math.sqrt((COVERED_MIN * (1 - COVERED_MIN)) / of);
    expect(cells).toBeGreaterThanOrEqual(10 * SEEDS);
    expect(covered / cells, `${expected} samples`).toBeGreaterThanOrEqual(least(cells));
    // Of one sample to be expected, something is sampled in 63 of 100 cells.
    expect(seenCovered / seen, `${expected} samples, seen`).toBeGreaterThanOrEqual(least(seen));
  }
  expect(Math.abs(outcome.bias)).toBeLessThan(0.005);
  return outcome;
}

/** Where the variance is that of the very packets: hardly wider than the normal interval where there are many. */
function expectNarrow({ strata }: EstimatorOutcome, widest: Readonly<Record<number, number>>): void {
  for (const { expected, cells, widths } of strata)
    if (widest[expected] !== undefined) expect(widths / cells, `${expected} samples`).toBeLessThan(widest[expected]);
}

const SFLOW: readonly EstimatorCase[] = [
  { reporting: 'sflow', rate: 100, mix: 'full packets', loss: 0.05 },
  { reporting: 'sflow', rate: 4096, mix: 'two acknowledgements a full packet' },
  { reporting: 'sflow', rate: 100, mix: 'two acknowledgements a full packet', loss: 0.05 },
  { reporting: 'sflow', rate: 4096, mix: '40, 576 and 1500 bytes', loss: 0.05 },
];

test.each(SFLOW)('sFlow 1:$rate, $mix, loss $loss', TIMEOUT, given => {
  expectNarrow(expectCovered(given), { 30: 1.5, 100: 1.3, 300: 1.2, 1000: 1.15 });
});

test.each([
  { reporting: 'records with squares', rate: 100, mix: 'two acknowledgements a full packet' },
  { reporting: 'records with squares', rate: 4096, mix: '40, 576 and 1500 bytes' },
] as const)('IPFIX 1:$rate with sums of squares, $mix', TIMEOUT, given => {
  expectNarrow(expectCovered(given), { 30: 1.5, 100: 1.3, 300: 1.2, 1000: 1.15 });
});

test.each([
  { reporting: 'records', rate: 100, mix: 'full packets' },
  { reporting: 'records', rate: 4096, mix: 'two acknowledgements a full packet' },
  { reporting: 'records', rate: 1000, mix: '40, 576 and 1500 bytes' },
  { reporting: 'records with longest packets', rate: 1000, mix: '40, 576 and 1500 bytes' },
] as const)('$reporting 1:$rate, $mix: an upper bound of the variance', TIMEOUT, given => {
  expectCovered(given);
});

test('one packet in a hundred holds a fifth of the bytes: no fewer are held than promised', TIMEOUT, () => {
  expectCovered({ reporting: 'sflow', rate: 100, mix: 'one full packet in a hundred' });
  expectCovered({ reporting: 'records', rate: 100, mix: 'one full packet in a hundred' });
});
