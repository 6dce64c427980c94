// Until when the page speaks: everything that collectors received before is stored. Behind it nobody knows, and what waits
// is not traffic that is missing.

import type { MatrixAnswer } from '../query-api/questions/matrix.ts';
import { formatCount, formatMoment, formatShare } from './units.ts';

type Stored = Pick<MatrixAnswer, 'storedUntil' | 'waiting'>;

/** Collectors report every ten seconds: what is older than this is worth a word. */
const LATE_MS = 60_000;
/** Of a window of fifteen minutes, the ten seconds until the next report are more than a hundredth. */
const COVERED_MIN = 0.98;

/** `data until 12:05, 1,234 batches waiting`; empty where no collector says so. */
export function dataUntil({ storedUntil, waiting }: Stored, nowMs = Date.now()): string {
  if (storedUntil === null) return '';
  const isLate = nowMs - Date.parse(storedUntil) > LATE_MS;
  const waits = isLate && waiting !== null && waiting > 0 ? `, ${formatCount(waiting)} batches waiting` : '';
  return `data until ${formatMoment(storedUntil, nowMs)}${waits}`;
}

/** Why a figure says less than its window, in the room of a tile; empty when it does not. */
export function uncovered(answer: MatrixAnswer, nowMs = Date.now()): string {
  const { to, storedUntil, coveredShare } = answer;
  const untilMs = Math.min(nowMs, Date.parse(to));
  if (storedUntil !== null && untilMs - Date.parse(storedUntil) > LATE_MS)
    return dataUntil({ storedUntil, waiting: null }, nowMs);
  return coveredShareOf({ coveredShare });
}

/** Empty where the window is covered, but for the seconds that are under way. */
export function coveredShareOf({ coveredShare }: Pick<MatrixAnswer, 'coveredShare'>): string {
  return coveredShare !== null && coveredShare < COVERED_MIN
    ? `${formatShare(coveredShare)} of the window covered`
    : '';
}
