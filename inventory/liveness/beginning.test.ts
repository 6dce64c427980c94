import { expect, test } from 'vitest';
import { PROTOCOL } from '../../schemas/codes.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import type { LivenessRow } from '../../storage/tables/liveness.ts';
import { keyOf, keyText } from '../model/liveness.ts';
import { type Beginning, liveSince, withBeginning } from './beginning.ts';
import type { Evidence } from './evidence.ts';
import type { Change } from './transitions.ts';

const MINUTE = 60_000;
const SPAN_MS_MAX = 3_600_000;
const { exporters } = exporterRegistryChecker.check('exporter registry', {
  exporters: [1, 2, 3].map(i => ({ address: `192.0.2.${i}`, protocol: 'netflow9' })),
});
const [one, two, three] = exporters.map(keyOf);
const NEVER: Change = { atMs: -SPAN_MS_MAX, state: 'silent' };
/** First seen in minute 10. */
const FIRST: Change = { atMs: 11 * MINUTE, state: 'live' };
const row = (key: typeof one, atMs: number, state: 'live' | 'silent'): LivenessRow => ({
  ...{ ...key!, atMs, state },
  ...{ changedFromMs: 0, changedUntilMs: 0 },
});

function begins(changes: readonly Change[], evidence: Partial<Evidence>, more: Partial<Beginning> = {}) {
  const known = {
    ...{ fromMs: 0, nowMs: 20 * MINUTE, activity: new Map(), recorded: new Map() },
    ...{ receiving: [10 * MINUTE, 11 * MINUTE], liveMs: 10 * MINUTE, firstFlows: () => undefined },
  };
  const beginning = { key: one!, cacheMs: 70_000, neverMs: -SPAN_MS_MAX, silentMs: undefined, recorded: [], ...more };
  return withBeginning(changes, beginning, { ...known, ...evidence }).map(
    ({ atMs, state }) => `${atMs / 1000} ${state}`,
  );
}

test('the first return counts from the earliest flow of its minute on, rounded down, but no further back than a flow cache reaches', () => {
  expect(begins([NEVER, FIRST], { firstFlows: () => 587_654 })).toEqual(['-3600 silent', '580 live']);
  // 10:00 less 70 s of the cache and a minute.
  expect(begins([NEVER, FIRST], { firstFlows: () => 100_000 })).toEqual(['-3600 silent', '470 live']);
  expect(begins([NEVER, FIRST], { firstFlows: () => 700_000 })).toEqual(['-3600 silent', '660 live']);
});

test('where somebody was live before, and after a silence of one that was seen, a return holds from the end of its minute', () => {
  const firstFlows = () => 587_654;
  expect(begins([NEVER, FIRST], { firstFlows, liveMs: 469_000 })).toEqual(['-3600 silent', '660 live']);
  expect(begins([{ atMs: 120_000, state: 'silent' }, FIRST], { firstFlows })).toEqual(['120 silent', '660 live']);
  expect(begins([FIRST], { firstFlows })).toEqual(['660 live']);
  expect(begins([FIRST], { firstFlows }, { silentMs: NEVER.atMs })).toEqual(['580 live']);
});

test('it waits until all of its minute is stored, and what was recorded holds once its flows have expired', () => {
  const firstFlows = () => 587_654;
  expect(begins([NEVER, FIRST], { firstFlows, receiving: [9 * MINUTE] })).toEqual(['-3600 silent']);
  const recorded = [row(one, 580_000, 'live')];
  expect(begins([NEVER, FIRST], {}, { recorded })).toEqual(['-3600 silent', '580 live']);
  expect(begins([NEVER, FIRST], {})).toEqual(['-3600 silent', '660 live']);
});

test('from when anybody was live follows from records seen, or from what was recorded', () => {
  const registrations = exporters.map((entry, i) => ({ key: keyOf(entry), entry, sinceMs: (i + 1) * MINUTE }));
  const spans = [{ firstMs: 0, lastMs: 9 * MINUTE, recordsMs: 8 * MINUTE, lastSeenMs: 0, isLastMixed: false }];
  const seen = new Map([[two!.exporter, [{ ...two!, domain: 0, protocol: PROTOCOL.netflow9, spans }]]]);
  const since = (rows: readonly LivenessRow[], activity: Evidence['activity'] = new Map(), fromMs = 0) =>
    liveSince(registrations, { fromMs, activity, recorded: Map.groupBy(rows, keyText) }, SPAN_MS_MAX) / MINUTE;
  expect(since([])).toBe(Number.POSITIVE_INFINITY);
  expect(since([], seen)).toBe(8);
  // What is not examined may have been seen: one that is not recorded as silent was live from its registration on.
  expect(since([], seen, 2.5 * MINUTE)).toBe(1);
  const never = [row(one, MINUTE - SPAN_MS_MAX, 'silent'), row(two, 0 - SPAN_MS_MAX, 'silent')];
  expect(since(never, seen, 2.5 * MINUTE)).toBe(Number.POSITIVE_INFINITY);
  expect(since([...never, row(two, 5 * MINUTE, 'live')], seen, 2.5 * MINUTE)).toBe(5);
  expect(since([row(three, 7 * MINUTE, 'silent')], new Map())).toBe(3);
});
