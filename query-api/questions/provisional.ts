// Spans of a window in which values may still change: an exporter was found to have been silent, or to have returned, after
// records of that time were counted, and they are not put right yet; or they cannot be, where their day is refused. No
// address is part of it, so every role may see it.

import type { Storage } from '../../storage/storage.ts';
import { PROVISIONAL_SQL } from '../../storage/tables/liveness.ts';
import type { ProvisionalSpan } from '../answers/answers.ts';
import type { RequestedWindow, Window } from '../sql/window.ts';
import { iso } from './grouped.ts';

/** Spans reported, once those that meet are one; the last one reaches as far as all beyond it. */
export const SPANS_MAX = 16;
const ROWS_MAX = 10_000;

interface SpanRow {
  readonly fromMs: string;
  readonly untilMs: string;
  readonly refused: number;
}

export async function provisionalOf(storage: Storage, { fromMs, toMs }: RequestedWindow): Promise<ProvisionalSpan[]> {
  const rows = await storage.select<SpanRow>(PROVISIONAL_SQL, { from: fromMs, to: toMs, limit: ROWS_MAX });
  const spans = [0, 1].flatMap(refused =>
    joinSpans(
      rows
        .filter(row => row.refused === refused)
        .map(row => ({
          fromMs: Math.max(fromMs, Number(row.fromMs)),
          toMs: Math.min(toMs, Number(row.untilMs)),
        })),
    ).map(span => ({ from: iso(span.fromMs), to: iso(span.toMs), refused: refused === 1 })),
  );
  return spans.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
}

/** The same of a window as it was read. */
export function provisionalIn(storage: Storage, { fromS, toS }: Window): Promise<ProvisionalSpan[]> {
  return provisionalOf(storage, { fromMs: fromS * 1000, toMs: toS * 1000 });
}

/** `spans` ascend. */
function joinSpans(spans: readonly RequestedWindow[]): RequestedWindow[] {
  const joined: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of spans) {
    const last = joined.at(-1);
    if (last && (fromMs <= last.toMs || joined.length >= SPANS_MAX)) last.toMs = Math.max(last.toMs, toMs);
    else joined.push({ fromMs, toMs });
  }
  return joined;
}
