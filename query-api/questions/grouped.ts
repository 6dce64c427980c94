// What the questions share that group the rows of a window: what an answer states of its window, and its groups as columns
// of a table.

import type { ProvisionalSpan } from '../answers/answers.ts';
import { type Metric, unitOf } from '../answers/metric.ts';
import type { ColumnKinds, FlatRow } from '../http/format-table.ts';
import type { DimensionColumn } from '../sql/dimensions.ts';
import type { Stored } from '../sql/history.ts';
import type { Layer } from '../sql/layer.ts';
import type { Observed } from '../sql/metrics-sql.ts';
import { inBoth, secondsOf } from '../sql/parts.ts';
import type { FoundWindow } from '../sql/tables.ts';
import type { Window } from '../sql/window.ts';
import type { QuestionContext } from './question.ts';

/** Columns of a table that hold an estimate. */
export const ESTIMATE_KINDS = {
  value: 'number',
  ciLow: 'number',
  ciHigh: 'number',
  samples: 'number',
  method: 'text',
} as const;

export function observedOf({ covered }: Pick<FoundWindow, 'covered'>): Observed {
  return covered
    ? { seconds: covered.rateSeconds, closedBuckets: covered.closedBuckets }
    : { seconds: 0, closedBuckets: 0 };
}

interface Asked extends Pick<QuestionContext, 'config' | 'nowMs'> {
  readonly provisional: readonly ProvisionalSpan[];
  readonly metric: Metric;
  readonly layer: Layer;
}

export function aboutWindow(found: FoundWindow, { metric, layer, provisional, config, nowMs }: Asked) {
  const { window, asked, stored, firstS, covered, tables, steady } = found;
  const passedS = secondsOf(inBoth(asked, [{ fromS: window.fromS, toS: nowMs / 1000 }]));
  return {
    from: iso(window.fromS * 1000),
    to: iso(window.toS * 1000),
    resolutionSec: window.resolutionS,
    coveredFrom: covered?.bounds ? iso(covered.bounds.fromS * 1000) : null,
    coveredTo: covered?.bounds ? iso(covered.bounds.toS * 1000) : null,
    coveredSeconds: covered?.seconds ?? 0,
    coveredShare: passedS > 0 ? Math.min(1, (covered?.seconds ?? 0) / passedS) : null,
    ...aboutStored(stored, window, { config, nowMs }),
    recordsSince: firstS === undefined ? null : iso(firstS * 1000),
    metric,
    layer,
    unit: unitOf(metric),
    table: tables.join(' + '),
    provisional: [...provisional],
    steady,
  };
}

/** Whether what an answer does not list of its window is nothing: all of it is covered, and nothing of it may change yet. */
export function isKnown({
  coveredShare,
  steady,
  provisional,
}: {
  readonly coveredShare: number | null;
  readonly steady: boolean;
  readonly provisional: readonly ProvisionalSpan[];
}): boolean {
  return coveredShare === 1 && steady && provisional.length === 0;
}

/** The active timeout that exporters are advised to use: flows longer than this are reported in pieces. */
const ACTIVE_TIMEOUT_MS = 60_000;

/** Until when everything is stored, until when the window is complete, and what waits. */
export function aboutStored(
  { storedUntilMs, waiting }: Stored,
  window: Window,
  { config, nowMs }: Pick<QuestionContext, 'config' | 'nowMs'>,
) {
  return {
    storedUntil: storedUntilMs === undefined ? null : iso(storedUntilMs),
    settledUntil: storedUntilMs === undefined ? null : iso(settledUntil(storedUntilMs, window, { config, nowMs })),
    waiting: waiting ?? null,
  };
}

/** The last bucket that ended an active timeout before the last moment of which everything is stored. */
function settledUntil(
  storedUntilMs: number,
  window: Window,
  { config, nowMs }: Pick<QuestionContext, 'config' | 'nowMs'>,
): number {
  return Math.min(newestSettledMs(storedUntilMs, window.resolutionS, { config, nowMs }), window.toS * 1000);
}

/** End of the newest bucket of so many seconds in which nothing changes any more. */
export function newestSettledMs(
  storedUntilMs: number,
  resolutionS: number,
  { config, nowMs }: Pick<QuestionContext, 'config' | 'nowMs'>,
): number {
  const step = resolutionS * 1000;
  const receivedMs = Math.min(storedUntilMs, nowMs - config.batchAgeMsMax);
  return Math.floor((receivedMs - ACTIVE_TIMEOUT_MS) / step) * step;
}

/** Raw values of the group columns k0, k1 ... of rows. */
export function* rawValues(
  columns: readonly DimensionColumn[],
  rows: readonly { readonly [group: `k${number}`]: string }[],
): Generator<readonly [DimensionColumn, string]> {
  for (const row of rows) for (const [i, column] of columns.entries()) yield [column, row[`k${i}`] || '0'];
}

export function textColumns(columns: readonly DimensionColumn[]): ColumnKinds {
  return Object.fromEntries(
    columns.flatMap(({ name }) => [
      [`${name}Key`, 'text'],
      [name, 'text'],
    ]),
  );
}

/** Key and name of each column; the rest has the name `rest` and no key. */
export function namesOf(columns: readonly DimensionColumn[], keys: readonly { key: string; name: string }[]): FlatRow {
  return Object.fromEntries(
    columns.flatMap(({ name }, i) => [
      [`${name}Key`, keys[i]?.key ?? null],
      [name, keys[i]?.name ?? 'rest'],
    ]),
  );
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
