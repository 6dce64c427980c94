// Puts right what was elected before it was known that an exporter had fallen silent or returned: the spans of flow time of
// all decisions that are not settled are enriched again, in one run, and then the decisions are settled. A run that is killed
// settles nothing, and the next one does the same again (docs/decisions/0012-liveness.md).

import type { ClickHouse } from '../../storage/client.ts';
import { DAY_MS, dayStartS } from '../../storage/days.ts';
import type { FlowSpan } from '../../storage/rewrite/records.ts';
import { type DecidedRow, settleLiveness, unsettledLiveness } from '../../storage/tables/liveness.ts';
import type { PastConfiguration } from './past-knowledge.ts';
import { type DayReport, type ReenrichDependencies, type ReenrichRequest, reenrich } from './reenrich.ts';

/** Spans that a run distinguishes; beyond that the nearest are joined, and more batches are enriched than need be. */
export const SPANS_MAX = 32;
/**
 * Age of the newest decision that is put right: by then every enricher has followed it, and what it had in work before is
 * stored. It is less than what a decision's span reaches beyond the moment at which it was made.
 */
export const DECIDED_S = 30;

/** Resolves to the days, none where nothing is to be put right. Throws what a re-enrichment throws; then nothing is settled. */
export async function repair(
  config: PastConfiguration,
  dependencies: ReenrichDependencies & { readonly decidedS?: number },
): Promise<DayReport[]> {
  const { storage, log, signal, decidedS = DECIDED_S } = dependencies;
  const due = await unsettledLiveness(storage, decidedS);
  if (due.length === 0) return [];
  const changed = spansOf(due);
  const reports = changed.length === 0 ? [] : await reenrich(config, requestFor(changed, config), dependencies);
  if (signal.aborted) return reports;
  const refused = reports.filter(({ outcome }) => outcome === 'refused');
  await settle(storage, due, refused, config);
  log.info(
    { decisions: due.length, days: reports.length, refused: refused.length },
    'put right what silent exporters had counted',
  );
  return reports;
}

function requestFor(changed: readonly FlowSpan[], { spanMsMax, skewMsMax }: PastConfiguration): ReenrichRequest {
  // Days are days of receipt.
  const fromMs = changed[0]!.fromMs - skewMsMax;
  const toMs = changed.at(-1)!.untilMs + spanMsMax;
  return { fromMs, toMs, dryRun: false, changed };
}

/** A refused day concerns the decisions of which it may hold records; the others are put right. */
async function settle(
  storage: ClickHouse,
  due: readonly DecidedRow[],
  refused: readonly DayReport[],
  { spanMsMax, skewMsMax }: PastConfiguration,
): Promise<void> {
  const refusedOf = ({ changedFromMs, changedUntilMs }: DecidedRow) =>
    refused.filter(({ day }) => {
      const fromMs = dayStartS(day) * 1000;
      return changedFromMs - skewMsMax < fromMs + DAY_MS && changedUntilMs + spanMsMax > fromMs;
    });
  const daysOf = (row: DecidedRow) =>
    refusedOf(row)
      .map(({ day }) => day)
      .join();
  for (const rows of Map.groupBy(due, daysOf).values()) {
    const days = refusedOf(rows[0]!);
    const detail = days.map(({ detail }) => detail).join('; ');
    await settleLiveness(storage, rows, { outcome: days.length === 0 ? 'repaired' : 'refused', detail });
  }
}

/** Records that cannot be put right, for a reason that lasts. */
export async function refuseRepair(storage: ClickHouse, detail: string): Promise<void> {
  const due = await unsettledLiveness(storage, 0);
  if (due.length > 0) await settleLiveness(storage, due, { outcome: 'refused', detail });
}

/** The spans of decisions, ascending and apart from each other. */
export function spansOf(rows: readonly DecidedRow[], spansMax = SPANS_MAX): FlowSpan[] {
  const spans: FlowSpan[] = [];
  const ordered = rows
    .map(({ changedFromMs, changedUntilMs }) => ({ fromMs: changedFromMs, untilMs: changedUntilMs }))
    .filter(({ fromMs, untilMs }) => fromMs < untilMs)
    .sort((a, b) => a.fromMs - b.fromMs);
  for (const span of ordered) {
    const last = spans.at(-1);
    if (last && span.fromMs <= last.untilMs) spans[spans.length - 1] = joined(last, span);
    else spans.push(span);
  }
  while (spans.length > spansMax) {
    const gaps = spans.slice(1).map((span, i) => span.fromMs - spans[i]!.untilMs);
    const at = gaps.indexOf(Math.min(...gaps));
    spans.splice(at, 2, joined(spans[at]!, spans[at + 1]!));
  }
  return spans;
}

function joined(a: FlowSpan, b: FlowSpan): FlowSpan {
  return { fromMs: a.fromMs, untilMs: Math.max(a.untilMs, b.untilMs) };
}
