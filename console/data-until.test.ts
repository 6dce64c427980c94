import { expect, test } from 'vitest';
import type { MatrixAnswer } from '../query-api/questions/matrix.ts';
import { dataUntil, uncovered } from './data-until.ts';
import { formatMoment } from './units.ts';

const NOW = Date.parse('2026-03-01T12:07:30Z');
const iso = (secondsAgo: number) => new Date(NOW - 1000 * secondsAgo).toISOString();
const answer = (fields: Partial<MatrixAnswer>) =>
  ({ to: iso(0), storedUntil: iso(5), waiting: 0, coveredShare: 1, ...fields }) as MatrixAnswer;

test('what waits is said once data are late', () => {
  expect(dataUntil({ storedUntil: null, waiting: 3 }, NOW)).toBe('');
  expect(dataUntil({ storedUntil: iso(12), waiting: 2 }, NOW)).toBe(`data until ${formatMoment(iso(12), NOW)}`);
  expect(dataUntil({ storedUntil: iso(600), waiting: 1234 }, NOW)).toBe(
    `data until ${formatMoment(iso(600), NOW)}, 1,234 batches waiting`,
  );
  expect(dataUntil({ storedUntil: iso(600), waiting: null }, NOW)).toBe(`data until ${formatMoment(iso(600), NOW)}`);
});

test('a figure says when it is of less than its window', () => {
  expect(uncovered(answer({}), NOW)).toBe('');
  expect(uncovered(answer({ storedUntil: iso(600), waiting: 7 }), NOW)).toBe(
    `data until ${formatMoment(iso(600), NOW)}`,
  );
  expect(uncovered(answer({ coveredShare: 0.5 }), NOW)).toBe('50.0 % of the window covered');
  // A window of the past that lies before it is complete, whatever waits.
  expect(uncovered(answer({ storedUntil: iso(600), waiting: 7, to: iso(3600) }), NOW)).toBe('');
});
