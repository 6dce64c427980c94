// The coverage of a whole window, for answers in which a sum of nothing is zero only where everybody is seen.

import type { Rows } from '../sql/tables.ts';
import { COVERAGE_MS_MAX, coverageOfCells } from './advisor.ts';
import type { QuestionContext } from './question.ts';
import { readSeen, seenWindow } from './seen-exporters.ts';

/** Of the pairs of running VMs and the covered time, the share with a live canonical point; null where it is not known. */
export async function overallCoverage(
  { storage, advisor, nowMs }: Pick<QuestionContext, 'storage' | 'advisor' | 'nowMs'>,
  found: Rows<unknown>,
): Promise<number | null> {
  const seenIn = await readSeen(storage, seenWindow(found, nowMs));
  return (await coverageOfCells(advisor, '', seenIn, [], COVERAGE_MS_MAX)).overall;
}
