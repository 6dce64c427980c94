// What is to be recorded of a registered exporter: the transitions that the stored minutes give, where they differ from those
// that are recorded. A pure function of both.

import type { LivenessRow } from '../../storage/tables/liveness.ts';
import { keyText } from '../model/liveness.ts';
import { activityOf, hasFlowCache, joinSpans } from './activity.ts';
import { withBeginning } from './beginning.ts';
import type { Evidence } from './evidence.ts';
import type { Registration } from './registrations.ts';
import {
  type Change,
  correctionOf,
  MINUTE_MS,
  mayBeTakenBack,
  type Observed,
  type SeenSpan,
  transitionsOf,
} from './transitions.ts';

/** The active timeout of an exporter of which the registry does not state it. */
export const ACTIVE_TIMEOUT_MS = 60_000;
/** How much later than its active timeout an exporter may report a flow: it looks for those that are due now and then. */
const DUE_MS_MAX = 10_000;
/** Until a decision has reached every enricher, and what they had in work then is stored. */
const SLACK_MS = 60_000;

export interface DecisionSettings {
  /** How long before receipt a flow may have begun. */
  readonly spanMsMax: number;
  /** How much faster than the wall clock the clock of collectors runs: a collector may stamp so far apart what came together. */
  readonly speed: number;
}

/** `isConfirmed` says of a silence that lasts and is not recorded whether it is to be. */
export function decide(
  { key, entry, sinceMs }: Registration,
  evidence: Evidence,
  { spanMsMax, speed }: DecisionSettings,
  isConfirmed: (silence: Change) => boolean,
): LivenessRow[] {
  const seen = activityOf(key, evidence.activity.get(key.exporter) ?? []);
  const spans = joinSpans(seen.map(one => one.spans));
  const { fromMs, neverMs } = beginOf(sinceMs, spans, evidence.fromMs, spanMsMax);
  const all = evidence.recorded.get(keyText(key)) ?? [];
  const isExamined = ({ atMs, state }: Change) => (state === 'live' ? atMs > neverMs : atMs >= neverMs);
  const recorded = all.filter(row => isExamined(row as Change)) as readonly (LivenessRow & Change)[];
  const before = all.findLast(row => !isExamined(row as Change));
  const isSilent = before?.state === 'silent';
  const cacheMs = hasFlowCache(key, seen) ? (timeoutOf(entry) || ACTIVE_TIMEOUT_MS) + DUE_MS_MAX : 0;
  const found = transitionsOf({
    spans,
    receiving: evidence.receiving,
    fromMs,
    isSilent,
    neverMs,
    intervalMs: Math.max(MINUTE_MS, timeoutOf(entry), speed * 1000),
    cacheMs,
  }).filter(isExamined);
  const isNew = (change: Change) => !recorded.some(row => row.atMs === change.atMs && row.state === change.state);
  let last = found.at(-1);
  if (last && isNew(last) && mayBeTakenBack(last, spans.at(-1)!, cacheMs)) found.pop();
  last = found.at(-1);
  if (last?.state === 'silent' && isNew(last) && !isConfirmed(last)) found.pop();
  const silentMs = isSilent ? before.atMs : undefined;
  const beginning = { key, cacheMs, neverMs: sinceMs - spanMsMax, silentMs, recorded };
  const correction = correctionOf(recorded, withBeginning(found, beginning, evidence), isSilent);
  if (!correction) return [];
  const reachedMs = evidence.nowMs + SLACK_MS * speed;
  const changedFromMs = Math.min(correction.fromMs, reachedMs);
  const changedUntilMs = Math.min(correction.untilMs, reachedMs);
  return correction.rows.map(row => ({ ...key, ...row, changedFromMs, changedUntilMs }));
}

/** Where the examined time of an exporter begins, and from when it is silent if it was not seen at all. */
function beginOf(
  sinceMs: number,
  [first]: readonly SeenSpan[],
  examinedFromMs: number,
  spanMsMax: number,
): Pick<Observed, 'fromMs' | 'neverMs'> {
  if (sinceMs <= examinedFromMs) return { fromMs: examinedFromMs, neverMs: examinedFromMs };
  // Flows that are reported from then on may have begun before.
  const fromMs = Math.min(sinceMs, first?.firstMs ?? sinceMs);
  return { fromMs, neverMs: Math.floor(fromMs - spanMsMax) };
}

/** 0 where the registry does not state it. */
export function timeoutOf({ activeTimeoutS = 0 }: Registration['entry']): number {
  return activeTimeoutS * 1000;
}
