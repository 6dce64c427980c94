// The coverage of a whole window, for answers in which a sum of nothing is zero only where everybody is seen.

import type { Rows } from '../sql/tables.ts';
import { COVERAGE_MS_MAX, coverageOfCells } from './advisor.ts';
import type { QuestionContext } from './question.ts';
import { readSeen } from './seen-exporters.ts';

/** Of the pairs of running VMs and the covered time, the share with a live canonical point; null where it is not known. */
export async function overallCoverage(
  { storage, advisor, nowMs }: Pick<QuestionContext, 'storage' | 'advisor' | 'nowMs'>,
  { window, covered, stored }: Rows<unknown>,
): Promise<number | null> {
  const toMs = Math.min(stored.storedUntilMs ?? nowMs, window.toS * 1000);
  const seenIn = await readSeen(storage, { fromMs: (covered?.bounds ?? window).fromS * 1000, toMs });
  return (await coverageOfCells(advisor, '', seenIn, [], COVERAGE_MS_MAX)).overall;
}
