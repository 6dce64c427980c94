// What a p95 or a maximum is over: how many closed buckets, whether records last longer than one, whether the noise of
// sampling dominates.

import type { Storage } from '../../storage/storage.ts';
import { ELECTED_SQL, UNELECTED_SQL } from '../../storage/tables/elections.ts';
import type { Ranking } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import type { Method } from '../estimates/interval.ts';
import type { Condition } from '../sql/filter.ts';
import { MEETS_WINDOW } from '../sql/layer.ts';
import { isRanked, isTooFew, NOISE_MAX, P95_BUCKETS_MIN } from '../sql/ranked.ts';
import type { Rows } from '../sql/tables.ts';
import { ACCOUNTING_S_MAX } from './receipt.ts';

/** Null for metrics that add up. */
export async function rankingOf(
  storage: Storage,
  { window, covered }: Rows<unknown>,
  { metric, condition }: { readonly metric: Metric; readonly condition: Condition },
): Promise<Ranking | null> {
  if (!isRanked(metric)) return null;
  const buckets = covered?.closedBuckets ?? 0;
  const longestRecordSec = await longestRecord(storage, window, condition);
  const tooFewBuckets = isTooFew(metric, buckets);
  const invalid = longestRecordSec === null ? null : longestRecordSec > window.resolutionS;
  const warnings: string[] = [];
  if (tooFewBuckets)
    warnings.push(
      metric === 'p95Bps'
        ? `a 95th percentile needs ${P95_BUCKETS_MIN} closed buckets of five minutes, and the window has ${buckets}; choose a longer window`
        : 'a maximum needs a closed bucket of five minutes, and the window has none; choose a longer window',
    );
  if (invalid)
    warnings.push(
      `records last up to ${Math.ceil(longestRecordSec!)} s, longer than a bucket: their bytes are spread evenly, and shorter peaks are missing; set the active timeout of the exporters to 60 s`,
    );
  return { bucketSec: window.resolutionS, buckets, tooFewBuckets, longestRecordSec, invalid, noisy: false, warnings };
}

/** In seconds, of the records that count; an active timeout is the exporter's, so the last hours of a long window show it. */
async function longestRecord(
  storage: Storage,
  { fromS, toS }: Rows<unknown>['window'],
  condition: Condition,
): Promise<number | null> {
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
