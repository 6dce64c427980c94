// What a percentile or a maximum is over: how many closed buckets, whether records last longer than one, whether the noise of
// sampling dominates.

import type { Storage } from '../../storage/storage.ts';
import { ELECTED_SQL, UNELECTED_SQL } from '../../storage/tables/elections.ts';
import type { Ranking } from '../answers/answers.ts';
import { type Metric, percentileOf } from '../answers/metric.ts';
import type { Method } from '../estimates/interval.ts';
import type { Covered } from '../sql/covered.ts';
import type { Condition } from '../sql/filter.ts';
import { MEETS_WINDOW } from '../sql/layer.ts';
import { inBoth, secondsOf } from '../sql/parts.ts';
import { bucketsMin, isTooFew, NOISE_MAX } from '../sql/ranked.ts';
import type { FoundWindow } from '../sql/tables.ts';
import type { Window } from '../sql/window.ts';
import { ACCOUNTING_S_MAX } from './receipt.ts';

/** Null for metrics that add up. */
export async function rankingOf(
  storage: Storage,
  { window, covered }: Pick<FoundWindow, 'window' | 'covered'>,
  { metric, condition }: { readonly metric: Metric; readonly condition: Condition },
): Promise<Ranking | null> {
  const percentile = percentileOf(metric);
  if (percentile === undefined) return null;
  const buckets = covered?.closedBuckets ?? 0;
  const longestRecordSec = await longestRecord(storage, window, condition);
  const tooFewBuckets = isTooFew(metric, buckets);
  const invalid = longestRecordSec === null ? null : longestRecordSec > window.resolutionS;
  const warnings: string[] = [];
  if (tooFewBuckets)
    warnings.push(
      percentile < 100
        ? `the percentile ${percentile} needs ${bucketsMin(percentile)} closed buckets of five minutes, and the window has ${buckets}; choose a longer window`
        : 'a maximum needs a closed bucket of five minutes, and the window has none; choose a longer window',
    );
  if (invalid)
    warnings.push(
      `records last up to ${Math.ceil(longestRecordSec!)} s, longer than a bucket: their bytes are spread evenly, and shorter peaks are missing; set the active timeout of the exporters to 60 s`,
    );
  const left = covered ? leftOut(covered, window.resolutionS) : 0;
  if (left > 0)
    warnings.push(
      `${left} closed buckets since the first covered one are not ranked: less than a fifth of them is covered, because no collector was receiving`,
    );
  return { bucketSec: window.resolutionS, buckets, tooFewBuckets, longestRecordSec, invalid, noisy: false, warnings };
}

/** Closed buckets behind the first covered one that are not ranked. */
function leftOut({ asked, bounds, closedBeforeS, closedBuckets }: Covered, step: number): number {
  if (!bounds) return 0;
  const closed = inBoth(asked, [{ fromS: Math.floor(bounds.fromS / step) * step, toS: closedBeforeS }]);
  return secondsOf(closed) / step - closedBuckets;
}

/** In seconds, of the records that count; an active timeout is the exporter's, so the last hours of a long window show it. */
async function longestRecord(storage: Storage, { fromS, toS }: Window, condition: Condition): Promise<number | null> {
  const [row] = await storage.select<{ records: string; ms: string }>(
    `SELECT count() AS records, max(dateDiff('millisecond', flowStart, flowEnd)) AS ms
    FROM flows WHERE (${ELECTED_SQL} OR ${UNELECTED_SQL}) AND ${MEETS_WINDOW} AND ${condition.sql}`,
    { ...condition.params, windowFrom: Math.max(fromS, toS - ACCOUNTING_S_MAX), windowTo: toS },
  );
  return row && Number(row.records) > 0 ? Math.max(0, Number(row.ms)) / 1000 : null;
}

/** Adds what the total shows of noise. */
export function withNoise(ranking: Ranking | null, total: { readonly method: Method }): Ranking | null {
  if (ranking === null || total.method !== 'noisy') return ranking;
  const warning = `the median bucket scatters by more than ${NOISE_MAX * 100} % of its size: sampling raises the value; choose a higher sampling rate or a larger group`;
  return { ...ranking, noisy: true, warnings: [...ranking.warnings, warning] };
}
