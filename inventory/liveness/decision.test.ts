import { expect, test } from 'vitest';
import { PROTOCOL } from '../../schemas/codes.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import type { LivenessRow } from '../../storage/tables/liveness.ts';
import { keyOf, keyText } from '../model/liveness.ts';
import { decide } from './decision.ts';
import type { SeenSpan } from './transitions.ts';

const MINUTE = 60_000;
const STEP_MS = 15_000;

/** Minutes in which the exporter sent records, first and last. */
type Burst = readonly [number, number];

/** What is recorded while time goes on: decided every 15 s, each time of the minutes that are over or have begun. */
function play(protocol: 'netflow9' | 'sflow5', bursts: readonly Burst[], minutes: number): LivenessRow[] {
  const given = { exporters: [{ address: '192.0.2.1', protocol }] };
  const entry = exporterRegistryChecker.check('exporter registry', given).exporters[0]!;
  const key = keyOf(entry);
  const written: LivenessRow[] = [];
  for (let nowMs = STEP_MS; nowMs <= minutes * MINUTE; nowMs += STEP_MS) {
    const minute = Math.floor(nowMs / MINUTE);
    const spans = bursts
      .filter(([first]) => first * MINUTE < nowMs)
      .map(([first, last]): SeenSpan => {
        const lastMs = Math.min(last * MINUTE, Math.floor((nowMs - 1) / MINUTE) * MINUTE);
        const lastSeenMs = Math.min(lastMs + 50_000, nowMs);
        return { firstMs: first * MINUTE, lastMs, recordsMs: first * MINUTE, lastSeenMs, isLastMixed: false };
      });
    const byMoment = new Map(written.map(row => [row.atMs, row]));
    const recorded = [...byMoment.values()].filter(({ state }) => state !== 'void').sort((a, b) => a.atMs - b.atMs);
    const rows = decide(
      { key, entry, sinceMs: 0 },
      {
        fromMs: 0,
        nowMs,
        activity: new Map([[key.exporter, [{ ...key, domain: 0, protocol: PROTOCOL[protocol], spans }]]]),
        receiving: Array.from({ length: minute }, (_, i) => i * MINUTE),
        recorded: new Map([[keyText(key), recorded]]),
        ...{ liveMs: 0, firstFlows: () => undefined },
      },
      { spanMsMax: 3_600_000, speed: 1 },
      () => true,
    );
    written.push(...rows);
  }
  return written;
}

const text = (rows: readonly LivenessRow[]) => rows.map(({ atMs, state }) => `${atMs / 1000} ${state}`);
const BURSTS = 12;
/** Seen for ten minutes, then bursts of a length, twelve minutes apart. */
const nightOf = (length: number): Burst[] => [
  [0, 9],
  ...Array.from({ length: BURSTS }, (_, i): Burst => [20 + 12 * i, 20 + 12 * i + length - 1]),
];
const NIGHT_MIN = 20 + 12 * BURSTS;

test.each([1, 2])('bursts of %i minutes of an exporter with a flow cache record nothing while it is silent', length => {
  // Last seen at 9:50, less 70 s of its cache.
  expect(text(play('netflow9', nightOf(length), NIGHT_MIN))).toEqual(['520 silent']);
});

test.each([3, 4, 5])('bursts of %i minutes are returns that hold, and none is recorded that becomes void', length => {
  const states = play('netflow9', nightOf(length), NIGHT_MIN).map(({ state }) => state);
  expect(states).toEqual(['silent', ...Array.from({ length: BURSTS }, () => ['live', 'silent']).flat()]);
});

test('a return is recorded when no silence can take it back any more: it lasts longer than the cache and a minute', () => {
  const rows = play(
    'netflow9',
    [
      [0, 9],
      [20, 40],
    ],
    41,
  );
  expect(text(rows)).toEqual(['520 silent', '1260 live']);
  const { changedFromMs, changedUntilMs } = rows[1]!;
  // Its minute 23 has begun: 70 s before, the return holds. An enricher knows of it a minute later.
  expect([changedFromMs, changedUntilMs].map(ms => ms / 1000)).toEqual([1260, 1395 + 60]);
});

test('bursts that are too close together to be silent between are one return', () => {
  const close: Burst[] = [[0, 9], ...Array.from({ length: 10 }, (_, i): Burst => [20 + 3 * i, 20 + 3 * i])];
  expect(text(play('netflow9', close, 47))).toEqual(['520 silent', '1260 live']);
});

test('an exporter without a flow cache returns at once', () => {
  const rows = play(
    'sflow5',
    [
      [0, 9],
      [20, 40],
    ],
    41,
  );
  expect(text(rows)).toEqual(['590 silent', '1260 live']);
  expect(rows[1]!.changedUntilMs / 1000).toBe(1215 + 60);
});
